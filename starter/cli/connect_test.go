package cli_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/starter/cli"
)

const connectable = "17841400000000006"

// connectSandbox is a simulated Meta with an account that waits to be connected, and the
// settings of a command line beside it. It returns the accounts folder.
func connectSandbox(t *testing.T) (folder string) {
	t.Helper()
	t.Chdir(t.TempDir()) // no state folder of `starter dev` here
	app := meta.App{FacebookID: "240000000000001", FacebookSecret: "facebook-secret", InstagramID: "240000000000009", InstagramSecret: "instagram-secret"}
	sandbox := meta.New(meta.Config{App: app, Accounts: []meta.Account{
		{Platform: privatereply.Instagram, ID: connectable, Name: "lamp.post", Login: privatereply.LoginInstagram, AppSecret: app.InstagramSecret, Unconnected: true},
		{Platform: privatereply.Facebook, ID: "100000000000005", Name: "Fern Gate Page", AppSecret: app.FacebookSecret, Unconnected: true},
	}})
	server := httptest.NewServer(sandbox)
	t.Cleanup(server.Close)
	t.Cleanup(sandbox.Close)
	folder = filepath.Join(t.TempDir(), "accounts")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"ACCOUNTS": folder, "GRAPH_FACEBOOK_URL": server.URL + "/facebook", "GRAPH_INSTAGRAM_URL": server.URL + "/instagram",
		"FACEBOOK_APP_ID": app.FacebookID, "FACEBOOK_APP_SECRET": app.FacebookSecret, "FACEBOOK_LOGIN_URL": server.URL + "/login/facebook",
		"INSTAGRAM_APP_ID": app.InstagramID, "INSTAGRAM_APP_SECRET": app.InstagramSecret,
		"INSTAGRAM_LOGIN_URL": server.URL + "/login/instagram", "INSTAGRAM_TOKEN_URL": server.URL + "/login/instagram",
	} {
		t.Setenv("PRIVATEREPLY_"+name, value)
	}
	return folder
}

// lockedBuffer is output that is read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// runConnect runs `starter connect` while a person answers Meta's dialog, and returns what it
// printed and its exit code.
func runConnect(t *testing.T, answer url.Values, args ...string) (out string, code int) {
	t.Helper()
	var stdout lockedBuffer
	done := make(chan int, 1)
	go func() {
		done <- cli.Main(append([]string{"connect", "--listen", "127.0.0.1:0"}, args...), strings.NewReader(""), &stdout, &stdout)
	}()
	dialog := regexp.MustCompile(`http://127\.\S*/login/\S+`)
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		select {
		case code := <-done: // it refused before it waited
			return stdout.String(), code
		default:
		}
		if address := dialog.FindString(stdout.String()); address != "" {
			answerDialog(t, address, answer)
			break
		}
		if time.Now().After(end) {
			t.Fatalf("no address was printed:\n%s", stdout.String())
		}
	}
	code = <-done
	return stdout.String(), code
}

// answerDialog sends Meta's dialog back as a browser does, and follows where it leads.
func answerDialog(t *testing.T, address string, answer url.Values) {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	for _, step := range []func() (*http.Response, error){
		func() (*http.Response, error) { return browser.Get(address) },
		func() (*http.Response, error) { return browser.PostForm(address, answer) },
	} {
		resp, err := step()
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
}

// everythingGranted is the answer of a person who allows everything.
var everythingGranted = url.Values{"decision": {"approve"}, "account": {connectable}, "permission": {
	"instagram_business_basic", "instagram_business_manage_comments", "instagram_business_manage_messages"}}

// An account that somebody allows at Meta is in the folder afterwards, and nothing of it when
// it is disconnected again. No output holds its token.
func TestConnect(t *testing.T) {
	folder := connectSandbox(t)
	out, code := runConnect(t, everythingGranted, "--login", "instagram")
	if code != 0 || !strings.Contains(out, "instagram "+connectable+" lamp.post is connected") {
		t.Fatalf("exit code %d:\n%s", code, out)
	}
	files, err := filepath.Glob(filepath.Join(folder, "connected", "instagram-"+connectable+".*"))
	if err != nil || len(files) != 2 {
		t.Fatalf("the folder has %v of the account, %v", files, err)
	}
	token, err := os.ReadFile(filepath.Join(folder, "connected", "instagram-"+connectable+".token"))
	if err != nil {
		t.Fatal(err)
	}
	secret := regexp.MustCompile(`IG\w{10,}`).FindString(string(token))
	if secret == "" || strings.Contains(out, secret) {
		t.Errorf("the token %q is not in its file, or was printed", secret)
	}

	var again lockedBuffer
	if code := cli.Main([]string{"connect", "--disconnect", connectable}, strings.NewReader(""), &again, &again); code != 0 || !strings.Contains(again.String(), "its token is gone") {
		t.Fatalf("exit code %d:\n%s", code, again.String())
	}
	if files, _ := filepath.Glob(filepath.Join(folder, "connected", "*"+connectable+"*")); len(files) > 0 {
		t.Errorf("disconnecting left %v", files)
	}
}

// What cannot be connected is said in words, with what to do, and nothing is written.
func TestConnectRefused(t *testing.T) {
	tests := []struct {
		name   string
		answer url.Values
		args   []string
		want   string
	}{
		{"which login", nil, nil, "--login: write facebook or instagram"},
		{"not a login", nil, []string{"--login", "threads"}, `"threads" is not a login`},
		{"the person declines", url.Values{"decision": {"decline"}}, []string{"--login", "instagram"}, "log"},
		{"not among what the login reaches", everythingGranted,
			[]string{"--login", "instagram", "--account", "12"}, "the login does not reach 12"},
		{"a permission is missing", url.Values{"decision": {"approve"}, "account": {connectable}, "permission": {"instagram_business_basic"}},
			[]string{"--login", "instagram", "--account", "12"}, "did not grant instagram_business_manage_comments: "},
		{"nothing to disconnect", nil, []string{"--disconnect", "12"}, "12"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			folder := connectSandbox(t)
			out, code := runConnect(t, tt.answer, tt.args...)
			if code == 0 || !strings.Contains(out, tt.want) {
				t.Errorf("exit code %d:\n%s\nwant %q", code, out, tt.want)
			}
			if files, _ := filepath.Glob(filepath.Join(folder, "connected", "*-*")); len(files) > 0 {
				t.Errorf("it left %v", files)
			}
		})
	}
}

package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.temporal.io/api/workflowservice/v1"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/visibility"
	"github.com/privatereply/privatereply/lab/harness"
	"github.com/privatereply/privatereply/lab/harness/harnesstest"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/workflows"
)

// appUser is the app-scoped id of the person who connected the account of connectedAccount.
const appUser = "26000000000000001"

// leaving is the product with one account that was connected.
type leaving struct {
	*harness.Product
	t      *testing.T
	folder string
}

// Whoever connected an account leaves by Meta: nothing of it stays in the folder, what a
// rule would still send is rejected, the public page says when that is done, and nobody is
// named. A forged or an old request starts nothing, and one that comes again is the same.
func TestLeaving(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	connectedAccount(t, folder)
	l := &leaving{t: t, folder: folder, Product: harnesstest.New(t, harness.Config{
		AccountsFile: folder, VerifyToken: verifyToken, Workers: 1, Bridges: 1, Rules: strings.Replace(rulesYAML, "prices\"\n", "prices\"\n    hold: 1h\n", 1),
		Meta: meta.Config{
			App: meta.App{InstagramID: "22", InstagramSecret: instagramSecret},
			Accounts: []meta.Account{{
				Platform: privatereply.Instagram, ID: instagramLogin, Name: "Oak Corner", Login: privatereply.LoginInstagram,
				Token: instagramToken, InstagramAppSecret: instagramSecret,
			}},
		},
	})}
	harnesstest.Start(t, l.Workers, l.Bridges)
	if err := l.Subscribe(t.Context()); err != nil {
		t.Fatal(err)
	}
	comment, err := l.Sandbox.Comment(meta.NewComment{Account: instagramLogin, Username: "somebody", Text: "What is the price?"})
	if err != nil {
		t.Fatal(err)
	}
	reply, err := privatereply.ReplyID(privatereply.Comment{Platform: privatereply.Instagram, Account: instagramLogin, CommentID: comment})
	if err != nil {
		t.Fatal(err)
	}
	l.await("the held reply", func() error {
		row, err := l.Replies.Row(t.Context(), reply)
		if err == nil && row.State != privatereply.Holding {
			err = fmt.Errorf("it is %q", row.State)
		}
		return err
	})

	issued := func(ago time.Duration) string {
		return fmt.Sprintf(`{"algorithm":"HMAC-SHA256","issued_at":%d,"user_id":%q}`, time.Now().Add(-ago).Unix(), appUser)
	}
	for name, forged := range map[string]string{
		"signed by somebody else": meta.SignRequest("guess", []byte(issued(0))),
		"two days old":            meta.SignRequest(instagramSecret, []byte(issued(48*time.Hour))),
		"of tomorrow":             meta.SignRequest(instagramSecret, []byte(issued(-24*time.Hour))),
	} {
		for _, path := range []string{"/deauthorize", "/data-deletion"} {
			if status, body := l.post(path, forged); status != http.StatusForbidden {
				t.Errorf("%s, to %s: %d %s", name, path, status, body)
			}
		}
	}
	if files := l.files(); len(files) != 2 {
		t.Fatalf("the folder has %q", files)
	}

	request := meta.SignRequest(instagramSecret, []byte(issued(time.Minute)))
	status, body := l.post("/data-deletion", request)
	var answer struct {
		URL  string `json:"url"`
		Code string `json:"confirmation_code"`
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil || status != http.StatusOK {
		t.Fatalf("%d %s: %v", status, body, err)
	}
	l.await("the public page", func() error {
		status, page := l.do(http.MethodGet, answer.URL, "")
		if strings.Contains(page, appUser) {
			t.Errorf("the page names the person:\n%s", page)
		}
		if status != http.StatusOK || !strings.Contains(page, "Data deletion: Done") {
			return fmt.Errorf("%d %s", status, page)
		}
		return nil
	})
	if files := l.files(); len(files) != 0 {
		t.Errorf("the folder still has %q", files)
	}
	got, err := l.Replies.Status(t.Context(), reply)
	if err != nil || got.State != privatereply.Rejected || got.Reason != privatereply.AccountDisconnected {
		t.Errorf("the reply is %s: %s, %v", got.State, got.Reason, err)
	}
	if delivered, _ := l.Sandbox.CommentReport(comment); len(delivered.Delivered) > 0 {
		t.Error("the reply was sent all the same")
	}

	if status, again := l.post("/data-deletion", request); status != http.StatusOK || again != body {
		t.Errorf("once more: %d %s, and first %s", status, again, body)
	}
	n, err := l.Client.CountWorkflow(t.Context(), &workflowservice.CountWorkflowExecutionsRequest{
		Query: visibility.Equals(visibility.WorkflowType, workflows.ErasureType).String(),
	})
	if err != nil || n.GetCount() != 1 {
		t.Errorf("%d erasures were started, %v", n.GetCount(), err)
	}
	if seen := scanHistories(t, l.Client, []string{appUser, instagramToken, instagramSecret, request}); seen < 2 {
		t.Errorf("only %d workflows were looked at", seen)
	}
}

// files are what the folder has of connected accounts.
func (l *leaving) files() []string {
	l.t.Helper()
	all, err := filepath.Glob(filepath.Join(l.folder, "connected", "*"))
	if err != nil {
		l.t.Fatal(err)
	}
	var files []string
	for _, path := range all {
		if !strings.HasPrefix(filepath.Base(path), ".") {
			files = append(files, path)
		}
	}
	return files
}

// post sends a signed request to the bridge as Meta does.
func (l *leaving) post(path, signedRequest string) (status int, body string) {
	l.t.Helper()
	return l.do(http.MethodPost, l.WebhookURL+path, url.Values{"signed_request": {signedRequest}}.Encode())
}

func (l *leaving) do(method, address, body string) (status int, answer string) {
	l.t.Helper()
	r, err := http.NewRequestWithContext(l.t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		l.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		l.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		l.t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

func (l *leaving) await(what string, check func() error) {
	l.t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(200 * time.Millisecond) {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			l.t.Fatalf("waited in vain for %s: %v", what, err)
		}
	}
}

package config

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/temporal/codec"
)

const (
	testToken  = "IGAAtesttoken"
	testPerson = "10200000000000001"
)

var (
	connectedAt = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	testAccount = privatereply.Account{
		Platform: privatereply.Instagram, ID: "17841400000000001", Name: "Clean Slate", Login: privatereply.LoginFacebook, PageID: "100000000000001",
	}
	testApps = Connect{FacebookAppID: "1", FacebookAppSecret: "facebook-secret", InstagramAppID: "2", InstagramSecret: "instagram-secret"}
)

func mustOpenFolder(t *testing.T, path string, keys ...codec.Key) *Accounts {
	t.Helper()
	a, err := OpenFolder(path, testApps, keys)
	if err != nil {
		t.Fatal(err)
	}
	a.file.Stop()
	return a
}

func mustLock(t *testing.T, a *Accounts) *Writer {
	t.Helper()
	w, err := a.Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Unlock)
	return w
}

// connect writes an account as a login does.
func connect(t *testing.T, a *Accounts, account privatereply.Account, token Token) {
	t.Helper()
	w := mustLock(t, a)
	defer w.Unlock()
	if err := errors.Join(w.WriteToken(account.Platform, account.ID, token), w.WriteAccount(account, testPerson, connectedAt)); err != nil {
		t.Fatal(err)
	}
	a.file.Poll()
	a.file.Poll()
}

func testKeys(t *testing.T, text string) []codec.Key {
	t.Helper()
	keys, err := codec.ParseKeys(text)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// An account that is connected while the program runs is there at the second read, with its
// token, its app's secret and its times; without keys and with them.
func TestConnectedAccount(t *testing.T) {
	for name, keys := range map[string][]codec.Key{"in clear": nil, "encrypted": testKeys(t, "k1:"+codec.NewSecret())} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			a := mustOpenFolder(t, dir, keys...)
			if folder, ok := a.Folder(); folder != dir || !ok || len(a.All()) != 0 {
				t.Fatalf("an empty folder: %q, %v, %v", folder, ok, a.All())
			}
			token := NewToken(testToken, connectedAt, 60*24*time.Hour)
			connect(t, a, testAccount, token)

			want := testAccount
			want.SweepEvery, want.SweepAutoWithin, want.PostsPerHour, want.LivePerSecond = time.Hour, time.Hour, 700, 90
			if diff := cmp.Diff([]privatereply.Account{want}, a.All()); diff != "" || a.Err() != nil {
				t.Errorf("%s, %v", diff, a.Err())
			}
			secrets, err := a.Secrets(want.Platform, want.ID)
			if err != nil || secrets.Token != testToken || secrets.AppSecret != "facebook-secret" {
				t.Errorf("the secrets are not those of the login: %v", err)
			}
			facts, err := a.Token(want.Platform, want.ID)
			if diff := cmp.Diff(TokenFacts{
				IssuedAt: connectedAt, ExpiresAt: connectedAt.Add(60 * 24 * time.Hour), Life: 60 * 24 * time.Hour,
				Connected: true, ConnectedBy: testPerson, ConnectedAt: connectedAt,
			}, facts); diff != "" || err != nil {
				t.Errorf("%s, %v", diff, err)
			}
			if got := a.ConnectedBy(testPerson); len(got) != 1 || len(a.ConnectedBy("")) != 0 || len(a.ConnectedBy("2")) != 0 {
				t.Errorf("ConnectedBy: %v", got)
			}
			file := filepath.Join(dir, "connected", "instagram-17841400000000001.token")
			content, err := os.ReadFile(file)
			if err != nil || bytes.Contains(content, []byte(testToken)) == (keys != nil) {
				t.Errorf("the token file is in clear: %v, %v", keys == nil, err)
			}
			if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%v, %v", info.Mode(), err)
			}

			// Another program, which starts later, reads the same.
			if again := mustOpenFolder(t, dir, keys...); len(again.All()) != 1 {
				t.Errorf("read again: %v", again.All())
			}
			w := mustLock(t, a)
			for range 2 {
				if err := w.Remove(want.Platform, want.ID); err != nil {
					t.Fatal(err)
				}
			}
			w.Unlock()
			a.file.Poll()
			a.file.Poll()
			if left, _ := filepath.Glob(filepath.Join(dir, "connected", "*instagram*")); len(left) != 0 || len(a.All()) != 0 {
				t.Errorf("left of it: %q, %v", left, a.All())
			}
		})
	}
}

// A token file opens with the key it was encrypted with, behind another one too, and as the
// file of its account only. What is wrong is said without the token.
func TestTokenKeys(t *testing.T) {
	dir := t.TempDir()
	old, first := "k1:"+codec.NewSecret(), "k2:"+codec.NewSecret()
	a := mustOpenFolder(t, dir, testKeys(t, old)...)
	connect(t, a, testAccount, NewToken(testToken, connectedAt, 0))
	other := testAccount
	other.ID = "17841400000000002"
	connect(t, a, other, NewToken(testToken, connectedAt, 0))

	token := func(a *Accounts) (string, error) {
		s, err := a.Secrets(testAccount.Platform, testAccount.ID)
		return s.Token, err
	}
	if got, err := token(mustOpenFolder(t, dir, testKeys(t, first+","+old)...)); got != testToken || err != nil {
		t.Errorf("behind another key: %v", err)
	}
	file := func(id string) string { return filepath.Join(dir, "connected", "instagram-"+id+".token") }
	for _, tc := range []struct {
		name, want string
		accounts   *Accounts
		change     func()
	}{
		{"without the key", `key "k1" is not configured`, mustOpenFolder(t, dir, testKeys(t, first)...), func() {}},
		{"without keys", "set PRIVATEREPLY_ENCRYPTION_KEYS", mustOpenFolder(t, dir), func() {}},
		{"another account's file", `decrypt with key "k1"`, a, func() {
			content, _ := os.ReadFile(file(other.ID))
			_ = os.WriteFile(file(testAccount.ID), content, 0o600)
		}},
		{"half a file", "connect the account again", a, func() {
			_ = os.WriteFile(file(testAccount.ID), []byte(`{"token":"`+testToken), 0o600)
		}},
		{"no times", "lacks a token or its times", a, func() {
			_ = os.WriteFile(file(testAccount.ID), []byte(`{"token":"`+testToken+`"}`), 0o600)
		}},
		{"no file", "is missing: connect the account again", a, func() { _ = os.Remove(file(testAccount.ID)) }},
	} {
		tc.change()
		got, err := token(tc.accounts)
		if err == nil || got != "" || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), testToken) {
			t.Errorf("%s: %v", tc.name, err)
		}
		if facts, err := tc.accounts.Token(testAccount.Platform, testAccount.ID); err == nil || facts.ConnectedBy != testPerson {
			t.Errorf("%s: %+v, %v", tc.name, facts, err)
		}
	}
}

// Who connects again keeps what people wrote into the account's file, and comments in it.
func TestReconnectKeepsSettings(t *testing.T) {
	dir := t.TempDir()
	a := mustOpenFolder(t, dir)
	connect(t, a, testAccount, NewToken(testToken, connectedAt, 0))
	path := filepath.Join(dir, "connected", "instagram-17841400000000001.yaml")
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(content), "name: Clean Slate", "name: Our shop", 1) + "# agreed with Meta\nposts_per_hour: 1200\nhuman_agent: true\n"
	writeFile(t, path, text)

	again := testAccount
	again.Login, again.PageID, again.Name = privatereply.LoginInstagram, "", "clean.slate"
	connect(t, a, again, NewToken("IGAAnewtoken", connectedAt.Add(time.Hour), time.Hour))
	want := again
	want.Name, want.PostsPerHour, want.HumanAgent = "Our shop", 1200, true
	want.SweepEvery, want.SweepAutoWithin, want.LivePerSecond = time.Hour, time.Hour, 90
	if diff := cmp.Diff([]privatereply.Account{want}, a.All()); diff != "" || a.Err() != nil {
		t.Errorf("%s, %v", diff, a.Err())
	}
	if content, _ := os.ReadFile(path); !bytes.Contains(content, []byte("# agreed with Meta")) {
		t.Errorf("the comment is lost:\n%s", content)
	}
	if secrets, err := a.Secrets(want.Platform, want.ID); err != nil || secrets.Token != "IGAAnewtoken" || secrets.AppSecret != "instagram-secret" {
		t.Errorf("the secrets are not those of the new login: %v", err)
	}
}

// A folder's mistakes name the file, the field and the fix, and leave in force what was.
func TestFolderMistakes(t *testing.T) {
	const good = `platform: instagram
id: "1"
login: instagram
token_file: instagram-1.token
connected_by: "5"
connected_at: 2026-11-28T12:00:00Z
`
	for _, tc := range []struct{ name, file, content, want string }{
		{"another file's name", "connected/instagram-2.yaml", good, "instagram-2.yaml: the file of this platform and id is named instagram-1.yaml"},
		{"no token file", "connected/instagram-1.yaml", strings.Replace(good, "token_file: instagram-1.token", "token_env: X", 1), "token_file: a connected account has its token in instagram-1.token"},
		{"no time", "connected/instagram-1.yaml", strings.Replace(good, "connected_at: 2026-11-28T12:00:00Z", "", 1), "connected_at: is not a time"},
		{"a field that is not known", "connected/instagram-1.yaml", good + "sweep: 1h\n", `unknown field "sweep"`},
		{"a list", "connected/instagram-1.yaml", "accounts:\n  - {}\n", `unknown field "accounts"`},
		{"half a file", "connected/instagram-1.yaml", good[:60], "instagram-1.yaml: "},
		{"a login without its Page", "connected/instagram-1.yaml", strings.Replace(good, "login: instagram", "login: facebook", 1), "page_id: is required"},
		{"in both places", "accounts.yaml", "accounts:\n  - {platform: instagram, id: '9', login: instagram, token_env: T}\n", "instagram-9.yaml: id: instagram 9 is listed twice, first in line 2 of"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			a := mustOpenFolder(t, dir)
			nine := privatereply.Account{Platform: privatereply.Instagram, ID: "9", Login: privatereply.LoginInstagram}
			connect(t, a, nine, NewToken(testToken, connectedAt, 0))
			writeFile(t, filepath.Join(dir, tc.file), tc.content)
			a.file.Poll()
			a.file.Poll()
			if err := a.Err(); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("the error is %v", err)
			}
			if len(a.All()) != 1 {
				t.Errorf("in force are %v", a.All())
			}
			if _, err := OpenFolder(dir, testApps, nil); err == nil {
				t.Error("the folder opens")
			}
		})
	}
}

// A folder that cannot be written, and a plain file, are named with what to change.
func TestUnwritable(t *testing.T) {
	if err := mustOpen(t, twoAccounts).CheckWritable(t.Context()); err == nil || !strings.Contains(err.Error(), "make a folder") {
		t.Errorf("a plain file: %v", err)
	}
	dir := t.TempDir()
	a := mustOpenFolder(t, dir)
	if err := a.CheckWritable(t.Context()); err != nil {
		t.Fatal(err)
	}
	// A file in the folder's place fails for every user, the superuser too.
	if err := os.RemoveAll(filepath.Join(dir, connectedFolder)); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, connectedFolder), "")
	for name, err := range map[string]error{"checked": a.CheckWritable(t.Context()), "locked": func() error { _, err := a.Lock(t.Context()); return err }()} {
		if err == nil || !strings.Contains(err.Error(), dir+" cannot be written") || !strings.Contains(err.Error(), fmt.Sprintf("chown -R %d", os.Getuid())) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Only one Writer works at a time; who waits longer than allowed is told why.
func TestLock(t *testing.T) {
	dir := t.TempDir()
	first := mustLock(t, mustOpenFolder(t, dir))
	other := mustOpenFolder(t, dir)
	ctx, cancel := context.WithTimeout(t.Context(), 3*lockInterval)
	defer cancel()
	if _, err := other.Lock(ctx); err == nil || !strings.Contains(err.Error(), "is locked by another program") {
		t.Errorf("a second Writer: %v", err)
	}
	first.Unlock()

	var inside, most int
	var mu sync.Mutex
	var all sync.WaitGroup
	for range 5 {
		all.Go(func() {
			w, err := other.Lock(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			inside++
			most = max(most, inside)
			mu.Unlock()
			time.Sleep(time.Millisecond)
			mu.Lock()
			inside--
			mu.Unlock()
			w.Unlock()
		})
	}
	all.Wait()
	if most != 1 {
		t.Errorf("%d Writers at once", most)
	}
}

// What a killed program leaves is no account, is named, and is gone with the next write.
func TestKilledBetweenFiles(t *testing.T) {
	dir := t.TempDir()
	a := mustOpenFolder(t, dir)
	w := mustLock(t, a)
	if err := w.WriteToken(testAccount.Platform, testAccount.ID, NewToken(testToken, connectedAt, 0)); err != nil {
		t.Fatal(err)
	}
	w.Unlock()
	half := filepath.Join(dir, connectedFolder, ".instagram-17841400000000001.token.123.tmp")
	writeFile(t, half, testToken)
	a.file.Poll()
	a.file.Poll()
	left := a.Unfinished()
	if len(a.All()) != 0 || a.Err() != nil || len(left) != 1 || !strings.Contains(left[0], "instagram-17841400000000001.token belongs to no account") {
		t.Errorf("%v, %v, %q", a.All(), a.Err(), left)
	}
	connect(t, a, testAccount, NewToken(testToken, connectedAt, 0))
	if _, err := os.Stat(half); !errors.Is(err, os.ErrNotExist) || len(a.Unfinished()) != 0 || len(a.All()) != 1 {
		t.Errorf("after connecting: %v, %q, %v", err, a.Unfinished(), a.All())
	}
}

// A token shows in no verb and no encoding.
func TestTokenIsNotPrinted(t *testing.T) {
	token := NewToken(testToken, connectedAt, time.Hour)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		if said := fmt.Sprintf(verb, token) + fmt.Sprintf(verb, &token); strings.Contains(said, testToken) || strings.Contains(said, fmt.Sprintf("%x", testToken)) {
			t.Errorf("%s prints it", verb)
		}
	}
	if data, err := json.Marshal(token); err == nil {
		t.Errorf("it is encoded as %s", data)
	}
}

// An id that cannot stand in a file's name is refused, whoever says it.
func TestUnusableFileNames(t *testing.T) {
	w := mustLock(t, mustOpenFolder(t, t.TempDir()))
	for _, id := range []string{"", "../1", "a/b", "a*b", "a b"} {
		bad := testAccount
		bad.ID = id
		for name, err := range map[string]error{
			"WriteToken": w.WriteToken(bad.Platform, id, Token{}), "WriteAccount": w.WriteAccount(bad, "", connectedAt),
			"Remove": w.Remove(bad.Platform, id),
		} {
			if err == nil {
				t.Errorf("%s takes the id %q", name, id)
			}
		}
	}
}

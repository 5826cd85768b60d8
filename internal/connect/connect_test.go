package connect

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/privatereply/privatereply"
)

// A login to Facebook shows both Pages and the linked Instagram account, and says of each
// what keeps it from being chosen.
func TestFacebookGrant(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	g := l.login(privatereply.LoginFacebook)
	if g.Login != privatereply.LoginFacebook || g.Person != "10200000000000001" || !g.TokenEnds.IsZero() || len(g.Missing)+len(g.MissingOptional) != 0 {
		t.Errorf("%+v", g)
	}
	var got []string
	for _, f := range g.Found {
		got = append(got, fmt.Sprintf("%s %s %s page=%s problem=%.40s warning=%.20s", f.Account.Platform, f.Account.ID, f.Name, f.Account.PageID, f.Problem, f.Warning))
	}
	if diff := cmp.Diff([]string{
		"facebook 100000000000001 Clean Slate page= problem= warning=",
		"instagram 17841400000000001 clean.slate page=100000000000001 problem= warning=",
		"facebook 100000000000002 Bare Page page= problem= warning=",
		"instagram  Bare Page page=100000000000002 problem=no professional Instagram account is lin warning=",
	}, got); diff != "" {
		t.Error(diff)
	}
	if g.Found[0].Picture != "https://cdn.example.com/p" {
		t.Errorf("the picture is %q", g.Found[0].Picture)
	}
	checkSecrets(t, "the Grant", fmt.Sprintf("%+v %#v", g, g))
}

// What keeps an account from being chosen is said for each, with the fix.
func TestGrantProblems(t *testing.T) {
	t.Parallel()
	without := func(names ...string) string {
		all := "," + everything + ","
		for _, name := range names {
			all = strings.Replace(all, ","+name+",", ",", 1)
		}
		return strings.Trim(all, ",")
	}
	for _, tc := range []struct {
		name   string
		login  privatereply.Login
		change func(*lab)
		key    Key
		want   string // of the problem
		warns  string
	}{
		{"no task", privatereply.LoginFacebook, func(l *lab) { l.meta.tasks = `"MODERATE"` }, Key{privatereply.Instagram, instagramID}, "task MESSAGING is missing", ""},
		{"a permission of Instagram", privatereply.LoginFacebook, func(l *lab) { l.meta.granted = without("instagram_manage_comments") },
			Key{privatereply.Instagram, instagramID}, "did not grant instagram_manage_comments (webhooks and private replies)", ""},
		{"which a Page does not need", privatereply.LoginFacebook, func(l *lab) { l.meta.granted = without("instagram_manage_comments") }, Key{privatereply.Facebook, pageID}, "", ""},
		{"an optional one", privatereply.LoginFacebook, func(l *lab) { l.meta.granted = without("pages_read_user_content") }, Key{privatereply.Facebook, pageID}, "", ""},
		{"Instagram's login", privatereply.LoginInstagram, func(l *lab) { l.meta.granted = without("instagram_business_manage_messages") },
			Key{privatereply.Instagram, ownLoginID}, "did not grant instagram_business_manage_messages", ""},
		{"another app", privatereply.LoginInstagram, func(l *lab) { l.meta.subscribed[ownLoginID] = []string{"99", "comments"} }, Key{privatereply.Instagram, ownLoginID}, "", "other apps get its webhooks, too, and may answer its comments: An app"},
		{"another deployment", privatereply.LoginFacebook, func(l *lab) { l.meta.subscribed[pageID] = []string{facebookApp, "feed"} }, Key{privatereply.Facebook, pageID}, "", "another installation"},
		{"in accounts.yaml", privatereply.LoginFacebook, func(l *lab) {
			writeFile(t, filepath.Join(l.folder, "accounts.yaml"), "accounts:\n  - {platform: facebook, id: '"+pageID+"', token_env: T}\n")
			l.until(t.Context(), func() bool { return len(l.accounts.All()) == 1 })
		}, Key{privatereply.Facebook, pageID}, "accounts.yaml has it", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			tc.change(l)
			g := l.login(tc.login)
			for _, f := range g.Found {
				if f.Key() != tc.key {
					continue
				}
				if (tc.want == "") != (f.Problem == "") || !strings.Contains(f.Problem, tc.want) || (tc.warns == "") != (f.Warning == "") || !strings.Contains(f.Warning, tc.warns) {
					t.Errorf("problem %q, warning %q", f.Problem, f.Warning)
				}
				done, err := l.Connect(t.Context(), session, g.ID, []Key{tc.key})
				if err != nil || len(done) != 1 || done[0].Problem != f.Problem {
					t.Errorf("connected all the same: %+v, %v", done, err)
				}
				return
			}
			t.Errorf("not found in %+v", g.Found)
		})
	}
	l := newLab(t)
	l.meta.granted = without("pages_messaging", "pages_read_user_content")
	g := l.login(privatereply.LoginFacebook)
	if len(g.Missing) != 1 || g.Missing[0].Name != "pages_messaging" || g.Missing[0].Use == "" || len(g.MissingOptional) != 1 || g.MissingOptional[0].Name != "pages_read_user_content" {
		t.Errorf("missing %+v, optional %+v", g.Missing, g.MissingOptional)
	}
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A state is good for its session, once and for ten minutes; a repeat of its callback gives
// what the first one gave, without another exchange. Nothing that is refused shows a secret.
func TestCallback(t *testing.T) {
	t.Parallel()
	const exchange = "POST /login/instagram/oauth/access_token"
	for _, tc := range []struct {
		name  string
		query func(state string) url.Values
		with  string // another session
		after time.Duration
		want  string
		calls int // exchanges
	}{
		{"a wrong state", func(string) url.Values { return url.Values{"state": {"forged"}, "code": {goodCode}} }, "", 0, "not known here", 0},
		{"no state", func(string) url.Values { return url.Values{"code": {goodCode}} }, "", 0, "not known here", 0},
		{"another session", func(s string) url.Values { return url.Values{"state": {s}, "code": {goodCode}} }, "session-of-ben", 0, "not known here", 0},
		{"too late", func(s string) url.Values { return url.Values{"state": {s}, "code": {goodCode}} }, "", stateLife, "not known here", 0},
		{"declined", func(s string) url.Values {
			return url.Values{"state": {s}, "error": {"access_denied"}, "error_description": {goodCode}}
		}, "", 0, "declined at Meta: nothing has changed", 0},
		{"Meta's error", func(s string) url.Values {
			return url.Values{"state": {s}, "error": {"server_error"}, "error_message": {goodCode}}
		}, "", 0, "the login ended with an error at Meta", 0},
		{"no code", func(s string) url.Values { return url.Values{"state": {s}} }, "", 0, "no code", 0},
		{"a code that was used", func(s string) url.Values { return url.Values{"state": {s}, "code": {"AQAused"}} }, "", 0, "a code works once", 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			query, from := tc.query(l.begin(privatereply.LoginInstagram)), session
			if tc.with != "" {
				from = tc.with
			}
			l.clock = l.clock.Add(tc.after)
			for range 2 {
				_, err := l.Callback(t.Context(), from, query)
				if err == nil || !strings.Contains(err.Error(), tc.want) {
					t.Errorf("%v", err)
				}
				checkSecrets(t, "the error", said(err))
			}
			if n := l.count(exchange); n != tc.calls {
				t.Errorf("%d exchanges, want %d", n, tc.calls)
			}
		})
	}

	l := newLab(t)
	query := url.Values{"state": {l.begin(privatereply.LoginInstagram)}, "code": {goodCode}}
	var mu sync.Mutex
	var all sync.WaitGroup
	ids := map[string]bool{}
	for range 3 { // a browser that loads the page again
		all.Go(func() {
			g, err := l.Callback(t.Context(), session, query)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			ids[g.ID] = true
		})
	}
	all.Wait()
	if n := l.count(exchange); n != 1 || len(ids) != 1 {
		t.Errorf("%d exchanges, grants %v", n, ids)
	}
	for id := range ids {
		if _, err := l.Grant("session-of-ben", id); err == nil {
			t.Error("another session has the grant")
		}
		if _, err := l.Connect(t.Context(), "session-of-ben", id, []Key{{privatereply.Instagram, ownLoginID}}); err == nil {
			t.Error("another session connects")
		}
		l.clock = l.clock.Add(grantLife)
		if _, err := l.Grant(session, id); err == nil || !strings.Contains(err.Error(), "begin again") {
			t.Errorf("after half an hour: %v", err)
		}
	}
}

// A login that met a Meta that is down can be finished with the same callback; one whose
// accounts could not be read cannot, and says so.
func TestCallbackWhileMetaIsDown(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	query := url.Values{"state": {l.begin(privatereply.LoginInstagram)}, "code": {goodCode}}
	l.meta.answers["POST /login/instagram/oauth/access_token"] = `{"error":{"code":4}}`
	if _, err := l.Callback(t.Context(), session, query); err == nil {
		t.Fatal("no error")
	}
	delete(l.meta.answers, "POST /login/instagram/oauth/access_token")
	if _, err := l.Callback(t.Context(), session, query); err != nil {
		t.Errorf("again: %v", err)
	}

	query.Set("state", l.begin(privatereply.LoginInstagram))
	l.meta.codes[goodCode] = true
	l.meta.answers["GET ig/me"] = `{"error":{"code":2}}`
	for range 2 {
		if _, err := l.Callback(t.Context(), session, query); err == nil || !strings.Contains(err.Error(), "begin again") {
			t.Errorf("%v", err)
		}
	}
	if n := l.count("POST /login/instagram/oauth/access_token"); n != 3 {
		t.Errorf("%d exchanges", n)
	}
}

// A login is refused at its beginning where its app is not set, or where the folder could
// not take what it gives.
func TestBegin(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	if got := l.Logins(); len(got) != 2 {
		t.Errorf("%v", got)
	}
	l.config.Settings.InstagramAppID = ""
	if _, err := l.Begin(privatereply.LoginInstagram, redirect, session); err == nil || !strings.Contains(err.Error(), "set PRIVATEREPLY_INSTAGRAM_APP_ID") || len(l.Logins()) != 1 {
		t.Errorf("%v", err)
	}
	if _, err := l.Begin("google", redirect, session); err == nil {
		t.Error("an unknown login")
	}
	if _, err := l.Begin(privatereply.LoginFacebook, redirect, ""); err == nil {
		t.Error("no session")
	}
	if err := os.RemoveAll(filepath.Join(l.folder, "connected")); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(l.folder, "connected"), "")
	if _, err := l.Begin(privatereply.LoginFacebook, redirect, session); err == nil || !strings.Contains(err.Error(), l.folder+" cannot be written") || !strings.Contains(err.Error(), "chown") {
		t.Errorf("%v", err)
	}
}

// Connected accounts are there without a restart, with token, webhooks and the person's id;
// repeating it, and connecting again, change nothing for the worse. Disconnected, nothing of
// them is left, and a Page keeps its webhooks as long as another account needs them.
func TestConnectAndDisconnect(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	page, linked, own := Key{privatereply.Facebook, pageID}, Key{privatereply.Instagram, instagramID}, Key{privatereply.Instagram, ownLoginID}
	g := l.login(privatereply.LoginFacebook)
	l.meta.subscribed[pageID] = []string{facebookApp, "feed", "mention"}
	for range 2 {
		done, err := l.Connect(t.Context(), session, g.ID, []Key{page, linked})
		if err != nil || len(done) != 2 || done[0].Problem+done[1].Problem != "" {
			t.Fatalf("%+v, %v", done, err)
		}
	}
	if diff := cmp.Diff([]string{facebookApp, "feed", "mention", "messages", "messaging_postbacks"}, l.meta.subscribed[pageID]); diff != "" {
		t.Error(diff)
	}
	secrets, err := l.accounts.Secrets(linked.Platform, linked.ID)
	if err != nil || secrets.Token != "EAApage" || secrets.AppSecret != appSecret {
		t.Errorf("%v", err)
	}
	if facts, err := l.accounts.Token(page.Platform, page.ID); err != nil || facts.ConnectedBy != g.Person || !facts.ExpiresAt.IsZero() || !facts.ConnectedAt.Equal(l.clock) {
		t.Errorf("%+v, %v", facts, err)
	}
	if again := l.login(privatereply.LoginFacebook); !again.Found[0].Connected || again.Found[0].Warning != "" {
		t.Errorf("%+v", again.Found[0])
	}

	g = l.login(privatereply.LoginInstagram)
	if done, err := l.Connect(t.Context(), session, g.ID, []Key{own}); err != nil || done[0].Problem != "" || len(done[0].Subscribed) != 4 {
		t.Fatalf("%+v, %v", done, err)
	}
	facts, err := l.accounts.Token(own.Platform, own.ID)
	if err != nil || facts.ConnectedBy != "26000000000000001" || facts.Life != 60*24*time.Hour || !facts.ExpiresAt.Equal(g.TokenEnds) {
		t.Errorf("%+v, %v", facts, err)
	}

	for _, step := range []struct {
		key  Key
		node string
		left int
	}{{linked, pageID, 1}, {page, pageID, 0}, {own, ownLoginID, 0}, {own, ownLoginID, 0}} {
		if err := l.Disconnect(t.Context(), step.key); err != nil {
			t.Errorf("%v: %v", step.key, err)
		}
		if got := len(l.meta.subscribed[step.node]); (got > 0) != (step.left > 0) {
			t.Errorf("%v: subscribed are %v", step.key, l.meta.subscribed[step.node])
		}
		if _, ok := l.accounts.Get(step.key.Platform, step.key.ID); ok {
			t.Errorf("%v is there", step.key)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(l.folder, "connected", "[^.]*")); len(left) != 0 {
		t.Errorf("left: %q", left)
	}
}

// What fails for an account leaves it as it was, and is said.
func TestConnectFails(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	own := Key{privatereply.Instagram, ownLoginID}
	g := l.login(privatereply.LoginInstagram)
	subscribe := "POST ig/" + ownLoginID + "/subscribed_apps"
	l.meta.answers[subscribe] = `{"error":{"code":10,"message":"` + appSecret + `"}}`
	connect := func() string {
		t.Helper()
		done, err := l.Connect(t.Context(), session, g.ID, []Key{own})
		if err != nil || len(done) != 1 {
			t.Fatalf("%+v, %v", done, err)
		}
		checkSecrets(t, "the problem", done[0].Problem)
		return done[0].Problem
	}
	if problem := connect(); !strings.Contains(problem, "so it is not connected: the app lacks a permission (Meta's error 10)") {
		t.Error(problem)
	}
	if left, _ := filepath.Glob(filepath.Join(l.folder, "connected", "[^.]*")); len(left) != 0 || len(l.accounts.All()) != 0 {
		t.Errorf("left: %q", left)
	}
	delete(l.meta.answers, subscribe)
	if problem := connect(); problem != "" {
		t.Fatal(problem)
	}
	for _, keys := range [][]Key{nil, {{privatereply.Instagram, ""}}, {{privatereply.Facebook, ownLoginID}}} {
		if _, err := l.Connect(t.Context(), session, g.ID, keys); err == nil {
			t.Errorf("connects %v", keys)
		}
	}

	l.meta.answers["DELETE ig/"+ownLoginID+"/subscribed_apps"] = `{"error":{"code":190}}`
	err := l.Disconnect(t.Context(), own)
	if !errors.Is(err, ErrStillSubscribed) || !strings.Contains(err.Error(), "the access token is not valid") || len(l.accounts.All()) != 0 {
		t.Errorf("%v", err)
	}
	checkSecrets(t, "the error", said(err))
	if err := l.Disconnect(t.Context(), own); err != nil {
		t.Errorf("again: %v", err)
	}
	writeFile(t, filepath.Join(l.folder, "accounts.yaml"), "accounts:\n  - {platform: facebook, id: '"+pageID+"', token_env: T}\n")
	l.until(t.Context(), func() bool { return len(l.accounts.All()) == 1 })
	if err := l.Disconnect(t.Context(), Key{privatereply.Facebook, pageID}); err == nil || !strings.Contains(err.Error(), "accounts.yaml") {
		t.Errorf("of accounts.yaml: %v", err)
	}
}

// A program that was killed after the token file, or after the webhooks, left a state that is
// named, and from which connecting again goes on; disconnecting removes it.
func TestKilledInBetween(t *testing.T) {
	t.Parallel()
	own := Key{privatereply.Instagram, ownLoginID}
	for _, call := range []string{"GET ig/" + ownLoginID + "/subscribed_apps", "POST ig/" + ownLoginID + "/subscribed_apps"} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			g := l.login(privatereply.LoginInstagram)
			grant, err := l.grant(session, g.ID)
			if err != nil {
				t.Fatal(err)
			}
			// The steps of connect up to the kill.
			w, err := l.accounts.Lock(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if err := w.WriteToken(own.Platform, own.ID, grant.tokens[own]); err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(call, "POST") {
				if _, err := Subscribe(t.Context(), l.config.Graph, l.credentials(grant, g.Found[0].Account), []string{instagramApp}); err != nil {
					t.Fatal(err)
				}
			}
			w.Unlock() // as the system does for a dead process
			if left := l.accounts.Unfinished(); len(left) != 1 || !strings.Contains(left[0], "connect the account again") || len(l.accounts.All()) != 0 {
				t.Errorf("%q, %v", left, l.accounts.All())
			}
			g = l.login(privatereply.LoginInstagram)
			if done, err := l.Connect(t.Context(), session, g.ID, []Key{own}); err != nil || done[0].Problem != "" {
				t.Fatalf("%+v, %v", done, err)
			}
			if left := l.accounts.Unfinished(); len(left) != 0 || len(l.accounts.All()) != 1 {
				t.Errorf("%q, %v", left, l.accounts.All())
			}
			// Killed while it disconnects: the YAML is gone, the token is not.
			if err := os.Remove(filepath.Join(l.folder, "connected", "instagram-"+ownLoginID+".yaml")); err != nil {
				t.Fatal(err)
			}
			l.until(t.Context(), func() bool { return len(l.accounts.All()) == 0 })
			if err := l.Disconnect(t.Context(), own); err != nil || len(l.accounts.Unfinished()) != 0 {
				t.Errorf("%v, %q", err, l.accounts.Unfinished())
			}
		})
	}
}

// Who connects while another program writes waits, and is told when it takes too long.
func TestConnectWaitsForTheFolder(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	g := l.login(privatereply.LoginInstagram)
	w, err := l.accounts.Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	done, err := l.Connect(ctx, session, g.ID, []Key{{privatereply.Instagram, ownLoginID}})
	if !errors.Is(err, context.DeadlineExceeded) || len(done) != 1 || !strings.Contains(done[0].Problem, "is locked by another program") {
		t.Errorf("%+v, %v", done, err)
	}
	w.Unlock()
	if done, err := l.Connect(t.Context(), session, g.ID, []Key{{privatereply.Instagram, ownLoginID}}); err != nil || done[0].Problem != "" {
		t.Errorf("%+v, %v", done, err)
	}
}

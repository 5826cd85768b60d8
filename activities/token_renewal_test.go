package activities

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/graph"
	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/workflows"
)

// renewing is a sandbox in Meta's place, and an accounts folder with two accounts that were
// connected: an Instagram account whose token lives for life, and a Page.
type renewing struct {
	*meta.Sandbox
	t        *testing.T
	folder   string
	accounts *config.Accounts
	renewer  *Renewer
	graph    *graph.Client
	clock    func() time.Time
	instead  func(path string) string // Meta's answer to a call; "" leaves it to the sandbox

	mu    sync.Mutex
	calls map[string]int // by the path's end
	shown []string       // the tokens that Meta knew
}

var (
	renewedAccount = workflows.TokenRenewalInput{Platform: privatereply.Instagram, Account: "17841400000000002"}
	renewedPage    = workflows.TokenRenewalInput{Platform: privatereply.Facebook, Account: "100000000000001"}
	renewalApps    = config.Connect{FacebookAppID: "11", FacebookAppSecret: "0123456789abcdef0123456789abcdef", InstagramAppID: "22", InstagramSecret: testSecret}
)

const pageToken = "EAApagetoken"

func newRenewing(t *testing.T, life, minAge time.Duration, clock func() time.Time) *renewing {
	t.Helper()
	r := &renewing{t: t, folder: t.TempDir(), clock: clock, instead: func(string) string { return "" }, calls: map[string]int{}, shown: []string{testToken, pageToken}}
	r.Sandbox = meta.New(meta.Config{
		Now: clock, TokenLife: life, MinTokenAge: minAge,
		App: meta.App{FacebookID: "11", FacebookSecret: string(renewalApps.FacebookAppSecret), InstagramID: "22", InstagramSecret: testSecret},
		Accounts: []meta.Account{
			{Platform: privatereply.Instagram, ID: renewedAccount.Account, Name: "oak", Login: privatereply.LoginInstagram, Token: testToken, InstagramAppSecret: testSecret, TokenLife: life},
			{Platform: privatereply.Facebook, ID: renewedPage.Account, Name: "Clean Slate", Login: privatereply.LoginFacebook, Token: pageToken, AppSecret: string(renewalApps.FacebookAppSecret)},
		},
	})
	t.Cleanup(r.Sandbox.Close)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.mu.Lock()
		r.calls[filepath.Base(req.URL.Path)]++
		instead := r.instead(req.URL.Path)
		r.mu.Unlock()
		if instead != "" {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, instead)
			return
		}
		r.Sandbox.ServeHTTP(w, req)
	}))
	t.Cleanup(server.Close)
	var err error
	if r.graph, err = graph.New(graph.Options{FacebookURL: server.URL + "/facebook", InstagramURL: server.URL + "/instagram"}); err != nil {
		t.Fatal(err)
	}
	r.accounts = r.open()
	w, err := r.accounts.Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	now := clock()
	for _, err := range []error{
		w.WriteToken(renewedAccount.Platform, renewedAccount.Account, config.NewToken(testToken, now, life)),
		w.WriteAccount(privatereply.Account{Platform: privatereply.Instagram, ID: renewedAccount.Account, Login: privatereply.LoginInstagram}, "26", now),
		w.WriteToken(renewedPage.Platform, renewedPage.Account, config.NewToken(pageToken, now, 0)),
		w.WriteAccount(privatereply.Account{Platform: privatereply.Facebook, ID: renewedPage.Account, Login: privatereply.LoginFacebook}, "102", now),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	w.Unlock()
	r.accounts = r.open()
	r.renewer = r.worker()
	return r
}

func (r *renewing) open() *config.Accounts {
	r.t.Helper()
	accounts, err := config.OpenFolder(r.folder, renewalApps, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	return accounts
}

// worker is a Renewer as another worker process has it.
func (r *renewing) worker() *Renewer {
	w := NewRenewer(r.graph, r.open(), renewalApps)
	w.now = r.clock
	return w
}

func (r *renewing) facts(in workflows.TokenRenewalInput) config.TokenFacts {
	r.t.Helper()
	facts, err := r.accounts.Token(in.Platform, in.Account)
	if err != nil {
		r.t.Fatal(err)
	}
	return facts
}

// token is the one that is in force. Whatever was in force must never be shown.
func (r *renewing) token() string {
	r.t.Helper()
	secrets, err := r.accounts.Secrets(renewedAccount.Platform, renewedAccount.Account)
	if err != nil {
		r.t.Fatal(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.shown = append(r.shown, secrets.Token)
	return secrets.Token
}

// checkSecrets fails if what goes into a history has a token or an app's secret.
func (r *renewing) checkSecrets(of ...any) {
	r.t.Helper()
	r.token()
	text := ""
	for _, value := range of {
		data, _ := json.Marshal(value)
		text += fmt.Sprintf("%s %v %+v", data, value, value)
	}
	for _, secret := range append(r.shown, testSecret, string(renewalApps.FacebookAppSecret)) {
		if strings.Contains(text, secret) {
			r.t.Errorf("%s is shown: %s", secret, text)
		}
	}
}

func (r *renewing) count(call string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.calls[call]
}

func (r *renewing) renew(w *Renewer, issuedAt time.Time) (workflows.RenewTokenResult, error) {
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	env.RegisterActivity(w.RenewToken)
	value, err := env.ExecuteActivity(w.RenewToken, workflows.RenewTokenInput{TokenRenewalInput: renewedAccount, IssuedAt: issuedAt})
	var result workflows.RenewTokenResult
	if err == nil {
		err = value.Get(&result)
	}
	return result, err
}

// A token with a life of two minutes is renewed by itself for an hour, which is skipped: at a
// third of its life, each time before its end.
func TestTokenIsRenewedForAnHour(t *testing.T) {
	const life, every = 2 * time.Minute, 20 * time.Second
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	env.SetStartTime(noon)
	env.SetTestTimeout(time.Minute)
	clock := noon
	r := newRenewing(t, life, time.Second, func() time.Time { return clock })
	r.renewer.Register(env)
	env.RegisterWorkflowWithOptions(workflows.TokenRenewal, workflow.RegisterOptions{Name: workflows.TokenRenewalType})
	outcomes := map[workflows.RenewalOutcome]int{}
	env.ExecuteWorkflow(func(ctx workflow.Context) error {
		for end := workflow.Now(ctx).Add(time.Hour); workflow.Now(ctx).Before(end); {
			if err := workflow.Sleep(ctx, every); err != nil { // as the Schedule starts it
				return err
			}
			clock = workflow.Now(ctx)
			if left := r.facts(renewedAccount).ExpiresAt.Sub(clock); left <= life/2 {
				t.Errorf("%v after the start the token has %v left", clock.Sub(noon), left)
			}
			var result workflows.TokenRenewalResult
			if err := workflow.ExecuteChildWorkflow(ctx, workflows.TokenRenewalType, renewedAccount).Get(ctx, &result); err != nil {
				return err
			}
			r.checkSecrets(result)
			outcomes[result.Outcome]++
			if result.Outcome == workflows.TokenRenewed && (!result.RenewedAt.Equal(clock) || !result.ExpiresAt.Equal(clock.Add(life)) || !result.NextAt.Equal(clock.Add(life/3))) {
				t.Errorf("at %v: %+v", clock, result)
			}
		}
		return nil
	})
	if err := env.GetWorkflowError(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[workflows.RenewalOutcome]int{workflows.TokenRenewed: 90, workflows.TokenNotDue: 90}, outcomes); diff != "" {
		t.Error(diff)
	}
	if me, err := r.graph.InstagramProfile(t.Context(), graph.Credentials{Account: privatereply.Account{Platform: privatereply.Instagram, Login: privatereply.LoginInstagram}, Token: r.token()}); err != nil || me.ID != renewedAccount.Account {
		t.Errorf("the last token is not the account's: %+v, %v", me, err)
	}
}

// What Meta refuses is told from what is over, and from what may pass; the old token stays in
// its file in each case.
func TestRenewTokenRefused(t *testing.T) {
	const life = 60 * 24 * time.Hour
	for _, tc := range []struct {
		name    string
		age     time.Duration
		minAge  time.Duration
		change  func(*renewing)
		want    workflows.RenewalOutcome
		detail  string
		retries privatereply.Reason // of the error after which Temporal tries again
	}{
		{"too young", 23 * time.Hour, 24 * time.Hour, nil, workflows.TokenTooYoung, "", ""},
		{"too late", life, 0, nil, workflows.TokenTooLate, "", ""},
		{"revoked", 20 * 24 * time.Hour, 0, func(r *renewing) {
			if err := r.UpdateAccount(renewedAccount.Account, meta.AccountUpdate{TokenState: new(meta.TokenRevoked)}); err != nil {
				r.t.Fatal(err)
			}
		}, workflows.TokenFailed, "connect the account again", ""},
		{"refused", 20 * 24 * time.Hour, 0, func(r *renewing) { r.fault("refresh_access_token", `{"error":{"code":10}}`) }, workflows.TokenFailed, "ends at 2026-", ""},
		{"Meta is down", 20 * 24 * time.Hour, 0, func(r *renewing) { r.fault("refresh_access_token", `{"error":{"code":2}}`) }, "", "", privatereply.Outage},
		{"no proof of the new one", 20 * 24 * time.Hour, 0, func(r *renewing) { r.fault("/me", `{"error":{"code":2}}`) }, "", "", privatereply.Outage},
		{"the new one does not work", 20 * 24 * time.Hour, 0, func(r *renewing) { r.fault("/me", `{"error":{"code":190}}`) }, workflows.TokenFailed, "the old one stays", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			clock := noon
			r := newRenewing(t, life, tc.minAge, func() time.Time { return clock })
			clock = noon.Add(tc.age)
			if tc.change != nil {
				tc.change(r)
			}
			got, err := r.renew(r.renewer, noon)
			var failed *temporal.ApplicationError
			switch {
			case tc.retries != "":
				if !errors.As(err, &failed) || failed.Type() != string(tc.retries) || failed.NonRetryable() {
					t.Errorf("%v", err)
				}
			case err != nil || got.Outcome != tc.want || !strings.Contains(got.Detail, tc.detail) || (tc.detail == "") != (got.Detail == "") || !got.Token.IssuedAt.IsZero():
				t.Errorf("%+v, %v", got, err)
			}
			if r.token() != testToken {
				t.Error("the old token is lost")
			}
			r.checkSecrets(got, err)
		})
	}
}

// fault has Meta answer a call, by the end of its path, with an error.
func (r *renewing) fault(call, answer string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.instead = func(path string) string {
		if strings.HasSuffix(path, call) {
			return answer
		}
		return ""
	}
}

// Of two workers that renew at once one does, and the other finds it done. Who begins with
// the token before that one does not renew again.
func TestTwoWorkersRenewAtOnce(t *testing.T) {
	clock := noon
	r := newRenewing(t, time.Hour, time.Second, func() time.Time { return clock })
	clock = noon.Add(30 * time.Minute)
	var all sync.WaitGroup
	results := make([]workflows.RenewTokenResult, 4)
	for i := range results {
		all.Go(func() {
			var err error
			if results[i], err = r.renew(r.worker(), noon); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	want := workflows.RenewTokenResult{Outcome: workflows.TokenRenewed, Token: workflows.TokenTimes{IssuedAt: clock, ExpiresAt: clock.Add(time.Hour)}}
	for _, got := range results {
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	if n := r.count("refresh_access_token"); n != 1 || r.token() == testToken {
		t.Errorf("%d renewals", n)
	}
}

// A folder that cannot be written is named in the result, and the token that works stays.
func TestRenewTokenIntoAFolderThatCannotBeWritten(t *testing.T) {
	clock := noon
	r := newRenewing(t, time.Hour, time.Second, func() time.Time { return clock })
	clock = noon.Add(30 * time.Minute)
	// A folder where the lock is fails for every user, the superuser too.
	lock := filepath.Join(r.folder, "connected", ".lock")
	if err := errors.Join(os.Remove(lock), os.Mkdir(lock, 0o700)); err != nil {
		t.Fatal(err)
	}
	got, err := r.renew(r.renewer, noon)
	if err != nil || got.Outcome != workflows.TokenFailed || !strings.Contains(got.Detail, r.folder+" cannot be written") || !strings.Contains(got.Detail, "chown") {
		t.Errorf("%+v, %v", got, err)
	}
	if n := r.count("refresh_access_token"); n != 0 || r.token() != testToken {
		t.Errorf("%d renewals", n)
	}
}

// A token that belongs to somebody else is never put in place, and one that Meta cannot renew
// is not tried.
func TestRenewTokenOfAnother(t *testing.T) {
	clock := noon
	r := newRenewing(t, time.Hour, time.Second, func() time.Time { return clock })
	clock = noon.Add(30 * time.Minute)
	r.renewer.graph = r.answeringAsAnother()
	if got, err := r.renew(r.renewer, noon); err != nil || got.Outcome != workflows.TokenFailed || !strings.Contains(got.Detail, "another account's") || r.token() != testToken {
		t.Errorf("%+v, %v", got, err)
	}
	got, err := r.renewer.RenewToken(t.Context(), workflows.RenewTokenInput{TokenRenewalInput: renewedPage, IssuedAt: noon})
	if err != nil || got.Outcome != workflows.TokenFailed || !strings.Contains(got.Detail, "connect the account again") {
		t.Errorf("a Page: %+v, %v", got, err)
	}
}

// answeringAsAnother is a Meta that renews, and whose /me is another account.
func (r *renewing) answeringAsAnother() *graph.Client {
	r.t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if strings.HasSuffix(req.URL.Path, "/me") {
			fmt.Fprint(w, `{"id":"1","user_id":"17841400000000009","username":"other"}`)
			return
		}
		fmt.Fprint(w, `{"access_token":"IGother","expires_in":3600}`)
	}))
	r.t.Cleanup(server.Close)
	g, err := graph.New(graph.Options{FacebookURL: server.URL, InstagramURL: server.URL})
	if err != nil {
		r.t.Fatal(err)
	}
	return g
}

// Webhooks that Meta has removed are subscribed again and told; permissions that were taken
// away, and a token that ended, are told.
func TestCheckConnection(t *testing.T) {
	check := func(r *renewing, in workflows.TokenRenewalInput) workflows.CheckConnectionResult {
		t.Helper()
		got, err := r.renewer.CheckConnection(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		r.checkSecrets(got)
		return got
	}
	update := func(r *renewing, account string, u meta.AccountUpdate) {
		t.Helper()
		if err := r.UpdateAccount(account, u); err != nil {
			t.Fatal(err)
		}
	}
	r := newRenewing(t, time.Hour, 0, func() time.Time { return noon })
	for _, in := range []workflows.TokenRenewalInput{renewedAccount, renewedPage} {
		if got := check(r, in); got.Subscribed != nil || got.MissingPermissions != nil || got.TokenRejected || got.Detail != "" {
			t.Errorf("nothing is wrong with %s: %+v", in.Account, got)
		}
		update(r, in.Account, meta.AccountUpdate{Fields: &[]string{"messages"}})
		fields := slices.DeleteFunc(slices.Clone(in.Platform.Facts().WebhookFields), func(f string) bool { return f == "messages" })
		if got := check(r, in); !slices.Equal(got.Subscribed, fields) {
			t.Errorf("%s: subscribed again are %v, want %v", in.Account, got.Subscribed, fields)
		}
		update(r, in.Account, meta.AccountUpdate{Fields: &[]string{}})
		if got := check(r, in); !slices.Equal(got.Subscribed, in.Platform.Facts().WebhookFields) {
			t.Errorf("%s: subscribed again are %v", in.Account, got.Subscribed)
		}
		if got := check(r, in); got.Subscribed != nil {
			t.Errorf("%s: and again %v", in.Account, got.Subscribed)
		}
	}
	update(r, renewedPage.Account, meta.AccountUpdate{Permissions: &[]string{"pages_manage_metadata", "pages_read_engagement", "pages_show_list"}})
	if got := check(r, renewedPage); !slices.Equal(got.MissingPermissions, []string{"pages_messaging"}) {
		t.Errorf("%+v", got)
	}
	for _, in := range []workflows.TokenRenewalInput{renewedAccount, renewedPage} {
		update(r, in.Account, meta.AccountUpdate{TokenState: new(meta.TokenAppRemoved)})
		if got := check(r, in); !got.TokenRejected || !strings.Contains(got.Detail, "connect the account again") {
			t.Errorf("%s: %+v", in.Account, got)
		}
	}
	if _, err := r.renewer.CheckConnection(t.Context(), workflows.TokenRenewalInput{Platform: privatereply.Facebook, Account: "404"}); err == nil || !strings.Contains(err.Error(), "not connected") {
		t.Errorf("an account that is gone: %v", err)
	}
}

package e2e

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/accountstatus"
	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/internal/doctor"
	"github.com/privatereply/privatereply/lab/harness"
	"github.com/privatereply/privatereply/lab/harness/harnesstest"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/workflows"
)

// shortLife is the life of the token of TestTokenRenewal: it is renewed after forty seconds.
const shortLife = 2 * time.Minute

// renewals is the product with one account that was connected, and what its Schedule found.
type renewals struct {
	*harness.Product
	t      *testing.T
	tokens []string // that were in force
}

// A token with a life of two minutes is renewed by itself, three times in real time on a real
// server. A webhook that Meta removes meanwhile is subscribed again. When Meta stops to renew,
// the result says so before the token ends; and no history holds one of the tokens.
func TestTokenRenewal(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes three minutes, which it mostly waits")
	}
	t.Parallel()
	folder := t.TempDir()
	connectedAccount(t, folder)
	p := harnesstest.New(t, harness.Config{
		AccountsFile: folder, Workers: 1,
		Meta: meta.Config{
			TokenLife: shortLife, App: meta.App{InstagramID: "22", InstagramSecret: instagramSecret},
			Accounts: []meta.Account{{
				Platform: privatereply.Instagram, ID: instagramLogin, Name: "Oak Corner", Login: privatereply.LoginInstagram,
				Token: instagramToken, InstagramAppSecret: instagramSecret, TokenLife: shortLife,
			}},
		},
	})
	harnesstest.Start(t, p.Workers)
	r := &renewals{Product: p, t: t}
	for range 3 {
		r.untilRenewed()
	}

	if err := p.Sandbox.UpdateAccount(instagramLogin, meta.AccountUpdate{Fields: &[]string{"comments"}}); err != nil {
		t.Fatal(err)
	}
	if got := r.untilResult(func(got workflows.TokenRenewalResult) bool { return len(got.Subscribed) > 0 }); !slices.Contains(got.Subscribed, "live_comments") || slices.Contains(got.Subscribed, "comments") {
		t.Errorf("subscribed again are %q", got.Subscribed)
	}

	if _, err := p.Sandbox.AddFault(meta.Fault{Name: "error", Calls: string(meta.OpTokenRefresh), Code: 10}); err != nil {
		t.Fatal(err)
	}
	failed := r.untilResult(func(got workflows.TokenRenewalResult) bool {
		return got.Outcome != workflows.TokenRenewed && got.Outcome != workflows.TokenNotDue
	})
	if early := failed.Outcome == workflows.TokenFailed || failed.Outcome == workflows.TokenTooYoung; !early || failed.Reason != privatereply.NotPermitted || !time.Now().Before(failed.ExpiresAt) {
		t.Errorf("when Meta refuses: %+v", failed)
	}
	r.checkWords()
	if len(r.tokens) < 4 {
		t.Errorf("only %d tokens were in force", len(r.tokens))
	}
	if seen := scanHistories(t, p.Client, append(r.tokens, instagramSecret)); seen < 8 {
		t.Errorf("only %d workflows were looked at", seen)
	}
}

// checkWords expects the desk and the doctor to say, before the token ends, that its renewals
// fail.
func (r *renewals) checkWords() {
	r.t.Helper()
	account, _ := r.Accounts.Get(privatereply.Instagram, instagramLogin)
	status := accountstatus.Reader{Accounts: r.Accounts, Temporal: r.Client, Replies: r.Replies}.Read(r.t.Context(), account)
	if alerts := status.Alerts(time.Now()); len(alerts) == 0 || status.Token.Problem == "" || status.Token.State == accountstatus.TokenEnded {
		r.t.Errorf("the desk says %+v of the token %+v", alerts, status.Token)
	}
	meta, err := r.Graph()
	if err != nil {
		r.t.Fatal(err)
	}
	report := doctor.CheckAccounts(r.t.Context(), doctor.Settings{}, r.Accounts, meta, r.Client, []privatereply.Account{account})
	warned := slices.ContainsFunc(report.Sections[0].Findings, func(f doctor.Finding) bool {
		return f.Check == "renewal" && f.Level == doctor.Warning && f.Repair != ""
	})
	if !warned || time.Now().After(status.Token.ExpiresAt) {
		r.t.Errorf("before the token's end at %v the doctor says %+v", status.Token.ExpiresAt, report)
	}
}

// connectedAccount writes an account as a login does.
func connectedAccount(t *testing.T, folder string) {
	t.Helper()
	accounts, err := config.OpenFolder(folder, config.Connect{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	w, err := accounts.Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer w.Unlock()
	now := time.Now()
	if err := w.WriteToken(privatereply.Instagram, instagramLogin, config.NewToken(instagramToken, now, shortLife)); err != nil {
		t.Fatal(err)
	}
	account := privatereply.Account{Platform: privatereply.Instagram, ID: instagramLogin, Name: "Oak Corner", Login: privatereply.LoginInstagram}
	if err := w.WriteAccount(account, "26000000000000001", now); err != nil {
		t.Fatal(err)
	}
}

// remember notes the token in force, and returns when it was issued. It must not have ended.
func (r *renewals) remember() time.Time {
	r.t.Helper()
	facts, err := r.Accounts.Token(privatereply.Instagram, instagramLogin)
	if err != nil {
		r.t.Fatal(err)
	}
	secrets, err := r.Accounts.Secrets(privatereply.Instagram, instagramLogin)
	if err != nil {
		r.t.Fatal(err)
	}
	if !slices.Contains(r.tokens, secrets.Token) {
		r.tokens = append(r.tokens, secrets.Token)
	}
	return facts.IssuedAt
}

// untilRenewed waits for the next renewal, which comes before the token's end.
func (r *renewals) untilRenewed() {
	r.t.Helper()
	was := r.remember()
	r.until(shortLife, func() bool { return r.remember().After(was) })
}

// untilResult waits for a result of the Schedule.
func (r *renewals) untilResult(is func(workflows.TokenRenewalResult) bool) (last workflows.TokenRenewalResult) {
	r.t.Helper()
	r.until(shortLife+time.Minute, func() bool {
		r.remember()
		last = r.last()
		return is(last)
	})
	return last
}

// last is the result of the newest run that has ended.
func (r *renewals) last() (result workflows.TokenRenewalResult) {
	r.t.Helper()
	id, err := privatereply.TokenRenewalID(privatereply.Instagram, instagramLogin)
	if err != nil {
		r.t.Fatal(err)
	}
	is, err := r.Client.ScheduleClient().GetHandle(r.t.Context(), id).Describe(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	for _, action := range slices.Backward(is.Info.RecentActions) {
		if started := action.StartWorkflowResult; started != nil {
			ctx, cancel := context.WithTimeout(r.t.Context(), 15*time.Second)
			defer cancel()
			if err := r.Client.GetWorkflow(ctx, started.WorkflowID, started.FirstExecutionRunID).Get(ctx, &result); err != nil {
				r.t.Fatal(err)
			}
			break
		}
	}
	return result
}

func (r *renewals) until(limit time.Duration, reached func() bool) {
	r.t.Helper()
	for end := time.Now().Add(limit); !reached(); time.Sleep(500 * time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("not reached within %v; the last run said %+v", limit, r.last())
		}
	}
}

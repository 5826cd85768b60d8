package workflows

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/privatereply/privatereply"
)

// renewalScript answers the activities of a TokenRenewal.
type renewalScript struct {
	token   TokenTimes
	unread  error
	renewed RenewTokenResult
	refused error
	found   CheckConnectionResult
	unasked error

	renewals []RenewTokenInput
	checks   int
}

func (s *renewalScript) ReadToken(context.Context, TokenRenewalInput) (TokenTimes, error) {
	return s.token, s.unread
}

func (s *renewalScript) RenewToken(_ context.Context, in RenewTokenInput) (RenewTokenResult, error) {
	s.renewals = append(s.renewals, in)
	return s.renewed, s.refused
}

func (s *renewalScript) CheckConnection(context.Context, TokenRenewalInput) (CheckConnectionResult, error) {
	s.checks++
	return s.found, s.unasked
}

// A renewal goes by the token's times, never fails itself, and says what to do; webhooks and
// permissions are looked at whatever became of the token, unless it is over.
func TestTokenRenewal(t *testing.T) {
	const day = 24 * time.Hour
	life := func(since time.Duration) TokenTimes { // of 60 days, some time ago
		return TokenTimes{IssuedAt: start.Add(-since), ExpiresAt: start.Add(60*day - since)}
	}
	fresh := TokenTimes{IssuedAt: start, ExpiresAt: start.Add(60 * day)}
	outage := temporal.NewApplicationError("Meta had a passing fault", string(privatereply.Outage))
	gone := temporal.NewNonRetryableApplicationError("the account is not connected (any more)", string(privatereply.AccountUnknown), nil)
	for _, tc := range []struct {
		name     string
		script   renewalScript
		want     TokenRenewalResult
		renewals int
		checks   int
	}{
		{"not due", renewalScript{token: life(20*day - time.Second), found: CheckConnectionResult{Subscribed: []string{"feed"}}},
			TokenRenewalResult{Outcome: TokenNotDue, ExpiresAt: start.Add(40*day + time.Second), RenewedAt: start.Add(-20*day + time.Second), NextAt: start.Add(time.Second), Subscribed: []string{"feed"}}, 0, 1},
		{"due at a third of its life", renewalScript{token: life(20 * day), renewed: RenewTokenResult{Outcome: TokenRenewed, Token: fresh}},
			TokenRenewalResult{Outcome: TokenRenewed, ExpiresAt: fresh.ExpiresAt, RenewedAt: start, NextAt: start.Add(20 * day)}, 1, 1},
		{"no end", renewalScript{token: TokenTimes{IssuedAt: start.Add(-day)}, found: CheckConnectionResult{MissingPermissions: []string{"pages_messaging"}}},
			TokenRenewalResult{Outcome: TokenNoEnd, RenewedAt: start.Add(-day), MissingPermissions: []string{"pages_messaging"}}, 0, 1},
		{"too late", renewalScript{token: life(60 * day)},
			TokenRenewalResult{Outcome: TokenTooLate, Reason: privatereply.TokenRejected, ExpiresAt: start, RenewedAt: start.Add(-60 * day), Detail: "The token has ended, and Meta renews none that has: connect the account again"}, 0, 0},
		{"too young", renewalScript{token: life(30 * day), renewed: RenewTokenResult{Outcome: TokenTooYoung, Reason: privatereply.BadRequest}},
			TokenRenewalResult{Outcome: TokenTooYoung, Reason: privatereply.BadRequest, ExpiresAt: start.Add(30 * day), RenewedAt: start.Add(-30 * day), NextAt: start.Add(-10 * day)}, 1, 1},
		{"Meta stays down", renewalScript{token: life(30 * day), refused: outage, unasked: outage},
			TokenRenewalResult{Outcome: TokenFailed, Reason: privatereply.Outage, ExpiresAt: start.Add(30 * day), RenewedAt: start.Add(-30 * day), NextAt: start.Add(-10 * day),
				Detail: "Meta had a passing fault. The token that is in force ends at 12:00:00 UTC on 1 Apr 2026; the next run tries again"}, maxRenewalAttempts, maxRenewalAttempts},
		{"the token died before its end", renewalScript{token: life(day), found: CheckConnectionResult{TokenRejected: true, Detail: "connect the account again"}},
			TokenRenewalResult{Outcome: TokenFailed, Reason: privatereply.TokenRejected, ExpiresAt: start.Add(59 * day), RenewedAt: start.Add(-day), NextAt: start.Add(19 * day), Detail: "connect the account again"}, 0, 1},
		{"webhooks cannot be asked for", renewalScript{token: life(day), unasked: outage},
			TokenRenewalResult{Outcome: TokenNotDue, ExpiresAt: start.Add(59 * day), RenewedAt: start.Add(-day), NextAt: start.Add(19 * day), Detail: "Webhooks and permissions could not be checked: Meta had a passing fault"}, 0, maxRenewalAttempts},
		{"disconnected", renewalScript{unread: gone},
			TokenRenewalResult{Outcome: TokenFailed, Reason: privatereply.AccountUnknown, Detail: "the account is not connected (any more)"}, 0, 0},
		{"another error", renewalScript{unread: errors.New("disk full"), unasked: gone},
			TokenRenewalResult{Outcome: TokenFailed, Detail: "disk full"}, 0, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var suite testsuite.WorkflowTestSuite
			env := suite.NewTestWorkflowEnvironment()
			env.SetStartTime(start)
			s := tc.script
			for name, f := range map[string]any{ReadTokenActivity: s.ReadToken, RenewTokenActivity: s.RenewToken, CheckConnectionActivity: s.CheckConnection} {
				env.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name})
			}
			in := TokenRenewalInput{Platform: privatereply.Instagram, Account: "17841400000000002"}
			env.ExecuteWorkflow(TokenRenewal, in)
			var got TokenRenewalResult
			if err := errors.Join(env.GetWorkflowError(), env.GetWorkflowResult(&got)); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" || got.Problem() != tc.want.Detail {
				t.Error(diff)
			}
			if len(s.renewals) != tc.renewals || s.checks != tc.checks {
				t.Errorf("%d renewals and %d checks, want %d and %d", len(s.renewals), s.checks, tc.renewals, tc.checks)
			}
			for _, asked := range s.renewals {
				if asked.TokenRenewalInput != in || !asked.IssuedAt.Equal(s.token.IssuedAt) {
					t.Errorf("asked to renew %+v", asked)
				}
			}
			if details := got.details(); !strings.Contains(details, "**Outcome** "+string(got.Outcome)) || !strings.Contains(details, got.Detail) {
				t.Errorf("the Web UI shows %q", details)
			}
		})
	}
}

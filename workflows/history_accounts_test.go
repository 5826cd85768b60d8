package workflows_test

import (
	"context"
	"testing"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/privatereply/privatereply"
	. "github.com/privatereply/privatereply/workflows"
)

// The histories of renewals replay: of a token that was renewed, of one that is not due, and of
// one whose renewal waits to be tried again.
func TestHistoriesOfTokenRenewal(t *testing.T) {
	s, waits := newTestServer(t), make(chan struct{}, 1)
	const queue = "renewals"
	now := time.Now().UTC()
	s.startWorker(t, queue, TokenRenewal, TokenRenewalType, map[string]any{
		ReadTokenActivity: func(_ context.Context, in TokenRenewalInput) (TokenTimes, error) {
			if in.Account == "young" {
				return TokenTimes{IssuedAt: now, ExpiresAt: now.Add(60 * 24 * time.Hour)}, nil
			}
			return TokenTimes{IssuedAt: now.Add(-30 * 24 * time.Hour), ExpiresAt: now.Add(30 * 24 * time.Hour)}, nil
		},
		RenewTokenActivity: func(_ context.Context, in RenewTokenInput) (RenewTokenResult, error) {
			if in.Account == "throttled" {
				waits <- struct{}{}
				return RenewTokenResult{}, temporal.NewApplicationErrorWithOptions("throttled", "throttled", temporal.ApplicationErrorOptions{NextRetryDelay: time.Hour})
			}
			return RenewTokenResult{Outcome: TokenRenewed, Token: TokenTimes{IssuedAt: now, ExpiresAt: now.Add(60 * 24 * time.Hour)}}, nil
		},
		CheckConnectionActivity: func(context.Context, TokenRenewalInput) (CheckConnectionResult, error) {
			return CheckConnectionResult{Subscribed: []string{"comments"}}, nil
		},
	})
	begin := func(account string) client.WorkflowRun {
		run, err := s.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: "token-" + account, TaskQueue: queue},
			TokenRenewalType, TokenRenewalInput{Platform: privatereply.Instagram, Account: account})
		if err != nil {
			t.Fatal(err)
		}
		return run
	}
	for account, want := range map[string]RenewalOutcome{"old": TokenRenewed, "young": TokenNotDue} {
		run := begin(account)
		var result TokenRenewalResult
		if err := run.Get(t.Context(), &result); err != nil || result.Outcome != want || len(result.Subscribed) != 1 {
			t.Errorf("%s: %+v, %v; want %s", account, result, err, want)
		}
		s.keep(t, "token-renewal-"+string(want), run, TokenRenewal, TokenRenewalType)
	}
	waiting := begin("throttled")
	<-waits
	s.keep(t, "token-renewal-waiting", waiting, TokenRenewal, TokenRenewalType)
}

// The histories of erasures replay: of a person, of a connection, and of one that waits because
// something cannot be read.
func TestHistoriesOfErasure(t *testing.T) {
	s := newTestServer(t)
	const queue = "erasures"
	const unreadable = "UNREADABLEAAAAAAAAAAAAAA"
	removed, disconnected := false, false
	s.startWorker(t, queue, Erasure, ErasureType, map[string]any{
		SearchPersonActivity: func(_ context.Context, in SearchPersonInput) (SearchPersonResult, error) {
			found := SearchPersonResult{Keys: in.Keys}
			switch {
			case in.Keys[0].Key == unreadable:
				found.Unreadable, found.UnreadableRuns = 1, []UnreadableRun{{RunID: "u", Why: "no key"}}
			case !removed:
				found.Runs = []HeldRun{{Kind: "reply", RunID: "r", AccountKey: AccountKey{privatereply.Facebook, "1"}}}
			}
			return found, nil
		},
		RemoveRunsActivity: func(_ context.Context, in RemoveRunsInput) (RemoveRunsResult, error) {
			removed = true
			return RemoveRunsResult{Removed: in.Runs}, nil
		},
		FindConnectionsActivity: func(context.Context, FindConnectionsInput) (FindConnectionsResult, error) {
			if disconnected {
				return FindConnectionsResult{}, nil
			}
			return FindConnectionsResult{Accounts: []AccountKey{{privatereply.Instagram, "2"}}}, nil
		},
		DisconnectAccountActivity: func(context.Context, AccountKey) error {
			disconnected = true
			return nil
		},
		RejectAutomaticActivity: func(context.Context, AccountKey) (RejectAutomaticResult, error) {
			return RejectAutomaticResult{}, nil
		},
	})
	begin := func(code string, scope ErasureScope) client.WorkflowRun {
		in := ErasureInput{Scope: scope, PersonKey: code, RequestedAt: time.Now().UTC()}
		options, err := ErasureOptions(code, queue, in)
		if err != nil {
			t.Fatal(err)
		}
		run, err := s.ExecuteWorkflow(t.Context(), options, ErasureType, in)
		if err != nil {
			t.Fatal(err)
		}
		return run
	}
	for code, scope := range map[string]ErasureScope{"SOMEBODYAAAAAAAAAAAAAAAA": ErasePerson, "CONNECTORAAAAAAAAAAAAAAA": EraseConnection} {
		run := begin(code, scope)
		var status ErasureStatus
		if err := run.Get(t.Context(), &status); err != nil || status.State != ErasureDone || status.Removed != 1 {
			t.Errorf("%s: %+v, %v", scope, status, err)
		}
		s.keep(t, "erasure-"+string(scope), run, Erasure, ErasureType)
	}
	stuck := begin(unreadable, ErasePerson)
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		var status ErasureStatus
		if answer, err := s.QueryWorkflow(t.Context(), stuck.GetID(), "", StatusQuery); err == nil && answer.Get(&status) == nil && status.State == ErasureStuck {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("it is not stuck: %+v", status)
		}
	}
	s.keep(t, "erasure-stuck", stuck, Erasure, ErasureType)
}

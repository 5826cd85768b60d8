package accountstatus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/workflows"
)

const (
	// accountsAtOnce is how many accounts are read at the same time.
	accountsAtOnce = 4
	// readTimeout bounds what is read of one account: a page that shows less is better
	// than one that does not come.
	readTimeout = 10 * time.Second
	// heldSample is how many replies that wait for their next try are asked for the reason.
	heldSample = 3
)

// Reader reads the status of accounts.
type Reader struct {
	Accounts *config.Accounts
	Temporal client.Client
	Replies  *replies.Client
	Now      func() time.Time // nil: time.Now
}

// ReadAll reads the status of each of accounts, in their order. One takes about ten calls to
// Temporal.
func (r Reader) ReadAll(ctx context.Context, accounts []privatereply.Account) []Status {
	all := make([]Status, len(accounts))
	var group errgroup.Group
	group.SetLimit(accountsAtOnce)
	for i, account := range accounts {
		group.Go(func() error { all[i] = r.Read(ctx, account); return nil })
	}
	_ = group.Wait() // what could not be read is in Unread
	return all
}

// Read reads the status of one account.
func (r Reader) Read(ctx context.Context, account privatereply.Account) Status {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	s := &Status{
		Platform: account.Platform, ID: account.ID, Name: account.Name, Login: account.Login, PageID: account.PageID,
		Sweeps: Sweeps{Every: account.SweepEvery}, Sends: Sends{PostsPerHour: account.PostsPerHour},
	}
	r.readToken(s)
	for _, step := range []struct {
		what string
		read func(context.Context, privatereply.Account, *Status) error
	}{
		{"the token's last renewal", r.readRenewal},
		{"the sweeps", r.readSweeps},
		{"the newest reply", r.readNewest},
		{"the waiting replies", r.readWaiting},
		{"what holds replies back", r.readHeld},
	} {
		if err := step.read(ctx, account, s); err != nil {
			s.Unread = append(s.Unread, fmt.Sprintf("%s could not be read: %v", step.what, err))
		}
	}
	return *s
}

// ReadToken reads what is known of an account's token, which takes two calls to Temporal. The
// rest of the Status is empty.
func (r Reader) ReadToken(ctx context.Context, account privatereply.Account) Status {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	s := Status{Platform: account.Platform, ID: account.ID, Name: account.Name, Login: account.Login, PageID: account.PageID}
	r.readToken(&s)
	if err := r.readRenewal(ctx, account, &s); err != nil {
		s.Unread = append(s.Unread, fmt.Sprintf("the token's last renewal could not be read: %v", err))
	}
	return s
}

// soon is how long before its end a token is said to end soon: 14 days, or half of a
// shorter life.
func soon(facts config.TokenFacts) time.Duration {
	const fortnight = 14 * 24 * time.Hour
	if life := facts.ExpiresAt.Sub(facts.IssuedAt); !facts.IssuedAt.IsZero() && life > 0 {
		return min(fortnight, life/2)
	}
	return fortnight
}

func (r Reader) now() time.Time {
	if r.Now != nil {
		return r.Now()
	}
	return time.Now()
}

func (r Reader) readToken(s *Status) {
	facts, err := r.Accounts.Token(s.Platform, s.ID)
	s.Connected, s.ConnectedAt = facts.Connected, facts.ConnectedAt
	s.Token.ExpiresAt, s.Token.IssuedAt = facts.ExpiresAt, facts.IssuedAt
	const again = "connect the account again"
	switch left := facts.ExpiresAt.Sub(r.now()); {
	case err != nil:
		s.Token.State, s.Token.Problem = TokenMissing, err.Error()
	case facts.ExpiresAt.IsZero() && (facts.Connected || s.Login == privatereply.LoginFacebook):
		s.Token.State = TokenGood // a Page token has no end
	case facts.ExpiresAt.IsZero():
		s.Token.State = TokenUnknown
		s.Token.Problem = "it lives 60 days, and nobody renews a token of accounts.yaml: connect the account, then it is renewed by itself"
	case left <= 0:
		s.Token.State, s.Token.Problem = TokenEnded, "it has ended, and Meta renews no token that has: "+again
	case left <= soon(facts):
		s.Token.State = TokenEndsSoon
	default:
		s.Token.State = TokenGood
	}
}

// readRenewal reads what the account's last renewal workflow found.
func (r Reader) readRenewal(ctx context.Context, account privatereply.Account, s *Status) error {
	result, at, err := LastRenewal(ctx, r.Temporal, account)
	if err != nil || at.IsZero() {
		return err
	}
	s.Token.CheckedAt, s.Webhooks.CheckedAt = at, at
	s.Token.LastRenewal, s.Token.LastReason = string(result.Outcome), result.Reason
	s.Token.MissingPermissions, s.Webhooks.Resubscribed = result.MissingPermissions, result.Subscribed
	if problem := result.Problem(); problem != "" && s.Token.Problem == "" {
		s.Token.Problem = problem
	}
	return nil
}

// LastRenewal is the result of the account's last renewal workflow, and when it began; zero:
// there was none, because no token of the account ends or no worker has run since it was
// connected.
func LastRenewal(ctx context.Context, c client.Client, account privatereply.Account) (result workflows.TokenRenewalResult, at time.Time, err error) {
	id, err := privatereply.TokenRenewalID(account.Platform, account.ID)
	if err != nil {
		return result, at, err
	}
	is, err := c.ScheduleClient().GetHandle(ctx, id).Describe(ctx)
	if isNotFound(err) {
		return result, at, nil
	}
	if err != nil {
		return result, at, err
	}
	last := lastEnded(is)
	if last == nil {
		return result, at, nil
	}
	err = c.GetWorkflow(ctx, last.StartWorkflowResult.WorkflowID, last.StartWorkflowResult.FirstExecutionRunID).Get(ctx, &result)
	return result, last.ActualTime, err
}

// lastEnded is the newest action of a Schedule whose workflow does not run any more; nil:
// there is none.
func lastEnded(is *client.ScheduleDescription) *client.ScheduleActionResult {
	for _, action := range slices.Backward(is.Info.RecentActions) {
		started := action.StartWorkflowResult
		if started == nil || slices.ContainsFunc(is.Info.RunningWorkflows, func(w client.ScheduleWorkflowExecution) bool {
			return w.WorkflowID == started.WorkflowID
		}) {
			continue
		}
		return &action
	}
	return nil
}

func (r Reader) readSweeps(ctx context.Context, account privatereply.Account, s *Status) error {
	id, err := privatereply.SweepID(account.Platform, account.ID)
	if err != nil {
		return err
	}
	is, err := r.Temporal.ScheduleClient().GetHandle(ctx, id).Describe(ctx)
	if isNotFound(err) {
		return errors.New("their Schedule does not exist yet: a worker makes it within a minute")
	}
	if err != nil {
		return err
	}
	if is.Schedule.State.Paused {
		s.Sweeps.Paused = is.Schedule.State.Note
	}
	if next := is.Info.NextActionTimes; len(next) > 0 && s.Sweeps.Paused == "" {
		s.Sweeps.NextAt = next[0]
	}
	last := lastEnded(is)
	if last == nil {
		return nil
	}
	s.Sweeps.LastAt = last.ActualTime
	var status workflows.SweepStatus
	// A pass that failed or was ended is told as such; its reason is in the Web UI.
	s.Sweeps.Failed = r.Temporal.GetWorkflow(ctx, last.StartWorkflowResult.WorkflowID, "").Get(ctx, &status) != nil
	s.Sweeps.Last = status.SweepCounts
	return nil
}

func (r Reader) readNewest(ctx context.Context, account privatereply.Account, s *Status) error {
	rows, _, err := r.Replies.Page(ctx, replies.Filter{Account: account.ID}, 1, nil)
	if err == nil && len(rows) > 0 {
		s.Webhooks.LastReplyAt = rows[0].StartedAt
	}
	return err
}

func (r Reader) readWaiting(ctx context.Context, account privatereply.Account, s *Status) (err error) {
	if s.Waiting, err = r.Replies.Forecast(ctx, replies.Filter{Account: account.ID, Running: true}, account.PostsPerHour/time.Hour.Seconds()); err != nil {
		return err
	}
	s.Sends.SentLastHour, err = r.Replies.Count(ctx, replies.Filter{
		Account: account.ID, StartedFrom: r.now().Add(-time.Hour),
		States: []privatereply.State{privatereply.Sent, privatereply.Responded, privatereply.WindowClosed, privatereply.NoResponse},
	})
	return err
}

// readHeld asks some of the replies that wait for their next try what Meta said.
func (r Reader) readHeld(ctx context.Context, account privatereply.Account, s *Status) error {
	if s.Waiting.Sending == 0 {
		return nil
	}
	rows, err := r.Replies.Earliest(ctx, replies.Filter{Account: account.ID, Running: true, States: []privatereply.State{privatereply.Sending}}, heldSample)
	if err != nil {
		return err
	}
	for _, row := range rows {
		status, err := r.Replies.Status(ctx, row.ID)
		if err != nil {
			return err
		}
		send := status.Send
		if send == nil || send.Reason == "" || send.RetryAt.IsZero() {
			continue
		}
		if s.Sends.Held == nil || send.RetryAt.Before(s.Sends.Held.NextTry) {
			s.Sends.Held = &Held{Reason: send.Reason, Code: send.Code, Subcode: send.Subcode, NextTry: send.RetryAt}
		}
	}
	return nil
}

func isNotFound(err error) bool {
	var none *serviceerror.NotFound
	return errors.As(err, &none)
}

package activities

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/graph"
	"github.com/privatereply/privatereply/internal/routing"
	"github.com/privatereply/privatereply/workflows"
)

// inboxDelay is how much further back than the last pass conversations are read: a
// message can be in Meta's inbox later than its own time.
const inboxDelay = 10 * time.Minute

// SweepConversations reads the conversations that have changed and tells each person's
// Conversation of the newest message, as the webhook that was missed would have. One that
// it knows changes nothing there. A next attempt begins afresh.
func (s *Sweeper) SweepConversations(ctx context.Context, in workflows.SweepConversationsInput) (workflows.SweepConversationsResult, error) {
	var swept workflows.SweepConversationsResult
	cred, err := s.accounts.Credentials(in.Platform, in.Account)
	reads := readPacer{s.pacer, cred.Account, s.now}
	if err != nil {
		return swept, reads.retryError(ctx, err)
	}
	since := s.now().Add(-replyWindow(cred.Account))
	if changed := in.ChangedSince.Add(-inboxDelay); changed.After(since) {
		since = changed
	}
	own, err := s.accountIDs(ctx, cred)
	if err != nil {
		return swept, reads.retryError(ctx, err)
	}
	query := graph.ConversationQuery{UpdatedSince: since, BeforeRequest: func(ctx context.Context) error {
		activity.RecordHeartbeat(ctx)
		return reads.wait(ctx)
	}}
	for c, err := range s.graph.Conversations(ctx, cred, query) {
		if err != nil {
			return swept, reads.retryError(ctx, err)
		}
		swept.Conversations++
		m, ok := newestFromPerson(c, own)
		if !ok || m.At.Before(since) {
			continue
		}
		if err := s.routeMessage(ctx, cred.Account, m); err != nil {
			return swept, err
		}
		swept.Messages++
	}
	return swept, nil
}

// replyWindow is how long a message of a person lets the account write.
func replyWindow(a privatereply.Account) time.Duration {
	if a.HumanAgent {
		return privatereply.HumanAgentWindow
	}
	return privatereply.StandardWindow
}

// accountIDs are the ids under which the account stands in its conversations. On Instagram
// Login that is one that no webhook shows.
func (s *Sweeper) accountIDs(ctx context.Context, cred graph.Credentials) ([]string, error) {
	ids := []string{cred.Account.ID, cred.Account.PageID}
	if cred.Account.Login == privatereply.LoginInstagram {
		me, err := s.graph.Me(ctx, cred)
		if err != nil {
			return nil, err
		}
		ids = append(ids, me.ID, me.UserID)
	}
	return ids, nil
}

// newestFromPerson is the newest message in c that the account did not write.
func newestFromPerson(c graph.Conversation, accountIDs []string) (graph.Message, bool) {
	for _, m := range c.Messages { // newest first
		if m.ID != "" && m.FromID != "" && !m.At.IsZero() && !slices.Contains(accountIDs, m.FromID) {
			return m, true
		}
	}
	return graph.Message{}, false
}

func (s *Sweeper) routeMessage(ctx context.Context, account privatereply.Account, m graph.Message) error {
	arrival := workflows.InboundEvent{
		Event: privatereply.Event{Message: &privatereply.PersonMessage{
			Platform: account.Platform, Account: account.ID, PersonID: m.FromID, MessageID: m.ID, At: m.At, ReceivedAt: s.now().UTC(),
		}},
		HumanAgent: account.HumanAgent, RepliedOnly: account.RepliedOnly,
	}
	err := s.router.Route(ctx, []workflows.InboundEvent{arrival}, 1, func(int, routing.Result) {})
	if err != nil {
		return fmt.Errorf("tell of a message: %w", err)
	}
	return nil
}

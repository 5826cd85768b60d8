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

// changedMargin is how much further back than the last pass conversations are read: a
// message can be in Meta's inbox later than its own time.
const changedMargin = 10 * time.Minute

// SweepConversations reads the conversations that have changed and tells each person's
// Conversation of the newest message, as the webhook that was missed would have. One that
// it knows changes nothing there. A next attempt begins afresh.
func (s *Sweeper) SweepConversations(ctx context.Context, in workflows.SweepConversationsInput) (workflows.SweepConversationsResult, error) {
	var swept workflows.SweepConversationsResult
	cred, err := s.accounts.Credentials(in.Platform, in.Account)
	reads := reads{s.pacer, cred.Account, s.now}
	if err != nil {
		return swept, reads.later(ctx, err)
	}
	since := s.now().Add(-window(cred.Account))
	if changed := in.ChangedSince.Add(-changedMargin); changed.After(since) {
		since = changed
	}
	own, err := s.ownIDs(ctx, cred)
	if err != nil {
		return swept, reads.later(ctx, err)
	}
	query := graph.ConversationQuery{UpdatedSince: since, BeforeRequest: func(ctx context.Context) error {
		activity.RecordHeartbeat(ctx)
		return reads.turn(ctx)
	}}
	for c, err := range s.graph.Conversations(ctx, cred, query) {
		if err != nil {
			return swept, reads.later(ctx, err)
		}
		swept.Conversations++
		m, ok := newestOfPerson(c, own)
		if !ok || m.At.Before(since) {
			continue
		}
		if err := s.tell(ctx, cred.Account, m); err != nil {
			return swept, err
		}
		swept.Messages++
	}
	return swept, nil
}

// window is how long a message of a person lets the account write.
func window(a privatereply.Account) time.Duration {
	if a.HumanAgent {
		return privatereply.HumanAgentWindow
	}
	return privatereply.StandardWindow
}

// ownIDs are the ids under which the account stands in its conversations. On Instagram
// Login that is one that no webhook shows.
func (s *Sweeper) ownIDs(ctx context.Context, cred graph.Credentials) ([]string, error) {
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

// newestOfPerson is the newest message in c that the account did not write.
func newestOfPerson(c graph.Conversation, own []string) (graph.Message, bool) {
	for _, m := range c.Messages { // newest first
		if m.ID != "" && m.FromID != "" && !m.At.IsZero() && !slices.Contains(own, m.FromID) {
			return m, true
		}
	}
	return graph.Message{}, false
}

func (s *Sweeper) tell(ctx context.Context, account privatereply.Account, m graph.Message) error {
	arrival := workflows.InboundEvent{
		Event: privatereply.Event{Message: &privatereply.PersonMessage{
			Platform: account.Platform, Account: account.ID, PersonID: m.FromID, MessageID: m.ID, At: m.At, ReceivedAt: s.now().UTC(),
		}},
		HumanAgent: account.HumanAgent, RepliedOnly: account.RepliedOnly,
	}
	err := s.placer.Route(ctx, []workflows.InboundEvent{arrival}, 1, func(int, routing.Result) {})
	if err != nil {
		return fmt.Errorf("tell of a message: %w", err)
	}
	return nil
}

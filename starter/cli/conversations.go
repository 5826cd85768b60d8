package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/time/rate"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/graph"
	"github.com/privatereply/privatereply/internal/console"
)

// defaultConversations is how many conversations are read: a page of Meta's.
const defaultConversations = 25

func newConversations() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "conversations ACCOUNT",
		Short: "Read an account's conversations from Meta",
		Long: `Read the conversations of a Facebook Page or an Instagram account from Meta, those with
the newest messages first, each with its newest messages. ACCOUNT is an id, or a name in
the accounts file. With --person only that person's conversation is read, and shown
message by message. --json has the messages of all of them.

Instagram tells about the 20 newest messages of a conversation; of older ones only the
ids are known. Meta allows two of these requests a second, so long lists take a while.`,
		Example: `  starter conversations 100000000000001
  starter conversations 17841400000000001 --person 6000000000000001
  starter conversations 100000000000001 --limit 200 --json`,
		Args:    Args(1, 1, "an ACCOUNT"),
		GroupID: groupInspect,
	}
	person := cmd.Flags().String("person", "", "only the conversation with the person of this id")
	limit := cmd.Flags().Int("limit", defaultConversations, "at most so many conversations")
	asJSON := JSONFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *limit < 1 {
			return fmt.Errorf("--limit is %d; write a number from 1", *limit)
		}
		m, err := openMetaAccount(cmd, args[0], rateLimitedTransport{rate.NewLimiter(conversationCallsPerSecond, conversationCallsPerSecond)})
		if err != nil {
			return err
		}
		all, err := m.conversations(cmd.Context(), graph.ConversationQuery{PersonID: *person, Limit: *limit})
		if err != nil {
			return err
		}
		out := cmd.OutOrStdout()
		switch {
		case *asJSON:
			return WriteJSON(out, all)
		case len(all) == 0 && *person != "":
			fmt.Fprintf(out, "no conversation with %s\n", *person)
			return nil
		case len(all) == 0:
			fmt.Fprintln(out, "no conversations")
			return nil
		case *person != "":
			return messageTable(all).Write(out)
		}
		return conversationTable(all).Write(out)
	}
	return cmd
}

// conversation is a conversation as Meta has it, with the account told from the people.
type conversation struct {
	ID        string        `json:"id"` // t_… on a Page
	UpdatedAt time.Time     `json:"updated_at,omitzero"`
	People    []participant `json:"people"`
	Messages  []message     `json:"messages"` // the newest first
}

type participant struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
}

type message struct {
	ID          string    `json:"id"`
	FromID      string    `json:"from_id,omitempty"`
	FromAccount bool      `json:"from_account"`
	Text        string    `json:"text,omitempty"`
	At          time.Time `json:"at,omitzero"` // Meta tells whole seconds
}

const (
	// readInterval lies between two calls: Meta allows two a second for an account.
	readInterval = 600 * time.Millisecond
	// maxThrottledTries is how often Meta is asked while a worker asks it, too.
	maxThrottledTries = 5
)

func (m metaAccount) conversations(ctx context.Context, q graph.ConversationQuery) ([]conversation, error) {
	q.BeforeRequest = rate.NewLimiter(rate.Every(readInterval), 1).Wait
	var all []conversation
	err := retryThrottled(ctx, func() (err error) {
		all, err = m.readConversations(ctx, q)
		return err
	})
	return all, err
}

// retryThrottled repeats a call that Meta refused because of its rate: that proves that
// nothing was done.
func retryThrottled(ctx context.Context, call func() error) error {
	for try := 1; ; try++ {
		err := call()
		var refused *graph.Error
		if !errors.As(err, &refused) || refused.Class != graph.Throttled || try == maxThrottledTries {
			return err
		}
		select {
		case <-time.After(2 * readInterval):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (m metaAccount) readConversations(ctx context.Context, q graph.ConversationQuery) ([]conversation, error) {
	all := []conversation{} // [] rather than null
	for c, err := range m.graph.Conversations(ctx, m.cred, q) {
		if err != nil {
			return nil, err
		}
		all = append(all, newConversation(m.cred.Account, c, q.PersonID))
	}
	return all, nil
}

// newConversation tells the account from the people by its ids, or, where Meta gives it one
// that no webhook shows, by not being the person that was asked for.
func newConversation(account privatereply.Account, c graph.Conversation, person string) conversation {
	isAccount := func(id string) bool { return account.IsSelf(id) || person != "" && id != "" && id != person }
	t := conversation{ID: c.ID, UpdatedAt: c.UpdatedAt, People: []participant{}, Messages: []message{}}
	for _, p := range c.Participants {
		if !isAccount(p.ID) {
			t.People = append(t.People, participant(p))
		}
	}
	for _, m := range c.Messages {
		t.Messages = append(t.Messages, message{ID: m.ID, FromID: m.FromID, FromAccount: isAccount(m.FromID), Text: m.Text, At: m.At})
	}
	return t
}

// conversationTable shows a conversation on a line, and under it its newest message.
func conversationTable(all []conversation) *console.Table {
	t := console.NewTable([]int{1, 3}, "UPDATED", "WITH", "PERSON", "CONVERSATION")
	for _, c := range all {
		var names, ids []string
		for _, p := range c.People {
			names, ids = append(names, cmp.Or(p.Name, "somebody")), append(ids, p.ID)
		}
		newest := ""
		if len(c.Messages) > 0 {
			newest = c.Messages[0].line(c.People)
		}
		t.Row(newest, timeCell(c.UpdatedAt), strings.Join(names, ", "), strings.Join(ids, ", "), c.ID)
	}
	return t
}

// messageTable shows the messages of conversations, the oldest first, as they are read.
func messageTable(all []conversation) *console.Table {
	t := console.NewTable([]int{1}, "WRITTEN", "MESSAGE")
	for _, c := range all {
		for _, m := range slices.Backward(c.Messages) {
			t.Row("", timeCell(m.At), m.line(c.People))
		}
	}
	return t
}

// line is who wrote a message, and what.
func (m message) line(people []participant) string {
	who := "somebody"
	for _, p := range people {
		if p.ID == m.FromID && p.Name != "" {
			who = p.Name
		}
	}
	if m.FromAccount {
		who = "the account"
	}
	return who + ": " + cmp.Or(quotedCell(m.Text), "(no text)")
}

package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/time/rate"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/graph"
	"github.com/privatereply/privatereply/internal/console"
	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/workflows"
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
message by message, with all words. --json has the messages of all of them.

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
			return writeMessages(out, all)
		}
		table := conversationTable(all)
		if !isTerminal(out) {
			table.Uncut()
		}
		return table.Write(out)
	}
	return cmd
}

// conversation is a conversation as Meta has it, with its people apart from the account.
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
	At          time.Time `json:"at,omitzero"` // in seconds
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
			newest = c.Messages[0].words(c.People)
		}
		t.Row(newest, timeCell(c.UpdatedAt), strings.Join(names, ", "), strings.Join(ids, ", "), c.ID)
	}
	return t
}

// writeMessages shows the messages of conversations, the oldest first, as they are read, and
// whole.
func writeMessages(out io.Writer, all []conversation) error {
	f := &console.Facts{}
	for _, c := range all {
		for _, m := range slices.Backward(c.Messages) {
			f.Add(timeCell(m.At), "%s", m.words(c.People))
		}
	}
	return f.Write(out)
}

// words is who wrote a message, and what.
func (m message) words(people []participant) string {
	who := "somebody"
	for _, p := range people {
		if p.ID == m.FromID && p.Name != "" {
			who = p.Name
		}
	}
	if m.FromAccount {
		who = "the account"
	}
	text := "(no text)"
	if words := console.Sanitize(m.Text); words != "" {
		text = "“" + words + "”"
	}
	return who + ": " + text
}

func newReply() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "reply ID --text TEXT",
		Short: "Write to a person while the conversation's window is open",
		Long: `Send a follow-up in the conversation of a reply, which is named by the reply's id or its
comment's, or by the conversation's own workflow id
(conversation:<platform>:<account>:<person>). It can be sent for 24 hours after the
person's newest message. With --human-agent it can be sent for 7 days, where the
account has Meta's Human Agent feature: then a person must have written it.

A Facebook Page's conversation can also be named by Meta's own id (t_…), which
starter conversations shows; --account then says whose it is. Such a message goes to
Meta directly: the product does not check the window first (Meta refuses it outside),
keeps no record of it, and never repeats it. It has neither buttons nor quick replies.

` + messageHelp,
		Example: `  starter reply 18000000000000001 --text "It ships on Monday."
  starter reply 18000000000000001 --text "Which size?" --quick-reply "Small" --quick-reply "Large"
  starter reply conversation:instagram:17841400000000001:6000000000000001 --text "It ships on Monday."
  starter reply t_1000000000000001 --account 100000000000001 --text "It ships on Monday."`,
		Args:    Args(1, 1, "an ID"),
		GroupID: groupDecide,
	}
	text := cmd.Flags().String("text", "", "what to write (required)")
	more := tappableFlags(cmd)
	humanAgent := cmd.Flags().Bool("human-agent", false, "a person wrote this: send it with Meta's HUMAN_AGENT tag once the 24 hours are over")
	who := cmd.Flags().String("agent", "", "who writes (default: PRIVATEREPLY_APPROVER, else your user name)")
	account := cmd.Flags().String("account", "", "whose conversation it is, for Meta's t_… id")
	asJSON := JSONFlag(cmd)
	followUp := WithSession(func(ctx context.Context, s *Session, cmd *cobra.Command, args []string) error {
		parts, err := more.read()
		if err != nil {
			return err
		}
		conversation, err := s.conversationID(ctx, args[0])
		if err != nil {
			return err
		}
		agent, err := s.approver(*who)
		if err != nil {
			return err
		}
		message := workflows.FollowUp{Agent: agent, Text: *text, Buttons: parts.buttons, QuickReplies: parts.quickReplies, HumanAgent: *humanAgent}
		answer, err := s.replies.FollowUp(ctx, conversation, s.updateID, message)
		if err != nil {
			return explainError(err, conversation)
		}
		if *asJSON {
			if err := WriteJSON(cmd.OutOrStdout(), answer); err != nil {
				return err
			}
		}
		switch {
		case answer.State != privatereply.OutcomeSent && *asJSON:
			return ErrReported
		case answer.State == privatereply.OutcomeUnknown:
			return fmt.Errorf("it is not known whether Meta delivered it. %s Look into the account's inbox before you write again", answer.Reason.Sentence())
		case answer.State != privatereply.OutcomeSent:
			return fmt.Errorf("not sent. %s", answer.Reason.Sentence())
		case !*asJSON:
			fmt.Fprintf(cmd.OutOrStdout(), "%s: sent, message %s\n", conversation, answer.MessageID)
		}
		return nil
	})
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case *text == "":
			return errors.New(`--text is missing: say what to write, as in --text "It ships on Monday."`)
		case !isMetaConversationID(args[0]):
			return followUp(cmd, args)
		case len(more.buttons)+len(more.quickReplies) > 0:
			return errors.New("--button and --quick-reply need the conversation's workflow id: nothing would answer a tap in a t_… conversation")
		case *humanAgent:
			return errors.New("--human-agent needs the conversation's workflow id: Meta takes no tag for a t_… id")
		}
		return replyInConversation(cmd, args[0], *account, *text, *asJSON)
	}
	return cmd
}

// conversationID is the conversation that arg names, or that the reply which arg names has
// opened.
func (s *Session) conversationID(ctx context.Context, arg string) (string, error) {
	if id, ok := privatereply.ParseID(arg); ok && id.Kind == "conversation" {
		return arg, nil
	}
	id, err := s.replyID(ctx, arg)
	if err != nil {
		return "", err
	}
	status, err := s.replies.Status(ctx, id)
	if err != nil {
		return "", explainError(err, id)
	}
	conversation, ok := replies.ConversationID(status)
	if !ok {
		return "", fmt.Errorf("%s has no conversation: nobody knows its person", id)
	}
	return conversation, nil
}

// isMetaConversationID reports whether id is a Page's conversation as Meta names it.
func isMetaConversationID(id string) bool { return strings.HasPrefix(id, "t_") }

// replyInConversation writes into a Page's conversation at Meta, past the product: there
// is no window to check, no record, and no repeat but after a throttle, because nothing
// at Meta keeps a repeat from being delivered too.
func replyInConversation(cmd *cobra.Command, thread, account, text string, asJSON bool) error {
	if account == "" {
		return fmt.Errorf("--account is missing: %s says nothing about whose conversation it is", thread)
	}
	m, err := openMetaAccount(cmd, account, nil)
	if err != nil {
		return err
	}
	if a := m.cred.Account; !a.Platform.Facts().WriteByThread {
		return fmt.Errorf("account %s is on %s: only a Facebook Page's conversation can be written to by Meta's id; give the conversation's workflow id (conversation:<platform>:<account>:<person>)", a.ID, a.Platform)
	}
	if err := privatereply.CheckText(m.cred.Account.Platform, text); err != nil {
		return fmt.Errorf("--text: %w", err)
	}
	var receipt graph.SendResult
	err = retryThrottled(cmd.Context(), func() (err error) {
		receipt, err = m.graph.ReplyInConversation(cmd.Context(), m.cred, thread, text)
		return err
	})
	answer := workflows.FollowUpResult{State: privatereply.OutcomeSent, MessageID: receipt.MessageID}
	if err != nil {
		answer = failedResult(err)
	}
	if asJSON {
		if err := WriteJSON(cmd.OutOrStdout(), answer); err != nil {
			return err
		}
	}
	switch {
	case err != nil && asJSON:
		return ErrReported
	case answer.State == privatereply.OutcomeUnknown:
		return fmt.Errorf("it is not known whether Meta delivered it: %w. Look into the Page's inbox before you write again", err)
	case err != nil:
		return fmt.Errorf("not sent: %w", err)
	case !asJSON:
		fmt.Fprintf(cmd.OutOrStdout(), "%s: sent, message %s\n", thread, answer.MessageID)
	}
	return nil
}

// failedResult says what a failed call proves.
func failedResult(err error) workflows.FollowUpResult {
	var failed *graph.Error
	if !errors.As(err, &failed) {
		return workflows.FollowUpResult{State: privatereply.OutcomeUnknown, Reason: privatereply.NoAnswer}
	}
	if failed.MayHaveDelivered {
		return workflows.FollowUpResult{State: privatereply.OutcomeUnknown, Reason: failed.Reason}
	}
	return workflows.FollowUpResult{State: privatereply.OutcomeRefused, Reason: failed.Reason}
}

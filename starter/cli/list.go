package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/console"
	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/workflows"
)

// defaultRows is how many replies a list shows.
const defaultRows = 50

func newList() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List replies, the earliest deadline first",
		Long: `List the replies that are not over, the earliest deadline first; with --state those
in the states given, and with --effect those beside whose reply something has happened, in
any state. The states are, in the order of a reply's life:
` + stateList() + `
Lists show what Temporal's visibility store knows, which may be a second behind. A reply
that waits before its send, for its account's pace or for Meta, shows when it is tried;
"too late" is after its deadline: see ` + "`starter forecast`" + `.`,
		Example: `  starter list --state awaiting_approval
  starter list --state delivery_unknown,undeliverable --account 17841400000000001
  starter list --effect tapped
  starter list --json --limit 1000 | jq '.[].id'`,
		Args:    Args(0, 0, ""),
		GroupID: groupInspect,
	}
	states := cmd.Flags().StringSlice("state", nil, "only these states, separated by commas")
	effects := cmd.Flags().StringSlice("effect", nil, "only those beside whose reply one of these has happened: "+strings.Join(workflows.Effects, ", "))
	account := cmd.Flags().String("account", "", "only this account: its id, or its name in the accounts file")
	limit := cmd.Flags().Int("limit", defaultRows, "at most so many")
	asJSON := JSONFlag(cmd)
	cmd.RunE = WithSession(func(ctx context.Context, s *Session, cmd *cobra.Command, _ []string) error {
		if *limit < 1 {
			return fmt.Errorf("--limit is %d; write a number from 1", *limit)
		}
		wanted, err := listStates(*states)
		if err != nil {
			return err
		}
		happened, err := listEffects(*effects)
		if err != nil {
			return err
		}
		if len(happened) > 0 && len(*states) == 0 {
			wanted = nil // what has happened is seen in replies that are over, too
		}
		only, err := s.accountID(ctx, *account)
		if err != nil {
			return err
		}
		filter := replies.Filter{States: wanted, Effects: happened, Account: only}
		rows, err := s.replies.Earliest(ctx, filter, *limit)
		if err != nil {
			return err
		}
		if *asJSON {
			return WriteJSON(cmd.OutOrStdout(), append([]replies.Row{}, rows...)) // [] rather than null
		}
		if len(rows) == 0 {
			fmt.Fprintln(cmd.OutOrStdout(), "no replies")
			return nil
		}
		if err := listTable(rows, time.Now()).Write(cmd.OutOrStdout()); err != nil {
			return err
		}
		if len(rows) < *limit {
			return nil
		}
		total, err := s.replies.Count(ctx, filter)
		if err == nil && total > int64(len(rows)) {
			fmt.Fprintf(cmd.OutOrStdout(), "%d of %d; more with --limit\n", len(rows), total)
		}
		return err
	})
	return cmd
}

// listStates reads the states asked for. None means those that are not over.
func listStates(states []string) ([]privatereply.State, error) {
	wanted := make([]privatereply.State, len(states))
	for i, name := range states {
		wanted[i] = privatereply.State(strings.TrimSpace(name))
		if !slices.Contains(privatereply.States, wanted[i]) {
			return nil, fmt.Errorf("--state: %q is not a state; write one of\n%s", name, stateList())
		}
	}
	if len(wanted) == 0 {
		wanted = slices.DeleteFunc(slices.Clone(privatereply.States), privatereply.State.Final)
	}
	return wanted, nil
}

// listEffects reads what is asked for of what happens beside replies.
func listEffects(effects []string) ([]string, error) {
	wanted := make([]string, len(effects))
	for i, name := range effects {
		wanted[i] = strings.TrimSpace(name)
		if effectWords[wanted[i]] == "" {
			return nil, fmt.Errorf("--effect: %q is not known; write one of %s", name, strings.Join(workflows.Effects, ", "))
		}
	}
	return wanted, nil
}

func stateList() string {
	names := make([]string, len(privatereply.States))
	for i, s := range privatereply.States {
		names[i] = string(s)
	}
	return "  " + strings.Join(console.Wrap(strings.Join(names, ", "), console.Width-20), "\n  ")
}

// listTable shows a reply on a line, and under it what was written and what is to
// be answered: the two are what a person decides by, and too long for columns.
func listTable(rows []replies.Row, now time.Time) *console.Table {
	head, flex := []string{"STATE", "DEADLINE", "PERSON", "RULE", "ID"}, []int{2, 3}
	waits := slices.ContainsFunc(rows, func(r replies.Row) bool { return nextTryCell(r, now) != "" })
	if waits {
		head, flex = slices.Insert(head, 2, "NEXT TRY"), []int{3, 4}
	}
	t := console.NewTable(flex, head...)
	for _, r := range rows {
		cells := []string{string(r.State), deadlineCell(r, now), r.Person, r.Rule, shortID(r, rows)}
		if waits {
			cells = slices.Insert(cells, 2, nextTryCell(r, now))
		}
		t.Row(commentAndReply(r, now), cells...)
	}
	return t
}

// nextTryCell tells when a reply that sleeps before its send is tried.
func nextTryCell(r replies.Row, now time.Time) string {
	switch {
	case !r.NextTry.After(now):
		return ""
	case r.MissesDeadline():
		return "too late"
	}
	return console.RelativeTime(r.NextTry, now)
}

// deadlineCell tells until when a reply may be sent. Once it was sent that is history.
func deadlineCell(r replies.Row, now time.Time) string {
	if r.Deadline.IsZero() || !r.State.Waiting() {
		return "-"
	}
	return r.Deadline.Local().Format("2 Jan 15:04") + ", " + console.RelativeTime(r.Deadline, now)
}

// shortID is the comment's id, which every command takes, or the whole workflow id
// where two accounts have a comment of the same id.
func shortID(r replies.Row, rows []replies.Row) string {
	for _, other := range rows {
		if other.CommentID == r.CommentID && other.ID != r.ID {
			return r.ID
		}
	}
	return r.CommentID
}

// remarks say what a comment has beside its words, and that they were edited.
func remarks(r replies.Row, now time.Time) string {
	var all []string
	if r.Attachment.Kind != "" && r.Comment != "" {
		all = append(all, r.Attachment.Kind.Label())
	}
	if !r.EditedAt.IsZero() {
		all = append(all, "edited "+console.RelativeTime(r.EditedAt, now))
	}
	if len(all) == 0 {
		return ""
	}
	return strings.Join(all, ", ") + ": "
}

// attachmentText stands in the place of a comment's words.
func attachmentText(kind privatereply.AttachmentKind) string {
	if kind == "" {
		return "(no text)"
	}
	return "(" + kind.Label() + ")"
}

// commentAndReply shows a comment and what was sent, or is proposed, in one line.
func commentAndReply(r replies.Row, now time.Time) string {
	const between = " → "
	remarks, beside := remarks(r, now), console.Truncate(besideText(r), console.Width/2)
	room := console.Width - console.Columns(between) - 6 - console.Columns(remarks) - console.Columns(beside)
	half := room / 2
	comment, text := console.Sanitize(r.Comment), console.Sanitize(r.Text)
	if comment == "" {
		comment = attachmentText(r.Attachment.Kind)
	}
	if text == "" {
		return remarks + "“" + console.Truncate(comment, room) + "”" + beside
	}
	short := min(console.Columns(comment), console.Columns(text), half)
	if console.Columns(comment) > console.Columns(text) {
		return remarks + "“" + console.Truncate(comment, room-short) + "”" + between + "“" + console.Truncate(text, half) + "”" + beside
	}
	return remarks + "“" + console.Truncate(comment, half) + "”" + between + "“" + console.Truncate(text, room-short) + "”" + beside
}

// besideText is what goes with a reply's text, and what has happened beside it.
func besideText(r replies.Row) string {
	words := ""
	if parts := tappableWords(r.Message); parts != "" {
		words = " " + console.Sanitize(parts)
	}
	for _, effect := range r.Effects {
		words += " · " + effectWords[effect]
	}
	return words
}

// effectWords say what has happened beside a reply.
var effectWords = map[string]string{
	workflows.EffectTapped: "tapped", workflows.EffectPublicReply: "answered in public", workflows.EffectHidden: "hidden",
	workflows.EffectPublicUnknown: "public reply unknown",
}

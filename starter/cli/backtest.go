package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/internal/console"
	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/rules"
	"github.com/privatereply/privatereply/workflows"
)

const (
	// backtestPage and backtestReads bound what is asked of the server at once.
	backtestPage  = 500
	backtestReads = 8
)

// backtestDifference is one comment on which two rules files disagree.
type backtestDifference struct {
	ID      string                `json:"id"`
	Comment string                `json:"comment,omitempty"`
	Was     privatereply.Decision `json:"was"`
	Would   privatereply.Decision `json:"would"`
}

// backtest is what a rules file would have done with the comments that are kept.
type backtest struct {
	Comments int                  `json:"comments"`
	Changed  []backtestDifference `json:"changed"`
}

func newRulesBacktest() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "backtest FILE",
		Short: "Say what a rules file would have done with the comments that Temporal still holds",
		Long: `Decide the comments that Temporal still holds once more, with another rules file, and
list those that it would have decided otherwise. Nothing is sent, and no reply changes:
a reply keeps the decision that it was started with.`,
		Example: `  starter rules backtest new-rules.yaml
  starter rules backtest new-rules.yaml --account 17841400000000001 --json`,
		Args: Args(1, 1, "FILE"),
	}
	account := cmd.Flags().String("account", "", "only this account's id")
	limit := cmd.Flags().Int("limit", 10_000, "at most so many comments, those of running replies first")
	asJSON := JSONFlag(cmd)
	cmd.RunE = WithSession(func(ctx context.Context, s *Session, cmd *cobra.Command, args []string) error {
		if *limit < 1 {
			return fmt.Errorf("--limit is %d; write a number from 1", *limit)
		}
		set, err := rules.Load(args[0])
		if err != nil {
			return err
		}
		accounts, err := s.Accounts()
		if err != nil {
			return err
		}
		found, err := runBacktest(ctx, s.replies, set, accounts, replies.Filter{Account: *account}, *limit)
		if err != nil {
			return err
		}
		if *asJSON {
			return WriteJSON(cmd.OutOrStdout(), found)
		}
		return found.write(cmd.OutOrStdout(), args[0])
	})
	return cmd
}

func runBacktest(ctx context.Context, c *replies.Client, set *rules.Set, accounts *config.Accounts, filter replies.Filter, limit int) (backtest, error) {
	found := backtest{Changed: []backtestDifference{}}
	var token []byte
	for {
		rows, next, err := c.Page(ctx, filter, min(backtestPage, limit-found.Comments), token)
		if err != nil {
			return found, err
		}
		if err := found.page(ctx, c, set, accounts, rows); err != nil {
			return found, err
		}
		if token = next; len(token) == 0 || found.Comments >= limit {
			return found, nil
		}
	}
}

// page decides the comments of a page of replies, in their order.
func (b *backtest) page(ctx context.Context, c *replies.Client, set *rules.Set, accounts *config.Accounts, rows []replies.Row) error {
	inputs := make([]workflows.PrivateReplyInput, len(rows))
	var mu sync.Mutex
	gone := map[int]bool{}
	reading, ctx := errgroup.WithContext(ctx)
	reading.SetLimit(backtestReads)
	for i, row := range rows {
		reading.Go(func() error {
			in, err := c.Input(ctx, row.ID)
			var refusal *replies.Error
			if errors.As(err, &refusal) && refusal.Code == replies.NotFound { // its retention ended meanwhile
				mu.Lock()
				gone[i] = true
				mu.Unlock()
				return nil
			}
			inputs[i] = in
			return err
		})
	}
	if err := reading.Wait(); err != nil {
		return err
	}
	for i, in := range inputs {
		if gone[i] {
			continue
		}
		b.Comments++
		would := decideAgain(set, accounts, in)
		if !sameAction(in.Decision, would) {
			b.Changed = append(b.Changed, backtestDifference{ID: rows[i].ID, Comment: in.Comment.Text, Was: in.Decision, Would: would})
		}
	}
	return nil
}

// decideAgain decides a comment as it was when it arrived.
func decideAgain(set *rules.Set, accounts *config.Accounts, in workflows.PrivateReplyInput) privatereply.Decision {
	account, _ := accounts.Get(in.Comment.Platform, in.Comment.Account)
	now := in.Comment.ReceivedAt
	if now.IsZero() {
		now = time.Now()
	}
	return set.Decide(rules.Input{
		Comment: in.Comment, AccountName: account.Name, Now: now,
		FoundBySweep: in.Comment.Via == privatereply.ViaSweep,
	})
}

// sameAction reports whether two decisions do the same, whichever rule says it.
func sameAction(a, b privatereply.Decision) bool {
	return a.Action == b.Action && a.Text == b.Text && a.Hold == b.Hold
}

func (b backtest) write(out io.Writer, file string) error {
	if len(b.Changed) > 0 {
		table := console.NewTable([]int{0, 1, 2}, "COMMENT", "WAS", "WOULD BE", "ID")
		for _, c := range b.Changed {
			below := ""
			if c.Would.Text != "" && c.Would.Text != c.Was.Text {
				below = "→ “" + c.Would.Text + "”"
			}
			id := c.ID
			if parsed, ok := privatereply.ParseID(c.ID); ok {
				id = parsed.Subject
			}
			table.Row(below, c.Comment, describeAction(c.Was)+", by "+describeSource(c.Was), describeAction(c.Would)+", by "+describeSource(c.Would), id)
		}
		if err := table.Write(out); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(out, "%s would decide %d of %d comments otherwise; nothing was sent\n", file, len(b.Changed), b.Comments)
	return err
}

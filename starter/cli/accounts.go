package cli

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/privatereply/privatereply/internal/accountstatus"
	"github.com/privatereply/privatereply/internal/console"
)

func newAccounts() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "accounts [--account ACCOUNT]",
		Short: "Show each account's token, webhooks, sweeps and waiting replies",
		Long: `Show what is known of each account: how long its token lives and whether it is renewed by
itself, the newest reply, the sweeps, and what waits. The desk's page Accounts shows the
same. Nothing is asked of Meta; starter doctor does that.

The exit code is 1 if an account cannot send: its token has ended or cannot be read.`,
		Example: `  starter accounts
  starter accounts --json | jq '.[] | select(.token.state != "good") | .name'`,
		Args:    Args(0, 0, ""),
		GroupID: groupInspect,
	}
	only := cmd.Flags().String("account", "", "only this account: its id, or its name in the accounts file")
	asJSON := JSONFlag(cmd)
	cmd.RunE = WithSession(func(ctx context.Context, s *Session, cmd *cobra.Command, _ []string) error {
		accounts, err := s.accounts()
		if err != nil {
			return err
		}
		reader := accountstatus.Reader{Accounts: accounts, Temporal: s.Client, Replies: s.replies}
		all := []accountstatus.Status{}
		if *only == "" {
			all = append(all, reader.ReadAll(ctx, accounts.All())...)
		} else {
			account, err := findAccount(accounts, *only)
			if err != nil {
				return err
			}
			all = append(all, reader.Read(ctx, account))
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if *asJSON {
			err = WriteJSON(cmd.OutOrStdout(), all)
		} else {
			err = writeAccounts(cmd.OutOrStdout(), all, time.Now())
		}
		if err != nil {
			return err
		}
		for _, status := range all {
			if status.Token.State == accountstatus.TokenEnded || status.Token.State == accountstatus.TokenMissing {
				return ErrReported
			}
		}
		return nil
	})
	return cmd
}

// writeAccounts shows an account on a line, and under the table what is wrong.
func writeAccounts(w io.Writer, all []accountstatus.Status, now time.Time) error {
	if len(all) == 0 {
		_, err := fmt.Fprintln(w, "no accounts; starter connect connects one")
		return err
	}
	t := console.NewTable([]int{0}, "ACCOUNT", "LOGIN", "TOKEN", "NEWEST REPLY", "LAST SWEEP", "NEXT", "WAITING")
	from := func(at time.Time) string {
		if at.IsZero() {
			return "-"
		}
		return console.RelativeTime(at, now)
	}
	for _, s := range all {
		next := from(s.Sweeps.NextAt)
		if s.Sweeps.Paused != "" {
			next = "paused"
		}
		t.Row("", fmt.Sprintf("%s %s", s.Platform, s.Name), string(s.Login), s.Token.Words(now), from(s.Webhooks.LastReplyAt),
			from(s.Sweeps.LastAt), next, strconv.FormatInt(s.Waiting.Waiting(), 10))
	}
	if err := t.Write(w); err != nil {
		return err
	}
	for _, s := range all {
		for _, line := range problems(s, now) {
			for i, part := range console.Wrap(console.Sanitize(line), console.Width-4) {
				mark := "  "
				if i == 0 {
					mark = "! "
				}
				if _, err := fmt.Fprintln(w, mark+part); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// problems are sentences about what is wrong with an account, or could not be read.
func problems(s accountstatus.Status, now time.Time) []string {
	var all []string
	for _, alert := range s.Alerts(now) {
		all = append(all, strings.TrimSpace(s.Name+": "+alert.Text+" "+alert.Repair))
	}
	for _, unread := range s.Unread {
		all = append(all, s.Name+": "+unread)
	}
	return all
}

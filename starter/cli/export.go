package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/privatereply/privatereply/internal/export"
	"github.com/privatereply/privatereply/internal/replies"
)

func newExport() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write replies as CSV, for a spreadsheet",
		Long: `Write all replies that Temporal holds to standard output, as CSV (RFC 4180) with the
names of the columns in the first line, or with --json as one JSON object a line. --from
and --to are about when the comment arrived: a day (2026-11-22, in this machine's time
zone) or a time (2026-11-22T10:00:00Z). A day of --to is included.

A cell that begins with =, +, -, @ or a tab has an apostrophe before it: what strangers
wrote must not run in your spreadsheet. With encryption keys configured the file holds in
clear what Temporal does not.`,
		Example: `  starter export --from 2026-11-01 --to 2026-11-30 > november.csv
  starter export --account "Clean Slate" --state undeliverable,expired --json | jq .reason`,
		Args:    Args(0, 0, ""),
		GroupID: groupInspect,
	}
	states := cmd.Flags().StringSlice("state", nil, "only these states, separated by commas")
	account := cmd.Flags().String("account", "", "only this account: its id, or its name in the accounts file")
	from := cmd.Flags().String("from", "", "only comments that arrived on this day, at this time, or later")
	to := cmd.Flags().String("to", "", "only comments that arrived before this time, or until the end of this day")
	asJSON := cmd.Flags().Bool("json", false, "write JSON, an object a line")
	cmd.RunE = WithSession(func(ctx context.Context, s *Session, cmd *cobra.Command, _ []string) error {
		var f replies.Filter
		var err error
		if len(*states) > 0 {
			if f.States, err = listStates(*states); err != nil {
				return err
			}
		}
		if f.Account, err = s.accountID(ctx, *account); err != nil {
			return err
		}
		if f.StartedFrom, _, err = parseMoment("--from", *from); err != nil {
			return err
		}
		var day bool
		if f.StartedBefore, day, err = parseMoment("--to", *to); err != nil {
			return err
		}
		if day {
			f.StartedBefore = f.StartedBefore.AddDate(0, 0, 1)
		}
		write := export.Write
		if *asJSON {
			write = export.WriteJSON
		}
		return write(ctx, cmd.OutOrStdout(), s.replies, f)
	})
	return cmd
}

// parseMoment reads a time, or the beginning of a day in the local time zone. An empty text
// is no time.
func parseMoment(flag, text string) (at time.Time, day bool, err error) {
	if text == "" {
		return time.Time{}, false, nil
	}
	if at, err = time.ParseInLocation(time.DateOnly, text, time.Local); err == nil {
		return at, true, nil
	}
	if at, err = time.Parse(time.RFC3339, text); err == nil {
		return at, false, nil
	}
	return time.Time{}, false, fmt.Errorf("%s: %q is neither a day such as 2026-11-22 nor a time such as 2026-11-22T10:00:00Z", flag, text)
}

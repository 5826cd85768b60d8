package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

func newShow() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Tell everything about one reply",
		Long: `Tell the whole story of a reply: the comment, who decided what, what Meta said, until
when anything can be sent, and what can be done next. --json prints its status as the
workflow gives it.`,
		Example: `  starter show 18000000000000001
  starter show reply:instagram:17841400000000001:18000000000000001 --json`,
		Args:    Args(1, 1, "an ID"),
		GroupID: groupInspect,
	}
	asJSON := JSONFlag(cmd)
	cmd.RunE = WithSession(func(ctx context.Context, s *Session, cmd *cobra.Command, args []string) error {
		id, err := s.replyID(ctx, args[0])
		if err != nil {
			return err
		}
		status, err := s.replies.Status(ctx, id)
		if err != nil {
			return explainError(err, id)
		}
		if *asJSON {
			return WriteJSON(cmd.OutOrStdout(), status)
		}
		story := describeReply(id, status, time.Now())
		story.AddUnwrapped("Web UI", s.webUI(id))
		fmt.Fprintln(cmd.OutOrStdout(), id)
		return story.Write(cmd.OutOrStdout())
	})
	return cmd
}

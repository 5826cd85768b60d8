package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/privatereply/privatereply/workflows"
)

func newHide() *cobra.Command {
	return hideCommand(true, &cobra.Command{
		Use:   "hide ID...",
		Short: "Hide comments",
		Long: `Hide comments under their posts, whatever became of their replies: only their authors and
their friends still see them. starter unhide shows them again. Meta hides neither the
account's own comments nor those under a live broadcast. What Meta refuses for now is tried
again for a day, also when this command has ended.`,
		Example: `  starter hide 18000000000000001`,
	})
}

func newUnhide() *cobra.Command {
	return hideCommand(false, &cobra.Command{
		Use:     "unhide ID...",
		Short:   "Show hidden comments again",
		Long:    `Show comments again that were hidden, by a rule or by hand.`,
		Example: `  starter unhide 18000000000000001`,
	})
}

func hideCommand(hidden bool, cmd *cobra.Command) *cobra.Command {
	cmd.Args, cmd.GroupID = Args(1, unlimited, "an ID"), groupDecide
	who := approverFlag(cmd)
	asJSON := JSONFlag(cmd)
	cmd.RunE = WithSession(func(ctx context.Context, s *Session, cmd *cobra.Command, args []string) error {
		by, err := s.approver(*who)
		if err != nil {
			return err
		}
		return s.setHidden(ctx, cmd, args, hidden, by, *asJSON)
	})
	return cmd
}

// hideReport is what came of hiding one comment, or showing it again.
type hideReport struct {
	ID string `json:"id"`
	workflows.HideStatus
	Error string `json:"error,omitempty"`
}

// setHidden hides each comment, or shows it again. One that fails does not keep the others
// from it, but the command fails.
func (s *Session) setHidden(ctx context.Context, cmd *cobra.Command, args []string, hidden bool, by string, asJSON bool) error {
	results := make([]hideReport, 0, len(args))
	failed := false
	for _, arg := range args {
		r := s.setOneHidden(ctx, arg, hidden, by)
		failed = failed || r.failed()
		results = append(results, r)
		if !asJSON {
			r.write(cmd)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	if asJSON {
		if err := WriteJSON(cmd.OutOrStdout(), results); err != nil {
			return err
		}
	}
	if failed {
		return ErrReported
	}
	return nil
}

func (s *Session) setOneHidden(ctx context.Context, arg string, hidden bool, by string) hideReport {
	id, err := s.replyID(ctx, arg)
	if err != nil {
		return hideReport{ID: arg, Error: err.Error()}
	}
	r := hideReport{ID: id}
	status, err := s.replies.Status(ctx, id)
	if err == nil {
		r.HideStatus, err = s.replies.SetHidden(ctx, status.Comment, hidden, by)
	}
	if err != nil {
		r.Error = explainError(err, id).Error()
	}
	return r
}

// failed reports whether the comment is not as it was asked for, nor about to be.
func (r hideReport) failed() bool {
	return r.Error != "" || r.State != workflows.EffectDone && r.State != workflows.EffectWaiting
}

func (r hideReport) write(cmd *cobra.Command) {
	out := cmd.OutOrStdout()
	if r.failed() {
		out = cmd.ErrOrStderr()
	}
	what := r.Error
	if what == "" {
		what = hideWords(r.HideStatus, time.Now())
	}
	fmt.Fprintf(out, "%s: %s\n", r.ID, what)
}

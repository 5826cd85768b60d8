package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/console"
	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/workflows"
)

func newApprove() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "approve ID...",
		Short: "Send replies that wait for a decision, or that a rule holds",
		Long: `Send the replies. Without --text the proposed text is sent, with the proposed buttons,
quick replies and public reply unless flags say otherwise. The first decision about a reply
wins; all of it and the deadline are checked before anything happens.

` + messageHelp,
		Example: `  starter approve 18000000000000001
  starter approve 18000000000000001 --text "Hi Lena, it is 12 euros." --approver ana
  starter approve 18000000000000001 --text "Shall we send the list?" --button "Yes, please=Here it is: https://example.com/list"
  starter approve 18000000000000001 --no-public`,
		Args:    Args(1, unlimited, "an ID"),
		GroupID: groupDecide,
	}
	text := cmd.Flags().String("text", "", "send this text instead of the proposed one")
	more := replacingFlags(cmd)
	who := approverFlag(cmd)
	asJSON := JSONFlag(cmd)
	cmd.RunE = WithSession(func(ctx context.Context, s *Session, cmd *cobra.Command, args []string) error {
		if cmd.Flags().Changed("text") && *text == "" {
			return errors.New("--text is empty; leave it out to send the proposed text")
		}
		parts, err := more.read()
		if err != nil {
			return err
		}
		approver, err := s.approver(*who)
		if err != nil {
			return err
		}
		return s.decide(ctx, cmd, args, *asJSON, func(id string) (workflows.DecisionResult, error) {
			result, err := s.replies.Approve(ctx, id, s.updateID, workflows.Approve{
				Approver: approver, Text: *text, Buttons: parts.buttons, QuickReplies: parts.quickReplies, PublicText: parts.public,
			})
			if err == nil {
				parts.remark(cmd.ErrOrStderr(), id)
			}
			return result, explainMissingText(err)
		})
	})
	return cmd
}

// explainMissingText says in words of flags that there is nothing to send.
func explainMissingText(err error) error {
	var refusal *replies.Error
	if errors.As(err, &refusal) && strings.HasPrefix(refusal.Message, workflows.NoTextProposed) {
		return errors.New(`--text is missing: no rule and nobody proposed a text; say what to send, as in --text "Hi!"`)
	}
	return err
}

func newReject() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "reject ID... --reason TEXT",
		Short: "Never send replies",
		Long: `Decide against the replies, for good. A reply that is being sent already is stopped if
no worker has the send yet; the answer says whether it was in time. --hide hides the
comment too: its author and their friends still see it, nobody else does.`,
		Example: `  starter reject 18000000000000001 --reason "spam"
  starter reject 18000000000000001 --reason "spam" --hide`,
		Args:    Args(1, unlimited, "an ID"),
		GroupID: groupDecide,
	}
	reason := cmd.Flags().String("reason", "", "why, for the record (required)")
	hide := cmd.Flags().Bool("hide", false, "hide the comment too")
	who := approverFlag(cmd)
	asJSON := JSONFlag(cmd)
	cmd.RunE = WithSession(func(ctx context.Context, s *Session, cmd *cobra.Command, args []string) error {
		if *reason == "" {
			return errors.New(`--reason is missing: say why, as in --reason "spam"`)
		}
		approver, err := s.approver(*who)
		if err != nil {
			return err
		}
		return s.decide(ctx, cmd, args, *asJSON, func(id string) (workflows.DecisionResult, error) {
			return s.replies.Reject(ctx, id, s.updateID, workflows.Reject{Approver: approver, Reason: *reason, Hide: *hide})
		})
	})
	return cmd
}

func newReopen() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "reopen ID... [--reason TEXT]",
		Short: "Take mistaken rejections back",
		Long: `Take a person's rejection back: the reply begins anew and waits for a decision, with the
last proposed text. Meta must still take the reply and never have been asked to send it. A
rejection is taken back once.`,
		Example: `  starter reopen 18000000000000001 --reason "rejected by mistake"`,
		Args:    Args(1, unlimited, "an ID"),
		GroupID: groupDecide,
	}
	reason := cmd.Flags().String("reason", "", "why, for the record")
	who := actorFlag(cmd)
	asJSON := JSONFlag(cmd)
	cmd.RunE = WithSession(func(ctx context.Context, s *Session, cmd *cobra.Command, args []string) error {
		by, err := s.actor(*who)
		if err != nil {
			return err
		}
		return s.decide(ctx, cmd, args, *asJSON, func(id string) (workflows.DecisionResult, error) {
			if err := s.replies.Reopen(ctx, id, by, *reason); err != nil {
				return workflows.DecisionResult{}, err
			}
			// A worker that is away does not unmake it: what is known is enough.
			result := workflows.DecisionResult{Accepted: true, State: privatereply.AwaitingApproval}
			if status, err := s.replies.Status(ctx, id); err == nil {
				result.State, result.Deadline = status.State, status.Deadline
			}
			return result, nil
		})
	})
	return cmd
}

func newResolve() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "resolve ID --delivered=true|false",
		Short: "Say whether a reply arrived that Meta never confirmed",
		Long: `Settle a reply in state delivery_unknown. Look into the account's inbox first: with
--delivered=true the reply goes on as sent, with --delivered=false it ends as
undeliverable. Nothing is sent either way.`,
		Example: `  starter resolve 18000000000000001 --delivered=true`,
		Args:    Args(1, 1, "an ID"),
		GroupID: groupDecide,
	}
	delivered := cmd.Flags().String("delivered", "", "whether the person got the message: true or false (required)")
	cmd.Flags().Lookup("delivered").NoOptDefVal = "true"
	who := approverFlag(cmd)
	asJSON := JSONFlag(cmd)
	cmd.RunE = WithSession(func(ctx context.Context, s *Session, cmd *cobra.Command, args []string) error {
		if !cmd.Flags().Changed("delivered") {
			return errors.New("--delivered is missing: write --delivered=true if the person got the message, --delivered=false if not")
		}
		got, err := parseYesNo(*delivered)
		if err != nil {
			return fmt.Errorf("--delivered: %w", err)
		}
		approver, err := s.approver(*who)
		if err != nil {
			return err
		}
		return s.decide(ctx, cmd, args, *asJSON, func(id string) (workflows.DecisionResult, error) {
			return s.replies.Resolve(ctx, id, s.updateID, workflows.Resolve{Approver: approver, Delivered: &got})
		})
	})
	return cmd
}

func parseYesNo(text string) (bool, error) {
	switch strings.ToLower(text) {
	case "true", "yes":
		return true, nil
	case "false", "no":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither true nor false: write true if the person got the message, false if not", text)
}

// decisionReport is the outcome of one decision.
type decisionReport struct {
	ID       string              `json:"id"`
	Accepted bool                `json:"accepted"`
	State    privatereply.State  `json:"state,omitempty"`
	Reason   privatereply.Reason `json:"reason,omitempty"`
	Deadline time.Time           `json:"deadline,omitzero"`
	Error    string              `json:"error,omitempty"`

	unknown bool // the ID, of which Error says so
}

// decideFunc decides one reply.
type decideFunc func(workflowID string) (workflows.DecisionResult, error)

// decide decides each reply. One that fails does not keep the others from it, but
// the command fails.
func (s *Session) decide(ctx context.Context, cmd *cobra.Command, args []string, asJSON bool, do decideFunc) error {
	results := make([]decisionReport, 0, len(args))
	failed := false
	for _, arg := range args {
		d := s.decideOne(ctx, arg, do)
		failed = failed || !d.Accepted
		results = append(results, d)
		if !asJSON {
			d.write(cmd.OutOrStdout(), cmd.ErrOrStderr())
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

func (s *Session) decideOne(ctx context.Context, arg string, do decideFunc) decisionReport {
	id, err := s.replyID(ctx, arg)
	if err != nil {
		return decisionReport{ID: arg, Error: err.Error(), unknown: true}
	}
	answer, err := do(id)
	if err != nil {
		return decisionReport{ID: id, Error: explainError(err, id).Error()}
	}
	return decisionReport{ID: id, Accepted: answer.Accepted, State: answer.State, Reason: answer.Reason, Deadline: answer.Deadline}
}

func (d decisionReport) write(out, errOut io.Writer) {
	switch {
	case d.unknown || strings.HasPrefix(d.Error, d.ID): // it names the reply
		fmt.Fprintln(errOut, d.Error)
	case d.Error != "":
		fmt.Fprintf(errOut, "%s: %s\n", d.ID, d.Error)
	case !d.Accepted:
		fmt.Fprintf(errOut, "%s: not taken. %s %s\n", d.ID, d.Reason.Sentence(), d.State.Sentence())
	case !d.Deadline.IsZero():
		fmt.Fprintf(out, "%s: %s, until %s\n", d.ID, d.State, console.FormatTime(d.Deadline, time.Now()))
	default:
		fmt.Fprintf(out, "%s: %s\n", d.ID, d.State)
	}
}

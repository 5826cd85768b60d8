package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/privatereply/privatereply/workflows"
)

// actorFlag adds the flag that says who acts without deciding.
func actorFlag(cmd *cobra.Command) *string {
	return cmd.Flags().String("by", "", "who does so (default: PRIVATEREPLY_APPROVER, else your user name)")
}

func newPropose() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "propose ID --text TEXT [--note NOTE]",
		Short: "Propose a text that somebody else approves",
		Long: `Put a text before those who approve: it is what they see, and what they send if they
approve without a text of their own. Buttons, quick replies and the public reply stay as
they are proposed already, unless flags say otherwise. The newest proposal counts. Nothing
is sent by it; a reply that a rule holds waits for a decision from then on.

` + messageHelp,
		Example: `  starter propose 18000000000000001 --text "Hi Lena, it is 12 euros." --note "the new price?"
  starter propose 18000000000000001 --text "Which size?" --quick-reply "Small=It is 12 euros." --quick-reply "Large=It is 20 euros."`,
		Args:    Args(1, 1, "an ID"),
		GroupID: groupDecide,
	}
	text := cmd.Flags().String("text", "", "the text to send (required)")
	more := replacingFlags(cmd)
	note := cmd.Flags().String("note", "", "a note to those who approve")
	who := actorFlag(cmd)
	asJSON := JSONFlag(cmd)
	cmd.RunE = WithSession(func(ctx context.Context, s *Session, cmd *cobra.Command, args []string) error {
		if *text == "" {
			return errors.New(`--text is missing: say what to send, as in --text "Hi!"`)
		}
		parts, err := more.read()
		if err != nil {
			return err
		}
		by, err := s.actor(*who)
		if err != nil {
			return err
		}
		return s.decide(ctx, cmd, args, *asJSON, func(id string) (workflows.DecisionResult, error) {
			result, err := s.replies.Propose(ctx, id, s.updateID, workflows.Propose{
				By: by, Text: *text, Buttons: parts.buttons, QuickReplies: parts.quickReplies, PublicText: parts.public, Note: *note,
			})
			if err == nil {
				parts.remark(cmd.ErrOrStderr(), id)
			}
			return result, err
		})
	})
	return cmd
}

func newNote() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "note ID --text TEXT",
		Short: "Note something for the team",
		Long: `Add a note to the history of a reply, for the team: the person never sees it. A reply
takes 50 notes of 500 characters, also after it was sent, as long as its workflow runs.`,
		Example: `  starter note 18000000000000001 --text "asked the warehouse, they call back"`,
		Args:    Args(1, 1, "an ID"),
		GroupID: groupDecide,
	}
	text := cmd.Flags().String("text", "", "the note (required)")
	who := actorFlag(cmd)
	asJSON := JSONFlag(cmd)
	cmd.RunE = WithSession(func(ctx context.Context, s *Session, cmd *cobra.Command, args []string) error {
		if *text == "" {
			return errors.New(`--text is missing: write the note, as in --text "asked the warehouse"`)
		}
		by, err := s.actor(*who)
		if err != nil {
			return err
		}
		return s.decide(ctx, cmd, args, *asJSON, func(id string) (workflows.DecisionResult, error) {
			return s.replies.Note(ctx, id, s.updateID, workflows.Note{By: by, Text: *text})
		})
	})
	return cmd
}

func newAssign() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "assign ID... --to NAME",
		Short:   "Say who takes care of replies",
		Long:    `Assign the replies to somebody. With --to "" they belong to everybody again.`,
		Example: `  starter assign 18000000000000001 --to ana`,
		Args:    Args(1, unlimited, "an ID"),
		GroupID: groupDecide,
	}
	to := cmd.Flags().String("to", "", `who takes care, or "" for nobody (required)`)
	who := actorFlag(cmd)
	asJSON := JSONFlag(cmd)
	cmd.RunE = WithSession(func(ctx context.Context, s *Session, cmd *cobra.Command, args []string) error {
		if !cmd.Flags().Changed("to") {
			return errors.New(`--to is missing: say who takes care, as in --to ana, or --to "" for nobody`)
		}
		by, err := s.actor(*who)
		if err != nil {
			return err
		}
		return s.decide(ctx, cmd, args, *asJSON, func(id string) (workflows.DecisionResult, error) {
			return s.replies.Assign(ctx, id, s.updateID, workflows.Assign{By: by, To: *to})
		})
	})
	return cmd
}

package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/workflows"
)

func newReply() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "reply CONVERSATION --text TEXT",
		Short: "Write to a person while the conversation's window is open",
		Long: `Send a follow-up in a conversation, which is named by its workflow id
(conversation:<platform>:<account>:<person>). It can be sent for 24 hours after the
person's newest message. With --human-agent it can be sent for 7 days, where the
account has Meta's Human Agent feature: then a person must have written it.

A Facebook Page's conversation can also be named by Meta's own id (t_…), which
starter conversations shows; --account then says whose it is. Such a message goes to
Meta directly: the product does not check the window first (Meta refuses it outside),
keeps no record of it, and never repeats it.`,
		Example: `  starter reply conversation:instagram:17841400000000001:6000000000000001 --text "It ships on Monday."
  starter reply t_1000000000000001 --account 100000000000001 --text "It ships on Monday."`,
		Args:    Args(1, 1, "a CONVERSATION"),
		GroupID: groupDecide,
	}
	text := cmd.Flags().String("text", "", "what to write (required)")
	humanAgent := cmd.Flags().Bool("human-agent", false, "a person wrote this: send it with Meta's HUMAN_AGENT tag once the 24 hours are over")
	who := cmd.Flags().String("agent", "", "who writes (default: PRIVATEREPLY_APPROVER, else your user name)")
	account := cmd.Flags().String("account", "", "whose conversation it is, for Meta's t_… id")
	asJSON := JSONFlag(cmd)
	followUp := WithSession(func(ctx context.Context, s *Session, cmd *cobra.Command, args []string) error {
		if id, ok := privatereply.ParseID(args[0]); !ok || id.Kind != "conversation" {
			return fmt.Errorf("%q is not a conversation's workflow id (conversation:<platform>:<account>:<person>); `starter show ID` of a reply names its conversation", args[0])
		}
		agent, err := s.approver(*who)
		if err != nil {
			return err
		}
		message := workflows.FollowUp{Agent: agent, Text: *text, HumanAgent: *humanAgent}
		answer, err := s.replies.FollowUp(ctx, args[0], s.updateID, message)
		if err != nil {
			return explainError(err, args[0])
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
			fmt.Fprintf(cmd.OutOrStdout(), "%s: sent, message %s\n", args[0], answer.MessageID)
		}
		return nil
	})
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case *text == "":
			return errors.New(`--text is missing: say what to write, as in --text "It ships on Monday."`)
		case !isMetaConversationID(args[0]):
			return followUp(cmd, args)
		case *humanAgent:
			return errors.New("--human-agent needs the conversation's workflow id: Meta takes no tag for a t_… id")
		}
		return replyInConversation(cmd, args[0], *account, *text, *asJSON)
	}
	return cmd
}

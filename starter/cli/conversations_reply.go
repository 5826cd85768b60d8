package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/graph"
	"github.com/privatereply/privatereply/workflows"
)

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
	if a := m.cred.Account; a.Platform != privatereply.Facebook {
		return fmt.Errorf("account %s is on %s: only a Facebook Page's conversation can be written to by Meta's id; give the conversation's workflow id (conversation:<platform>:<account>:<person>)", a.ID, a.Platform)
	}
	if err := privatereply.CheckText(privatereply.Facebook, text); err != nil {
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

package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	enumspb "go.temporal.io/api/enums/v1"

	"github.com/privatereply/privatereply/workflows"
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
		Args:    needArgs(1, 1, "an ID"),
		GroupID: groupLook,
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = withSession(func(ctx context.Context, s *session, cmd *cobra.Command, args []string) error {
		id, err := s.replyID(ctx, args[0])
		if err != nil {
			return err
		}
		raw, err := s.status(ctx, id)
		if err != nil {
			return err
		}
		if *asJSON {
			var indented bytes.Buffer
			if err := json.Indent(&indented, raw, "", "  "); err != nil {
				return fmt.Errorf("the status of %s is not JSON: %w", id, err)
			}
			fmt.Fprintln(cmd.OutOrStdout(), indented.String())
			return nil
		}
		var status workflows.Status
		if err := json.Unmarshal(raw, &status); err != nil {
			return fmt.Errorf("the status of %s is not as expected: %w", id, err)
		}
		story := tell(id, status, time.Now())
		story.AddWhole("Web UI", s.webUI(id))
		fmt.Fprintln(cmd.OutOrStdout(), id)
		return story.Write(cmd.OutOrStdout())
	})
	return cmd
}

// status reads a reply's status: from the workflow while it runs, which needs a
// worker; from its result afterwards.
func (s *session) status(ctx context.Context, id string) (json.RawMessage, error) {
	d, err := s.DescribeWorkflowExecution(ctx, id, "")
	if isNotFound(err) {
		return nil, fmt.Errorf("%s does not exist in namespace %s, or ended so long ago that it is no longer kept", id, s.namespace)
	}
	if err != nil {
		return nil, err
	}
	var raw json.RawMessage
	switch state := d.GetWorkflowExecutionInfo().GetStatus(); state {
	case enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED:
		err = s.GetWorkflow(ctx, id, "").Get(ctx, &raw)
		return raw, err
	case enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING:
	default:
		return nil, fmt.Errorf("the workflow of %s is %s, so that nobody can say how far it came; its history is at %s", id, state, s.webUI(id))
	}
	asking, cancel := context.WithTimeout(ctx, acceptTimeout)
	defer cancel()
	answer, err := s.QueryWorkflow(asking, id, "", workflows.StatusQuery)
	if err != nil {
		if timedOut(ctx, err) {
			return nil, s.noAnswer(ctx, id)
		}
		return nil, fmt.Errorf("ask %s for its status: %w", id, err)
	}
	return raw, answer.Get(&raw)
}

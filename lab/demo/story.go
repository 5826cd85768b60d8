package demo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/harness"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/workflows"
)

// pollInterval is how often a workflow is asked how it is.
const pollInterval = 50 * time.Millisecond

// story is what the steps share.
type story struct {
	stack   *harness.Dev
	account privatereply.Account

	approved   string // the comment of the person who goes on to answer
	responder  meta.Person
	answeredAt time.Time
}

// comment lets a person write a comment, and returns its id and its reply's.
func (s *story) comment(username, text string) (id, workflow string, err error) {
	id, err = s.stack.Sandbox.Comment(meta.NewComment{Account: s.account.ID, Username: username, Text: text})
	if err != nil {
		return "", "", err
	}
	workflow, err = s.reply(id)
	return id, workflow, err
}

func (s *story) reply(comment string) (string, error) {
	return privatereply.ReplyID(privatereply.Comment{Platform: s.account.Platform, Account: s.account.ID, CommentID: comment})
}

// reaches waits until the reply is in a state, and returns its status.
func (s *story) reaches(ctx context.Context, workflow string, state privatereply.State) (workflows.PrivateReplyStatus, error) {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	var status workflows.PrivateReplyStatus
	for {
		answer, err := s.stack.Client.QueryWorkflow(ctx, workflow, "", workflows.StatusQuery)
		if err == nil {
			status = workflows.PrivateReplyStatus{}
			err = answer.Get(&status)
		}
		if err == nil && status.State == state {
			return status, nil
		}
		select {
		case <-ctx.Done():
			return status, fmt.Errorf("the reply does not become %s; it is %q (%v)", state, status.State, errors.Join(err, ctx.Err()))
		case <-tick.C:
		}
	}
}

// delivered checks how many private replies to the comment its author received, by
// Meta's count, and gives the text of the last one.
func (s *story) delivered(comment string, want int) (text string, err error) {
	report, ok := s.stack.Sandbox.CommentReport(comment)
	if !ok {
		return "", fmt.Errorf("the sandbox knows no comment %s", comment)
	}
	if n := len(report.Delivered); n != want {
		return "", fmt.Errorf("the sandbox delivered %d private replies to the comment, want %d", n, want)
	}
	if want == 0 {
		return "", nil
	}
	return report.Delivered[want-1].Text, nil
}

// update sends an Update as any tool that speaks Temporal can.
func (s *story) update(ctx context.Context, workflow, name string, message, answer any) error {
	handle, err := s.stack.Client.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID:   workflow,
		UpdateID:     "demo-" + name,
		UpdateName:   name,
		Args:         []any{message},
		WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err == nil {
		err = handle.Get(ctx, answer)
	}
	var refused *temporal.ApplicationError
	if errors.As(err, &refused) {
		return fmt.Errorf("%s was refused: %s", name, refused.Message())
	}
	return err
}

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/visibility"
	"github.com/privatereply/privatereply/lab/harness"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/lab/scenario"
	"github.com/privatereply/privatereply/workflows"
)

// path is one way of a comment through the product, until nothing happens any more.
// What comes when a wait is over, after 24 hours or 7 days, is not walked: it is one
// upsert and the end of the workflow.
type path struct {
	name  string
	text  string
	batch int // comments in a delivery
	// openHours is how long the reply's workflow is open in life, where the waits end.
	openHours float64
	after     []then
}

// then is something that happens to every comment once all are in a state.
type then struct {
	state privatereply.State
	do    func(ctx context.Context, p *product, all []written) error
}

var paths = []path{
	{"ignored", harness.IgnoredText, 1, 0, []then{{privatereply.Ignored, nil}}},
	{"ignored, 50 in a delivery", harness.IgnoredText, 50, 0, []then{{privatereply.Ignored, nil}}},
	{"answered by a rule", harness.AnsweredText, 1, unansweredFor, []then{{privatereply.Sent, joined}}},
	{"approved by a person", askedText, 1, unansweredFor, []then{{privatereply.AwaitingApproval, approve}, {privatereply.Sent, joined}}},
	{"answered by a rule, and the person writes back", harness.AnsweredText, 1, windowFor, []then{
		{privatereply.Sent, joined}, {privatereply.Sent, writeBack}, {privatereply.Responded, nil},
	}},
}

// walk sends n comments along a path.
func (p *product) walk(ctx context.Context, path path, name string, n int) error {
	_, err := p.walkAll(ctx, path, name, n)
	return err
}

func (p *product) walkAll(ctx context.Context, path path, name string, n int) ([]written, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, pathTime, fmt.Errorf("the path took more than %v", pathTime))
	defer cancel()
	all, err := p.write(strings.ReplaceAll(name, " ", "_"), path.text, n)
	if err != nil {
		return nil, err
	}
	deliveries := deliveriesOf(all)
	if path.batch > 1 {
		if deliveries, err = p.batches(all, path.batch); err != nil {
			return nil, err
		}
	}
	before := map[privatereply.State]int{}
	for _, step := range path.after {
		if before[step.state], err = p.inState(ctx, step.state); err != nil {
			return nil, err
		}
	}
	if err := p.deliver(ctx, deliveries); err != nil {
		return nil, err
	}
	for _, step := range path.after {
		if err := p.awaitState(ctx, step.state, before[step.state]+n); err != nil {
			return nil, err
		}
		if step.do != nil {
			if err := step.do(ctx, p, all); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

// batches puts the comments of each account together.
func (p *product) batches(all []written, size int) ([]harness.Delivery, error) {
	byAccount := map[string][]string{}
	for _, w := range all {
		byAccount[w.account.ID] = append(byAccount[w.account.ID], w.id)
	}
	var deliveries []harness.Delivery
	for _, ids := range byAccount {
		for len(ids) > 0 {
			n := min(size, len(ids))
			body, header, err := p.sandbox.SignedWebhook(ids[:n]...)
			if err != nil {
				return nil, err
			}
			deliveries = append(deliveries, harness.Delivery{Body: body, Header: header})
			ids = ids[n:]
		}
	}
	return deliveries, nil
}

func (p *product) inState(ctx context.Context, state privatereply.State) (int, error) {
	return p.count(ctx, visibility.Equals(workflows.ReplyState, state).String())
}

// lookEvery keeps the questions of this program few beside what they look at.
const lookEvery = 500 * time.Millisecond

func (p *product) awaitState(ctx context.Context, state privatereply.State, want int) error {
	for {
		n, err := p.inState(ctx, state)
		if err != nil || n >= want {
			return err
		}
		if !scenario.Sleep(ctx, lookEvery) {
			return fmt.Errorf("%d of %d replies are %s: %w", n, want, state, context.Cause(ctx))
		}
	}
}

func approve(ctx context.Context, p *product, all []written) error {
	for _, w := range all {
		id, err := w.workflowID()
		if err != nil {
			return err
		}
		handle, err := p.client.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
			WorkflowID: id, UpdateID: uuid.NewString(), UpdateName: workflows.ApproveMessage,
			Args:         []any{workflows.Approve{Approver: "ana", Text: "Yes, we ship to Lyon."}},
			WaitForStage: client.WorkflowUpdateStageCompleted,
		})
		if err != nil {
			return fmt.Errorf("approve %s: %w", id, err)
		}
		if err := handle.Get(ctx, nil); err != nil {
			return fmt.Errorf("approve %s: %w", id, err)
		}
	}
	return nil
}

// joined waits until each reply has joined the conversation with its person.
func joined(ctx context.Context, p *product, all []written) error {
	for _, w := range all {
		for {
			_, ok, err := p.conversationID(ctx, w)
			if err != nil {
				return err
			}
			if ok {
				break
			}
			if !scenario.Sleep(ctx, lookEvery) {
				return context.Cause(ctx)
			}
		}
	}
	return nil
}

// conversationID is the conversation with the author of a comment, if there is one.
func (p *product) conversationID(ctx context.Context, w written) (string, bool, error) {
	person, err := p.sandbox.PersonID(meta.Person{Account: w.account.ID, Username: w.username})
	if err != nil {
		return "", false, err
	}
	id, err := privatereply.ConversationID(w.account.Platform, w.account.ID, person)
	if err != nil {
		return "", false, err
	}
	_, err = p.client.DescribeWorkflowExecution(ctx, id, "")
	var missing *serviceerror.NotFound
	if errors.As(err, &missing) {
		return "", false, nil
	}
	return id, err == nil, err
}

func writeBack(ctx context.Context, p *product, all []written) error {
	var deliveries []harness.Delivery
	for _, w := range all {
		mid, err := p.sandbox.WriteMessage(meta.NewMessage{Account: w.account.ID, Username: w.username, Text: "Thank you!", NoWebhook: true})
		if err != nil {
			return err
		}
		body, header, err := p.sandbox.SignedWebhook(mid)
		if err != nil {
			return err
		}
		deliveries = append(deliveries, harness.Delivery{Body: body, Header: header})
	}
	return p.deliver(ctx, deliveries)
}

func execution(id string) *commonpb.WorkflowExecution {
	return &commonpb.WorkflowExecution{WorkflowId: id}
}

package erasure

import (
	"context"
	"encoding/json"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/workflows"
)

// subject is a person in a run.
type subject struct {
	AccountKey
	ids     []string             // that Meta has for the person there
	comment privatereply.Comment // of a reply, or of a batch's event
}

func subjectOf(c privatereply.Comment, recipient string) subject {
	m := subject{AccountKey: AccountKey{c.Platform, c.Account}, comment: c}
	for _, id := range []string{c.PersonID, recipient} {
		if id != "" {
			m.ids = append(m.ids, id)
		}
	}
	return m
}

// decodeError says why a run cannot be read: its key is not configured, or another
// program wrote it.
type decodeError struct{ error }

// subjects tells whom a run is about.
func (e *Eraser) subjects(ctx context.Context, h Run) ([]subject, error) {
	switch h.Kind {
	case Conversation:
		id, ok := privatereply.ParseID(h.WorkflowID)
		if !ok {
			return nil, nil // not one of ours
		}
		return []subject{{AccountKey: h.AccountKey, ids: []string{id.Subject}}}, nil
	case Intake:
		return e.subjectsOfIntake(ctx, h)
	}
	return e.subjectsOfReply(ctx, h)
}

// exists has an error if a run is not there.
func (e *Eraser) exists(ctx context.Context, h Run) error {
	_, err := e.Temporal.DescribeWorkflowExecution(ctx, h.WorkflowID, h.RunID)
	return err
}

func (e *Eraser) subjectsOfIntake(ctx context.Context, h Run) ([]subject, error) {
	events := e.Temporal.GetWorkflowHistory(ctx, h.WorkflowID, h.RunID, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	first, err := events.Next()
	if err != nil {
		return nil, err
	}
	var in workflows.IntakeInput
	if err := e.decodeFirst(first.GetWorkflowExecutionStartedEventAttributes().GetInput(), &in); err != nil {
		return nil, err
	}
	var all []subject
	for _, a := range in.Events {
		switch {
		case a.Comment != nil:
			all = append(all, subjectOf(*a.Comment, ""))
		case a.Edited != nil:
			all = append(all, subjectOf(*a.Edited, ""))
		case a.Message != nil:
			all = append(all, subject{AccountKey: AccountKey{a.Message.Platform, a.Message.Account}, ids: []string{a.Message.PersonID}})
		}
	}
	return all, nil
}

// subjectsOfReply reads the last event of a reply that came to its end: its result tells both
// ids. Of another it reads everything.
func (e *Eraser) subjectsOfReply(ctx context.Context, h Run) ([]subject, error) {
	if !h.Open {
		last, err := e.Temporal.GetWorkflowHistory(ctx, h.WorkflowID, h.RunID, false, enumspb.HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT).Next()
		if err != nil {
			return nil, err
		}
		if result := last.GetWorkflowExecutionCompletedEventAttributes().GetResult(); result != nil {
			var s workflows.PrivateReplyStatus
			if err := e.decodeFirst(result, &s); err != nil {
				return nil, err
			}
			recipient := ""
			if s.Send != nil {
				recipient = s.Send.RecipientID
			}
			return []subject{subjectOf(s.Comment, recipient)}, nil
		}
	}
	var in workflows.PrivateReplyInput
	recipient := ""
	events := e.Temporal.GetWorkflowHistory(ctx, h.WorkflowID, h.RunID, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		if err != nil {
			return nil, err
		}
		if started := event.GetWorkflowExecutionStartedEventAttributes(); started != nil {
			if err := e.decodeFirst(started.GetInput(), &in); err != nil {
				return nil, err
			}
		}
		if to, err := e.recipient(event); err != nil {
			return nil, err
		} else if to != "" {
			recipient = to
		}
	}
	return []subject{subjectOf(in.Comment, recipient)}, nil
}

// recipient is whom a send reached, if event is the end of one.
func (e *Eraser) recipient(event *historypb.HistoryEvent) (string, error) {
	result := event.GetActivityTaskCompletedEventAttributes().GetResult()
	if result == nil {
		return "", nil
	}
	var raw json.RawMessage
	if err := e.decodeFirst(result, &raw); err != nil {
		return "", err
	}
	var sent privatereply.SendResult
	_ = json.Unmarshal(raw, &sent) // what has another shape was no send
	return sent.RecipientID, nil
}

// decodeFirst decodes the first of some payloads.
func (e *Eraser) decodeFirst(p *commonpb.Payloads, v any) error {
	if len(p.GetPayloads()) == 0 {
		return nil
	}
	if err := e.Data.FromPayload(p.GetPayloads()[0], v); err != nil {
		return decodeError{err}
	}
	return nil
}

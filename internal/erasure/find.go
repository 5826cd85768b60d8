package erasure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"golang.org/x/sync/errgroup"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/visibility"
	"github.com/privatereply/privatereply/workflows"
)

const (
	// pageSize is the number of runs in one page of a list.
	pageSize = 500
	// parallelReads is the number of histories that are read at once: a fraction of the
	// calls a server allows a namespace, so that replies continue meanwhile.
	parallelReads = 8
)

// The workflows that can hold something of a person, and those that hold names. Broadcasts
// and sweeps hold ids of comments at most.
var (
	personRuns = visibility.In(visibility.WorkflowType, workflows.PrivateReplyType, workflows.ConversationType, workflows.IntakeType)
	replyRuns  = visibility.Equals(visibility.WorkflowType, workflows.PrivateReplyType)
)

// Findings are the runs that hold something of a person.
type Findings struct {
	Runs       []Run
	Accounts   []AccountKey
	Unreadable []Unreadable
}

// Find searches for what is held of a person. No list and no search attribute has persons
// in clear, so it reads every run that the namespace has: of an ended reply the result, of
// others the history. Meta may have two ids for a person, one for comments and one for
// messages; where a reply shows both, Find searches for both.
func (e *Eraser) Find(ctx context.Context, p Person) (Findings, error) {
	known := map[Person]bool{}
	for {
		var found Findings
		before := len(known)
		unreadable, err := e.scan(ctx, personRuns, p.matches, func(h Run, mentions []subject) {
			others := 0
			about := false
			for _, m := range mentions {
				if !p.matches(m.AccountKey) || !slices.ContainsFunc(m.ids, func(id string) bool { return id == p.ID || known[Person{m.AccountKey, id}] }) {
					others++
					continue
				}
				about = true
				h.AccountKey, h.comment = m.AccountKey, m.comment
				for _, id := range m.ids {
					known[Person{m.AccountKey, id}] = true
				}
			}
			if !about {
				return
			}
			h.OtherPersons = others
			found.Runs = append(found.Runs, h)
			if !slices.Contains(found.Accounts, h.AccountKey) {
				found.Accounts = append(found.Accounts, h.AccountKey)
			}
		})
		if err != nil {
			return found, err
		}
		found.Unreadable = unreadable
		if !hasOtherID(known, p.ID) || len(known) == before {
			slices.SortFunc(found.Runs, Run.compare)
			return e.dropMissing(ctx, found)
		}
	}
}

// dropMissing drops conversations that exist only in the list, which lags behind: they were
// not read.
func (e *Eraser) dropMissing(ctx context.Context, f Findings) (Findings, error) {
	var problem error
	f.Runs = slices.DeleteFunc(f.Runs, func(h Run) bool {
		if h.Kind != Conversation || problem != nil {
			return false
		}
		err := e.exists(ctx, h)
		if err != nil && !isNotFound(err) {
			problem = fmt.Errorf("describe %s: %w", h.WorkflowID, err)
		}
		return isNotFound(err)
	})
	return f, problem
}

// hasOtherID reports whether more than one id is known.
func hasOtherID(known map[Person]bool, id string) bool {
	for p := range known {
		if p.ID != id {
			return true
		}
	}
	return false
}

// NamedPerson is a person who wrote comments under a name.
type NamedPerson struct {
	AccountKey
	Person  string   `json:"person,omitempty"` // empty: Meta did not say
	Replies []string `json:"replies"`          // workflow ids
}

// FindByName lists the persons who wrote under a name. Names are not unique and change, so
// that a person must choose whom to erase.
func (e *Eraser) FindByName(ctx context.Context, name string, of Person) ([]NamedPerson, []Unreadable, error) {
	name = strings.TrimPrefix(name, "@")
	all := map[Person]*NamedPerson{}
	unreadable, err := e.scan(ctx, replyRuns, of.matches, func(h Run, mentions []subject) {
		for _, m := range mentions {
			if !strings.EqualFold(m.comment.Username, name) || !of.matches(m.AccountKey) {
				continue
			}
			key := Person{m.AccountKey, m.comment.PersonID}
			if all[key] == nil {
				all[key] = &NamedPerson{AccountKey: m.AccountKey, Person: m.comment.PersonID}
			}
			all[key].Replies = append(all[key].Replies, h.WorkflowID)
		}
	})
	named := []NamedPerson{} // [] rather than null
	for _, n := range all {
		slices.Sort(n.Replies)
		named = append(named, *n)
	}
	slices.SortFunc(named, func(a, b NamedPerson) int { return strings.Compare(a.Replies[0], b.Replies[0]) })
	return named, unreadable, err
}

// scan reads the runs of a query and calls visit for each, one at a time. It skips the
// accounts that are not wanted.
func (e *Eraser) scan(ctx context.Context, query visibility.Condition, wanted func(AccountKey) bool, visit func(Run, []subject)) ([]Unreadable, error) {
	count, err := e.Temporal.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Query: query.String()})
	if err != nil {
		return nil, fmt.Errorf("count the workflows: %w", err)
	}
	var unreadable []Unreadable
	var token []byte
	read := 0
	for {
		page, err := e.Temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: query.String(), PageSize: pageSize, NextPageToken: token})
		if err != nil {
			return nil, fmt.Errorf("list the workflows: %w", err)
		}
		var mu sync.Mutex
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(parallelReads)
		for _, info := range page.GetExecutions() {
			h := runOf(info)
			if h.AccountKey != (AccountKey{}) && !wanted(h.AccountKey) {
				continue
			}
			group.Go(func() error {
				mentions, err := e.subjects(ctx, h)
				mu.Lock()
				defer mu.Unlock()
				var why decodeError
				switch {
				case errors.As(err, &why):
					unreadable = append(unreadable, Unreadable{h.WorkflowID, h.RunID, why.Error()})
				case isNotFound(err): // its retention ended meanwhile
				case err != nil:
					return fmt.Errorf("read %s: %w", h.WorkflowID, err)
				default:
					visit(h, mentions)
				}
				return nil
			})
		}
		if err := group.Wait(); err != nil {
			return nil, err
		}
		read += len(page.GetExecutions())
		e.Progress(read, max(read, int(count.GetCount())))
		if token = page.GetNextPageToken(); len(token) == 0 {
			return unreadable, nil
		}
	}
}

var kinds = map[string]Kind{workflows.PrivateReplyType: Reply, workflows.ConversationType: Conversation, workflows.IntakeType: Intake}

func runOf(info *workflowpb.WorkflowExecutionInfo) Run {
	h := Run{
		Kind:       kinds[info.GetType().GetName()],
		WorkflowID: info.GetExecution().GetWorkflowId(), RunID: info.GetExecution().GetRunId(),
		Open: info.GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING,
	}
	if id, ok := privatereply.ParseID(h.WorkflowID); ok {
		h.AccountKey = AccountKey{id.Platform, id.Account}
	}
	return h
}

func isNotFound(err error) bool {
	var notFound *serviceerror.NotFound
	return errors.As(err, &notFound)
}

// subject is a person whom a run is about.
type subject struct {
	AccountKey
	ids     []string             // of the person, by Meta
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

// subjects lists the persons whom a run is about.
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

// exists returns a NotFound error if a run does not exist.
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

// subjectsOfReply reads the last event of an ended reply: its result has both ids. Of an
// open one it reads the whole history.
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

// recipient is the id that a send reached, if event is the end of a send; otherwise empty.
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

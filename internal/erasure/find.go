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
	personRuns = visibility.In(visibility.WorkflowType, workflows.PrivateReplyType, workflows.ConversationType, workflows.IntakeType, workflows.ReopenType,
		workflows.CommentVisibilityType, workflows.OnceType)
	replyRuns = visibility.Equals(visibility.WorkflowType, workflows.PrivateReplyType)
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
	found, err := e.search(ctx, Subject{p.AccountKey, []workflows.PersonKey{{AccountKey: p.AccountKey, Key: e.Keys.Of(p.ID)}}}, searchLimits{}, SearchState{}, func(SearchState) {})
	if err != nil {
		return Findings{}, err
	}
	findings := Findings{Runs: found.runs, Unreadable: found.unreadable}
	for _, h := range found.runs {
		if !slices.Contains(findings.Accounts, h.AccountKey) {
			findings.Accounts = append(findings.Accounts, h.AccountKey)
		}
	}
	return findings, nil
}

// Subject is the person to erase as the history of an erasure may know them: by keyed
// hashes. The first is of the person that was asked for.
type Subject struct {
	AccountKey // empty: every account
	Keys       []workflows.PersonKey
}

// about reports whether one of the subject's ids is among those of a mention.
func (e *Eraser) about(s Subject, m subject) bool {
	if !(Person{AccountKey: s.AccountKey}).matches(m.AccountKey) {
		return false
	}
	return slices.ContainsFunc(m.ids, func(id string) bool {
		keys := e.Keys.all(id)
		return slices.ContainsFunc(s.Keys, func(k workflows.PersonKey) bool {
			return (k.AccountKey == AccountKey{} || k.AccountKey == m.AccountKey) && slices.Contains(keys, k.Key)
		})
	})
}

// withIDs adds the ids of a mention that is about the subject.
func (e *Eraser) withIDs(s Subject, m subject) Subject {
	for _, id := range m.ids {
		if one := (subject{AccountKey: m.AccountKey, ids: []string{id}}); !e.about(s, one) {
			s.Keys = append(s.Keys, workflows.PersonKey{AccountKey: m.AccountKey, Key: e.Keys.Of(id)})
		}
	}
	return s
}

// The limits of a search whose result goes into a history.
const (
	maxHeldRuns       = 500
	maxUnreadableRuns = 50
)

// searchLimits bound what a search remembers; 0: no limit.
type searchLimits struct{ runs, unreadable int }

// SearchState is how far a search is: with it another worker goes on.
type SearchState struct {
	workflows.SearchPersonResult
	Token      []byte `json:"token,omitempty"` // of the next page; empty: of the first
	Read       int    `json:"read"`            // runs, before that page
	KeysBefore int    `json:"keys_before"`     // known when this reading of all runs began
}

// Search is Find for a workflow. It goes on where state was handed to checkpoint.
func (e *Eraser) Search(ctx context.Context, s Subject, state SearchState, checkpoint func(SearchState)) (workflows.SearchPersonResult, error) {
	found, err := e.search(ctx, s, searchLimits{maxHeldRuns, maxUnreadableRuns}, state, checkpoint)
	if err != nil {
		return workflows.SearchPersonResult{}, err
	}
	return found.result(), nil
}

// search is one search while it runs.
type search struct {
	searchLimits
	subject         Subject
	runs            []Run
	more            bool
	unreadable      []Unreadable
	unreadableCount int
}

func (f *search) result() workflows.SearchPersonResult {
	r := workflows.SearchPersonResult{Keys: f.subject.Keys, Runs: heldRuns(f.runs), More: f.more, Unreadable: f.unreadableCount}
	for _, u := range f.unreadable {
		r.UnreadableRuns = append(r.UnreadableRuns, workflows.UnreadableRun{RunID: u.RunID, Why: u.Why})
	}
	return r
}

// add remembers a run. Beyond the limit the first ones in the order of removal stay.
func (f *search) add(h Run) {
	f.runs = append(f.runs, h)
	if f.searchLimits.runs > 0 && len(f.runs) > f.searchLimits.runs {
		slices.SortFunc(f.runs, Run.compare)
		f.runs, f.more = f.runs[:f.searchLimits.runs], true
	}
}

func (f *search) addUnreadable(u Unreadable) {
	f.unreadableCount++
	if f.searchLimits.unreadable == 0 || len(f.unreadable) < f.searchLimits.unreadable {
		f.unreadable = append(f.unreadable, u)
	}
}

// search reads all runs, and again as long as that makes further ids of the person known.
func (e *Eraser) search(ctx context.Context, s Subject, limits searchLimits, from SearchState, checkpoint func(SearchState)) (*search, error) {
	f := &search{searchLimits: limits, subject: s}
	if len(from.Keys) > 0 {
		f.subject.Keys, f.more, f.unreadableCount = from.Keys, from.More, from.Unreadable
		for _, h := range from.Runs {
			f.runs = append(f.runs, RunOf(h, ""))
		}
		for _, u := range from.UnreadableRuns {
			f.unreadable = append(f.unreadable, Unreadable{RunID: u.RunID, Why: u.Why})
		}
	}
	at := scanPosition{from.Token, from.Read}
	for before := max(from.KeysBefore, len(s.Keys)); ; before = len(f.subject.Keys) {
		err := e.scan(ctx, personRuns, at, Person{AccountKey: s.AccountKey}.matches, f.addUnreadable, func(h Run, mentions []subject) error {
			return e.collect(ctx, f, h, mentions)
		}, func(next scanPosition) {
			checkpoint(SearchState{SearchPersonResult: f.result(), Token: next.token, Read: next.read, KeysBefore: before})
		})
		if err != nil {
			return nil, err
		}
		if len(f.subject.Keys) == before {
			slices.SortFunc(f.runs, Run.compare)
			return f, nil
		}
		at, f.runs, f.more, f.unreadable, f.unreadableCount = scanPosition{}, nil, false, nil, 0
	}
}

// collect adds a run if it is about the person. A conversation that exists only in the
// list, which lags behind, is not: it was not read.
func (e *Eraser) collect(ctx context.Context, f *search, h Run, mentions []subject) error {
	others, about := 0, false
	for _, m := range mentions {
		if !e.about(f.subject, m) {
			others++
			continue
		}
		about = true
		h.AccountKey, h.comment = m.AccountKey, m.comment
		f.subject = e.withIDs(f.subject, m)
	}
	if !about {
		return nil
	}
	if h.Kind == Conversation {
		if err := e.exists(ctx, h); err != nil {
			return callError("describe", h, err)
		}
	}
	h.OtherPersons = others
	f.add(h)
	return nil
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
	var unreadable []Unreadable
	err := e.scan(ctx, replyRuns, scanPosition{}, of.matches, func(u Unreadable) { unreadable = append(unreadable, u) }, func(h Run, mentions []subject) error {
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
		return nil
	}, func(scanPosition) {})
	named := []NamedPerson{} // [] rather than null
	for _, n := range all {
		slices.Sort(n.Replies)
		named = append(named, *n)
	}
	slices.SortFunc(named, func(a, b NamedPerson) int { return strings.Compare(a.Replies[0], b.Replies[0]) })
	return named, unreadable, err
}

// scanPosition is where a scan begins or goes on.
type scanPosition struct {
	token []byte // of the next page
	read  int    // runs before it
}

// scan reads the runs of a query and calls visit, or unreadable, for each, one at a time.
// It skips the accounts that are not wanted. After each page but the last it calls next.
func (e *Eraser) scan(ctx context.Context, query visibility.Condition, at scanPosition, wanted func(AccountKey) bool,
	unreadable func(Unreadable), visit func(Run, []subject) error, next func(scanPosition)) error {
	count, err := e.Temporal.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Query: query.String()})
	if err != nil {
		return fmt.Errorf("count the workflows: %w", err)
	}
	for {
		page, err := e.Temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: query.String(), PageSize: pageSize, NextPageToken: at.token})
		if err != nil {
			return fmt.Errorf("list the workflows: %w", err)
		}
		var mu sync.Mutex
		group, reading := errgroup.WithContext(ctx)
		group.SetLimit(parallelReads)
		for _, info := range page.GetExecutions() {
			h := runOf(info)
			if h.AccountKey != (AccountKey{}) && !wanted(h.AccountKey) {
				continue
			}
			group.Go(func() error {
				mentions, err := e.subjects(reading, h)
				mu.Lock()
				defer mu.Unlock()
				var why decodeError
				if errors.As(err, &why) {
					unreadable(Unreadable{h.WorkflowID, h.RunID, why.Error()})
					return nil
				}
				if err == nil {
					err = visit(h, mentions)
				}
				if isNotFound(err) { // its retention ended meanwhile
					return nil
				}
				return callError("read", h, err)
			})
		}
		if err := group.Wait(); err != nil {
			return err
		}
		at = scanPosition{page.GetNextPageToken(), at.read + len(page.GetExecutions())}
		e.Progress(at.read, max(at.read, int(count.GetCount())))
		if len(at.token) == 0 {
			return nil
		}
		next(at)
	}
}

var kinds = map[string]Kind{
	workflows.PrivateReplyType: Reply, workflows.ConversationType: Conversation, workflows.IntakeType: Intake, workflows.ReopenType: Reopening,
	workflows.CommentVisibilityType: Visibility, workflows.OnceType: Once,
}

func runOf(info *workflowpb.WorkflowExecutionInfo) Run {
	h := Run{
		Kind:       kinds[info.GetType().GetName()],
		WorkflowID: info.GetExecution().GetWorkflowId(), RunID: info.GetExecution().GetRunId(),
		Open: info.GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING,
	}
	if id, ok := privatereply.ParseID(h.WorkflowID); ok {
		h.AccountKey = AccountKey{Platform: id.Platform, Account: id.Account}
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
	m := subject{AccountKey: AccountKey{Platform: c.Platform, Account: c.Account}, comment: c}
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
	case Reopening:
		return e.subjectsOfReopening(ctx, h)
	case Visibility:
		return e.subjectsOfVisibility(ctx, h)
	case Once:
		return e.subjectsOfOnce(ctx, h)
	}
	return e.subjectsOfReply(ctx, h)
}

// exists returns a NotFound error if a run does not exist.
func (e *Eraser) exists(ctx context.Context, h Run) error {
	_, err := e.Temporal.DescribeWorkflowExecution(ctx, h.WorkflowID, h.RunID)
	return err
}

// input decodes what a run was started with.
func (e *Eraser) input(ctx context.Context, h Run, in any) error {
	events := e.Temporal.GetWorkflowHistory(ctx, h.WorkflowID, h.RunID, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	first, err := events.Next()
	if err != nil {
		return err
	}
	return e.decodeFirst(first.GetWorkflowExecutionStartedEventAttributes().GetInput(), in)
}

func (e *Eraser) subjectsOfReopening(ctx context.Context, h Run) ([]subject, error) {
	var in workflows.ReopenInput
	if err := e.input(ctx, h, &in); err != nil {
		return nil, err
	}
	return []subject{subjectOf(in.Input.Comment, "")}, nil
}

func (e *Eraser) subjectsOfVisibility(ctx context.Context, h Run) ([]subject, error) {
	var in workflows.VisibilityInput
	if err := e.input(ctx, h, &in); err != nil {
		return nil, err
	}
	return []subject{subjectOf(in.Comment, "")}, nil
}

func (e *Eraser) subjectsOfOnce(ctx context.Context, h Run) ([]subject, error) {
	var in workflows.OnceInput
	if err := e.input(ctx, h, &in); err != nil {
		return nil, err
	}
	return []subject{{AccountKey: AccountKey{Platform: in.Platform, Account: in.Account}, ids: []string{in.Person}}}, nil
}

func (e *Eraser) subjectsOfIntake(ctx context.Context, h Run) ([]subject, error) {
	var in workflows.IntakeInput
	if err := e.input(ctx, h, &in); err != nil {
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
			all = append(all, subject{AccountKey: AccountKey{Platform: a.Message.Platform, Account: a.Message.Account}, ids: []string{a.Message.PersonID}})
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

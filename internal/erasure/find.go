package erasure

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"golang.org/x/sync/errgroup"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/workflows"
)

const (
	// pageRuns is how many runs are listed at once.
	pageRuns = 500
	// reads is how many histories are read at the same time: a fraction of what a
	// server gives a namespace, so that replies go on meanwhile.
	reads = 8
)

// The runs that can hold something of a person, and those that tell names. Broadcasts
// and sweeps hold ids of comments at most.
const (
	everything = `WorkflowType IN ("` + workflows.PrivateReplyType + `", "` + workflows.ConversationType + `", "` + workflows.IntakeType + `")`
	allReplies = `WorkflowType = "` + workflows.PrivateReplyType + `"`
)

// Findings is what is held of a person.
type Findings struct {
	Held       []Held
	Owners     []Owner
	Unreadable []Unreadable
}

// Find looks for what is held of a person. Neither list nor search attribute knows
// persons, so it reads every run that the namespace keeps: of a reply that ended its
// result, of others their history. Meta may have two ids for a person, one for their
// comments and one for their messages; where a reply shows both, both are looked for.
func (e *Eraser) Find(ctx context.Context, p Person) (Findings, error) {
	known := map[Person]bool{}
	for {
		var found Findings
		before := len(known)
		unreadable, err := e.scan(ctx, everything, p.wrote, func(h Held, mentions []mention) {
			others := 0
			about := false
			for _, m := range mentions {
				if !p.wrote(m.Owner) || !slices.ContainsFunc(m.ids, func(id string) bool { return id == p.ID || known[Person{m.Owner, id}] }) {
					others++
					continue
				}
				about = true
				h.Owner, h.comment = m.Owner, m.comment
				for _, id := range m.ids {
					known[Person{m.Owner, id}] = true
				}
			}
			if !about {
				return
			}
			h.Others = others
			found.Held = append(found.Held, h)
			if !slices.Contains(found.Owners, h.Owner) {
				found.Owners = append(found.Owners, h.Owner)
			}
		})
		if err != nil {
			return found, err
		}
		found.Unreadable = unreadable
		if !anotherID(known, p.ID) || len(known) == before {
			slices.SortFunc(found.Held, Held.compare)
			return e.there(ctx, found)
		}
	}
}

// there leaves out conversations that only a list that lags behind still has: of
// those nothing was read.
func (e *Eraser) there(ctx context.Context, f Findings) (Findings, error) {
	var problem error
	f.Held = slices.DeleteFunc(f.Held, func(h Held) bool {
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

// anotherID reports whether more than one id is known.
func anotherID(known map[Person]bool, id string) bool {
	for p := range known {
		if p.ID != id {
			return true
		}
	}
	return false
}

// Named is a person who wrote under a name.
type Named struct {
	Owner
	Person  string   `json:"person,omitempty"` // empty: Meta did not say
	Replies []string `json:"replies"`          // workflow ids
}

// FindNamed lists who wrote under a name. Names are not unique, and people change
// them: whom to erase is for a person to say.
func (e *Eraser) FindNamed(ctx context.Context, name string, of Person) ([]Named, []Unreadable, error) {
	name = strings.TrimPrefix(name, "@")
	all := map[Person]*Named{}
	unreadable, err := e.scan(ctx, allReplies, of.wrote, func(h Held, mentions []mention) {
		for _, m := range mentions {
			if !strings.EqualFold(m.comment.Username, name) || !of.wrote(m.Owner) {
				continue
			}
			key := Person{m.Owner, m.comment.PersonID}
			if all[key] == nil {
				all[key] = &Named{Owner: m.Owner, Person: m.comment.PersonID}
			}
			all[key].Replies = append(all[key].Replies, h.WorkflowID)
		}
	})
	named := []Named{} // [] rather than null
	for _, n := range all {
		slices.Sort(n.Replies)
		named = append(named, *n)
	}
	slices.SortFunc(named, func(a, b Named) int { return strings.Compare(a.Replies[0], b.Replies[0]) })
	return named, unreadable, err
}

// scan reads the runs that a query lists and calls visit for each, never twice at the
// same time. Runs of accounts that are not wanted are not read.
func (e *Eraser) scan(ctx context.Context, query string, wanted func(Owner) bool, visit func(Held, []mention)) ([]Unreadable, error) {
	count, err := e.Temporal.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Query: query})
	if err != nil {
		return nil, fmt.Errorf("count the workflows: %w", err)
	}
	var unreadable []Unreadable
	var token []byte
	read := 0
	for {
		page, err := e.Temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: query, PageSize: pageRuns, NextPageToken: token})
		if err != nil {
			return nil, fmt.Errorf("list the workflows: %w", err)
		}
		var mu sync.Mutex
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(reads)
		for _, info := range page.GetExecutions() {
			h := heldIn(info)
			if h.Owner != (Owner{}) && !wanted(h.Owner) {
				continue
			}
			group.Go(func() error {
				mentions, err := e.mentions(ctx, h)
				mu.Lock()
				defer mu.Unlock()
				var why notReadable
				switch {
				case errors.As(err, &why):
					unreadable = append(unreadable, Unreadable{h.WorkflowID, h.RunID, why.Error()})
				case isNotFound(err): // its time was over meanwhile
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

func heldIn(info *workflowpb.WorkflowExecutionInfo) Held {
	h := Held{
		Kind:       kinds[info.GetType().GetName()],
		WorkflowID: info.GetExecution().GetWorkflowId(), RunID: info.GetExecution().GetRunId(),
		Open: info.GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING,
	}
	if id, ok := privatereply.ParseID(h.WorkflowID); ok {
		h.Owner = Owner{id.Platform, id.Account}
	}
	return h
}

func isNotFound(err error) bool {
	var notFound *serviceerror.NotFound
	return errors.As(err, &notFound)
}

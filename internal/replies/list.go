package replies

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/visibility"
	"github.com/privatereply/privatereply/workflows"
)

const (
	// pageRows is the server's limit of rows in one page.
	pageRows = 1000
	// sliceRows is the number of rows that are read at once to find the earliest few.
	sliceRows = 1000
)

// The range of deadlines that is searched. The oldest are those of unknown deliveries that
// nobody resolved.
const (
	maxDeadlineAge   = 90 * 24 * time.Hour
	maxDeadlineAhead = 30 * 24 * time.Hour
)

// Count counts the replies that match f.
func (c *Client) Count(ctx context.Context, f Filter) (int64, error) {
	query, err := c.where(ctx, f)
	if err != nil {
		return 0, err
	}
	return c.count(ctx, query)
}

func (c *Client) count(ctx context.Context, query visibility.Condition) (int64, error) {
	r, err := c.temporal.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Query: query.String()})
	if err != nil {
		return 0, fmt.Errorf("count the replies: %w", err)
	}
	return r.GetCount(), nil
}

// Earliest lists the replies that match f, the earliest deadline first, at most limit.
// Temporal's SQL visibility cannot sort by a custom attribute, so the range of deadlines is
// halved until a part has few enough replies to be read and sorted here.
func (c *Client) Earliest(ctx context.Context, f Filter, limit int) ([]Row, error) {
	query, err := c.where(ctx, f)
	if err != nil {
		return nil, err
	}
	now := c.now().UTC().Truncate(time.Second)
	return c.earliestBetween(ctx, query, f, now.Add(-maxDeadlineAge), now.Add(maxDeadlineAhead), limit)
}

func (c *Client) earliestBetween(ctx context.Context, query visibility.Condition, f Filter, from, to time.Time, limit int) ([]Row, error) {
	n, err := c.count(ctx, withinDeadlines(query, from, to))
	if err != nil || n == 0 {
		return nil, err
	}
	middle := from.Add(to.Sub(from) / 2).Truncate(time.Second)
	if n <= int64(max(limit, c.sliceRows)) || !middle.After(from) {
		rows, err := c.readAll(ctx, withinDeadlines(query, from, to))
		rows = f.inStates(rows)
		return rows[:min(limit, len(rows))], err
	}
	rows, err := c.earliestBetween(ctx, query, f, from, middle, limit)
	if err != nil || len(rows) >= limit {
		return rows, err
	}
	rest, err := c.earliestBetween(ctx, query, f, middle, to, limit-len(rows))
	return append(rows, rest...), err
}

func (c *Client) readAll(ctx context.Context, query visibility.Condition) ([]Row, error) {
	var rows []Row
	var token []byte
	for {
		page, next, err := c.page(ctx, query, pageRows, token)
		if err != nil {
			return nil, err
		}
		rows = append(rows, page...)
		if token = next; len(token) == 0 {
			break
		}
	}
	slices.SortFunc(rows, Row.Compare)
	return rows, nil
}

// Compare orders rows by their deadlines.
func (r Row) Compare(o Row) int {
	return cmp.Or(r.Deadline.Compare(o.Deadline), r.StartedAt.Compare(o.StartedAt), strings.Compare(r.ID, o.ID))
}

// Page lists the replies that match f in the server's order: running ones first, the newest
// first, then the others by their end. The token is that of the page before, and empty
// after the last one.
func (c *Client) Page(ctx context.Context, f Filter, size int, token []byte) ([]Row, []byte, error) {
	query, err := c.where(ctx, f)
	if err != nil {
		return nil, nil, err
	}
	rows, next, err := c.page(ctx, query, size, token)
	return f.inStates(rows), next, err
}

func (c *Client) page(ctx context.Context, query visibility.Condition, size int, token []byte) ([]Row, []byte, error) {
	page, err := c.temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		Query: query.String(), PageSize: int32(size), NextPageToken: token,
	})
	if err != nil {
		return nil, nil, fmt.Errorf("list the replies: %w", err)
	}
	rows := make([]Row, len(page.GetExecutions()))
	for i, info := range page.GetExecutions() {
		rows[i] = c.row(info)
	}
	return rows, page.GetNextPageToken(), nil
}

// Filter selects replies. Empty fields match all.
type Filter struct {
	States  []privatereply.State
	Account string
	// Accounts are the ids of several accounts; empty: all.
	Accounts []string
	Rule     string
	Media    string
	Source   privatereply.Source
	// NotSource excludes the replies of one source.
	NotSource privatereply.Source
	Running   bool     // only those whose workflow has not ended
	IDs       []string // only these workflows
	// PersonKeys are those of one person: see Client.PersonKeys.
	PersonKeys []string
	// Effects are those of which one at least must have happened.
	Effects []string

	StartedFrom, StartedBefore time.Time
	DeadlineBefore             time.Time
}

// inStates are the rows whose state f selects: a row may know of a decision that its search
// attribute does not have yet.
func (f Filter) inStates(rows []Row) []Row {
	if len(f.States) == 0 {
		return rows
	}
	return slices.DeleteFunc(rows, func(r Row) bool { return !slices.Contains(f.States, r.State) })
}

// query writes f for Temporal's visibility store.
func (f Filter) query() visibility.Condition {
	parts := []visibility.Condition{visibility.Equals(visibility.WorkflowType, workflows.PrivateReplyType)}
	add := func(wanted bool, condition visibility.Condition) {
		if wanted {
			parts = append(parts, condition)
		}
	}
	add(len(f.IDs) > 0, visibility.In(visibility.WorkflowID, f.IDs...))
	add(len(f.States) > 0, visibility.In(workflows.ReplyState, f.States...))
	add(f.Account != "", visibility.Equals(workflows.AccountID, f.Account))
	add(len(f.Accounts) > 0, visibility.In(workflows.AccountID, f.Accounts...))
	add(f.Rule != "", visibility.Equals(workflows.RuleName, f.Rule))
	add(f.Media != "", visibility.Equals(workflows.MediaID, f.Media))
	add(f.Source != "", visibility.Equals(workflows.CommentSource, f.Source))
	add(f.NotSource != "", visibility.NotEquals(workflows.CommentSource, f.NotSource))
	add(len(f.PersonKeys) > 0, visibility.In(workflows.PersonKeyAttribute, f.PersonKeys...))
	add(len(f.Effects) > 0, visibility.In(workflows.ReplyEffects, f.Effects...))
	add(f.Running, visibility.Running)
	add(!f.StartedFrom.IsZero(), visibility.From(visibility.StartTime, f.StartedFrom))
	add(!f.StartedBefore.IsZero(), visibility.Before(visibility.StartTime, f.StartedBefore))
	add(!f.DeadlineBefore.IsZero(), visibility.Before(workflows.ReplyDeadline, f.DeadlineBefore))
	return visibility.And(parts...)
}

// withinDeadlines adds to a query that the deadline is at from or later, and before to.
func withinDeadlines(query visibility.Condition, from, to time.Time) visibility.Condition {
	return visibility.And(query, visibility.From(workflows.ReplyDeadline, from), visibility.Before(workflows.ReplyDeadline, to))
}

// Row is one reply in a list, as its memo and search attributes have it. The texts may be
// cut; see IsCut.
type Row struct {
	ID        string                `json:"id"`
	State     privatereply.State    `json:"state"`
	Deadline  time.Time             `json:"deadline"`
	Platform  privatereply.Platform `json:"platform"`
	Account   string                `json:"account"`
	CommentID string                `json:"comment_id"` // canonical
	Person    string                `json:"person,omitempty"`
	Comment   string                `json:"comment,omitempty"`
	Text      string                `json:"text,omitempty"` // proposed, or approved
	Rule      string                `json:"rule,omitempty"`
	Media     string                `json:"media_id,omitempty"`
	Source    privatereply.Source   `json:"source,omitempty"`
	// Attachment has the kind only. EditedAt is the time of the last edit of the comment.
	Attachment privatereply.Attachment `json:"attachment,omitzero"`
	EditedAt   time.Time               `json:"edited_at,omitzero"`
	// CommentSHA256 is the hash of the whole comment, of which Comment may be the
	// beginning: an approval that carries it is refused once the comment was edited.
	CommentSHA256 string    `json:"comment_sha256,omitempty"`
	StartedAt     time.Time `json:"started_at"`
	NextTry       time.Time `json:"next_try,omitzero"` // of a send that waits; waits of seconds are left out
	// The people who work on it. ProposedBy is empty where the text is a rule's.
	Assignee   string    `json:"assignee,omitempty"`
	ProposedBy string    `json:"proposed_by,omitempty"`
	Approver   string    `json:"approver,omitempty"`   // who approved, rejected or resolved it
	DecidedAt  time.Time `json:"decided_at,omitzero"`  // by the approver
	Edited     bool      `json:"edited,omitempty"`     // the approver changed the text
	PersonKey  string    `json:"person_key,omitempty"` // a hash: see Client.PersonKeys
	ParentID   string    `json:"parent_id,omitempty"`  // the comment that the comment answers
	EndedAt    time.Time `json:"ended_at,omitzero"`
	// Message has what goes with the text. Effects are what has happened beside the reply:
	// workflows.EffectTapped and the like.
	Message workflows.MessageMemo `json:"message,omitzero"`
	Effects []string              `json:"effects,omitempty"`
}

// Encrypted is the text in place of what this program has no key for.
const Encrypted = "(encrypted)"

// IsCut reports whether text is only the beginning of the reply's text.
func IsCut(text string) bool {
	return strings.HasSuffix(text, privatereply.CutMark) || text == Encrypted
}

// OnLive reports whether the reply can only be sent while a broadcast runs.
func (r Row) OnLive() bool {
	return privatereply.Comment{Platform: r.Platform, Source: r.Source}.OnLive()
}

// MissesDeadline reports whether the reply's next try comes after its deadline: it will not
// be sent, unless replies before it are stopped.
func (r Row) MissesDeadline() bool { return !r.NextTry.IsZero() && !r.NextTry.Before(r.Deadline) }

// row reads a reply from visibility. What does not decode stays empty: a list with a gap is
// better than none.
func (c *Client) row(info *workflowpb.WorkflowExecutionInfo) Row {
	r := Row{ID: info.GetExecution().GetWorkflowId(), StartedAt: info.GetStartTime().AsTime()}
	if at := info.GetCloseTime(); at != nil {
		r.EndedAt = at.AsTime()
	}
	if id, ok := privatereply.ParseID(r.ID); ok {
		r.Platform, r.Account, r.CommentID = id.Platform, id.Account, id.Subject
	}
	memo := info.GetMemo().GetFields()
	for key, to := range map[string]*string{
		workflows.MemoPerson: &r.Person, workflows.MemoComment: &r.Comment, workflows.MemoText: &r.Text,
		workflows.MemoRule: &r.Rule, workflows.MemoMedia: &r.Media, workflows.MemoParent: &r.ParentID,
	} {
		if p, ok := memo[key]; ok && c.data.FromPayload(p, to) != nil {
			*to = Encrypted
		}
	}
	var team workflows.TeamMemo
	for key, to := range map[string]any{
		workflows.MemoTeam: &team, workflows.MemoMessage: &r.Message, workflows.MemoAttachment: &r.Attachment.Kind, workflows.MemoEdited: &r.EditedAt, workflows.MemoCommentSHA256: &r.CommentSHA256,
	} {
		if p, ok := memo[key]; ok {
			_ = c.data.FromPayload(p, to)
		}
	}
	r.Assignee, r.ProposedBy, r.Approver = team.Assignee, team.ProposedBy, team.Approver
	r.DecidedAt, r.Edited = team.DecidedAt, team.Edited
	attributes := info.GetSearchAttributes().GetIndexedFields()
	attribute(attributes, workflows.ReplyState, &r.State)
	attribute(attributes, workflows.ReplyDeadline, &r.Deadline)
	attribute(attributes, workflows.CommentSource, &r.Source)
	attribute(attributes, workflows.PersonKeyAttribute, &r.PersonKey)
	attribute(attributes, workflows.ReplyEffects, &r.Effects)
	if r.Approver != "" && (r.State == privatereply.AwaitingApproval || r.State == privatereply.Holding) {
		r.State = privatereply.Sending // the search attribute follows when the send has to wait, or has ended
	}
	if p, ok := memo[workflows.MemoNextTry]; ok && r.State == privatereply.Sending {
		_ = c.data.FromPayload(p, &r.NextTry)
	}
	return r
}

// attribute reads a search attribute, which is never encrypted.
func attribute(all map[string]*commonpb.Payload, key temporal.SearchAttributeKey, to any) {
	if p, ok := all[key.GetName()]; ok {
		_ = converter.GetDefaultDataConverter().FromPayload(p, to) // a gap, as in row
	}
}

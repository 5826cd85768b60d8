package cli

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
	"github.com/privatereply/privatereply/workflows"
)

const (
	// sliceRows is how many replies are read to find the earliest among them.
	// Temporal's SQL visibility cannot sort by an attribute of one's own.
	sliceRows = 1000
	// pageRows is the server's limit for one page.
	pageRows = 1000
)

// Kept replies have their deadlines between these two: the oldest are unknown
// deliveries that nobody resolved.
const (
	deadlinesSince = 90 * 24 * time.Hour
	deadlinesUntil = 30 * 24 * time.Hour
)

func equals(attribute, value string) string { return attribute + "=" + quote(value) }

func oneOf(attribute string, values ...privatereply.State) string {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = quote(string(v))
	}
	return attribute + " IN (" + strings.Join(quoted, ",") + ")"
}

// and joins conditions; empty ones are left out.
func and(conditions ...string) string {
	return strings.Join(slices.DeleteFunc(conditions, func(c string) bool { return c == "" }), " AND ")
}

// quote writes a value for a visibility query.
func quote(value string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
}

// count is how many workflows a query finds.
func (s *session) count(ctx context.Context, query string) (int64, error) {
	r, err := s.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Query: query})
	if err != nil {
		return 0, fmt.Errorf("count the replies: %w", err)
	}
	return r.GetCount(), nil
}

// row is one reply in a list: what its memo and search attributes say.
type row struct {
	ID        string                `json:"id"`
	State     privatereply.State    `json:"state"`
	Deadline  time.Time             `json:"deadline"`
	Platform  privatereply.Platform `json:"platform"`
	Account   string                `json:"account"`
	CommentID string                `json:"comment_id"` // canonical
	Person    string                `json:"person,omitempty"`
	Comment   string                `json:"comment,omitempty"`
	Text      string                `json:"text,omitempty"` // proposed; both texts may be cut
	Rule      string                `json:"rule,omitempty"`
	Media     string                `json:"media_id,omitempty"`
	Source    string                `json:"source,omitempty"`
	StartedAt time.Time             `json:"started_at"`
}

// earliest reads the replies that query finds, the one with the earliest deadline
// first, at most limit. It halves the time until a slice has few enough replies
// to be read and sorted here.
func (s *session) earliest(ctx context.Context, query string, limit int) ([]row, error) {
	now := time.Now().UTC().Truncate(time.Second)
	return s.slice(ctx, query, now.Add(-deadlinesSince), now.Add(deadlinesUntil), limit, sliceRows)
}

// slice is earliest for the deadlines from from up to to, reading at most rows
// replies at a time.
func (s *session) slice(ctx context.Context, query string, from, to time.Time, limit int, rows int64) ([]row, error) {
	within := and(query, fmt.Sprintf(`%[1]s >= %[2]q AND %[1]s < %[3]q`, workflows.ReplyDeadline.GetName(),
		from.Format(time.RFC3339), to.Format(time.RFC3339)))
	n, err := s.count(ctx, within)
	if err != nil || n == 0 {
		return nil, err
	}
	middle := from.Add(to.Sub(from) / 2).Truncate(time.Second)
	if n <= rows || !middle.After(from) {
		return s.read(ctx, within, limit)
	}
	first, err := s.slice(ctx, query, from, middle, limit, rows)
	if err != nil || len(first) >= limit {
		return first, err
	}
	rest, err := s.slice(ctx, query, middle, to, limit-len(first), rows)
	return append(first, rest...), err
}

func (s *session) read(ctx context.Context, query string, limit int) ([]row, error) {
	var rows []row
	req := &workflowservice.ListWorkflowExecutionsRequest{Query: query, PageSize: pageRows}
	for {
		page, err := s.ListWorkflow(ctx, req)
		if err != nil {
			return nil, fmt.Errorf("list the replies: %w", err)
		}
		for _, info := range page.GetExecutions() {
			rows = append(rows, s.row(info))
		}
		if req.NextPageToken = page.GetNextPageToken(); len(req.NextPageToken) == 0 {
			break
		}
	}
	slices.SortFunc(rows, func(a, b row) int {
		return cmp.Or(a.Deadline.Compare(b.Deadline), a.StartedAt.Compare(b.StartedAt), strings.Compare(a.ID, b.ID))
	})
	return rows[:min(limit, len(rows))], nil
}

// row reads what visibility tells of a reply. What does not decode stays empty: a
// list with a gap is better than none.
func (s *session) row(info *workflowpb.WorkflowExecutionInfo) row {
	r := row{ID: info.GetExecution().GetWorkflowId(), StartedAt: info.GetStartTime().AsTime()}
	if id, ok := privatereply.ParseID(r.ID); ok {
		r.Platform, r.Account, r.CommentID = id.Platform, id.Account, id.Rest
	}
	memo := info.GetMemo().GetFields()
	for key, to := range map[string]*string{
		workflows.MemoPerson: &r.Person, workflows.MemoComment: &r.Comment, workflows.MemoText: &r.Text,
		workflows.MemoRule: &r.Rule, workflows.MemoMedia: &r.Media,
	} {
		if p, ok := memo[key]; ok && s.data.FromPayload(p, to) != nil {
			*to = "(encrypted)"
		}
	}
	attributes := info.GetSearchAttributes().GetIndexedFields()
	attribute(attributes, workflows.ReplyState, &r.State)
	attribute(attributes, workflows.ReplyDeadline, &r.Deadline)
	attribute(attributes, workflows.CommentSource, &r.Source)
	return r
}

// attribute reads a search attribute, which is never encrypted.
func attribute(all map[string]*commonpb.Payload, key temporal.SearchAttributeKey, to any) {
	if p, ok := all[key.GetName()]; ok {
		_ = converter.GetDefaultDataConverter().FromPayload(p, to) // a gap, as in row
	}
}

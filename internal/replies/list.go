package replies

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/api/workflowservice/v1"

	"github.com/privatereply/privatereply/internal/visibility"
)

const (
	// pageRows is the server's limit for one page.
	pageRows = 1000
	// sliceRows is how many rows are worth reading to find the earliest few.
	sliceRows = 1000
)

// Kept replies have their deadlines between these two: the oldest are unknown
// deliveries that nobody resolved.
const (
	maxDeadlineAge   = 90 * 24 * time.Hour
	maxDeadlineAhead = 30 * 24 * time.Hour
)

// Count is how many replies f means.
func (c *Client) Count(ctx context.Context, f Filter) (int64, error) { return c.count(ctx, f.query()) }

func (c *Client) count(ctx context.Context, query visibility.Condition) (int64, error) {
	r, err := c.temporal.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Query: query.String()})
	if err != nil {
		return 0, fmt.Errorf("count the replies: %w", err)
	}
	return r.GetCount(), nil
}

// Earliest lists the replies that f means, the earliest deadline first, at most
// limit. Temporal's SQL visibility cannot sort by an attribute of one's own, so
// the time is halved until a slice has few enough replies to be read and sorted
// here.
func (c *Client) Earliest(ctx context.Context, f Filter, limit int) ([]Row, error) {
	now := c.now().UTC().Truncate(time.Second)
	return c.earliestBetween(ctx, f.query(), now.Add(-maxDeadlineAge), now.Add(maxDeadlineAhead), limit)
}

func (c *Client) earliestBetween(ctx context.Context, query visibility.Condition, from, to time.Time, limit int) ([]Row, error) {
	n, err := c.count(ctx, withinDeadlines(query, from, to))
	if err != nil || n == 0 {
		return nil, err
	}
	middle := from.Add(to.Sub(from) / 2).Truncate(time.Second)
	if n <= int64(max(limit, c.sliceRows)) || !middle.After(from) {
		rows, err := c.readAll(ctx, withinDeadlines(query, from, to))
		return rows[:min(limit, len(rows))], err
	}
	rows, err := c.earliestBetween(ctx, query, from, middle, limit)
	if err != nil || len(rows) >= limit {
		return rows, err
	}
	rest, err := c.earliestBetween(ctx, query, middle, to, limit-len(rows))
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

// Page lists the replies that f means in the server's order: those that run, the
// newest first, then the others by their end. The token is that of the page before,
// and empty after the last one.
func (c *Client) Page(ctx context.Context, f Filter, size int, token []byte) ([]Row, []byte, error) {
	return c.page(ctx, f.query(), size, token)
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

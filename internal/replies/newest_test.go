package replies

import (
	"context"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/privatereply/privatereply/workflows"
)

// visibilityStore has replies by their start times, and lists them in an order of its own.
type visibilityStore struct {
	client.Client
	rows        []Row
	calls, read int
}

var startRange = regexp.MustCompile(`StartTime >= "([^"]*)" AND StartTime < "([^"]*)"`)

func (s *visibilityStore) matching(query string) (found []Row) {
	s.calls++
	if strings.Contains(query, workflows.ReopenType) {
		return nil // nothing was taken back
	}
	parts := startRange.FindStringSubmatch(query)
	from, _ := time.Parse(time.RFC3339, parts[1])
	before, _ := time.Parse(time.RFC3339, parts[2])
	for _, r := range s.rows {
		if !r.StartedAt.Before(from) && r.StartedAt.Before(before) {
			found = append(found, r)
		}
	}
	return found
}

func (s *visibilityStore) CountWorkflow(_ context.Context, r *workflowservice.CountWorkflowExecutionsRequest) (*workflowservice.CountWorkflowExecutionsResponse, error) {
	return &workflowservice.CountWorkflowExecutionsResponse{Count: int64(len(s.matching(r.GetQuery())))}, nil
}

func (s *visibilityStore) ListWorkflow(_ context.Context, r *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error) {
	var page workflowservice.ListWorkflowExecutionsResponse
	for _, row := range s.matching(r.GetQuery()) {
		s.read++
		page.Executions = append(page.Executions, &workflowpb.WorkflowExecutionInfo{
			Execution: &commonpb.WorkflowExecution{WorkflowId: row.ID}, StartTime: timestamppb.New(row.StartedAt)})
	}
	return &page, nil
}

// However replies are spread over time, a list has each once, the newest first, page by
// page, with a few calls for each page.
func TestNewest(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 0, 0, 500, time.UTC)
	random := rand.New(rand.NewPCG(1, 2))
	spread := func(n int, over time.Duration) (rows []Row) {
		for i := range n {
			rows = append(rows, Row{ID: fmt.Sprintf("reply:instagram:1:%d", i), StartedAt: now.Add(-time.Duration(random.Int64N(int64(over) + 1)))})
		}
		return rows
	}
	burst := spread(1500, time.Second)
	for i := range burst {
		burst[i].ID = "burst" + burst[i].ID
		burst[i].StartedAt = burst[i].StartedAt.Add(-3 * 24 * time.Hour)
	}
	for name, tt := range map[string]struct {
		rows []Row
		size int
	}{
		"none":                     {nil, 50},
		"few":                      {spread(7, 20*24*time.Hour), 5},
		"a full page":              {spread(50, time.Hour), 50},
		"many, evenly":             {spread(1500, 10*24*time.Hour), 50},
		"all in the last minutes":  {spread(1200, 3*time.Minute), 50},
		"all in one moment":        {slices.Clone(burst), 1000},
		"a burst among few others": {append(spread(400, 30*24*time.Hour), burst...), 500},
	} {
		t.Run(name, func(t *testing.T) {
			store := &visibilityStore{rows: tt.rows}
			c := New(store, "default", "queue", converter.GetDefaultDataConverter())
			c.now = func() time.Time { return now }
			var got []Row
			var after Cursor
			pages := 0
			for {
				rows, next, err := c.Newest(t.Context(), Filter{}, after, tt.size)
				if err != nil {
					t.Fatal(err)
				}
				if len(rows) > tt.size {
					t.Fatalf("%d rows on a page of %d", len(rows), tt.size)
				}
				if pages == 0 && store.calls > 40 {
					t.Errorf("%d calls for the first page", store.calls)
				}
				got = append(got, rows...)
				pages++
				if next.IsZero() {
					break
				}
				if after, err = ParseCursor(next.String()); err != nil || after != next {
					t.Fatalf("the place %v is read as %v, %v", next, after, err)
				}
				if pages > 200 {
					t.Fatal("it does not end")
				}
			}
			if !slices.IsSortedFunc(got, compareNewest) || len(got) != len(tt.rows) {
				t.Errorf("%d of %d rows, sorted: %v", len(got), len(tt.rows), slices.IsSortedFunc(got, compareNewest))
			}
			if len(slices.CompactFunc(got, func(a, b Row) bool { return a.ID == b.ID })) != len(tt.rows) {
				t.Error("a row is there twice")
			}
			t.Logf("%d calls and %d rows read for %d pages", store.calls, store.read, pages)
		})
	}
}

// A place from an address is no place unless it is written as one.
func TestParseCursor(t *testing.T) {
	for _, s := range []string{"%", "AAAA", "cmVwbHk"} {
		if c, err := ParseCursor(s); err == nil {
			t.Errorf("%q is read as %v", s, c)
		}
	}
}

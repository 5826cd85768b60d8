package desk_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/harness"
	"github.com/privatereply/privatereply/workflows"
)

// With ten thousand replies waiting in a real Temporal server, how long the desk
// takes for the first page, and until a new comment is there:
//
//	go test ./approvals/desk -run '^$' -bench TenThousandWaiting -benchtime 200x
func BenchmarkTenThousandWaiting(b *testing.B) {
	const waiting = 10_000
	s := newProduct(b)
	ask := func(n int) workflows.PrivateReplyInput {
		c := privatereply.Comment{
			Platform: privatereply.Instagram, Account: instagram, CommentID: fmt.Sprint(18000000000000000 + n), MediaID: "17900000000000001",
			Source: privatereply.SourcePost, PersonID: fmt.Sprint(6000000000000000 + n), Username: fmt.Sprintf("person%05d", n),
			Text: "How much is the large board, and do you ship it abroad?", ReceivedAt: time.Now().Add(-time.Duration(n) * time.Minute).UTC(), Via: privatereply.ViaWebhook,
		}
		return workflows.PrivateReplyInput{Comment: c, Decision: privatereply.Decision{Action: privatereply.ActionAsk, Rule: fmt.Sprintf("rule-%d", n%7), Text: "Hi! It is 48 euros, and we ship it to most of Europe for 9 euros."}}
	}
	start := func(n int) error {
		in := ask(n)
		opts, in, err := workflows.PrivateReplyOptions(in, harness.TaskQueue, time.Now())
		if err != nil {
			return err
		}
		_, err = s.Client.ExecuteWorkflow(b.Context(), opts, workflows.PrivateReplyType, in)
		return err
	}
	var starting errgroup.Group
	starting.SetLimit(16)
	for n := range waiting {
		starting.Go(func() error { return start(n) })
	}
	if err := starting.Wait(); err != nil {
		b.Fatal(err)
	}
	watcher := s.Queue.Watch(0)
	defer watcher.Close()
	holds := func(n int) {
		for len(s.Queue.View(b.Context()).Rows) != n {
			select {
			case <-watcher.Changed():
			case <-b.Context().Done():
				b.Fatal(b.Context().Err())
			}
		}
	}
	holds(waiting)

	get := func() time.Duration {
		req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, s.ApprovalsURL+"/", nil)
		if err != nil {
			b.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+s.Tokens["ana"])
		began := time.Now()
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			b.Fatal(err)
		}
		defer resp.Body.Close()
		if n, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK || n < 10_000 {
			b.Fatalf("%s, %d bytes, %v", resp.Status, n, err)
		}
		return time.Since(began)
	}
	var took []time.Duration
	for b.Loop() {
		took = append(took, get())
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "ms/p99")
	b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, "ms/max")

	began := time.Now()
	if err := start(waiting); err != nil {
		b.Fatal(err)
	}
	holds(waiting + 1)
	b.ReportMetric(float64(time.Since(began).Milliseconds()), "ms/new")
}

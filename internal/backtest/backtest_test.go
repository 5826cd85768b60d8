package backtest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/rules"
	"github.com/privatereply/privatereply/workflows"
)

// held is what Temporal holds: n comments, of which every second asks for the price.
type held struct {
	n    int
	took time.Duration // of one read
	err  error
}

func (h held) Page(_ context.Context, _ replies.Filter, size int, token []byte) ([]replies.Row, []byte, error) {
	from := 0
	_, _ = fmt.Sscan(string(token), &from)
	var rows []replies.Row
	for i := from; i < min(h.n, from+size); i++ {
		rows = append(rows, replies.Row{ID: fmt.Sprint(i)})
	}
	if from+size < h.n {
		return rows, fmt.Append(nil, from+size), nil
	}
	return rows, nil, nil
}

func (h held) Input(ctx context.Context, id string) (in workflows.PrivateReplyInput, err error) {
	select {
	case <-ctx.Done():
		return in, ctx.Err()
	case <-time.After(h.took):
	}
	if id == "3" { // its retention is over
		return in, &replies.Error{Code: replies.NotFound}
	}
	in.Comment = privatereply.Comment{Platform: privatereply.Instagram, Text: "hello", ReceivedAt: time.Now()}
	in.Decision = privatereply.Decision{Action: privatereply.ActionAsk}
	if id[len(id)-1]%2 == 0 {
		in.Comment.Text = "the price?"
	}
	return in, h.err
}

func (held) Get(privatereply.Platform, string) (privatereply.Account, bool) {
	return privatereply.Account{Name: "Shop"}, true
}

// The comments that are held are decided again up to a limit and for a time, and the report
// says how many those were.
func TestRun(t *testing.T) {
	set, err := rules.Parse("rules.yaml", []byte("rules:\n- name: price\n  when: says(text, \"price\") && account == \"Shop\"\n  reply: 12 euros\n"))
	if err != nil {
		t.Fatal(err)
	}
	unreadable := errors.New("unreadable")
	for name, tt := range map[string]struct {
		source    held
		limit     int
		within    time.Duration
		comments  int
		changed   int
		outOfTime bool
		more      bool
		err       error
	}{
		"all":             {held{n: 10}, 100, time.Hour, 9, 5, false, false, nil},
		"as many as may":  {held{n: 10}, 10, time.Hour, 9, 5, false, false, nil},
		"none":            {held{}, 100, time.Hour, 0, 0, false, false, nil},
		"pages":           {held{n: 1200}, 5000, time.Hour, 1199, 600, false, false, nil},
		"limit":           {held{n: 1200}, 600, time.Hour, 599, 300, false, true, nil},
		"time":            {held{n: 1200, took: time.Second}, 5000, 30*time.Second + time.Millisecond, 239, 120, true, false, nil},
		"does not answer": {held{n: 10, err: unreadable}, 100, time.Hour, 0, 0, false, false, unreadable},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), tt.within)
				defer cancel()
				r, err := Run(ctx, tt.source, set, tt.source, replies.Filter{}, tt.limit)
				if !errors.Is(err, tt.err) || r.OutOfTime != tt.outOfTime || r.More != tt.more {
					t.Fatalf("%v, %d comments, out of time %v, more %v", err, r.Comments, r.OutOfTime, r.More)
				}
				if tt.err == nil && (r.Comments != tt.comments || len(r.Changed) != tt.changed) {
					t.Errorf("%d of %d would change, want %d of %d", len(r.Changed), r.Comments, tt.changed, tt.comments)
				}
			})
		})
	}
}

package workflows

import (
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.temporal.io/sdk/client"

	"github.com/privatereply/privatereply"
)

// counted is what the workflows counted, by metric and labels.
type counted struct {
	mu sync.Mutex
	by map[string]int64
}

// tagged counts for the SDK, of which only our own metrics are kept.
type tagged struct {
	*counted
	tags map[string]string
}

func (h tagged) WithTags(tags map[string]string) client.MetricsHandler {
	all := maps.Clone(h.tags)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, tags)
	return tagged{h.counted, all}
}

func (h tagged) Counter(name string) client.MetricsCounter {
	for _, m := range Metrics {
		if m.Name != name {
			continue
		}
		key := strings.TrimPrefix(name, "privatereply_worker_")
		for _, l := range m.Labels {
			key += " " + h.tags[l]
		}
		return counter(func(n int64) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.by[key] += n
		})
	}
	return client.MetricsNopHandler.Counter(name)
}

func (tagged) Gauge(name string) client.MetricsGauge { return client.MetricsNopHandler.Gauge(name) }
func (tagged) Timer(name string) client.MetricsTimer { return client.MetricsNopHandler.Timer(name) }

type counter func(int64)

func (c counter) Inc(n int64) { c(n) }

// Each state that a reply comes into is counted once, with its reason, and so is
// each attempt that leaves a doubt, whoever caused it.
func TestMetrics(t *testing.T) {
	tests := []struct {
		name     string
		decision privatereply.Decision
		sends    []func(SendPrivateReplyInput) privatereply.SendResult
		tell     func(*replyTest)
		want     map[string]int64
	}{
		{"ignored", privatereply.Decision{Action: privatereply.ActionIgnore, Rule: "spam"}, nil, nil,
			map[string]int64{"replies ignored ignored_by_rule": 1}},
		{"held, sent, answered", autoAfter(2 * time.Minute), nil, func(s *replyTest) {
			s.signalAt(time.Hour, PersonRespondedSignal, EventTime{start.Add(time.Hour)})
		}, map[string]int64{"replies holding ": 1, "replies sending ": 1, "replies sent ": 1, "replies responded ": 1, "replies window_closed ": 1}},
		{"nobody decides", ask(), nil, nil,
			map[string]int64{"replies awaiting_approval ": 1, "replies expired nobody_decided": 1}},
		{"throttled, then sent, not answered", auto(), []func(SendPrivateReplyInput) privatereply.SendResult{notSent(privatereply.Throttled, true, time.Hour), delivered}, nil,
			map[string]int64{"replies sending ": 1, "replies sent ": 1, "replies no_response ": 1}},
		{"Meta does not answer, twice", auto(), []func(SendPrivateReplyInput) privatereply.SendResult{unknown}, nil,
			map[string]int64{"replies sending ": 1, "ambiguous_sends no_answer": 2, "replies delivery_unknown no_answer": 1, "replies delivery_unknown unresolved": 1}},
		{"the worker is lost", auto(), []func(SendPrivateReplyInput) privatereply.SendResult{
			func(SendPrivateReplyInput) privatereply.SendResult { panic("lost") }, delivered,
		}, nil, map[string]int64{"replies sending ": 1, "ambiguous_sends worker_lost": 1, "replies sent ": 1, "replies no_response ": 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newReplyTest(t, comment(), tt.decision)
			if tt.sends != nil {
				s.sends = tt.sends
			}
			if tt.tell != nil {
				tt.tell(s)
			}
			s.play()
			if diff := cmp.Diff(tt.want, s.counted.by); diff != "" {
				t.Errorf("counted (-want +got):\n%s", diff)
			}
		})
	}
}

// The series that alerts look at begin at zero, under the names of the metrics and
// with all their labels.
func TestCountFromZero(t *testing.T) {
	c := &counted{by: map[string]int64{}}
	InitMetrics(tagged{counted: c})
	for _, key := range []string{"replies sent ", "replies expired past_deadline", "ambiguous_sends worker_lost"} {
		if n, ok := c.by[key]; !ok || n != 0 {
			t.Errorf("%q begins at %d, %v", key, n, ok)
		}
	}
}

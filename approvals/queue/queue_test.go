package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/replies"
)

// store is a visibility store in memory.
type store struct {
	mu    sync.Mutex
	rows  map[string]replies.Row
	err   error
	slow  time.Duration // a whole read takes so long
	calls map[string]int
}

func newStore(rows ...replies.Row) *store {
	s := &store{rows: map[string]replies.Row{}, calls: map[string]int{}}
	s.put(rows...)
	return s
}

func (s *store) put(rows ...replies.Row) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range rows {
		s.rows[r.ID] = r
	}
}

func (s *store) take(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.rows, id)
}

func (s *store) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *store) called(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[name]
}

func (s *store) find(name string, f replies.Filter) ([]replies.Row, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[name]++
	var found []replies.Row
	for _, r := range s.rows {
		if (len(f.States) == 0 || slices.Contains(f.States, r.State)) && (len(f.IDs) == 0 || slices.Contains(f.IDs, r.ID)) && !r.StartedAt.Before(f.StartedFrom) {
			found = append(found, r)
		}
	}
	slices.SortFunc(found, replies.Row.Compare)
	return found, s.err
}

func (s *store) Count(_ context.Context, f replies.Filter) (int64, error) {
	rows, err := s.find("count", f)
	return int64(len(rows)), err
}

func (s *store) Earliest(_ context.Context, f replies.Filter, limit int) ([]replies.Row, error) {
	time.Sleep(s.slow)
	rows, err := s.find("earliest", f)
	return rows[:min(limit, len(rows))], err
}

func (s *store) Page(_ context.Context, f replies.Filter, size int, _ []byte) ([]replies.Row, []byte, error) {
	rows, err := s.find("page", f)
	return rows[:min(size, len(rows))], nil, err
}

// row is the reply with a number, whose deadline comes so many hours later.
func row(n int) replies.Row {
	return replies.Row{
		ID: fmt.Sprintf("reply:instagram:1:%05d", n), State: privatereply.AwaitingApproval, Platform: privatereply.Instagram, Account: "1",
		Person: fmt.Sprintf("person%d", n), Deadline: time.Now().Add(time.Duration(n+1) * time.Hour).UTC(), StartedAt: time.Now().UTC(),
	}
}

// running is a queue that runs in a bubble of its own time.
func running(t *testing.T, s *store) *Queue {
	t.Helper()
	q := New(s, zap.NewNop())
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); q.Run(ctx) }()
	t.Cleanup(func() { stop(); <-done })
	return q
}

func ids(v *View) []string {
	all := []string{}
	for _, r := range v.Rows {
		all = append(all, r.Person)
	}
	return all
}

// People see the comments of a running broadcast first, then what runs out first.
func TestOrder(t *testing.T) {
	late, early, live, page := row(1), row(0), row(2), row(3)
	live.Source = privatereply.SourceLive
	page.Platform, page.Source = privatereply.Facebook, privatereply.SourceLive // has the usual seven days
	v := newView([]replies.Row{page, late, early, live}, 0, time.Now())
	if got, want := ids(v), []string{"person2", "person0", "person1", "person3"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// A watcher receives new, changed and removed replies within a second or so.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore(row(0))
		q := running(t, s)
		w := q.Watch(q.View(t.Context()).Version)
		defer w.Close()

		s.put(row(1))
		<-w.Changed()
		changes, v, missed := w.Next()
		if len(changes) != 1 || len(changes[0].Added) != 1 || changes[0].Added[0].Person != "person1" || len(v.Rows) != 2 || missed {
			t.Errorf("a new reply: %+v, missed %v", changes, missed)
		}
		sooner := row(1)
		sooner.Deadline = sooner.Deadline.Add(-90 * time.Minute)
		s.put(sooner)
		<-w.Changed()
		if _, v, _ := w.Next(); ids(v)[0] != "person1" {
			t.Errorf("a nearer deadline: %v", ids(v))
		}
		reworded := sooner
		reworded.Comment, reworded.EditedAt = "In oak?", time.Now().UTC()
		s.put(reworded)
		<-w.Changed()
		changes, v, _ = w.Next()
		if len(changes) != 1 || len(changes[0].Added) != 1 || !changes[0].Matches(Filter{Search: "oak"}) || v.Rows[0].Comment != "In oak?" {
			t.Errorf("an edited comment: %+v", changes)
		}
		s.take(row(0).ID)
		<-w.Changed()
		changes, _, _ = w.Next()
		if len(changes) != 1 || len(changes[0].Removed) != 1 || !changes[0].Matches(Filter{Search: "PERSON0"}) || changes[0].Matches(Filter{Account: "2"}) {
			t.Errorf("a reply that has gone: %+v", changes)
		}
	})
}

// A slow watcher is told that it has missed changes.
func TestMissed(t *testing.T) {
	q := New(newStore(), zap.NewNop())
	w := q.Watch(0)
	for n := range maxChanges + 1 {
		q.mu.Lock()
		q.publish(newView([]replies.Row{row(n)}, 1, time.Now()), nil)
		q.mu.Unlock()
	}
	if _, _, missed := w.Next(); !missed {
		t.Error("nothing seems to be missed")
	}
	if changes, _, missed := w.Next(); len(changes) != 0 || missed {
		t.Errorf("told twice: %v, missed %v", changes, missed)
	}
}

// Everybody sees a decision at once, although the visibility store lags, and sees
// what becomes of it.
func TestDecided(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore(row(0), row(1))
		q := running(t, s)
		w := q.Watch(q.View(t.Context()).Version)
		defer w.Close()
		q.RecordDecision(Decision{ID: row(0).ID, Verb: "approve", By: "ana", At: time.Now(), State: privatereply.Sending})
		<-w.Changed()
		changes, v, _ := w.Next()
		if len(v.Rows) != 1 || v.Total != 1 || len(changes) != 1 || len(changes[0].Decided) != 1 || changes[0].Decided[0].By != "ana" {
			t.Fatalf("%d rows of %d, %+v", len(v.Rows), v.Total, changes)
		}
		time.Sleep(5 * time.Second) // the store still has the reply as waiting; this clock costs nothing
		if v := q.View(t.Context()); len(v.Rows) != 1 || v.Total != 1 {
			t.Errorf("the reply came back: %v of %d", ids(v), v.Total)
		}
		sent := row(0)
		sent.State = privatereply.Sent
		s.put(sent)
		<-w.Changed()
		changes, _, _ = w.Next()
		if len(changes) != 1 || len(changes[0].Decided) != 1 || changes[0].Decided[0].State != privatereply.Sent {
			t.Errorf("the delivery is not told: %+v", changes)
		}
		time.Sleep(2 * decisionTTL)
		unknown := row(0)
		unknown.State = privatereply.DeliveryUnknown
		s.put(unknown)
		time.Sleep(2 * time.Second)
		if v := q.View(t.Context()); v.Count(privatereply.DeliveryUnknown) != 1 {
			t.Errorf("a delivery that is unknown in the end is not there: %v", ids(v))
		}
	})
}

// While Temporal does not answer, people go on seeing what waited, and that it may
// be old.
func TestOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore(row(0))
		q := running(t, s)
		w := q.Watch(q.View(t.Context()).Version)
		defer w.Close()
		s.fail(errors.New("no connection"))
		<-w.Changed()
		if _, v, _ := w.Next(); v.Err == nil || len(v.Rows) != 1 {
			t.Errorf("%d rows, error %v", len(v.Rows), v.Err)
		}
		s.fail(nil)
		<-w.Changed()
		if _, v, _ := w.Next(); v.Err != nil || len(v.Rows) != 1 {
			t.Errorf("%d rows, error %v", len(v.Rows), v.Err)
		}
	})
}

// A large queue is not read in full each second: new replies cost one call, and a full read
// follows when replies have gone.
func TestLargeQueueIsReadSparingly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		for n := range 2000 {
			s.put(row(n))
		}
		s.slow = 2 * time.Second
		q := running(t, s)
		w := q.Watch(q.View(t.Context()).Version)
		defer w.Close()
		time.Sleep(20*time.Second + 500*time.Millisecond) // between two looks
		if n := s.called("earliest"); n != 1 {
			t.Errorf("an unchanged queue was read whole %d times in 20 seconds", n)
		}
		s.put(row(2000))
		<-w.Changed()
		if _, v, _ := w.Next(); len(v.Rows) != 2001 || s.called("earliest") != 1 {
			t.Errorf("%d rows after %d whole reads", len(v.Rows), s.called("earliest"))
		}
		s.take(row(7).ID)
		began := time.Now()
		<-w.Changed()
		if _, v, _ := w.Next(); len(v.Rows) != 2000 || time.Since(began) > fullReadSpacing*s.slow+s.slow+2*time.Second {
			t.Errorf("%d rows after %v", len(v.Rows), time.Since(began))
		}
	})
}

// While nobody watches, the visibility store is asked seldom.
func TestQuietWhenNobodyWatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore(row(0))
		q := running(t, s)
		q.View(t.Context())
		time.Sleep(time.Minute)
		if n := s.called("count"); n > 8 {
			t.Errorf("%d looks in a minute with nobody there", n)
		}
	})
}

// The search finds words wherever they are, and filters narrow together.
func TestFilter(t *testing.T) {
	r := replies.Row{ID: "reply:instagram:1:18000000000000001", State: privatereply.Holding, Account: "1", Person: "Ünal",
		Comment: "How MUCH is it?", Text: "12 euros", Rule: "price", Source: privatereply.SourceReel, Attachment: privatereply.Attachment{Kind: privatereply.Photo}}
	for _, tt := range []struct {
		name string
		f    Filter
		want bool
	}{
		{"everything", Filter{}, true},
		{"words in any order and case", Filter{Search: "much how"}, true},
		{"a name in another case", Filter{Search: "üNAL"}, true},
		{"an id", Filter{Search: "18000000000000001"}, true},
		{"what is on it", Filter{Search: "photo how"}, true},
		{"a word that is not there", Filter{Search: "how little"}, false},
		{"all of it", Filter{State: privatereply.Holding, Account: "1", Rule: "price", Source: privatereply.SourceReel, Search: "euros"}, true},
		{"another state", Filter{State: privatereply.AwaitingApproval}, false},
		{"another rule", Filter{Rule: "other"}, false},
		{"another source", Filter{Source: privatereply.SourcePost}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.f.Matches(r); got != tt.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

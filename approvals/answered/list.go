// Package answered holds the people who answered a private reply, for all browsers: who waits
// for us, in which words, and until when we may write. The words come from Meta, a few
// requests for each account, and are held until the next read only.
package answered

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/approvals/poll"
	"github.com/privatereply/privatereply/internal/lookup"
	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/workflows"
)

// Source is the client of replies; *replies.Client in production.
type Source interface {
	Page(ctx context.Context, f replies.Filter, size int, token []byte) ([]replies.Row, []byte, error)
	Status(ctx context.Context, id string) (workflows.PrivateReplyStatus, error)
	ConversationStatus(ctx context.Context, id string) (workflows.ConversationStatus, error)
	PersonKeys(p privatereply.Platform, account, person string) []string
}

// Threads reads conversations from Meta; *lookup.Reader in production.
type Threads interface {
	LatestThreads(ctx context.Context, a privatereply.Account) ([]lookup.Thread, error)
	Thread(ctx context.Context, a privatereply.Account, personID string) (lookup.Thread, error)
}

// Accounts is the accounts file.
type Accounts interface {
	All() []privatereply.Account
	Get(p privatereply.Platform, id string) (privatereply.Account, bool)
}

const (
	// watchedInterval is the time between two reads of Temporal's list while a page is open,
	// idleInterval otherwise.
	watchedInterval = 5 * time.Second
	idleInterval    = time.Minute
	readTimeout     = 40 * time.Second
)

// List keeps the View. Run must be called.
type List struct {
	reader  *reader
	poller  *poll.Poller[View]
	reading atomic.Int64 // those who look at the words

	mu    sync.Mutex
	wrote map[string]time.Time // when somebody at this desk wrote, by the conversation
}

// New returns a list that is empty until Run has read. Without threads nobody's words can be
// read.
func New(source Source, threads Threads, accounts Accounts, log *zap.Logger) *List {
	l := &List{wrote: map[string]time.Time{}}
	l.reader = newReader(source, threads, accounts, log)
	l.poller = poll.New(poll.Options[View]{Read: l.read, Same: same, Watched: watchedInterval, Idle: idleInterval, Timeout: readTimeout})
	return l
}

// Run reads at intervals until ctx is done.
func (l *List) Run(ctx context.Context) { l.poller.Run(ctx) }

// View is the newest view, at once.
func (l *List) View() View {
	v, _ := l.poller.Current()
	return v
}

// Wait is View after the first read, or when ctx is done.
func (l *List) Wait(ctx context.Context) View {
	v, _ := l.poller.Wait(ctx)
	return v
}

// Version is the number of the newest view.
func (l *List) Version() int {
	_, version := l.poller.Current()
	return version
}

// Watcher is told of changes.
type Watcher struct {
	*poll.Watcher
	list    *List
	reading bool
}

// Watch tells of changes. Who is reading the words has them read more often than who sees the
// count. Close the watcher at the end.
func (l *List) Watch(reading bool) *Watcher {
	if reading && l.reading.Add(1) == 1 {
		l.poller.ReadSoon()
	}
	return &Watcher{l.poller.Watch(), l, reading}
}

// Changed receives a value after a change. A nil Watcher never does.
func (w *Watcher) Changed() <-chan struct{} {
	if w == nil {
		return nil
	}
	return w.Watcher.Changed()
}

// Close ends the watch. It does nothing for a nil Watcher.
func (w *Watcher) Close() {
	if w == nil {
		return
	}
	if w.reading {
		w.list.reading.Add(-1)
	}
	w.Watcher.Close()
}

// Wrote says that a follow-up was sent in a conversation: Meta's list is a moment behind.
func (l *List) Wrote(conversation string, at time.Time) {
	l.mu.Lock()
	for id, was := range l.wrote {
		if at.Sub(was) > wroteTTL {
			delete(l.wrote, id)
		}
	}
	l.wrote[conversation] = at
	l.mu.Unlock()
	l.poller.Update(l.applyWrote)
	l.poller.ReadSoon()
}

// wroteTTL is the time after which Meta's list has what was sent.
const wroteTTL = 2 * time.Minute

func (l *List) read(ctx context.Context, was View) View {
	return l.applyWrote(l.reader.read(ctx, was, l.reading.Load() > 0))
}

// applyWrote takes over what was written at this desk.
func (l *List) applyWrote(v View) View {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.wrote) == 0 {
		return v
	}
	rows := make([]Row, len(v.Rows))
	for i, r := range v.Rows {
		if at, ok := l.wrote[r.conversation]; ok && r.conversation != "" && at.After(r.WrittenAt) && at.After(r.AnsweredAt) {
			r.AnsweredAt, r.WaitsForUs = at, false
		}
		rows[i] = r
	}
	v.Rows = sorted(rows)
	return v
}

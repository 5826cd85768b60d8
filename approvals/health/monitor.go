// Package health watches in the background which accounts cannot send or receive, so that
// every page of the desk can say so without asking anybody.
package health

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/approvals/poll"
	"github.com/privatereply/privatereply/internal/accountstatus"
	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/workflows"
)

// Source lists replies and reads their status; *replies.Client in production.
type Source interface {
	Page(ctx context.Context, f replies.Filter, size int, token []byte) ([]replies.Row, []byte, error)
	Status(ctx context.Context, id string) (workflows.PrivateReplyStatus, error)
}

// Accounts is the accounts file.
type Accounts interface {
	All() []privatereply.Account
}

// Tokens reads what is known of an account's token; accountstatus.Reader in production.
type Tokens interface {
	ReadToken(ctx context.Context, a privatereply.Account) accountstatus.Status
}

const (
	// watchedInterval is the time between two reads while a page is open, idleInterval
	// otherwise.
	watchedInterval = 10 * time.Second
	idleInterval    = time.Minute
	readTimeout     = 30 * time.Second
	// maxSending limits the replies on their way that one read lists.
	maxSending = 1000
	// samples is how many standing replies of an account are asked what they wait for, and
	// maxSampled how many accounts: the standing replies of one account wait for the same.
	samples    = 3
	maxSampled = 20
	// tokenInterval is the age at which what is known of a token is read again. One that
	// something is wrong with is read each time. maxTokens limits the tokens of one read.
	tokenInterval = 5 * time.Minute
	maxTokens     = 20
	parallel      = 4
	// What ends by itself is told when it holds as many replies back, or a reply as long.
	fewStanding = 3
	passing     = 90 * time.Second
	// statusTTL is the age up to which what a standing reply waits for is not asked again,
	// and maxStatuses limits how many are remembered.
	statusTTL   = 15 * time.Second
	maxStatuses = 2000
	// heldTimeout limits what a page waits for the reasons of its rows.
	heldTimeout = 1500 * time.Millisecond
)

// View is what is wrong, at one moment.
type View struct {
	Problems []Problem // by the accounts' names
	ReadAt   time.Time
	Err      error // why the last read failed
}

// Held is why one reply stands still, and when it is tried next.
type Held struct {
	Reason  privatereply.Reason
	NextTry time.Time
}

// Monitor keeps the View. Run must be called.
type Monitor struct {
	source   Source
	accounts Accounts
	tokens   Tokens // nil: only what replies say
	log      *zap.Logger
	now      func() time.Time
	poller   *poll.Poller[View]

	// One goroutine uses these.
	sending  map[string]bool // the replies that the last read found on their way
	statuses map[string]tokenStatus

	mu   sync.Mutex
	held map[string]heldStatus
}

type tokenStatus struct {
	status accountstatus.Status
	readAt time.Time
}

type heldStatus struct {
	held   Held
	readAt time.Time
}

// New returns a monitor that knows nothing until Run has read. Without tokens it sees only
// what replies wait for.
func New(source Source, accounts Accounts, tokens Tokens, log *zap.Logger) *Monitor {
	m := &Monitor{source: source, accounts: accounts, tokens: tokens, log: log, now: time.Now,
		sending: map[string]bool{}, statuses: map[string]tokenStatus{}, held: map[string]heldStatus{}}
	m.poller = poll.New(poll.Options[View]{Read: m.read, Same: same, Watched: watchedInterval, Idle: idleInterval, Timeout: readTimeout})
	return m
}

// Run reads at intervals until ctx is done.
func (m *Monitor) Run(ctx context.Context) { m.poller.Run(ctx) }

// View is the newest view, at once, and its version.
func (m *Monitor) View() (View, int) { return m.poller.Current() }

// Watch tells of changes.
func (m *Monitor) Watch() *poll.Watcher { return m.poller.Watch() }

func same(was, is View) bool {
	return slices.EqualFunc(was.Problems, is.Problems, func(a, b Problem) bool {
		a.NextTry, b.NextTry = time.Time{}, time.Time{}
		return a == b
	})
}

func (m *Monitor) read(ctx context.Context, was View) View {
	rows, next, err := m.source.Page(ctx, replies.Filter{States: []privatereply.State{privatereply.Sending}, Running: true}, maxSending, nil)
	if err != nil {
		if was.Err == nil {
			m.log.Warn("cannot read what is on its way", zap.Error(err))
		}
		was.Err = err
		return was
	}
	type key struct {
		platform privatereply.Platform
		id       string
	}
	standing := map[key][]replies.Row{}
	for _, row := range m.standing(rows) {
		k := key{row.Platform, row.Account}
		standing[k] = append(standing[k], row)
	}
	found := map[key]Problem{}
	for _, s := range m.readTokens(ctx) {
		if p, wrong := tokenProblem(s); wrong {
			found[key{s.Platform, s.ID}] = p
		}
	}
	before := map[key]Problem{}
	for _, p := range was.Problems {
		before[key{p.Platform, p.Account}] = p
	}
	keys := slices.SortedFunc(maps.Keys(standing), func(a, b key) int {
		_, knownA := before[a]
		_, knownB := before[b]
		if knownA != knownB { // what is not known yet comes first
			if knownB {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(a.platform, b.platform))
	})
	noWorker := false
	for i, k := range keys {
		of := standing[k]
		if i >= maxSampled {
			if p, ok := before[k]; ok {
				p.Standing = len(of)
				found[k] = p
			}
			continue
		}
		held := Held{Reason: privatereply.NoWorker}
		if !noWorker {
			held = m.sample(ctx, of)
			noWorker = held.Reason == privatereply.NoWorker
		}
		repair, blocks := repairs[held.Reason]
		if repair == RepairWait && len(of) < fewStanding && held.NextTry.Before(m.now().Add(passing)) {
			blocks = false // a fault of a minute is nobody's business
		}
		p, known := found[k]
		if !blocks && !known {
			continue
		}
		if blocks { // what Meta says to a send is newer than what a renewal found
			p.Reason, p.Text, p.Repair, p.NextTry = held.Reason, held.Reason.Sentence(), repair, held.NextTry
		}
		p.Platform, p.Account, p.Standing, p.More = k.platform, k.id, len(of), len(next) > 0
		found[k] = p
	}
	v := View{ReadAt: m.now()}
	for k, p := range found {
		p.Name = m.accountName(k.platform, k.id)
		v.Problems = append(v.Problems, p)
	}
	slices.SortFunc(v.Problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Platform, b.Platform), cmp.Compare(a.Account, b.Account))
	})
	return v
}

// standing are the rows that wait for their next try, or that were on their way in the last
// read too.
func (m *Monitor) standing(rows []replies.Row) []replies.Row {
	was := m.sending
	m.sending = make(map[string]bool, len(rows))
	var found []replies.Row
	for _, r := range rows {
		m.sending[r.ID] = true
		if !r.NextTry.IsZero() || was[r.ID] {
			found = append(found, r)
		}
	}
	return found
}

// sample is what the replies of one account wait for.
func (m *Monitor) sample(ctx context.Context, rows []replies.Row) Held {
	var found Held
	for _, row := range rows[:min(samples, len(rows))] {
		held, err := m.status(ctx, row)
		if err != nil {
			m.log.Info("cannot read what a reply waits for", zap.String("reply", row.ID), zap.Error(err))
			continue
		}
		_, blocks := repairs[held.Reason]
		if blocks && (found.Reason == "" || held.NextTry.Before(found.NextTry)) {
			found = held
		}
		if held.Reason == privatereply.NoWorker {
			break // the others would wait as long for no answer
		}
	}
	return found
}

// status is what a reply waits for; zero: nothing that holds it back.
func (m *Monitor) status(ctx context.Context, row replies.Row) (Held, error) {
	m.mu.Lock()
	known, ok := m.held[row.ID]
	m.mu.Unlock()
	if ok && m.now().Sub(known.readAt) < statusTTL {
		return known.held, nil
	}
	held := Held{NextTry: row.NextTry}
	s, err := m.source.Status(ctx, row.ID)
	var refusal *replies.Error
	switch {
	case errors.As(err, &refusal) && refusal.Code == replies.NoWorker:
		held.Reason = privatereply.NoWorker
	case err != nil:
		return held, err
	case s.State == privatereply.Sending && s.Send != nil && !s.Send.RetryAt.IsZero():
		held = Held{s.Send.Reason, s.Send.RetryAt}
	default:
		held = Held{}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.held) >= maxStatuses {
		clear(m.held)
	}
	m.held[row.ID] = heldStatus{held, m.now()}
	return held, nil
}

// Held says of the rows that stand still on their way what they wait for, by id. It is for
// the rows of one page, and returns what it has found in time.
func (m *Monitor) Held(ctx context.Context, rows []replies.Row) map[string]Held {
	ctx, cancel := context.WithTimeout(ctx, heldTimeout)
	defer cancel()
	var mu sync.Mutex
	found := map[string]Held{}
	var group errgroup.Group
	group.SetLimit(parallel)
	for _, row := range rows {
		if row.State != privatereply.Sending {
			continue
		}
		group.Go(func() error {
			held, err := m.status(ctx, row)
			if err == nil && held.Reason != "" {
				mu.Lock()
				defer mu.Unlock()
				found[row.ID] = held
			}
			return nil
		})
	}
	_ = group.Wait() // a row without a reason shows its next try
	return found
}

// readTokens is what is known of each account's token, some of it read anew.
func (m *Monitor) readTokens(ctx context.Context) []accountstatus.Status {
	if m.tokens == nil {
		return nil
	}
	now := m.now()
	all := m.accounts.All()
	due := slices.DeleteFunc(slices.Clone(all), func(a privatereply.Account) bool {
		known, ok := m.statuses[statusKey(a)]
		_, wrong := tokenProblem(known.status)
		return ok && !wrong && now.Sub(known.readAt) < tokenInterval
	})
	slices.SortStableFunc(due, func(a, b privatereply.Account) int {
		return m.statuses[statusKey(a)].readAt.Compare(m.statuses[statusKey(b)].readAt)
	})
	due = due[:min(len(due), maxTokens)]
	read := make([]accountstatus.Status, len(due))
	var group errgroup.Group
	group.SetLimit(parallel)
	for i, a := range due {
		group.Go(func() error { read[i] = m.tokens.ReadToken(ctx, a); return nil })
	}
	_ = group.Wait() // what could not be read is in Unread
	was := m.statuses
	m.statuses = make(map[string]tokenStatus, len(all))
	for _, a := range all { // an account that is gone is forgotten
		if known, ok := was[statusKey(a)]; ok {
			m.statuses[statusKey(a)] = known
		}
	}
	for i, a := range due {
		m.statuses[statusKey(a)] = tokenStatus{read[i], now}
	}
	statuses := make([]accountstatus.Status, 0, len(all))
	for _, a := range all {
		if known, ok := m.statuses[statusKey(a)]; ok {
			statuses = append(statuses, known.status)
		}
	}
	return statuses
}

func statusKey(a privatereply.Account) string { return string(a.Platform) + ":" + a.ID }

func (m *Monitor) accountName(p privatereply.Platform, id string) string {
	for _, a := range m.accounts.All() {
		if a.Platform == p && a.ID == id {
			return cmp.Or(a.Name, id)
		}
	}
	return id
}

package answered

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/lookup"
	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/workflows"
)

const (
	// maxRows limits the answered replies of one read; of more, the newest are held.
	maxRows = 1000
	// maxEnded limits the ended conversations of an account with human agents, whose people
	// may still be answered, and maxAgentAccounts how many such accounts are read.
	maxEnded         = 100
	maxAgentAccounts = 50
	// maxMessages limits the messages of one person that are shown.
	maxMessages = 10
	// accountsParallel accounts are read from Meta at once; lookup spaces the requests of each.
	accountsParallel = 4
	// maxSingle limits the people of an account whose conversation is read for itself in one
	// read, because it is not among the newest.
	maxSingle = 5
	// maxStatuses limits the workflows that are asked in one read.
	maxStatuses      = 50
	statusesParallel = 6
)

// Ages after which something is read again.
const (
	readingAge  = 15 * time.Second // Meta's list, while somebody looks at the words
	countingAge = time.Minute      // Meta's list otherwise, and what workflows say in its place
	singleAge   = 2 * time.Minute  // a conversation that is not among the newest: it has not changed
	failureAge  = 2 * time.Minute  // words that could not be read anew are shown up to this age
)

// reader reads the answered replies, and what was written. One goroutine uses it.
type reader struct {
	source   Source
	threads  Threads
	accounts Accounts
	log      *zap.Logger
	now      func() time.Time

	inboxes map[accountKey]*inbox
	people  map[string]person // by the reply's id
	windows map[string]window // by the conversation's id
	ended   []replies.Row     // as they were read at endedAt
	endedAt time.Time
}

type accountKey struct {
	platform privatereply.Platform
	id       string
}

// inbox is what was read of an account's conversations.
type inbox struct {
	account privatereply.Account
	threads map[string]lookup.Thread // the newest, by the person
	persons map[string]string        // of those, by the PersonKey of their replies
	err     error
	triedAt time.Time
	readAt  time.Time // when threads was read
	singles map[string]single
	known   map[string]bool // the replies at the last read
}

// single is a conversation that was read for itself.
type single struct {
	thread lookup.Thread
	err    error
	readAt time.Time
}

// person is whom a reply went to, and the end of the window, as the reply says.
type person struct {
	id       string
	closesAt time.Time
	err      error
	readAt   time.Time
}

// window is what the conversation's workflow knows.
type window struct {
	writtenAt, answeredAt time.Time
	readAt                time.Time
}

func newReader(source Source, threads Threads, accounts Accounts, log *zap.Logger) *reader {
	return &reader{source: source, threads: threads, accounts: accounts, log: log, now: time.Now,
		inboxes: map[accountKey]*inbox{}, people: map[string]person{}, windows: map[string]window{}}
}

// read makes a new view. After a failure of Temporal's list the old one stays.
func (r *reader) read(ctx context.Context, was View, reading bool) View {
	now := r.now()
	rows, next, err := r.source.Page(ctx, replies.Filter{States: []privatereply.State{privatereply.Responded}, Running: true}, maxRows, nil)
	if err != nil {
		if was.Err == nil {
			r.log.Warn("cannot read who answered", zap.Error(err))
		}
		was.Err = err
		return was
	}
	rows = append(rows, r.readEnded(ctx, now)...)
	r.readInboxes(ctx, rows, reading)
	groups := r.group(ctx, rows)
	r.readSingles(ctx, groups)
	r.readWindows(ctx, groups)
	r.forget(rows, groups)
	v := View{ReadAt: now, More: len(next) > 0}
	for _, g := range groups {
		if row, ok := r.row(g, now); ok {
			v.Rows = append(v.Rows, row)
		}
	}
	v.Rows = sorted(v.Rows)
	return v
}

func sorted(rows []Row) []Row {
	slices.SortFunc(rows, compare)
	return rows
}

// readEnded lists the replies whose window has closed on accounts where a human agent may
// still write.
func (r *reader) readEnded(ctx context.Context, now time.Time) []replies.Row {
	if now.Sub(r.endedAt) < countingAge {
		return r.ended
	}
	r.endedAt = now
	var found []replies.Row
	read := 0
	for _, a := range r.accounts.All() {
		if !a.HumanAgent || read == maxAgentAccounts {
			continue
		}
		read++
		rows, _, err := r.source.Page(ctx, replies.Filter{States: []privatereply.State{privatereply.WindowClosed}, Account: a.ID}, maxEnded, nil)
		if err != nil {
			r.log.Info("cannot read the ended conversations", zap.String("account", a.ID), zap.Error(err))
			return r.ended
		}
		for _, row := range rows {
			if row.Platform == a.Platform && now.Sub(row.EndedAt) < privatereply.HumanAgentWindow-privatereply.StandardWindow {
				found = append(found, row)
			}
		}
	}
	r.ended = found
	return found
}

// readInboxes reads the newest conversations of each account in which somebody answered.
func (r *reader) readInboxes(ctx context.Context, rows []replies.Row, reading bool) {
	of := map[accountKey][]replies.Row{}
	for _, row := range rows {
		k := accountKey{row.Platform, row.Account}
		of[k] = append(of[k], row)
	}
	for k := range r.inboxes {
		if _, ok := of[k]; !ok {
			delete(r.inboxes, k)
		}
	}
	age := countingAge
	if reading {
		age = readingAge
	}
	var running errgroup.Group
	running.SetLimit(accountsParallel)
	for k, rows := range of {
		box := r.inboxes[k]
		if box == nil {
			box = &inbox{singles: map[string]single{}}
			r.inboxes[k] = box
		}
		var known bool
		if box.account, known = r.accounts.Get(k.platform, k.id); !known {
			box.account = privatereply.Account{Platform: k.platform, ID: k.id, Name: k.id}
		}
		fresh := slices.ContainsFunc(rows, func(row replies.Row) bool { return row.State == privatereply.Responded && !box.known[row.ID] })
		box.known = make(map[string]bool, len(rows))
		for _, row := range rows {
			box.known[row.ID] = true
		}
		if r.threads == nil || !fresh && r.now().Sub(box.triedAt) < age {
			continue
		}
		running.Go(func() error { r.readInbox(ctx, box); return nil })
	}
	_ = running.Wait() // each inbox has its own error
}

func (r *reader) readInbox(ctx context.Context, box *inbox) {
	threads, err := r.threads.LatestThreads(ctx, box.account)
	box.triedAt = r.now()
	if box.err = err; err != nil {
		if box.triedAt.Sub(box.readAt) > failureAge { // nobody's words are held longer
			box.threads, box.persons = nil, nil
		}
		return
	}
	box.readAt = box.triedAt
	box.threads, box.persons = make(map[string]lookup.Thread, len(threads)), map[string]string{}
	for _, t := range threads {
		box.threads[t.PersonID] = t
		for _, key := range r.source.PersonKeys(box.account.Platform, box.account.ID, t.PersonID) {
			box.persons[key] = t.PersonID
		}
	}
}

// group puts together the replies to the same person of an account.
func (r *reader) group(ctx context.Context, rows []replies.Row) []*group {
	r.readPeople(ctx, rows)
	type key struct {
		accountKey
		person string
	}
	groups := map[key]*group{}
	for _, row := range rows {
		k := key{accountKey{row.Platform, row.Account}, r.personOf(row)}
		if k.person == "" { // not known yet
			k.person = row.ID
		}
		g := groups[k]
		if g == nil {
			g = &group{box: r.inboxes[k.accountKey], person: r.personOf(row)}
			groups[k] = g
		}
		g.rows = append(g.rows, row)
	}
	all := make([]*group, 0, len(groups))
	for _, g := range groups {
		slices.SortFunc(g.rows, func(a, b replies.Row) int {
			return cmp.Or(b.StartedAt.Compare(a.StartedAt), cmp.Compare(a.ID, b.ID))
		})
		all = append(all, g)
	}
	// What waits for a turn waits in a fixed order.
	slices.SortFunc(all, func(a, b *group) int { return cmp.Compare(a.rows[0].ID, b.rows[0].ID) })
	return all
}

// group is one person, with the answered replies, the newest first.
type group struct {
	box    *inbox
	person string // the id in messages; empty: not known
	rows   []replies.Row
}

// running reports that one of the replies follows its window still.
func (g *group) running() bool {
	return slices.ContainsFunc(g.rows, func(row replies.Row) bool { return row.State == privatereply.Responded })
}

func (g *group) conversation() string {
	if g.person == "" {
		return ""
	}
	id, err := privatereply.ConversationID(g.box.account.Platform, g.box.account.ID, g.person)
	if err != nil {
		return ""
	}
	return id
}

// personOf is the id in messages of whom a reply went to; empty: not known.
func (r *reader) personOf(row replies.Row) string {
	if id := r.people[row.ID].id; id != "" {
		return id
	}
	box := r.inboxes[accountKey{row.Platform, row.Account}]
	return box.persons[row.PersonKey]
}

// readPeople asks the replies whose person the newest conversations do not name.
func (r *reader) readPeople(ctx context.Context, rows []replies.Row) {
	now := r.now()
	var due []replies.Row
	for _, row := range rows {
		p, asked := r.people[row.ID]
		if r.personOf(row) == "" && (!asked || now.Sub(p.readAt) >= countingAge) && len(due) < maxStatuses {
			due = append(due, row)
		}
	}
	read := make([]person, len(due))
	parallel(len(due), func(i int) {
		s, err := r.source.Status(ctx, due[i].ID)
		read[i] = newPerson(s, err, now)
	})
	for i, row := range due {
		r.people[row.ID] = read[i]
	}
}

func newPerson(s workflows.PrivateReplyStatus, err error, now time.Time) person {
	p := person{err: err, readAt: now}
	if err != nil {
		return p
	}
	if id, ok := replies.ConversationID(s); ok {
		parsed, _ := privatereply.ParseID(id)
		p.id = parsed.Subject
	}
	if s.Window != nil {
		p.closesAt = s.Window.ClosesAt
	}
	return p
}

// errNoWords is the error of a conversation in which Meta shows nothing that the person wrote.
var errNoWords = errors.New("answered: no message of the person is shown")

// thread is the conversation of a group. Its error says why no message of the person can be
// read; there may be messages of the account.
func (g *group) thread() (lookup.Thread, error) {
	if t, ok := g.latest(); ok {
		return t, nil
	}
	s, ok := g.box.singles[g.person]
	if !ok {
		return lookup.Thread{}, cmp.Or(g.box.err, errNotRead)
	}
	if _, spoke := s.thread.LastFromPerson(); !spoke && s.err == nil {
		return s.thread, errNoWords
	}
	return s.thread, s.err
}

// latest is the conversation as the list of the newest has it, if that goes back to what the
// person wrote.
func (g *group) latest() (lookup.Thread, bool) {
	t, ok := g.box.threads[g.person]
	_, spoke := t.LastFromPerson()
	return t, ok && spoke
}

// readSingles reads a few conversations that are not among the newest. Where the newest
// cannot be read, neither can they.
func (r *reader) readSingles(ctx context.Context, groups []*group) {
	if r.threads == nil {
		return
	}
	now := r.now()
	due := map[*inbox][]string{}
	for _, g := range groups {
		_, latest := g.latest()
		if latest {
			delete(g.box.singles, g.person)
		}
		s, read := g.box.singles[g.person]
		if g.person == "" || latest || g.box.err != nil || read && now.Sub(s.readAt) < singleAge || len(due[g.box]) == maxSingle {
			continue
		}
		due[g.box] = append(due[g.box], g.person)
	}
	var running errgroup.Group
	running.SetLimit(accountsParallel)
	for box, people := range due {
		running.Go(func() error {
			for _, id := range people {
				t, err := r.threads.Thread(ctx, box.account, id)
				box.singles[id] = single{t, err, r.now()}
			}
			return nil
		})
	}
	_ = running.Wait() // each conversation has its own error
}

// readWindows asks the workflows of the conversations whose words cannot be read.
func (r *reader) readWindows(ctx context.Context, groups []*group) {
	now := r.now()
	var due []*group
	for _, g := range groups {
		id := g.conversation()
		if _, err := g.thread(); err == nil || id == "" || now.Sub(r.windows[id].readAt) < countingAge || len(due) == maxStatuses {
			continue
		}
		due = append(due, g)
	}
	read := make([]window, len(due))
	parallel(len(due), func(i int) {
		read[i] = r.readWindow(ctx, due[i])
		read[i].readAt = now
	})
	for i, g := range due {
		r.windows[g.conversation()] = read[i]
	}
}

func (r *reader) readWindow(ctx context.Context, g *group) (w window) {
	s, err := r.source.ConversationStatus(ctx, g.conversation())
	if err != nil { // it may have ended; the reply has the window too
		s, err := r.source.Status(ctx, g.rows[0].ID)
		if err == nil && s.Window != nil {
			w.writtenAt = s.Window.ClosesAt.Add(-privatereply.StandardWindow)
		}
		return w
	}
	w.writtenAt = s.LastMessageAt
	for _, f := range s.FollowUps {
		if f.State == privatereply.OutcomeSent && f.At.After(w.answeredAt) {
			w.answeredAt = f.At
		}
	}
	return w
}

func parallel(n int, do func(i int)) {
	var running errgroup.Group
	running.SetLimit(statusesParallel)
	for i := range n {
		running.Go(func() error { do(i); return nil })
	}
	_ = running.Wait() // what failed is in the results
}

// forget drops what is held of replies and people who are not listed any more.
func (r *reader) forget(rows []replies.Row, groups []*group) {
	listed := make(map[string]bool, len(rows))
	for _, row := range rows {
		listed[row.ID] = true
	}
	for id := range r.people {
		if !listed[id] {
			delete(r.people, id)
		}
	}
	conversations, people := map[string]bool{}, map[*inbox]map[string]bool{}
	for _, g := range groups {
		conversations[g.conversation()] = true
		if people[g.box] == nil {
			people[g.box] = map[string]bool{}
		}
		people[g.box][g.person] = true
	}
	for id := range r.windows {
		if !conversations[id] {
			delete(r.windows, id)
		}
	}
	for _, box := range r.inboxes {
		for id := range box.singles {
			if !people[box][id] {
				delete(box.singles, id)
			}
		}
	}
}

package answered

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/lookup"
	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/workflows"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

const (
	shop  = "17841400000000001"
	agent = "17841400000000002" // an account with human agents
)

// fake is Temporal, Meta and the accounts file.
type fake struct {
	mu       sync.Mutex
	rows     []replies.Row
	latest   map[string][]lookup.Thread // by the account
	all      map[string]lookup.Thread   // by the person
	refuses  error                      // Meta
	fails    error                      // Temporal's list
	statuses map[string]workflows.PrivateReplyStatus
	windows  map[string]workflows.ConversationStatus

	lists, singles, asked int
}

func (f *fake) Page(_ context.Context, filter replies.Filter, size int, _ []byte) ([]replies.Row, []byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var found []replies.Row
	for _, r := range f.rows {
		if slices.Contains(filter.States, r.State) && (filter.Account == "" || filter.Account == r.Account) {
			found = append(found, r)
		}
	}
	if len(found) > size {
		return found[:size], []byte("more"), f.fails
	}
	return found, nil, f.fails
}

func (f *fake) Status(_ context.Context, id string) (workflows.PrivateReplyStatus, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	s, ok := f.statuses[id]
	if !ok {
		return s, &replies.Error{Code: replies.NoWorker, Message: "no worker"}
	}
	return s, nil
}

func (f *fake) ConversationStatus(_ context.Context, id string) (workflows.ConversationStatus, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	s, ok := f.windows[id]
	if !ok {
		return s, &replies.Error{Code: replies.NotFound, Message: "no such conversation"}
	}
	return s, nil
}

func (f *fake) PersonKeys(_ privatereply.Platform, account, person string) []string {
	return []string{"new " + account + person, "old " + account + person}
}

func (f *fake) LatestThreads(_ context.Context, a privatereply.Account) ([]lookup.Thread, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lists++
	return f.latest[a.ID], f.refuses
}

func (f *fake) Thread(_ context.Context, _ privatereply.Account, person string) (lookup.Thread, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.singles++
	return f.all[person], f.refuses
}

func (f *fake) All() []privatereply.Account {
	return []privatereply.Account{{Platform: privatereply.Instagram, ID: shop, Name: "Shop"}, {Platform: privatereply.Instagram, ID: agent, Name: "Agents", HumanAgent: true}}
}

func (f *fake) Get(_ privatereply.Platform, id string) (privatereply.Account, bool) {
	for _, a := range f.All() {
		if a.ID == id {
			return a, true
		}
	}
	return privatereply.Account{}, false
}

// reply is an answered reply to a person.
func reply(account, person string, n int) replies.Row {
	return replies.Row{ID: fmt.Sprintf("reply:instagram:%s:1800%d", account, n), State: privatereply.Responded, Platform: privatereply.Instagram,
		Account: account, Person: "name of " + person, PersonKey: "new " + account + person, StartedAt: noon.Add(-48 * time.Hour).Add(time.Duration(n) * time.Minute)}
}

// thread is a conversation: each line is who wrote, how long ago, and the text.
func thread(person string, lines ...string) lookup.Thread {
	t := lookup.Thread{PersonID: person, PersonName: person, Complete: true}
	for i, line := range lines {
		var who, ago string
		_, _ = fmt.Sscan(line, &who, &ago)
		d, err := time.ParseDuration(ago)
		if err != nil {
			panic(err)
		}
		t.Messages = append(t.Messages, lookup.Message{ID: fmt.Sprint(i), At: noon.Add(-d), FromPerson: who == "they", Text: strings.TrimSpace(strings.SplitN(line, ago, 2)[1])})
	}
	return t
}

func newTestReader(f *fake) *reader {
	r := newReader(f, f, f, zap.NewNop())
	r.now = func() time.Time { return noon }
	return r
}

// told writes a view in short: who waits, the words, and how long we may write.
func told(v View) []string {
	var all []string
	for _, r := range v.Rows {
		who, words := "ours", []string{}
		if r.WaitsForUs {
			who = "theirs"
		}
		for _, m := range r.Messages {
			words = append(words, m.Text)
		}
		left := "?"
		if !r.Until.IsZero() {
			left = r.Until.Sub(noon).String()
		}
		all = append(all, fmt.Sprintf("%s: %s [%s] %s", r.Name, who, strings.Join(words, " | "), left))
	}
	return all
}

// Those who wait for us come first, the earliest end of the window before the others. The
// last word counts whoever wrote it, also a human in Meta's inbox, and one person with
// several replies is one row.
func TestOrderAndLastWord(t *testing.T) {
	f := &fake{
		rows: []replies.Row{reply(shop, "lena", 1), reply(shop, "lena", 2), reply(shop, "otto", 3), reply(shop, "mia", 4), reply(agent, "ida", 5)},
		latest: map[string][]lookup.Thread{
			shop: {
				thread("otto", "we 30h hello otto", "they 2h where is it?"),
				thread("mia", "they 3h thanks", "we 1h from the inbox: welcome"),
				thread("lena", "we 30h hello", "they 24h0m hm", "they 20h the left leg is split", "they 19h order 4711"),
				thread("stranger", "they 1h hi"),
			},
			agent: {thread("ida", "we 40h hello ida", "they 23h yes?")},
		},
	}
	r := newTestReader(f)
	v := r.read(t.Context(), View{}, false)
	want := []string{
		"ida: theirs [yes?] 58m0s",
		"lena: theirs [hm | the left leg is split | order 4711] 4h58m0s",
		"otto: theirs [where is it?] 21h58m0s",
		"mia: ours [thanks | from the inbox: welcome] 20h58m0s",
	}
	if got := told(v); !slices.Equal(got, want) {
		t.Errorf("got %s\nwant %s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if f.lists != 2 || f.singles != 0 || f.asked != 0 {
		t.Errorf("%d lists, %d single conversations, %d workflows were read", f.lists, f.singles, f.asked)
	}
	if row := v.Rows[1]; row.Replies != 2 || row.Reply.ID != reply(shop, "lena", 2).ID || v.Waiting(func(a string) bool { return a == shop }) != 2 {
		t.Errorf("%d replies of %s, %d wait", row.Replies, row.Reply.ID, v.Waiting(func(string) bool { return true }))
	}
	closing := v.Closing(noon, time.Hour)
	if len(closing) != 1 || closing[0].Name != "ida" {
		t.Errorf("closing: %+v", closing)
	}
	key := closing[0].Key
	r.now = func() time.Time { return noon.Add(10 * time.Minute) }
	if v = r.read(t.Context(), v, false); v.Rows[0].Key != key {
		t.Error("the same message has another key")
	}
	f.latest[agent] = []lookup.Thread{thread("ida", "we 40h hello ida", "they 23h yes?", "they 0h hello?")}
	r.now = func() time.Time { return noon.Add(20 * time.Minute) }
	v = r.read(t.Context(), v, false)
	if i := slices.IndexFunc(v.Rows, func(r Row) bool { return r.Name == "ida" }); v.Rows[i].Key == key {
		t.Error("another message has the same key")
	}
}

// Where Meta does not show the words, workflows say until when we may write and whether we
// have answered, and the row says why there are no words.
func TestFallback(t *testing.T) {
	conversation := func(person string) string { return "conversation:instagram:" + shop + ":" + person }
	status := func(person string, closes time.Duration) workflows.PrivateReplyStatus {
		return workflows.PrivateReplyStatus{State: privatereply.Responded, Comment: privatereply.Comment{Platform: privatereply.Instagram, Account: shop, PersonID: person},
			Window: &workflows.WindowStatus{ClosesAt: noon.Add(closes)}}
	}
	rows := []replies.Row{reply(shop, "lena", 1), reply(shop, "otto", 2), reply(shop, "mia", 3)}
	f := &fake{rows: rows, refuses: lookup.ErrNoToken,
		statuses: map[string]workflows.PrivateReplyStatus{rows[0].ID: status("lena", 2*time.Hour), rows[1].ID: status("otto", 3*time.Hour)},
		windows: map[string]workflows.ConversationStatus{conversation("otto"): {LastMessageAt: noon.Add(-time.Hour),
			FollowUps: []workflows.FollowUpRecord{{At: noon.Add(-time.Minute), FollowUpResult: workflows.FollowUpResult{State: privatereply.OutcomeSent}}}}},
	}
	v := newTestReader(f).read(t.Context(), View{}, true)
	want := []string{
		"name of lena: theirs [] 1h58m0s",
		"name of mia: theirs [] ?", // nobody answers for her, and she is there all the same
		"name of otto: ours [] 22h58m0s",
	}
	if got := told(v); !slices.Equal(got, want) {
		t.Errorf("got %s\nwant %s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, r := range v.Rows {
		if !strings.Contains(r.Unread, "token") && r.Name != "name of mia" || r.Unread == "" {
			t.Errorf("%s: %q", r.Name, r.Unread)
		}
	}
	if f.singles > 0 {
		t.Error("Meta is asked again for each person")
	}
}

// Conversations that are not among the newest are read one by one, a few at a time, and not
// again while they cannot have changed; nobody's are read more often than they may be.
func TestReadsAreBounded(t *testing.T) {
	f := &fake{latest: map[string][]lookup.Thread{}, all: map[string]lookup.Thread{}, statuses: map[string]workflows.PrivateReplyStatus{}}
	for n := range 200 {
		person := fmt.Sprint("p", n)
		row := reply(shop, person, n)
		f.rows = append(f.rows, row)
		f.all[person] = thread(person, "they 1h hello")
		f.statuses[row.ID] = workflows.PrivateReplyStatus{Comment: privatereply.Comment{Platform: privatereply.Instagram, Account: shop, PersonID: person}}
	}
	r := newTestReader(f)
	v := r.read(t.Context(), View{}, false)
	if f.lists != 1 || f.singles != maxSingle || f.asked > 3*maxStatuses || len(v.Rows) != 200 {
		t.Errorf("%d lists, %d conversations, %d workflows, %d rows", f.lists, f.singles, f.asked, len(v.Rows))
	}
	for range 3 {
		v = r.read(t.Context(), v, true)
	}
	if f.lists != 1 || f.singles != 4*maxSingle {
		t.Errorf("%d lists, %d conversations", f.lists, f.singles)
	}
	r.now = func() time.Time { return noon.Add(readingAge) }
	if v = r.read(t.Context(), v, false); f.lists != 1 {
		t.Error("Meta is asked often although nobody looks")
	}
	if v = r.read(t.Context(), v, true); f.lists != 2 {
		t.Error("Meta is not asked although somebody looks")
	}
	f.rows = f.rows[:1]
	r.read(t.Context(), v, true)
	if len(r.people) > 1 || len(r.windows) > 1 || len(r.inboxes[accountKey{privatereply.Instagram, shop}].singles) > 1 {
		t.Error("people who are gone are still held")
	}
	f.rows = nil
	if v = r.read(t.Context(), v, true); len(v.Rows) != 0 || len(r.inboxes) != 0 {
		t.Error("words are held of nobody")
	}
}

// The newest messages of a conversation may all be ours; and words that were read stay while
// Meta does not answer, for a short time.
func TestOnlyOurs(t *testing.T) {
	ours := thread("lena", "we 5h a", "we 4h b")
	ours.Complete = false
	f := &fake{rows: []replies.Row{reply(shop, "lena", 1)}, latest: map[string][]lookup.Thread{shop: {ours}},
		all: map[string]lookup.Thread{"lena": thread("lena", "they 6h hello?", "we 5h a", "we 4h b")}}
	r := newTestReader(f)
	v := r.read(t.Context(), View{}, true)
	want := []string{"lena: ours [hello? | a | b] 17h58m0s"}
	if got := told(v); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	f.latest[shop] = []lookup.Thread{thread("lena", "they 1h and now?")}
	r.now = func() time.Time { return noon.Add(time.Minute) }
	v = r.read(t.Context(), v, true)
	f.refuses = errors.New("an outage")
	r.now = func() time.Time { return noon.Add(2 * time.Minute) }
	if v = r.read(t.Context(), v, true); len(v.Rows[0].Messages) != 1 {
		t.Errorf("%q", told(v))
	}
	r.now = func() time.Time { return noon.Add(10 * time.Minute) }
	if v = r.read(t.Context(), v, true); len(v.Rows[0].Messages) != 0 || v.Rows[0].Unread == "" {
		t.Errorf("%q", told(v))
	}
	f.fails = errors.New("Temporal is away")
	if v = r.read(t.Context(), v, true); len(v.Rows) != 1 || v.Err == nil {
		t.Errorf("%q, %v", told(v), v.Err)
	}
}

// After the 24 hours somebody who waits is there where a human agent may write, and nobody
// else.
func TestHumanAgents(t *testing.T) {
	ended := func(account, person string, n int) replies.Row {
		row := reply(account, person, n)
		row.State, row.EndedAt = privatereply.WindowClosed, noon.Add(-time.Hour)
		return row
	}
	f := &fake{rows: []replies.Row{ended(agent, "ida", 1), ended(agent, "mia", 2), ended(shop, "lena", 3), ended(agent, "old", 4)},
		latest: map[string][]lookup.Thread{agent: {thread("ida", "they 25h yes?"), thread("mia", "they 26h thanks", "we 25h welcome"), thread("old", "they 169h late")},
			shop: {thread("lena", "they 25h hello?")}}}
	v := newTestReader(f).read(t.Context(), View{}, true)
	want := []string{"ida: theirs [yes?] 142h58m0s"}
	if got := told(v); !slices.Equal(got, want) || !v.Rows[0].HumanAgentOnly() {
		t.Errorf("got %q, want %q", got, want)
	}
}

// What was written at this desk counts at once.
func TestWrote(t *testing.T) {
	f := &fake{rows: []replies.Row{reply(shop, "lena", 1)}, latest: map[string][]lookup.Thread{shop: {thread("lena", "they 1h hello?")}}}
	l := New(f, f, f, zap.NewNop())
	l.reader.now = func() time.Time { return noon }
	v := l.read(t.Context(), View{})
	l.poller.Update(func(View) View { return v })
	w := l.Watch(true)
	defer w.Close()
	l.Wrote("conversation:instagram:"+shop+":lena", noon)
	<-w.Changed()
	if v = l.View(); v.Rows[0].WaitsForUs || v.Waiting(func(string) bool { return true }) != 0 {
		t.Errorf("%q", told(v))
	}
	if v = l.read(t.Context(), v); v.Rows[0].WaitsForUs {
		t.Error("an older list of Meta's makes her wait again")
	}
}

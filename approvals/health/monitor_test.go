package health

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
	"github.com/privatereply/privatereply/internal/accountstatus"
	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/workflows"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// fake has replies on their way, and what each waits for.
type fake struct {
	mu     sync.Mutex
	rows   []replies.Row
	waits  map[string]privatereply.Reason // by the account
	fails  error
	asked  int
	tokens map[string]accountstatus.Status
	read   int // tokens
}

func (f *fake) Page(_ context.Context, filter replies.Filter, size int, _ []byte) ([]replies.Row, []byte, error) {
	if !slices.Equal(filter.States, []privatereply.State{privatereply.Sending}) {
		return nil, nil, errors.New("it lists what is not on its way")
	}
	return f.rows[:min(size, len(f.rows))], nil, f.fails
}

func (f *fake) Status(_ context.Context, id string) (workflows.PrivateReplyStatus, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	parsed, _ := privatereply.ParseID(id)
	reason := f.waits[parsed.Account]
	if reason == privatereply.NoWorker {
		return workflows.PrivateReplyStatus{}, &replies.Error{Code: replies.NoWorker, Message: "no worker"}
	}
	s := workflows.PrivateReplyStatus{State: privatereply.Sending}
	if reason != "" {
		s.Send = &workflows.SendStatus{Reason: reason, RetryAt: noon.Add(5 * time.Minute)}
	}
	return s, nil
}

func (f *fake) All() []privatereply.Account {
	var all []privatereply.Account
	for n := range 30 {
		all = append(all, privatereply.Account{Platform: privatereply.Instagram, ID: fmt.Sprint(n), Name: fmt.Sprintf("Shop %02d", n)})
	}
	return all
}

func (f *fake) ReadToken(_ context.Context, a privatereply.Account) accountstatus.Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.read++
	s, ok := f.tokens[a.ID]
	if !ok {
		s.Token.State = accountstatus.TokenGood
	}
	s.Platform, s.ID, s.Name = a.Platform, a.ID, a.Name
	return s
}

// sending are replies of an account, of which the first so many wait for their next try.
func sending(account, count, waiting int) []replies.Row {
	var rows []replies.Row
	for n := range count {
		row := replies.Row{ID: fmt.Sprintf("reply:instagram:%d:18000%d", account, n), Platform: privatereply.Instagram, Account: fmt.Sprint(account), State: privatereply.Sending}
		if n < waiting {
			row.NextTry = noon.Add(5 * time.Minute)
		}
		rows = append(rows, row)
	}
	return rows
}

func newMonitor(f *fake) *Monitor {
	m := New(f, f, f, zap.NewNop())
	m.now = func() time.Time { return noon }
	return m
}

// An account is told exactly when nothing of it can go, with how many replies wait and who
// can end it.
func TestProblems(t *testing.T) {
	good := accountstatus.TokenGood
	for _, tt := range []struct {
		name string
		fake *fake
		want string // reason, number of standing replies, repair
	}{
		{"nothing is on its way", &fake{}, ""},
		{"a rejected token", &fake{rows: sending(1, 37, 37), waits: map[string]privatereply.Reason{"1": privatereply.TokenRejected}}, "token_rejected 37 connect"},
		{"a missing permission", &fake{rows: sending(1, 1, 1), waits: map[string]privatereply.Reason{"1": privatereply.NotPermitted}}, "not_permitted 1 connect"},
		{"a blocked account", &fake{rows: sending(1, 1, 1), waits: map[string]privatereply.Reason{"1": privatereply.AccountBlocked}}, "account_blocked 1 meta"},
		{"an outage of many", &fake{rows: sending(1, 3, 3), waits: map[string]privatereply.Reason{"1": privatereply.Outage}}, "outage 3 wait"},
		{"the account's own pace", &fake{rows: sending(1, 9, 9), waits: map[string]privatereply.Reason{"1": privatereply.Paced}}, ""},
		{"Meta's limit", &fake{rows: sending(1, 9, 9), waits: map[string]privatereply.Reason{"1": privatereply.Throttled}}, ""},
		{"no worker", &fake{rows: sending(1, 2, 2), waits: map[string]privatereply.Reason{"1": privatereply.NoWorker}}, "no_worker 2 operator"},
		{"a token that has ended, before anything failed", &fake{tokens: map[string]accountstatus.Status{"1": {Token: accountstatus.Token{State: accountstatus.TokenEnded}}}}, "token_rejected 0 connect"},
		{"a token that nobody can read", &fake{tokens: map[string]accountstatus.Status{"1": {Token: accountstatus.Token{State: accountstatus.TokenMissing, Problem: "SECRET_TOKEN is not set"}}}}, "token_rejected 0 operator"},
		{"a permission that was taken away", &fake{tokens: map[string]accountstatus.Status{"1": {Token: accountstatus.Token{State: good, CheckedAt: noon, MissingPermissions: []string{"pages_messaging"}}}}}, "not_permitted 0 connect"},
		{"the account was connected again since", &fake{tokens: map[string]accountstatus.Status{"1": {ConnectedAt: noon.Add(time.Minute), Token: accountstatus.Token{State: good, CheckedAt: noon, MissingPermissions: []string{"pages_messaging"}}}}}, ""},
		{"a renewal that Meta refused", &fake{tokens: map[string]accountstatus.Status{"1": {Token: accountstatus.Token{State: good, CheckedAt: noon, LastReason: privatereply.TokenRejected}}}}, "token_rejected 0 connect"},
		{"a renewal in an outage", &fake{tokens: map[string]accountstatus.Status{"1": {Token: accountstatus.Token{State: good, CheckedAt: noon, LastReason: privatereply.Outage}}}}, ""},
		{"a token that ends soon", &fake{tokens: map[string]accountstatus.Status{"1": {Token: accountstatus.Token{State: accountstatus.TokenEndsSoon}}}}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := newMonitor(tt.fake)
			v := m.read(t.Context(), View{})
			v = m.read(t.Context(), v)
			got := ""
			for _, p := range v.Problems {
				got = fmt.Sprintf("%s %d %s", p.Reason, p.Standing, p.Repair)
				if p.Name != "Shop 01" || p.Text == "" || strings.Contains(p.Text, "SECRET") {
					t.Errorf("%+v", p)
				}
			}
			if got != tt.want || len(v.Problems) > 1 {
				t.Errorf("%d problems, %q, want %q", len(v.Problems), got, tt.want)
			}
		})
	}
}

// A fault of one reply that passes is told to nobody.
func TestPassingFault(t *testing.T) {
	f := &fake{rows: sending(1, 1, 1), waits: map[string]privatereply.Reason{"1": privatereply.Outage}}
	m := newMonitor(f)
	m.now = func() time.Time { return noon.Add(4 * time.Minute) }
	if v := m.read(t.Context(), View{}); len(v.Problems) != 0 {
		t.Errorf("%+v", v.Problems)
	}
}

// Replies that are on their way for the first time are asked nothing; of those that stand, a
// few of each account; and what could not be read changes nothing.
func TestReadsAreBounded(t *testing.T) {
	f := &fake{rows: sending(1, 500, 0), waits: map[string]privatereply.Reason{}}
	m := newMonitor(f)
	v := m.read(t.Context(), View{})
	if f.asked != 0 {
		t.Errorf("%d replies were asked", f.asked)
	}
	f.rows = nil
	for account := range 30 {
		f.rows = append(f.rows, sending(account, 30, 30)...)
		f.waits[fmt.Sprint(account)] = privatereply.TokenRejected
	}
	v = m.read(t.Context(), v)
	if f.asked > samples*maxSampled || len(v.Problems) != maxSampled {
		t.Errorf("%d replies were asked, %d problems", f.asked, len(v.Problems))
	}
	v = m.read(t.Context(), v)
	if len(v.Problems) != 30 {
		t.Errorf("%d problems after another read", len(v.Problems))
	}
	if f.read > maxTokens*3 {
		t.Errorf("%d tokens were read", f.read)
	}
	f.fails = errors.New("Temporal is away")
	if v = m.read(t.Context(), v); len(v.Problems) != 30 || v.Err == nil {
		t.Errorf("%d problems, %v", len(v.Problems), v.Err)
	}
}

// A repaired account is told no longer, and a row that waits knows its reason.
func TestHeldAndRepaired(t *testing.T) {
	f := &fake{rows: sending(1, 5, 5), waits: map[string]privatereply.Reason{"1": privatereply.TokenRejected}}
	m := newMonitor(f)
	v := m.read(t.Context(), View{})
	held := m.Held(t.Context(), append(f.rows, replies.Row{ID: "other", State: privatereply.Sent}))
	if len(held) != 5 || held[f.rows[4].ID].Reason != privatereply.TokenRejected || !held[f.rows[4].ID].NextTry.Equal(noon.Add(5*time.Minute)) {
		t.Errorf("%+v", held)
	}
	asked := f.asked
	if m.Held(t.Context(), f.rows); f.asked != asked {
		t.Error("the same is asked again at once")
	}
	f.rows = nil
	if v = m.read(t.Context(), v); len(v.Problems) != 0 {
		t.Errorf("%+v", v.Problems)
	}
}

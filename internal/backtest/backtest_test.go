package backtest

import (
	"context"
	"errors"
	"fmt"
	"strings"
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

// kept holds replies as they are given, the newest first as Temporal lists them.
type kept []workflows.PrivateReplyInput

func (k kept) Page(context.Context, replies.Filter, int, []byte) (rows []replies.Row, next []byte, err error) {
	for i := range k {
		rows = append(rows, replies.Row{ID: fmt.Sprint(i)})
	}
	return rows, nil, nil
}

func (k kept) Input(_ context.Context, id string) (workflows.PrivateReplyInput, error) {
	var i int
	_, err := fmt.Sscan(id, &i)
	return k[i], err
}

func (kept) Get(privatereply.Platform, string) (account privatereply.Account, ok bool) {
	account.TimeZone, _ = time.LoadLocation("Europe/Berlin")
	return account, true
}

// A rule with once answers the first comment of a person in seven days, whatever the order in
// which Temporal lists them; what once left alone before is no difference.
func TestOnce(t *testing.T) {
	began := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	comment := func(person, media string, after time.Duration) privatereply.Comment {
		return privatereply.Comment{Platform: privatereply.Instagram, Account: "1", CommentID: "5", PersonID: person, MediaID: media, Text: "list", CreatedAt: began.Add(after)}
	}
	day := 24 * time.Hour
	comments := []privatereply.Comment{ // the newest first
		comment("ann", "A", 14*day+2*time.Hour), // 7 days after the one before
		comment("ann", "A", 7*day+time.Hour),    // 7 days after the first
		comment("ann", "B", 6*day),
		comment("", "A", 3*time.Hour), // nobody knows who
		comment("bob", "A", 2*time.Hour),
		comment("ann", "A", time.Hour),
		comment("ann", "A", 0),
	}
	rulesOf := func(once string) *rules.Set {
		set, err := rules.Parse("rules.yaml", []byte("rules:\n- name: list\n  when: says(text, \"list\")\n  reply: Hi\n"+once))
		if err != nil {
			t.Fatal(err)
		}
		return set
	}
	inputs := func(d privatereply.Decision) kept {
		var k kept
		for _, c := range comments {
			k = append(k, workflows.PrivateReplyInput{Comment: c, Decision: d})
		}
		return k
	}
	plain := privatereply.Decision{Action: privatereply.ActionAuto, Rule: "list", Text: "Hi"}
	perPost := plain
	perPost.Once = privatereply.OncePersonAndPost
	for name, tt := range map[string]struct {
		was  privatereply.Decision
		file string
		once int
		ids  string // of what changes
	}{
		"once for the first time":   {plain, "  once: person\n", 2, "2 3 5"}, // 3: a person decides
		"under each post":           {plain, "  once: person_and_post\n", 1, "3 5"},
		"as it was":                 {perPost, "  once: person_and_post\n", 1, "3"},
		"of each post, then of all": {perPost, "  once: person\n", 2, "2 3"},
		"no longer":                 {perPost, "", 0, "5"},
		"another text":              {plain, "  public: Sent\n", 0, "0 1 2 3 4 5 6"},
		"a button":                  {plain, "  buttons: [{title: B, then: x}]\n", 0, "0 1 2 3 4 5 6"},
		"hidden":                    {plain, "  hide: true\n", 0, "0 1 2 3 4 5 6"},
	} {
		t.Run(name, func(t *testing.T) {
			source := inputs(tt.was)
			r, err := Run(t.Context(), source, rulesOf(tt.file), source, replies.Filter{}, 100)
			if err != nil {
				t.Fatal(err)
			}
			var ids []string
			for _, c := range r.Changed {
				ids = append(ids, c.ID)
				if c.ID == "5" && tt.once > 0 && (c.Would.Action != privatereply.ActionIgnore || c.Would.Reason != "once" || c.Would.Rule != "list") {
					t.Errorf("the second comment would be %+v", c.Would)
				}
			}
			if got := strings.Join(ids, " "); got != tt.ids || r.Once != tt.once || r.Comments != len(comments) {
				t.Errorf("changed %q, once %d, of %d", got, r.Once, r.Comments)
			}
		})
	}
}

// Comments are decided as of the account's hour when they were written.
func TestAccountHour(t *testing.T) {
	set, err := rules.Parse("rules.yaml", []byte("default: ignore\nrules:\n- name: night\n  when: hour < 6 && date == \"2026-11-02\"\n  ask: true\n"))
	if err != nil {
		t.Fatal(err)
	}
	source := kept{{
		Comment:  privatereply.Comment{Platform: privatereply.Instagram, CreatedAt: time.Date(2026, 11, 1, 23, 30, 0, 0, time.UTC), ReceivedAt: time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)},
		Decision: privatereply.Decision{Action: privatereply.ActionIgnore},
	}}
	r, err := Run(t.Context(), source, set, source, replies.Filter{}, 100)
	if err != nil || len(r.Changed) != 1 || r.Changed[0].Would.Rule != "night" {
		t.Errorf("%+v, %v", r, err)
	}
}

package faults

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/meta"
)

// Guards: every case says what it expects, can be named on the command line, and is
// there once; the issue asks for 60.
func TestGroups(t *testing.T) {
	names := map[string]bool{}
	for _, g := range all() {
		if g.About == "" {
			t.Errorf("%s does not say what it is about", g.Name)
		}
		for _, c := range g.Cases {
			name := g.Name + "/" + c.Name
			switch {
			case names[name]:
				t.Errorf("%s is there twice", name)
			case c.Expect.String() == "":
				t.Errorf("%s expects nothing", name)
			case c.run == nil:
				t.Errorf("%s does nothing", name)
			case strings.ContainsAny(name, ", "):
				t.Errorf("%q cannot be written in -only", name)
			}
			names[name] = true
		}
	}
	if len(names) < 60 {
		t.Errorf("%d cases", len(names))
	}
}

// Guards: a fault that the sandbox learns is tried on private replies, on follow-ups, on the
// texts of taps, on public replies and on hiding, or on sweeps and on the replies under a
// comment if it strikes lists. Those of a login's tokens strike no message.
func TestEveryFault(t *testing.T) {
	ofTokens := []string{"without-expiry", "documented"}
	ofLists := func(name string) bool {
		return slices.ContainsFunc(listFaults, func(f meta.Fault) bool { return f.Name == name })
	}
	for _, g := range []Scenario{metaOnReplies(), metaOnFollowUps(), metaOnTaps(), metaOnPublicReplies(), metaOnHides()} {
		for _, f := range meta.FaultKinds {
			if !ofLists(f.Name) && !slices.Contains(ofTokens, f.Name) && !slices.ContainsFunc(g.Cases, func(c Case) bool { return c.Name == f.Name || strings.HasPrefix(c.Name, f.Name+"-") }) {
				t.Errorf("%s does not try %s", g.Name, f.Name)
			}
		}
	}
	for _, f := range listFaults {
		if !slices.ContainsFunc(words().Cases, func(c Case) bool { return c.Name == "sweep-"+f.Name }) {
			t.Errorf("no sweep meets %s", f.Name)
		}
		if !slices.ContainsFunc(metaOnPublicReplies().Cases, func(c Case) bool { return c.Name == "reading-"+f.Name }) {
			t.Errorf("nobody who reads the replies under a comment meets %s", f.Name)
		}
	}
}

// Guards: a case passes only if each of its comments came to what was expected, and
// everything else was seen too.
func TestMeets(t *testing.T) {
	twice := Verdict{State: privatereply.Sent, Delivered: 2, Calls: 2}
	tests := []struct {
		name   string
		seen   result
		expect Expect
		want   bool
	}{
		{"as expected", result{each: []Verdict{delivered}}, each(delivered), true},
		{"either", result{each: []Verdict{delivered, found}}, each(found, delivered), true},
		{"delivered twice", result{each: []Verdict{delivered, twice}}, each(delivered), false},
		{"another reason", result{each: []Verdict{found}}, each(delivered), false},
		{"nothing was seen", result{}, each(delivered), false},
		{"comments that nothing is expected of", result{each: []Verdict{delivered}}, Expect{}, false},
		{"beside them", result{each: []Verdict{delivered}, observed: []string{"a", "b"}}, each(delivered).and("a; b"), true},
		{"not beside them", result{each: []Verdict{delivered}}, each(delivered).and("a"), false},
		{"more beside them", result{each: []Verdict{delivered}, observed: []string{"a"}}, each(delivered), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.seen.meets(tt.expect); got != tt.want {
				t.Errorf("%q meets %q: %v", tt.seen, tt.expect, got)
			}
		})
	}
}

// Guards: webhooks that the bridge has no room for wait for another death, and no
// case is lost.
func TestBatches(t *testing.T) {
	cases := []Case{
		{Name: "a"}, {Name: "b1", heldInBridge: true}, {Name: "b2", heldInBridge: true}, {Name: "c"}, {Name: "b3", heldInBridge: true},
	}
	var got [][]string
	for _, batch := range batches(cases) {
		var names []string
		for _, c := range batch {
			names = append(names, c.Name)
		}
		got = append(got, names)
	}
	if diff := cmp.Diff([][]string{{"a", "c", "b1", "b2"}, {"b3"}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := batches([]Case{{Name: "a"}}); len(got) != 1 {
		t.Errorf("one case makes %d batches", len(got))
	}
}

// Guards: nobody dies before everybody is at their step, and a case that failed
// keeps nobody waiting.
func TestRound(t *testing.T) {
	trials := []*caseRun{{}, {}, {}}
	r := newBarrier(trials)
	reached := make(chan error, 1)
	go func() { reached <- r.await(t.Context(), killable) }()
	r.reach(trials[0], killable)
	r.reach(trials[1], ended)
	r.reach(trials[2], ready)
	select {
	case err := <-reached:
		t.Fatalf("the victim died early: %v", err)
	default:
	}
	if got := r.at(killable); !slices.Equal(got, trials[:1]) {
		t.Errorf("%d trials are at their step", len(got))
	}
	r.reach(trials[2], killable)
	if err := <-reached; err != nil {
		t.Error(err)
	}
}

// Guards: one case that never comes to its step does not take the others' time.
func TestHurry(t *testing.T) {
	ctx, end := context.WithCancelCause(t.Context())
	late, ready := &caseRun{cancel: end}, &caseRun{cancel: func(error) { t.Error("who was ready was ended") }}
	r := newBarrier([]*caseRun{late, ready})
	r.reach(ready, killable)
	defer r.endLate(time.Millisecond)()
	<-ctx.Done()
	if got := context.Cause(ctx).Error(); got != "it did not come to its step within 1ms" {
		t.Errorf("the late one was told %q", got)
	}
}

// Guards: the table says what failed and what was left out, and only a run without
// failures is a good one.
func TestReport(t *testing.T) {
	fine := Row{Scenario: "races", Case: "a", Expected: "x", Seen: "x", OK: true, Took: 1234 * time.Millisecond}
	wrong := Row{Scenario: "races", Case: "b", Expected: "x", Seen: "y|z"}
	leftOut := Row{Scenario: "kill", Case: "c", LeftOut: true}
	var b strings.Builder
	WriteTable(&b, []Row{fine, wrong, leftOut})
	want := `| scenario | case | expected | seen | | seconds |
| --- | --- | --- | --- | --- | --- |
| races | a | x | x | ok | 1.2 |
| races | b | x | y\|z | FAILED | 0.0 |
| kill | c |  |  | left out | 0.0 |
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, tt := range []struct {
		rows []Row
		text string
		ok   bool
	}{
		{[]Row{fine}, "1 case: 1 ok, 0 failed", true},
		{[]Row{fine, leftOut}, "2 cases: 1 ok, 0 failed, 1 left out", true},
		{[]Row{fine, wrong}, "2 cases: 1 ok, 1 failed", false},
		{[]Row{leftOut}, "1 case: 0 ok, 0 failed, 1 left out", false},
	} {
		if text, ok := Summary(tt.rows); text != tt.text || ok != tt.ok {
			t.Errorf("Summary = %q, %v; want %q, %v", text, ok, tt.text, tt.ok)
		}
	}
}

// Guards: the accounts file can be read, and no two accounts share an id.
func TestAccounts(t *testing.T) {
	ids := map[string]bool{}
	for _, a := range newAccounts() {
		if ids[a.id] {
			t.Errorf("%s is there twice", a.id)
		}
		ids[a.id] = true
	}
	for _, n := range connected {
		if got := newAccounts()[n]; (got.platform == privatereply.Instagram) != (n != page) || (got.page != "") != (n == instagram) {
			t.Errorf("account %d is %+v", n, got)
		}
	}
}

package sandbox_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/privatereply/privatereply/graph/sandbox"
)

// What a fault does to one call, and whether the message was delivered all the same.
type struck struct {
	answer    reply
	err       error
	delivered int
}

// strike answers a comment while the fault is set.
func strike(t *testing.T, f sandbox.Fault) struck {
	t.Helper()
	e := start(t)
	id := e.comment(sandbox.NewComment{Account: pageID, Username: "sam"})
	f.Times = 1
	_, err := e.AddFault(f)
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if strings.HasSuffix(f.Name, "hang") {
		// The caller gives up as soon as the fault has struck.
		go func() {
			defer cancel()
			_ = e.Wait(ctx, func() bool { return len(e.ActiveFaults()) == 0 })
		}()
	}
	r, err := e.try(ctx, http.MethodPost, pageSends, pageToken, answering(id, "Hi"))
	if left := e.ActiveFaults(); len(left) != 0 {
		t.Errorf("the fault is still set: %v", left)
	}
	return struck{r, err, e.Deliveries(id)}
}

// Each fault by its name: what the caller sees, and what really happened.
func TestFaults(t *testing.T) {
	answers := func(code, subcode, status int) func(*testing.T, struck) {
		return func(t *testing.T, s struck) {
			if s.answer.code() != [2]int{code, subcode} || s.answer.status != status {
				t.Errorf("answered %d %v, want %d %d/%d", s.answer.status, s.answer.code(), status, code, subcode)
			}
		}
	}
	noAnswer := func(t *testing.T, s struck) {
		if s.err == nil {
			t.Errorf("there was an answer: %d %s", s.answer.status, s.answer.body)
		}
	}
	success := func(t *testing.T, s struck) {
		if s.err != nil || s.answer.text("message_id") == "" || s.answer.text("recipient_id") == "" {
			t.Errorf("answered %q, %v", s.answer.body, s.err)
		}
	}
	tests := map[string]struct {
		fault     sandbox.Fault
		delivered int
		check     func(*testing.T, struck)
	}{
		"slow": {sandbox.Fault{DelayMS: 1}, 1, success},
		"hang": {sandbox.Fault{}, 0, noAnswer},
		"reset": {sandbox.Fault{}, 0, func(t *testing.T, s struck) {
			if !errors.Is(s.err, syscall.ECONNRESET) {
				t.Errorf("error %v, want a reset", s.err)
			}
		}},
		"throttle": {sandbox.Fault{Minutes: 7}, 0, func(t *testing.T, s struck) {
			answers(80006, 0, 400)(t, s)
			if percent, wait, kind := usageOf(t, s.answer, pageID); percent != 100 || wait != 7 || kind != "messenger" {
				t.Errorf("usage: %d %%, %d minutes, %q", percent, wait, kind)
			}
		}},
		"transient": {sandbox.Fault{}, 0, func(t *testing.T, s struck) {
			answers(2, 0, 500)(t, s)
			if s.answer.json["error"].(map[string]any)["is_transient"] != true {
				t.Error("it is not called transient")
			}
		}},
		"token-revoked":      {sandbox.Fault{}, 0, answers(190, 460, 401)},
		"permission-missing": {sandbox.Fault{}, 0, answers(200, 0, 403)},
		"blocked":            {sandbox.Fault{}, 0, answers(368, 0, 400)},
		"error":              {sandbox.Fault{Code: 613, Subcode: 1996, Status: 503}, 0, answers(613, 1996, 503)},
		"accept-then-drop":   {sandbox.Fault{}, 1, noAnswer},
		"accept-then-hang":   {sandbox.Fault{}, 1, noAnswer},
		"accept-then-500": {sandbox.Fault{}, 1, func(t *testing.T, s struck) {
			if s.answer.status != 500 || !strings.Contains(s.answer.body, "<html") && !strings.Contains(s.answer.body, "<h1>") {
				t.Errorf("answered %d %q", s.answer.status, s.answer.body)
			}
		}},
		"accept-then-not-json": {sandbox.Fault{}, 1, func(t *testing.T, s struck) {
			if s.answer.status != 200 || s.answer.json != nil {
				t.Errorf("answered %d %q", s.answer.status, s.answer.body)
			}
		}},
		"accept-then-error": {sandbox.Fault{}, 1, answers(1, 1357046, 400)},
		"accept-without-ids": {sandbox.Fault{}, 1, func(t *testing.T, s struck) {
			if s.answer.status != 200 || s.answer.body != "{}" {
				t.Errorf("answered %d %q", s.answer.status, s.answer.body)
			}
		}},
		"without-recipient": {sandbox.Fault{}, 1, func(t *testing.T, s struck) {
			if s.answer.text("message_id") == "" || s.answer.json["recipient_id"] != nil {
				t.Errorf("answered %q", s.answer.body)
			}
		}},
		"trickle": {sandbox.Fault{DelayMS: 1}, 1, success},
	}
	for _, kind := range sandbox.Faults {
		t.Run(kind.Name, func(t *testing.T) {
			tt, tested := tests[kind.Name]
			if !tested {
				t.Fatal("no test")
			}
			if kind.Description == "" {
				t.Error("no description")
			}
			tt.fault.Name = kind.Name
			s := strike(t, tt.fault)
			tt.check(t, s)
			if s.delivered != tt.delivered {
				t.Errorf("%d messages were delivered, want %d", s.delivered, tt.delivered)
			}
		})
	}
	if len(tests) != len(sandbox.Faults) {
		t.Errorf("%d tests for %d faults", len(tests), len(sandbox.Faults))
	}
}

// A fault strikes only the calls that it was set for, and as often as it was set.
func TestFaultVictims(t *testing.T) {
	e := start(t)
	first := e.comment(sandbox.NewComment{Account: pageID})
	second := e.comment(sandbox.NewComment{Account: pageID})
	linked := e.comment(sandbox.NewComment{Account: linkedID})
	add := func(f sandbox.Fault) string {
		id, err := e.AddFault(f)
		must(t, err)
		return id
	}
	onlySecond := add(sandbox.Fault{Name: "blocked", CommentID: second})
	if got := e.answer(pageID, first, "x"); got.status != http.StatusOK {
		t.Errorf("another comment: %v", got.code())
	}
	for range 3 {
		if got := e.answer(pageID, second, "x"); got.code() != [2]int{368, 0} {
			t.Errorf("the comment: %v, want 368", got.code())
		}
	}
	e.ClearFault(onlySecond)

	add(sandbox.Fault{Name: "token-revoked", Account: linkedID, Calls: "all", Times: 2})
	if got := e.answer(pageID, second, "x"); got.status != http.StatusOK {
		t.Errorf("another account: %v", got.code())
	}
	for range 2 {
		if got := e.answer(linkedID, linked, "x"); got.code() != [2]int{190, 460} {
			t.Errorf("the account: %v, want 190/460", got.code())
		}
	}
	if got := e.answer(linkedID, linked, "x"); got.status != http.StatusOK {
		t.Errorf("the third call: %v", got.code())
	}

	add(sandbox.Fault{Name: "transient", Calls: "feed"})
	if got := e.get("/facebook/v26.0/me", pageToken); got.status != http.StatusOK {
		t.Errorf("another kind of call: %v", got.code())
	}
	if got := e.get("/facebook/v26.0/"+pageID+"/feed", pageToken); got.code() != [2]int{2, 0} {
		t.Errorf("feed: %v, want 2", got.code())
	}
	e.ClearFault("")
	if got := e.get("/facebook/v26.0/"+pageID+"/feed", pageToken); got.status != http.StatusOK {
		t.Errorf("cleared: %v", got.code())
	}
}

// A fault of the accepting kind leaves a call alone that Meta's rules refuse, and
// waits for one that they accept.
func TestAcceptFaultWaitsForAcceptance(t *testing.T) {
	e := start(t)
	id := e.comment(sandbox.NewComment{Account: pageID})
	e.answer(pageID, id, "x")
	_, err := e.AddFault(sandbox.Fault{Name: "accept-then-500", Times: 1})
	must(t, err)
	if got := e.answer(pageID, id, "x"); got.code() != [2]int{10900, 0} {
		t.Errorf("a repeat: %v, want 10900", got.code())
	}
	if got := e.answer(pageID, e.comment(sandbox.NewComment{Account: pageID}), "x"); got.status != 500 {
		t.Errorf("the next accepted call: %d", got.status)
	}
}

// Clearing a fault, or closing the sandbox, frees the calls that hang in it.
func TestHangingCallsAreFreed(t *testing.T) {
	free := map[string]func(*env, string){
		"cleared":     func(e *env, id string) { e.ClearFault(id) },
		"all cleared": func(e *env, _ string) { e.ClearFault("") },
		"closed":      func(e *env, _ string) { e.Close() },
	}
	for name, free := range free {
		t.Run(name, func(t *testing.T) {
			e := start(t)
			id := e.comment(sandbox.NewComment{Account: pageID})
			fault, err := e.AddFault(sandbox.Fault{Name: "hang", Times: 1})
			must(t, err)
			ended := make(chan error, 1)
			go func() {
				_, err := e.try(t.Context(), http.MethodPost, pageSends, pageToken, answering(id, "x"))
				ended <- err
			}()
			must(t, e.Wait(t.Context(), func() bool { return len(e.ActiveFaults()) == 0 }))
			free(e, fault)
			select {
			case err := <-ended:
				if err == nil {
					t.Error("the call was answered")
				}
			case <-time.After(10 * time.Second):
				t.Fatal("the call still hangs")
			}
		})
	}
}

// A slow answer is worked off even if nobody waits for it any more.
func TestSlowCallIsDoneAfterCallerLeft(t *testing.T) {
	e := start(t)
	id := e.comment(sandbox.NewComment{Account: pageID})
	_, err := e.AddFault(sandbox.Fault{Name: "slow", DelayMS: 2000, Times: 1})
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_ = e.Wait(t.Context(), func() bool { return len(e.ActiveFaults()) == 0 })
		cancel()
	}()
	if _, err := e.try(ctx, http.MethodPost, pageSends, pageToken, answering(id, "x")); err == nil {
		t.Error("the answer came before the caller had left")
	}
	must(t, e.Wait(t.Context(), func() bool { return e.Deliveries(id) == 1 }))
}

// What is no fault is refused in words.
func TestAddFaultRefuses(t *testing.T) {
	e := start(t)
	for _, f := range []sandbox.Fault{{Name: "no-such"}, {Name: "error"}, {Name: "hang", Calls: "some"}, {Name: "hang", Account: "1"}} {
		if id, err := e.AddFault(f); err == nil {
			t.Errorf("%+v was taken as %s", f, id)
		}
	}
	if diff := cmp.Diff([]sandbox.Fault{}, e.ActiveFaults()); diff != "" {
		t.Error(diff)
	}
}

// A fault that is meant for one person's follow-ups strikes nothing else.
func TestFaultOnOneRecipient(t *testing.T) {
	e := start(t)
	for _, name := range []string{"sam", "kim"} {
		_, err := e.Say(sandbox.NewMessage{Account: pageID, Username: name, Text: "hi"})
		must(t, err)
	}
	_, err := e.AddFault(sandbox.Fault{Name: "error", Code: 551, Recipient: e.personID(pageID, "sam"), Times: 1})
	must(t, err)
	id := e.comment(sandbox.NewComment{Account: pageID, Username: "sam"})
	if r, err := e.try(t.Context(), http.MethodPost, pageSends, pageToken, answering(id, "Hi")); err != nil || r.status != http.StatusOK {
		t.Errorf("a private reply to the same person: %d, %v", r.status, err)
	}
	if got := e.followUp(pageID, e.personID(pageID, "kim"), "x"); got.status != http.StatusOK {
		t.Errorf("a follow-up to another person: %d %v", got.status, got.code())
	}
	if got := e.followUp(pageID, e.personID(pageID, "sam"), "x"); got.code() != [2]int{551, 0} {
		t.Errorf("a follow-up to the person: %d %v", got.status, got.code())
	}
}

package meta_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/privatereply/privatereply/lab/meta"
)

// onlyLists are the faults that apply to lists only; the others are tried with a
// send.
var ofLists = map[string]bool{"too-large": true, "time-paging": true, "circle": true}

// ofLogins are the faults of TestLoginFaults.
var ofLogins = map[string]bool{"without-expiry": true, "documented": true}

// What a fault does to one call, and whether the message was delivered all the same.
type faultResult struct {
	answer    reply
	err       error
	delivered int
}

// callWithFault answers a comment while the fault is set.
func callWithFault(t *testing.T, f meta.Fault) faultResult {
	t.Helper()
	e := start(t)
	id := e.comment(meta.NewComment{Account: pageID, Username: "sam"})
	f.Times = 1
	_, err := e.AddFault(f)
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if strings.HasSuffix(f.Name, "hang") {
		// The caller gives up as soon as the fault has applied.
		go func() {
			defer cancel()
			_ = e.Wait(ctx, func() bool { return len(e.ActiveFaults()) == 0 })
		}()
	}
	method, path, body := http.MethodPost, pageSends, answering(id, "Hi")
	if ofLists[f.Name] {
		method, path, body = http.MethodGet, "/facebook/v26.0/"+pageID+"/feed?limit=1", ""
	}
	r, err := e.try(ctx, method, path, pageToken, body)
	if left := e.ActiveFaults(); len(left) != 0 {
		t.Errorf("the fault is still set: %v", left)
	}
	return faultResult{r, err, e.RepliesDelivered(id)}
}

// Each fault by its name: what the caller sees, and what really happened.
func TestFaults(t *testing.T) {
	answers := func(code, subcode, status int) func(*testing.T, faultResult) {
		return func(t *testing.T, s faultResult) {
			if s.answer.code() != [2]int{code, subcode} || s.answer.status != status {
				t.Errorf("answered %d %v, want %d %d/%d", s.answer.status, s.answer.code(), status, code, subcode)
			}
		}
	}
	noAnswer := func(t *testing.T, s faultResult) {
		if s.err == nil {
			t.Errorf("there was an answer: %d %s", s.answer.status, s.answer.body)
		}
	}
	success := func(t *testing.T, s faultResult) {
		if s.err != nil || s.answer.text("message_id") == "" || s.answer.text("recipient_id") == "" {
			t.Errorf("answered %q, %v", s.answer.body, s.err)
		}
	}
	tests := map[string]struct {
		fault     meta.Fault
		delivered int
		check     func(*testing.T, faultResult)
	}{
		"slow": {meta.Fault{DelayMilliseconds: 1}, 1, success},
		"hang": {meta.Fault{}, 0, noAnswer},
		"reset": {meta.Fault{}, 0, func(t *testing.T, s faultResult) {
			if !errors.Is(s.err, syscall.ECONNRESET) {
				t.Errorf("error %v, want a reset", s.err)
			}
		}},
		"throttle": {meta.Fault{Minutes: 7}, 0, func(t *testing.T, s faultResult) {
			answers(80006, 0, 400)(t, s)
			if percent, wait, kind := usageOf(t, s.answer, pageID); percent != 100 || wait != 7 || kind != "messenger" {
				t.Errorf("usage: %d %%, %d minutes, %q", percent, wait, kind)
			}
		}},
		"transient": {meta.Fault{}, 0, func(t *testing.T, s faultResult) {
			answers(2, 0, 500)(t, s)
			if s.answer.json["error"].(map[string]any)["is_transient"] != true {
				t.Error("it is not called transient")
			}
		}},
		"token-revoked":      {meta.Fault{}, 0, answers(190, 460, 401)},
		"permission-missing": {meta.Fault{}, 0, answers(200, 0, 403)},
		"blocked":            {meta.Fault{}, 0, answers(368, 0, 400)},
		"error":              {meta.Fault{Code: 613, Subcode: 1996, Status: 503}, 0, answers(613, 1996, 503)},
		"accept-then-drop":   {meta.Fault{}, 1, noAnswer},
		"accept-then-hang":   {meta.Fault{}, 1, noAnswer},
		"accept-then-500": {meta.Fault{}, 1, func(t *testing.T, s faultResult) {
			if s.answer.status != 500 || !strings.Contains(s.answer.body, "<html") && !strings.Contains(s.answer.body, "<h1>") {
				t.Errorf("answered %d %q", s.answer.status, s.answer.body)
			}
		}},
		"accept-then-not-json": {meta.Fault{}, 1, func(t *testing.T, s faultResult) {
			if s.answer.status != 200 || s.answer.json != nil {
				t.Errorf("answered %d %q", s.answer.status, s.answer.body)
			}
		}},
		"accept-then-error": {meta.Fault{}, 1, answers(1, 1357046, 400)},
		"accept-without-ids": {meta.Fault{}, 1, func(t *testing.T, s faultResult) {
			if s.answer.status != 200 || s.answer.body != "{}" {
				t.Errorf("answered %d %q", s.answer.status, s.answer.body)
			}
		}},
		"without-recipient": {meta.Fault{}, 1, func(t *testing.T, s faultResult) {
			if s.answer.text("message_id") == "" || s.answer.json["recipient_id"] != nil {
				t.Errorf("answered %q", s.answer.body)
			}
		}},
		"trickle":   {meta.Fault{DelayMilliseconds: 1}, 1, success},
		"too-large": {meta.Fault{Limit: -1}, 0, answers(1, 0, 500)},
		"time-paging": {meta.Fault{}, 0, func(t *testing.T, s faultResult) {
			paging := s.answer.json["paging"].(map[string]any)
			if next := nextOf(s.answer.json); paging["cursors"] != nil || !strings.Contains(next, "until=") || !strings.Contains(next, "__paging_token=") || strings.Contains(next, "after=") {
				t.Errorf("paging: %v", paging)
			}
		}},
		"circle": {meta.Fault{}, 0, func(t *testing.T, s faultResult) {
			if nextOf(s.answer.json) == "" {
				t.Errorf("answered %q", s.answer.body)
			}
		}},
	}
	for _, kind := range meta.FaultKinds {
		if ofLogins[kind.Name] {
			continue
		}
		t.Run(kind.Name, func(t *testing.T) {
			tt, tested := tests[kind.Name]
			if !tested {
				t.Fatal("no test")
			}
			if kind.Description == "" {
				t.Error("no description")
			}
			tt.fault.Name = kind.Name
			s := callWithFault(t, tt.fault)
			tt.check(t, s)
			if s.delivered != tt.delivered {
				t.Errorf("%d messages were delivered, want %d", s.delivered, tt.delivered)
			}
		})
	}
	if known := len(meta.FaultKinds) - len(ofLogins); len(tests) != known {
		t.Errorf("%d tests for %d faults", len(tests), known)
	}
}

// A fault applies only to the calls that it was set for, and as often as it was set.
func TestFaultVictims(t *testing.T) {
	e := start(t)
	first := e.comment(meta.NewComment{Account: pageID})
	second := e.comment(meta.NewComment{Account: pageID})
	linked := e.comment(meta.NewComment{Account: linkedID})
	add := func(f meta.Fault) string {
		id, err := e.AddFault(f)
		must(t, err)
		return id
	}
	onlySecond := add(meta.Fault{Name: "blocked", CommentID: second})
	if got := e.answer(pageID, first, "x"); got.status != http.StatusOK {
		t.Errorf("another comment: %v", got.code())
	}
	for range 3 {
		if got := e.answer(pageID, second, "x"); got.code() != [2]int{368, 0} {
			t.Errorf("the comment: %v, want 368", got.code())
		}
	}
	e.ClearFault(onlySecond)

	add(meta.Fault{Name: "token-revoked", Account: linkedID, Calls: "all", Times: 2})
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

	add(meta.Fault{Name: "transient", Calls: "feed"})
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
	id := e.comment(meta.NewComment{Account: pageID})
	e.answer(pageID, id, "x")
	_, err := e.AddFault(meta.Fault{Name: "accept-then-500", Times: 1})
	must(t, err)
	if got := e.answer(pageID, id, "x"); got.code() != [2]int{10900, 0} {
		t.Errorf("a repeat: %v, want 10900", got.code())
	}
	if got := e.answer(pageID, e.comment(meta.NewComment{Account: pageID}), "x"); got.status != 500 {
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
			id := e.comment(meta.NewComment{Account: pageID})
			fault, err := e.AddFault(meta.Fault{Name: "hang", Times: 1})
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
	id := e.comment(meta.NewComment{Account: pageID})
	_, err := e.AddFault(meta.Fault{Name: "slow", DelayMilliseconds: 2000, Times: 1})
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_ = e.Wait(t.Context(), func() bool { return len(e.ActiveFaults()) == 0 })
		cancel()
	}()
	if _, err := e.try(ctx, http.MethodPost, pageSends, pageToken, answering(id, "x")); err == nil {
		t.Error("the answer came before the caller had left")
	}
	must(t, e.Wait(t.Context(), func() bool { return e.RepliesDelivered(id) == 1 }))
}

// What is no fault is refused in words.
func TestAddFaultRefuses(t *testing.T) {
	e := start(t)
	for _, f := range []meta.Fault{{Name: "no-such"}, {Name: "error"}, {Name: "hang", Calls: "some"}, {Name: "hang", Account: "1"}} {
		if id, err := e.AddFault(f); err == nil {
			t.Errorf("%+v was taken as %s", f, id)
		}
	}
	if diff := cmp.Diff([]meta.Fault{}, e.ActiveFaults()); diff != "" {
		t.Error(diff)
	}
}

// A fault that is meant for one person's follow-ups applies to nothing else.
func TestFaultOnOneRecipient(t *testing.T) {
	e := start(t)
	for _, name := range []string{"sam", "kim"} {
		_, err := e.WriteMessage(meta.NewMessage{Account: pageID, Username: name, Text: "hi"})
		must(t, err)
	}
	_, err := e.AddFault(meta.Fault{Name: "error", Code: 551, Recipient: e.personID(pageID, "sam"), Times: 1})
	must(t, err)
	id := e.comment(meta.NewComment{Account: pageID, Username: "sam"})
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

// An answer need not have Meta's form: 429 comes as a web page, or with nothing. A
// Graph error can have any type.
func TestErrorFaultForms(t *testing.T) {
	page := callWithFault(t, meta.Fault{Name: "error", Status: http.StatusTooManyRequests, Body: "<h1>Slow down</h1>", RetryAfterSeconds: 30})
	if page.answer.status != 429 || page.answer.body != "<h1>Slow down</h1>" || page.answer.header.Get("Retry-After") != "30" {
		t.Errorf("answered %d %q", page.answer.status, page.answer.body)
	}
	if empty := callWithFault(t, meta.Fault{Name: "error", Status: http.StatusTooManyRequests, NoBody: true}); empty.answer.status != 429 || empty.answer.body != "" {
		t.Errorf("answered %d %q", empty.answer.status, empty.answer.body)
	}
	typed := callWithFault(t, meta.Fault{Name: "error", Code: 100, ErrorType: "GraphMethodException"})
	if typed.answer.json["error"].(map[string]any)["type"] != "GraphMethodException" || typed.answer.code() != [2]int{100, 0} {
		t.Errorf("answered %q", typed.answer.body)
	}
	if _, err := start(t).AddFault(meta.Fault{Name: "error"}); err == nil {
		t.Error("an error without a code, a body or no_body is taken")
	}
}

// A page that is too large is given in smaller ones; a list that goes on by time is
// read to its end with what its links say; one that leads in a circle begins anew.
func TestListFaults(t *testing.T) {
	feed := "/facebook/v26.0/" + pageID + "/feed"
	t.Run("too-large", func(t *testing.T) {
		e := start(t)
		_, err := e.AddFault(meta.Fault{Name: "too-large"})
		must(t, err)
		for limit, status := range map[string]int{"": 500, "25": 500, "6": 500, "5": 200, "1": 200} {
			if got := e.get(feed, pageToken, "limit", limit); got.status != status {
				t.Errorf("limit %q: %d", limit, got.status)
			}
		}
		if got := e.get("/facebook/v26.0/me", pageToken); got.status != http.StatusOK {
			t.Errorf("no list: %d", got.status)
		}
	})
	pages := func(t *testing.T, fault string, most int) (ids []string) {
		e := start(t)
		_, err := e.AddFault(meta.Fault{Name: fault})
		must(t, err)
		page := e.get(feed, pageToken, "limit", "1")
		for range most {
			for _, p := range page.json["data"].([]any) {
				ids = append(ids, p.(map[string]any)["id"].(string))
			}
			next := nextOf(page.json)
			if next == "" {
				break
			}
			page = e.follow(next)
		}
		return ids
	}
	t.Run("time-paging", func(t *testing.T) {
		if ids := pages(t, "time-paging", 9); len(ids) != 2 || ids[0] == ids[1] {
			t.Errorf("posts %q", ids)
		}
	})
	t.Run("circle", func(t *testing.T) {
		if ids := pages(t, "circle", 4); len(ids) != 4 || ids[0] == ids[1] || ids[0] != ids[2] || ids[1] != ids[3] {
			t.Errorf("posts %q", ids)
		}
	})
}

package meta

import (
	"fmt"
	"slices"
	"strconv"
)

// Fault is a way to misbehave, and the calls it strikes.
type Fault struct {
	ID                string `json:"id"`         // given by AddFault
	Name              string `json:"name"`       // one of Faults
	Account           string `json:"account"`    // empty: every account
	Calls             string `json:"calls"`      // send (the default; feed for faults of lists), read, all, or one Op
	CommentID         string `json:"comment_id"` // only private replies to this comment
	Recipient         string `json:"recipient"`  // only follow-ups to this person, by the id of messages
	Times             int    `json:"times"`      // how many calls it strikes; 0: all until it is cleared
	Minutes           int    `json:"minutes"`    // throttle: what Meta's header says; 0 is 1
	Code              int    `json:"code"`       // error
	Subcode           int    `json:"subcode"`    // error
	Status            int    `json:"status"`     // error; 0 is 400
	Transient         bool   `json:"transient"`  // error: is_transient
	ErrorType         string `json:"type"`       // error: Meta's type; empty is OAuthException
	Body              string `json:"body"`       // error: sent as a web page in place of Meta's error
	NoBody            bool   `json:"no_body"`    // error: nothing is sent in place of Meta's error
	RetryAfterSeconds int    `json:"retry_s"`    // error: seconds of a Retry-After header; 0 is none
	DelayMilliseconds int    `json:"delay_ms"`   // slow and trickle; 0 is 1000 and 100
	Limit             int    `json:"limit"`      // too-large: the most items of a page that Meta gives; 0 is 5
}

// FaultKind is a fault that can be asked for.
type FaultKind struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	stage       stage
}

// stage is when a fault strikes.
type stage int

const (
	stageDelay  stage = iota // before anything else
	stageBefore              // instead of doing what was asked: nothing is delivered
	stageAfter               // after it was done; a call that Meta's rules refuse is not struck
)

// FaultKinds lists every fault by its name, which never changes.
var FaultKinds = []FaultKind{
	{"slow", "waits delay_ms, then does what was asked, even if the caller has gone", stageDelay},
	{"hang", "never answers and does nothing", stageBefore},
	{"reset", "resets the connection and does nothing", stageBefore},
	{"throttle", "refuses with 80006 (Page) or 80002 (Instagram); the usage header names the minutes", stageBefore},
	{"transient", "refuses with code 2, status 500, is_transient; nothing was done", stageBefore},
	{"token-revoked", "refuses with 190/460", stageBefore},
	{"permission-missing", "refuses with 200", stageBefore},
	{"blocked", "refuses with 368: blocked for now for policy reasons", stageBefore},
	{"error", "refuses with the code, subcode, type, status and transient that it is given, or with the status and a body that is no Graph error", stageBefore},
	{"too-large", "refuses a list with code 1, status 500, unless it is asked for limit items or fewer", stageBefore},
	{"accept-then-drop", "does it, then closes the connection without an answer", stageAfter},
	{"accept-then-500", "does it, then answers 500 with an HTML page", stageAfter},
	{"accept-then-hang", "does it, then never answers", stageAfter},
	{"accept-then-not-json", "does it, then answers 200 with something that is not JSON", stageAfter},
	{"accept-then-error", "does it, then answers 1/1357046 all the same", stageAfter},
	{"accept-without-ids", "does it, then answers 200 with an empty object", stageAfter},
	{"without-recipient", "does it; the answer has no recipient_id", stageAfter},
	{"trickle", "does it; the answer comes a byte every delay_ms", stageAfter},
	{"time-paging", "lists go on by until and __paging_token, without cursors", stageAfter},
	{"circle", "lists go on at their beginning after their end", stageAfter},
}

// activeFault is a fault that was asked for.
type activeFault struct {
	Fault
	stage   stage
	left    int // strikes left, when Times is not 0
	cleared chan struct{}
}

// faults are what was asked for, oldest first.
type faults struct {
	count  int
	active []*activeFault
	spent  []*activeFault // struck out, but a call may still hang in them
}

// take gives the oldest fault of the stage that strikes e, and counts the strike.
func (l *faults) take(e endpoint, at stage) *activeFault {
	for i, f := range l.active {
		if f.stage != at || !f.strikes(e) {
			continue
		}
		if f.Times > 0 {
			if f.left--; f.left == 0 {
				l.active = slices.Delete(l.active, i, i+1)
				l.spent = append(l.spent, f)
			}
		}
		return f
	}
	return nil
}

func (f *activeFault) strikes(e endpoint) bool {
	if f.Account != "" && f.Account != e.account.ID {
		return false
	}
	if f.CommentID != "" && (e.comment == nil || e.comment.id() != f.CommentID && e.comment.readID() != f.CommentID) {
		return false
	}
	if f.Recipient != "" && e.recipient != f.Recipient {
		return false
	}
	if f.ofLists() && (e.limit == 0 || f.Name == "too-large" && e.limit <= f.Limit) {
		return false
	}
	switch f.Calls {
	case "all":
		return true
	case "send":
		return e.op.sends()
	case "read":
		return !e.op.sends()
	}
	return Operation(f.Calls) == e.op
}

// ofLists reports whether f strikes nothing but lists.
func (f Fault) ofLists() bool {
	return f.Name == "too-large" || f.Name == "time-paging" || f.Name == "circle"
}

// AddFault lets the sandbox misbehave and returns the fault's id.
func (s *Sandbox) AddFault(f Fault) (string, error) {
	i := slices.IndexFunc(FaultKinds, func(k FaultKind) bool { return k.Name == f.Name })
	if i < 0 {
		return "", fmt.Errorf("name: %q is no fault; GET /sandbox/faults lists them", f.Name)
	}
	calls := []string{"send", "read", "all", string(OpPrivateReply), string(OpFollowUp), string(OpThreadReply),
		string(OpComment), string(OpFeed), string(OpConversations), string(OpLiveMedia), string(OpAccount)}
	switch {
	case f.Calls == "" && f.ofLists():
		f.Calls = string(OpFeed)
	case f.Calls == "":
		f.Calls = "send"
	}
	if !slices.Contains(calls, f.Calls) {
		return "", fmt.Errorf("calls: %q names no calls; write one of %v", f.Calls, calls)
	}
	if f.Name == "error" && f.Code == 0 && f.Body == "" && !f.NoBody {
		return "", fmt.Errorf("code: the fault error needs one, or a body, or no_body")
	}
	switch {
	case f.Name == "slow" && f.DelayMilliseconds == 0:
		f.DelayMilliseconds = 1000
	case f.Name == "trickle" && f.DelayMilliseconds == 0:
		f.DelayMilliseconds = 100
	case f.Name == "throttle" && f.Minutes == 0:
		f.Minutes = 1
	case f.Name == "too-large" && f.Limit == 0:
		f.Limit = 5
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.Account != "" {
		if _, err := s.account(f.Account); err != nil {
			return "", err
		}
	}
	s.faults.count++
	f.ID = strconv.Itoa(s.faults.count)
	s.faults.active = append(s.faults.active, &activeFault{Fault: f, stage: FaultKinds[i].stage, left: f.Times, cleared: make(chan struct{})})
	s.note("fault", f.Account, f.ID, "Fault set: %s", f.Name)
	return f.ID, nil
}

// ClearFault ends a fault, or with an empty id all of them. Calls that hang in it
// lose their connection.
func (s *Sandbox) ClearFault(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear := func(f *activeFault) bool {
		if id != "" && f.ID != id {
			return false
		}
		close(f.cleared)
		return true
	}
	s.faults.active = slices.DeleteFunc(s.faults.active, clear)
	s.faults.spent = slices.DeleteFunc(s.faults.spent, clear)
	s.note("fault", "", id, "Faults cleared")
}

// ActiveFaults are the faults that still strike; Times is how often they still do.
func (s *Sandbox) ActiveFaults() []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []Fault{}
	for _, f := range s.faults.active {
		shown := f.Fault
		shown.Times = f.left
		list = append(list, shown)
	}
	return list
}

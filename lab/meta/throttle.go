package meta

import (
	"net/http"
	"time"
)

// meter is the limit that an operation counts for, and the error beyond it.
func (e endpoint) meter() (LimitKind, *refusal) {
	switch {
	case e.op == OpPrivateReply && e.comment != nil && e.comment.onLive():
		return LimitLive, errBurst
	case e.op == OpPrivateReply:
		return LimitPosts, e.account.either(errPageLimit, errInstagramLimit)
	case e.op == OpFollowUp:
		return LimitSends, errBurst
	case e.op == OpConversations || e.op == OpThreadReply:
		return LimitConversations, errConversations
	}
	return "", nil
}

// overLimit counts a call and says how Meta refuses it when it is one too many,
// and how long the account would have to be quiet.
func (s *Sandbox) overLimit(e endpoint, now time.Time) (*refusal, time.Duration) {
	if wait := s.appCalls.count(now); wait > 0 {
		return errAppLimit, wait
	}
	kind, refused := e.meter()
	if kind == "" {
		return nil, 0
	}
	if wait := e.account.meters[kind].count(now); wait > 0 {
		return refused, wait
	}
	return nil, 0
}

// throttle refuses a call. With the errors of 80000 and up a header says in how
// many minutes calls are welcome again.
func (s *Sandbox) throttle(c *call, e endpoint, r *refusal, wait int) answer {
	e.account.stats.throttled++
	s.noteRefusal(c, e, r)
	a := s.refuse(c, r)
	if r.code >= 80000 {
		setBusinessUsage(a.header, e.account, 100, wait)
	}
	return a
}

// usageShown is from how many percent on Meta shows a limit's use.
const usageShown = 10

// usage puts Meta's usage headers on an answer: percent of the limits, and minutes.
func (s *Sandbox) usage(h http.Header, a *account) {
	now := s.now()
	app := object{"call_count": s.appCalls.percent(now), "total_time": 0, "total_cputime": 0}
	h.Set("X-App-Usage", string(escapeJSON(app)))
	if h.Get(businessUsage) != "" {
		return
	}
	// Limits per second are no part of it: at the next second they are over.
	if used := a.meters[LimitPosts].percent(now); used >= usageShown {
		setBusinessUsage(h, a, used, 0)
	}
}

const businessUsage = "X-Business-Use-Case-Usage"

func setBusinessUsage(h http.Header, a *account, percent, wait int) {
	kind := "messenger"
	if a.instagram() {
		kind = "instagram"
	}
	h.Set(businessUsage, string(escapeJSON(map[string][]object{a.ID: {{
		"type": kind, "call_count": percent, "total_cputime": 0, "total_time": 0, "estimated_time_to_regain_access": wait,
	}}})))
}

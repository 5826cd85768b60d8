package meta

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"sort"
	"time"

	"github.com/privatereply/privatereply"
)

// Meta's periods: see meta-platform.md §3.4 to §3.6.
const (
	privateReplyPeriod = 7 * 24 * time.Hour
	standardWindow     = 24 * time.Hour
	humanAgentWindow   = 7 * 24 * time.Hour
)

// replyRefusal is the reason and the error with which Meta refuses a private reply to c
// now; a nil error allows it. On Instagram one error stands for most reasons.
func (s *Sandbox) replyRefusal(c *comment) (why string, r *graphError) {
	a := c.account
	switch {
	case c.isRemoved():
		return "it was removed", a.byPlatform(errMissing, errInvalidComment)
	case c.person == nil:
		return "the account wrote it itself", a.byPlatform(errCannotReplyTo, errInvalidComment)
	case c.person.state == PersonIsPage:
		return "a Page wrote it", a.byPlatform(errCannotReplyTo, errInvalidComment)
	case len(c.repliesDelivered) > 0:
		return "it has its one private reply", a.byPlatform(errAlreadyReplied, errInvalidComment)
	case c.onLive() && !c.post.live:
		return "the broadcast has ended", errInvalidComment
	case s.now().Sub(c.createdAt) >= privateReplyPeriod:
		return "it is older than 7 days", a.byPlatform(errReplyTime, errInvalidComment)
	}
	return "its author cannot be messaged", c.person.checkReachable()
}

// checkReply is Meta's error for a private reply to c now; nil allows it.
func (s *Sandbox) checkReply(c *comment) *graphError {
	_, r := s.replyRefusal(c)
	return r
}

// checkWindow is Meta's error for a message to p now; nil allows it. Only what the
// person wrote opens the window, a private reply does not.
func (s *Sandbox) checkWindow(p *person, humanAgent bool) *graphError {
	if refused := p.checkReachable(); refused != nil {
		return refused
	}
	period := standardWindow
	if humanAgent {
		period = humanAgentWindow
	}
	if p.wroteAt.IsZero() || s.now().Sub(p.wroteAt) >= period {
		return p.account.byPlatform(errWindow, errInstagramWindow)
	}
	return nil
}

// checkReachable is the error for a person whom no message reaches; nil for all others.
func (p *person) checkReachable() *graphError {
	switch p.state {
	case PersonUnavailable:
		return p.account.byPlatform(errUnavailable, errInstagramUnavailable)
	case PersonBlocked:
		return errBlockedByPerson
	case PersonWithOtherApp:
		return p.account.byPlatform(errOtherApp, errInstagramOtherApp)
	}
	return nil
}

// refusalReason describes for people why Meta refuses a private reply to c now; empty
// if it does not.
func (s *Sandbox) refusalReason(c *comment) string {
	why, r := s.replyRefusal(c)
	switch {
	case r == nil:
		return ""
	case r.subcode == 0:
		return fmt.Sprintf("%s (%d)", why, r.code)
	}
	return fmt.Sprintf("%s (%d/%d)", why, r.code, r.subcode)
}

// connection is a platform and the login it is connected with. It decides the names of
// the permissions.
type connection int

const (
	pageConnection connection = iota
	instagramByFacebook
	instagramByInstagram
)

func (a Account) connection() connection {
	switch {
	case !a.instagram():
		return pageConnection
	case a.ownLogin():
		return instagramByInstagram
	}
	return instagramByFacebook
}

// requiredPermissions are the permissions that each operation needs: meta-platform.md
// §8.
var requiredPermissions = map[connection]map[Operation][]string{
	pageConnection: {
		OpPrivateReply:  {"pages_messaging"},
		OpFollowUp:      {"pages_messaging"},
		OpThreadReply:   {"pages_messaging"},
		OpConversations: {"pages_messaging"},
		OpComment:       {"pages_read_engagement"},
		OpFeed:          {"pages_read_engagement"},

		OpCommentReplies: {"pages_read_engagement"},
		OpPublicReply:    {"pages_manage_engagement"},
		OpHide:           {"pages_manage_engagement"},
	},
	instagramByFacebook: {
		OpPrivateReply:  {"instagram_manage_comments", "pages_messaging"},
		OpFollowUp:      {"instagram_manage_messages"},
		OpConversations: {"instagram_manage_messages"},
		OpComment:       {"instagram_manage_comments"},
		OpFeed:          {"instagram_basic"},
		OpLiveMedia:     {"instagram_basic"},

		OpCommentReplies: {"instagram_manage_comments"},
		OpPublicReply:    {"instagram_manage_comments"},
		OpHide:           {"instagram_manage_comments"},
	},
	instagramByInstagram: {
		OpPrivateReply:  {"instagram_business_manage_comments"},
		OpFollowUp:      {"instagram_business_manage_messages"},
		OpConversations: {"instagram_business_manage_messages"},
		OpComment:       {"instagram_business_manage_comments"},
		OpFeed:          {"instagram_business_basic"},
		OpLiveMedia:     {"instagram_business_basic"},

		OpCommentReplies: {"instagram_business_manage_comments"},
		OpPublicReply:    {"instagram_business_manage_comments"},
		OpHide:           {"instagram_business_manage_comments"},
	},
}

// defaultPermissions are the permissions that a complete installation of the app has.
func defaultPermissions(o *owner) []string {
	if o.ownLogin {
		return []string{"instagram_business_basic", "instagram_business_manage_comments", "instagram_business_manage_messages"}
	}
	granted := []string{"pages_manage_engagement", "pages_manage_metadata", "pages_messaging", "pages_read_engagement", "pages_read_user_content", "pages_show_list"}
	if o.instagram != nil {
		granted = append(granted, "instagram_basic", "instagram_manage_comments", "instagram_manage_messages")
	}
	return granted
}

// checkPermission refuses what the token's permissions, and on a Page the tasks of its
// user, do not cover. A look-up without permission gets the answer for a missing
// object.
func (s *Sandbox) checkPermission(e endpoint) *graphError {
	if e.withoutPermission {
		return nil
	}
	o := e.account.owner
	if e.op.sends() && !o.ownLogin && !slices.Contains(o.tasks, "MESSAGING") {
		return errMessaging
	}
	if e.op.changesComments() && !e.account.instagram() && !slices.Contains(o.tasks, "MODERATE") {
		return errModerate
	}
	for _, needed := range requiredPermissions[e.account.connection()][e.op] {
		switch {
		case slices.Contains(o.permissions, needed):
		case e.op == OpPrivateReply && e.account.instagram():
			return errReplyPermission
		case e.op.sends():
			return errMessaging
		case e.op.changesComments() && !e.account.instagram():
			return errModerate
		case e.op == OpComment:
			return errMissing
		default:
			return errPermission
		}
	}
	return nil
}

// canReadUserContent reports whether the token may read the authors and texts of a
// Page's comments.
func (a *account) canReadUserContent() bool {
	return a.Platform != privatereply.Facebook || slices.Contains(a.owner.permissions, "pages_read_user_content")
}

// LimitKind is one of the rate limits of an account.
type LimitKind string

const (
	LimitPosts         LimitKind = "posts"
	LimitLive          LimitKind = "live"
	LimitSends         LimitKind = "sends"
	LimitConversations LimitKind = "conversations"
)

// limiter counts calls in a sliding window. Refused calls count as well, so a client
// that keeps calling while it is throttled stays throttled.
type limiter struct {
	limit int // 0 or less: none
	per   time.Duration
	calls []time.Time // a ring of the newest limit calls
	next  int
}

func newLimiter(limit, metaLimit int, per time.Duration) *limiter {
	if limit == 0 {
		limit = metaLimit
	}
	return &limiter{limit: limit, per: per}
}

// count counts a call and returns the time until the account is within its limit again;
// 0 if it is.
func (m *limiter) count(now time.Time) time.Duration {
	if m.limit <= 0 {
		return 0
	}
	if len(m.calls) < m.limit {
		m.calls = append(m.calls, now)
		return 0
	}
	oldest := m.calls[m.next]
	m.calls[m.next] = now
	m.next = (m.next + 1) % m.limit
	return max(0, m.per-now.Sub(oldest))
}

// percent is the used share of the limit at now.
func (m *limiter) percent(now time.Time) int {
	if m.limit <= 0 {
		return 0
	}
	n := len(m.calls)
	first := sort.Search(n, func(i int) bool {
		return now.Sub(m.calls[(m.next+i)%n]) < m.per
	})
	return (n - first) * 100 / m.limit
}

// ceilMinutes rounds up to whole minutes, the unit of estimated_time_to_regain_access.
func ceilMinutes(d time.Duration) int { return int(math.Ceil(d.Minutes())) }

// SetLimits replaces the limits of every account and forgets the calls counted so far.
func (s *Sandbox) SetLimits(l Limits) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.setLimits(l)
	s.logEvent("account", "", "", "The limits were changed: %+v", l)
}

// Limits returns the limits as they were set; a zero field stands for Meta's own
// number.
func (s *Sandbox) Limits() Limits {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cfg.Limits
}

// setLimits builds new limiters, with the numbers of meta-platform.md §5 for zero
// fields.
func (s *Sandbox) setLimits(l Limits) {
	s.cfg.Limits = l
	s.appCalls = newLimiter(l.AppPerHour, 0, time.Hour)
	for _, a := range append(s.accounts[:len(s.accounts):len(s.accounts)], s.nobody) {
		a.limiters = map[LimitKind]*limiter{
			LimitPosts:         newLimiter(l.PostsPerHour, 750, time.Hour),
			LimitLive:          newLimiter(l.LivePerSecond, 100, time.Second),
			LimitSends:         newLimiter(l.SendsPerSecond, 100, time.Second),
			LimitConversations: newLimiter(l.ConversationsPerSecond, 2, time.Second),
		}
	}
}

// limitKind is the limit that an operation counts for, with the error beyond it.
func (e endpoint) limitKind() (LimitKind, *graphError) {
	switch {
	case e.op == OpPrivateReply && e.comment != nil && e.comment.onLive():
		return LimitLive, errBurst
	case e.op == OpPrivateReply:
		return LimitPosts, e.account.byPlatform(errPageLimit, errInstagramLimit)
	case e.op == OpFollowUp:
		return LimitSends, errBurst
	case e.op == OpConversations || e.op == OpThreadReply:
		return LimitConversations, errConversations
	}
	return "", nil
}

// countCall counts a call for its limits. Beyond one it returns Meta's error and the
// time until the account is within the limit again.
func (s *Sandbox) countCall(e endpoint, now time.Time) (*graphError, time.Duration) {
	if wait := s.appCalls.count(now); wait > 0 {
		return errAppLimit, wait
	}
	kind, refused := e.limitKind()
	if kind == "" {
		return nil, 0
	}
	if wait := e.account.limiters[kind].count(now); wait > 0 {
		return refused, wait
	}
	return nil, 0
}

// throttledResponse refuses a call over a limit. With the errors of 80000 and up, a
// header carries the minutes until calls are allowed again.
func (s *Sandbox) throttledResponse(c *call, e endpoint, r *graphError, wait int) response {
	e.account.counters.throttled++
	s.logRefusal(c, e, r)
	a := s.errorResponse(c, r)
	if r.code >= 80000 {
		setBusinessUsageHeader(a.header, e.account, 100, wait)
	}
	return a
}

// minUsageShown is the lowest usage, in percent, that Meta's header reports.
const minUsageShown = 10

// setUsageHeaders sets Meta's usage headers: percent of the limits, and minutes until
// calls are allowed again.
func (s *Sandbox) setUsageHeaders(h http.Header, a *account) {
	now := s.now()
	app := object{"call_count": s.appCalls.percent(now), "total_time": 0, "total_cputime": 0}
	h.Set("X-App-Usage", string(encodeJSON(app)))
	if h.Get(businessUsageHeader) != "" {
		return
	}
	// Limits per second are no part of it: at the next second they are over.
	if used := a.limiters[LimitPosts].percent(now); used >= minUsageShown {
		setBusinessUsageHeader(h, a, used, 0)
	}
}

const businessUsageHeader = "X-Business-Use-Case-Usage"

func setBusinessUsageHeader(h http.Header, a *account, percent, wait int) {
	kind := "messenger"
	if a.instagram() {
		kind = "instagram"
	}
	h.Set(businessUsageHeader, string(encodeJSON(map[string][]object{a.ID: {{
		"type": kind, "call_count": percent, "total_cputime": 0, "total_time": 0, "estimated_time_to_regain_access": wait,
	}}})))
}

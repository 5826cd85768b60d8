package meta

import (
	"fmt"
	"time"
)

// Meta's periods: see meta-platform.md §3.4 to §3.6.
const (
	privateReplyPeriod = 7 * 24 * time.Hour
	standardWindow     = 24 * time.Hour
	humanAgentWindow   = 7 * 24 * time.Hour
)

// objection is why Meta refuses a private reply to c now, and with which error;
// nil is none. On Instagram one error stands for most reasons.
func (s *Sandbox) objection(c *comment) (why string, r *refusal) {
	a := c.account
	switch {
	case c.gone():
		return "it was removed", a.either(errMissing, errInvalidComment)
	case c.person == nil:
		return "the account wrote it itself", a.either(errCannotReplyTo, errInvalidComment)
	case c.person.state == PersonIsPage:
		return "a Page wrote it", a.either(errCannotReplyTo, errInvalidComment)
	case len(c.delivered) > 0:
		return "it has its one private reply", a.either(errAlreadyReplied, errInvalidComment)
	case c.onLive() && !c.post.live:
		return "the broadcast has ended", errInvalidComment
	case s.now().Sub(c.createdAt) >= privateReplyPeriod:
		return "it is older than 7 days", a.either(errReplyTime, errInvalidComment)
	}
	return "its author cannot be messaged", c.person.unreachable()
}

// verdict is what Meta says to a private reply to c now; nil is yes.
func (s *Sandbox) verdict(c *comment) *refusal {
	_, r := s.objection(c)
	return r
}

// windowVerdict is what Meta says to a message to p now. A private reply opens no
// window; what the person wrote does.
func (s *Sandbox) windowVerdict(p *person, humanAgent bool) *refusal {
	if refused := p.unreachable(); refused != nil {
		return refused
	}
	period := standardWindow
	if humanAgent {
		period = humanAgentWindow
	}
	if p.wroteAt.IsZero() || s.now().Sub(p.wroteAt) >= period {
		return p.account.either(errWindow, errInstagramWindow)
	}
	return nil
}

// unreachable is why no message reaches p; nil if one does.
func (p *person) unreachable() *refusal {
	switch p.state {
	case PersonUnavailable:
		return p.account.either(errUnavailable, errInstagramUnavailable)
	case PersonBlocked:
		return errBlockedByPerson
	case PersonWithOtherApp:
		return p.account.either(errOtherApp, errInstagramOtherApp)
	}
	return nil
}

// inWords says for people why Meta refuses a private reply to c now; "" is that it
// does not.
func (s *Sandbox) inWords(c *comment) string {
	why, r := s.objection(c)
	switch {
	case r == nil:
		return ""
	case r.subcode == 0:
		return fmt.Sprintf("%s (%d)", why, r.code)
	}
	return fmt.Sprintf("%s (%d/%d)", why, r.code, r.subcode)
}

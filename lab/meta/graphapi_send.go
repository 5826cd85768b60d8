package meta

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// sendRequest is the body of a call to a /messages edge.
type sendRequest struct {
	commentID, postID, personID string
	parts
	messagingType, tag string
}

// readSendRequest reads the parameters of a send. It refuses a recipient with no or
// several ids, and an id that is a JSON number: beyond 2^53 that would be another id.
func readSendRequest(params map[string]string) (sendRequest, *graphError) {
	var to map[string]any
	if json.Unmarshal([]byte(params["recipient"]), &to) != nil || len(to) != 1 {
		return sendRequest{}, errParameter("Param recipient must have exactly one of id, comment_id and post_id")
	}
	out := sendRequest{messagingType: params["messaging_type"], tag: params["tag"]}
	for name, into := range map[string]*string{"id": &out.personID, "comment_id": &out.commentID, "post_id": &out.postID} {
		if v, given := to[name]; given {
			id, isText := v.(string)
			if !isText || id == "" {
				return out, errParameter("Param recipient[" + name + "] must be a non-empty string")
			}
			*into = id
		}
	}
	if out.personID == "" && out.replyTarget() == "" {
		return out, errParameter("Param recipient must have exactly one of id, comment_id and post_id")
	}
	var refused *graphError
	out.parts, refused = readMessage(params["message"])
	return out, refused
}

// replyTarget is the id of the comment or visitor post that a private reply answers;
// empty for a follow-up.
func (r sendRequest) replyTarget() string { return r.commentID + r.postID }

// routeMessages decides whether a send is a private reply or a follow-up, and for which
// account of the owner it counts.
func (s *Sandbox) routeMessages(c *call) endpoint {
	req, refused := readSendRequest(c.params)
	e := endpoint{op: OpPrivateReply, account: c.owner.chargedAccount(), comment: s.findComment(req.replyTarget())}
	if e.comment != nil && (e.comment.account.owner != c.owner || e.comment.isVisitorPost != (req.postID != "")) {
		e.comment = nil
	}
	switch {
	case e.comment != nil:
		e.account = e.comment.account
	case req.replyTarget() != "" && c.owner.instagram != nil && !strings.Contains(req.replyTarget(), "_"):
		e.account = c.owner.instagram
	case req.personID != "":
		e.op, e.recipient = OpFollowUp, req.personID
		for _, a := range c.owner.accounts() {
			if a.byMessaging[req.personID] != nil {
				e.account = a
			}
		}
	}
	e.run = func() (any, *graphError) {
		if refused == nil {
			refused = s.checkSendRequest(c, e.account, req)
		}
		switch {
		case refused != nil:
			return nil, refused
		case e.op == OpFollowUp:
			return s.followUp(e.account, req)
		}
		return s.privateReply(e, req)
	}
	return e
}

// Meta's limits of a text: bytes of UTF-8 on Instagram; characters on Facebook,
// which does not say what a character is, so the stricter UTF-16 units count.
const (
	maxInstagramBytes = 1000
	maxFacebookUnits  = 2000
)

func checkText(a *account, text string) *graphError {
	if a.instagram() && len(text) > maxInstagramBytes {
		return errParameter(fmt.Sprintf("Length of param message[text] must be less than or equal to %d bytes", maxInstagramBytes))
	}
	if !a.instagram() && units(text) > maxFacebookUnits {
		return errParameter(fmt.Sprintf("Length of param message[text] must be less than or equal to %d", maxFacebookUnits))
	}
	return nil
}

// checkSendRequest checks the request itself, before its recipient.
func (s *Sandbox) checkSendRequest(c *call, a *account, req sendRequest) *graphError {
	if refused := checkParts(a, req.parts); refused != nil {
		return refused
	}
	types := []string{"", "RESPONSE", "UPDATE", "MESSAGE_TAG"}
	switch {
	case !slices.Contains(types, req.messagingType):
		return errParameter("Param messaging_type must be one of {RESPONSE, UPDATE, MESSAGE_TAG}")
	case req.messagingType == "" && req.personID != "" && !c.owner.ownLogin:
		return errParameter("The parameter messaging_type is required")
	case req.messagingType == "MESSAGE_TAG" && req.tag == "":
		return errParameter("The parameter tag is required with messaging_type MESSAGE_TAG")
	case req.tag != "" && req.tag != "HUMAN_AGENT":
		// CONFIRMED_EVENT_UPDATE, ACCOUNT_UPDATE and POST_PURCHASE_UPDATE since 27 April 2026.
		return errParameter("Param tag must be one of {HUMAN_AGENT}")
	case req.tag != "" && req.messagingType != "MESSAGE_TAG" && !c.owner.ownLogin:
		return errParameter("The parameter tag needs messaging_type MESSAGE_TAG")
	case req.tag != "" && !a.HumanAgent:
		return errHumanAgent
	case !c.owner.published:
		return errNotReplyable // the code is a guess; Meta only says that the Page must be published
	}
	return nil
}

// privateReply answers a comment or visitor post, if Meta's rules allow it.
func (s *Sandbox) privateReply(e endpoint, req sendRequest) (any, *graphError) {
	c := e.comment
	if c == nil {
		return nil, e.account.byPlatform(errMissing, errNoCommenter)
	}
	if refused := s.checkReply(c); refused != nil {
		return nil, refused
	}
	if refused := checkContent(c.account, req.parts); refused != nil {
		return nil, refused
	}
	m := s.deliverReply(c, req.parts, SenderAPI)
	return object{"recipient_id": c.person.messagingID, "message_id": m.id}, nil
}

// followUp sends a message to a person inside the messaging window.
func (s *Sandbox) followUp(a *account, req sendRequest) (any, *graphError) {
	p := a.byMessaging[req.personID]
	if p == nil {
		return nil, a.byPlatform(errNoPerson, errNoCommenter)
	}
	if refused := s.checkWindow(p, req.tag != ""); refused != nil {
		return nil, refused
	}
	m := s.deliverMessage(p, &message{sender: SenderAPI, kind: KindFollowUp, parts: req.parts, tag: req.tag})
	return object{"recipient_id": p.messagingID, "message_id": m.id}, nil
}

// replyInConversation is the older way to send a follow-up, by the conversation's id;
// Pages only.
func (s *Sandbox) replyInConversation(c *call, p *person) (any, *graphError) {
	text := c.params["message"]
	if strings.TrimSpace(text) == "" {
		return nil, errParameter("Param message must be a non-empty string")
	}
	if refused := checkText(p.account, text); refused != nil {
		return nil, refused
	}
	if refused := s.checkWindow(p, false); refused != nil {
		return nil, refused
	}
	m := s.deliverMessage(p, &message{sender: SenderAPI, kind: KindFollowUp, parts: parts{text: text}})
	return object{"id": m.id, "uuid": strings.TrimPrefix(newTraceID(), "A")}, nil
}

// deliverReply delivers the one private reply of c.
func (s *Sandbox) deliverReply(c *comment, content parts, by Sender) *message {
	m := s.deliverMessage(c.person, &message{sender: by, kind: KindPrivateReply, parts: content, commentID: c.id()})
	c.repliesDelivered = append(c.repliesDelivered, m)
	c.account.counters.answered++
	s.recent.comment(c)
	return m
}

// deliverMessage adds a message of the account to the person's conversation. Its
// webhooks are the echo and, if the settings want them, the person's receipts.
func (s *Sandbox) deliverMessage(p *person, m *message) *message {
	m.id, m.person, m.at = s.newMessageID(p.account.instagram()), p, s.now()
	s.appendMessage(m)
	p.account.counters.messages++
	if m.sender == SenderAPI && m.isRepeat() {
		p.account.counters.repeatedMessages++
	}
	s.logEvent("person", p.account.ID, m.id, "%s received a %s: %s", p.username, strings.ReplaceAll(m.kind, "_", " "), m.words())
	settings := s.outbox.settings()
	switch {
	case settings.Echo == EchoOff:
	case settings.Echo == EchoBefore && m.sender == SenderAPI:
		s.earlyEchoes = append(s.earlyEchoes, s.echoItem(m))
	default:
		s.publish(s.echoItem(m))
	}
	if settings.Receipts {
		s.publish(s.receiptItems(m)...)
	}
	return m
}

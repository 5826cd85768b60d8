package meta

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
)

// send is a request to a /messages edge.
type send struct {
	commentID, postID, personID string
	text                        string
	messagingType, tag          string
}

// readSend reads the parameters of a send. It refuses a recipient that names more
// or less than one thing, and an id that is a number: past 2^53 that is another id.
func readSend(params map[string]string) (send, *refusal) {
	var to map[string]any
	if json.Unmarshal([]byte(params["recipient"]), &to) != nil || len(to) != 1 {
		return send{}, badParameter("Param recipient must have exactly one of id, comment_id and post_id")
	}
	out := send{messagingType: params["messaging_type"], tag: params["tag"]}
	for name, into := range map[string]*string{"id": &out.personID, "comment_id": &out.commentID, "post_id": &out.postID} {
		if v, given := to[name]; given {
			id, isText := v.(string)
			if !isText || id == "" {
				return out, badParameter("Param recipient[" + name + "] must be a non-empty string")
			}
			*into = id
		}
	}
	if out.personID == "" && out.target() == "" {
		return out, badParameter("Param recipient must have exactly one of id, comment_id and post_id")
	}
	var message struct {
		Text string `json:"text"`
	}
	if json.Unmarshal([]byte(params["message"]), &message) != nil || strings.TrimSpace(message.Text) == "" {
		return out, badParameter("Param message must have a non-empty text")
	}
	out.text = message.Text
	return out, nil
}

func (r send) target() string { return r.commentID + r.postID }

// routeMessages finds out for which account of the owner a send counts, and which
// of the two kinds it is.
func (s *Sandbox) routeMessages(c *call) endpoint {
	req, refused := readSend(c.params)
	e := endpoint{op: OpPrivateReply, account: c.owner.any(), comment: s.find(req.target())}
	if e.comment != nil && (e.comment.account.owner != c.owner || e.comment.visitor != (req.postID != "")) {
		e.comment = nil
	}
	switch {
	case e.comment != nil:
		e.account = e.comment.account
	case req.target() != "" && c.owner.instagram != nil && !strings.Contains(req.target(), "_"):
		e.account = c.owner.instagram
	case req.personID != "":
		e.op, e.recipient = OpFollowUp, req.personID
		for _, a := range c.owner.accounts() {
			if a.byMessaging[req.personID] != nil {
				e.account = a
			}
		}
	}
	e.run = func() (any, *refusal) {
		if refused == nil {
			refused = s.checkSend(c, e.account, req)
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
	instagramBytes = 1000
	facebookUnits  = 2000
)

func checkText(a *account, text string) *refusal {
	if a.instagram() && len(text) > instagramBytes {
		return badParameter(fmt.Sprintf("Length of param message[text] must be less than or equal to %d bytes", instagramBytes))
	}
	if !a.instagram() && len(utf16.Encode([]rune(text))) > facebookUnits {
		return badParameter(fmt.Sprintf("Length of param message[text] must be less than or equal to %d", facebookUnits))
	}
	return nil
}

// checkSend keeps the rules about the request itself.
func (s *Sandbox) checkSend(c *call, a *account, req send) *refusal {
	if refused := checkText(a, req.text); refused != nil {
		return refused
	}
	types := []string{"", "RESPONSE", "UPDATE", "MESSAGE_TAG"}
	switch {
	case !slices.Contains(types, req.messagingType):
		return badParameter("Param messaging_type must be one of {RESPONSE, UPDATE, MESSAGE_TAG}")
	case req.messagingType == "" && req.personID != "" && !c.owner.ownLogin:
		return badParameter("The parameter messaging_type is required")
	case req.messagingType == "MESSAGE_TAG" && req.tag == "":
		return badParameter("The parameter tag is required with messaging_type MESSAGE_TAG")
	case req.tag != "" && req.tag != "HUMAN_AGENT":
		// CONFIRMED_EVENT_UPDATE, ACCOUNT_UPDATE and POST_PURCHASE_UPDATE since 27 April 2026.
		return badParameter("Param tag must be one of {HUMAN_AGENT}")
	case req.tag != "" && req.messagingType != "MESSAGE_TAG" && !c.owner.ownLogin:
		return badParameter("The parameter tag needs messaging_type MESSAGE_TAG")
	case req.tag != "" && !a.HumanAgent:
		return errHumanAgent
	case !c.owner.published:
		return errNotReplyable // the code is a guess; Meta only says that the Page must be published
	}
	return nil
}

// privateReply answers a comment or visitor post: once, in time, if it can be.
func (s *Sandbox) privateReply(e endpoint, req send) (any, *refusal) {
	c := e.comment
	if c == nil {
		return nil, e.account.either(errMissing, errNoCommenter)
	}
	if refused := s.verdict(c); refused != nil {
		return nil, refused
	}
	m := s.deliverReply(c, req.text, SenderAPI)
	return object{"recipient_id": c.person.messagingID, "message_id": m.id}, nil
}

// followUp sends to a person, who must have written.
func (s *Sandbox) followUp(a *account, req send) (any, *refusal) {
	p := a.byMessaging[req.personID]
	if p == nil {
		return nil, a.either(errNoPerson, errNoCommenter)
	}
	if refused := s.windowVerdict(p, req.tag != ""); refused != nil {
		return nil, refused
	}
	m := s.send(p, &message{by: SenderAPI, kind: KindFollowUp, text: req.text, tag: req.tag})
	return object{"recipient_id": p.messagingID, "message_id": m.id}, nil
}

// threadReply is the older way into a conversation, by its id; Pages only.
func (s *Sandbox) threadReply(c *call, p *person) (any, *refusal) {
	text := c.params["message"]
	if strings.TrimSpace(text) == "" {
		return nil, badParameter("Param message must be a non-empty string")
	}
	if refused := checkText(p.account, text); refused != nil {
		return nil, refused
	}
	if refused := s.windowVerdict(p, false); refused != nil {
		return nil, refused
	}
	m := s.send(p, &message{by: SenderAPI, kind: KindFollowUp, text: text})
	return object{"id": m.id, "uuid": strings.TrimPrefix(traceID(), "A")}, nil
}

// deliverReply uses up the one private reply of c.
func (s *Sandbox) deliverReply(c *comment, text string, by Sender) *message {
	m := s.send(c.person, &message{by: by, kind: KindPrivateReply, text: text, commentID: c.id()})
	c.delivered = append(c.delivered, m)
	c.account.stats.answered++
	s.recent.comment(c)
	return m
}

// send puts a message of the account into the person's conversation. The webhooks
// about it are its echo and, if they are wanted, the person's receipts.
func (s *Sandbox) send(p *person, m *message) *message {
	m.id, m.person, m.at = s.messageID(p.account.instagram()), p, s.now()
	s.record(m)
	p.account.stats.messages++
	s.note("person", p.account.ID, m.id, "%s received a %s: %s", p.username, strings.ReplaceAll(m.kind, "_", " "), m.text)
	settings := s.outbox.settings()
	switch {
	case settings.Echo == EchoOff:
	case settings.Echo == EchoBefore && m.by == SenderAPI:
		s.early = append(s.early, s.echoItem(m))
	default:
		s.publish(s.echoItem(m))
	}
	if settings.Receipts {
		s.publish(s.receiptItems(m)...)
	}
	return m
}

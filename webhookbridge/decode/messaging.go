package decode

import (
	"cmp"
	"strings"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/metajson"
)

// messaging decodes one item of "messaging" or "standby". Only what the person did
// to say something counts. Echoes are told by is_echo, because there are echoes
// whose sender is not the account.
func (e entry) messaging(raw metajson.Value) privatereply.Event {
	if !raw.IsObject() {
		return ignored(Malformed, "")
	}
	m := privatereply.PersonMessage{Platform: e.platform, Account: e.account.ID, ReceivedAt: e.receivedAt}
	at := e.at
	var said, self, byEdit bool
	var not, other string
	var edit metajson.Value
	for key, v := range raw.Fields() {
		switch string(key) {
		case "sender":
			m.PersonID, _ = readAuthor(v, "")
		case "timestamp":
			if t := v.Time(); !t.IsZero() {
				at = t
			}
		case "is_self":
			self = v.IsTrue()
		case "message":
			m.MessageID, not = readMessage(v)
			said = not == ""
		case "message_edit":
			edit = v
		case "postback":
			m.MessageID, said = readMessageID(v), v.IsObject()
		default:
			other = cmp.Or(otherMessagingReason(string(key)), other)
		}
	}
	// What was edited no times is a new message, told of in this shape alone or beside
	// "message", with the same id; often without saying who wrote it.
	if !said && not == "" && editCount(edit) == "0" {
		m.MessageID, not = readMessage(edit)
		said, byEdit = not == "", true
	} else if edit != nil {
		other = cmp.Or(other, Edited)
	}
	// The item's own time counts. Where it has none, the time at which Meta sent the
	// entry stands in: a late redelivery must not open a window that has closed.
	m.At = privatereply.MessageTime(at, e.receivedAt)
	switch {
	case !said:
		return ignored(cmp.Or(not, other, OtherMessaging), m.MessageID)
	case self || e.account.IsSelf(m.PersonID):
		return ignored(SelfMessage, m.MessageID)
	case m.PersonID == "" && !byEdit && e.known: // a chat on a web site has such messages
		return ignored(NoUsableID, m.MessageID)
	}
	return privatereply.Event{Message: &m}
}

// readMessage reads a message's id and why it does not count, if it does not. What
// Meta cannot show (is_unsupported) was said all the same.
func readMessage(raw metajson.Value) (id, not string) {
	var echo, self, deleted bool
	for key, v := range raw.Fields() {
		switch string(key) {
		case "mid":
			id = v.ID(maxMessageID)
		case "is_echo":
			echo = v.IsTrue()
		case "is_self":
			self = v.IsTrue()
		case "is_deleted":
			deleted = v.IsTrue()
		}
	}
	switch {
	case !raw.IsObject():
		return id, Malformed
	case self:
		return id, SelfMessage
	case echo:
		return id, Echo
	case deleted:
		return id, DeletedMessage
	}
	return id, ""
}

// editCount is how often a message was edited, as Meta writes it: a number, or that
// number as a string.
func editCount(edit metajson.Value) string {
	var times string
	for key, v := range edit.Fields() {
		if string(key) == "num_edit" {
			times = v.ID(maxID)
		}
	}
	return times
}

func readMessageID(raw metajson.Value) string {
	var id string
	for key, v := range raw.Fields() {
		if string(key) == "mid" {
			id = v.ID(maxMessageID)
		}
	}
	return id
}

// otherMessagingReason says what kind of item has the member key, or nothing.
func otherMessagingReason(key string) string {
	switch {
	case key == "reaction":
		return Reaction
	case key == "read" || key == "delivery":
		return MessageReceipt
	case key == "referral":
		return Referral
	case key == "optin":
		return OptIn
	case key == "app_roles" || strings.HasSuffix(key, "_thread_control"):
		return Handover
	case key == "policy-enforcement" || key == "policy_enforcement":
		return Policy
	}
	return ""
}

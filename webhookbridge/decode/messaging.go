package decode

import (
	"cmp"
	"strings"

	"github.com/privatereply/privatereply"
)

// messaging decodes one item of "messaging" or "standby". Only what the person did
// to say something counts. Echoes are told by is_echo, because there are echoes
// whose sender is not the account.
func (e entry) messaging(raw value) privatereply.Event {
	if !raw.isObject() {
		return ignored(Malformed, "")
	}
	m := privatereply.PersonMessage{Platform: e.platform, Account: e.account.ID, ReceivedAt: e.receivedAt}
	at := e.at
	var said, self, byEdit bool
	var not, other string
	var edit value
	for key, v := range raw.fields() {
		switch string(key) {
		case "sender":
			m.PersonID, _ = author(v, "")
		case "timestamp":
			if t := v.time(); !t.IsZero() {
				at = t
			}
		case "is_self":
			self = v.yes()
		case "message":
			m.MessageID, not = message(v)
			said = not == ""
		case "message_edit":
			edit = v
		case "postback":
			m.MessageID, said = messageID(v), v.isObject()
		default:
			other = cmp.Or(otherMessaging(string(key)), other)
		}
	}
	// What was edited no times is a new message, told of in this shape alone or beside
	// "message", with the same id; often without saying who wrote it.
	if !said && not == "" && editedTimes(edit) == "0" {
		m.MessageID, not = message(edit)
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

// message reads a message's id and why it does not count, if it does not. What
// Meta cannot show (is_unsupported) was said all the same.
func message(raw value) (id, not string) {
	var echo, self, deleted bool
	for key, v := range raw.fields() {
		switch string(key) {
		case "mid":
			id = v.id(maxMessageID)
		case "is_echo":
			echo = v.yes()
		case "is_self":
			self = v.yes()
		case "is_deleted":
			deleted = v.yes()
		}
	}
	switch {
	case !raw.isObject():
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

// editedTimes is how often a message was edited, as Meta writes it: a number, or that
// number as a string.
func editedTimes(edit value) string {
	var times string
	for key, v := range edit.fields() {
		if string(key) == "num_edit" {
			times = v.id(maxID)
		}
	}
	return times
}

func messageID(raw value) string {
	var id string
	for key, v := range raw.fields() {
		if string(key) == "mid" {
			id = v.id(maxMessageID)
		}
	}
	return id
}

// otherMessaging says what kind of item has the member key, or nothing.
func otherMessaging(key string) string {
	switch {
	case key == "reaction":
		return Reaction
	case key == "read" || key == "delivery":
		return Receipt
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

package decode

import (
	"cmp"
	"strings"
	"unicode/utf8"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/metajson"
)

// decodeMessaging decodes one item of "messaging" or "standby". Only a message or a
// postback of the person counts. Echoes are recognised by is_echo, because the sender of
// some is not the account.
func (e entry) decodeMessaging(raw metajson.Value) privatereply.Event {
	if !raw.IsObject() {
		return ignored(Malformed, "")
	}
	m := privatereply.PersonMessage{Platform: e.platform, Account: e.account.ID, ReceivedAt: e.receivedAt}
	at := e.at
	var counts, self, byEdit bool
	var reason, otherReason string
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
			m.MessageID, reason = readMessage(v)
			m.Payload = readQuickReply(v)
			counts = reason == ""
		case "message_edit":
			edit = v
		case "postback":
			m.MessageID, m.Payload, counts = readMessageID(v), readPayload(v), v.IsObject()
		default:
			otherReason = cmp.Or(otherMessagingReason(string(key)), otherReason)
		}
	}
	// A message that was edited no times is a new one. Meta sends it in this shape alone or
	// beside "message", with the same id, and often without the sender.
	if !counts && reason == "" && editCount(edit) == "0" {
		m.MessageID, reason = readMessage(edit)
		m.Payload = readQuickReply(edit)
		counts, byEdit = reason == "", true
	} else if edit != nil {
		otherReason = cmp.Or(otherReason, Edited)
	}
	// Without a time of the item, the time at which Meta sent the entry is used: a late
	// redelivery must not open a window that has closed.
	m.At = privatereply.MessageTime(at, e.receivedAt)
	switch {
	case !counts:
		return ignored(cmp.Or(reason, otherReason, OtherMessaging), m.MessageID)
	case self || e.account.IsSelf(m.PersonID):
		return ignored(SelfMessage, m.MessageID)
	case m.PersonID == "" && !byEdit && e.known: // a chat on a web site has such messages
		return ignored(NoUsableID, m.MessageID)
	}
	return privatereply.Event{Message: &m}
}

// readMessage reads a message's id, and the reason if it does not count. A message that
// Meta cannot show (is_unsupported) counts.
func readMessage(raw metajson.Value) (id, reason string) {
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

// editCount is how often a message was edited, in digits; empty if Meta does not say.
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

// readPayload reads the payload of the button or quick reply that the person tapped: raw is
// the "postback" or the "quick_reply". One longer than Meta takes is none: what is left of it
// could be the payload of another.
func readPayload(raw metajson.Value) string {
	var payload string
	for key, v := range raw.Fields() {
		if string(key) == "payload" {
			payload = v.Text()
		}
	}
	if utf8.RuneCountInString(payload) > privatereply.MaxPayloadChars {
		return ""
	}
	return payload
}

// readQuickReply reads the payload of the quick reply that a message is.
func readQuickReply(message metajson.Value) string {
	var payload string
	for key, v := range message.Fields() {
		if string(key) == "quick_reply" {
			payload = readPayload(v)
		}
	}
	return payload
}

// otherMessagingReason is why an item with the member key is ignored; empty for a member
// that decides nothing.
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

package meta

import (
	"encoding/json"
	"time"
)

// messagingItem is one element of messaging[] or standby[].
type messagingItem struct {
	Sender      *party       `json:"sender,omitempty"`
	Recipient   *party       `json:"recipient,omitempty"`
	Timestamp   int64        `json:"timestamp"` // milliseconds
	Message     *messageBody `json:"message,omitempty"`
	Postback    *postback    `json:"postback,omitempty"`
	Reaction    *reaction    `json:"reaction,omitempty"`
	Read        *receipt     `json:"read,omitempty"`
	Delivery    *receipt     `json:"delivery,omitempty"`
	MessageEdit *messageEdit `json:"message_edit,omitempty"`
}

type party struct {
	ID string `json:"id"`
}

type messageBody struct {
	MID        string      `json:"mid"`
	Text       string      `json:"text,omitempty"`
	QuickReply *quickReply `json:"quick_reply,omitempty"`
	ReplyTo    *replyTo    `json:"reply_to,omitempty"`
	IsEcho     bool        `json:"is_echo,omitempty"`
	IsDeleted  bool        `json:"is_deleted,omitempty"`
	AppID      json.Number `json:"app_id,omitempty"`
}

type quickReply struct {
	Payload string `json:"payload"`
}

type replyTo struct {
	Story *story `json:"story,omitempty"`
}

type story struct {
	URL string `json:"url"`
	ID  string `json:"id"`
}

type postback struct {
	MID     string `json:"mid"`
	Title   string `json:"title"`
	Payload string `json:"payload"`
}

type reaction struct {
	MID      string `json:"mid"`
	Action   string `json:"action"`
	Reaction string `json:"reaction"`
	Emoji    string `json:"emoji"`
}

// receipt is a read receipt (mid on Instagram, watermark on Messenger) or a
// delivery receipt.
type receipt struct {
	MID       string   `json:"mid,omitempty"`
	MIDs      []string `json:"mids,omitempty"`
	Watermark int64    `json:"watermark,omitempty"`
}

type messageEdit struct {
	MID     string `json:"mid"`
	Text    string `json:"text,omitempty"`
	NumEdit int    `json:"num_edit"`
}

// fromPerson is an item that a person caused; its sender is the person.
func (s *Sandbox) fromPerson(p *person, field string, at time.Time, v messagingItem) webhookItem {
	v.Sender, v.Recipient, v.Timestamp = &party{p.messagingID}, &party{p.account.ID}, at.UnixMilli()
	it := s.item(p.account, field, p.messagingID, p.username, &v)
	it.place = inMessaging
	if p.state == PersonWithOtherApp {
		it.place = inStandby
	}
	return it
}

// echoItem is how a message of the account comes back, whoever sent it.
func (s *Sandbox) echoItem(m *message) webhookItem {
	p := m.person
	v := messagingItem{
		Sender: &party{p.account.ID}, Recipient: &party{p.messagingID}, Timestamp: m.at.UnixMilli(),
		Message: &messageBody{MID: m.id, Text: m.text, IsEcho: true},
	}
	field := "messages"
	if !p.account.instagram() {
		field = "message_echoes"
		v.Message.AppID = appID
		if m.by == SenderHuman {
			v.Message.AppID = inboxAppID
		}
	}
	it := s.item(p.account, field, m.id, p.username, &v)
	it.place = inMessaging
	return it
}

// receiptItems say that a message arrived and was read. Instagram has no delivery
// receipts.
func (s *Sandbox) receiptItems(m *message) []webhookItem {
	p := m.person
	if p.account.instagram() {
		return []webhookItem{s.fromPerson(p, "messaging_seen", m.at, messagingItem{Read: &receipt{MID: m.id}})}
	}
	watermark := m.at.UnixMilli()
	return []webhookItem{
		s.fromPerson(p, "message_deliveries", m.at, messagingItem{Delivery: &receipt{MIDs: []string{m.id}, Watermark: watermark}}),
		s.fromPerson(p, "message_reads", m.at, messagingItem{Read: &receipt{Watermark: watermark}}),
	}
}

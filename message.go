package privatereply

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Message is what one send brings to a person: a text, and what they can tap under it.
type Message struct {
	Text         string       `json:"text"`
	Buttons      []Button     `json:"buttons,omitempty"`
	QuickReplies []QuickReply `json:"quick_replies,omitempty"`
}

// Button stands under a text. It opens URL, or a tap on it sends Then: it has exactly one
// of them.
type Button struct {
	Title string `json:"title"`
	URL   string `json:"url,omitempty"`
	Then  string `json:"then,omitempty"`
}

// QuickReply is an answer that the person can give with one tap; afterwards all of them are
// gone. Then is the text that the tap sends; empty: somebody reads the answer.
type QuickReply struct {
	Title string `json:"title"`
	Then  string `json:"then,omitempty"`
}

// Limits of what a message has beside its text, the same on both platforms: Meta's pages on
// the button template and on quick replies. A title is counted in characters.
const (
	MaxButtons      = 3
	MaxQuickReplies = 13
	MaxTitleChars   = 20
	MaxButtonsText  = 640 // characters of a text that has buttons
	maxButtonURL    = 2000
)

// MessageRequestsRemark is what people must know who choose quick replies for Instagram.
const MessageRequestsRemark = "Instagram does not show quick replies in the Message Requests folder, where the message lands unless the person follows the account; buttons are shown there."

// ErrMessage says that a message cannot be sent because of what it has beside its text.
var ErrMessage = errors.New("message cannot be sent")

// Plain reports whether m is nothing but a text.
func (m Message) Plain() bool { return len(m.Buttons) == 0 && len(m.QuickReplies) == 0 }

// CheckMessage refuses a message over the limits of l. Its errors begin with the field.
func (l Limits) CheckMessage(p Platform, m Message) error {
	if err := l.CheckText(p, m.Text); err != nil {
		return fmt.Errorf("text: %w", err)
	}
	return l.CheckParts(p, m)
}

// CheckParts is CheckMessage of a message whose text may still be missing.
func (l Limits) CheckParts(p Platform, m Message) error {
	if n := len(m.Buttons); n > MaxButtons {
		return fmt.Errorf("buttons: %w: there are %d; at most %d", ErrMessage, n, MaxButtons)
	}
	if n := len(m.QuickReplies); n > MaxQuickReplies {
		return fmt.Errorf("quick_replies: %w: there are %d; at most %d", ErrMessage, n, MaxQuickReplies)
	}
	if p == Instagram && len(m.Buttons) > 0 && len(m.QuickReplies) > 0 {
		return fmt.Errorf("quick_replies: %w: Instagram shows buttons or quick replies, not both; leave one of them out", ErrMessage)
	}
	if n := utf8.RuneCountInString(m.Text); len(m.Buttons) > 0 && n > MaxButtonsText {
		return fmt.Errorf("text: %w: it has %d characters; with buttons at most %d", ErrText, n, MaxButtonsText)
	}
	titles := map[string]bool{}
	for i, b := range m.Buttons {
		field := fmt.Sprintf("buttons[%d]", i)
		if err := l.checkTitle(field, b.Title, titles); err != nil {
			return err
		}
		switch {
		case (b.URL == "") == (b.Then == ""):
			return fmt.Errorf("%s: %w: give it either a url to open or then, the text that a tap sends", field, ErrMessage)
		case b.URL != "" && !IsButtonURL(b.URL):
			return fmt.Errorf("%s.url: %w: %s is not an address that a button may open; write one that begins with https://", field, ErrMessage, strconv.Quote(CutText(b.URL, 60)))
		}
		if err := l.checkThen(p, field, b.Then); err != nil {
			return err
		}
	}
	for i, q := range m.QuickReplies {
		field := fmt.Sprintf("quick_replies[%d]", i)
		if err := l.checkTitle(field, q.Title, titles); err != nil {
			return err
		}
		if err := l.checkThen(p, field, q.Then); err != nil {
			return err
		}
	}
	return nil
}

func (l Limits) checkTitle(field, title string, seen map[string]bool) error {
	n := utf8.RuneCountInString(title)
	switch {
	case strings.TrimSpace(title) == "":
		return fmt.Errorf("%s.title: %w: it is empty; write what the person reads on it", field, ErrMessage)
	case n > MaxTitleChars:
		return fmt.Errorf("%s.title: %w: %q has %d characters; at most %d", field, ErrMessage, CutText(title, 60), n, MaxTitleChars)
	case !utf8.ValidString(title) || strings.ContainsFunc(title, unicode.IsControl):
		return fmt.Errorf("%s.title: %w: it has a character that cannot be shown", field, ErrMessage)
	case seen[title]:
		return fmt.Errorf("%s.title: %w: %q stands there twice; nobody could tell them apart", field, ErrMessage, title)
	}
	seen[title] = true
	return nil
}

func (l Limits) checkThen(p Platform, field, then string) error {
	if then == "" {
		return nil
	}
	if err := l.CheckText(p, then); err != nil {
		return fmt.Errorf("%s.then: %w", field, err)
	}
	return nil
}

// IsButtonURL reports whether a button may open address: an absolute https URL without a
// user.
func IsButtonURL(address string) bool {
	if len(address) > maxButtonURL || strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return false
	}
	u, err := url.Parse(address)
	return err == nil && u.Scheme == "https" && u.Hostname() != "" && u.User == nil
}

// publicTextLimits are the longest public replies, in characters. Meta publishes none; these
// are what people have met.
var publicTextLimits = map[Platform]int{Instagram: 2200, Facebook: 8000}

// CheckPublicText refuses a public reply that could not be posted; none is fine.
func CheckPublicText(p Platform, text string) error {
	if text == "" {
		return nil
	}
	if err := checkCharacters(text); err != nil {
		return err
	}
	if n, limit := utf8.RuneCountInString(text), publicTextLimits[p]; limit > 0 && n > limit {
		return fmt.Errorf("%w: it has %d characters; a comment on %s has at most %d", ErrText, n, p.Facts().Name, limit)
	}
	return nil
}

// Tap is something in a message that a person can tap and Meta reports. Payload is what
// Meta sends back; it is never shown.
type Tap struct {
	Payload string `json:"payload"`
	Title   string `json:"title"`
	Then    string `json:"then,omitempty"`
}

// payloadPrefix begins every payload that this product writes.
const payloadPrefix = "privatereply:"

// MaxPayloadChars is the longest payload that Meta takes.
const MaxPayloadChars = 1000

// Taps are what of m can be tapped and is reported, buttons first: a button that opens a
// URL is not. Key tells the messages of an account apart: TapKey, or one of a conversation.
func (m Message) Taps(key string) []Tap {
	var taps []Tap
	for i, b := range m.Buttons {
		if b.URL == "" {
			taps = append(taps, Tap{fmt.Sprintf("%s%s:b%d", payloadPrefix, key, i), b.Title, b.Then})
		}
	}
	for i, q := range m.QuickReplies {
		taps = append(taps, Tap{fmt.Sprintf("%s%s:q%d", payloadPrefix, key, i), q.Title, q.Then})
	}
	return taps
}

// TapKey is the key of the taps of the private reply to c: its canonical id.
func (c Comment) TapKey() string {
	id, err := ReplyID(c)
	if err != nil {
		return c.TargetID()
	}
	return id[strings.LastIndexByte(id, ':')+1:]
}

// PayloadKey is the key in a payload that this product wrote; empty if it did not.
func PayloadKey(payload string) string {
	rest, ok := strings.CutPrefix(payload, payloadPrefix)
	i := strings.LastIndexByte(rest, ':')
	if !ok || i < 0 {
		return ""
	}
	return rest[:i]
}

// ProposalSHA256 is the SHA-256, in hex, of all that an approver reads of a proposal: of
// the text alone where there is nothing else.
func ProposalSHA256(m Message, publicText string) string {
	if m.Plain() && publicText == "" {
		return TextSHA256(m.Text)
	}
	b, _ := json.Marshal(struct { // never fails for strings
		Message
		PublicText string `json:"public_text,omitempty"`
	}{m, publicText})
	return TextSHA256(string(b))
}

package meta

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf16"
)

// Button stands under a message of the account: it opens URL, or a tap on it is reported
// with Payload.
type Button struct {
	Title   string `json:"title"`
	URL     string `json:"url,omitempty"`
	Payload string `json:"payload,omitempty"`
}

// QuickReply is an answer that the account offers; a tap on it is reported with Payload.
type QuickReply struct {
	Title   string `json:"title"`
	Payload string `json:"payload"`
}

// parts are what a message of the account brings.
type parts struct {
	text         string
	buttons      []Button
	quickReplies []QuickReply
}

func (p parts) plain() bool { return len(p.buttons) == 0 && len(p.quickReplies) == 0 }

// words are the parts in one line, to compare messages and to show them.
func (p parts) words() string {
	out := p.text
	for _, b := range p.buttons {
		out += " [" + b.Title + "]"
	}
	for _, q := range p.quickReplies {
		out += " (" + q.Title + ")"
	}
	return out
}

// Meta's limits of what stands beside a text: meta-platform-2.md §3.1. A character is a
// UTF-16 unit, the strictest count.
const (
	maxButtons       = 3
	maxQuickReplies  = 13
	maxTitleUnits    = 20
	maxTemplateUnits = 640
	maxPayloadUnits  = 1000
)

func units(text string) int { return len(utf16.Encode([]rune(text))) }

// sentMessage is the parameter "message" of a send.
type sentMessage struct {
	Text       string `json:"text"`
	Attachment *struct {
		Type    string `json:"type"`
		Payload struct {
			TemplateType string       `json:"template_type"`
			Text         string       `json:"text"`
			Buttons      []sentButton `json:"buttons"`
		} `json:"payload"`
	} `json:"attachment"`
	QuickReplies []struct {
		ContentType string `json:"content_type"`
		Title       string `json:"title"`
		Payload     string `json:"payload"`
	} `json:"quick_replies"`
}

type sentButton struct {
	Type    string `json:"type"`
	Title   string `json:"title"`
	URL     string `json:"url"`
	Payload string `json:"payload"`
}

// readMessage reads the parameter "message" of a send: a text, or a button template, and
// quick replies beside them.
func readMessage(param string) (parts, *graphError) {
	var in sentMessage
	if err := json.Unmarshal([]byte(param), &in); err != nil {
		return parts{}, errParameter("Param message must be an object with a text or an attachment")
	}
	out := parts{text: in.Text}
	switch {
	case in.Attachment != nil && in.Text != "":
		return out, errParameter("Param message must not have both a text and an attachment")
	case in.Attachment != nil:
		a := in.Attachment
		if a.Type != "template" || a.Payload.TemplateType != "button" {
			return out, errParameter("Param message[attachment] must be a template with template_type button: the sandbox knows no other")
		}
		out.text = a.Payload.Text
		if strings.TrimSpace(out.text) == "" || units(out.text) > maxTemplateUnits {
			return out, errParameter(fmt.Sprintf("Length of param message[attachment][payload][text] must be from 1 to %d", maxTemplateUnits))
		}
		if n := len(a.Payload.Buttons); n < 1 || n > maxButtons {
			return out, errParameter(fmt.Sprintf("Param message[attachment][payload][buttons] must have from 1 to %d elements", maxButtons))
		}
		for i, b := range a.Payload.Buttons {
			button, refused := readButton(i, b)
			if refused != nil {
				return out, refused
			}
			out.buttons = append(out.buttons, button)
		}
	case strings.TrimSpace(in.Text) == "":
		return out, errParameter("Param message must have a non-empty text")
	}
	if len(in.QuickReplies) > maxQuickReplies {
		return out, errParameter(fmt.Sprintf("Param message[quick_replies] must have at most %d elements", maxQuickReplies))
	}
	for i, q := range in.QuickReplies {
		name := fmt.Sprintf("Param message[quick_replies][%d]", i)
		switch {
		case q.ContentType != "text": // those of phone numbers and mail addresses have ended on Instagram
			return out, errParameter(name + "[content_type] must be text")
		case strings.TrimSpace(q.Title) == "":
			return out, errParameter(name + "[title] must be non-empty")
		case q.Payload == "" || units(q.Payload) > maxPayloadUnits:
			return out, errParameter(fmt.Sprintf("%s[payload] must have from 1 to %d characters", name, maxPayloadUnits))
		}
		out.quickReplies = append(out.quickReplies, QuickReply{cutTitle(q.Title), q.Payload})
	}
	return out, nil
}

func readButton(i int, b sentButton) (Button, *graphError) {
	name := fmt.Sprintf("Param message[attachment][payload][buttons][%d]", i)
	if strings.TrimSpace(b.Title) == "" || units(b.Title) > maxTitleUnits {
		return Button{}, errParameter(fmt.Sprintf("%s[title] must have from 1 to %d characters", name, maxTitleUnits))
	}
	switch b.Type {
	case "postback":
		switch {
		case b.Payload == "" || units(b.Payload) > maxPayloadUnits:
			return Button{}, errParameter(fmt.Sprintf("%s[payload] must have from 1 to %d characters", name, maxPayloadUnits))
		case b.URL != "":
			return Button{}, errParameter(name + "[url] is not allowed with the type postback")
		}
		return Button{Title: b.Title, Payload: b.Payload}, nil
	case "web_url":
		u, err := url.Parse(b.URL)
		switch {
		case err != nil || u.Scheme != "https" || u.Host == "":
			return Button{}, errParameter(name + "[url] must be an https address")
		case b.Payload != "":
			return Button{}, errParameter(name + "[payload] is not allowed with the type web_url")
		}
		return Button{Title: b.Title, URL: b.URL}, nil
	}
	return Button{}, errParameter(name + "[type] must be one of {postback, web_url}")
}

// cutTitle cuts the title of a quick reply, as Meta does without a word.
func cutTitle(title string) string {
	kept := 0
	for i, r := range title {
		if kept += units(string(r)); kept > maxTitleUnits {
			return title[:i]
		}
	}
	return title
}

// checkParts checks what depends on the account, before the recipient.
func checkParts(a *account, p parts) *graphError {
	if a.instagram() && len(p.buttons) > 0 && len(p.quickReplies) > 0 {
		return errParameter("Param message[quick_replies] is not allowed beside a template")
	}
	return checkText(a, p.text)
}

// checkContent refuses a private reply that is more than a text on an account that takes
// nothing else.
func checkContent(a *account, p parts) *graphError {
	if a.TextOnlyReplies && !p.plain() {
		return errContent
	}
	return nil
}

// genericTemplate is a button template as a read of the message shows it on Facebook.
func genericTemplate(p parts) object {
	cta := []object{}
	for _, b := range p.buttons {
		one := object{"title": b.Title, "type": "postback"}
		if b.URL != "" {
			one["type"], one["url"] = "open_url", b.URL
		}
		cta = append(cta, one)
	}
	return object{"title": p.text, "cta": cta}
}

// templateAttachment is a button template in a read: on Instagram nothing of it can be read.
func templateAttachment(m *message, f field) object {
	if m.person.account.instagram() {
		return object{}
	}
	return selectNested(object{"id": m.id, "generic_template": genericTemplate(m.parts)}, f.sub)
}

// echoedTemplate is a button template in the webhook about a message of the account.
func echoedTemplate(p parts) messageFile {
	buttons := []sentButtonEcho{}
	for _, b := range p.buttons {
		one := sentButtonEcho{Type: "postback", Title: b.Title, Payload: b.Payload}
		if b.URL != "" {
			one.Type, one.URL = "web_url", b.URL
		}
		buttons = append(buttons, one)
	}
	return messageFile{Type: "template", Payload: filePayload{TemplateType: "button", Text: p.text, Buttons: buttons}}
}

// sentButtonEcho is a button in the webhook about a message of the account.
type sentButtonEcho struct {
	Type    string `json:"type"`
	Title   string `json:"title"`
	URL     string `json:"url,omitempty"`
	Payload string `json:"payload,omitempty"`
}

// quickRepliesShown reports whether the person sees the quick replies of m: they are gone
// after one tap, and Instagram's Message Requests folder does not show them.
func (m *message) quickRepliesShown() bool {
	return len(m.quickReplies) > 0 && !m.quickRepliesGone && !m.person.inRequests()
}

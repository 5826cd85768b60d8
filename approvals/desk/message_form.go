package desk

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/workflows"
)

// parts are what a message has beside its text, and the public reply, as a user asks for
// them. What is nil stays as it is proposed; what is empty there is none of.
type parts struct {
	Buttons      []privatereply.Button     `json:"buttons"`
	QuickReplies []privatereply.QuickReply `json:"quick_replies"`
	PublicText   *string                   `json:"public_text"`
}

// The values of a form's field "parts": it has rows for what can be tapped, and of a reply
// also the public one.
const (
	partsOfReply    = "reply"
	partsOfFollowUp = "follow-up"
)

// What a tap on a button does, as forms name it.
const (
	tapOpens = "opens"
	tapSends = "sends"
)

// errNoPublicText refuses a public reply that is switched on and empty.
var errNoPublicText = errors.New("public_text: it is empty; write what everybody will read, or switch the public reply off")

// readParts reads the parts of a form, of whose rows it leaves out those that nobody has
// filled. A form without the field "parts" has none, and all stays as proposed.
func readParts(form url.Values) (parts, error) {
	var p parts
	if !form.Has("parts") {
		return p, nil
	}
	p.Buttons, p.QuickReplies = []privatereply.Button{}, []privatereply.QuickReply{}
	for i, title := range form["button_title"] {
		b := privatereply.Button{Title: strings.TrimSpace(title)}
		if follows := fieldAt(form["button_follows"], i); fieldAt(form["button_does"], i) == tapSends {
			b.Then = follows
		} else {
			b.URL = follows
		}
		if b != (privatereply.Button{}) {
			p.Buttons = append(p.Buttons, b)
		}
	}
	for i, title := range form["quick_title"] {
		q := privatereply.QuickReply{Title: strings.TrimSpace(title), Then: fieldAt(form["quick_then"], i)}
		if q != (privatereply.QuickReply{}) {
			p.QuickReplies = append(p.QuickReplies, q)
		}
	}
	if form.Get("parts") != partsOfReply {
		return p, nil
	}
	public := ""
	if form.Get("public") == "true" {
		if public = strings.TrimSpace(normalizeNewlines(form.Get("public_text"))); public == "" {
			return p, errNoPublicText
		}
	}
	p.PublicText = &public
	return p, nil
}

func fieldAt(values []string, i int) string {
	if i >= len(values) {
		return ""
	}
	return strings.TrimSpace(normalizeNewlines(values[i]))
}

// memo is what lists will have of a message with the memo was once p is proposed.
func (p parts) memo(was workflows.MessageMemo) workflows.MessageMemo {
	titles := func(n int, title func(i int) string) string {
		all := make([]string, n)
		for i := range all {
			all[i] = title(i)
		}
		return strings.Join(all, "\n")
	}
	if p.Buttons != nil {
		was.Buttons = titles(len(p.Buttons), func(i int) string { return p.Buttons[i].Title })
	}
	if p.QuickReplies != nil {
		was.QuickReplies = titles(len(p.QuickReplies), func(i int) string { return p.QuickReplies[i].Title })
	}
	if p.PublicText != nil {
		was.Public = *p.PublicText != ""
	}
	return was
}

// check refuses parts over the limits of Meta with the words of the domain, beside the text
// that goes with them.
func (p parts) check(platform privatereply.Platform, text string) error {
	l := privatereply.LimitsOf(platform)
	if err := l.CheckParts(platform, privatereply.Message{Text: text, Buttons: p.Buttons, QuickReplies: p.QuickReplies}); err != nil {
		return err
	}
	if p.PublicText != nil {
		if err := privatereply.CheckPublicText(platform, *p.PublicText); err != nil {
			return fmt.Errorf("public_text: %w", err)
		}
	}
	return nil
}

// checkParts refuses a request with parts that Meta would not take.
func (o decisionRequest) checkParts() error {
	if o.PartsError != nil {
		return o.PartsError
	}
	text := ""
	if o.Text != nil {
		text = normalizeNewlines(*o.Text)
	}
	parsed, _ := privatereply.ParseID(o.ID)
	return o.Parts.check(parsed.Platform, text)
}

// partsRefused is the result of a request whose parts cannot be sent.
func partsRefused(err error) decisionResult {
	v := decisionResult{Code: codeParts, Message: sentence(err.Error()), status: http.StatusUnprocessableEntity}
	v.nameField()
	return v
}

// codeParts is the code of a request that was refused because of a part of its message.
const codeParts = "message"

// messageField is a field at the beginning of a refusal, such as buttons[0].title.
var messageField = regexp.MustCompile(`^(text|public_text|(buttons|quick_replies)(?:\[(\d+)\](?:\.(title|url|then))?)?): `)

// nameField has a refusal that begins with a field of the message name it as people do.
func (v *decisionResult) nameField() {
	m := messageField.FindStringSubmatch(v.Message)
	if m == nil {
		return
	}
	v.Field = m[1]
	name := map[string]string{"text": "Text", "public_text": "Public reply", "buttons": "Buttons", "quick_replies": "Quick replies"}[m[1]]
	if n, err := strconv.Atoi(m[3]); err == nil {
		name = map[string]string{"buttons": "Button ", "quick_replies": "Quick reply "}[m[2]] + strconv.Itoa(n+1)
		name += map[string]string{"title": ", title", "url": ", address", "then": ", text that it sends"}[m[4]]
	}
	v.Message = name + ": " + v.Message[len(m[0]):]
}

// messageForm is the part of a form in which people write what can be tapped, and the public
// reply. It has empty rows to fill.
type messageForm struct {
	Name      string // of the form: partsOfReply or partsOfFollowUp
	Platform  privatereply.Platform
	Rows      []privatereply.Button
	QuickRows []privatereply.QuickReply
	// Used is whether anything in it is filled.
	Used       bool
	Public     string
	PublicGone string // why there can be no public reply; empty: there can be one
	Field      string // that was refused
	Text       string // that was refused; empty: as proposed
}

// newMessageForm is the form for a message. Unless it is a follow-up there can be a public
// reply.
func newMessageForm(name string, p privatereply.Platform, m privatereply.Message, public string) messageForm {
	f := messageForm{Name: name, Platform: p, Public: public, Used: !m.Plain()}
	f.Rows = append(f.Rows, m.Buttons...)
	for len(f.Rows) < privatereply.MaxButtons {
		f.Rows = append(f.Rows, privatereply.Button{})
	}
	f.QuickRows = append(f.QuickRows, m.QuickReplies...)
	for len(f.QuickRows) < privatereply.MaxQuickReplies {
		f.QuickRows = append(f.QuickRows, privatereply.QuickReply{})
	}
	return f
}

// HasPublic reports whether the form is one of a private reply, which may have a public one
// beside it.
func (f messageForm) HasPublic() bool { return f.Name == partsOfReply }

// OnInstagram reports whether people must choose between buttons and quick replies.
func (f messageForm) OnInstagram() bool { return f.Platform == privatereply.Instagram }

// MaxTitle is the length of the longest title.
func (messageForm) MaxTitle() int { return privatereply.MaxTitleChars }

// MaxText is the length of the longest text that has buttons.
func (messageForm) MaxText() int { return privatereply.MaxButtonsText }

// Remark is what people must know who choose quick replies.
func (messageForm) Remark() string { return privatereply.MessageRequestsRemark }

// refuses reports whether the row i of a list of the form was refused.
func (f messageForm) refuses(list string, i int) bool {
	at := fmt.Sprintf("%s[%d]", list, i)
	return f.Field == at || strings.HasPrefix(f.Field, at+".")
}

// RefusesButton reports whether a button was refused.
func (f messageForm) RefusesButton(i int) bool { return f.refuses("buttons", i) }

// RefusesQuick reports whether a quick reply was refused.
func (f messageForm) RefusesQuick(i int) bool { return f.refuses("quick_replies", i) }

// shownMessage is a message as its person will see it, and what goes with it.
type shownMessage struct {
	privatereply.Message
	Platform privatereply.Platform
	Account  string // its name, for the public reply
	Public   string
	Hide     bool
}

// Beside reports whether there is more to see than a text.
func (m shownMessage) Beside() bool { return !m.Plain() || m.Public != "" || m.Hide }

// Remark is what people must know of quick replies on Instagram; empty where it does not
// apply.
func (m shownMessage) Remark() string {
	if m.Platform != privatereply.Instagram || len(m.QuickReplies) == 0 {
		return ""
	}
	return privatereply.MessageRequestsRemark
}

// Taps lists what a tap on each of them does.
func (m shownMessage) Taps() []shownTap {
	var all []shownTap
	for _, b := range m.Buttons {
		all = append(all, shownTap{b.Title, b.URL, b.Then})
	}
	for _, q := range m.QuickReplies {
		all = append(all, shownTap{q.Title, "", q.Then})
	}
	return all
}

// shownTap is what a tap does: it opens URL or sends Then, or is an answer for people to read.
type shownTap struct{ Title, URL, Then string }

// shown is what a reply sends, for people to read.
func (d *Desk) shown(s workflows.PrivateReplyStatus) shownMessage {
	return shownMessage{Message: s.Message(), Platform: s.Comment.Platform, Account: d.accountName(s.Comment.Account), Public: s.PublicText, Hide: s.Decision.Hide}
}

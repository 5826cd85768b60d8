package slack

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf16"

	slackapi "github.com/slack-go/slack"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/workflows"
)

// Slack's limits, and ours below them.
const (
	// maxSection is the longest text of a section, in UTF-16 units.
	maxSection = 3000
	// maxReplies is how many replies one message has. Each takes up to six blocks and a
	// divider, and Slack takes 50.
	maxReplies = 6
	// maxMessage bounds the texts of one message, in UTF-16 units: long ones share it with
	// fewer others.
	maxMessage = 9000
	// maxValue and maxBlockID are the longest value of a button and id of a block.
	maxValue   = 2000
	maxBlockID = 255
	// maxContext is our own limit for the line about who and where.
	maxContext = 300
)

// The actions of a reply's buttons.
const (
	actionApprove = "approve"
	actionEdit    = "edit"
	actionReject  = "reject"
	actionOpen    = "open" // a link; Slack reports the click all the same
)

// eventType marks our messages, and openReplies in their metadata the replies that can still
// be decided in them, so that a desk that starts finds them again.
const (
	eventType   = "privatereply_waiting"
	openReplies = "open"
)

// item is one reply in a message.
type item struct {
	id        string
	state     privatereply.State
	status    *workflows.PrivateReplyStatus // nil: only the row is known
	row       replies.Row
	account   string // its name
	unknown   bool   // nothing is known of it any more
	decidable bool   // by the buttons
	looks     int    // at a reply on its way
}

// message is what Slack is to show.
type message struct {
	blocks []slackapi.Block
	text   string // for notifications, and where blocks are not shown; without private words
	open   []string
}

func (m message) options() []slackapi.MsgOption {
	open := m.open
	if open == nil {
		open = []string{}
	}
	return []slackapi.MsgOption{
		slackapi.MsgOptionText(m.text, false), slackapi.MsgOptionBlocks(m.blocks...),
		slackapi.MsgOptionMetadata(slackapi.SlackMetadata{EventType: eventType, EventPayload: map[string]any{openReplies: open}}),
		slackapi.MsgOptionDisableLinkUnfurl(), slackapi.MsgOptionDisableMediaUnfurl(),
	}
}

// same is what two equal messages have in common.
func (m message) same() string {
	b, err := json.Marshal(m.blocks)
	if err != nil { // none of our blocks fails
		return ""
	}
	return string(b) + m.text
}

// renderer makes messages.
type renderer struct {
	Config
	now func() time.Time
}

// read reads a reply as it is now. A reply that nobody can say anything about any more is
// known as such; another error is one.
func (r renderer) read(ctx context.Context, id string) (item, error) {
	parsed, ok := privatereply.ParseID(id)
	if !ok || parsed.Kind != "reply" {
		return item{id: id, unknown: true}, nil
	}
	status, err := r.Replies.Status(ctx, id)
	if code := codeOf(err); code == replies.NotFound || code == replies.Terminated {
		return item{id: id, unknown: true}, nil
	}
	if err != nil {
		return item{}, err
	}
	i := item{id: id, state: status.State, status: &status, account: r.accountName(parsed.Platform, parsed.Account)}
	i.decidable = i.state == privatereply.AwaitingApproval && i.fits() &&
		strings.TrimSpace(status.Text) != "" && len(valueOf(i)) <= maxValue && len(blockID(blockActions, id)) <= maxBlockID
	return i, nil
}

func (r renderer) accountName(p privatereply.Platform, id string) string {
	if a, ok := r.Accounts.Get(p, id); ok && a.Name != "" {
		return a.Name
	}
	return id
}

// message makes the message of items.
func (r renderer) message(items []item) message {
	var m message
	for n, i := range items {
		if n > 0 {
			m.blocks = append(m.blocks, slackapi.NewDividerBlock())
		}
		m.blocks = append(m.blocks, r.blocks(i)...)
		if i.state == privatereply.AwaitingApproval {
			m.open = append(m.open, i.id)
		}
	}
	switch n := len(m.open); {
	case n == 1:
		m.text = "1 reply waits for a decision"
	case n > 1:
		m.text = fmt.Sprintf("%d replies wait for a decision", n)
	default:
		m.text = "Decided"
	}
	return m
}

// The ids of blocks begin with what they show; the reply's workflow id follows.
const (
	blockContext = "c "
	blockComment = "w "
	blockText    = "t "
	blockPublic  = "p "
	blockActions = "a "
	blockEnd     = "e "
)

func blockID(kind, id string) string { return kind + id }

// idsOf lists the replies of a message by its blocks.
func idsOf(blocks []slackapi.Block) []string {
	var ids []string
	for _, b := range blocks {
		if id, ok := strings.CutPrefix(b.ID(), blockContext); ok && len(ids) < maxReplies {
			ids = append(ids, id)
		}
	}
	return ids
}

// blocks are those of one reply. What strangers wrote is plain text, in which Slack sees
// neither links nor mentions.
func (r renderer) blocks(i item) []slackapi.Block {
	if i.unknown {
		return []slackapi.Block{slackapi.NewContextBlock(blockID(blockContext, i.id), plain("This reply is no longer kept."))}
	}
	c := i.status.Comment
	about := slackapi.NewContextBlock(blockID(blockContext, i.id), plain(r.about(i)))
	if i.state == privatereply.AwaitingApproval {
		about.ContextElements.Elements = append(about.ContextElements.Elements,
			slackapi.NewTextBlockObject(slackapi.MarkdownType, until(i.status.Deadline, r.now()), false, false))
	}
	all := []slackapi.Block{about, section(blockComment, i.id, "They wrote:\n", wordsOf(c))}
	switch {
	case i.state == privatereply.AwaitingApproval && strings.TrimSpace(i.status.Text) == "":
		all = append(all, ending(i.id, "No text is proposed."))
	case i.state == privatereply.AwaitingApproval && i.fits():
		all = append(all, i.sections("Proposed reply:\n")...)
	case i.state == privatereply.AwaitingApproval:
		all = append(all, ending(i.id, "The proposed reply is too long for Slack: open it at the desk."))
	case i.status.Text != "" && sentText(i.state) && i.fits():
		all = append(all, i.sections("Reply:\n")...)
	}
	if i.state == privatereply.AwaitingApproval {
		return append(all, r.buttons(i))
	}
	return append(all, slackapi.NewContextBlock(blockID(blockEnd, i.id), plain(outcome(i.status))))
}

// sections show all that a reply sends and what goes with it.
func (i item) sections(label string) []slackapi.Block {
	m, public := i.status.Message(), i.status.PublicText
	all := []slackapi.Block{section(blockText, i.id, label, messageWords(m, i.status.Comment.Platform))}
	switch {
	case public != "":
		all = append(all, section(blockPublic, i.id, "In public, under the comment:\n", public))
	case i.status.Decision.Hide:
		all = append(all, slackapi.NewContextBlock(blockID(blockPublic, i.id), plain("The comment is hidden, once it is decided.")))
	}
	return all
}

// fits reports whether Slack shows all of a reply that an approver has to read.
func (i item) fits() bool {
	m, public := i.status.Message(), i.status.PublicText
	return fits(messageWords(m, i.status.Comment.Platform)) && fits(public) && fits(i.status.Comment.Text)
}

// messageWords is a message with what can be tapped in it, and what a tap does.
func messageWords(m privatereply.Message, p privatereply.Platform) string {
	if m.Plain() {
		return m.Text
	}
	lines := []string{m.Text, ""}
	for _, b := range m.Buttons {
		if b.URL != "" {
			lines = append(lines, "["+b.Title+"] opens "+b.URL)
		} else {
			lines = append(lines, "["+b.Title+"] sends: "+b.Then)
		}
	}
	for _, q := range m.QuickReplies {
		if q.Then != "" {
			lines = append(lines, "("+q.Title+") sends: "+q.Then)
		} else {
			lines = append(lines, "("+q.Title+") is an answer that somebody reads")
		}
	}
	if p == privatereply.Instagram && len(m.QuickReplies) > 0 {
		lines = append(lines, "", privatereply.MessageRequestsRemark)
	}
	return strings.Join(lines, "\n")
}

// wordsOf is a comment, with what it shows.
func wordsOf(c privatereply.Comment) string {
	text := c.Text
	if kind := c.Attachment.Kind; kind != "" {
		text = strings.TrimSpace(text + "\n[with a " + kind.Label() + "]")
	}
	if text == "" {
		return "(no words)"
	}
	return text
}

// sentText reports whether the text of a reply in state s is one that was sent or is.
func sentText(s privatereply.State) bool {
	switch s {
	case privatereply.Sending, privatereply.Sent, privatereply.Responded, privatereply.WindowClosed, privatereply.NoResponse, privatereply.DeliveryUnknown:
		return true
	}
	return false
}

// about says who wrote where.
func (r renderer) about(i item) string {
	c := i.status.Comment
	parts := []string{c.Username, string(c.Platform) + " " + c.Source.Label(), i.account}
	if c.Username == "" {
		parts[0] = "somebody"
	}
	if rule := i.status.Decision.Rule; rule != "" {
		parts = append(parts, "rule "+rule)
	}
	if c.ParentID != "" {
		parts = append(parts, "a reply to another comment")
	}
	if !c.EditedAt.IsZero() {
		parts = append(parts, "edited")
	}
	return privatereply.CutText(strings.Join(parts, " · "), maxContext)
}

// until says when a deadline is, at the reader's own time, and about how long that is. The
// second part changes seldom: each change is an update of the message.
func until(deadline, now time.Time) string {
	left := "less than 15 minutes"
	switch d := deadline.Sub(now); {
	case d <= 0:
		left = "over"
	case d >= 48*time.Hour:
		left = fmt.Sprintf("%d days", int(d.Hours())/24)
	case d >= 24*time.Hour:
		left = "more than a day"
	case d >= 12*time.Hour:
		left = "more than 12 hours"
	case d >= 3*time.Hour:
		left = "more than 3 hours"
	case d >= time.Hour:
		left = "more than an hour"
	case d >= 15*time.Minute:
		left = "less than an hour"
	}
	return fmt.Sprintf("until <!date^%d^{date_short_pretty} {time}|%s> (%s)", deadline.Unix(), deadline.UTC().Format("2 Jan 15:04 UTC"), left)
}

// outcome says what became of a reply.
func outcome(s *workflows.PrivateReplyStatus) string {
	words := s.State.Label()
	switch {
	case s.State == privatereply.Rejected && s.Approver != "":
		words = "Rejected by " + s.Approver
		if s.RejectReason != "" {
			words += ": " + s.RejectReason
		}
	case s.Approver != "":
		words = "Approved by " + s.Approver + ". " + words
	case s.Reason != "":
		words += ". " + s.Reason.Sentence()
	}
	return privatereply.CutText(words, maxContext)
}

// buttons are those of a reply that waits. What Slack cannot show whole can be decided only
// at the desk.
func (r renderer) buttons(i item) slackapi.Block {
	value := valueOf(i)
	button := func(action, text string, style slackapi.Style) *slackapi.ButtonBlockElement {
		return slackapi.NewButtonBlockElement(action, value, plain(text)).WithStyle(style)
	}
	block := slackapi.NewActionBlock(blockID(blockActions, i.id))
	add := func(b ...slackapi.BlockElement) { block.Elements.ElementSet = append(block.Elements.ElementSet, b...) }
	if i.decidable {
		add(button(actionApprove, "Approve", slackapi.StylePrimary))
	}
	if i.fits() {
		add(button(actionEdit, "Edit…", slackapi.StyleDefault))
	}
	add(button(actionReject, "Reject…", slackapi.StyleDanger))
	if r.Desk != "" {
		open := button(actionOpen, "Open at the desk", slackapi.StyleDefault)
		open.URL = r.Desk + "/replies/" + i.id
		add(open)
	}
	return block
}

// section shows a text as it is, with a label before it. A text that is too long for a
// section ends with a mark.
func section(kind, id, label, text string) slackapi.Block {
	whole := label + text
	for n := len(text); units(whole) > maxSection; n = n * 9 / 10 {
		whole = label + privatereply.CutText(text, n)
	}
	return slackapi.NewSectionBlock(plain(whole), nil, nil, slackapi.SectionBlockOptionBlockID(blockID(kind, id)))
}

func ending(id, words string) slackapi.Block {
	return slackapi.NewContextBlock(blockID(blockEnd, id), plain(words))
}

// plain is text without markup: no emoji names either, so that it is shown as it is sent.
func plain(text string) *slackapi.TextBlockObject {
	return slackapi.NewTextBlockObject(slackapi.PlainTextType, text, false, false)
}

// fits reports whether Slack shows text whole, with the label that stands before it.
func fits(text string) bool { return units(text) <= maxSection-50 }

// units is the length of text as Slack's clients count it.
func units(text string) int { return len(utf16.Encode([]rune(text))) }

// size is how much of a message a reply takes.
func (i item) size() int {
	if i.status == nil {
		return 0
	}
	m, public := i.status.Message(), i.status.PublicText
	return units(messageWords(m, i.status.Comment.Platform)) + units(public) + units(i.status.Comment.Text)
}

// value is what a button carries: ids, and what its message showed. It is not secret.
type value struct {
	Reply         string `json:"r"`
	CommentSHA256 string `json:"c"`
	TextSHA256    string `json:"t"`
}

func valueOf(i item) string {
	v := value{Reply: i.id, CommentSHA256: privatereply.TextSHA256(i.status.Comment.Text), TextSHA256: replies.ProposalSHA256(*i.status)}
	b, err := json.Marshal(v)
	if err != nil { // never, for strings
		return ""
	}
	return string(b)
}

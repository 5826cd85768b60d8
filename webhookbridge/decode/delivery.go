// Package decode turns the body of one webhook delivery into domain events: every
// shape that Meta is known to send, and every shape it should not send, too.
//
// Each item of a delivery becomes exactly one event, and no item can spoil another
// one. A field of an unexpected type counts as absent: a comment with a strange
// "from" is still a comment.
package decode

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/metajson"
)

// Limits on what one delivery may hold; sizes in bytes.
const (
	// maxItems is a hundred times what Meta says it puts into one delivery. Real items
	// in a body of 8 MiB are far fewer; only empty ones could reach it.
	maxItems = 100_000
	// maxID is what the database under Temporal's search attributes holds of a keyword.
	maxID = 255
	// maxMessageID is above the longest message id known, about 200 bytes.
	maxMessageID = 1000
	// maxText is above the longest comment that Meta takes: 8000 characters, at most
	// 32 KiB. In JSON, where a character can take six times its size, an event stays
	// under the 512 KiB at which Temporal begins to warn.
	maxText = 64 << 10
	// cutLength is how much of a longer text is taken.
	cutLength = 8 << 10
	// maxName is above every user name and every ad's title.
	maxName = 1000
)

// ErrUnreadable says that a body is no delivery at all. Asking for it again would
// bring the same body.
var ErrUnreadable = errors.New("the body is not a webhook delivery")

// Accounts finds the accounts that the product answers for.
type Accounts interface {
	// Find finds an account by the id of its webhooks.
	Find(p privatereply.Platform, id string) (privatereply.Account, bool)
	// LinkedToPage finds the Instagram accounts that a Page sends for.
	LinkedToPage(page string) []privatereply.Account
}

// Delivery decodes a body whose signature was checked. Its events stand in the
// order of the body. The error is ErrUnreadable or nil.
func Delivery(body []byte, receivedAt time.Time, accounts Accounts) ([]privatereply.Event, error) {
	root, ok := metajson.Parse(body)
	if !ok {
		return nil, fmt.Errorf("%w: it is not JSON, or nested more than 10000 deep", ErrUnreadable)
	}
	if !root.IsObject() {
		return nil, fmt.Errorf("%w: it is JSON, but not an object", ErrUnreadable)
	}
	var object string
	var entries metajson.Value
	for key, v := range root.Fields() {
		switch string(key) {
		case "object":
			object = v.Text()
		case "entry":
			entries = v
		}
	}
	d := delivery{receivedAt: receivedAt.UTC(), accounts: accounts}
	for _, p := range privatereply.Platforms {
		if object != "" && object == p.Facts().WebhookObject {
			d.platform = p
		}
	}
	for raw := range entries.Items() {
		d.entry(raw)
		if len(d.events) > maxItems {
			return nil, fmt.Errorf("%w: it has more than %d items", ErrUnreadable, maxItems)
		}
	}
	if len(d.events) == 0 {
		d.events = append(d.events, ignored(Empty, ""))
	}
	return d.events, nil
}

// delivery collects the events of one body.
type delivery struct {
	platform   privatereply.Platform // empty: about neither Instagram nor a Page
	receivedAt time.Time
	accounts   Accounts
	events     []privatereply.Event
}

// entry is what the items of one entry share.
type entry struct {
	platform   privatereply.Platform
	id         string
	account    privatereply.Account // only its Platform and ID when it is not known
	known      bool
	linked     []privatereply.Account // of which an item's recipient is one, where the entry has their Page's id
	at         time.Time              // when Meta sent it; zero: unknown
	receivedAt time.Time
}

// entry decodes one entry. Its items stand under "changes", "messaging" or
// "standby"; where a single change stands in the entry itself, as Meta's pages on
// Instagram Login show it, "field" and "value" do.
func (d *delivery) entry(raw metajson.Value) {
	e := entry{platform: d.platform, receivedAt: d.receivedAt}
	var changes, messaging, standby, names, field metajson.Value
	for key, v := range raw.Fields() {
		switch string(key) {
		case "id":
			e.id = v.ID(maxID)
		case "time":
			e.at = v.Time()
		case "changes":
			changes = v
		case "messaging":
			messaging = v
		case "standby":
			standby = v
		case "changed_fields":
			names = v
		case "field":
			field = v
		}
	}
	d.resolveAccount(&e)

	before := len(d.events)
	for v := range changes.Items() {
		d.add(e, e.change(v))
	}
	if !field.IsNull() {
		d.add(e, e.change(raw))
	}
	for v := range messaging.Items() {
		item := e.forRecipient(v)
		d.add(item, item.messaging(v))
	}
	// Another app controls these conversations. The person wrote to the account all
	// the same: the reply was answered, and the window is open. Meta refuses what we
	// would write into it, with a code of its own.
	for v := range standby.Items() {
		item := e.forRecipient(v)
		d.add(item, item.messaging(v))
	}
	for range names.Items() {
		d.add(e, ignored(ValuesOff, ""))
	}
	if len(d.events) == before {
		why := Empty
		if !raw.IsObject() {
			why = Malformed
		}
		d.add(e, ignored(why, ""))
	}
}

// resolveAccount finds whose entry it is. Meta was seen to write the id of the Page behind an
// Instagram account in the place of the account's own.
func (d *delivery) resolveAccount(e *entry) {
	e.account, e.known = d.accounts.Find(d.platform, e.id)
	if e.known {
		return
	}
	e.account = privatereply.Account{Platform: d.platform, ID: e.id}
	throughPage := func(l privatereply.LoginFacts) bool { return l.ThroughPage }
	if e.id == "" || !slices.ContainsFunc(d.platform.Facts().Logins, throughPage) {
		return
	}
	if e.linked = d.accounts.LinkedToPage(e.id); len(e.linked) == 1 {
		e.account, e.known = e.linked[0], true
	}
}

// forRecipient is e with the account that an item of messaging is for, where several are
// behind the Page that the entry names.
func (e entry) forRecipient(item metajson.Value) entry {
	if e.known || len(e.linked) == 0 {
		return e
	}
	for key, v := range item.Fields() {
		if string(key) != "recipient" {
			continue
		}
		id, _ := readAuthor(v, "")
		for _, account := range e.linked {
			if account.ID == id {
				e.account, e.known = account, true
			}
		}
	}
	return e
}

// change decodes an object that has a "field" and its "value".
func (e entry) change(raw metajson.Value) privatereply.Event {
	var field string
	var v metajson.Value
	for key, member := range raw.Fields() {
		switch string(key) {
		case "field":
			field = member.Text()
		case "value":
			v = member
		}
	}
	if !v.IsObject() {
		return ignored(Malformed, "")
	}
	switch {
	case field == "comments" && e.platform == privatereply.Instagram:
		return e.comment(v, false)
	case field == "live_comments" && e.platform == privatereply.Instagram:
		return e.comment(v, true)
	case field == "feed" && e.platform == privatereply.Facebook:
		return e.feed(v)
	case strings.HasPrefix(field, "messag") || field == "standby":
		return e.messaging(v)
	case field == "live_videos":
		return ignored(LiveVideo, "")
	case field == "mention" || field == "mentions":
		return ignored(Mention, "")
	}
	return ignored(OtherField, "")
}

// add takes ev if it can start or signal a workflow; else it says why not.
func (d *delivery) add(e entry, ev privatereply.Event) {
	if why := e.ignoreReason(ev); why != "" {
		ev = ignored(why, eventID(ev))
	}
	if ev.Ignored != nil {
		ev.Ignored.Account = e.account.ID
	}
	d.events = append(d.events, ev)
}

func (e entry) ignoreReason(ev privatereply.Event) string {
	var err error
	switch {
	case e.platform == "":
		return UnknownObject
	case e.id == "0":
		return TestEvent
	case ev.Ignored != nil:
		return ""
	case !e.known:
		return UnknownAccount
	case ev.Comment != nil:
		_, err = privatereply.ReplyID(*ev.Comment)
	case ev.Edited != nil:
		_, err = privatereply.ReplyID(*ev.Edited)
	case ev.Message != nil && ev.Message.PersonID == "" && ev.Message.MessageID != "":
		return "" // Meta says of the message whose it is
	case ev.Message != nil:
		_, err = privatereply.ConversationID(e.platform, e.account.ID, ev.Message.PersonID)
	case ev.Removal != nil:
		_, err = privatereply.ReplyID(removedComment(*ev.Removal))
	}
	if err != nil {
		return NoUsableID
	}
	return ""
}

// removedComment is the comment or post that r takes away.
func removedComment(r privatereply.Removal) privatereply.Comment {
	c := privatereply.Comment{Platform: r.Platform, Account: r.Account, CommentID: r.CommentID}
	if c.CommentID == "" {
		c.PostID = r.MediaID
	}
	return c
}

// eventID is the id that an operator would look for.
func eventID(ev privatereply.Event) string {
	switch {
	case ev.Comment != nil:
		return ev.Comment.TargetID()
	case ev.Edited != nil:
		return ev.Edited.TargetID()
	case ev.Message != nil:
		return ev.Message.MessageID
	case ev.Removal != nil:
		return removedComment(*ev.Removal).TargetID()
	}
	return ev.Ignored.ID
}

func ignored(why, id string) privatereply.Event {
	return privatereply.Event{Ignored: &privatereply.IgnoredEvent{Why: why, ID: id}}
}

// longText reads what a person wrote. A text over maxText is cut to cutLength.
func longText(v metajson.Value) string {
	s := v.Text()
	if len(s) > maxText {
		return privatereply.CutText(s, cutLength)
	}
	return s
}

// name reads what a person or an ad is called.
func name(v metajson.Value) string { return privatereply.CutText(v.Text(), maxName) }

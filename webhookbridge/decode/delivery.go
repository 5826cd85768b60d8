// Package decode turns the body of one webhook delivery into domain events. It takes
// every shape that Meta is known to send, and answers any other with an ignored event.
//
// Each item of a delivery becomes exactly one event, and no item can make another one
// unreadable. A field of an unexpected type counts as absent: a comment whose "from" is
// a number is still a comment.
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

// ErrUnreadable says that a body is no delivery at all. A repeat would have the same
// body.
var ErrUnreadable = errors.New("the body is not a webhook delivery")

// Accounts is the list of the accounts that the product answers for.
type Accounts interface {
	// Find finds an account by the id of its webhooks.
	Find(p privatereply.Platform, id string) (privatereply.Account, bool)
	// LinkedToPage finds the Instagram accounts that a Page sends for.
	LinkedToPage(page string) []privatereply.Account
}

// Delivery decodes a body whose signature was verified. Its events are in the order of
// the body. The error is ErrUnreadable or nil.
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
		d.decodeEntry(raw)
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

// entry is the part of an entry that its items share.
type entry struct {
	platform   privatereply.Platform
	id         string
	account    privatereply.Account // only its Platform and ID when it is not known
	known      bool
	linked     []privatereply.Account // if the entry has a Page's id: the accounts of which an item's recipient is one
	at         time.Time              // when Meta sent it; zero: unknown
	receivedAt time.Time
}

// decodeEntry decodes one entry. Its items stand under "changes", "messaging" or
// "standby"; where a single change stands in the entry itself, as Meta's pages on
// Instagram Login show it, "field" and "value" do.
func (d *delivery) decodeEntry(raw metajson.Value) {
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
		d.add(e, e.decodeChange(v))
	}
	if !field.IsNull() {
		d.add(e, e.decodeChange(raw))
	}
	for v := range messaging.Items() {
		item := e.forRecipient(v)
		d.add(item, item.decodeMessaging(v))
	}
	// Another app controls these conversations. The person wrote to the account all the
	// same: the reply was answered, and the window is open. A follow-up into it Meta
	// refuses with a code of its own.
	for v := range standby.Items() {
		item := e.forRecipient(v)
		d.add(item, item.decodeMessaging(v))
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

// resolveAccount sets the account of an entry. Meta was seen to write the id of the Page
// that sends for an Instagram account in place of the account's own.
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

// forRecipient returns e with the account that an item of messaging is for, where the
// entry has the id of a Page that sends for several.
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

// decodeChange decodes an object that has a "field" and its "value".
func (e entry) decodeChange(raw metajson.Value) privatereply.Event {
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
		return e.decodeComment(v, false)
	case field == "live_comments" && e.platform == privatereply.Instagram:
		return e.decodeComment(v, true)
	case field == "feed" && e.platform == privatereply.Facebook:
		return e.decodeFeed(v)
	case strings.HasPrefix(field, "messag") || field == "standby":
		return e.decodeMessaging(v)
	case field == "live_videos":
		return ignored(LiveVideo, "")
	case field == "mention" || field == "mentions":
		return ignored(Mention, "")
	}
	return ignored(OtherField, "")
}

// add appends ev, as an ignored event if it cannot start or signal a workflow.
func (d *delivery) add(e entry, ev privatereply.Event) {
	if why := e.ignoreReason(ev); why != "" {
		ev = ignored(why, eventID(ev))
	}
	if ev.Ignored != nil {
		ev.Ignored.Account = e.account.ID
	}
	d.events = append(d.events, ev)
}

// ignoreReason is why ev cannot start or signal a workflow; empty if it can.
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
		return "" // the worker asks Meta for the sender
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

// removedComment is the comment or post that r removes.
func removedComment(r privatereply.Removal) privatereply.Comment {
	c := privatereply.Comment{Platform: r.Platform, Account: r.Account, CommentID: r.CommentID}
	if c.CommentID == "" {
		c.PostID = r.MediaID
	}
	return c
}

// eventID is the id of ev by which an operator searches.
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

// readText reads the text of a comment. One over maxText is cut to cutLength.
func readText(v metajson.Value) string {
	s := v.Text()
	if len(s) > maxText {
		return privatereply.CutText(s, cutLength)
	}
	return s
}

// readName reads the name of a person or the title of an ad.
func readName(v metajson.Value) string { return privatereply.CutText(v.Text(), maxName) }

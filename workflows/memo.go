package workflows

import (
	"encoding/json"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/privatereply/privatereply"
)

// Keys of a reply's memo. Lists are made of them and of the search attributes,
// without a query per row.
const (
	MemoPerson  = "person"
	MemoComment = "comment"
	MemoText    = "text" // what is proposed, or what was approved
	MemoRule    = "rule"
	MemoMedia   = "media"
	MemoParent  = "parent"   // the comment that the comment answers
	MemoTeam    = "team"     // TeamMemo
	MemoMessage = "message"  // MessageMemo
	MemoNextTry = "next_try" // a time; set while the reply sleeps before a send

	MemoAttachment    = "attachment"     // the kind of the comment's attachment
	MemoCommentSHA256 = "comment_sha256" // privatereply.TextSHA256 of the comment, which MemoComment may have cut
	MemoEdited        = "edited"         // a time; set when the comment was edited
)

// memoKeys are the keys that publishMemo keeps true.
var memoKeys = []string{
	MemoPerson, MemoComment, MemoText, MemoRule, MemoMedia, MemoParent, MemoTeam, MemoMessage, MemoAttachment, MemoCommentSHA256, MemoEdited,
}

// TeamMemo is who works on a reply. It is one field of the memo: encryption adds to each.
type TeamMemo struct {
	Assignee   string `json:"assignee,omitempty"`
	ProposedBy string `json:"proposed_by,omitempty"` // empty: the text is a rule's
	Approver   string `json:"approver,omitempty"`    // who approved, rejected or resolved it
	// DecidedAt is when the approver did so, to the second. Edited reports that another text
	// than the proposed one was approved.
	DecidedAt time.Time `json:"decided_at,omitzero"`
	Edited    bool      `json:"edited,omitempty"`
}

// MessageMemo is what goes with the text of a reply. It is one field of the memo too, and
// missing where a reply is nothing but a text.
type MessageMemo struct {
	Buttons      string `json:"buttons,omitempty"`       // their titles, each in a line, perhaps cut
	QuickReplies string `json:"quick_replies,omitempty"` // the same
	Public       bool   `json:"public,omitempty"`        // a public reply goes with it
	Hide         bool   `json:"hide,omitempty"`          // the comment is hidden
}

// newMessageMemo is what a memo has of a message, a public reply and hiding. Titles is how
// many bytes the buttons may have together, and the quick replies.
func newMessageMemo(m privatereply.Message, publicText string, hide bool, titles int) MessageMemo {
	var buttons, quickReplies []string
	for _, b := range m.Buttons {
		buttons = append(buttons, b.Title)
	}
	for _, q := range m.QuickReplies {
		quickReplies = append(quickReplies, q.Title)
	}
	return MessageMemo{
		Buttons:      cutJSON(strings.Join(buttons, "\n"), titles),
		QuickReplies: cutJSON(strings.Join(quickReplies, "\n"), titles),
		Public:       publicText != "", Hide: hide,
	}
}

// The server warns about a memo of more than 2 KiB. Encryption adds about 130 bytes a
// field; the two texts share what the others leave. Sizes are those of the JSON form.
const (
	memoBytes          = 2000
	memoFieldBytes     = 145 // what a field has beside its value, encrypted
	memoTextBytes      = 600 // of both texts together, at most
	memoLeastTextBytes = 80  // of both texts together, at least
	memoNameBytes      = 150
	memoColleagueBytes = 35
	memoTitlesBytes    = 100 // of the buttons together, and of the quick replies

	memoLeastTitlesBytes = 12 // where there is no room for more
)

// newMemo is the memo of in with the message to send and its public reply, which lists show.
func newMemo(in PrivateReplyInput, message privatereply.Message, publicText string, team TeamMemo) map[string]any {
	c := in.Comment
	m := map[string]any{MemoCommentSHA256: privatereply.TextSHA256(c.Text)}
	size := memoFieldBytes + jsonBytes(privatereply.TextSHA256(c.Text)) + 4*memoFieldBytes // the texts, MemoNextTry and MemoEdited
	add := func(key, value string, limit int) {
		if value = cutJSON(value, limit); value != "" {
			m[key] = value
			size += memoFieldBytes + jsonBytes(value)
		}
	}
	add(MemoPerson, c.Username, memoNameBytes)
	add(MemoRule, in.Decision.Rule, memoNameBytes)
	add(MemoMedia, c.MediaID, memoNameBytes)
	add(MemoAttachment, string(c.Attachment.Kind), memoNameBytes)
	if team = team.cut(); team != (TeamMemo{}) {
		m[MemoTeam] = team
		size += memoFieldBytes + valueBytes(team)
	}
	if parts := newMessageMemo(message, publicText, in.Decision.Hide, memoTitlesBytes); parts != (MessageMemo{}) {
		room := memoBytes - size - memoFieldBytes - memoLeastTextBytes
		if valueBytes(parts) > room { // it says that there are some
			parts = newMessageMemo(message, publicText, in.Decision.Hide, memoLeastTitlesBytes)
		}
		m[MemoMessage] = parts
		size += memoFieldBytes + valueBytes(parts)
		if parent := memoFieldBytes + jsonBytes(c.ParentID); size+parent+memoLeastTextBytes > memoBytes {
			c.ParentID = "" // of all that a memo has, lists can best do without it
		}
	}
	add(MemoParent, c.ParentID, memoNameBytes)
	if !c.EditedAt.IsZero() {
		m[MemoEdited] = c.EditedAt
	}
	comment, text := memoTexts(c.Text, message.Text, min(memoTextBytes, max(memoLeastTextBytes, memoBytes-size)))
	if comment != "" {
		m[MemoComment] = comment
	}
	if text != "" {
		m[MemoText] = text
	}
	return m
}

func (t TeamMemo) cut() TeamMemo {
	for _, name := range []*string{&t.Assignee, &t.ProposedBy, &t.Approver} {
		*name = cutJSON(*name, memoColleagueBytes)
	}
	return t
}

// valueBytes is the size of a field of several values.
func valueBytes(field any) int {
	b, _ := json.Marshal(field) // never fails for strings, times and bools
	return len(b)
}

// memoTexts cuts the two texts of a memo: what one does not need the other one has.
func memoTexts(comment, text string, limit int) (string, string) {
	comment = cutJSON(comment, max(limit/2, limit-jsonBytes(text)))
	return comment, cutJSON(text, limit-jsonBytes(comment))
}

func jsonBytes(text string) int {
	b, _ := json.Marshal(text) // never fails for a string
	return len(b)
}

// cutJSON cuts text so that its JSON form has at most limit bytes: a quote or a
// "<" takes up to six there.
func cutJSON(text string, limit int) string {
	for n := limit; n > 0; {
		cut := privatereply.CutText(text, n)
		size := jsonBytes(cut)
		if size <= limit {
			return cut
		}
		n -= max(1, (size-limit)/6)
	}
	return ""
}

// memo is the memo that the reply should have.
func (r *reply) memo() map[string]any {
	team := TeamMemo{Assignee: r.team.Assignee, ProposedBy: r.team.ProposedBy}
	if r.approver != "" {
		team.Approver, team.DecidedAt, team.Edited = r.approver, r.decidedAt.UTC().Truncate(time.Second), r.edited
	}
	return newMemo(r.in, r.message, r.publicText, team)
}

// publishMemo brings the memo up to date, which lists are made of: in one step, what has
// changed. A reply that a rule sends by itself changes nothing.
func (r *reply) publishMemo() {
	now, changed := r.memo(), map[string]any{}
	for _, key := range memoKeys {
		if value := now[key]; value != r.published.memo[key] {
			changed[key] = value // nil takes it away
		}
	}
	r.published.memo = now
	if len(changed) == 0 {
		return
	}
	if err := workflow.UpsertMemo(r.ctx, changed); err != nil {
		r.log.Error("cannot set the memo", "error", err)
	}
}

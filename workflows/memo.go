package workflows

import (
	"encoding/json"
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
	MemoNextTry = "next_try" // a time; set while the reply sleeps before a send

	MemoAttachment    = "attachment"     // the kind of the comment's attachment
	MemoCommentSHA256 = "comment_sha256" // privatereply.TextSHA256 of the comment, which MemoComment may have cut
	MemoEdited        = "edited"         // a time; set when the comment was edited
)

// memoKeys are the keys that publishMemo keeps true.
var memoKeys = []string{
	MemoPerson, MemoComment, MemoText, MemoRule, MemoMedia, MemoParent, MemoTeam, MemoAttachment, MemoCommentSHA256, MemoEdited,
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

// The server warns about a memo of more than 2 KiB. Encryption adds about 130 bytes a
// field; the two texts share what the others leave. Sizes are those of the JSON form.
const (
	memoBytes          = 2000
	memoFieldBytes     = 145 // what a field has beside its value, encrypted
	memoTextBytes      = 600 // of both texts together, at most
	memoLeastTextBytes = 120 // of both texts together, at least
	memoNameBytes      = 150
	memoColleagueBytes = 35
)

// newMemo is the memo of in with the text to send, which lists show.
func newMemo(in PrivateReplyInput, text string, team TeamMemo) map[string]any {
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
	add(MemoParent, c.ParentID, memoNameBytes)
	add(MemoAttachment, string(c.Attachment.Kind), memoNameBytes)
	if team = team.cut(); team != (TeamMemo{}) {
		m[MemoTeam] = team
		size += memoFieldBytes + team.bytes()
	}
	if !c.EditedAt.IsZero() {
		m[MemoEdited] = c.EditedAt
	}
	comment, text := memoTexts(c.Text, text, min(memoTextBytes, max(memoLeastTextBytes, memoBytes-size)))
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

func (t TeamMemo) bytes() int {
	b, _ := json.Marshal(t) // never fails for strings
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
	return newMemo(r.in, r.text, team)
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

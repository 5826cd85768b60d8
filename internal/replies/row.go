package replies

import (
	"strings"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/workflows"
)

// Row is one reply in a list: what its memo and search attributes say. The texts
// may be cut; Cut tells.
type Row struct {
	ID        string                `json:"id"`
	State     privatereply.State    `json:"state"`
	Deadline  time.Time             `json:"deadline"`
	Platform  privatereply.Platform `json:"platform"`
	Account   string                `json:"account"`
	CommentID string                `json:"comment_id"` // canonical
	Person    string                `json:"person,omitempty"`
	Comment   string                `json:"comment,omitempty"`
	Text      string                `json:"text,omitempty"` // proposed
	Rule      string                `json:"rule,omitempty"`
	Media     string                `json:"media_id,omitempty"`
	Source    privatereply.Source   `json:"source,omitempty"`
	// Attachment has the kind alone; EditedAt is when the person last changed the words.
	Attachment privatereply.Attachment `json:"attachment,omitzero"`
	EditedAt   time.Time               `json:"edited_at,omitzero"`
	// CommentSHA256 is the hash of the whole comment, of which Comment may be the
	// beginning: an approval that carries it is refused once the comment was edited.
	CommentSHA256 string    `json:"comment_sha256,omitempty"`
	StartedAt     time.Time `json:"started_at"`
	NextTry       time.Time `json:"next_try,omitzero"` // of a send that waits; waits of seconds are left out
}

// Encrypted stands for what this program has no key for.
const Encrypted = "(encrypted)"

// IsCut reports whether text is only the beginning of what the reply holds.
func IsCut(text string) bool {
	return strings.HasSuffix(text, privatereply.CutMark) || text == Encrypted
}

// OnLive reports whether the reply can only be sent while a broadcast runs.
func (r Row) OnLive() bool {
	return privatereply.Comment{Platform: r.Platform, Source: r.Source}.OnLive()
}

// MissesDeadline reports whether the reply's turn comes only when its deadline has passed:
// it will not be sent, unless replies that are before it are stopped.
func (r Row) MissesDeadline() bool { return !r.NextTry.IsZero() && !r.NextTry.Before(r.Deadline) }

// row reads what visibility tells of a reply. What does not decode stays empty: a
// list with a gap is better than none.
func (c *Client) row(info *workflowpb.WorkflowExecutionInfo) Row {
	r := Row{ID: info.GetExecution().GetWorkflowId(), StartedAt: info.GetStartTime().AsTime()}
	if id, ok := privatereply.ParseID(r.ID); ok {
		r.Platform, r.Account, r.CommentID = id.Platform, id.Account, id.Subject
	}
	memo := info.GetMemo().GetFields()
	for key, to := range map[string]*string{
		workflows.MemoPerson: &r.Person, workflows.MemoComment: &r.Comment, workflows.MemoText: &r.Text,
		workflows.MemoRule: &r.Rule, workflows.MemoMedia: &r.Media,
	} {
		if p, ok := memo[key]; ok && c.data.FromPayload(p, to) != nil {
			*to = Encrypted
		}
	}
	for key, to := range map[string]any{
		workflows.MemoAttachment: &r.Attachment.Kind, workflows.MemoEdited: &r.EditedAt, workflows.MemoCommentSHA256: &r.CommentSHA256,
	} {
		if p, ok := memo[key]; ok {
			_ = c.data.FromPayload(p, to)
		}
	}
	attributes := info.GetSearchAttributes().GetIndexedFields()
	attribute(attributes, workflows.ReplyState, &r.State)
	attribute(attributes, workflows.ReplyDeadline, &r.Deadline)
	attribute(attributes, workflows.CommentSource, &r.Source)
	if p, ok := memo[workflows.MemoNextTry]; ok && r.State == privatereply.Sending {
		_ = c.data.FromPayload(p, &r.NextTry)
	}
	return r
}

// attribute reads a search attribute, which is never encrypted.
func attribute(all map[string]*commonpb.Payload, key temporal.SearchAttributeKey, to any) {
	if p, ok := all[key.GetName()]; ok {
		_ = converter.GetDefaultDataConverter().FromPayload(p, to) // a gap, as in row
	}
}

package workflows

import (
	"encoding/json"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/privatereply/privatereply"
)

// Keys of a reply's memo. Lists are made of them and of the search attributes,
// without a query per row.
const (
	MemoPerson  = "person"
	MemoComment = "comment"
	MemoText    = "text"
	MemoRule    = "rule"
	MemoMedia   = "media"
	MemoNextTry = "next_try" // a time; set while the reply sleeps before a send

	MemoAttachment    = "attachment"     // the kind of the comment's attachment
	MemoCommentSHA256 = "comment_sha256" // privatereply.TextSHA256 of the comment, which MemoComment may have cut
	MemoEdited        = "edited"         // a time; set when the comment was edited
)

// The server warns about a memo of more than 2 KiB. Encryption adds about 130
// bytes a field; the two texts share the remainder. Sizes are those
// of the JSON form.
const (
	memoTextBytes = 600 // of both texts together
	memoNameBytes = 150
	summaryBytes  = 200
)

// PrivateReplyOptions are the options to start the reply of in on queue, and in with its InitialState.
// The workflow id and its policies make a second start of the same comment an error
// that temporal.IsWorkflowExecutionAlreadyStartedError recognises.
func PrivateReplyOptions(in PrivateReplyInput, queue string, now time.Time) (client.StartWorkflowOptions, PrivateReplyInput, error) {
	if err := in.Validate(); err != nil {
		return client.StartWorkflowOptions{}, PrivateReplyInput{}, err
	}
	id, err := privatereply.ReplyID(in.Comment)
	if err != nil {
		return client.StartWorkflowOptions{}, PrivateReplyInput{}, err
	}
	if in.Comment.ReceivedAt.IsZero() {
		in.Comment.ReceivedAt = now.UTC()
	}
	in.InitialState = newInitialState(in, now)
	return client.StartWorkflowOptions{
		ID:                                       id,
		TaskQueue:                                queue,
		WorkflowIDReusePolicy:                    enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
		WorkflowIDConflictPolicy:                 enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		TypedSearchAttributes:                    searchAttributes(in, in.InitialState.State, in.InitialState.Deadline),
		Memo:                                     memo(in),
		StaticSummary:                            summary(in.Comment),
		// On a server with fairness a burst on one account does not hold up another one.
		Priority: temporal.Priority{FairnessKey: fairnessKey(in.Comment.Platform, in.Comment.Account)},
	}, in, nil
}

// memo is the memo of in, which lists show. After an edit it is made again.
func memo(in PrivateReplyInput) map[string]any {
	m := map[string]any{MemoCommentSHA256: privatereply.TextSHA256(in.Comment.Text)}
	comment, text := memoTexts(in.Comment.Text, in.Decision.Text)
	for _, field := range []struct{ key, value string }{
		{MemoPerson, cutJSON(in.Comment.Username, memoNameBytes)},
		{MemoComment, comment},
		{MemoText, text},
		{MemoRule, cutJSON(in.Decision.Rule, memoNameBytes)},
		{MemoMedia, cutJSON(in.Comment.MediaID, memoNameBytes)},
		{MemoAttachment, string(in.Comment.Attachment.Kind)},
	} {
		if field.value != "" {
			m[field.key] = field.value
		}
	}
	return m
}

// memoTexts cuts the two texts of a memo: what one does not need the other one has.
func memoTexts(comment, text string) (string, string) {
	comment = cutJSON(comment, max(memoTextBytes/2, memoTextBytes-jsonBytes(text)))
	return comment, cutJSON(text, memoTextBytes-jsonBytes(comment))
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

// summary is the line that names a reply in the Web UI.
func summary(c privatereply.Comment) string {
	who := "somebody"
	if c.Username != "" {
		who = "@" + c.Username
	}
	what := "a comment"
	if c.Text != "" {
		what = fmt.Sprintf("“%s”", c.Text)
	}
	where := string(c.Source)
	if c.Source == "" {
		where = "post"
	}
	return privatereply.CutText(fmt.Sprintf("%s on %s %s: %s", who, c.Platform, where, what), summaryBytes)
}

// Search attributes of PrivateReply. They are stored in clear and hold only
// states, rule names and Meta's ids.
var (
	ReplyState    = temporal.NewSearchAttributeKeyKeyword("ReplyState")
	AccountID     = temporal.NewSearchAttributeKeyKeyword("AccountId")
	MediaID       = temporal.NewSearchAttributeKeyKeyword("MediaId")
	CommentSource = temporal.NewSearchAttributeKeyKeyword("CommentSource")
	RuleName      = temporal.NewSearchAttributeKeyKeyword("RuleName")
	ReplyDeadline = temporal.NewSearchAttributeKeyTime("ReplyDeadline")
)

// SearchAttributes are what a namespace must have registered, with their types.
var SearchAttributes = map[string]enumspb.IndexedValueType{
	ReplyState.GetName():    ReplyState.GetValueType(),
	AccountID.GetName():     AccountID.GetValueType(),
	MediaID.GetName():       MediaID.GetValueType(),
	CommentSource.GetName(): CommentSource.GetValueType(),
	RuleName.GetName():      RuleName.GetValueType(),
	ReplyDeadline.GetName(): ReplyDeadline.GetValueType(),
}

// searchAttributes are the attributes of a reply in state s with its deadline.
func searchAttributes(in PrivateReplyInput, s privatereply.State, deadline time.Time) temporal.SearchAttributes {
	updates := []temporal.SearchAttributeUpdate{
		ReplyState.ValueSet(string(s)),
		AccountID.ValueSet(in.Comment.Account),
		ReplyDeadline.ValueSet(deadline),
	}
	for _, kv := range []struct {
		key   temporal.SearchAttributeKeyKeyword
		value string
	}{
		{MediaID, in.Comment.MediaID},
		{CommentSource, string(in.Comment.Source)},
		{RuleName, in.Decision.Rule},
	} {
		if kv.value != "" {
			updates = append(updates, kv.key.ValueSet(kv.value))
		}
	}
	return temporal.NewSearchAttributes(updates...)
}

package workflows

import (
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/privatereply/privatereply"
)

// summaryBytes is the longest summary.
const summaryBytes = 200

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
		Memo:                                     newMemo(in, in.Decision.Message(), in.Decision.PublicText, TeamMemo{}),
		StaticSummary:                            summary(in.Comment),
		// On a server with fairness a burst on one account does not hold up another one.
		Priority: temporal.Priority{FairnessKey: fairnessKey(in.Comment.Platform, in.Comment.Account)},
	}, in, nil
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
// states, effects, rule names, Meta's ids and hashes.
var (
	ReplyState    = temporal.NewSearchAttributeKeyKeyword("ReplyState")
	AccountID     = temporal.NewSearchAttributeKeyKeyword("AccountId")
	MediaID       = temporal.NewSearchAttributeKeyKeyword("MediaId")
	CommentSource = temporal.NewSearchAttributeKeyKeyword("CommentSource")
	RuleName      = temporal.NewSearchAttributeKeyKeyword("RuleName")
	// PersonKeyAttribute is a keyed hash of the person, which who starts the reply sets: see
	// internal/personkey.
	PersonKeyAttribute = temporal.NewSearchAttributeKeyKeyword("PersonKey")
	ReplyDeadline      = temporal.NewSearchAttributeKeyTime("ReplyDeadline")
	// ReplyEffects has EffectTapped, EffectPublicReply and EffectHidden once they have happened.
	ReplyEffects = temporal.NewSearchAttributeKeyKeywordList("ReplyEffects")
)

// SearchAttributes are what a namespace must have registered, with their types.
var SearchAttributes = map[string]enumspb.IndexedValueType{
	ReplyState.GetName():         ReplyState.GetValueType(),
	AccountID.GetName():          AccountID.GetValueType(),
	MediaID.GetName():            MediaID.GetValueType(),
	CommentSource.GetName():      CommentSource.GetValueType(),
	RuleName.GetName():           RuleName.GetValueType(),
	PersonKeyAttribute.GetName(): PersonKeyAttribute.GetValueType(),
	ReplyDeadline.GetName():      ReplyDeadline.GetValueType(),
	ReplyEffects.GetName():       ReplyEffects.GetValueType(),
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

package workflows

import (
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"

	"github.com/privatereply/privatereply"
)

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

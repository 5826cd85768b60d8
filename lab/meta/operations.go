package meta

// Operation is a kind of call, for counters, permissions and faults.
type Operation string

// The operations of the Graph API.
const (
	OpPrivateReply  Operation = "private-reply"
	OpFollowUp      Operation = "follow-up"     // a message to recipient.id
	OpThreadReply   Operation = "thread-reply"  // POST /{conversation}/messages
	OpComment       Operation = "comment"       // one comment or post looked up
	OpFeed          Operation = "feed"          // posts, media and their comments
	OpConversations Operation = "conversations" // conversations and their messages
	OpLiveMedia     Operation = "live-media"
	OpAccount       Operation = "account" // the account itself

	OpPublicReply    Operation = "public-reply"    // a reply that everybody sees, under a comment or a visitor post
	OpCommentReplies Operation = "comment-replies" // the replies to a comment, listed
	OpHide           Operation = "hide"            // a comment hidden or shown again

	OpCodeExchange  Operation = "code-exchange"  // a login's code for a short-lived token
	OpTokenExchange Operation = "token-exchange" // a short-lived token for a long-lived one
	OpTokenRefresh  Operation = "token-refresh"
	OpPages         Operation = "pages" // a person's Pages and businesses
	OpDebugToken    Operation = "debug-token"
	OpPermissions   Operation = "permissions"
	OpSubscription  Operation = "subscription" // subscribed_apps
)

// aboutAccount reports whether o is one of the calls about an account and its token.
func (o Operation) aboutAccount() bool {
	return o == OpAccount || o == OpDebugToken || o == OpPermissions || o == OpSubscription
}

// sends reports whether o brings a message to a person.
func (o Operation) sends() bool { return o == OpPrivateReply || o == OpFollowUp || o == OpThreadReply }

// changesComments reports whether o changes something under a post.
func (o Operation) changesComments() bool { return o == OpPublicReply || o == OpHide }

// givesToken reports whether o is answered with a new token.
func (o Operation) givesToken() bool {
	return o == OpCodeExchange || o == OpTokenExchange || o == OpTokenRefresh
}

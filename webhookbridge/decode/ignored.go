package decode

// Reasons for which an event is ignored. The list is closed: they are the values of the
// label "reason" of the bridge's metrics.
const (
	// OwnComment: the account wrote the comment itself, or it is our own public reply.
	OwnComment = "own_comment"
	// OwnPost: the Page's own post. Only what visitors post can be answered.
	OwnPost = "own_post"
	// UnknownAuthor: a post that does not say who wrote it, so it may be the Page's own.
	UnknownAuthor = "unknown_author"
	// UnpublishedPost: a scheduled or hidden post; nobody has seen it yet.
	UnpublishedPost = "unpublished_post"
	// UnsupportedMedia: IGTV, which Meta excludes from private replies.
	UnsupportedMedia = "unsupported_media"
	// UnknownAccount: the accounts file does not have the account.
	UnknownAccount = "unknown_account"
	// NoUsableID: no id, or one that a workflow id cannot carry.
	NoUsableID = "no_usable_id"
	// TestEvent: the "Test" button of Meta's dashboard (entry id "0").
	TestEvent = "test_event"
	// ValuesOff: "Include Values" is off in Meta's dashboard, so only field names arrive.
	ValuesOff = "values_off"
	// Malformed: an entry, change or messaging item that is not an object.
	Malformed = "malformed"
	// Empty: a delivery or an entry without any item.
	Empty = "empty"
	// UnknownObject: a delivery about neither Instagram nor a Page.
	UnknownObject = "unknown_object"

	// Edited: a post or message whose text changed. A post in the trash arrives in the
	// same shape and cannot be told apart. A comment whose text changed is an event.
	Edited = "edited"
	// Hidden: hide and unhide. Meta still delivers a private reply to a hidden comment.
	Hidden = "hidden"
	// Moderated: block, unblock, mute.
	Moderated = "moderated"
	// Reaction: a like or another reaction, to a post, a comment or a message.
	Reaction = "reaction"
	// OtherItem: an item of a Page's feed that nobody can answer in private.
	OtherItem = "other_item"
	// OtherVerb: a verb of a Page's feed that Meta does not document.
	OtherVerb = "other_verb"
	// LiveVideo: a Page's broadcast started or ended; its comments keep the seven days.
	LiveVideo = "live_video"
	// Mention: the account was mentioned somewhere else.
	Mention = "mention"
	// OtherField: any other field that the app is subscribed to.
	OtherField = "other_field"

	// Echo: a message that the account sent, by this product or from Meta's inbox.
	Echo = "echo"
	// SelfMessage: the account wrote to itself.
	SelfMessage = "self_message"
	// DeletedMessage: the person took a message back.
	DeletedMessage = "deleted_message"
	// MessageReceipt: a message was read or delivered. Its sender is the person, but it opens no window.
	MessageReceipt = "receipt"
	// Referral: the person followed a link or an ad, and wrote nothing yet.
	Referral = "referral"
	// OptIn: the person agreed to a kind of message.
	OptIn = "opt_in"
	// Handover: a conversation passed from one app to another.
	Handover = "handover"
	// Policy: Meta warned, blocked or unblocked the account.
	Policy = "policy"
	// OtherMessaging: a messaging item of a kind that Meta does not document.
	OtherMessaging = "other_messaging"
)

// IgnoreReasons lists every reason.
var IgnoreReasons = []string{
	OwnComment, OwnPost, UnknownAuthor, UnpublishedPost, UnsupportedMedia, UnknownAccount,
	NoUsableID, TestEvent, ValuesOff, Malformed, Empty, UnknownObject, Edited, Hidden,
	Moderated, Reaction, OtherItem, OtherVerb, LiveVideo, Mention, OtherField, Echo,
	SelfMessage, DeletedMessage, MessageReceipt, Referral, OptIn, Handover, Policy, OtherMessaging,
}

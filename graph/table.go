package graph

import (
	"time"

	"github.com/privatereply/privatereply"
)

// row is one of Meta's errors and what it means for a send.
type row struct {
	code, subcode int    // subcode 0: the row is about the code
	upTo          int    // the row holds for the codes from code to upTo
	kind          string // only under this "type" of Meta's; empty: under every one
	class         Class
	reason        privatereply.Reason
	meaning       string

	alone         bool          // not under a subcode that the table does not have
	saidPermanent bool          // only if Meta said is_transient:false
	doubtful      bool          // does not prove that Meta did nothing
	cooldown      time.Duration // see Error.Cooldown
	source        source
}

// source is the kind of evidence for a row.
type source byte

const (
	documented source = iota // Meta's pages, or several production systems that agree
	observed                 // one production system, or an old page of Meta's
)

// Pauses that Meta does not name. Calls made while throttled count as well, so a
// limit that covers the whole Page is not worth asking after each minute. The
// block is what one vendor begins with before it doubles.
const (
	limitCooldown = 5 * time.Minute
	blockCooldown = 30 * time.Minute
	// actionCooldown follows a block that lasts for hours to days and that every further
	// try prolongs.
	actionCooldown = 4 * time.Hour
)

// graphMethod is the type of Meta's errors about the call itself, not about what is
// in it.
const graphMethod = "GraphMethodException"

// instagramAPI is the type of the errors of graph.instagram.com's own.
const instagramAPI = "IGApiException"

// table has every error that is known to follow a send, a write under a comment, a
// look-up, or the reading of a list or a conversation. When a number stands in several rows the first that fits
// holds.
var table = []row{
	// Faults at Meta's side.
	{code: 1, class: Final, reason: privatereply.Refused, saidPermanent: true,
		meaning: "Meta refused it without saying why, and says that this is not passing"},
	{code: 1, subcode: 99, class: Final, reason: privatereply.Refused, saidPermanent: true,
		meaning: "Meta refused it without saying why, and says that this is not passing"},
	{code: 1, class: Temporary, reason: privatereply.Outage, doubtful: true,
		meaning: "Meta had an unknown fault; if it stays, a permission is often missing"},
	{code: 1, subcode: 99, class: Temporary, reason: privatereply.Outage, doubtful: true,
		meaning: "Meta had an unknown fault; if it stays, a permission is often missing"},
	{code: 1, subcode: 1357046, class: Unknown, reason: privatereply.AnsweredWithError, doubtful: true, source: observed,
		meaning: "Meta gives this error for messages that it delivered"},
	{code: 20, subcode: 1772107, class: Unknown, reason: privatereply.AnsweredWithError, doubtful: true, source: observed,
		meaning: "Meta gives this error for things that it did"},
	{code: 2, class: Temporary, reason: privatereply.Outage, doubtful: true,
		meaning: "Meta had a passing fault, or the person blocks the account"},
	{code: 2, subcode: 1545133, class: Temporary, reason: privatereply.Outage, doubtful: true,
		meaning: "Meta had a passing fault, or the person blocks the account"},
	{code: -1, class: Temporary, reason: privatereply.Outage, doubtful: true, source: observed, meaning: "Meta had an internal fault"},
	{code: -1, subcode: 2018012, class: Temporary, reason: privatereply.Outage, doubtful: true, source: observed,
		meaning: "Meta had an internal fault"},
	{code: -1, subcode: 2207001, class: Temporary, reason: privatereply.Outage, doubtful: true,
		meaning: "Instagram's server had a fault"},
	{code: -2, class: Temporary, reason: privatereply.Outage, doubtful: true, source: observed, meaning: "time ran out at Meta"},
	{code: pageTooLargeCode, class: Temporary, reason: privatereply.Outage, doubtful: true, source: observed,
		meaning: "Meta was asked for too much at once"},
	{code: 960, class: Temporary, reason: privatereply.Outage, doubtful: true, source: observed,
		meaning: "Meta gave the request up: it took too long"},
	{code: 1200, class: Temporary, reason: privatereply.Outage, source: observed, meaning: "Meta cannot send it just now"},
	{code: 1200, subcode: 2018024, class: Temporary, reason: privatereply.Outage, source: observed,
		meaning: "Meta cannot send it just now"},
	{subcode: 1363047, class: Unknown, reason: privatereply.AnsweredWithError, doubtful: true, source: observed,
		meaning: "Meta was not available, and may have done it"},
	{subcode: 1609010, class: Unknown, reason: privatereply.AnsweredWithError, doubtful: true, source: observed,
		meaning: "Meta was not available, and may have done it"},

	// Limits.
	{code: 4, class: Throttled, reason: privatereply.Throttled, meaning: "the app has reached its rate limit"},
	{code: 17, class: Throttled, reason: privatereply.Throttled, meaning: "the token's user has reached a rate limit"},
	{code: 341, class: Throttled, reason: privatereply.Throttled, meaning: "the app has reached a limit for now"},
	{code: 32, class: Throttled, reason: privatereply.Throttled, cooldown: limitCooldown,
		meaning: "the Page has reached its rate limit"},
	{code: 613, class: Throttled, reason: privatereply.Throttled, meaning: "this kind of call has reached its rate limit"},
	{code: 613, subcode: 2534040, class: Throttled, reason: privatereply.Throttled,
		meaning: "this kind of call has reached its rate limit"},
	{code: 613, subcode: 1996, class: Throttled, reason: privatereply.Throttled, meaning: "Meta sees an unusual volume of calls"},
	{code: 9, class: Throttled, reason: privatereply.Throttled, source: observed, meaning: "the account does too much at once"},
	{code: 18, class: Throttled, reason: privatereply.Throttled, source: observed, meaning: "the app uses too much of Meta at once"},
	{subcode: 1390008, class: Throttled, reason: privatereply.Throttled, cooldown: limitCooldown, source: observed,
		meaning: "the account does this too fast"},
	{code: 80001, class: Throttled, reason: privatereply.Throttled, cooldown: limitCooldown,
		meaning: "the Page has reached its rate limit"},
	{code: 80002, class: Throttled, reason: privatereply.Throttled, cooldown: limitCooldown,
		meaning: "the Instagram account has reached its rate limit"},
	{code: 80006, class: Throttled, reason: privatereply.Throttled, cooldown: limitCooldown,
		meaning: "the account has reached its rate limit for messages"},
	{code: 80000, upTo: 80014, class: Throttled, reason: privatereply.Throttled, cooldown: limitCooldown,
		meaning: "a business limit is reached"},

	// The account is held back by Meta.
	{code: 10, subcode: 1893063, class: Throttled, reason: privatereply.AccountBlocked, cooldown: blockCooldown,
		meaning: "Meta keeps the Page from messaging for a while"},
	{code: 368, class: Throttled, reason: privatereply.AccountBlocked, cooldown: blockCooldown,
		meaning: "Meta has blocked the account for a while because of its policies"},
	{code: 2022, class: Throttled, reason: privatereply.AccountBlocked, cooldown: blockCooldown,
		meaning: "messages of the account are switched off or blocked for a while"},
	{code: 1, subcode: 4928011, class: Throttled, reason: privatereply.AccountBlocked, cooldown: actionCooldown, source: observed,
		meaning: "Instagram keeps the account from acting for hours; trying on prolongs it"},
	{code: 1, subcode: 4928012, class: Throttled, reason: privatereply.AccountBlocked, cooldown: actionCooldown, source: observed,
		meaning: "Instagram keeps the account from acting for hours; trying on prolongs it"},
	{code: 4, subcode: 2207051, class: Throttled, reason: privatereply.AccountBlocked, cooldown: actionCooldown, doubtful: true,
		meaning: "Instagram takes it for spam, and has been seen to do it all the same"},
	{subcode: 1404112, class: Throttled, reason: privatereply.AccountBlocked, cooldown: actionCooldown, source: observed,
		meaning: "Meta limits the account for days"},
	{code: 25, subcode: 2207050, class: AccountFault, reason: privatereply.AccountBlocked,
		meaning: "Instagram has restricted the account: its owner solves it in the app"},
	{subcode: 1404078, class: AccountFault, reason: privatereply.AccountBlocked, source: observed,
		meaning: "Meta wants a check of the Page or of who runs it"},
	{subcode: 4854002, class: AccountFault, reason: privatereply.AccountBlocked, source: observed,
		meaning: "Meta wants a check of the Page or of who runs it"},
	{code: 613, subcode: 2018338, class: AccountFault, reason: privatereply.AccountBlocked,
		meaning: "Meta warns of an abuse of message tags"},
	{code: 100, subcode: 2534029, class: AccountFault, reason: privatereply.AccountBlocked,
		meaning: "the business is blocked from Instagram messaging"},
	{code: 100, subcode: 2534122, class: AccountFault, reason: privatereply.AccountBlocked, source: observed,
		meaning: "the business is blocked from Instagram messaging"},

	// The token.
	{code: 102, class: AccountFault, reason: privatereply.TokenRejected, meaning: "the session of the access token is over"},
	{code: 190, class: AccountFault, reason: privatereply.TokenRejected, meaning: "the access token is not valid"},
	{code: 190, subcode: 458, class: AccountFault, reason: privatereply.TokenRejected, meaning: "the token's user has removed the app"},
	{code: 190, subcode: 459, class: AccountFault, reason: privatereply.TokenRejected,
		meaning: "the token's user must log in to Facebook and pass a check"},
	{code: 190, subcode: 460, class: AccountFault, reason: privatereply.TokenRejected,
		meaning: "the token's user has changed the password, or Meta ended the session"},
	{code: 190, subcode: 463, class: AccountFault, reason: privatereply.TokenRejected, meaning: "the access token has expired"},
	{code: 190, subcode: 464, class: AccountFault, reason: privatereply.TokenRejected, source: observed,
		meaning: "the token's user is not confirmed"},
	{code: 190, subcode: 467, class: AccountFault, reason: privatereply.TokenRejected, meaning: "the access token is no longer valid"},
	{code: 190, subcode: 492, class: AccountFault, reason: privatereply.TokenRejected,
		meaning: "the token's user has no role on the Page: give the role back"},
	{code: 2500, class: AccountFault, reason: privatereply.TokenRejected, source: observed,
		meaning: "Meta found no access token in the request"},

	// The app.
	{code: 100, kind: graphMethod, alone: true, class: AccountFault, reason: privatereply.AppMisconfigured, source: observed,
		meaning: "the app requires its secret, and the appsecret_proof is missing or wrong"},
	{code: 101, class: AccountFault, reason: privatereply.AppMisconfigured, source: observed,
		meaning: "Meta cannot validate the app, or has blocked it"},
	{code: 104, class: AccountFault, reason: privatereply.AppMisconfigured, source: observed,
		meaning: "Meta does not accept the signature of the app"},
	{code: 5, class: AccountFault, reason: privatereply.AppMisconfigured, source: observed,
		meaning: "the app's settings do not allow calls from this address"},

	// Permissions and settings.
	{code: 3, class: AccountFault, reason: privatereply.NotPermitted,
		meaning: "the app may not make this call; often the account's login in the accounts file is wrong"},
	{code: 10, alone: true, class: AccountFault, reason: privatereply.NotPermitted, meaning: "the app lacks a permission"},
	{code: 10, subcode: 2534077, class: AccountFault, reason: privatereply.NotPermitted,
		meaning: "the link between the Instagram account and the Page is broken, or two-factor sign-in is missing"},
	{code: 100, subcode: 2534013, class: AccountFault, reason: privatereply.NotPermitted,
		meaning: "the Page is not linked to an Instagram account"},
	{code: 200, class: AccountFault, reason: privatereply.NotPermitted,
		meaning: "pages_messaging is missing, or the app is not live"},
	{code: 200, subcode: 10, class: AccountFault, reason: privatereply.NotPermitted, meaning: "the app lacks a permission"},
	{code: 200, subcode: 2018028, class: AccountFault, reason: privatereply.NotPermitted,
		meaning: "the app is not live or lacks pages_messaging, and the person has no role in it"},
	{code: 200, subcode: 2534041, class: AccountFault, reason: privatereply.NotPermitted,
		meaning: "the owner does not let apps read Instagram messages: switch it on in the Instagram app"},
	{code: 200, subcode: 2534066, class: AccountFault, reason: privatereply.NotPermitted, source: observed,
		meaning: "the token lacks the permission for private replies, or this post restricts them"},
	{code: 2, subcode: 2018344, class: AccountFault, reason: privatereply.NotPermitted,
		meaning: "an admin of the Page has to accept Meta's privacy terms"},
	{code: 283, class: AccountFault, reason: privatereply.NotPermitted, source: observed,
		meaning: "pages_read_engagement is missing"},
	{code: 1705, class: AccountFault, reason: privatereply.NotPermitted,
		meaning: "the call was made as a person, not as the Page: the token is not the Page's"},
	{code: 36103, class: AccountFault, reason: privatereply.NotPermitted,
		meaning: "the account may not use this part of Instagram's API yet"},
	{code: 10904, class: AccountFault, reason: privatereply.NotPermitted, source: observed,
		meaning: "the Page's settings do not allow messages"},
	{code: 10904, subcode: 1893050, class: AccountFault, reason: privatereply.NotPermitted, source: observed,
		meaning: "the Page's settings do not allow messages"},
	{code: 230, class: Final, reason: privatereply.Refused, source: observed,
		meaning: "the person has not agreed to show a profile; Meta gives this for look-ups, not for sends"},
	{code: 201, upTo: 299, class: AccountFault, reason: privatereply.NotPermitted, meaning: "a permission is missing"},

	// The comment.
	{code: 10900, class: AlreadyReplied, reason: privatereply.AlreadyReplied,
		meaning: "this comment has had its one private reply"},
	{code: 100, subcode: 2534025, class: NotRepliableOrReplied, reason: privatereply.NotRepliableOrAlreadyReplied,
		meaning: "the comment takes no private reply: answered already, deleted, or too old"},
	{code: 10901, class: Final, reason: privatereply.ReplyTimeExpired, source: observed,
		meaning: "the comment is too old for a private reply"},
	{code: 10902, class: Final, reason: privatereply.NotRepliable, source: observed,
		meaning: "this is not something that a private reply can go to"},
	{code: 10903, class: Final, reason: privatereply.NotRepliable, meaning: "the account may not reply to this"},
	{code: 10903, subcode: 1893049, class: Final, reason: privatereply.NotRepliable, meaning: "the account may not reply to this"},
	{code: 10903, subcode: 1893062, class: Final, reason: privatereply.NotRepliable, meaning: "the account may not reply to this"},
	{code: 100, subcode: 2018292, class: Final, reason: privatereply.CommentNotFound, source: observed,
		meaning: "there is no comment with this id"},
	{code: 803, class: Final, reason: privatereply.CommentNotFound, source: observed, meaning: "there is no object with this id"},
	{code: 24, subcode: 2207006, class: Final, reason: privatereply.CommentNotFound,
		meaning: "the media does not exist, or the token may not see it"},
	{code: 100, subcode: 33, class: Final, reason: privatereply.CommentNotFound,
		meaning: "the object does not exist, or the token may not see it, or it does not take this call"},

	// The person and the conversation.
	{code: 10, subcode: 2018108, class: Final, reason: privatereply.PersonUnavailable,
		meaning: "the person cannot receive messages from this account"},
	{code: 200, subcode: 1545041, class: Final, reason: privatereply.PersonUnavailable,
		meaning: "the person is not available, or blocks the account"},
	{code: 551, class: Final, reason: privatereply.PersonUnavailable, meaning: "the person is not available, or blocks the account"},
	{code: 551, subcode: 1545041, class: Final, reason: privatereply.PersonUnavailable,
		meaning: "the person is not available, or blocks the account"},
	{code: 10, subcode: 2018336, class: Final, reason: privatereply.PersonUnavailable,
		meaning: "Meta does not let the account write to this person, probably for privacy rules of a region"},
	{code: 110, class: Final, reason: privatereply.PersonNotFound, meaning: "there is no such person"},
	{code: 9010, class: Final, reason: privatereply.PersonNotFound, source: observed, meaning: "there is no such Instagram user"},
	{code: 100, subcode: 2018001, class: Final, reason: privatereply.PersonNotFound, meaning: "there is no such person"},
	{code: 100, subcode: 1893060, class: Final, reason: privatereply.PersonNotFound, source: observed, meaning: "there is no such person"},
	{code: 100, subcode: 2534014, class: Final, reason: privatereply.PersonNotFound,
		meaning: "there is no such Instagram user, or no such comment"},
	{code: 10, subcode: 2018278, class: Final, reason: privatereply.OutsideWindow, meaning: "the messaging window is closed"},
	{code: 10, subcode: 2534022, class: Final, reason: privatereply.OutsideWindow, meaning: "the messaging window is closed"},
	{code: 10, subcode: 2018065, class: Final, reason: privatereply.OutsideWindow, meaning: "the messaging window is closed"},
	{code: 10, subcode: 2018300, class: Final, reason: privatereply.ThreadOwnedElsewhere,
		meaning: "another app controls this conversation"},
	{code: 2018300, class: Final, reason: privatereply.ThreadOwnedElsewhere, meaning: "another app controls this conversation"},
	{code: 100, subcode: 2534037, class: Final, reason: privatereply.ThreadOwnedElsewhere,
		meaning: "another app controls this conversation"},
	{code: 2018321, class: Temporary, reason: privatereply.ThreadOwnedElsewhere, cooldown: limitCooldown,
		meaning: "an automated flow of Meta's has this conversation for now"},
	{subcode: 2018321, class: Temporary, reason: privatereply.ThreadOwnedElsewhere, cooldown: limitCooldown,
		meaning: "an automated flow of Meta's has this conversation for now"},

	// The request.
	{code: 100, alone: true, kind: instagramAPI, class: Unlisted, reason: privatereply.Refused, source: observed,
		meaning: "the account may have no role in the app yet, or a parameter is wrong"},
	{code: 100, alone: true, class: Final, reason: privatereply.BadRequest, meaning: "a parameter is wrong"},
	{code: 100, subcode: 2534015, class: Final, reason: privatereply.ContentNotAllowed,
		meaning: "this kind of message does not allow this content"},
	{code: 100, subcode: 2018109, class: Final, reason: privatereply.ContentNotAllowed, meaning: "Meta does not take the attachment"},
	{code: 100, subcode: 2018047, class: Final, reason: privatereply.ContentNotAllowed, meaning: "Meta does not take the attachment"},
	{code: 100, subcode: 2018008, class: Final, reason: privatereply.ContentNotAllowed, meaning: "Meta does not take the attachment"},
	{code: 100, subcode: 2018294, class: Final, reason: privatereply.ContentNotAllowed, meaning: "Meta does not take the attachment"},
	{code: 100, subcode: 2018074, class: Final, reason: privatereply.ContentNotAllowed,
		meaning: "the attachment belongs to somebody else"},
	{code: 100, subcode: 2018014, class: Final, reason: privatereply.BadRequest,
		meaning: "a message and an action of the sender cannot go together"},
	{code: 12, class: Final, reason: privatereply.BadRequest, source: observed, meaning: "Meta no longer has this call"},
	{subcode: 1346003, class: Final, reason: privatereply.ContentNotAllowed, source: observed, meaning: "Meta takes the text for abuse"},
	{subcode: 1404102, class: Final, reason: privatereply.ContentNotAllowed, source: observed, meaning: "Meta takes the text for abuse"},
	{code: 36, class: Unlisted, reason: privatereply.Refused, doubtful: true, source: observed,
		meaning: "Meta refuses it with a code that no page of Meta's explains"},
	{code: 506, class: Final, reason: privatereply.Refused, meaning: "the same was published already"},
	{code: 1609005, class: Final, reason: privatereply.Refused, meaning: "Meta could not open a link in the post"},
	// What only marketing messages and messages to phone numbers get.
	{code: 10, subcode: 1404170, class: Final, reason: privatereply.Refused, meaning: "this is about marketing messages"},
	{code: 10, subcode: 1893015, class: Final, reason: privatereply.Refused, meaning: "this is about marketing messages"},
	{code: 4, subcode: 2018354, class: Final, reason: privatereply.Refused, meaning: "this is about messages to phone numbers"},
	{code: 9, subcode: 2018352, class: Final, reason: privatereply.Refused, meaning: "this is about messages to phone numbers"},
	{code: 613, subcode: 1893016, class: Final, reason: privatereply.Refused, meaning: "this is about marketing messages"},
	{code: 200, subcode: 2018021, class: Final, reason: privatereply.Refused, meaning: "this is about messages to phone numbers"},
	{code: 200, subcode: 2018027, class: Final, reason: privatereply.Refused, meaning: "this is about messages to phone numbers"},
	{code: messageUnavailableCode, class: Final, reason: privatereply.Refused, meaning: "the message is deleted, or too old to be read"},
}

// messageUnavailableCode is what Meta says of a message that can no longer be read. Instagram
// shows only the 20 newest messages of a conversation.
const messageUnavailableCode = 9000001

// pageTooLargeCode is what Meta's own SDK calls a list that was asked for with too much on
// a page. Meta mostly answers code 1 for it.
const pageTooLargeCode = -3

package meta

import "net/http"

// refusal is one of Meta's errors. Programs read code and subcode; the text comes
// in whatever language Meta picks.
type refusal struct {
	status    int // 0 is 400
	code      int
	subcode   int
	kind      string // Meta's "type"; empty is OAuthException
	about     topic
	text      string // English
	transient bool
	titled    bool // carries error_user_title and error_user_msg
}

// The errors that the sandbox answers, from meta-platform.md §4.2.
var (
	errNoToken     = &refusal{code: 2500, about: aboutToken, text: "An active access token must be used to query information about the current user."}
	errBadToken    = &refusal{status: http.StatusUnauthorized, code: 190, about: aboutToken, text: "Invalid OAuth access token - Cannot parse access token"}
	errNoProof     = &refusal{code: 100, kind: graphMethod, about: aboutToken, text: "API calls from the server require an appsecret_proof argument"}
	errBadProof    = &refusal{code: 100, kind: graphMethod, about: aboutToken, text: "Invalid appsecret_proof provided in the API argument"}
	errCapability  = &refusal{code: 3, about: aboutPermission, text: "(#3) Application does not have the capability to make this API call."}
	errMissing     = &refusal{code: 100, subcode: 33, kind: graphMethod, about: aboutMissing, text: "Unsupported request. Object does not exist, cannot be loaded due to missing permissions, or does not support this operation."}
	errUnsupported = &refusal{code: 100, subcode: 33, kind: graphMethod, about: aboutMissing, text: "Unsupported request. This call is not supported here."}

	errAppLimit       = &refusal{code: 4, about: aboutLimit, text: "(#4) Application request limit reached", transient: true}
	errPageLimit      = &refusal{code: 80006, about: aboutLimit, text: "(#80006) There have been too many calls to this messenger account. Wait a bit and try again."}
	errInstagramLimit = &refusal{code: 80002, about: aboutLimit, text: "(#80002) There have been too many calls to this Instagram account. Wait a bit and try again."}
	errBurst          = &refusal{status: http.StatusTooManyRequests, code: 613, subcode: 2534040, about: aboutLimit, text: "(#613) Calls to this api have exceeded the rate limit."}
	errConversations  = &refusal{code: 613, about: aboutLimit, text: "(#613) Calls to this api have exceeded the rate limit."}

	errPermission      = &refusal{status: http.StatusForbidden, code: 10, about: aboutPermission, text: "(#10) This endpoint requires a permission that the token does not have."}
	errMessaging       = &refusal{status: http.StatusForbidden, code: 200, about: aboutPermission, text: "(#200) Requires pages_messaging permission to manage the object"}
	errReplyPermission = &refusal{status: http.StatusForbidden, code: 200, subcode: 2534066, about: aboutPermission, text: "(#200) The token lacks the permission for private replies"}
	errHumanAgent      = &refusal{status: http.StatusForbidden, code: 10, about: aboutPermission, text: "(#10) The app does not have the Human Agent feature"}

	errAlreadyReplied = &refusal{code: 10900, about: aboutReply, text: "(#10900) Activity already replied to", titled: true}
	errReplyTime      = &refusal{code: 10901, about: aboutReply, text: "(#10901) Activity replying time expired", titled: true}
	errNotReplyable   = &refusal{code: 10902, about: aboutReply, text: "(#10902) Activity is not a replyable one", titled: true}
	errCannotReplyTo  = &refusal{code: 10903, about: aboutReply, text: "(#10903) This user cannot reply to this activity", titled: true}
	errInvalidComment = &refusal{code: 100, subcode: 2534025, kind: instagramType, about: aboutReply, text: "The comment is invalid for a private reply", titled: true}
	errNoCommenter    = &refusal{code: 100, subcode: 2534014, kind: instagramType, about: aboutMissing, text: "The requested user cannot be found", titled: true}
	errNoPerson       = &refusal{code: 100, subcode: 2018001, about: aboutMissing, text: "(#100) No matching user found"}

	errUnavailable          = &refusal{code: 551, subcode: 1545041, about: aboutPerson, text: "(#551) This person isn't available right now.", titled: true}
	errInstagramUnavailable = &refusal{status: http.StatusForbidden, code: 200, subcode: 1545041, about: aboutPerson, text: "(#200) This person isn't available right now.", titled: true}
	errBlockedByPerson      = &refusal{status: http.StatusForbidden, code: 10, subcode: 2018108, about: aboutPerson, text: "(#10) This Person Cannot Receive Messages: This person isn't receiving messages from you right now.", titled: true}
	errOtherApp             = &refusal{status: http.StatusForbidden, code: 10, subcode: 2018300, about: aboutPerson, text: "(#10) Message not sent because another app is controlling this thread now."}
	errInstagramOtherApp    = &refusal{code: 100, subcode: 2534037, kind: instagramType, about: aboutPerson, text: "The app is not the thread owner"}
	errWindow               = &refusal{status: http.StatusForbidden, code: 10, subcode: 2018278, about: aboutWindow, text: "(#10) This message is sent outside of allowed window.", titled: true}
	errInstagramWindow      = &refusal{status: http.StatusForbidden, code: 10, subcode: 2534022, about: aboutWindow, text: "(#10) This message is sent outside of allowed window.", titled: true}
	errOldMessage           = &refusal{code: 9000001, about: aboutMissing, text: "The message has been deleted or is too old"}
)

const (
	graphMethod   = "GraphMethodException"
	instagramType = "IGApiException"
)

// badParameter is Meta's answer to a request that is wrong in itself.
func badParameter(text string) *refusal {
	return &refusal{code: 100, about: aboutParameter, text: "(#100) " + text}
}

// either picks the error that the platform of a uses.
func (a *account) either(page, instagram *refusal) *refusal {
	if a.instagram() {
		return instagram
	}
	return page
}

package meta

import (
	"net/http"
)

// graphError is one of Meta's errors. Programs read code and subcode; the language of
// the text changes from answer to answer.
type graphError struct {
	status     int // 0 is 400
	code       int
	subcode    int
	errorType  string // Meta's "type"; empty is OAuthException
	topic      errorTopic
	text       string // English
	transient  bool
	userFacing bool // carries error_user_title and error_user_msg
}

// The errors that the sandbox answers, from meta-platform.md §4.2.
var (
	errNoToken     = &graphError{code: 2500, topic: topicToken, text: "An active access token must be used to query information about the current user."}
	errBadToken    = &graphError{status: http.StatusUnauthorized, code: 190, topic: topicToken, text: "Invalid OAuth access token - Cannot parse access token"}
	errNoProof     = &graphError{code: 100, errorType: typeGraphMethod, topic: topicToken, text: "API calls from the server require an appsecret_proof argument"}
	errBadProof    = &graphError{code: 100, errorType: typeGraphMethod, topic: topicToken, text: "Invalid appsecret_proof provided in the API argument"}
	errCapability  = &graphError{code: 3, topic: topicPermission, text: "(#3) Application does not have the capability to make this API call."}
	errMissing     = &graphError{code: 100, subcode: 33, errorType: typeGraphMethod, topic: topicMissing, text: "Unsupported request. Object does not exist, cannot be loaded due to missing permissions, or does not support this operation."}
	errUnsupported = &graphError{code: 100, subcode: 33, errorType: typeGraphMethod, topic: topicMissing, text: "Unsupported request. This call is not supported here."}

	errAppLimit       = &graphError{code: 4, topic: topicLimit, text: "(#4) Application request limit reached", transient: true}
	errPageLimit      = &graphError{code: 80006, topic: topicLimit, text: "(#80006) There have been too many calls to this messenger account. Wait a bit and try again."}
	errInstagramLimit = &graphError{code: 80002, topic: topicLimit, text: "(#80002) There have been too many calls to this Instagram account. Wait a bit and try again."}
	errBurst          = &graphError{status: http.StatusTooManyRequests, code: 613, subcode: 2534040, topic: topicLimit, text: "(#613) Calls to this api have exceeded the rate limit."}
	errConversations  = &graphError{code: 613, topic: topicLimit, text: "(#613) Calls to this api have exceeded the rate limit."}

	errPermission      = &graphError{status: http.StatusForbidden, code: 10, topic: topicPermission, text: "(#10) This endpoint requires a permission that the token does not have."}
	errMessaging       = &graphError{status: http.StatusForbidden, code: 200, topic: topicPermission, text: "(#200) Requires pages_messaging permission to manage the object"}
	errModerate        = &graphError{status: http.StatusForbidden, code: 200, topic: topicPermission, text: "(#200) Requires pages_manage_engagement permission, and the task MODERATE, to manage the object"}
	errReplyPermission = &graphError{status: http.StatusForbidden, code: 200, subcode: 2534066, topic: topicPermission, text: "(#200) The token lacks the permission for private replies"}
	errHumanAgent      = &graphError{status: http.StatusForbidden, code: 10, topic: topicPermission, text: "(#10) The app does not have the Human Agent feature"}

	errAlreadyReplied = &graphError{code: 10900, topic: topicReply, text: "(#10900) Activity already replied to", userFacing: true}
	errReplyTime      = &graphError{code: 10901, topic: topicReply, text: "(#10901) Activity replying time expired", userFacing: true}
	errNotReplyable   = &graphError{code: 10902, topic: topicReply, text: "(#10902) Activity is not a replyable one", userFacing: true}
	errCannotReplyTo  = &graphError{code: 10903, topic: topicReply, text: "(#10903) This user cannot reply to this activity", userFacing: true}
	errInvalidComment = &graphError{code: 100, subcode: 2534025, errorType: typeInstagram, topic: topicReply, text: "The comment is invalid for a private reply", userFacing: true}
	errNoCommenter    = &graphError{code: 100, subcode: 2534014, errorType: typeInstagram, topic: topicMissing, text: "The requested user cannot be found", userFacing: true}
	errContent        = &graphError{code: 100, subcode: 2534015, errorType: typeInstagram, topic: topicReply, text: "The message content is not allowed in this message", userFacing: true}
	errFieldsOfWrite  = &graphError{code: 20, subcode: 1772107, topic: topicParameter, text: "(#20) The comment was created, but its fields cannot be read"}
	errNoPerson       = &graphError{code: 100, subcode: 2018001, topic: topicMissing, text: "(#100) No matching user found"}

	errUnavailable          = &graphError{code: 551, subcode: 1545041, topic: topicPerson, text: "(#551) This person isn't available right now.", userFacing: true}
	errInstagramUnavailable = &graphError{status: http.StatusForbidden, code: 200, subcode: 1545041, topic: topicPerson, text: "(#200) This person isn't available right now.", userFacing: true}
	errBlockedByPerson      = &graphError{status: http.StatusForbidden, code: 10, subcode: 2018108, topic: topicPerson, text: "(#10) This Person Cannot Receive Messages: This person isn't receiving messages from you right now.", userFacing: true}
	errOtherApp             = &graphError{status: http.StatusForbidden, code: 10, subcode: 2018300, topic: topicPerson, text: "(#10) Message not sent because another app is controlling this thread now."}
	errInstagramOtherApp    = &graphError{code: 100, subcode: 2534037, errorType: typeInstagram, topic: topicPerson, text: "The app is not the thread owner"}
	errWindow               = &graphError{status: http.StatusForbidden, code: 10, subcode: 2018278, topic: topicWindow, text: "(#10) This message is sent outside of allowed window.", userFacing: true}
	errInstagramWindow      = &graphError{status: http.StatusForbidden, code: 10, subcode: 2534022, topic: topicWindow, text: "(#10) This message is sent outside of allowed window.", userFacing: true}
	errOldMessage           = &graphError{code: 9000001, topic: topicMissing, text: "The message has been deleted or is too old"}
)

const (
	typeGraphMethod = "GraphMethodException"
	typeInstagram   = "IGApiException"
)

// errParameter is Meta's error for a malformed request.
func errParameter(text string) *graphError {
	return &graphError{code: 100, topic: topicParameter, text: "(#100) " + text}
}

// byPlatform picks the error of the account's platform.
func (a *account) byPlatform(page, instagram *graphError) *graphError {
	if a.instagram() {
		return instagram
	}
	return page
}

// errorTopic selects the translation of an error.
type errorTopic int

const (
	topicParameter errorTopic = iota
	topicToken
	topicPermission
	topicMissing
	topicLimit
	topicReply
	topicPerson
	topicWindow
	topicFault
)

// translations are the texts of the errors in the languages that rotate after English:
// Meta answers in the language that it assumes for the caller, so a client must never
// read the text.
var translations = []map[errorTopic]string{
	{
		topicParameter:  "Ein Parameter der Anfrage ist ungültig.",
		topicToken:      "Der Zugriffsschlüssel ist ungültig oder abgelaufen.",
		topicPermission: "Die Anwendung hat nicht die nötige Berechtigung.",
		topicMissing:    "Das angeforderte Objekt wurde nicht gefunden.",
		topicLimit:      "Das Anfragelimit wurde erreicht. Bitte später erneut versuchen.",
		topicReply:      "Auf diesen Kommentar kann nicht privat geantwortet werden.",
		topicPerson:     "Diese Person ist im Moment nicht verfügbar.",
		topicWindow:     "Diese Nachricht wurde außerhalb des zulässigen Zeitfensters gesendet.",
		topicFault:      "Es ist ein unerwarteter Fehler aufgetreten.",
	},
	{
		topicParameter:  "リクエストのパラメーターが正しくありません。",
		topicToken:      "アクセストークンが無効か、期限が切れています。",
		topicPermission: "アプリに必要な権限がありません。",
		topicMissing:    "指定されたオブジェクトが見つかりません。",
		topicLimit:      "リクエスト数の上限に達しました。しばらくしてからもう一度お試しください。",
		topicReply:      "このコメントには非公開で返信できません。",
		topicPerson:     "この利用者は現在メッセージを受け取れません。",
		topicWindow:     "許可された期間外のメッセージです。",
		topicFault:      "予期しないエラーが発生しました。",
	},
	{
		topicParameter:  "Un parámetro de la solicitud no es válido.",
		topicToken:      "El token de acceso no es válido o ha caducado.",
		topicPermission: "La aplicación no tiene el permiso necesario.",
		topicMissing:    "No se encontró el objeto solicitado.",
		topicLimit:      "Se alcanzó el límite de solicitudes. Vuelve a intentarlo más tarde.",
		topicReply:      "No se puede responder en privado a este comentario.",
		topicPerson:     "Esta persona no está disponible en este momento.",
		topicWindow:     "Este mensaje se envió fuera del periodo permitido.",
		topicFault:      "Se produjo un error inesperado.",
	},
	{
		topicParameter:  "请求的参数无效。",
		topicToken:      "访问口令无效或已过期。",
		topicPermission: "应用缺少所需的权限。",
		topicMissing:    "找不到所请求的对象。",
		topicLimit:      "已达到请求次数上限，请稍后再试。",
		topicReply:      "无法私下回复这条评论。",
		topicPerson:     "此用户目前无法接收消息。",
		topicWindow:     "此消息在允许的时间之外发送。",
		topicFault:      "发生意外错误。",
	},
}

// nextTranslation is the text of r in the next language of the rotation.
func (s *Sandbox) nextTranslation(r *graphError) string {
	n := s.errorsAnswered % (len(translations) + 1)
	s.errorsAnswered++
	if n == 0 {
		return r.text
	}
	return translations[n-1][r.topic]
}

package meta

// topic is what an error is about, in as much detail as its translations go.
type topic int

const (
	aboutParameter topic = iota
	aboutToken
	aboutPermission
	aboutMissing
	aboutLimit
	aboutReply
	aboutPerson
	aboutWindow
	aboutFault
)

// translations are the languages that error texts rotate through, after English:
// Meta answers in the language of whoever it thinks is asking, so a client must
// never read the text.
var translations = []map[topic]string{
	{
		aboutParameter:  "Ein Parameter der Anfrage ist ungültig.",
		aboutToken:      "Der Zugriffsschlüssel ist ungültig oder abgelaufen.",
		aboutPermission: "Die Anwendung hat nicht die nötige Berechtigung.",
		aboutMissing:    "Das angeforderte Objekt wurde nicht gefunden.",
		aboutLimit:      "Das Anfragelimit wurde erreicht. Bitte später erneut versuchen.",
		aboutReply:      "Auf diesen Kommentar kann nicht privat geantwortet werden.",
		aboutPerson:     "Diese Person ist im Moment nicht verfügbar.",
		aboutWindow:     "Diese Nachricht wurde außerhalb des zulässigen Zeitfensters gesendet.",
		aboutFault:      "Es ist ein unerwarteter Fehler aufgetreten.",
	},
	{
		aboutParameter:  "リクエストのパラメーターが正しくありません。",
		aboutToken:      "アクセストークンが無効か、期限が切れています。",
		aboutPermission: "アプリに必要な権限がありません。",
		aboutMissing:    "指定されたオブジェクトが見つかりません。",
		aboutLimit:      "リクエスト数の上限に達しました。しばらくしてからもう一度お試しください。",
		aboutReply:      "このコメントには非公開で返信できません。",
		aboutPerson:     "この利用者は現在メッセージを受け取れません。",
		aboutWindow:     "許可された期間外のメッセージです。",
		aboutFault:      "予期しないエラーが発生しました。",
	},
	{
		aboutParameter:  "Un parámetro de la solicitud no es válido.",
		aboutToken:      "El token de acceso no es válido o ha caducado.",
		aboutPermission: "La aplicación no tiene el permiso necesario.",
		aboutMissing:    "No se encontró el objeto solicitado.",
		aboutLimit:      "Se alcanzó el límite de solicitudes. Vuelve a intentarlo más tarde.",
		aboutReply:      "No se puede responder en privado a este comentario.",
		aboutPerson:     "Esta persona no está disponible en este momento.",
		aboutWindow:     "Este mensaje se envió fuera del periodo permitido.",
		aboutFault:      "Se produjo un error inesperado.",
	},
	{
		aboutParameter:  "请求的参数无效。",
		aboutToken:      "访问口令无效或已过期。",
		aboutPermission: "应用缺少所需的权限。",
		aboutMissing:    "找不到所请求的对象。",
		aboutLimit:      "已达到请求次数上限，请稍后再试。",
		aboutReply:      "无法私下回复这条评论。",
		aboutPerson:     "此用户目前无法接收消息。",
		aboutWindow:     "此消息在允许的时间之外发送。",
		aboutFault:      "发生意外错误。",
	},
}

// inSomeLanguage gives the text of r in the next language of the rotation.
func (s *Sandbox) inSomeLanguage(r *refusal) string {
	n := s.said % (len(translations) + 1)
	s.said++
	if n == 0 {
		return r.text
	}
	return translations[n-1][r.about]
}

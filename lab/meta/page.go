package meta

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/privatereply/privatereply"
)

//go:embed assets
var assets embed.FS

var pageTemplate = template.Must(template.New("page.html").Funcs(template.FuncMap{
	"clock": func(t time.Time) string { return t.Format("15:04:05") },
	"stamp": func(t time.Time) string { return t.Format(time.RFC3339) },
	"words": func(v any) string { return strings.ReplaceAll(fmt.Sprint(v), "_", " ") },
	"short": shortCaption,
}).ParseFS(assets, "assets/page.html"))

// shortCaption is the beginning of a caption, for a list of posts.
func shortCaption(caption string) string {
	first, _, more := strings.Cut(caption, "\n")
	if letters := []rune(first); len(letters) > 60 {
		first, more = string(letters[:60]), true
	}
	if more {
		first += " …"
	}
	return first
}

// pagePolicy is the Content-Security-Policy of the page: only its own script, style and
// images.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// pageView is the data of the page.
type pageView struct {
	Version  int // grows with everything that happens
	Error    string
	Callback string
	Report   Report
	Accounts []AccountInfo
	Lives    []PostInfo
	Comments []commentView
	People   []personView
	Faults   []FaultKind
	Active   []Fault
	Ops      []string
	Delivery WebhookSettings
	Webhooks []Webhook
	Events   []Event
	States   []PersonState
	Kinds    []string
	Attached []string // what a message can carry
}

// commentView is a comment on the page.
type commentView struct {
	CommentReport
	AccountName string
	Until       time.Time // the last moment for a private reply; zero during a live, which has none
	Own         bool
}

// personView is a person's inbox on the page.
type personView struct {
	Person
	Key         string // for the page's elements
	AccountName string
	ID          string
	State       PersonState
	Follows     bool
	Requests    bool      // the conversation lies in Instagram's Message Requests
	Window      time.Time // when the account may no longer write; zero: it may not
	Messages    []Message
}

// Bounds of what the page shows.
const (
	eventsShown   = 60
	webhooksShown = 12
	messagesShown = 30
)

func (s *Sandbox) view() pageView {
	v := pageView{
		Report: s.Report(), Accounts: s.Accounts(), Faults: FaultKinds, Active: s.ActiveFaults(), Delivery: s.WebhookSettings(),
		States: []PersonState{PersonAvailable, PersonUnavailable, PersonBlocked, PersonIsPage, PersonWithOtherApp},
		Kinds:  MessageKinds, Attached: MessageAttachments,
		Ops: []string{"send", "read", "all", string(OpPrivateReply), string(OpFollowUp),
			string(OpPublicReply), string(OpCommentReplies), string(OpHide),
			string(OpCodeExchange), string(OpTokenExchange), string(OpTokenRefresh), string(OpPages), string(OpDebugToken), string(OpPermissions), string(OpSubscription)},
	}
	v.Webhooks = s.Webhooks()
	v.Webhooks = v.Webhooks[:min(len(v.Webhooks), webhooksShown)]
	for _, a := range v.Accounts {
		for _, p := range a.Posts {
			if p.Live {
				p.Caption = a.Name
				v.Lives = append(v.Lives, p)
			}
		}
	}
	v.Callback = s.outbox.callback()

	s.mu.Lock()
	defer s.mu.Unlock()
	v.Version = s.version
	v.Events = s.events.after(max(0, s.events.seq-eventsShown))
	slices.Reverse(v.Events)
	for _, c := range s.recent.comments {
		shown := commentView{CommentReport: s.commentReport(c), AccountName: c.account.Name, Own: c.person == nil}
		if !c.onLive() {
			shown.Until = c.createdAt.Add(privateReplyPeriod)
		}
		v.Comments = append(v.Comments, shown)
	}
	for _, p := range s.recent.people {
		v.People = append(v.People, s.personView(p))
	}
	return v
}

func (s *Sandbox) personView(p *person) personView {
	v := personView{Person: Person{p.account.ID, p.username}, Key: "person-" + p.account.ID + "-" + p.id,
		AccountName: p.account.Name, ID: p.messagingID, State: p.state, Follows: !p.stranger, Requests: p.inRequests()}
	if s.checkWindow(p, false) == nil {
		v.Window = p.wroteAt.Add(standardWindow)
	}
	for _, m := range p.messages[max(0, len(p.messages)-messagesShown):] {
		v.Messages = append(v.Messages, m.view())
	}
	return v
}

// servePage serves the page, or 204 if the caller has seen the current version.
func (s *Sandbox) servePage(w http.ResponseWriter, r *http.Request) {
	seen, err := strconv.Atoi(r.FormValue("seen"))
	s.mu.Lock()
	nothingNew := err == nil && seen == s.version
	s.mu.Unlock()
	if nothingNew {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	s.renderPage(w, http.StatusOK, "")
}

func (s *Sandbox) renderPage(w http.ResponseWriter, status int, problem string) {
	v := s.view()
	v.Error = problem
	var page bytes.Buffer
	if err := pageTemplate.Execute(&page, v); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(page.Bytes())
}

func serveAsset(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	http.ServeFileFS(w, r, assets, "assets/"+r.PathValue("file"))
}

// handleForm performs the action of a form on the page, and shows the page again.
func (s *Sandbox) handleForm(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := s.performForm(r); err != nil {
		s.renderPage(w, http.StatusBadRequest, err.Error())
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (s *Sandbox) performForm(r *http.Request) error {
	person := Person{Account: r.FormValue("account"), Username: r.FormValue("username")}
	number := func(name string) int {
		n, _ := strconv.Atoi(r.FormValue(name))
		return n
	}
	id, text := r.FormValue("id"), r.FormValue("text")
	var err error
	switch action := r.PathValue("action"); action {
	case "comment":
		return s.submitComment(r)
	case "remove":
		return s.RemoveComment(id)
	case "hide":
		return s.HideComment(id, r.FormValue("hidden") == "")
	case "human":
		_, err = s.HumanReply(id, text)
	case "say":
		_, err = s.WriteMessage(NewMessage{Account: person.Account, Username: person.Username, Kind: r.FormValue("kind"), Text: text, Attachment: r.FormValue("attachment")})
	case "tap":
		_, err = s.Tap(NewTap{Account: person.Account, Person: person.Username, Payload: r.FormValue("payload"), Title: r.FormValue("title")})
	case "follow":
		return s.SetFollows(person, r.FormValue("follows") != "")
	case "person":
		return s.SetPersonState(person, PersonState(r.FormValue("state")))
	case "live-start":
		_, err = s.StartLive(person.Account)
	case "live-end":
		return s.EndLive(id)
	case "token-end":
		return s.UpdateAccount(person.Account, AccountUpdate{TokenState: new(TokenExpired)})
	case "unsubscribe":
		return s.UpdateAccount(person.Account, AccountUpdate{Fields: &[]string{}})
	case "app-remove":
		_, err = s.Deauthorize(r.Context(), SignedCallback{Account: person.Account})
	case "data-deletion":
		_, err = s.RequestDeletion(r.Context(), SignedCallback{Account: person.Account})
	case "fault":
		_, err = s.AddFault(Fault{Name: r.FormValue("name"), Account: person.Account, Calls: r.FormValue("calls"), Times: number("times"),
			Minutes: number("minutes"), Code: number("code"), Subcode: number("subcode"), DelayMilliseconds: number("delay_ms")})
	case "fault-clear":
		s.ClearFault(id)
	case "delivery":
		return s.SetWebhookSettings(WebhookSettings{Batch: number("batch"), Duplicates: number("duplicates"), Shuffle: r.FormValue("shuffle") != "",
			Hold: r.FormValue("hold") != "", Documented: r.FormValue("documented") != "", Receipts: r.FormValue("receipts") != "",
			Echo: EchoMode(r.FormValue("echo"))})
	case "resend":
		return s.ResendWebhook(number("id"), number("times"))
	case "retry":
		s.RetryWebhooks()
	case "test":
		return s.SendTestWebhook(person.Account, r.FormValue("field"))
	default:
		return fmt.Errorf("action: %q is %w", action, ErrUnknown)
	}
	return err
}

// submitComment writes a comment from the form, whose field "place" is "post:<id>" or
// "visitor:<account>".
func (s *Sandbox) submitComment(r *http.Request) error {
	n := NewComment{Username: r.FormValue("username"), Text: r.FormValue("text"), ParentID: r.FormValue("parent"), Attachment: r.FormValue("attachment"), ByAccount: r.FormValue("own") != ""}
	if hours, err := strconv.Atoi(r.FormValue("age")); err == nil {
		n.Age = privatereply.Duration(time.Duration(hours) * time.Hour)
	}
	kind, id, _ := strings.Cut(r.FormValue("place"), ":")
	if kind == "visitor" {
		n.Account, n.Source = id, privatereply.SourceVisitorPost
	} else {
		n.PostID = id
	}
	_, err := s.Comment(n)
	return err
}

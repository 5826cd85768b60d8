package meta

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// routes are all paths of the sandbox. Those that change something refuse browsers on
// other sites.
func (s *Sandbox) routes() *http.ServeMux {
	own := http.NewServeMux()
	own.HandleFunc("GET /{$}", s.servePage)
	own.HandleFunc("GET /assets/{file}", serveAsset)
	own.HandleFunc("POST /act/{action}", s.handleForm)
	s.controlRoutes(own)

	mux := http.NewServeMux()
	protected := http.NewCrossOriginProtection().Handler(own)
	s.loginRoutes(own)
	for _, path := range []string{"/{$}", "/assets/", "/pictures/", "/act/", "/sandbox/", "/login/"} {
		mux.Handle(path, protected)
	}
	mux.HandleFunc("/instagram/access_token", s.instagramTokenHandler((*Sandbox).routeLongToken))
	mux.HandleFunc("/instagram/refresh_access_token", s.instagramTokenHandler((*Sandbox).routeRefresh))
	mux.HandleFunc("POST /login/instagram/oauth/access_token", s.serveInstagramCode)
	mux.Handle("/facebook/", s.graphHandler(hostFacebook))
	mux.Handle("/instagram/", s.graphHandler(hostInstagram))
	mux.Handle("/", s.graphHandler(hostEither))
	return mux
}

func (s *Sandbox) controlRoutes(mux *http.ServeMux) {
	get := func(path string, answer func(r *http.Request) (any, error)) {
		mux.HandleFunc("GET /sandbox/"+path, func(w http.ResponseWriter, r *http.Request) {
			v, err := answer(r)
			writeControl(w, v, err)
		})
	}
	get("report", func(*http.Request) (any, error) { return s.Report(), nil })
	get("accounts", func(*http.Request) (any, error) { return s.Accounts(), nil })
	get("events", func(r *http.Request) (any, error) {
		after, _ := strconv.Atoi(r.FormValue("after"))
		return s.Events(after), nil
	})
	get("inbox", func(r *http.Request) (any, error) {
		box := s.Inbox(Person{Account: r.FormValue("account"), Username: r.FormValue("username")})
		if box == nil {
			box = []Message{}
		}
		return box, nil
	})
	get("comments/{id}", func(r *http.Request) (any, error) {
		c, found := s.CommentReport(r.PathValue("id"))
		if !found {
			return nil, fmt.Errorf("comment: %q is %w", r.PathValue("id"), ErrUnknown)
		}
		return c, nil
	})
	get("faults", func(*http.Request) (any, error) {
		return map[string]any{"known": FaultKinds, "active": s.ActiveFaults()}, nil
	})
	get("delivery", func(*http.Request) (any, error) { return s.WebhookSettings(), nil })
	get("webhooks", func(*http.Request) (any, error) { return s.Webhooks(), nil })
	get("limits", func(*http.Request) (any, error) { return s.Limits(), nil })

	registerControl(mux, "POST comments", func(_ *http.Request, n commentsBody) (any, error) {
		ids, err := s.Comments(n.NewComment, max(1, n.Count))
		return map[string]any{"id": first(ids), "ids": ids}, err
	})
	registerControl(mux, "DELETE comments/{id}", func(r *http.Request, _ emptyBody) (any, error) {
		return okAnswer(s.RemoveComment(r.PathValue("id")))
	})
	registerControl(mux, "POST comments/{id}/hide", func(r *http.Request, _ emptyBody) (any, error) {
		return okAnswer(s.HideComment(r.PathValue("id"), true))
	})
	registerControl(mux, "POST comments/{id}/unhide", func(r *http.Request, _ emptyBody) (any, error) {
		return okAnswer(s.HideComment(r.PathValue("id"), false))
	})
	registerControl(mux, "POST comments/{id}/edit", func(r *http.Request, n editBody) (any, error) {
		return okAnswer(s.EditComment(r.PathValue("id"), n.Text))
	})
	registerControl(mux, "POST comments/{id}/human", func(r *http.Request, n NewMessage) (any, error) {
		return idAnswer(s.HumanReply(r.PathValue("id"), n.Text))
	})
	registerControl(mux, "POST posts", func(_ *http.Request, n NewPost) (any, error) { return idAnswer(s.PublishPost(n)) })
	registerControl(mux, "DELETE posts/{id}", func(r *http.Request, _ emptyBody) (any, error) {
		return okAnswer(s.RemovePost(r.PathValue("id")))
	})
	registerControl(mux, "POST lives", func(_ *http.Request, n NewPost) (any, error) { return idAnswer(s.StartLive(n.Account)) })
	registerControl(mux, "DELETE lives/{id}", func(r *http.Request, _ emptyBody) (any, error) {
		return okAnswer(s.EndLive(r.PathValue("id")))
	})
	registerControl(mux, "POST messages", func(_ *http.Request, n NewMessage) (any, error) { return idAnswer(s.WriteMessage(n)) })
	registerControl(mux, "POST human", func(_ *http.Request, n NewMessage) (any, error) {
		return idAnswer(s.HumanMessage(Person{n.Account, n.Username}, n.Text))
	})
	registerControl(mux, "POST tap", func(_ *http.Request, n NewTap) (any, error) { return idAnswer(s.Tap(n)) })
	registerControl(mux, "POST people", func(_ *http.Request, n personBody) (any, error) {
		if n.Follows != nil {
			if err := s.SetFollows(n.Person, *n.Follows); err != nil || n.State == "" {
				return okAnswer(err)
			}
		}
		return okAnswer(s.SetPersonState(n.Person, n.State))
	})
	registerControl(mux, "PATCH accounts/{id}", func(r *http.Request, n AccountUpdate) (any, error) {
		return okAnswer(s.UpdateAccount(r.PathValue("id"), n))
	})
	registerControl(mux, "POST login", func(_ *http.Request, n loginBody) (any, error) {
		back, err := s.AnswerLogin(n.URL, n.LoginAnswer)
		return map[string]string{"location": back}, err
	})
	registerControl(mux, "POST deauthorize", func(r *http.Request, n SignedCallback) (any, error) { return s.Deauthorize(r.Context(), n) })
	registerControl(mux, "POST data-deletion", func(r *http.Request, n SignedCallback) (any, error) { return s.RequestDeletion(r.Context(), n) })
	registerControl(mux, "PUT app", func(_ *http.Request, n AppSubscription) (any, error) { return okAnswer(s.SubscribeApp(n)) })
	registerControl(mux, "POST faults", func(_ *http.Request, n Fault) (any, error) { return idAnswer(s.AddFault(n)) })
	clearFault := func(r *http.Request, _ emptyBody) (any, error) {
		s.ClearFault(r.PathValue("id"))
		return okAnswer(nil)
	}
	registerControl(mux, "DELETE faults", clearFault)
	registerControl(mux, "DELETE faults/{id}", clearFault)
	registerControl(mux, "PUT limits", func(_ *http.Request, n Limits) (any, error) {
		s.SetLimits(n)
		return okAnswer(nil)
	})
	registerControl(mux, "PUT delivery", func(_ *http.Request, n WebhookSettings) (any, error) { return okAnswer(s.SetWebhookSettings(n)) })
	registerControl(mux, "POST webhooks/resend", func(_ *http.Request, n resendBody) (any, error) {
		return okAnswer(s.ResendWebhook(n.ID, n.Times))
	})
	registerControl(mux, "POST webhooks/retry", func(*http.Request, emptyBody) (any, error) {
		return map[string]int{"retried": s.RetryWebhooks()}, nil
	})
	registerControl(mux, "POST webhooks/signed", func(_ *http.Request, n idsBody) (any, error) {
		body, header, err := s.SignedWebhook(n.IDs...)
		return map[string]any{"body": string(body), "headers": header}, err
	})
	registerControl(mux, "POST webhooks/test", func(_ *http.Request, n testWebhookBody) (any, error) {
		return okAnswer(s.SendTestWebhook(n.Account, n.Field))
	})
	registerControl(mux, "PUT callback", func(r *http.Request, n callbackBody) (any, error) {
		return okAnswer(s.SetCallback(r.Context(), n.URL, n.VerifyToken))
	})
	registerControl(mux, "POST callback/verify", func(r *http.Request, _ emptyBody) (any, error) { return okAnswer(s.VerifyCallback(r.Context())) })
}

// The bodies of the control API that no exported type has.
type (
	emptyBody    struct{}
	commentsBody struct {
		NewComment
		Count int `json:"count"` // that many comments by that many people
	}
	editBody struct {
		Text string `json:"text"`
	}
	personBody struct {
		Person
		State   PersonState `json:"state"`   // may be left out beside follows
		Follows *bool       `json:"follows"` // whether the person follows the account
	}
	resendBody struct {
		ID    int `json:"id"`
		Times int `json:"times"`
	}
	idsBody struct {
		IDs []string `json:"ids"`
	}
	testWebhookBody struct {
		Account string `json:"account"`
		Field   string `json:"field"`
	}
	loginBody struct {
		URL string `json:"url"` // of the dialog
		LoginAnswer
	}
	callbackBody struct {
		URL         string `json:"url"`
		VerifyToken string `json:"verify_token"`
	}
)

// registerControl registers a control call that changes something. Its body is a JSON
// object; an unknown field is refused, and no body is an empty object.
func registerControl[T any](mux *http.ServeMux, route string, do func(*http.Request, T) (any, error)) {
	method, path, _ := strings.Cut(route, " ")
	mux.HandleFunc(method+" /sandbox/"+path, func(w http.ResponseWriter, r *http.Request) {
		var body T
		if r.ContentLength != 0 {
			in := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
			in.DisallowUnknownFields()
			if err := in.Decode(&body); err != nil {
				writeControl(w, nil, err)
				return
			}
		}
		v, err := do(r, body)
		writeControl(w, v, err)
	})
}

func okAnswer(err error) (any, error) { return map[string]bool{"ok": true}, err }

func idAnswer(id string, err error) (any, error) { return map[string]string{"id": id}, err }

func first(ids []string) string {
	if len(ids) == 0 {
		return ""
	}
	return ids[0]
}

func writeControl(w http.ResponseWriter, v any, err error) {
	w.Header().Set("Content-Type", "application/json")
	switch {
	case errors.Is(err, ErrUnknown):
		w.WriteHeader(http.StatusNotFound)
	case err != nil:
		w.WriteHeader(http.StatusBadRequest)
	}
	if err != nil {
		v = map[string]string{"error": err.Error()}
	}
	_ = json.NewEncoder(w).Encode(v) // a caller who has gone needs no answer
}

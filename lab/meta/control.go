package meta

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// routes is everything that the sandbox serves. Browsers on other sites cannot
// reach what changes something.
func (s *Sandbox) routes() *http.ServeMux {
	own := http.NewServeMux()
	own.HandleFunc("GET /{$}", s.servePage)
	own.HandleFunc("GET /assets/{file}", serveAsset)
	own.HandleFunc("POST /act/{action}", s.act)
	s.controlRoutes(own)

	mux := http.NewServeMux()
	protected := http.NewCrossOriginProtection().Handler(own)
	for _, path := range []string{"/{$}", "/assets/", "/act/", "/sandbox/"} {
		mux.Handle(path, protected)
	}
	mux.Handle("/facebook/", s.graph(hostFacebook))
	mux.Handle("/instagram/", s.graph(hostInstagram))
	mux.Handle("/", s.graph(hostEither))
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

	handle(mux, "POST comments", func(_ *http.Request, n newComments) (any, error) {
		ids, err := s.Comments(n.NewComment, max(1, n.Count))
		return map[string]any{"id": first(ids), "ids": ids}, err
	})
	handle(mux, "DELETE comments/{id}", func(r *http.Request, _ none) (any, error) {
		return done(s.RemoveComment(r.PathValue("id")))
	})
	handle(mux, "POST comments/{id}/hide", func(r *http.Request, _ none) (any, error) {
		return done(s.HideComment(r.PathValue("id"), true))
	})
	handle(mux, "POST comments/{id}/unhide", func(r *http.Request, _ none) (any, error) {
		return done(s.HideComment(r.PathValue("id"), false))
	})
	handle(mux, "POST comments/{id}/edit", func(r *http.Request, n editing) (any, error) {
		return done(s.EditComment(r.PathValue("id"), n.Text))
	})
	handle(mux, "POST comments/{id}/human", func(r *http.Request, n NewMessage) (any, error) {
		return created(s.HumanReply(r.PathValue("id"), n.Text))
	})
	handle(mux, "POST posts", func(_ *http.Request, n NewPost) (any, error) { return created(s.PublishPost(n)) })
	handle(mux, "DELETE posts/{id}", func(r *http.Request, _ none) (any, error) {
		return done(s.RemovePost(r.PathValue("id")))
	})
	handle(mux, "POST lives", func(_ *http.Request, n NewPost) (any, error) { return created(s.StartLive(n.Account)) })
	handle(mux, "DELETE lives/{id}", func(r *http.Request, _ none) (any, error) {
		return done(s.EndLive(r.PathValue("id")))
	})
	handle(mux, "POST messages", func(_ *http.Request, n NewMessage) (any, error) { return created(s.WriteMessage(n)) })
	handle(mux, "POST human", func(_ *http.Request, n NewMessage) (any, error) {
		return created(s.HumanMessage(Person{n.Account, n.Username}, n.Text))
	})
	handle(mux, "POST people", func(_ *http.Request, n personChange) (any, error) {
		return done(s.SetPersonState(n.Person, n.State))
	})
	handle(mux, "PATCH accounts/{id}", func(r *http.Request, n AccountUpdate) (any, error) {
		return done(s.UpdateAccount(r.PathValue("id"), n))
	})
	handle(mux, "PUT app", func(_ *http.Request, n AppSubscription) (any, error) { return done(s.SubscribeApp(n)) })
	handle(mux, "POST faults", func(_ *http.Request, n Fault) (any, error) { return created(s.AddFault(n)) })
	clearFault := func(r *http.Request, _ none) (any, error) {
		s.ClearFault(r.PathValue("id"))
		return done(nil)
	}
	handle(mux, "DELETE faults", clearFault)
	handle(mux, "DELETE faults/{id}", clearFault)
	handle(mux, "PUT limits", func(_ *http.Request, n Limits) (any, error) {
		s.SetLimits(n)
		return done(nil)
	})
	handle(mux, "PUT delivery", func(_ *http.Request, n WebhookSettings) (any, error) { return done(s.SetWebhookSettings(n)) })
	handle(mux, "POST webhooks/resend", func(_ *http.Request, n resending) (any, error) {
		return done(s.ResendWebhook(n.ID, n.Times))
	})
	handle(mux, "POST webhooks/retry", func(*http.Request, none) (any, error) {
		return map[string]int{"retried": s.RetryWebhooks()}, nil
	})
	handle(mux, "POST webhooks/signed", func(_ *http.Request, n selection) (any, error) {
		body, header, err := s.SignedWebhook(n.IDs...)
		return map[string]any{"body": string(body), "headers": header}, err
	})
	handle(mux, "POST webhooks/test", func(_ *http.Request, n dashboardTest) (any, error) {
		return done(s.SendTestWebhook(n.Account, n.Field))
	})
	handle(mux, "PUT callback", func(r *http.Request, n callback) (any, error) {
		return done(s.SetCallback(r.Context(), n.URL, n.VerifyToken))
	})
	handle(mux, "POST callback/verify", func(r *http.Request, _ none) (any, error) { return done(s.VerifyCallback(r.Context())) })
}

// The bodies of the control API that no exported type has.
type (
	none        struct{}
	newComments struct {
		NewComment
		Count int `json:"count"` // that many comments by that many people
	}
	editing struct {
		Text string `json:"text"`
	}
	personChange struct {
		Person
		State PersonState `json:"state"`
	}
	resending struct {
		ID    int `json:"id"`
		Times int `json:"times"`
	}
	selection struct {
		IDs []string `json:"ids"`
	}
	dashboardTest struct {
		Account string `json:"account"`
		Field   string `json:"field"`
	}
	callback struct {
		URL         string `json:"url"`
		VerifyToken string `json:"verify_token"`
	}
)

// handle registers a call that changes something. Its body is a JSON object; an
// unknown field is refused, and no body is an empty object.
func handle[T any](mux *http.ServeMux, route string, do func(*http.Request, T) (any, error)) {
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

func done(err error) (any, error) { return map[string]bool{"ok": true}, err }

func created(id string, err error) (any, error) { return map[string]string{"id": id}, err }

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

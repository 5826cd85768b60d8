package meta

import (
	"bytes"
	"fmt"
	"html/template"
	"net/http"
	"slices"

	"github.com/privatereply/privatereply"
)

var loginTemplate = template.Must(template.New("login.html").ParseFS(assets, "assets/login.html"))

// loginPolicy is the Content-Security-Policy of the dialogs. It says nothing of
// form-action: browsers apply that to the redirect which leads back to the app, too.
const loginPolicy = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'"

// sessionCookie names the Instagram account that is logged in in this browser: without
// force_reauth the dialog offers no other one.
const sessionCookie = "sandbox_instagram_account"

// loginView is the data of a login dialog.
type loginView struct {
	Name      string // of the network
	Facebook  bool
	App       string
	Person    string
	Problem   string
	Pages     []loginChoice
	Accounts  []loginChoice
	Offered   []string // permissions
	AllOrNone bool
}

// loginChoice is a Page or an account that can be chosen in a dialog.
type loginChoice struct {
	ID, Name string
	Linked   string // the Instagram account behind a Page
	Business string
}

func (s *Sandbox) loginRoutes(mux *http.ServeMux) {
	for _, path := range []string{"/login/facebook/{version}/dialog/oauth", "/login/facebook/dialog/oauth"} {
		mux.HandleFunc("GET "+path, s.showLogin(privatereply.LoginFacebook))
		mux.HandleFunc("POST "+path, s.submitLogin(privatereply.LoginFacebook))
	}
	mux.HandleFunc("GET /login/instagram/oauth/authorize", s.showLogin(privatereply.LoginInstagram))
	mux.HandleFunc("POST /login/instagram/oauth/authorize", s.submitLogin(privatereply.LoginInstagram))
	pictureRoutes(mux)
}

func (s *Sandbox) showLogin(login privatereply.Login) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		q, err := s.readLoginRequest(login, r.URL.Query())
		if err != nil {
			s.renderLogin(w, http.StatusBadRequest, s.loginProblem(login, err))
			return
		}
		s.renderLogin(w, http.StatusOK, s.loginView(q, loggedIn(r)))
	}
}

// submitLogin leads back to the app with the code or with the refusal.
func (s *Sandbox) submitLogin(login privatereply.Login) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		back, account, err := s.performLogin(login, r)
		if err != nil {
			s.renderLogin(w, http.StatusBadRequest, s.loginProblem(login, err))
			return
		}
		if account != "" {
			http.SetCookie(w, &http.Cookie{Name: sessionCookie, Value: account, Path: "/login/instagram", HttpOnly: true, SameSite: http.SameSiteLaxMode})
		}
		w.Header().Set("Referrer-Policy", "no-referrer")
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, r, back, http.StatusSeeOther)
	}
}

// performLogin reads the dialog's form. account is the Instagram account that is logged
// in from now on.
func (s *Sandbox) performLogin(login privatereply.Login, r *http.Request) (back, account string, err error) {
	q, err := s.readLoginRequest(login, r.URL.Query())
	if err == nil {
		err = r.ParseForm()
	}
	if err != nil {
		return "", "", err
	}
	form := r.PostForm
	n := LoginAnswer{}
	switch form.Get("decision") {
	case "decline":
		n.Decline = true
	case "approve":
	default:
		return "", "", fmt.Errorf("decision: %q is neither approve nor decline", form.Get("decision"))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if login == privatereply.LoginFacebook {
		n.Pages = append([]string{}, form["page"]...)
	} else if n.Account = form.Get("account"); !n.Decline {
		account = n.Account
	}
	offered := q.asked
	if login == privatereply.LoginFacebook {
		offered = q.offered(s.facebookUser)
	}
	if !q.allOrNone {
		n.Without = slices.DeleteFunc(slices.Clone(offered), func(name string) bool { return slices.Contains(form["permission"], name) })
	}
	back, err = s.answerLogin(q, n)
	return back, account, err
}

func loggedIn(r *http.Request) string {
	if c, err := r.Cookie(sessionCookie); err == nil {
		return c.Value
	}
	return ""
}

func (s *Sandbox) loginProblem(login privatereply.Login, err error) loginView {
	return loginView{Name: loginName(login), Problem: err.Error()}
}

func loginName(login privatereply.Login) string {
	if login == privatereply.LoginFacebook {
		return "Facebook"
	}
	return "Instagram"
}

func (s *Sandbox) loginView(q loginRequest, account string) loginView {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := loginView{Name: loginName(q.login), Facebook: q.login == privatereply.LoginFacebook, App: appName, AllOrNone: q.allOrNone, Offered: q.asked}
	if v.Facebook {
		v.Person, v.Offered = s.facebookUser.name, q.offered(s.facebookUser)
		for _, o := range s.pageOwners() {
			choice := loginChoice{ID: o.id, Name: o.name, Business: o.business()}
			if o.instagram != nil {
				choice.Linked = o.instagram.Name
			}
			v.Pages = append(v.Pages, choice)
		}
		return v
	}
	for _, a := range s.accounts {
		switch {
		case !a.ownLogin():
		case !q.otherLogin && a.ID == account:
			v.Accounts = []loginChoice{{ID: a.ID, Name: a.Name}}
			return v
		default:
			v.Accounts = append(v.Accounts, loginChoice{ID: a.ID, Name: a.Name})
		}
	}
	return v
}

func (s *Sandbox) renderLogin(w http.ResponseWriter, status int, v loginView) {
	var page bytes.Buffer
	if err := loginTemplate.Execute(&page, v); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", loginPolicy)
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(page.Bytes())
}

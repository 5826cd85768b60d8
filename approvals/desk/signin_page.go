package desk

import (
	"net/http"
	"slices"
	"strings"

	"go.uber.org/zap"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/approvals/signin"
)

type signInView struct {
	pageFrame
	To    string
	Error string
}

func (d *Desk) signInPage(w http.ResponseWriter, r *http.Request) {
	if _, err := d.Authenticator.Authenticate(r); err == nil {
		http.Redirect(w, r, localPath(r.URL.Query().Get("to")), http.StatusSeeOther)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	d.render(w, http.StatusOK, "signin", layout, signInView{pageFrame: d.signedOutFrame(), To: localPath(r.URL.Query().Get("to"))})
}

func (d *Desk) signIn(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if err := parseForm(w, r); err != nil {
		http.Error(w, "The form could not be read.", http.StatusBadRequest)
		return
	}
	to := localPath(r.PostForm.Get("to"))
	user, err := d.Authenticator.SignIn(w, r, r.PostForm.Get("token"))
	if err != nil {
		if err != signin.ErrTooManyAttempts { // the attempts before it were logged
			d.Logger.Warn("sign-in refused", zap.String("client", d.Authenticator.ClientAddress(r)), zap.Error(err))
		}
		d.render(w, signInStatus(err), "signin", layout, signInView{d.signedOutFrame(), to, sentence(err.Error())})
		return
	}
	d.Logger.Info("signed in", zap.String("name", user.Name), zap.String("role", string(user.Role)))
	http.Redirect(w, r, to, http.StatusSeeOther)
}

func (d *Desk) signOut(w http.ResponseWriter, r *http.Request) {
	d.Authenticator.SignOut(w, r)
	http.Redirect(w, r, "/signin", http.StatusSeeOther)
}

// signedOutFrame is the frame before sign-in: it has nothing of the queue.
func (d *Desk) signedOutFrame() pageFrame {
	return pageFrame{Title: "Sign in", Page: "signin", Tokens: d.Authenticator.AcceptsTokens(), Now: d.now().UTC()}
}

// localPath returns a path of this site, and / for what a browser could take for another
// site's.
func localPath(to string) string {
	if !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\n\r\t") || strings.HasPrefix(to, "/signin") {
		return "/"
	}
	return to
}

type peopleView struct {
	pageFrame
	Users    []signin.User
	Sessions []signin.Session
}

// peoplePage shows the users and the open sessions.
func (d *Desk) peoplePage(w http.ResponseWriter, r *http.Request) {
	page := peopleView{pageFrame: d.newFrame(r, "people", "People")}
	for _, user := range d.Authenticator.Users() {
		if d.administers(r, user) {
			page.Users = append(page.Users, user)
		}
	}
	for _, session := range d.Authenticator.Sessions() {
		// Who has left the file is shown to those who see everybody.
		if user, _ := d.Authenticator.User(session.Name); d.administers(r, user) {
			page.Sessions = append(page.Sessions, session)
		}
	}
	d.render(w, http.StatusOK, "people", layout, page)
}

// administers reports whether the user of a request sees every account that another one sees.
func (d *Desk) administers(r *http.Request, other signin.User) bool {
	admin := signin.UserFrom(r.Context())
	if len(admin.Accounts) == 0 {
		return true
	}
	return len(other.Accounts) > 0 && !slices.ContainsFunc(d.Accounts.All(), func(a privatereply.Account) bool {
		return other.Sees(a.ID, a.Name) && !d.sees(r, a.ID)
	})
}

// endSessions signs a user out everywhere, for example after a phone was lost.
func (d *Desk) endSessions(w http.ResponseWriter, r *http.Request) {
	if err := parseForm(w, r); err != nil {
		d.errorPage(w, r, http.StatusBadRequest, "The form could not be read.")
		return
	}
	name := r.PostForm.Get("name")
	if user, ok := d.Authenticator.User(name); ok && !d.administers(r, user) {
		d.errorPage(w, r, http.StatusNotFound, "There is no such user.")
		return
	}
	d.Authenticator.SignOutUser(name)
	http.Redirect(w, r, "/people", http.StatusSeeOther)
}

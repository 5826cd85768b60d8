package desk

import (
	"net/http"

	"github.com/privatereply/privatereply/approvals/signin"
)

type peopleView struct {
	pageFrame
	Users    []signin.User
	Sessions []signin.Session
}

// peoplePage shows who may come in, and who is signed in.
func (d *Desk) peoplePage(w http.ResponseWriter, r *http.Request) {
	d.render(w, http.StatusOK, "people", layout, peopleView{d.newFrame(r, "people", "People"), d.Authenticator.Users(), d.Authenticator.Sessions()})
}

// endSessions signs somebody out everywhere, as for a phone that was lost.
func (d *Desk) endSessions(w http.ResponseWriter, r *http.Request) {
	if err := parseForm(w, r); err != nil {
		d.errorPage(w, r, http.StatusBadRequest, "The form could not be read.")
		return
	}
	d.Authenticator.SignOutUser(r.PostForm.Get("name"))
	http.Redirect(w, r, "/people", http.StatusSeeOther)
}

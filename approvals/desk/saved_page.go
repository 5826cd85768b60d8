package desk

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"go.uber.org/zap"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/approvals/saved"
	"github.com/privatereply/privatereply/approvals/signin"
	"github.com/privatereply/privatereply/internal/replies"
)

// savedView is the page Saved replies.
type savedView struct {
	pageFrame
	File       string
	Replies    []savedRow
	CanEdit    bool // the role may
	Unwritable string
	Broken     string // why the newest file is not in force
	Message    string
	Failures   []string
	Form       savedFormView
	Theirs     *saved.Reply // what somebody else has made of the reply in the form
	Choices    []savedAccount
}

type savedRow struct {
	saved.Reply
	CanEdit bool
	EditURL string
}

// savedFormView is the form that adds or changes a reply, as it was written.
type savedFormView struct {
	saved.Reply
	Was    string // the name of the reply that is changed; empty: a new one
	SHA256 string // of that reply
}

// savedAccount is an account that a reply can be for.
type savedAccount struct {
	Value, Label string
	Chosen       bool
}

var savedMessages = map[string]string{
	"added":   "Added. It can be used now.",
	"changed": "Changed. What was inserted before stays as it is.",
	"deleted": "Deleted.",
}

// savedPage lists the saved replies, with a form to add one or to change the one of edit.
func (d *Desk) savedPage(w http.ResponseWriter, r *http.Request) {
	v := savedView{Message: savedMessages[r.URL.Query().Get("done")]}
	if name := r.URL.Query().Get("edit"); name != "" {
		i := slices.IndexFunc(d.Saved.All(), func(s saved.Reply) bool { return s.Name == name })
		if i < 0 || !d.mayEditSaved(r, d.Saved.All()[i]) {
			d.errorPage(w, r, http.StatusNotFound, "There is no such saved reply, or you may not change it.")
			return
		}
		s := d.Saved.All()[i]
		v.Form = savedFormView{s, s.Name, s.SHA256()}
	}
	d.writeSaved(w, r, http.StatusOK, v)
}

func (d *Desk) writeSaved(w http.ResponseWriter, r *http.Request, status int, v savedView) {
	v.pageFrame = d.newFrame(r, "saved", "Saved replies")
	v.File, v.CanEdit = d.Saved.Path(), v.User.CanDecide()
	if err := d.Saved.Err(); err != nil {
		v.Broken = sentence("The file is not in force as it is: " + err.Error())
	}
	if v.CanEdit {
		if err := d.Saved.CheckWritable(); err != nil {
			v.Unwritable = sentence(err.Error())
		}
	}
	for _, s := range d.Saved.All() {
		if d.seesSaved(r, s) {
			v.Replies = append(v.Replies, savedRow{s, v.CanEdit && d.mayEditSaved(r, s), "/saved?" + url.Values{"edit": {s.Name}}.Encode() + "#form"})
		}
	}
	v.Choices = d.savedAccounts(r, v.Form.Accounts)
	d.render(w, status, "saved", layout, v)
}

// savedAccounts are the accounts that the user sees, and what else a reply names.
func (d *Desk) savedAccounts(r *http.Request, chosen []string) []savedAccount {
	all := d.onlySeen(r, d.Accounts.All())
	var choices []savedAccount
	known := map[string]bool{}
	for _, a := range all {
		c := savedAccount{Value: a.Name, Label: a.Name + ", " + a.Platform.Facts().Name}
		sameName := slices.ContainsFunc(d.Accounts.All(), func(o privatereply.Account) bool { return o.Name == a.Name && o.ID != a.ID })
		if a.Name == "" || sameName || slices.Contains(chosen, a.ID) {
			c.Value = a.ID
		}
		c.Chosen = slices.Contains(chosen, c.Value)
		known[c.Value] = true
		choices = append(choices, c)
	}
	for _, name := range chosen {
		if !known[name] {
			choices = append(choices, savedAccount{name, name + " (not among the accounts)", true})
		}
	}
	return choices
}

// seesSaved reports whether the user sees an account that a reply is for.
func (d *Desk) seesSaved(r *http.Request, s saved.Reply) bool {
	seen := d.seenAccounts(r.Context())
	return seen == nil || len(s.Accounts) == 0 || slices.ContainsFunc(s.Accounts, func(name string) bool { return d.seesNamed(r, name) })
}

// seesNamed is sees for the id or the name of an account.
func (d *Desk) seesNamed(r *http.Request, name string) bool {
	for _, a := range d.Accounts.All() {
		if (a.ID == name || a.Name == name) && !d.sees(r, a.ID) {
			return false
		}
	}
	return signin.UserFrom(r.Context()).Sees(name, name)
}

// mayEditSaved reports whether the user sees every account that a reply is for.
func (d *Desk) mayEditSaved(r *http.Request, s saved.Reply) bool {
	if d.seenAccounts(r.Context()) == nil {
		return true
	}
	return len(s.Accounts) > 0 && !slices.ContainsFunc(s.Accounts, func(name string) bool { return !d.seesNamed(r, name) })
}

// savedForm adds, changes or deletes a saved reply.
func (d *Desk) savedForm(w http.ResponseWriter, r *http.Request) {
	if err := parseForm(w, r); err != nil {
		d.errorPage(w, r, http.StatusBadRequest, "The form could not be read.")
		return
	}
	f := r.PostForm
	v := savedView{Form: savedFormView{Was: f.Get("was"), SHA256: f.Get("sha256"), Reply: saved.Reply{
		Name: strings.TrimSpace(f.Get("name")), Text: strings.TrimSpace(normalizeNewlines(f.Get("text"))),
		Accounts: f["accounts"], Language: strings.TrimSpace(f.Get("language")),
	}}}
	by := signin.UserFrom(r.Context()).Name
	ctx := context.WithoutCancel(r.Context())
	done, err := "added", error(nil)
	switch {
	case v.Form.Was != "" && !d.mayEditNamed(r, v.Form.Was):
		err = errors.New("this reply is for accounts that you do not see, or for all: somebody who sees them may change it")
	case f.Get("do") == "delete":
		done, err = "deleted", d.Saved.Delete(ctx, by, v.Form.Was, v.Form.SHA256)
	case !d.mayEditSaved(r, v.Form.Reply):
		err = errors.New("choose the accounts that it is for, among those that you see")
	default:
		if v.Form.Was != "" {
			done = "changed"
		}
		if err = v.Form.Reply.CheckFor(d.Accounts.All()); err == nil {
			err = d.Saved.Put(ctx, by, v.Form.Was, v.Form.SHA256, v.Form.Reply)
		}
	}
	if err == nil {
		d.Logger.Info("saved replies were changed", zap.String("by", by), zap.String("what", done))
		http.Redirect(w, r, "/saved?"+url.Values{"done": {done}}.Encode(), http.StatusSeeOther)
		return
	}
	var changed *saved.ChangedError
	var wrong *saved.LoadError
	switch {
	case errors.As(err, &changed):
		v.Theirs, v.Form.SHA256 = &changed.Now, changed.Now.SHA256()
		v.Failures = []string{"Nothing was saved: somebody changed this reply while you were writing. Both versions are below."}
	case errors.As(err, &wrong):
		for _, p := range wrong.Problems {
			v.Failures = append(v.Failures, sentence(p.Message))
		}
	default:
		for line := range strings.SplitSeq(err.Error(), "\n") {
			v.Failures = append(v.Failures, sentence(line))
		}
	}
	d.writeSaved(w, r, http.StatusConflict, v)
}

// mayEditNamed is mayEditSaved for the reply of a name. Of one that is gone the file says so.
func (d *Desk) mayEditNamed(r *http.Request, name string) bool {
	i := slices.IndexFunc(d.Saved.All(), func(s saved.Reply) bool { return s.Name == name })
	return i < 0 || d.mayEditSaved(r, d.Saved.All()[i])
}

// apiSaved lists the saved replies for an account, or for a reply, whose person and account
// are then filled in.
func (d *Desk) apiSaved(w http.ResponseWriter, r *http.Request) {
	type savedReply struct {
		Name     string `json:"name"`
		Text     string `json:"text"`
		Language string `json:"language,omitempty"`
	}
	q := r.URL.Query()
	account, person := q.Get("account"), ""
	var platform privatereply.Platform
	if id := q.Get("reply"); id != "" {
		row, err := d.findRow(r, id)
		if err != nil {
			v := d.errorResult(decisionRequest{ID: id, Verb: "saved"}, err)
			writeJSONError(w, r, httpError{v.status, v.Code, v.Message})
			return
		}
		account, person, platform = row.Account, row.Person, row.Platform
		if replies.IsCut(person) {
			person = ""
		}
	}
	if account != "" && !d.sees(r, account) {
		writeJSONError(w, r, httpError{http.StatusNotFound, "not_found", "there is no such account"})
		return
	}
	known, _ := d.accountByID(account)
	if known.ID == "" { // it is no longer in the accounts file
		known.ID, known.Platform = account, platform
	}
	found := []savedReply{}
	for _, s := range d.Saved.All() {
		if account == "" && !d.seesSaved(r, s) || account != "" && !s.For(known) {
			continue
		}
		text := s.Text
		if q.Get("reply") != "" {
			text = s.Fill(known, person)
		}
		found = append(found, savedReply{s.Name, text, s.Language})
	}
	writeJSON(w, http.StatusOK, struct {
		Replies []savedReply `json:"replies"`
	}{found})
}

package desk

import (
	"errors"
	"net/http"
	"net/url"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.uber.org/zap"

	"github.com/privatereply/privatereply/approvals/signin"
	"github.com/privatereply/privatereply/internal/erasure"
	"github.com/privatereply/privatereply/workflows"
)

// Erasures is what the pages that forget a person work with.
type Erasures struct {
	Temporal  client.Client
	Data      converter.DataConverter
	TaskQueue string
	Keys      erasure.Keys
}

type forgetView struct {
	pageFrame
	ID     string // of the reply
	Status workflows.PrivateReplyStatus
}

// forgetPage says what forgetting the person of a reply removes.
func (d *Desk) forgetPage(w http.ResponseWriter, r *http.Request) {
	status, ok := d.statusWithPerson(w, r)
	if !ok {
		return
	}
	d.render(w, http.StatusOK, "forget", layout, forgetView{d.newFrame(r, "reply", "Forget a person"), r.PathValue("id"), status})
}

// statusWithPerson reads a reply whose person has an id; else it answers the request.
func (d *Desk) statusWithPerson(w http.ResponseWriter, r *http.Request) (workflows.PrivateReplyStatus, bool) {
	status, err := d.Replies.Status(r.Context(), r.PathValue("id"))
	switch {
	case err != nil:
		d.errorPage(w, r, http.StatusNotFound, d.errorMessage(err))
		return status, false
	case status.Comment.PersonID == "":
		d.errorPage(w, r, http.StatusConflict, "Meta did not say who wrote this comment, so there is no id by which to forget anybody.")
		return status, false
	}
	return status, true
}

// forgetForm starts the erasure of the person of a reply. It goes on by itself; its page says
// how far it is.
func (d *Desk) forgetForm(w http.ResponseWriter, r *http.Request) {
	status, ok := d.statusWithPerson(w, r)
	if !ok {
		return
	}
	e, code := d.Erasures, erasure.NewCode()
	err := erasure.Request(r.Context(), e.Temporal, code, e.TaskQueue, workflows.ErasureInput{
		Scope: workflows.ErasePerson, PersonKey: e.Keys.Of(status.Comment.PersonID), RequestedAt: time.Now().UTC(),
		AccountKey: workflows.AccountKey{Platform: status.Comment.Platform, Account: status.Comment.Account},
	})
	if err != nil {
		d.Logger.Warn("cannot start an erasure", zap.Error(err))
		d.errorPage(w, r, http.StatusBadGateway, staleMessage)
		return
	}
	d.Logger.Info("erasure started", zap.String("code", code), zap.String("by", signin.UserFrom(r.Context()).Name))
	http.Redirect(w, r, "/erasures/"+url.PathEscape(code), http.StatusSeeOther)
}

type erasureView struct {
	pageFrame
	Code     string
	Progress workflows.ErasureProgress
	Link     string // into the Web UI
}

// erasurePage says how far an erasure is, and of whom nothing.
func (d *Desk) erasurePage(w http.ResponseWriter, r *http.Request) {
	code := r.PathValue("code")
	progress, err := erasure.Progress(r.Context(), d.Erasures.Temporal, d.Erasures.Data, code)
	if errors.Is(err, erasure.ErrUnknownCode) {
		d.errorPage(w, r, http.StatusNotFound, "No erasure has this code, or it was done more than some days ago.")
		return
	}
	if err != nil {
		d.Logger.Warn("cannot read an erasure", zap.Error(err))
		d.errorPage(w, r, http.StatusBadGateway, staleMessage)
		return
	}
	d.render(w, http.StatusOK, "erasure", layout, erasureView{d.newFrame(r, "erasure", "Forgetting a person"), code, progress, d.webUI("erasure:" + code)})
}

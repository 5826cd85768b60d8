package desk

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/approvals/signin"
	"github.com/privatereply/privatereply/internal/connect"
	"github.com/privatereply/privatereply/internal/doctor"
)

// connectCookie names the browser that began a login: Meta's answer is taken from no other.
const connectCookie = "desk-connect"

// beginConnect leads the browser to Meta's login. It is a link and no form: a page's policy
// lets its forms lead nowhere else.
func (d *Desk) beginConnect(w http.ResponseWriter, r *http.Request) {
	session := rand.Text()
	to, err := d.Connections.Connector.Begin(privatereply.Login(r.URL.Query().Get("login")), d.Connections.URL+CallbackPath, session)
	if err != nil {
		d.errorPage(w, r, http.StatusBadRequest, sentence(err.Error()))
		return
	}
	http.SetCookie(w, &http.Cookie{Name: connectCookie, Value: session, Path: "/accounts", MaxAge: int(time.Hour.Seconds()), HttpOnly: true,
		Secure: strings.HasPrefix(d.Connections.URL, "https://"), SameSite: http.SameSiteLaxMode})
	http.Redirect(w, r, to, http.StatusSeeOther)
}

func connectSession(r *http.Request) string {
	if cookie, err := r.Cookie(connectCookie); err == nil {
		return cookie.Value
	}
	return ""
}

type chooseView struct {
	pageFrame
	Grant    connect.Grant
	Choices  []accountChoice
	AnyToTry bool
}

// accountChoice is an account that a login reaches.
type accountChoice struct {
	connect.Found
	Value string // of the checkbox
}

// connectCallback takes what Meta sent the browser back with, and shows the accounts that the login
// reaches.
func (d *Desk) connectCallback(w http.ResponseWriter, r *http.Request) {
	grant, err := d.Connections.Connector.Callback(r.Context(), connectSession(r), r.URL.Query())
	if err != nil {
		d.errorPage(w, r, http.StatusBadRequest, sentence(err.Error()))
		return
	}
	// The address has the code; the page after it has none.
	http.Redirect(w, r, "/accounts/choose?"+url.Values{"grant": {grant.ID}}.Encode(), http.StatusSeeOther)
}

func (d *Desk) choosePage(w http.ResponseWriter, r *http.Request) {
	grant, err := d.Connections.Connector.Grant(connectSession(r), r.URL.Query().Get("grant"))
	if err != nil {
		d.errorPage(w, r, http.StatusBadRequest, sentence(err.Error()))
		return
	}
	v := chooseView{pageFrame: d.newFrame(r, "accounts", "Choose accounts"), Grant: grant}
	for _, found := range grant.Found {
		if !d.sees(r, found.Account.ID) {
			continue
		}
		v.Choices = append(v.Choices, accountChoice{found, string(found.Account.Platform) + ":" + found.Account.ID})
		v.AnyToTry = v.AnyToTry || found.Problem == ""
	}
	d.render(w, http.StatusOK, "choose", layout, v)
}

type connectedView struct {
	pageFrame
	Connected []connect.Connected
	Report    doctor.Report
}

// connectForm connects the chosen accounts, and shows what the doctor finds about them.
func (d *Desk) connectForm(w http.ResponseWriter, r *http.Request) {
	if err := parseForm(w, r); err != nil {
		d.errorPage(w, r, http.StatusBadRequest, "The form could not be read.")
		return
	}
	var keys []connect.Key
	for _, value := range r.PostForm["account"] {
		platform, id, _ := strings.Cut(value, ":")
		if d.sees(r, id) {
			keys = append(keys, connect.Key{Platform: privatereply.Platform(platform), ID: id})
		}
	}
	if len(keys) == 0 {
		d.errorPage(w, r, http.StatusBadRequest, "No account was chosen. Go back and choose one.")
		return
	}
	c := d.Connections
	all, err := c.Connector.Connect(r.Context(), connectSession(r), r.PostForm.Get("grant"), keys)
	if err != nil {
		d.errorPage(w, r, http.StatusBadRequest, sentence(err.Error()))
		return
	}
	var good []privatereply.Account
	for _, one := range all {
		if one.Problem == "" {
			good = append(good, one.Account)
			d.Logger.Info("account connected", zap.String("platform", string(one.Account.Platform)), zap.String("account", one.Account.ID),
				zap.String("by", signin.UserFrom(r.Context()).Name))
		}
	}
	v := connectedView{pageFrame: d.newFrame(r, "accounts", "Connected"), Connected: all}
	if err := c.inForce(r.Context(), func() bool { return c.areConnected(good) }); err != nil {
		d.Logger.Warn("a connected account is not in force yet", zap.Error(err))
	} else if len(good) > 0 {
		v.Report = c.Check(r.Context(), good)
	}
	d.render(w, http.StatusOK, "connected", layout, v)
}

// inForceTimeout is enough for two looks at the folder.
const inForceTimeout = 10 * time.Second

// inForce waits until the accounts folder was read again with what was just written.
func (c *Connections) inForce(ctx context.Context, written func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, inForceTimeout)
	defer cancel()
	for !written() {
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("it was written, but the folder was not read again within %v", inForceTimeout), c.Accounts.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
	return nil
}

// areConnected reports whether the folder that is in force has accounts, with their tokens.
func (c *Connections) areConnected(accounts []privatereply.Account) bool {
	return !slices.ContainsFunc(accounts, func(a privatereply.Account) bool {
		facts, err := c.Accounts.Token(a.Platform, a.ID)
		return err != nil || !facts.Connected
	})
}

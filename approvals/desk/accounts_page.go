package desk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"go.temporal.io/sdk/client"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/approvals/signin"
	"github.com/privatereply/privatereply/graph"
	"github.com/privatereply/privatereply/internal/accountstatus"
	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/internal/connect"
	"github.com/privatereply/privatereply/internal/doctor"
	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/internal/sweeps"
	"github.com/privatereply/privatereply/workflows"
)

// Connections is what the page Accounts works with.
type Connections struct {
	Connector *connect.Connector
	Accounts  *config.Accounts
	Status    accountstatus.Reader
	Temporal  client.Client
	Graph     *graph.Client
	// Check asks Meta about accounts, as the doctor does.
	Check func(context.Context, []privatereply.Account) doctor.Report
	// URL is where browsers reach the desk, without a slash at the end: Meta leads back there.
	URL string
}

// CallbackPath is where Meta's login leads back to. The app at Meta must list its address.
const CallbackPath = "/accounts/callback"

type accountsView struct {
	pageFrame
	HasStops   bool
	Accounts   []accountView
	Logins     []loginView
	CannotAdd  string // why nothing can be connected here
	Unfinished []string
	Message    string
	Callback   string // the address that the app at Meta must list
	Search     string
	Total      int    // accounts there are
	Next       string // the address of the next page; empty: this is the last
}

// accountsPageSize is how many accounts a page shows: a server answers some ten counts a
// second, of which each account needs several.
const accountsPageSize = 20

// accountsOf are the accounts of a page: those whose name or id holds what is searched for,
// from a position on.
func accountsOf(all []privatereply.Account, query url.Values) (shown []privatereply.Account, search, next string) {
	search = strings.TrimSpace(query.Get("q"))
	for _, a := range all {
		if strings.Contains(strings.ToLower(a.Name), strings.ToLower(search)) || strings.Contains(a.ID, search) {
			shown = append(shown, a)
		}
	}
	from, _ := strconv.Atoi(query.Get("from")) // what is no number begins at the first
	from = max(0, min(from, len(shown)))
	shown = shown[from:]
	if len(shown) > accountsPageSize {
		shown = shown[:accountsPageSize]
		next = "/accounts?" + url.Values{"q": {search}, "from": {strconv.Itoa(from + accountsPageSize)}}.Encode()
	}
	return shown, search, next
}

type accountView struct {
	accountstatus.Status
	Alerts    []accountstatus.Alert
	Paused    bool // automatic replies
	TokenLife string
	Path      string // of its actions
}

type loginView struct {
	Login privatereply.Login
	Label string
}

// loginLabels say what can be connected with each login.
var loginLabels = map[privatereply.Login]string{
	privatereply.LoginFacebook:  "Facebook Pages, and Instagram accounts linked to one",
	privatereply.LoginInstagram: "an Instagram account by itself",
}

// accountsPage shows each account and what can be done about it.
func (d *Desk) accountsPage(w http.ResponseWriter, r *http.Request) {
	c := d.Connections
	v := accountsView{pageFrame: d.newFrame(r, "accounts", "Accounts"), Message: messages[r.URL.Query().Get("done")], HasStops: d.Stops != nil,
		Callback: c.URL + CallbackPath}
	if d.seenAccounts(r.Context()) == nil {
		v.Unfinished = c.Accounts.Unfinished()
	}
	var shown []privatereply.Account
	all := d.onlySeen(r, c.Accounts.All())
	shown, v.Search, v.Next = accountsOf(all, r.URL.Query())
	v.Total = len(all)
	for _, status := range c.Status.ReadAll(r.Context(), shown) {
		account, _ := c.Accounts.Get(status.Platform, status.ID)
		v.Accounts = append(v.Accounts, accountView{status, status.Alerts(d.now()), account.AutomaticPaused, status.Token.Words(d.now()), accountPath(status.Platform, status.ID)})
	}
	// What needs a person comes first.
	slices.SortStableFunc(v.Accounts, func(a, b accountView) int { return cmp.Compare(len(b.Alerts), len(a.Alerts)) })
	if err := c.Accounts.CheckWritable(r.Context()); err != nil {
		v.CannotAdd = sentence(err.Error())
	} else if len(c.Connector.Logins()) == 0 {
		v.CannotAdd = "No app of Meta's is set: PRIVATEREPLY_FACEBOOK_APP_ID and PRIVATEREPLY_FACEBOOK_APP_SECRET for Pages, or PRIVATEREPLY_INSTAGRAM_APP_ID and PRIVATEREPLY_INSTAGRAM_APP_SECRET."
	}
	for _, login := range c.Connector.Logins() {
		v.Logins = append(v.Logins, loginView{login, loginLabels[login]})
	}
	d.render(w, http.StatusOK, "accounts", layout, v)
}

// messages are what the page says after an action, by the word in its address.
var messages = map[string]string{
	"sweep":      "The sweep has begun. What it finds comes into the queue.",
	"running":    "A sweep of this account runs already.",
	"pause":      "Automatic replies are paused: what a rule would send waits for a person. What is being sent already goes out.",
	"resume":     "Automatic replies go out again.",
	"disconnect": "The account is disconnected. Its token is gone from here.",
	"subscribed": "The account is disconnected and its token is gone, but Meta still sends its webhooks: remove the app in the account's settings at Meta.",
}

func accountPath(p privatereply.Platform, id string) string {
	return "/accounts/" + url.PathEscape(string(p)) + "/" + url.PathEscape(id)
}

// accountAction is what a button of the page does about an account.
func (d *Desk) accountAction(w http.ResponseWriter, r *http.Request) {
	c := d.Connections
	account, ok := c.Accounts.Get(privatereply.Platform(r.PathValue("platform")), r.PathValue("id"))
	if !ok || !d.sees(r, account.ID) {
		d.errorPage(w, r, http.StatusNotFound, "There is no such account.")
		return
	}
	if err := parseForm(w, r); err != nil {
		d.errorPage(w, r, http.StatusBadRequest, "The form could not be read.")
		return
	}
	verb := r.PathValue("verb")
	done, err := verb, error(nil)
	switch verb {
	case "sweep":
		done, err = c.sweep(r.Context(), account)
	case "pause", "resume":
		err = c.pauseAutomatic(r.Context(), account, verb == "pause")
	case "disconnect":
		done, err = d.disconnect(r, account)
	default:
		d.errorPage(w, r, http.StatusNotFound, "There is no such action.")
		return
	}
	if err != nil {
		d.errorPage(w, r, http.StatusConflict, sentence(err.Error()))
		return
	}
	d.Logger.Info("account action", zap.String("action", verb), zap.String("account", account.ID), zap.String("by", signin.UserFrom(r.Context()).Name))
	http.Redirect(w, r, "/accounts?"+url.Values{"done": {done}}.Encode(), http.StatusSeeOther)
}

var errSweepRuns = errors.New("a sweep runs")

// sweep starts a pass over an account.
func (c *Connections) sweep(ctx context.Context, account privatereply.Account) (done string, err error) {
	id, err := privatereply.SweepID(account.Platform, account.ID)
	if err != nil {
		return "", err
	}
	_, err = sweeps.Trigger(ctx, c.Temporal, id, func(sweeps.Pass) error { return errSweepRuns })
	if errors.Is(err, errSweepRuns) {
		return "running", nil
	}
	return "sweep", err
}

func (c *Connections) pauseAutomatic(ctx context.Context, account privatereply.Account, paused bool) error {
	if facts, _ := c.Accounts.Token(account.Platform, account.ID); !facts.Connected {
		return fmt.Errorf("%s stands in accounts.yaml, which people write: set automatic_replies: %t there", account.Name, !paused)
	}
	lock, err := c.Accounts.Lock(ctx)
	if err != nil {
		return err
	}
	err = lock.PauseAutomatic(account.Platform, account.ID, paused)
	lock.Unlock()
	if err != nil {
		return err
	}
	return c.inForce(ctx, func() bool {
		now, _ := c.Accounts.Get(account.Platform, account.ID)
		return now.AutomaticPaused == paused
	})
}

type disconnectView struct {
	pageFrame
	Account privatereply.Account
	Path    string
	Waiting replies.Forecast
}

// disconnectPage asks what happens to the replies that wait.
func (d *Desk) disconnectPage(w http.ResponseWriter, r *http.Request) {
	c := d.Connections
	account, ok := c.Accounts.Get(privatereply.Platform(r.PathValue("platform")), r.PathValue("id"))
	if !ok || !d.sees(r, account.ID) {
		d.errorPage(w, r, http.StatusNotFound, "There is no such account.")
		return
	}
	d.render(w, http.StatusOK, "disconnect", layout, disconnectView{d.newFrame(r, "accounts", "Disconnect"), account, accountPath(account.Platform, account.ID), c.Status.Read(r.Context(), account).Waiting})
}

// disconnect rejects the waiting replies if it was asked to, and removes the account. The
// rejections come first: while they go on the account is there, and a repeat goes on.
func (d *Desk) disconnect(r *http.Request, account privatereply.Account) (done string, err error) {
	if facts, _ := d.Connections.Accounts.Token(account.Platform, account.ID); !facts.Connected {
		return "", fmt.Errorf("%s stands in accounts.yaml, which people write: take it out there", account.Name)
	}
	if r.PostForm.Get("replies") == "reject" {
		if err := d.rejectWaiting(r.Context(), account); err != nil {
			return "", err
		}
	}
	err = d.Connections.Connector.Disconnect(r.Context(), connect.Key{Platform: account.Platform, ID: account.ID})
	if errors.Is(err, connect.ErrStillSubscribed) {
		return "subscribed", nil
	}
	return "disconnect", err
}

// rejectPage is how many waiting replies are rejected before the list is read again.
const rejectPage = 200

// rejectWaiting rejects each reply of an account that is not sent. One that is being sent
// may go out all the same.
func (d *Desk) rejectWaiting(ctx context.Context, account privatereply.Account) error {
	m := workflows.Reject{Approver: signin.UserFrom(ctx).Name, Reason: "the account was disconnected"}
	filter := replies.Filter{Account: account.ID, Running: true, States: []privatereply.State{privatereply.Holding, privatereply.AwaitingApproval, privatereply.Sending}}
	seen := map[string]bool{}
	for {
		rows, err := d.Replies.Earliest(ctx, filter, rejectPage)
		if err != nil {
			return err
		}
		rows = slices.DeleteFunc(rows, func(row replies.Row) bool { return seen[row.ID] })
		if len(rows) == 0 {
			return nil
		}
		var failed atomic.Int64
		var running errgroup.Group
		running.SetLimit(bulkParallel)
		for _, row := range rows {
			seen[row.ID] = true
			running.Go(func() error {
				var refused *replies.Error
				if _, err := d.Replies.Reject(ctx, row.ID, idempotencyKey("")+":disconnect", m); err != nil && !errors.As(err, &refused) {
					failed.Add(1)
				}
				return nil
			})
		}
		_ = running.Wait() // failures are counted
		if n := failed.Load(); n > 0 {
			return fmt.Errorf("%d replies could not be rejected, because Temporal did not answer; the account is still connected: try again", n)
		}
	}
}

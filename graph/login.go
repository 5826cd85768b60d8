package graph

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/metajson"
)

// LoginApp is an app at Meta with one of its logins: Facebook Login, also for Business, or
// Business Login for Instagram. It cannot be printed or encoded.
type LoginApp struct {
	Login     privatereply.Login
	ID        string
	Secret    string
	ConfigID  string // Facebook only: of a configuration that replaces the permissions; empty: none
	DialogURL string // the host of the login dialog
	TokenURL  string // Instagram only: the host that exchanges a code
}

// Format keeps the secret out of every verb.
func (a LoginApp) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "app "+a.ID) }

// MarshalJSON fails, as it does for Credentials.
func (LoginApp) MarshalJSON() ([]byte, error) {
	return nil, errors.New("graph: an app is never encoded")
}

// LoginToken is a user's token that a login gave. It cannot be printed or encoded.
type LoginToken struct {
	Token       string
	Life        time.Duration // from now on; 0: Meta did not say
	UserID      string        // Instagram's code exchange only
	Permissions []string      // Instagram's code exchange only: what was granted
}

// Format keeps the token out of every verb.
func (LoginToken) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "a token") }

// MarshalJSON fails, as it does for Credentials.
func (LoginToken) MarshalJSON() ([]byte, error) {
	return nil, errors.New("graph: a token is never encoded")
}

// instagramLife is the life of a long-lived token of Instagram's where Meta did not say it.
const instagramLife = 60 * 24 * time.Hour

// oauth is the app's login as package oauth2 knows it. The permissions are separated by
// commas, which both dialogs take.
func (c *Client) oauth(app LoginApp, redirectURL string, permissions []string) *oauth2.Config {
	conf := &oauth2.Config{ClientID: app.ID, ClientSecret: app.Secret, RedirectURL: redirectURL}
	conf.Endpoint.AuthStyle = oauth2.AuthStyleInParams
	if len(permissions) > 0 && app.ConfigID == "" {
		conf.Scopes = []string{strings.Join(permissions, ",")}
	}
	if app.Login == privatereply.LoginInstagram {
		conf.Endpoint.AuthURL = app.DialogURL + "/oauth/authorize"
		conf.Endpoint.TokenURL = app.TokenURL + "/oauth/access_token"
		return conf
	}
	conf.Endpoint.AuthURL = app.DialogURL + "/" + c.version + "/dialog/oauth"
	conf.Endpoint.TokenURL = c.facebook + "/oauth/access_token"
	return conf
}

// LoginURL is the address of the login dialog. A permission that the person declined before
// is asked for again. On Instagram the person logs in anew: the dialog has no other way to
// choose another account.
func (c *Client) LoginURL(app LoginApp, redirectURL, state string, permissions []string) string {
	var options []oauth2.AuthCodeOption
	switch {
	case app.Login == privatereply.LoginInstagram:
		options = append(options, oauth2.SetAuthURLParam("force_reauth", "true"))
	default:
		options = append(options, oauth2.SetAuthURLParam("auth_type", "rerequest"))
		if app.ConfigID != "" {
			options = append(options, oauth2.SetAuthURLParam("config_id", app.ConfigID))
		}
	}
	return c.oauth(app, redirectURL, permissions).AuthCodeURL(state, options...)
}

// ExchangeCode exchanges the code of a callback, which works once, for a short-lived token.
func (c *Client) ExchangeCode(ctx context.Context, app LoginApp, redirectURL, code string) (LoginToken, error) {
	t := &tokenTransport{client: c, op: "exchange the login's code", app: app}
	ctx = context.WithValue(ctx, oauth2.HTTPClient, &http.Client{Transport: t})
	_, err := c.oauth(app, redirectURL, nil).Exchange(ctx, strings.TrimSuffix(code, "#_"))
	switch {
	case t.err != nil:
		return LoginToken{}, t.err
	case err != nil: // its text may hold the answer
		return LoginToken{}, Error{Op: t.op}.classified(Unknown, privatereply.NoAnswer, "the answer does not have the expected form")
	}
	return t.token, nil
}

// tokenTransport makes the calls of package oauth2 in this package's manner: classified
// errors, no redirect, one form of the answer. It is for one call.
type tokenTransport struct {
	client *Client
	op     string
	app    LoginApp
	token  LoginToken
	err    error
}

// RoundTrip makes the request and reads the answer.
func (t *tokenTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	a, err := t.client.transactLogin(req.Context(), t.op, t.app, func(ctx context.Context) (*http.Request, error) {
		out := req.Clone(ctx)
		out.Header.Set("Accept", "application/json")
		out.Header.Set("User-Agent", "privatereply")
		return out, nil
	})
	if err == nil {
		t.token, err = a.loginToken()
	}
	if t.err = err; err != nil {
		return nil, err
	}
	body, err := json.Marshal(map[string]string{"access_token": t.token.Token})
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(body)), Request: req,
	}, err
}

// transactLogin makes a call of a login, whose errors mean something else than elsewhere.
func (c *Client) transactLogin(ctx context.Context, op string, app LoginApp, build func(context.Context) (*http.Request, error)) (response, error) {
	ctx, end := startSpan(ctx, op)
	a, err := c.transact(ctx, op, app.owner(""), nodeLimit, build)
	err = loginError(op, err)
	end(a, err)
	return a, err
}

// owner is the account of the app's user, as far as hosts and caches need it.
func (a LoginApp) owner(id string) privatereply.Account {
	platform := privatereply.Facebook
	if a.Login == privatereply.LoginInstagram {
		platform = privatereply.Instagram
	}
	return privatereply.Account{Platform: platform, Login: a.Login, ID: id}
}

// Credentials are those of the app's user with the token. ID tells users apart.
func (a LoginApp) Credentials(id, token string) Credentials {
	return Credentials{Account: a.owner(id), Token: token, AppSecret: a.Secret}
}

// loginError gives an error of the token endpoints the meaning that it has there. Meta's
// words, which would say more, are in the language of the app's owner.
func loginError(op string, err error) error {
	var e *Error
	if !errors.As(err, &e) || e.HTTPStatus < 400 || e.HTTPStatus >= 500 || e.Class == Throttled {
		return err
	}
	switch {
	case e.Code == 1 || e.Code == 101:
		return e.classified(AccountFault, privatereply.AppMisconfigured, "Meta does not accept the app's id and secret")
	case e.Code == 191:
		return e.classified(Final, privatereply.BadRequest, "the redirect address is not among those in the app's settings, to the letter")
	case e.Code == 100 && op == renewToken:
		return e.classified(Final, privatereply.BadRequest, "Meta renews only long-lived tokens, from an age of a day on")
	case e.Code == 100 || e.Code == 0: // 0: the form of api.instagram.com
		return e.classified(Final, privatereply.BadRequest,
			"Meta does not take it: a code works once and for minutes, and only with the app and the redirect address that it was given for")
	}
	return err
}

// loginToken reads the answer of a token endpoint: an object, or a list of one in "data".
// Permissions are a list or a text.
func (a response) loginToken() (LoginToken, error) {
	type answer struct {
		Token       metajson.Text   `json:"access_token"`
		Expires     metajson.Float  `json:"expires_in"` // seconds
		UserID      metajson.String `json:"user_id"`
		Permissions json.RawMessage `json:"permissions"`
	}
	var n struct {
		answer
		Data []answer `json:"data"`
	}
	if json.Unmarshal(a.body, &n) != nil {
		return LoginToken{}, a.unreadable("the answer does not have the expected form")
	}
	if len(n.Data) > 0 {
		n.answer = n.Data[0]
	}
	t := LoginToken{Token: string(n.Token), Life: time.Duration(float64(n.Expires) * float64(time.Second)), UserID: string(n.UserID)}
	if !(Credentials{Token: t.Token}).usable() {
		return LoginToken{}, a.unreadable("the answer has no token")
	}
	var text string
	if json.Unmarshal(n.Permissions, &t.Permissions) != nil && json.Unmarshal(n.Permissions, &text) == nil {
		t.Permissions = strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
	}
	return t, nil
}

// LongLivedToken exchanges a short-lived token for one that lives about 60 days.
func (c *Client) LongLivedToken(ctx context.Context, app LoginApp, short LoginToken) (LoginToken, error) {
	k := call{op: "exchange the token for a long-lived one"}
	if app.Login == privatereply.LoginInstagram {
		k.base, k.path = c.tokens, []string{"access_token"}
		k.query = url.Values{"grant_type": {"ig_exchange_token"}, "client_secret": {app.Secret}, "access_token": {short.Token}}
	} else {
		k.path = []string{"oauth", "access_token"}
		k.form = url.Values{"grant_type": {"fb_exchange_token"}, "client_id": {app.ID}, "client_secret": {app.Secret}, "fb_exchange_token": {short.Token}}
	}
	return c.tokenCall(ctx, app, k)
}

// renewToken is the operation of RenewToken.
const renewToken = "renew the token"

// RenewToken renews a long-lived token of Instagram's, which must be a day old and must not
// have ended. The old one lives on for a while.
func (c *Client) RenewToken(ctx context.Context, token string) (LoginToken, error) {
	return c.tokenCall(ctx, LoginApp{Login: privatereply.LoginInstagram}, call{
		op: renewToken, base: c.tokens, path: []string{"refresh_access_token"},
		query: url.Values{"grant_type": {"ig_refresh_token"}, "access_token": {token}},
	})
}

// tokenCall makes a call whose answer is a token. Instagram documents these as GET and takes
// their secrets in the query only; no error, span or log of this package holds a URL.
func (c *Client) tokenCall(ctx context.Context, app LoginApp, k call) (LoginToken, error) {
	a, err := c.transactLogin(ctx, k.op, app, func(ctx context.Context) (*http.Request, error) {
		req, err := c.request(ctx, Credentials{Account: app.owner("")}, k)
		if err == nil {
			req.Header.Del("Authorization")
		}
		return req, err
	})
	if err != nil {
		return LoginToken{}, err
	}
	t, err := a.loginToken()
	if err == nil && t.Life == 0 && app.Login == privatereply.LoginInstagram {
		t.Life = instagramLife
	}
	return t, err
}

// InspectToken inspects a token with the app's own, which Meta never refuses to. It is for
// the Facebook login: Meta documents no such call for Instagram's.
func (c *Client) InspectToken(ctx context.Context, app LoginApp, token string) (TokenInfo, error) {
	return c.debugToken(ctx, Credentials{Account: app.owner(""), Token: app.ID + "|" + app.Secret}, token)
}

// Subscribe subscribes the app to webhooks of the account, or of the Page that sends for it.
// The fields replace those that the app had.
func (c *Client) Subscribe(ctx context.Context, cred Credentials, fields []string) error {
	_, err := c.call(ctx, cred, call{
		op: "subscribe to webhooks", path: []string{cred.Account.SendNode(), "subscribed_apps"},
		form: url.Values{"subscribed_fields": {strings.Join(fields, ",")}}, limit: nodeLimit,
	})
	return err
}

// Unsubscribe ends the app's webhooks of the account, or of the Page that sends for it: of
// all accounts, that is, which send through the Page.
func (c *Client) Unsubscribe(ctx context.Context, cred Credentials) error {
	_, err := c.call(ctx, cred, call{
		op: "unsubscribe from webhooks", path: []string{cred.Account.SendNode(), "subscribed_apps"}, remove: true, limit: nodeLimit,
	})
	return err
}

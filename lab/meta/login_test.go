package meta_test

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/meta"
)

// browser is a browser without script that follows no redirect.
type browser struct {
	*env
	client *http.Client
}

func (e *env) browser() *browser {
	jar, err := cookiejar.New(nil)
	must(e.t, err)
	return &browser{e, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

func (b *browser) open(dialog string) reply {
	b.t.Helper()
	resp, err := b.client.Get(b.url + dialog)
	must(b.t, err)
	return readReply(b.t, resp)
}

// submit sends the form of a dialog and gives the address that it leads back to.
func (b *browser) submit(dialog string, form url.Values) (*url.URL, reply) {
	b.t.Helper()
	resp, err := b.client.PostForm(b.url+dialog, form)
	must(b.t, err)
	to, err := url.Parse(resp.Header.Get("Location"))
	must(b.t, err)
	return to, readReply(b.t, resp)
}

// fields are the values of the inputs with a name, in their order.
func fields(page, name string) []string {
	var values []string
	for _, m := range regexp.MustCompile(`<input type="(?:checkbox|radio)" name="`+name+`" id="[^"]*" value="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		values = append(values, m[1])
	}
	return values
}

// The dialogs are plain forms: Facebook's offers the Pages and the permissions, Instagram's
// the accounts with a login of their own.
func TestLoginDialogs(t *testing.T) {
	e := startUnconnected(t, withMorePages)
	b := e.browser()

	facebook := b.open(facebookDialog())
	pages, permissions := fields(facebook.body, "page"), fields(facebook.body, "permission")
	if !slices.Equal(pages, []string{pageID, secondPageID, companyPageID}) || strings.Join(permissions, ",") != allOfFacebook {
		t.Fatalf("Facebook offers %v and %v", pages, permissions)
	}
	to, _ := b.submit(facebookDialog(), url.Values{"decision": {"approve"}, "page": {secondPageID}, "permission": permissions[1:]})
	if to.Host != "127.0.0.1:7171" || to.Query().Get("state") != "s1" || to.Query().Get("code") == "" || to.Fragment != "_=_" {
		t.Fatalf("Facebook leads back to %s", to)
	}
	user := e.facebookToken("code", to.Query().Get("code"), "redirect_uri", redirect).text("access_token")
	if state := e.statuses(user); state["pages_show_list"] != "declined" || state["pages_messaging"] != "granted" {
		t.Errorf("permissions %v", state)
	}
	if got := e.get("/facebook/v26.0/"+secondPageID, user, "fields", "access_token"); got.text("access_token") == "" {
		t.Errorf("the chosen Page: %s", got.body)
	}
	if got := e.get("/facebook/v26.0/"+pageID, user, "fields", "access_token"); got.code() != [2]int{100, 33} {
		t.Errorf("the other Page: %s", got.body)
	}
	if got := fields(b.open(facebookDialog()).body, "permission"); slices.Contains(got, "pages_show_list") {
		t.Errorf("offered again without being asked to: %v", got)
	}

	instagram := b.open(instagramDialog())
	if accounts := fields(instagram.body, "account"); !slices.Equal(accounts, []string{ownLoginID}) {
		t.Fatalf("Instagram offers %v", accounts)
	}
	to, _ = b.submit(instagramDialog(), url.Values{"decision": {"approve"}, "account": {ownLoginID}, "permission": {"instagram_business_basic"}})
	if to.Query().Get("state") != "s1" || to.Fragment != "_" {
		t.Fatalf("Instagram leads back to %s", to)
	}
	got := e.instagramCode("code", to.Query().Get("code"))
	if granted := got.json["permissions"].([]any); len(granted) != 1 || granted[0] != "instagram_business_basic" {
		t.Errorf("granted %s", got.body)
	}
}

// Who declines is led back with Meta's error.
func TestDeclinedLogin(t *testing.T) {
	b := startUnconnected(t).browser()
	for dialog, code := range map[string]string{facebookDialog(): "200", instagramDialog(): ""} {
		to, _ := b.submit(dialog, url.Values{"decision": {"decline"}})
		q := to.Query()
		if q.Get("error") != "access_denied" || q.Get("error_reason") != "user_denied" || q.Get("error_description") == "" ||
			q.Get("error_code") != code || q.Get("state") != "s1" || q.Has("code") {
			t.Errorf("%s leads back to %s", dialog, to)
		}
	}
}

// A link that Meta does not understand leads nowhere, by GET or by POST.
func TestDialogRefusals(t *testing.T) {
	listed := func(c *meta.Config) { c.App.RedirectURIs = []string{"https://desk.example/callback"} }
	tests := []struct {
		name      string
		dialog    string
		configure func(*meta.Config)
		want      string // empty: the dialog is shown
	}{
		{"another app", facebookDialog("client_id", "1"), nil, "Invalid App ID"},
		{"the app of Facebook", instagramDialog("client_id", facebookApp), nil, "Invalid platform app"},
		{"no app", facebookDialog("client_id", ""), func(c *meta.Config) { c.App = meta.App{} }, "Invalid App ID"},
		{"elsewhere", facebookDialog("redirect_uri", "https://evil.example/"), nil, "(191)"},
		{"elsewhere on Instagram", instagramDialog("redirect_uri", "https://evil.example/"), nil, "Invalid redirect_uri"},
		{"a script", facebookDialog("redirect_uri", "javascript:alert(1)"), nil, "(191)"},
		{"a name in front", facebookDialog("redirect_uri", "http://127.0.0.1@evil.example/"), nil, "(191)"},
		{"any loopback address", facebookDialog("redirect_uri", "http://localhost:1/x?y=z"), nil, ""},
		{"in the list", facebookDialog("redirect_uri", "https://desk.example/callback"), listed, ""},
		{"with a slash more", facebookDialog("redirect_uri", "https://desk.example/callback/"), listed, "(191)"},
		{"loopback, but not in the list", facebookDialog(), listed, "(191)"},
		{"a permission that does not exist", facebookDialog("scope", "pages_read_user_engagement"), nil, "Invalid Scopes: pages_read_user_engagement"},
		{"a permission of the other login", instagramDialog("scope", "pages_messaging"), nil, "Invalid Scopes"},
		{"no permission on Instagram", instagramDialog("scope", ""), nil, "scope is required"},
		{"separated by spaces", instagramDialog("scope", strings.ReplaceAll(allOfInstagram, ",", " ")), nil, ""},
		{"a token at once", facebookDialog("response_type", "token"), nil, "Invalid response_type"},
		{"response_type left out", facebookDialog("response_type", ""), nil, ""},
		{"left out on Instagram", instagramDialog("response_type", ""), nil, "Invalid response_type"},
		{"without a version", strings.Replace(facebookDialog(), "/v26.0", "", 1), nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := startUnconnected(t)
			if tt.configure != nil {
				e = startUnconnected(t, tt.configure)
			}
			b := e.browser()
			shown := b.open(tt.dialog)
			if tt.want == "" {
				if shown.status != 200 || !strings.Contains(shown.body, `id="approve"`) {
					t.Errorf("answered %d %s", shown.status, problemOf(shown.body))
				}
				return
			}
			to, submitted := b.submit(tt.dialog, url.Values{"decision": {"approve"}})
			for _, got := range []reply{shown, submitted} {
				if got.status != 400 || !strings.Contains(problemOf(got.body), tt.want) {
					t.Errorf("answered %d %s, want %q", got.status, problemOf(got.body), tt.want)
				}
			}
			if to.String() != "" {
				t.Errorf("it leads to %s", to)
			}
		})
	}
}

// A configuration of Login for Business replaces the scope; its permissions cannot be
// taken off one by one.
func TestLoginForBusiness(t *testing.T) {
	e := startUnconnected(t)
	dialog := facebookDialog("scope", "", "config_id", "77")
	if page := e.browser().open(dialog); len(fields(page.body, "permission")) != 0 || !strings.Contains(page.body, "pages_messaging") {
		t.Errorf("the dialog: %s", page.body)
	}
	if _, err := e.AnswerLogin(e.url+dialog, meta.LoginAnswer{Without: []string{"pages_messaging"}}); err == nil {
		t.Error("a permission was taken off")
	}
	to, _ := e.browser().submit(dialog, url.Values{"decision": {"approve"}, "page": {pageID}})
	user := e.facebookToken("code", to.Query().Get("code"), "redirect_uri", redirect).text("access_token")
	for name, status := range e.statuses(user) {
		if status != "granted" {
			t.Errorf("%s is %s", name, status)
		}
	}
}

// Who is logged in to Instagram stays so in that browser: only force_reauth offers other
// accounts.
func TestInstagramStaysLoggedIn(t *testing.T) {
	const other = "17841400000000003"
	e := startUnconnected(t, func(c *meta.Config) {
		c.Accounts = append(c.Accounts, meta.Account{Platform: privatereply.Instagram, ID: other, Name: "elm", Login: privatereply.LoginInstagram, Unconnected: true})
	})
	b := e.browser()
	b.submit(instagramDialog(), url.Values{"decision": {"approve"}, "account": {other}, "permission": {"instagram_business_basic"}})
	if got := fields(b.open(instagramDialog()).body, "account"); !slices.Equal(got, []string{other}) {
		t.Errorf("without force_reauth: %v", got)
	}
	for _, again := range [][]string{{"force_reauth", "true"}, {"force_authentication", "1"}} {
		if got := fields(b.open(instagramDialog(again...)).body, "account"); len(got) != 2 {
			t.Errorf("with %s: %v", again[0], got)
		}
	}
	if got := fields(e.browser().open(instagramDialog()).body, "account"); len(got) != 2 {
		t.Errorf("in another browser: %v", got)
	}
}

// A form on another site cannot approve a login, and the dialog loads nothing from
// elsewhere and needs no script.
func TestDialogIsProtected(t *testing.T) {
	e := startUnconnected(t, func(c *meta.Config) { c.Accounts[0].Name = hostile })
	page := e.browser().open(facebookDialog())
	if policy := page.header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "script") {
		t.Errorf("policy %q", policy)
	}
	if strings.Contains(page.body, "<script") || strings.Contains(page.body, "<img") || !strings.Contains(page.body, "&lt;script&gt;") {
		t.Error("a name is not shown as text")
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, e.url+facebookDialog(), strings.NewReader("decision=approve"))
	must(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	resp, err := http.DefaultClient.Do(req)
	must(t, err)
	if got := readReply(t, resp); got.status != http.StatusForbidden {
		t.Errorf("from another site: %d", got.status)
	}
}

// The control API answers a dialog for a program without a browser.
func TestControlLogin(t *testing.T) {
	e := startUnconnected(t)
	answer := func(body string) reply { return e.do(http.MethodPost, "/sandbox/login", "", body) }
	got := answer(`{"url":"` + e.url + instagramDialog() + `","without":["instagram_business_manage_messages"]}`)
	to, err := url.Parse(got.text("location"))
	must(t, err)
	granted := e.instagramCode("code", to.Query().Get("code")).json["permissions"].([]any)
	if len(granted) != 2 {
		t.Errorf("granted %v", granted)
	}
	if got := answer(`{"url":"` + e.url + facebookDialog() + `","decline":true}`); !strings.Contains(got.text("location"), "error=access_denied") {
		t.Errorf("declined: %s", got.body)
	}
	for name, body := range map[string]string{
		"no dialog":        `{"url":"` + e.url + `/"}`,
		"no such account":  `{"url":"` + e.url + instagramDialog() + `","account":"1"}`,
		"no such Page":     `{"url":"` + e.url + facebookDialog() + `","pages":["1"]}`,
		"not asked for":    `{"url":"` + e.url + facebookDialog() + `","without":["email"]}`,
		"not of our app":   `{"url":"` + e.url + facebookDialog("client_id", "1") + `"}`,
		"the other's Page": `{"url":"` + e.url + facebookDialog() + `","pages":["` + linkedID + `"]}`,
	} {
		if got := answer(body); got.status < 400 || got.text("error") == "" {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
}

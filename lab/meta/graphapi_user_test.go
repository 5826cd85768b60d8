package meta_test

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/meta"
)

// The Pages that some tests add to those of start.
const (
	secondPageID  = "100000000000002"
	companyPageID = "100000000000003"
)

func withMorePages(c *meta.Config) {
	c.Accounts = append(c.Accounts,
		meta.Account{Platform: privatereply.Facebook, ID: secondPageID, Name: "Second", Login: privatereply.LoginFacebook, Unconnected: true, OtherApp: "Other inbox"},
		meta.Account{Platform: privatereply.Facebook, ID: companyPageID, Name: "Company", Login: privatereply.LoginFacebook, Unconnected: true, Business: "Oak Holding"})
}

// listed follows a list by its next links and gives every item, by id.
func (e *env) listed(path, token string, query ...string) map[string]map[string]any {
	e.t.Helper()
	items := map[string]map[string]any{}
	for next := path + "?" + changed(url.Values{"access_token": {token}}, query).Encode(); next != ""; {
		got := e.do(http.MethodGet, next, "", "")
		if got.status != 200 {
			e.t.Fatalf("%s: %s", path, got.body)
		}
		for _, v := range got.json["data"].([]any) {
			item := v.(map[string]any)
			items[item["id"].(string)] = item
		}
		next = strings.TrimPrefix(nextOf(got.json), e.url)
	}
	return items
}

// pageTokens are the tokens of a person's Pages.
func (e *env) pageTokens(user string) map[string]string {
	e.t.Helper()
	tokens := map[string]string{}
	for id, page := range e.listed("/facebook/v26.0/me/accounts", user, "fields", "id,access_token", "limit", "1") {
		tokens[id], _ = page["access_token"].(string)
	}
	return tokens
}

// The list of a person's Pages has a token of each, its tasks and the account linked to it.
func TestPagesOfAPerson(t *testing.T) {
	e := startUnconnected(t, withMorePages)
	user := e.userToken(meta.LoginAnswer{})
	pages := e.listed("/facebook/v26.0/me/accounts", user, "fields", "id,name,access_token,tasks,picture,instagram_business_account{id,username,profile_picture_url}", "limit", "1")
	if got := slices.Sorted(maps.Keys(pages)); !slices.Equal(got, []string{pageID, secondPageID}) {
		t.Fatalf("Pages %v: the one of a business is not among them", got)
	}
	linked := pages[pageID]["instagram_business_account"].(map[string]any)
	if linked["id"] != linkedID || linked["username"] != "clean.slate" || pages[secondPageID]["instagram_business_account"] != nil {
		t.Errorf("linked accounts: %v", pages)
	}
	if tasks := pages[pageID]["tasks"].([]any); !slices.Contains(tasks, any("MESSAGING")) {
		t.Errorf("tasks %v", tasks)
	}
	picture := linked["profile_picture_url"].(string)
	if got := e.do(http.MethodGet, strings.TrimPrefix(picture, e.url), "", ""); got.status != 200 || got.header.Get("Content-Type") != "image/png" {
		t.Errorf("the picture %s: %d", picture, got.status)
	}

	tokens := e.pageTokens(user)
	if again := e.pageTokens(user); !maps.Equal(tokens, again) {
		t.Error("the tokens differ from one list to the next")
	}
	if me := e.get("/facebook/v26.0/me", tokens[pageID]); me.text("id") != pageID {
		t.Errorf("me with the Page's token: %s", me.body)
	}
	e.clock.advance(365 * 24 * time.Hour)
	if me := e.get("/facebook/v26.0/me", tokens[pageID]); me.status != 200 {
		t.Errorf("a Page token has no end: %s", me.body)
	}
	if me := e.get("/facebook/v26.0/me", user); me.code() != [2]int{190, 463} {
		t.Errorf("the person's has one: %s", me.body)
	}
}

// The Page tokens of a short-lived token end with it.
func TestPageTokensOfAShortLivedToken(t *testing.T) {
	e := startUnconnected(t)
	short := e.facebookToken("code", e.login(facebookDialog(), meta.LoginAnswer{}), "redirect_uri", redirect).text("access_token")
	page := e.pageTokens(short)[pageID]
	e.clock.advance(time.Hour)
	if me := e.get("/facebook/v26.0/me", page); me.code() != [2]int{190, 463} {
		t.Errorf("answered %s", me.body)
	}
}

// A Page that a business owns is found through the business, or read by its id.
func TestPagesOfABusiness(t *testing.T) {
	e := startUnconnected(t, withMorePages)
	scopes := allOfFacebook + ",business_management"
	code := e.login(facebookDialog("scope", scopes), meta.LoginAnswer{Pages: []string{companyPageID}})
	user := e.facebookToken("code", code, "redirect_uri", redirect).text("access_token")
	if pages := e.pageTokens(user); len(pages) != 0 {
		t.Errorf("me/accounts has %v", slices.Collect(maps.Keys(pages)))
	}
	businesses := e.listed("/facebook/v26.0/me/businesses", user)
	if len(businesses) != 1 {
		t.Fatalf("businesses %v", businesses)
	}
	for id, business := range businesses {
		owned := e.listed("/facebook/v26.0/"+id+"/owned_pages", user, "fields", "id,name,access_token")
		if business["name"] != "Oak Holding" || owned[companyPageID]["access_token"] == nil || len(owned) != 1 {
			t.Errorf("%v owns %v", business, owned)
		}
		if client := e.listed("/facebook/v26.0/"+id+"/client_pages", user); len(client) != 0 {
			t.Errorf("client_pages %v", client)
		}
	}
	if page := e.get("/facebook/v26.0/"+companyPageID, user, "fields", "access_token,name"); page.text("access_token") == "" {
		t.Errorf("read by its id: %s", page.body)
	}
	if other := e.get("/facebook/v26.0/"+pageID, user, "fields", "access_token"); other.code() != [2]int{100, 33} {
		t.Errorf("a Page that was not chosen: %s", other.body)
	}
	without := e.userToken(meta.LoginAnswer{})
	e.withoutPermission(without, "business_management")
	if got := e.get("/facebook/v26.0/me/businesses", without); got.code() != [2]int{10, 0} {
		t.Errorf("without business_management: %s", got.body)
	}
}

// withoutPermission takes one permission of the person back.
func (e *env) withoutPermission(user, name string) {
	e.t.Helper()
	if got := e.do(http.MethodDelete, "/facebook/v26.0/me/permissions/"+name, user, ""); got.json["success"] != true {
		e.t.Fatalf("take %s back: %s", name, got.body)
	}
}

// statuses are the permissions of /me/permissions with their states.
func (e *env) statuses(user string) map[string]string {
	e.t.Helper()
	states := map[string]string{}
	for _, v := range e.get("/facebook/v26.0/me/permissions", user).json["data"].([]any) {
		p := v.(map[string]any)
		states[p["permission"].(string)] = p["status"].(string)
	}
	return states
}

// What was taken off in the dialog is declined, is missing where it is needed, and is
// asked for again only on request.
func TestDeclinedPermission(t *testing.T) {
	e := startUnconnected(t)
	user := e.userToken(meta.LoginAnswer{Without: []string{"pages_manage_metadata", "instagram_basic"}})
	want := map[string]string{"public_profile": "granted"}
	for _, name := range strings.Split(allOfFacebook, ",") {
		want[name] = "granted"
	}
	want["pages_manage_metadata"], want["instagram_basic"] = "declined", "declined"
	if diff := cmp.Diff(want, e.statuses(user)); diff != "" {
		t.Error(diff)
	}
	page := e.get("/facebook/v26.0/"+pageID, user, "fields", "access_token,instagram_business_account")
	if page.json["instagram_business_account"] != nil {
		t.Errorf("the linked account without instagram_basic: %s", page.body)
	}
	if got := e.do(http.MethodPost, "/facebook/v26.0/"+pageID+"/subscribed_apps?subscribed_fields=feed", page.text("access_token"), ""); got.code() != [2]int{10, 0} {
		t.Errorf("subscribe without pages_manage_metadata: %s", got.body)
	}

	e.login(facebookDialog(), meta.LoginAnswer{})
	if got := e.statuses(user)["instagram_basic"]; got != "declined" {
		t.Errorf("after a login that does not ask again: %s", got)
	}
	e.login(facebookDialog("auth_type", "rerequest"), meta.LoginAnswer{})
	if got := e.statuses(user)["instagram_basic"]; got != "granted" {
		t.Errorf("after a login that asks again: %s", got)
	}
	if got := e.do(http.MethodPost, "/facebook/v26.0/"+pageID+"/subscribed_apps?subscribed_fields=feed", page.text("access_token"), ""); got.json["success"] != true {
		t.Errorf("subscribe: %s", got.body)
	}
}

// Taking everything back ends the tokens of every Page; only the person's token can.
func TestTakePermissionsBack(t *testing.T) {
	e := startUnconnected(t)
	user := e.userToken(meta.LoginAnswer{})
	page := e.pageTokens(user)[pageID]
	if got := e.do(http.MethodDelete, "/facebook/v26.0/me/permissions", page, ""); got.code() != [2]int{100, 33} {
		t.Errorf("with a Page's token: %s", got.body)
	}
	e.withoutPermission(user, "pages_messaging")
	if got := e.statuses(user)["pages_messaging"]; got != "declined" {
		t.Errorf("one that was taken back is %s", got)
	}
	if got := e.do(http.MethodDelete, "/facebook/v26.0/me/permissions", user, ""); got.json["success"] != true {
		t.Fatalf("answered %s", got.body)
	}
	for _, token := range []string{user, page} {
		if got := e.get("/facebook/v26.0/me", token); got.code() != [2]int{190, 458} {
			t.Errorf("a token after it: %s", got.body)
		}
	}
}

// A person's token reads no comments of a Page, without an error, and does not speak for it.
func TestUserTokenOnAPage(t *testing.T) {
	e := startUnconnected(t)
	e.comment(meta.NewComment{Account: pageID})
	user := e.userToken(meta.LoginAnswer{})
	if feed := e.get("/facebook/v26.0/"+pageID+"/feed", user); feed.status != 200 || len(feed.json["data"].([]any)) != 0 {
		t.Errorf("the feed: %s", feed.body)
	}
	for method, edge := range map[string]string{http.MethodPost: "messages", http.MethodGet: "subscribed_apps", http.MethodDelete: "subscribed_apps"} {
		if got := e.do(method, "/facebook/v26.0/"+pageID+"/"+edge, user, ""); got.code() != [2]int{210, 0} {
			t.Errorf("%s %s: %s", method, edge, got.body)
		}
	}
	if me := e.get("/facebook/v26.0/me", user, "fields", "id,name,picture"); me.text("name") == "" || me.json["picture"] == nil {
		t.Errorf("me: %s", me.body)
	}
	if got := e.get("/instagram/v26.0/me", user); got.code() != [2]int{190, 0} {
		t.Errorf("on the other host: %s", got.body)
	}
}

// The app's own token describes every token of graph.facebook.com.
func TestDebugTokenOfALogin(t *testing.T) {
	e := startUnconnected(t)
	user := e.userToken(meta.LoginAnswer{})
	page := e.pageTokens(user)[pageID]
	debug := func(token string) map[string]any {
		got := e.get("/facebook/v26.0/debug_token", facebookApp+"|"+facebookSecret, "input_token", token)
		return got.json["data"].(map[string]any)
	}
	now := e.clock.now()
	d := debug(user)
	if d["type"] != "USER" || d["app_id"] != facebookApp || d["user_id"] == nil || d["is_valid"] != true || d["profile_id"] != nil ||
		d["issued_at"] != float64(now.Unix()) || d["expires_at"] != float64(now.Add(60*24*time.Hour).Unix()) || d["data_access_expires_at"] != float64(now.Add(90*24*time.Hour).Unix()) {
		t.Errorf("a person's token: %v", d)
	}
	if p := debug(page); p["type"] != "PAGE" || p["profile_id"] != pageID || p["expires_at"] != 0.0 || p["user_id"] != d["user_id"] {
		t.Errorf("a Page's token: %v", p)
	}
	targets := map[string]any{}
	for _, v := range d["granular_scopes"].([]any) {
		scope := v.(map[string]any)
		targets[scope["scope"].(string)] = scope["target_ids"]
	}
	if diff := cmp.Diff([]any{pageID}, targets["pages_messaging"]); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]any{linkedID}, targets["instagram_basic"]); diff != "" || targets["public_profile"] != nil {
		t.Error(diff, targets)
	}

	must(t, e.UpdateAccount(pageID, meta.AccountUpdate{TokenState: new(meta.TokenRevoked)}))
	p := debug(page)
	if failure, _ := p["error"].(map[string]any); p["is_valid"] != false || failure["code"] != 190.0 || failure["subcode"] != 460.0 {
		t.Errorf("a revoked token: %v", p)
	}
	if own := debug(e.instagramToken(meta.LoginAnswer{})); own["is_valid"] != false {
		t.Errorf("a token of the Instagram login: %v", own)
	}
	if got := e.get("/facebook/v26.0/debug_token", facebookApp+"|"+instagramSecret, "input_token", user); got.code() != [2]int{190, 0} {
		t.Errorf("with another secret: %s", got.body)
	}
}

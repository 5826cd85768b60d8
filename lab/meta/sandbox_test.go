package meta_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/meta"
)

// The accounts of the tests: a Page, the Instagram account linked to it, and an
// Instagram account with its own login.
const (
	pageID      = "100000000000001"
	linkedID    = "17841400000000001"
	ownLoginID  = "17841400000000002"
	pageToken   = "EAAtesttoken"
	ownToken    = "IGtesttoken"
	appSecret   = "test-app-secret"
	instaSecret = "test-instagram-secret"
)

// clock is a clock that tests move.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// env is a sandbox behind a real server.
type env struct {
	*meta.Sandbox
	t     *testing.T
	clock *clock
	url   string
}

func start(t *testing.T, configure ...func(*meta.Config)) *env {
	t.Helper()
	e := &env{t: t, clock: &clock{at: time.Date(2026, 11, 2, 9, 30, 0, 0, time.UTC)}}
	cfg := meta.Config{
		Now: e.clock.now,
		Accounts: []meta.Account{
			{Platform: privatereply.Facebook, ID: pageID, Name: "Clean Slate", Login: privatereply.LoginFacebook, Token: pageToken, AppSecret: appSecret},
			{Platform: privatereply.Instagram, ID: linkedID, Name: "clean.slate", Login: privatereply.LoginFacebook, PageID: pageID, Token: pageToken, AppSecret: appSecret},
			{Platform: privatereply.Instagram, ID: ownLoginID, Name: "oak.and.ash", Login: privatereply.LoginInstagram, Token: ownToken, AppSecret: appSecret, InstagramAppSecret: instaSecret},
		},
	}
	for _, c := range configure {
		c(&cfg)
	}
	e.Sandbox = meta.New(cfg)
	server := httptest.NewServer(e)
	t.Cleanup(server.Close)
	t.Cleanup(e.Close)
	e.url = server.URL
	return e
}

// comment writes a comment that must be possible.
func (e *env) comment(n meta.NewComment) string {
	e.t.Helper()
	id, err := e.Comment(n)
	if err != nil {
		e.t.Fatalf("Comment(%+v): %v", n, err)
	}
	return id
}

func (e *env) say(n meta.NewMessage) string {
	e.t.Helper()
	id, err := e.WriteMessage(n)
	if err != nil {
		e.t.Fatalf("Say(%+v): %v", n, err)
	}
	return id
}

func (e *env) live(account string) string {
	e.t.Helper()
	id, err := e.StartLive(account)
	if err != nil {
		e.t.Fatalf("StartLive(%q): %v", account, err)
	}
	return id
}

func (e *env) personID(account, username string) string {
	e.t.Helper()
	id, err := e.PersonID(meta.Person{Account: account, Username: username})
	if err != nil {
		e.t.Fatalf("PersonID: %v", err)
	}
	return id
}

// reply is what the Graph API answered.
type reply struct {
	status int
	header http.Header
	body   string
	json   map[string]any
}

// code gives Meta's code and subcode, 0/0 for a success.
func (r reply) code() [2]int {
	e, _ := r.json["error"].(map[string]any)
	number := func(name string) int {
		f, _ := e[name].(float64)
		return int(f)
	}
	return [2]int{number("code"), number("error_subcode")}
}

func (r reply) text(name string) string {
	s, _ := r.json[name].(string)
	return s
}

// performForm makes a call that must get an answer.
func (e *env) do(method, path, token, body string) reply {
	e.t.Helper()
	r, err := e.try(e.t.Context(), method, path, token, body)
	if err != nil {
		e.t.Fatalf("%s %s: %v", method, path, err)
	}
	return r
}

func (e *env) try(ctx context.Context, method, path, token, body string) (reply, error) {
	req, err := http.NewRequestWithContext(ctx, method, e.url+path, strings.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return reply{}, err
	}
	return readAnswer(resp)
}

func readAnswer(resp *http.Response) (reply, error) {
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	r := reply{status: resp.StatusCode, header: resp.Header, body: string(raw)}
	_ = json.Unmarshal(raw, &r.json) // some faults answer with something else
	return r, err
}

func readReply(t *testing.T, resp *http.Response) reply {
	t.Helper()
	r, err := readAnswer(resp)
	must(t, err)
	return r
}

// The routes by which the three accounts send.
const (
	pageSends = "/facebook/v26.0/" + pageID + "/messages"
	ownSends  = "/instagram/v26.0/" + ownLoginID + "/messages"
)

func sendRoute(account string) (path, token string) {
	if account == ownLoginID {
		return ownSends, ownToken
	}
	return pageSends, pageToken
}

func answering(commentID, text string) string {
	return encodeEnvelope(map[string]any{"recipient": map[string]string{"comment_id": commentID}, "message": map[string]string{"text": text}})
}

func followingUp(personID, text string, more ...string) string {
	body := map[string]any{"recipient": map[string]string{"id": personID}, "message": map[string]string{"text": text}, "messaging_type": "RESPONSE"}
	for i := 0; i+1 < len(more); i += 2 {
		body[more[i]] = more[i+1]
	}
	return encodeEnvelope(body)
}

func encodeEnvelope(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// response sends a private reply by the account's route.
func (e *env) answer(account, commentID, text string) reply {
	e.t.Helper()
	path, token := sendRoute(account)
	return e.do(http.MethodPost, path, token, answering(commentID, text))
}

func (e *env) followUp(account, personID, text string, more ...string) reply {
	e.t.Helper()
	path, token := sendRoute(account)
	return e.do(http.MethodPost, path, token, followingUp(personID, text, more...))
}

func (e *env) get(path, token string, query ...string) reply {
	e.t.Helper()
	values := url.Values{}
	for i := 0; i+1 < len(query); i += 2 {
		values.Set(query[i], query[i+1])
	}
	return e.do(http.MethodGet, path+"?"+values.Encode(), token, "")
}

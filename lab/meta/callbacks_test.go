package meta_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/meta"
)

// The vector of meta-platform-2.md §2.
func TestSignRequestVector(t *testing.T) {
	const want = "c_5Jvfm8-jBY74J1ExoAQEjjIcavHsW03FWmelo7W0A.eyJhbGdvcml0aG0iOiJITUFDLVNIQTI1NiIsImlzc3VlZF9hdCI6MTc4NTQwODUwNiwidXNlcl9pZCI6IjEwMjAwMDAwMDAwMDAwMDAxIn0"
	if got := meta.SignRequest("test-app-secret", []byte(`{"algorithm":"HMAC-SHA256","issued_at":1785408506,"user_id":"10200000000000001"}`)); got != want {
		t.Errorf("got %s", got)
	}
}

// signedReceiver is an app that takes signed requests as the documentation of Meta says.
type signedReceiver struct {
	*httptest.Server
	mu   sync.Mutex
	got  []signedPost
	code int // answered; 0 is 200
}

type signedPost struct {
	path    string
	signed  string
	payload map[string]any
	by      string // the name of the secret that signed it; empty: none
}

func receiveSigned(t *testing.T) *signedReceiver {
	r := &signedReceiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		p := signedPost{path: req.URL.Path, signed: req.PostFormValue("signed_request"), payload: map[string]any{}}
		sig, encoded, _ := strings.Cut(p.signed, ".")
		for name, secret := range map[string]string{"facebook": facebookSecret, "instagram": instagramSecret} {
			mac := hmac.New(sha256.New, []byte(secret))
			mac.Write([]byte(encoded))
			if sig == base64.RawURLEncoding.EncodeToString(mac.Sum(nil)) {
				p.by = name
			}
		}
		raw, _ := base64.RawURLEncoding.DecodeString(encoded)
		_ = json.Unmarshal(raw, &p.payload)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.got = append(r.got, p)
		if r.code != 0 {
			w.WriteHeader(r.code)
			return
		}
		if strings.HasSuffix(p.path, "/data-deletion") {
			_, _ = w.Write([]byte(`{"url":"https://desk.example/data-deletion/c1","confirmation_code":"c1"}`))
		}
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *signedReceiver) answer(code int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.code = code
}

func (r *signedReceiver) all() []signedPost {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.got
}

func (r *signedReceiver) last(t *testing.T) signedPost {
	t.Helper()
	got := r.all()
	if len(got) == 0 {
		t.Fatal("nothing was posted")
	}
	return got[len(got)-1]
}

// Who removes the app is named by the app-scoped id, under the secret of the login; their
// tokens and subscriptions end, and those of others do not.
func TestDeauthorize(t *testing.T) {
	tests := []struct {
		account, by string
	}{
		{pageID, "facebook"},
		{linkedID, "facebook"},
		{ownLoginID, "instagram"},
	}
	for _, tt := range tests {
		t.Run(tt.account, func(t *testing.T) {
			r := receiveSigned(t)
			e := startUnconnected(t, func(c *meta.Config) { c.WebhookURL = r.URL + "/webhooks/meta" })
			user, own := e.userToken(meta.LoginAnswer{}), e.instagramToken(meta.LoginAnswer{})
			page := e.pageTokens(user)[pageID]
			e.do(http.MethodPost, "/facebook/v26.0/"+pageID+"/subscribed_apps?subscribed_fields=feed", page, "")
			e.do(http.MethodPost, "/instagram/v26.0/me/subscribed_apps?subscribed_fields=comments", own, "")
			id := e.get("/facebook/v26.0/me", user).text("id")
			if tt.by == "instagram" {
				id = e.get("/instagram/v26.0/me", own, "fields", "id").text("id")
			}

			answer, err := e.Deauthorize(t.Context(), meta.SignedCallback{Account: tt.account})
			must(t, err)
			got := r.last(t)
			if answer.Status != 200 || got.path != "/webhooks/meta/deauthorize" || got.by != tt.by {
				t.Errorf("answer %+v, path %s, signed by %q", answer, got.path, got.by)
			}
			if got.payload["user_id"] != id || got.payload["algorithm"] != "HMAC-SHA256" || got.payload["issued_at"] != float64(e.clock.now().Unix()) || got.payload["expires"] != nil {
				t.Errorf("payload %v, want the user %s", got.payload, id)
			}
			dead, live := []reply{e.get("/facebook/v26.0/me", user), e.get("/facebook/v26.0/me", page)}, e.get("/instagram/v26.0/me", own)
			if tt.by == "instagram" {
				dead, live = []reply{e.get("/instagram/v26.0/me", own)}, e.get("/facebook/v26.0/me", page)
			}
			for _, call := range dead {
				if call.code() != [2]int{190, 458} {
					t.Errorf("a token after it: %s", call.body)
				}
			}
			if live.status != 200 {
				t.Errorf("the other login's token: %s", live.body)
			}
			for _, a := range e.Accounts() {
				removed := (a.Login == privatereply.LoginInstagram) == (tt.by == "instagram")
				if subscribed := len(a.Fields) > 0; subscribed == removed {
					t.Errorf("%s is subscribed to %v", a.Name, a.Fields)
				}
			}
		})
	}
}

// The app's answer to a deletion has an address and a code. What is sent can be old, sent
// again, or forged; a forged one changes nothing at Meta.
func TestRequestDeletion(t *testing.T) {
	r := receiveSigned(t)
	e := startUnconnected(t, func(c *meta.Config) { c.WebhookURL = r.URL + "/webhooks/meta" })
	token := e.instagramToken(meta.LoginAnswer{})
	answer := e.do(http.MethodPost, "/sandbox/data-deletion", "", `{"account":"`+ownLoginID+`","times":2}`)
	if answer.text("confirmation_code") != "c1" || answer.text("url") == "" || answer.json["status"] != 200.0 || answer.text("user") == "" {
		t.Errorf("answered %s", answer.body)
	}
	if got := r.all(); len(got) != 2 || got[0].signed != got[1].signed || got[0].path != "/webhooks/meta/data-deletion" {
		t.Errorf("posted %+v", got)
	}

	_, err := e.RequestDeletion(t.Context(), meta.SignedCallback{Account: ownLoginID, Age: privatereply.Duration(3 * time.Hour)})
	must(t, err)
	now := e.clock.now()
	if p := r.last(t).payload; p["issued_at"] != float64(now.Add(-3*time.Hour).Unix()) || p["expires"] != float64(now.Add(-2*time.Hour).Unix()) {
		t.Errorf("an old one: %v", p)
	}

	r.answer(http.StatusForbidden)
	forged := e.do(http.MethodPost, "/sandbox/deauthorize", "", `{"account":"`+ownLoginID+`","forged":true}`)
	if forged.json["status"] != 403.0 || r.last(t).by != "" {
		t.Errorf("a forged one: %s, signed by %q", forged.body, r.last(t).by)
	}
	if me := e.get("/instagram/v26.0/me", token); me.status != 200 {
		t.Errorf("a token after a forged removal: %s", me.body)
	}
}

// Before anybody logged in, and without a callback, there is nobody and nowhere to tell.
func TestSignedCallbackRefusals(t *testing.T) {
	e := startUnconnected(t)
	for account, want := range map[string]string{pageID: "nobody has logged in", ownLoginID: "callback: none is set", "1": "unknown here"} {
		if _, err := e.Deauthorize(t.Context(), meta.SignedCallback{Account: account}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", account, err)
		}
	}
}

package bridge

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.temporal.io/api/serviceerror"

	"github.com/privatereply/privatereply/internal/erasure"
	"github.com/privatereply/privatereply/workflows"
)

// metaVector is a signed request as Meta makes them, of user 10200000000000001, issued at
// vectorIssued and signed with appSecret.
const (
	metaVector   = "c_5Jvfm8-jBY74J1ExoAQEjjIcavHsW03FWmelo7W0A.eyJhbGdvcml0aG0iOiJITUFDLVNIQTI1NiIsImlzc3VlZF9hdCI6MTc4NTQwODUwNiwidXNlcl9pZCI6IjEwMjAwMDAwMDAwMDAwMDAxIn0"
	vectorIssued = 1785408506
	leavingUser  = "10200000000000001"
)

// signRequest is a signed request with a payload.
func signRequest(payload, secret string) string {
	encoded := base64.RawURLEncoding.EncodeToString([]byte(payload))
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(encoded))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)) + "." + encoded
}

func leaving(issued time.Time) string {
	return fmt.Sprintf(`{"algorithm":"HMAC-SHA256","issued_at":%d,"user_id":%q}`, issued.Unix(), leavingUser)
}

func formOf(signedRequest string) string {
	return url.Values{"signed_request": {signedRequest}}.Encode()
}

// postForm posts a form as Meta does.
func (h *testBridge) postForm(path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(h.t.Context(), http.MethodPost, "http://hooks.example.com"+path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return h.do(r)
}

// erasures are the inputs of the erasures that were started, by their ids.
func (f *fakeTemporal) erasures() map[string]workflows.ErasureInput {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := map[string]workflows.ErasureInput{}
	for id, in := range f.inputs {
		if e, ok := in.(workflows.ErasureInput); ok {
			all[id] = e
		}
	}
	return all
}

// Only a fresh request that Meta has signed starts an erasure, and what starts none says
// nothing of what was sent.
func TestSignedRequest(t *testing.T) {
	fresh := leaving(now.Add(-time.Minute))
	good := signRequest(fresh, appSecret)
	signature, payload, _ := strings.Cut(good, ".")
	other := base64.RawURLEncoding.EncodeToString([]byte(leaving(now)))
	with := func(format string, args ...any) string {
		return formOf(signRequest(fmt.Sprintf(format, args...), appSecret))
	}
	tests := []struct {
		name, body string
		status     int
	}{
		{"signed", formOf(good), 200},
		{"signed with the second secret", formOf(signRequest(fresh, otherSecret)), 200},
		{"its issue is as old as may be", formOf(signRequest(leaving(now.Add(-24*time.Hour)), appSecret)), 200},
		{"a clock that is a little ahead", formOf(signRequest(leaving(now.Add(time.Minute)), appSecret)), 200},
		{"a number as the user", with(`{"algorithm":"HMAC-SHA256","issued_at":%d,"user_id":10200000000000001}`, now.Unix()), 200},
		{"with a later end", with(`{"algorithm":"HMAC-SHA256","issued_at":%d,"expires":%d,"user_id":"1"}`, now.Unix(), now.Unix()+60), 200},

		{"signed by somebody else", formOf(signRequest(fresh, "guess")), 403},
		{"signed with nothing", formOf(signRequest(fresh, "")), 403},
		{"another payload under the signature", formOf(signature + "." + other), 403},
		{"a payload that was changed", formOf(signature + "." + payload + "A"), 403},
		{"a payload with a line break", formOf(signature + "." + payload + "\n"), 403},
		{"too old", formOf(signRequest(leaving(now.Add(-24*time.Hour-time.Second)), appSecret)), 403},
		{"without a time", with(`{"algorithm":"HMAC-SHA256","user_id":"1"}`), 403},
		{"from the future", formOf(signRequest(leaving(now.Add(2*time.Minute)), appSecret)), 403},
		{"past its end", with(`{"algorithm":"HMAC-SHA256","issued_at":%d,"expires":%d,"user_id":"1"}`, now.Unix()-60, now.Unix()-1), 403},
		{"another algorithm", with(`{"algorithm":"none","issued_at":%d,"user_id":"1"}`, now.Unix()), 403},
		{"no algorithm", with(`{"issued_at":%d,"user_id":"1"}`, now.Unix()), 403},

		{"nobody", with(`{"algorithm":"HMAC-SHA256","issued_at":%d}`, now.Unix()), 400},
		{"no JSON, but signed", with(`hello`), 400},
		{"no payload", formOf(signature), 400},
		{"half a signature", formOf(signature[:20] + "." + payload), 400},
		{"a signature in hexadecimal", formOf("sha256=" + strings.Repeat("ab", 32) + "." + payload), 400},
		{"padded", formOf(signature + "=." + payload), 400},
		{"empty", formOf(""), 400},
		{"no such field", "request=" + url.QueryEscape(good), 400},
		{"twice", formOf(good) + "&" + formOf(good), 400},
		{"nothing", "", 400},
		{"no form inside", "%zz", 400},
		{"too large", formOf(good) + "&x=" + strings.Repeat("x", maxSignedRequest), 413},
	}
	for _, path := range []string{DeauthorizePath, DataDeletionPath} {
		for _, tt := range tests {
			t.Run(path+"/"+tt.name, func(t *testing.T) {
				fake := newFakeTemporal()
				h := newTestBridge(t, fake)
				w := h.postForm(path, tt.body)
				if w.Code != tt.status {
					t.Errorf("status = %d %s, want %d", w.Code, w.Body, tt.status)
				}
				started := fake.erasures()
				if want := map[bool]int{true: 1}[tt.status == 200]; len(started) != want || len(fake.callLog()) != want {
					t.Errorf("calls = %q", fake.callLog())
				}
				for _, in := range started {
					if in.Scope != workflows.EraseConnection || in.RequestedAt.IsZero() || in.PersonKey == "" {
						t.Errorf("started with %+v", in)
					}
				}
				shown := fmt.Sprint(h.logged(), w.Body, w.Header(), started)
				for _, secret := range []string{leavingUser, payload, signature, appSecret, otherSecret} {
					if strings.Contains(shown, secret) {
						t.Errorf("%q is shown: %s", secret, shown)
					}
				}
			})
		}
	}
}

// Meta's own form of a request is read, and gives the person whom it names.
func TestSignedRequestVector(t *testing.T) {
	s := newSecrets([]string{otherSecret, appSecret})
	r, err := s.parseSignedRequest(metaVector, time.Unix(vectorIssued, 0))
	if err != nil || r.UserID != leavingUser || r.IssuedAt != vectorIssued {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := s.parseSignedRequest(metaVector, time.Unix(vectorIssued, 0).AddDate(0, 0, 2)); err == nil || !strings.Contains(err.Error(), "expired") {
		t.Errorf("two days later: %v", err)
	}
}

// A request that comes again is the same erasure; another one, or the same words under
// another secret, is not.
func TestReplayIsTheSameErasure(t *testing.T) {
	fake := newFakeTemporal()
	h := newTestBridge(t, fake)
	ask := func(signedRequest string) string {
		t.Helper()
		w := h.postForm(DataDeletionPath, formOf(signedRequest))
		var answer struct {
			URL  string `json:"url"`
			Code string `json:"confirmation_code"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != 200 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		if answer.URL != "https://hooks.example.com/data-deletion/"+answer.Code {
			t.Errorf("url = %q", answer.URL)
		}
		if _, ok := fake.erasures()["erasure:"+answer.Code]; !ok {
			t.Errorf("%s was not started: %q", answer.Code, fake.callLog())
		}
		return answer.Code
	}
	first := signRequest(leaving(now.Add(-time.Minute)), appSecret)
	code := ask(first)
	if again := ask(first); again != code || len(fake.erasures()) != 1 {
		t.Errorf("the same request has the codes %s and %s, and started %d", code, again, len(fake.erasures()))
	}
	if w := h.postForm(DeauthorizePath, formOf(first)); w.Code != 200 || len(fake.erasures()) != 1 {
		t.Errorf("the same request, as a deauthorization: %d, %d erasures", w.Code, len(fake.erasures()))
	}
	if another := ask(signRequest(leaving(now), appSecret)); another == code {
		t.Error("another request has the same code")
	}
	if another := ask(signRequest(leaving(now.Add(-time.Minute)), otherSecret)); another == code {
		t.Error("a code can be computed without the secret")
	}
	h.wantCounted(map[string]float64{"callbacks_total{kind=data_deletion,status=200}": 4, "callbacks_total{kind=deauthorize,status=200}": 1})
}

// Meta asks again when Temporal could not record the request.
func TestErasureThatIsNotRecorded(t *testing.T) {
	for _, path := range []string{DeauthorizePath, DataDeletionPath} {
		fake := newFakeTemporal()
		fake.before = func(context.Context, string) error { return serviceerror.NewUnavailable("no answer") }
		h := newTestBridge(t, fake)
		if w := h.postForm(path, formOf(signRequest(leaving(now), appSecret))); w.Code != 503 || w.Header().Get("Retry-After") == "" {
			t.Errorf("%s: %d %v", path, w.Code, w.Header())
		}
	}
}

// What is no form, and other methods, get nowhere.
func TestLeavingNeedsAForm(t *testing.T) {
	fake := newFakeTemporal()
	h := newTestBridge(t, fake)
	body := formOf(signRequest(leaving(now), appSecret))
	for _, path := range []string{DeauthorizePath, DataDeletionPath} {
		for _, kind := range []string{"", "application/json", "text/plain", "multipart/form-data; boundary=x"} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(body))
			r.Header.Set("Content-Type", kind)
			if w := h.do(r); w.Code != http.StatusUnsupportedMediaType {
				t.Errorf("%s as %q: %d", path, kind, w.Code)
			}
		}
		if w := h.do(httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)); w.Code != http.StatusMethodNotAllowed {
			t.Errorf("GET %s: %d", path, w.Code)
		}
	}
	if len(fake.callLog()) > 0 {
		t.Errorf("calls = %q", fake.callLog())
	}
}

// The status page's address is the one that Meta knows.
func TestPublicURL(t *testing.T) {
	for _, tt := range []struct{ setting, host, want string }{
		{"", "hooks.example.com", "https://hooks.example.com"},
		{"", "hooks.example.com:8443", "https://hooks.example.com:8443"},
		{"", "127.0.0.1:8080", "http://127.0.0.1:8080"},
		{"", "[::1]:8080", "http://[::1]:8080"},
		{"", "localhost:8080", "http://localhost:8080"},
		{"https://meta.example.com", "bridge:8080", "https://meta.example.com"},
	} {
		h := newTestBridge(t, newFakeTemporal())
		if err := h.cfg.Settings.WebhookURL.UnmarshalText([]byte(tt.setting)); err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, DataDeletionPath, nil)
		r.Host = tt.host
		if got := h.publicURL(r); got != tt.want {
			t.Errorf("%+v: %s", tt, got)
		}
	}
}

// The hash that stands for a person is the same for the bridge and for the worker.
func TestPersonKey(t *testing.T) {
	fake := newFakeTemporal()
	h := newTestBridge(t, fake)
	h.postForm(DeauthorizePath, formOf(signRequest(leaving(now), appSecret)))
	for _, in := range fake.erasures() {
		if !erasure.NewKeys(nil).Match(leavingUser, in.PersonKey) || erasure.NewKeys(nil).Match("10200000000000002", in.PersonKey) {
			t.Errorf("the key is %q", in.PersonKey)
		}
		return
	}
	t.Error("no erasure was started")
}

package graph

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/privatereply/privatereply"
)

const (
	testToken  = "EAAtesttoken"
	testSecret = "test-app-secret"
	testProof  = "62f73cbe7b318721f6695dcd7ce46d9a60b2134d6e69eb38057c6db0608019a8" // of the two above
)

// The three ways an account can be connected.
var (
	pageAccount = privatereply.Account{Platform: privatereply.Facebook, ID: "100000000000001", Login: privatereply.LoginFacebook}
	igByPage    = privatereply.Account{Platform: privatereply.Instagram, ID: "17841400000000001", PageID: "100000000000001", Login: privatereply.LoginFacebook}
	igAccount   = privatereply.Account{Platform: privatereply.Instagram, ID: "17841400000000002", Login: privatereply.LoginInstagram}
)

func credentials(account privatereply.Account) Credentials {
	return Credentials{Account: account, Token: testToken, AppSecret: testSecret}
}

// metaServer stands in Meta's place and records the calls. Its two hosts are
// the paths /facebook and /instagram.
type metaServer struct {
	*Client
	mu    sync.Mutex
	calls []received
}

type received struct {
	Method, Path, Query, Type, Authorization, Body string
}

func newMeta(t *testing.T, answer http.HandlerFunc) *metaServer {
	t.Helper()
	m := &metaServer{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		m.mu.Lock()
		m.calls = append(m.calls, received{
			Method: r.Method, Path: r.URL.EscapedPath(), Query: r.URL.RawQuery,
			Type: r.Header.Get("Content-Type"), Authorization: r.Header.Get("Authorization"), Body: string(body),
		})
		m.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(server.Close)
	m.Client = newClient(t, Options{FacebookURL: server.URL + "/facebook", InstagramURL: server.URL + "/instagram/"})
	return m
}

func newClient(t *testing.T, o Options) *Client {
	t.Helper()
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// respondWith returns a handler with one answer for every call.
func respondWith(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

func (m *metaServer) received() []received {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.calls
}

func (m *metaServer) only(t *testing.T) received {
	t.Helper()
	calls := m.received()
	if len(calls) != 1 {
		t.Fatalf("%d calls, want 1: %+v", len(calls), calls)
	}
	return calls[0]
}

// asGraphError is the *Error in err, which must hold no secret however it is printed.
func asGraphError(t *testing.T, err error) *Error {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("%v (%T) is not an *Error", err, err)
	}
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
			shown := fmt.Sprintf(verb, inner)
			for _, secret := range []string{testToken, testSecret, testProof, "Guten Tag", "http://", "https://"} {
				if strings.Contains(shown, secret) {
					t.Errorf("%s shows %q: %s", verb, secret, shown)
				}
			}
		}
	}
	return e
}

func ptr[T any](v T) *T { return &v }

// noon is the time in the answers below, as Meta writes it.
var noon = time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)

// graphTime is how Meta writes a time: no colon in the zone.
const graphTime = "2006-01-02T15:04:05-0700"

const noonText = "2026-10-01T14:00:00+0200"

// query reads what a call asked for, and checks what every call must carry.
func (r received) query(t *testing.T) url.Values {
	t.Helper()
	q, err := url.ParseQuery(r.Query)
	if err != nil {
		t.Fatal(err)
	}
	if r.Authorization != "Bearer "+testToken || q.Get("appsecret_proof") != testProof || r.Method != http.MethodGet {
		t.Errorf("%s with %q and proof %q", r.Method, r.Authorization, q.Get("appsecret_proof"))
	}
	q.Del("appsecret_proof")
	return q
}

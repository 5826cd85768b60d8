package desk_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"

	"github.com/privatereply/privatereply/approvals/desk"
	"github.com/privatereply/privatereply/approvals/signin"
	"github.com/privatereply/privatereply/internal/temporal/codec"
	"github.com/privatereply/privatereply/lab/harness/devserver/devservertest"
)

const webUI = "http://127.0.0.1:8233"

func newCodec(t *testing.T, keys string) *codec.Codec {
	t.Helper()
	parsed, err := codec.ParseKeys(keys)
	if err != nil {
		t.Fatal(err)
	}
	c, err := codec.New(parsed)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// encryptedComment is a comment as the Web UI sends it to be decrypted.
func encryptedComment(t *testing.T, c *codec.Codec) string {
	t.Helper()
	clear, err := converter.GetDefaultDataConverter().ToPayloads("Does it come in oak?")
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := c.Encode(clear.GetPayloads())
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(&commonpb.Payloads{Payloads: encoded})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// hasComment reports whether a body has the comment, in the protocol's base64.
func hasComment(body string) bool {
	return strings.Contains(body, base64.StdEncoding.EncodeToString([]byte(`"Does it come in oak?"`)))
}

// Whoever may see the queue may decrypt, who may decide may encrypt as well, and
// nobody else gets anything: neither strangers nor pages of other sites in the browser
// of somebody who is signed in.
func TestCodecEndpoint(t *testing.T) {
	encryption := newCodec(t, "a:"+codec.NewSecret())
	c := newFakeDeskWith(t, func(cfg *desk.Config) { cfg.Codec, cfg.CodecOrigin = encryption, webUI })
	comment := encryptedComment(t, encryption)
	bearer := func(name string) http.Header { return http.Header{"Authorization": {"Bearer " + c.tokens[name]}} }
	page := func(origin, site string) http.Header {
		return http.Header{"Origin": {origin}, "Sec-Fetch-Site": {site}, "X-Namespace": {"default"}}
	}
	tests := []struct {
		name, who, path string
		header          http.Header
		body            string
		status          int
		says            string
	}{
		{"nobody", "", "/codec/decode", nil, comment, 401, "sign in at the desk"},
		{"a wrong token", "", "/codec/decode", http.Header{"Authorization": {"Bearer guess"}}, comment, 401, "This token is not known"},
		{"a viewer's token", "", "/codec/decode", bearer("vera"), comment, 200, ""},
		{"a viewer encrypts", "", "/codec/encode", bearer("vera"), comment, 403, "needs the role approver"},
		{"an approver encrypts", "", "/codec/encode", bearer("ana"), comment, 200, ""},
		{"the Web UI of who is signed in", "vera", "/codec/decode", page(webUI, "same-site"), comment, 200, ""},
		{"the Web UI of nobody", "", "/codec/decode", page(webUI, "same-site"), comment, 401, ""},
		{"another page", "vera", "/codec/decode", page("https://evil.example.com", "cross-site"), comment, 403, ""},
		{"another port", "vera", "/codec/decode", page("http://127.0.0.1:8234", "same-site"), comment, 403, ""},
		{"another page in an old browser", "vera", "/codec/decode", http.Header{"Origin": {"https://evil.example.com"}}, comment, 403, ""},
		{"a page without an origin", "vera", "/codec/decode", page("null", "cross-site"), comment, 403, ""},
		{"an origin that begins alike", "vera", "/codec/decode", page(webUI+".evil.example.com", "cross-site"), comment, 403, ""},
		{"a key that is not configured", "vera", "/codec/decode", nil, encryptedComment(t, newCodec(t, "old:"+codec.NewSecret())), 400, `key "old" is not configured`},
		{"another secret under its id", "vera", "/codec/decode", nil, encryptedComment(t, newCodec(t, "a:"+codec.NewSecret())), 400, `decrypt with key "a"`},
		{"no JSON", "vera", "/codec/decode", nil, "hello", 400, ""},
		{"too much", "vera", "/codec/decode", nil, strings.Repeat(" ", 6<<20+1), 413, "more than 6 MiB"},
		{"another address", "vera", "/codec/keys", nil, comment, 404, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			resp, body := c.do(c.signedIn(tt.who), http.MethodPost, tt.path, tt.body, tt.header)
			if resp.StatusCode != tt.status || !strings.Contains(body, tt.says) {
				t.Errorf("%s: %.300s; want %d and %q", resp.Status, body, tt.status, tt.says)
			}
			if decoded := tt.status == 200 && strings.HasSuffix(tt.path, "decode"); hasComment(body) != decoded {
				t.Errorf("decrypted: %v", !decoded)
			}
			allowed := resp.Header.Get("Access-Control-Allow-Origin")
			if want := tt.header.Get("Origin") == webUI; (allowed == webUI) != want || !want && allowed != "" {
				t.Errorf("readable by pages of %q", allowed)
			}
		})
	}
	t.Run("what was encrypted comes back", func(t *testing.T) {
		ana := c.signedIn("ana")
		clear, err := json.Marshal(&commonpb.Payloads{Payloads: []*commonpb.Payload{{Metadata: map[string][]byte{"encoding": []byte("json/plain")}, Data: []byte(`"Does it come in oak?"`)}}})
		if err != nil {
			t.Fatal(err)
		}
		_, encrypted := c.do(ana, http.MethodPost, "/codec/encode", string(clear), nil)
		if _, back := c.do(ana, http.MethodPost, "/codec/decode", encrypted, nil); hasComment(encrypted) || !hasComment(back) {
			t.Errorf("encrypted to %s and back to %s", encrypted, back)
		}
	})
}

// Callers whose bodies do not arrive, however many, keep nobody else waiting.
func TestCodecSlowBodies(t *testing.T) {
	encryption := newCodec(t, "a:"+codec.NewSecret())
	c := newFakeDeskWith(t, func(cfg *desk.Config) { cfg.Codec = encryption })
	header := http.Header{"Authorization": {"Bearer " + c.tokens["vera"]}}
	var slow sync.WaitGroup
	var unread []*io.PipeWriter
	for range 50 {
		body, w := io.Pipe()
		unread = append(unread, w)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.url+"/codec/decode", body)
		if err != nil {
			t.Fatal(err)
		}
		req.Header = header
		slow.Go(func() {
			if resp, err := http.DefaultClient.Do(req); err == nil {
				_ = resp.Body.Close()
			}
		})
		if _, err := io.WriteString(w, `{"payloads":[`); err != nil { // it is being sent
			t.Fatal(err)
		}
	}
	if resp, body := c.do(c.signedIn(""), http.MethodPost, "/codec/decode", encryptedComment(t, encryption), header); resp.StatusCode != 200 || !hasComment(body) {
		t.Errorf("%s: %.300s", resp.Status, body)
	}
	for _, w := range unread {
		_ = w.CloseWithError(io.ErrUnexpectedEOF)
	}
	slow.Wait()
}

// A browser asks before it sends the Web UI's request, and is told yes for that page
// alone, without a sign-in and without an answer that others may reuse.
func TestCodecPreflight(t *testing.T) {
	c := newFakeDeskWith(t, func(cfg *desk.Config) {
		cfg.Codec, cfg.CodecOrigin = newCodec(t, "a:"+codec.NewSecret()), webUI
	})
	closed := newFakeDeskWith(t, func(cfg *desk.Config) { cfg.Codec = newCodec(t, "a:"+codec.NewSecret()) })
	for _, tt := range []struct {
		name    string
		counter *fakeDesk
		origin  string
		allowed bool
	}{
		{"the Web UI", c, webUI, true},
		{"another page", c, "https://evil.example.com", false},
		{"a page without an origin", c, "null", false},
		{"the Web UI, which nobody has configured", closed, webUI, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			resp, _ := tt.counter.do(tt.counter.signedIn(""), http.MethodOptions, "/codec/decode", "", http.Header{
				"Origin": {tt.origin}, "Access-Control-Request-Method": {"POST"}, "Access-Control-Request-Headers": {"content-type,x-namespace"},
			})
			h := resp.Header
			if got := h.Get("Access-Control-Allow-Origin"); (got == tt.origin) != tt.allowed || !tt.allowed && got != "" {
				t.Errorf("allowed %q", got)
			}
			if (h.Get("Access-Control-Allow-Credentials") == "true") != tt.allowed {
				t.Errorf("with cookies: %q", h.Get("Access-Control-Allow-Credentials"))
			}
			if tt.allowed && (resp.StatusCode != http.StatusNoContent || !strings.Contains(h.Get("Access-Control-Allow-Headers"), "X-Namespace")) {
				t.Errorf("%s with headers %v", resp.Status, h)
			}
			if !strings.Contains(strings.Join(h.Values("Vary"), ","), "Origin") {
				t.Errorf("a cache would give it to others: Vary %q", h.Values("Vary"))
			}
		})
	}
	// The page that may decrypt may do nothing else at the desk.
	for _, path := range []string{"", "/codec/..", "/codec/%2e%2e", "//codec/..", "/codec/decode/../.."} {
		resp, _ := c.do(c.signedIn("ana"), http.MethodPost, path+"/api/replies/"+waitingID+"/approve", "{}", http.Header{
			"Content-Type": {"application/json"}, "Origin": {webUI}, "Sec-Fetch-Site": {"same-site"}})
		if resp.StatusCode < 300 || len(c.fake.approved) > 0 {
			t.Errorf("the Web UI's page approved a reply under %q: %s", path, resp.Status)
		}
	}
}

// A desk without keys says what is missing.
func TestCodecWithoutKeys(t *testing.T) {
	c := newFakeDesk(t)
	resp, body := c.do(c.signedIn("ana"), http.MethodPost, "/codec/decode", "{}", nil)
	if resp.StatusCode != http.StatusNotFound || !strings.Contains(body, "PRIVATEREPLY_ENCRYPTION_KEYS") {
		t.Errorf("%s: %s", resp.Status, body)
	}
}

// On a machine for development everybody is signed in, so that there only the origin
// stands between a website and the texts.
func TestCodecOfDevUser(t *testing.T) {
	encryption := newCodec(t, "a:"+codec.NewSecret())
	guard, err := signin.NewAuthenticator(signin.Options{DevUser: "you"})
	if err != nil {
		t.Fatal(err)
	}
	c := newFakeDeskWith(t, func(cfg *desk.Config) { cfg.Codec, cfg.CodecOrigin, cfg.Authenticator = encryption, webUI, guard })
	for origin, allowed := range map[string]bool{webUI: true, "https://evil.example.com": false, "null": false, "": true} {
		header := http.Header{}
		if origin != "" {
			header.Set("Origin", origin)
		}
		resp, body := c.do(c.signedIn(""), http.MethodPost, "/codec/decode", encryptedComment(t, encryption), header)
		if hasComment(body) != allowed {
			t.Errorf("%q: %s, decrypted: %v", origin, resp.Status, !allowed)
		}
	}
}

// What only people who signed in may read.
const (
	secretComment = "Does the walnut board come with feet?"
	secretReply   = "Hi hilda, with brass feet, too."
)

// Temporal's Web UI shows encrypted texts in the browser of who is signed in at the
// desk, and in no other, once the endpoint stands in the Web UI's own settings.
func TestBrowserWebUIDecrypts(t *testing.T) {
	inTurn(t)
	s := newProductWith(t, newCodec(t, "a:"+codec.NewSecret()))
	_, id := s.start(newComment{username: "hilda", text: secretComment, reply: secretReply, rule: "questions"})
	b := newBrowser(t, s.ApprovalsURL)
	p := s.tab(b, "the Web UI", desktop)
	webUI := func() {
		t.Helper()
		p.url = s.Server.UIURL
		p.open("/namespaces/default/workflows/" + id)
		p.awaitText("[data-testid=input-and-result]", "encoding")
	}
	hidden := func() {
		t.Helper()
		for _, secret := range []string{secretComment, secretReply, "hilda"} {
			p.awaitTrue(`!document.body.innerText.includes(` + quote(secret) + `)`)
		}
	}
	webUI()
	hidden()

	p.click("[data-testid=data-encoder-status]")
	p.write("[data-testid=data-encoder-endpoint-input]", s.ApprovalsURL+"/codec")
	p.click("[data-testid=data-encoder-include-credentials]")
	p.click("[data-testid=confirm-data-encoder-button]")
	webUI()
	p.awaitTrue(`document.querySelector("[data-testid=data-encoder-status-error]")`) // nobody is signed in
	hidden()

	p.url = s.ApprovalsURL
	p.signIn(s.Tokens["vera"])
	p.url = s.Server.UIURL
	p.open("/namespaces/default/workflows/" + id)
	for _, secret := range []string{secretComment, secretReply, "hilda"} {
		p.awaitText("[data-testid=input-and-result]", secret)
	}
	p.click("[data-testid=memo-tab]")
	p.awaitTrue(`location.pathname.endsWith("/memo")`)
	p.awaitTrue(`document.body.innerText.includes(` + quote(secretComment) + `)`)
}

// Temporal's command line reads and writes encrypted texts with somebody's token, and
// reads none without.
func TestTemporalCLIDecrypts(t *testing.T) {
	inTurn(t)
	s := newProductWith(t, newCodec(t, "a:"+codec.NewSecret()))
	_, id := s.start(newComment{username: "hilda", text: secretComment, reply: secretReply, rule: "questions"})
	endpoint := []string{"--codec-endpoint", s.ApprovalsURL + "/codec"}
	token := append(endpoint, "--codec-auth", "Bearer "+s.Tokens["ana"])
	const rejection = "hilda wrote twice"
	show := []string{"workflow", "show", "--output", "json", "--workflow-id", id}

	for name, tt := range map[string]struct {
		with         []string
		fails, reads bool
	}{
		"without the endpoint":          {nil, false, false},
		"with the endpoint alone":       {endpoint, true, false},
		"with the endpoint and a token": {token, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := s.cli(append(show, tt.with...)...)
			if (err != nil) != tt.fails {
				t.Errorf("%v: %s", err, out)
			}
			for _, secret := range []string{secretComment, secretReply, "hilda"} {
				if strings.Contains(out, secret) != tt.reads {
					t.Errorf("%q is shown: %v", secret, !tt.reads)
				}
			}
		})
	}
	signal := []string{"workflow", "signal", "--workflow-id", id, "--name", "reject", "--input", `{"approver":"ana","reason":"` + rejection + `"}`}
	if out, err := s.cli(append(signal, token...)...); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if out, err := s.cli(show...); err != nil || !strings.Contains(out, "EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED") || strings.Contains(out, rejection) {
		t.Errorf("the signal is not there, or can be read (%v): %s", err, out)
	}
	if out, err := s.cli(append(show, token...)...); err != nil || !strings.Contains(out, rejection) {
		t.Errorf("the signal cannot be read (%v): %s", err, out)
	}
}

// cli runs Temporal's own command line against the product's server.
func (s *product) cli(args ...string) (string, error) {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), devservertest.CLI(s.t), append(args, "--address", s.Server.Address)...)
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "TEMPORAL_") {
			cmd.Env = append(cmd.Env, kv)
		}
	}
	out, err := cmd.CombinedOutput()
	// What a person could read: payloads are printed in base64.
	return base64Words.ReplaceAllStringFunc(string(out), func(word string) string {
		decoded, err := base64.StdEncoding.DecodeString(strings.Trim(word, `"`))
		if err != nil {
			return word
		}
		return word + string(decoded)
	}), err
}

var base64Words = regexp.MustCompile(`"[A-Za-z0-9+/]+=*"`)

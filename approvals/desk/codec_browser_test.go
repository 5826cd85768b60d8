package desk_test

import (
	"encoding/base64"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/privatereply/privatereply/internal/temporal/codec"
	"github.com/privatereply/privatereply/lab/harness/devserver/devservertest"
)

// What only people who signed in may read.
const (
	secretComment = "Does the walnut board come with feet?"
	secretReply   = "Hi hilda, with brass feet, too."
)

// Temporal's Web UI shows encrypted texts in the browser of who is signed in at the
// desk, and in no other, once the endpoint stands in the Web UI's own settings.
func TestBrowserWebUIDecrypts(t *testing.T) {
	s := newStageWith(t, newCodec(t, "a:"+codec.NewSecret()))
	_, id := s.start(ask{username: "hilda", text: secretComment, reply: secretReply, rule: "questions"})
	b := newBrowser(t, s.url)
	p := s.tab(b, "the Web UI", desktop)
	webUI := func() {
		t.Helper()
		p.url = s.server.UIURL
		p.open("/namespaces/default/workflows/" + id)
		p.sees("[data-testid=input-and-result]", "encoding")
	}
	hidden := func() {
		t.Helper()
		for _, secret := range []string{secretComment, secretReply, "hilda"} {
			p.see(`!document.body.innerText.includes(` + quote(secret) + `)`)
		}
	}
	webUI()
	hidden()

	p.click("[data-testid=data-encoder-status]")
	p.write("[data-testid=data-encoder-endpoint-input]", s.url+"/codec")
	p.click("[data-testid=data-encoder-include-credentials]")
	p.click("[data-testid=confirm-data-encoder-button]")
	webUI()
	p.see(`document.querySelector("[data-testid=data-encoder-status-error]")`) // nobody is signed in
	hidden()

	p.url = s.url
	p.signIn(s.tokens["vera"])
	p.url = s.server.UIURL
	p.open("/namespaces/default/workflows/" + id)
	for _, secret := range []string{secretComment, secretReply, "hilda"} {
		p.sees("[data-testid=input-and-result]", secret)
	}
	p.click("[data-testid=memo-tab]")
	p.see(`location.pathname.endsWith("/memo")`)
	p.see(`document.body.innerText.includes(` + quote(secretComment) + `)`)
}

// Temporal's command line reads and writes encrypted texts with somebody's token, and
// reads none without.
func TestTemporalCLIDecrypts(t *testing.T) {
	s := newStageWith(t, newCodec(t, "a:"+codec.NewSecret()))
	_, id := s.start(ask{username: "hilda", text: secretComment, reply: secretReply, rule: "questions"})
	endpoint := []string{"--codec-endpoint", s.url + "/codec"}
	token := append(endpoint, "--codec-auth", "Bearer "+s.tokens["ana"])
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

// cli runs Temporal's own command line against the stage's server.
func (s *stage) cli(args ...string) (string, error) {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), devservertest.CLI(s.t), append(args, "--address", s.server.Address)...)
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

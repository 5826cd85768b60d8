//go:build unix

package harness_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	commonpb "go.temporal.io/api/common/v1"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/lab/harness"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/workflows"
)

// Guards: with --encrypt Temporal holds ciphertext, the Web UI is told who decrypts it
// and gets it decrypted, other pages get nothing, and the folder stays encrypted
// without the flag.
func TestEncrypt(t *testing.T) {
	folder := t.TempDir()
	opts := options(t, folder)
	opts.Encrypt = true
	s := start(t, opts)
	memo := encryptedComment(t, s, "Does it come in oak?")
	stop(t, s)

	s = start(t, options(t, folder))
	defer stop(t, s)
	var settings struct{ Codec struct{ Endpoint string } }
	res, body := request(t, http.MethodGet, s.Server.UIURL+"/api/v1/settings", "", "")
	if err := json.Unmarshal([]byte(body), &settings); err != nil || settings.Codec.Endpoint != s.CodecURL() || s.CodecURL() == "" {
		t.Errorf("the Web UI asks %q, want %q (%s, %v)", settings.Codec.Endpoint, s.CodecURL(), res.Status, err)
	}
	for origin, allowed := range map[string]bool{s.Server.UIURL: true, "https://evil.example.com": false} {
		res, body := request(t, http.MethodPost, s.CodecURL()+"/decode", origin, memo)
		decrypted := strings.Contains(body, base64.StdEncoding.EncodeToString([]byte(`"Does it come in oak?"`)))
		if decrypted != allowed || (res.Header.Get("Access-Control-Allow-Origin") == origin) != allowed {
			t.Errorf("a page of %s: %s, decrypted %v", origin, res.Status, decrypted)
		}
	}
	env, err := config.ReadDevEnv(folder)
	if err != nil || !strings.HasPrefix(env["PRIVATEREPLY_ENCRYPTION_KEYS"], "dev:") || env["TEMPORAL_CODEC_ENDPOINT"] != s.CodecURL() {
		t.Errorf("other programs are told %q, %q (%v)", env["PRIVATEREPLY_ENCRYPTION_KEYS"], env["TEMPORAL_CODEC_ENDPOINT"], err)
	}
}

// encryptedComment lets somebody comment, and gives the comment as the server's memo
// has it, ready for the endpoint.
func encryptedComment(t *testing.T, s *harness.Dev, text string) string {
	t.Helper()
	account := s.Accounts.All()[0]
	id, err := s.Sandbox.Comment(meta.NewComment{Account: account.ID, Username: "lena", Text: text})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Sandbox.DrainWebhooks(t.Context()); err != nil {
		t.Fatal(err)
	}
	workflow, err := privatereply.ReplyID(privatereply.Comment{Platform: account.Platform, Account: account.ID, CommentID: id})
	if err != nil {
		t.Fatal(err)
	}
	d, err := s.Client.DescribeWorkflowExecution(t.Context(), workflow, "")
	if err != nil {
		t.Fatal(err)
	}
	comment := d.GetWorkflowExecutionInfo().GetMemo().GetFields()[workflows.MemoComment]
	if comment == nil || strings.Contains(string(comment.GetData()), text) {
		t.Fatalf("the memo is %v", comment)
	}
	b, err := json.Marshal(&commonpb.Payloads{Payloads: []*commonpb.Payload{comment}})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func request(t *testing.T, method, url, origin, body string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if origin != "" {
		req.Header.Set("Origin", origin)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(b)
}

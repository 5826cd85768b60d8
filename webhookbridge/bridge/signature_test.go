package bridge

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// vector is a body as Meta sends it, with escapes, and its published signature.
const (
	vector = `{"object":"instagram","entry":[{"id":"17841400000000001","time":1785412106,"changes":[{"field":"comments",` +
		`"value":{"id":"18000000000000001","text":"caf\u00e9 \ud83d\ude00"}}]}]}`
	vectorSum = "7eb48ba9e4ca31f82258fcac129683326fdd70005e74f936010ac81b162ba722"
)

// Nothing of a delivery is used unless one of the app secrets signed its raw bytes.
func TestSignature(t *testing.T) {
	body := []byte(vector)
	legacy := hmac.New(sha1.New, []byte(appSecret))
	legacy.Write(body)
	sha1Sum := hex.EncodeToString(legacy.Sum(nil))
	good := "sha256=" + vectorSum
	tests := []struct {
		name   string
		body   string
		header http.Header
		status int
	}{
		{"Meta's", vector, http.Header{"X-Hub-Signature-256": {good}}, 200},
		{"with the other secret", vector, http.Header{"X-Hub-Signature-256": {sign(body, otherSecret)}}, 200},
		{"beside the legacy one", vector, http.Header{"X-Hub-Signature-256": {good}, "X-Hub-Signature": {"sha1=" + sha1Sum}}, 200},
		{"none", vector, nil, 403},
		{"only the legacy one", vector, http.Header{"X-Hub-Signature": {"sha1=" + sha1Sum}}, 403},
		{"the legacy one in its place", vector, http.Header{"X-Hub-Signature-256": {"sha1=" + sha1Sum}}, 403},
		{"with a wrong secret", vector, http.Header{"X-Hub-Signature-256": {sign(body, "guess")}}, 403},
		{"with an empty secret", vector, http.Header{"X-Hub-Signature-256": {sign(body, "")}}, 403},
		{"of the same JSON, unescaped", strings.ReplaceAll(vector, `\u00e9`, "é"), http.Header{"X-Hub-Signature-256": {good}}, 403},
		{"of another body", vector + " ", http.Header{"X-Hub-Signature-256": {good}}, 403},
		{"of nothing", "", http.Header{"X-Hub-Signature-256": {good}}, 403},
		{"one digit off", vector, http.Header{"X-Hub-Signature-256": {good[:len(good)-1] + "3"}}, 403},
		{"cut off", vector, http.Header{"X-Hub-Signature-256": {good[:len(good)-2]}}, 403},
		{"too long", vector, http.Header{"X-Hub-Signature-256": {good + "00"}}, 403},
		{"no hexadecimal", vector, http.Header{"X-Hub-Signature-256": {"sha256=" + strings.Repeat("z", 64)}}, 403},
		{"zeros", vector, http.Header{"X-Hub-Signature-256": {"sha256=" + strings.Repeat("0", 64)}}, 403},
		{"empty", vector, http.Header{"X-Hub-Signature-256": {""}}, 403},
		{"the wrong one first", vector, http.Header{"X-Hub-Signature-256": {sign(body, "guess"), good}}, 403},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fake := newFakeTemporal()
			h := newTestBridge(t, fake)
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, Path, bytes.NewReader([]byte(tt.body)))
			for key, values := range tt.header {
				r.Header[key] = values
			}
			if w := h.do(r); w.Code != tt.status {
				t.Errorf("status = %d, want %d", w.Code, tt.status)
			}
			if forged := tt.status != 200; forged != (len(fake.callLog()) == 0) {
				t.Errorf("Temporal was told %q", fake.callLog())
			}
			if log := h.logged(); strings.Contains(log, appSecret) || strings.Contains(log, vectorSum) || strings.Contains(log, "caf") {
				t.Errorf("the log has a secret, a signature or a text:\n%s", log)
			}
		})
	}
}

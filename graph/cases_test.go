package graph

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/privatereply/privatereply"
)

// seen is an answer of Meta's that somebody met, with invented content.
type seen struct {
	Status int             `json:"status"`
	Body   json.RawMessage `json:"body"`
}

// readCase reads a file of testdata: one answer, or a list of them.
func readCase[T any](t *testing.T, name string) T {
	t.Helper()
	content, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var out T
	if err := json.Unmarshal(content, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// Guards refusals that people met in public and that once ended a reply for good:
// the account waits until it is repaired, or the reply is sent again later.
func TestRefusalsSeenInPublic(t *testing.T) {
	for _, tc := range []struct {
		file   string
		class  Class
		reason privatereply.Reason
	}{
		{"01-send-1200-temporary.json", Temporary, privatereply.Outage},
		{"02-send-appsecret-proof-required.json", AccountFault, privatereply.AppMisconfigured},
		{"08-send-application-not-validated.json", AccountFault, privatereply.AppMisconfigured},
	} {
		t.Run(tc.file, func(t *testing.T) {
			answer := readCase[seen](t, tc.file)
			m := newMeta(t, says(answer.Status, string(answer.Body)))
			_, err := m.SendPrivateReply(t.Context(), credentials(pageAccount), Recipient{CommentID: "1_2"}, "hi")
			e := failure(t, err)
			if e.Class != tc.class || e.Reason != tc.reason || !e.Class.Retryable() || e.MayHaveDelivered {
				t.Errorf("%s, %s, may have delivered %v", e.Class, e.Reason, e.MayHaveDelivered)
			}
		})
	}
}

// Guards HTTP 429: it proves that nothing was done, also where the rest of the
// answer never arrives, and Meta's time is kept.
func TestTooManyRequests(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"a web page":    says(http.StatusTooManyRequests, "<html>Guten Tag</html>"),
		"a Graph error": says(http.StatusTooManyRequests, `{"error":{"code":4242}}`),
		"cut off": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "100")
			w.WriteHeader(http.StatusTooManyRequests)
			fmt.Fprint(w, "<html>")
			w.(http.Flusher).Flush()
			abort(w, r)
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMeta(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Retry-After", "90")
				answer(w, r)
			})
			_, err := m.SendPrivateReply(t.Context(), credentials(pageAccount), Recipient{CommentID: "1_2"}, "hi")
			e := failure(t, err)
			if e.Class != Throttled || e.Reason != privatereply.Throttled || e.MayHaveDelivered || e.RetryAfter != 90*time.Second {
				t.Errorf("%+v", e)
			}
		})
	}
}

package graph

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/privatereply/privatereply"
)

// Guards the order of the classification, and that nothing but an explicit refusal
// counts as proof that nothing was delivered.
func TestClassify(t *testing.T) {
	for _, tc := range []struct {
		name      string
		error     string
		status    int
		class     Class
		reason    privatereply.Reason
		delivered bool // may have been
		pause     time.Duration
	}{
		{"code 1 without a word about transience", `"code":1`, 400, Temporary, privatereply.Outage, true, 0},
		{"code 1 that is not passing", `"code":1,"is_transient":false`, 400, Final, privatereply.Refused, false, 0},
		{"1/99 that is not passing", `"code":1,"error_subcode":99,"is_transient":false`, 400, Final, privatereply.Refused, false, 0},
		{"code 1 that is passing", `"code":1,"is_transient":true`, 500, Temporary, privatereply.Outage, true, 0},
		{"code 1 under a new subcode", `"code":1,"error_subcode":777`, 400, Temporary, privatereply.Outage, true, 0},
		{"did it and failed, said to be final", `"code":1,"error_subcode":1357046,"is_transient":false`, 500, Unknown, privatereply.AnsweredWithError, true, 0},
		{"did it and failed, said to be passing", `"code":1,"error_subcode":1357046,"is_transient":true`, 500, Unknown, privatereply.AnsweredWithError, true, 0},
		{"code 2 on a failing server", `"code":2`, 503, Temporary, privatereply.Outage, true, 0},
		{"code 1 on a failing server", `"code":1`, 500, Temporary, privatereply.Outage, true, 0},
		{"a passing refusal is retried", `"code":100,"is_transient":true`, 400, Temporary, privatereply.Outage, false, 0},
		{"a passing limit stays a limit", `"code":4,"is_transient":true`, 403, Throttled, privatereply.Throttled, false, 0},
		{"a passing token error stays one", `"code":190,"is_transient":true`, 401, AccountFault, privatereply.TokenRejected, false, 0},
		{"already replied is not waited out", `"code":10900,"is_transient":true`, 400, AlreadyReplied, privatereply.AlreadyReplied, false, 0},
		{"a limit not called passing stays a limit", `"code":32,"is_transient":false`, 403, Throttled, privatereply.Throttled, false, limitCooldown},
		{"a block", `"code":368`, 403, Throttled, privatereply.AccountBlocked, false, blockCooldown},
		{"a subcode under another code", `"code":100,"error_subcode":2534022`, 400, Final, privatereply.OutsideWindow, false, 0},
		{"a small subcode is its own code's", `"code":4,"error_subcode":33`, 400, Throttled, privatereply.Throttled, false, 0},
		{"a token error under a new subcode", `"code":190,"error_subcode":2069030`, 400, AccountFault, privatereply.TokenRejected, false, 0},
		{"code 10 under a new subcode", `"code":10,"error_subcode":2599999`, 403, Unlisted, privatereply.Refused, false, 0},
		{"code 100 under a new subcode", `"code":100,"error_subcode":2599999`, 400, Unlisted, privatereply.Refused, false, 0},
		{"permissions under a new subcode", `"code":200,"error_subcode":2599999`, 403, AccountFault, privatereply.NotPermitted, false, 0},
		{"below the range of permissions", `"code":199`, 400, Unlisted, privatereply.Refused, false, 0},
		{"above the range of permissions", `"code":300`, 400, Unlisted, privatereply.Refused, false, 0},
		{"above the range of limits", `"code":80015`, 400, Unlisted, privatereply.Refused, false, 0},
		{"an unlisted pair", `"code":4242,"error_subcode":4243`, 400, Unlisted, privatereply.Refused, false, 0},
		{"an unlisted pair that is passing", `"code":4242,"error_subcode":4243,"is_transient":true`, 400, Temporary, privatereply.Outage, false, 0},
		{"an unlisted pair of a failing server", `"code":4242,"error_subcode":4243`, 500, Unknown, privatereply.AnsweredWithError, true, 0},
		{"an unlisted pair of a failing server that is passing", `"code":4242,"error_subcode":4243,"is_transient":true`, 500, Temporary, privatereply.Outage, true, 0},
		{"an unlisted pair with a success status", `"code":4242`, 200, Unlisted, privatereply.Refused, true, 0},
		{"a missing proof", `"code":100,"type":"GraphMethodException"`, 400, AccountFault, privatereply.AppMisconfigured, false, 0},
		{"a missing object is no missing proof", `"code":100,"error_subcode":33,"type":"GraphMethodException"`, 400, Final, privatereply.CommentNotFound, false, 0},
		{"no role in the app, or a wrong parameter on Instagram", `"code":100,"type":"IGApiException"`, 400, Unlisted, privatereply.Refused, false, 0},
		{"a type that is no text", `"code":100,"type":{}`, 400, Final, privatereply.BadRequest, false, 0},
		{"429 with a limit that is known", `"code":32`, 429, Throttled, privatereply.Throttled, false, limitCooldown},
		{"429 with a doubtful block", `"code":4,"error_subcode":2207051`, 429, Throttled, privatereply.AccountBlocked, false, actionCooldown},
		{"429 with a token error", `"code":190`, 429, AccountFault, privatereply.TokenRejected, false, 0},
		{"429 with a passing fault", `"code":2`, 429, Throttled, privatereply.Throttled, false, 0},
		{"429 with an unlisted code", `"code":4242`, 429, Throttled, privatereply.Throttled, false, 0},
		{"429 with a final refusal", `"code":10901`, 429, Throttled, privatereply.Throttled, false, 0},
		{"a refusal with a success status", `"code":10901`, 200, Final, privatereply.ReplyTimeExpired, false, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := Error{Op: "test", HTTPStatus: tc.status, Wrote: true}.fromBody([]byte(`{"error":{"message":"Guten Tag",` + tc.error + `}}`))
			if e == nil {
				t.Fatal("taken for a success")
			}
			if e.Class != tc.class || e.Reason != tc.reason || e.MayHaveDelivered != tc.delivered || e.Cooldown != tc.pause {
				t.Errorf("%s, %s, may have delivered %v, pause %v; want %s, %s, %v, %v",
					e.Class, e.Reason, e.MayHaveDelivered, e.Cooldown, tc.class, tc.reason, tc.delivered, tc.pause)
			}
			asGraphError(t, e)
		})
	}
}

// Guards that an operator can look up an error that the product does not know.
func TestUnlistedErrorIsNamed(t *testing.T) {
	e := Error{Op: "private reply", HTTPStatus: 400}.fromBody([]byte(`{"error":{"code":4242,"error_subcode":4243,"fbtrace_id":"AbC"}}`))
	if !strings.Contains(e.Meaning, "4242/4243") {
		t.Errorf("meaning %q", e.Meaning)
	}
	if want := "(error 4242/4243, HTTP 400, trace AbC)"; !strings.HasSuffix(e.Error(), want) {
		t.Errorf("%q does not end with %q", e, want)
	}
}

// Guards the two questions that the callers' retries hang on.
func TestClassRetryable(t *testing.T) {
	want := map[Class]bool{
		NotWritten: true, Throttled: true, AccountFault: true, Temporary: true, Unlisted: true,
		Unknown: false, Final: false, AlreadyReplied: false, NotRepliableOrReplied: false,
	}
	for class, retried := range want {
		if class.Retryable() != retried {
			t.Errorf("%s: %v", class, class.Retryable())
		}
	}
}

// Guards that Meta's way to write an error, which varies by host and year, does not
// change what the error means.
func TestEnvelopes(t *testing.T) {
	for _, tc := range []struct {
		name   string
		status int
		body   string
		class  Class
		trace  string
	}{
		{"Facebook's", 400, `{"error":{"message":"(#10900) Activity already replied to","type":"OAuthException","code":10900,"fbtrace_id":"AbC"}}`, AlreadyReplied, "AbC"},
		{"Instagram's", 400, `{"error":{"message":"x","type":"IGApiException","code":10900,"error_subcode":null}}`, AlreadyReplied, ""},
		{"numbers as strings", 400, `{"error":{"code":"100","error_subcode":"2534025"}}`, NotRepliableOrReplied, ""},
		{"transience as a string", 400, `{"error":{"code":1,"is_transient":"false"}}`, Final, ""},
		{"unreadable transience", 400, `{"error":{"code":10901,"is_transient":{}}}`, Final, ""},
		{"Japanese", 400, `{"error":{"message":"このコメントには返信済みです","error_user_title":"返信できません","error_user_msg":"Guten Tag","code":10900}}`, AlreadyReplied, ""},
		{"Chinese", 403, `{"error":{"message":"此消息在允许的窗口之外发送","code":10,"error_subcode":2534022}}`, Final, ""},
		{"a message about something else", 400, `{"error":{"message":"(#10900) rate limit, try again later","code":190}}`, AccountFault, ""},
		{"error_data of any form", 400, `{"error":{"code":4,"error_data":"{\"x\":1}"}}`, Throttled, ""},
		{"a trace id that is a text", 400, `{"error":{"code":4,"fbtrace_id":"Guten Tag, Frau X"}}`, Throttled, ""},
		{"a trace id that is a number", 400, `{"error":{"code":4,"fbtrace_id":17}}`, Throttled, ""},
		{"no code", 400, `{"error":{"message":"x","type":"OAuthException"}}`, Unknown, ""},
		{"a code that is a text", 400, `{"error":{"code":"rate_limited"}}`, Unknown, ""},
		{"error is a text", 400, `{"error":"rate_limited"}`, Unknown, ""},
		{"error is null", 400, `{"error":null}`, Unknown, ""},
		{"error is a list", 400, `[{"error":{"code":4}}]`, Unknown, ""},
		{"the form of another host", 400, `{"error_type":"OAuthException","code":400,"error_message":"Guten Tag"}`, Unknown, ""},
		{"nothing", 400, ``, Unknown, ""},
		{"a web page", 502, `<html>Guten Tag</html>`, Unknown, ""},
		{"cut off", 400, `{"error":{"code":190`, Unknown, ""},
		{"a second value after the first", 400, `{"error":{"code":190}}{}`, Unknown, ""},
		{"429 without a Graph error", 429, `{}`, Throttled, ""},
		{"429 as a web page", 429, `<html>Guten Tag</html>`, Throttled, ""},
		{"429 with nothing", 429, ``, Throttled, ""},
		{"429 with a Graph error", 429, `{"error":{"code":613,"fbtrace_id":"AbC"}}`, Throttled, "AbC"},
		{"a redirect with a Graph error", 302, `{"error":{"code":190}}`, Unknown, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := newMeta(t, respondWith(tc.status, tc.body))
			_, err := m.SendPrivateReply(t.Context(), credentials(igAccount), Recipient{CommentID: "1"}, OutgoingMessage{Text: "hi"})
			e := asGraphError(t, err)
			if e.Class != tc.class || e.TraceID != tc.trace || e.HTTPStatus != tc.status || !e.Wrote {
				t.Errorf("%s, trace %q, HTTP %d, wrote %v; want %s, %q, %d, true",
					e.Class, e.TraceID, e.HTTPStatus, e.Wrote, tc.class, tc.trace, tc.status)
			}
			if (e.Class == Unknown) != e.MayHaveDelivered && e.Class != Temporary {
				t.Errorf("%s with may have delivered %v", e.Class, e.MayHaveDelivered)
			}
		})
	}
}

// Guards the sends that have no guard of Meta's against repeats: their failures are
// read the same way.
func TestFollowUpsAreClassifiedAlike(t *testing.T) {
	m := newMeta(t, respondWith(403, `{"error":{"code":10,"error_subcode":2534022}}`))
	_, direct := m.SendMessage(t.Context(), credentials(pageAccount), "7000000000000001", OutgoingMessage{Text: "hi"}, false)
	_, thread := m.ReplyInConversation(t.Context(), credentials(pageAccount), "t_1", "hi")
	for _, err := range []error{direct, thread} {
		if e := asGraphError(t, err); e.Class != Final || e.Reason != privatereply.OutsideWindow || e.MayHaveDelivered {
			t.Errorf("%+v", e)
		}
	}
	if fmt.Sprint(direct) == fmt.Sprint(thread) {
		t.Error("the two operations have one name")
	}
}

// recordedAnswer is an answer of Meta's that somebody met, with invented content.
type recordedAnswer struct {
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
			answer := readCase[recordedAnswer](t, tc.file)
			m := newMeta(t, respondWith(answer.Status, string(answer.Body)))
			_, err := m.SendPrivateReply(t.Context(), credentials(pageAccount), Recipient{CommentID: "1_2"}, OutgoingMessage{Text: "hi"})
			e := asGraphError(t, err)
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
		"a web page":    respondWith(http.StatusTooManyRequests, "<html>Guten Tag</html>"),
		"a Graph error": respondWith(http.StatusTooManyRequests, `{"error":{"code":4242}}`),
		"cut off": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "100")
			w.WriteHeader(http.StatusTooManyRequests)
			fmt.Fprint(w, "<html>")
			w.(http.Flusher).Flush()
			abortResponse(w, r)
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMeta(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Retry-After", "90")
				answer(w, r)
			})
			_, err := m.SendPrivateReply(t.Context(), credentials(pageAccount), Recipient{CommentID: "1_2"}, OutgoingMessage{Text: "hi"})
			e := asGraphError(t, err)
			if e.Class != Throttled || e.Reason != privatereply.Throttled || e.MayHaveDelivered || e.RetryAfter != 90*time.Second {
				t.Errorf("%+v", e)
			}
		})
	}
}

var classes = []Class{NotWritten, Unknown, Throttled, AccountFault, Temporary, Final, Unlisted, AlreadyReplied, NotRepliableOrReplied}

// Guards the one place that reads what a stranger wrote: any bytes end in a class,
// no answer short of an explicit Graph error is taken for a refusal, and no word
// of the answer is repeated.
func FuzzAnswer(f *testing.F) {
	for _, body := range []string{
		delivered,
		`{"error":{"message":"Guten Tag","type":"OAuthException","code":10900,"fbtrace_id":"AbC"}}`,
		`{"error":{"code":"100","error_subcode":"2534025","is_transient":true}}`,
		`{"error":{"code":-1,"error_subcode":2018012,"is_transient":"false"}}`,
		`{"error":{"code":80004}}`, `{"error":{"code":4242,"error_subcode":17}}`,
		`{"error":{"code":99999999999999999999}}`, `{"error":{"code":null}}`, `{"error":[]}`, `{"error":null}`,
		`{"error":{"message":"Guten Tag"`, `<html>Guten Tag</html>`, `null`, `[]`, `""`, ``, "\x00\xff",
	} {
		for _, status := range []int{200, 302, 400, 429, 500} {
			f.Add(status, []byte(body))
		}
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		e := Error{Op: "test", HTTPStatus: status, Wrote: true}.fromBody(body)
		if e == nil {
			if status < 200 || status > 299 {
				t.Fatalf("HTTP %d is taken for a success", status)
			}
			return
		}
		if !slices.Contains(classes, e.Class) || e.Class == NotWritten || e.Reason == "" || e.Meaning == "" {
			t.Fatalf("unclassified: %+v", e)
		}
		if status == 429 {
			if e.Class != Throttled && e.Class != AccountFault || e.MayHaveDelivered {
				t.Fatalf("429 proves that nothing was done: %+v", e)
			}
			return
		}
		var said struct{ Error struct{ Code any } }
		if json.Unmarshal(body, &said) != nil && e.Class != Unknown || !e.MayHaveDelivered && said.Error.Code == nil {
			t.Fatalf("a refusal without an explicit error: %+v", e)
		}
		if e.Class == Unknown && !e.MayHaveDelivered {
			t.Fatalf("unknown, yet certain: %+v", e)
		}
		if len(e.Error()) > 400 || strings.Contains(e.Error(), "Guten Tag") {
			t.Fatalf("repeats the answer: %v", e)
		}
	})
}

// Guards the decoders of lists against what a stranger wrote.
func FuzzList(f *testing.F) {
	f.Add([]byte(`{"data":[{"id":"1","message":"x","created_time":"2026-10-01T12:00:00+0000","from":{"id":1,"name":"n"},"can_reply_privately":true,"comments":{"data":[{"id":"1_2","parent":{"id":"1"}}],"paging":{"cursors":{"after":"MQ"},"next":"https://x/"}}}],"paging":{"next":"https://x/?after=QVFI"}}`))
	f.Add([]byte(`{"data":[{"id":"3","text":"x","timestamp":1700000000,"replies":{"data":[]}}],"paging":{}}`))
	f.Add([]byte(`{"data":[],"paging":{"next":"x"}}`))
	f.Add([]byte(`{"data":null}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		posts, errPosts := decodePage[postNode](body)
		comments, errComments := decodePage[commentNode](body)
		if errPosts == nil && posts.Data == nil || errComments == nil && comments.Data == nil {
			t.Fatal("a list without data")
		}
		toComments(comments.Data)
	})
}

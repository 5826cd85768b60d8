package graph

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

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

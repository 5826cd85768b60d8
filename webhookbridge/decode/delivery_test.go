package decode_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/webhookbridge/decode"
)

var update = flag.Bool("update", false, "write the expected events anew")

// receivedAt is when every delivery of these tests arrives.
var receivedAt = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// accounts are the accounts of these tests: an Instagram account behind a Page, one
// with Instagram Login, a Page, and two Instagram accounts behind one Page.
type accounts []privatereply.Account

var known = accounts{
	{Platform: privatereply.Instagram, ID: "17841400000000001", Name: "clean.slate", PageID: "100000000000001", Login: privatereply.LoginFacebook},
	{Platform: privatereply.Instagram, ID: "17841400000000002", Login: privatereply.LoginInstagram},
	{Platform: privatereply.Facebook, ID: "100000000000001", Login: privatereply.LoginFacebook},
	{Platform: privatereply.Instagram, ID: "17841400000000003", PageID: "100000000000002", Login: privatereply.LoginFacebook},
	{Platform: privatereply.Instagram, ID: "17841400000000004", PageID: "100000000000002", Login: privatereply.LoginFacebook},
}

func (all accounts) Find(p privatereply.Platform, id string) (privatereply.Account, bool) {
	for _, a := range all {
		if a.Platform == p && a.ID == id {
			return a, true
		}
	}
	return privatereply.Account{}, false
}

func (all accounts) LinkedToPage(page string) []privatereply.Account {
	var behind []privatereply.Account
	for _, a := range all {
		if a.Platform == privatereply.Instagram && a.PageID == page {
			behind = append(behind, a)
		}
	}
	return behind
}

func (all accounts) has(p privatereply.Platform, id string) bool {
	_, ok := all.Find(p, id)
	return ok
}

// Every shape that Meta sends becomes the right event: one file each in testdata,
// with the events expected of it beside it. After a change on purpose,
// "go test ./webhookbridge/decode -update" writes these anew; read the difference.
func TestGolden(t *testing.T) {
	inputs, err := filepath.Glob("testdata/*.json")
	if err != nil {
		t.Fatal(err)
	}
	cases := 0
	for _, input := range inputs {
		name := strings.TrimSuffix(filepath.Base(input), ".json")
		if strings.HasSuffix(name, ".events") {
			continue
		}
		cases++
		t.Run(name, func(t *testing.T) {
			body, err := os.ReadFile(input)
			if err != nil {
				t.Fatal(err)
			}
			events, err := decode.Delivery(body, receivedAt, known)
			if err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", name+".events.json")
			if *update {
				write(t, golden, events)
			}
			data, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			var want []privatereply.Event
			if err := json.Unmarshal(data, &want); err != nil {
				t.Fatalf("%s: %v", golden, err)
			}
			if diff := cmp.Diff(want, events); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
	if cases < 50 {
		t.Errorf("only %d cases were found", cases)
	}
}

func write(t *testing.T, path string, events []privatereply.Event) {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(events); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// A body that is no delivery is an error of one kind, which the bridge answers with
// 200: Meta would send the same body for 36 hours.
func TestUnreadable(t *testing.T) {
	tests := []struct{ name, body string }{
		{"nothing", ""},
		{"only spaces", " \n"},
		{"not JSON", "hello"},
		{"cut off", `{"object":"instagram","entry":[{"id":"1`},
		{"two values", `{"object":"instagram"} {}`},
		{"a raw NUL in a string", "{\"object\":\"insta\x00gram\"}"},
		{"an array", `[{"object":"instagram"}]`},
		{"a string", `"instagram"`},
		{"null", "null"},
		{"nested too deep", strings.Repeat(`{"a":`, 20_000) + "1" + strings.Repeat("}", 20_000)},
		{"more items than Meta ever sends", `{"object":"page","entry":[` + strings.Repeat("{},", 200_000) + "{}]}"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			events, err := decode.Delivery([]byte(tt.body), receivedAt, known)
			if !errors.Is(err, decode.ErrUnreadable) || len(events) != 0 {
				t.Errorf("Delivery = %d events, %v; want ErrUnreadable", len(events), err)
			}
			if err != nil && len(err.Error()) > 200 {
				t.Errorf("the error repeats the body: %d bytes", len(err.Error()))
			}
		})
	}
}

// commentWith is a delivery of one comment whose text is the JSON string given.
func commentWith(text string) []byte {
	return []byte(`{"object":"instagram","entry":[{"id":"17841400000000001","time":1795341600,"changes":[` +
		`{"field":"comments","value":{"id":"18000000000000001","text":` + text + `}}]}]}`)
}

// A comment is started whatever its text holds: bytes that are no text are replaced,
// and a text that no person can have typed is cut, with a mark.
func TestText(t *testing.T) {
	const limit = 64 << 10
	cut := func(s string) string { return privatereply.CutText(s, 8<<10) }
	long, tooLong := strings.Repeat("a", limit), strings.Repeat("語", limit/3+1)
	tests := []struct{ name, json, want string }{
		{"escaped", `"caf\u00e9 \ud83d\ude00 \/ \u003c"`, "café 😀 / <"},
		{"UTF-8", `"café 😀"`, "café 😀"},
		{"NUL", `"a\u0000b"`, "a\x00b"},
		{"a lone surrogate", `"a\ud83db"`, "a\ufffdb"},
		{"invalid UTF-8", "\"a\xff\xfeb\"", "a\ufffd\ufffdb"},
		{"quotes and brackets", `"}]\"\\"`, `}]"\`},
		{"a number", `17`, ""},
		{"an object", `{"a":[1,"}"]}`, ""},
		{"null", `null`, ""},
		{"as long as may be", `"` + long + `"`, long},
		{"too long", `"` + tooLong + `"`, cut(tooLong)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			events, err := decode.Delivery(commentWith(tt.json), receivedAt, known)
			if err != nil {
				t.Fatal(err)
			}
			if len(events) != 1 || events[0].Comment == nil {
				t.Fatalf("events = %+v, want one comment", events)
			}
			if got := events[0].Comment.Text; got != tt.want {
				t.Errorf("text = %.100q (%d bytes), want %.100q (%d bytes)", got, len(got), tt.want, len(tt.want))
			}
		})
	}
}

// What the account writes under a comment in public, and what it hides or shows again, comes
// back as a webhook and starts nothing. Only where Meta withholds the author's id does a name
// decide.
func TestOwnDoing(t *testing.T) {
	instagram := func(from string) string {
		return `{"object":"instagram","entry":[{"id":"17841400000000001","time":1795341600,"changes":[{"field":"comments","value":{` +
			`"id":"18000000000000009","parent_id":"18000000000000001",` + from + `"text":"Thanks, we have written to you"}}]}]}`
	}
	page := func(verb, rest string) string {
		return `{"object":"page","entry":[{"id":"100000000000001","time":1795341600,"changes":[{"field":"feed","value":{"item":"comment","verb":"` + verb + `",` +
			`"post_id":"100000000000001_2","comment_id":"2_9","parent_id":"2_1"` + rest + `}}]}]}`
	}
	const byPage, byPerson = `,"from":{"id":"100000000000001","name":"Clean Slate"}`, `,"from":{"id":"7000000000000001","name":"Mia"}`
	tests := []struct{ name, body, ignored string }{
		{"by the account's id", instagram(`"from":{"id":"17841400000000001","username":"clean.slate"},`), decode.OwnComment},
		{"by the id of its Page", instagram(`"from":{"id":"100000000000001"},`), decode.OwnComment},
		{"by its name alone", instagram(`"from":{"username":"Clean.Slate"},`), decode.OwnComment},
		{"by another name", instagram(`"from":{"username":"mia"},`), ""},
		{"by nobody", instagram(``), ""},
		{"by an id that is not the account's, whatever the name", instagram(`"from":{"id":"6000000000000001","username":"clean.slate"},`), ""},
		{"by the Page", page("add", byPage), decode.OwnComment},
		{"by a person", page("add", byPerson), ""},
		{"edited by the Page", page("edited", byPage), decode.OwnComment},
		{"hidden, by the Page", page("hide", byPage), decode.Hidden},
		{"hidden, with the comment's author", page("hide", byPerson), decode.Hidden},
		{"hidden, by nobody", page("hide", ""), decode.Hidden},
		{"shown again", page("unhide", byPage), decode.Hidden},
		{"shown again, by nobody", page("unhide", ""), decode.Hidden},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			events, err := decode.Delivery([]byte(tt.body), receivedAt, known)
			if err != nil || len(events) != 1 {
				t.Fatalf("events = %+v, %v; want one", events, err)
			}
			got := ""
			if events[0].Ignored != nil {
				got = events[0].Ignored.Why
			}
			if got != tt.ignored {
				t.Errorf("ignored because of %q, want %q: %+v", got, tt.ignored, events[0])
			}
		})
	}
}

// An id is used only if a workflow id and a search attribute can carry it, and it is
// never rounded on its way.
func TestIDs(t *testing.T) {
	tests := []struct{ name, json, want string }{
		{"a string", `"18000000000000001"`, "18000000000000001"},
		{"a number", `18000000000000001`, "18000000000000001"},
		{"a number beyond 2^53", `9007199254740993`, "9007199254740993"},
		{"a number beyond 64 bits", `123456789012345678901234567890`, "123456789012345678901234567890"},
		{"with a colon", `"1:2"`, "1:2"},
		{"empty", `""`, ""},
		{"a fraction", `1.5`, ""},
		{"an exponent", `1e17`, ""},
		{"negative", `-1`, ""},
		{"true", `true`, ""},
		{"null", `null`, ""},
		{"an object", `{"id":"1"}`, ""},
		{"a space", `"1 2"`, ""},
		{"NUL", `"1\u00002"`, ""},
		{"a line break", `"1\n2"`, ""},
		{"beyond ASCII", `"１８"`, ""},
		{"invalid UTF-8", "\"1\xff\"", ""},
		{"too long for a workflow id", `"` + strings.Repeat("1", 250) + `"`, ""},
		{"longer than anything", `"` + strings.Repeat("1", 100_000) + `"`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			body := `{"object":"instagram","entry":[{"id":"17841400000000001","changes":[` +
				`{"field":"comments","value":{"id":` + tt.json + `}},` +
				`{"field":"comments","value":{"id":"18000000000000009"}}]}]}`
			events, err := decode.Delivery([]byte(body), receivedAt, known)
			if err != nil {
				t.Fatal(err)
			}
			if len(events) != 2 || events[1].Comment == nil {
				t.Fatalf("the neighbour was lost: %+v", events)
			}
			switch first := events[0]; {
			case tt.want == "" && (first.Ignored == nil || first.Ignored.Why != decode.NoUsableID):
				t.Errorf("event = %+v, want it ignored as %s", first, decode.NoUsableID)
			case tt.want != "" && (first.Comment == nil || first.Comment.CommentID != tt.want):
				t.Errorf("event = %+v, want comment %s", first, tt.want)
			}
		})
	}
}

// Times are read in every unit and form, and one that makes no sense is unknown: it
// must neither expire a reply at once nor break the payload.
func TestTimes(t *testing.T) {
	want := time.Date(2026, 11, 22, 9, 59, 57, 0, time.UTC)
	tests := []struct {
		name, json string
		want       time.Time
	}{
		{"seconds", `1795341597`, want},
		{"milliseconds", `1795341597250`, want.Add(250 * time.Millisecond)},
		{"seconds as a string", `"1795341597"`, want},
		{"milliseconds as a string", `"1795341597250"`, want.Add(250 * time.Millisecond)},
		{"with a fraction", `1795341597.9`, want},
		{"as the Graph API writes it", `"2026-11-22T09:59:57+0000"`, want},
		{"RFC 3339", `"2026-11-22T10:59:57+01:00"`, want},
		{"the last second", `999999999999`, time.Time{}},
		{"the first millisecond", `1000000000000`, time.Time{}},
		{"zero", `0`, time.Time{}},
		{"negative", `-5`, time.Time{}},
		{"microseconds", `1795341597250000`, time.Time{}},
		{"beyond 64 bits", `99999999999999999999`, time.Time{}},
		{"an exponent", `1e12`, time.Time{}},
		{"no number", `"soon"`, time.Time{}},
		{"null", `null`, time.Time{}},
		{"an object", `{}`, time.Time{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			body := `{"object":"instagram","entry":[{"id":"17841400000000001","time":` + tt.json +
				`,"changes":[{"field":"comments","value":{"id":"18000000000000001"}}]}]}`
			events, err := decode.Delivery([]byte(body), receivedAt, known)
			if err != nil {
				t.Fatal(err)
			}
			if got := events[0].Comment.EntryAt; !got.Equal(tt.want) {
				t.Errorf("entry time = %v, want %v", got, tt.want)
			}
		})
	}
}

// A tap brings the payload as Meta wrote it, or none: a part of one could be another's.
func TestPayload(t *testing.T) {
	const ours = "privatereply:18000000000000001:b0"
	longest := strings.Repeat("é", privatereply.MaxPayloadChars)
	tests := []struct{ name, item, want string }{
		{"of a button", `"postback":{"mid":"m1","title":"The list","payload":"` + ours + `"}`, ours},
		{"of a button whose webhook has no id", `"postback":{"title":"The list","payload":"` + ours + `"}`, ours},
		{"of a quick reply", `"message":{"mid":"m1","text":"The list","quick_reply":{"payload":"` + ours + `"}}`, ours},
		{"of a quick reply that comes as an edit", `"message_edit":{"mid":"m1","num_edit":0,"quick_reply":{"payload":"` + ours + `"}}`, ours},
		{"of somebody else's button", `"postback":{"mid":"m1","payload":"GET_STARTED"}`, "GET_STARTED"},
		{"as long as may be", `"postback":{"mid":"m1","payload":"` + longest + `"}`, longest},
		{"too long", `"postback":{"mid":"m1","payload":"` + longest + `é"}`, ""},
		{"too long, of a quick reply", `"message":{"mid":"m1","quick_reply":{"payload":"` + longest + `é"}}`, ""},
		{"a number", `"postback":{"mid":"m1","payload":17}`, ""},
		{"an object", `"postback":{"mid":"m1","payload":{"payload":"` + ours + `"}}`, ""},
		{"none", `"postback":{"mid":"m1","title":"The list"}`, ""},
		{"a quick reply that is no object", `"message":{"mid":"m1","quick_reply":"` + ours + `"}`, ""},
		{"in the text of a message", `"message":{"mid":"m1","text":"` + ours + `","payload":"` + ours + `"}`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			body := `{"object":"instagram","entry":[{"id":"17841400000000001","time":1795341000000,"messaging":[{"sender":{"id":"6000000000000001"},` +
				`"timestamp":1795341000000,` + tt.item + `}]}]}`
			events, err := decode.Delivery([]byte(body), receivedAt, known)
			if err != nil || len(events) != 1 || events[0].Message == nil {
				t.Fatalf("events = %+v, %v; want one message", events, err)
			}
			if got := events[0].Message.Payload; got != tt.want {
				t.Errorf("payload = %.80q, want %.80q", got, tt.want)
			}
		})
	}
}

// A message's window opens at the time that Meta gave it, never later.
func TestMessageTimes(t *testing.T) {
	const entry = `"time":1795341000000`
	entryAt := time.UnixMilli(1795341000000).UTC()
	tests := []struct {
		name, entry, item string
		want              time.Time
	}{
		{"its own time", entry, `"timestamp":1795340000000`, time.UnixMilli(1795340000000).UTC()},
		{"its own time in seconds, as a string", entry, `"timestamp":"1795340000"`, time.Unix(1795340000, 0).UTC()},
		{"only the entry has one", entry, `"x":0`, entryAt},
		{"unreadable", entry, `"timestamp":"soon"`, entryAt},
		{"a minute ahead", entry, `"timestamp":1795341660000`, receivedAt.Add(time.Minute)},
		{"three minutes ahead", entry, `"timestamp":1795341780000`, receivedAt},
		{"none at all", `"x":0`, `"x":0`, receivedAt},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			body := `{"object":"instagram","entry":[{"id":"17841400000000001",` + tt.entry + `,"messaging":[{"sender":{"id":"6000000000000001"},` +
				tt.item + `,"message":{"mid":"m1","text":"hi"}}]}]}`
			events, err := decode.Delivery([]byte(body), receivedAt, known)
			if err != nil {
				t.Fatal(err)
			}
			if got := events[0].Message.At; !got.Equal(tt.want) {
				t.Errorf("at = %v, want %v", got, tt.want)
			}
		})
	}
}

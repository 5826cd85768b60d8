package graph

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/privatereply/privatereply"
)

const conversationFields = "id,updated_time,participants,messages{id,message,from,created_time}"

// Guards the reconciliation's question on each kind of account: which node, which
// platform, whose conversation.
func TestConversationsAsksForOnePerson(t *testing.T) {
	for _, tc := range []struct {
		name    string
		account privatereply.Account
		path    string
		query   url.Values
	}{
		{"Page", pageAccount, "/facebook/v26.0/100000000000001/conversations", url.Values{}},
		{"Instagram, Facebook Login", igByPage, "/facebook/v26.0/100000000000001/conversations", url.Values{"platform": {"instagram"}}},
		{"Instagram, Instagram Login", igAccount, "/instagram/v26.0/me/conversations", url.Values{"platform": {"instagram"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := newMeta(t, respondWith(200, `{"data":[{"id":"t_1","updated_time":"`+noonText+`",
				"participants":{"data":[{"id":"7000000000000001","name":"Someone"},{"id":"17841400000000002","username":"clean.slate"}]},
				"messages":{"data":[{"id":"m_2","message":"hi","from":{"id":"100000000000001"},"created_time":"`+noonText+`"},{"id":"m_1"}]}}]}`))
			var got []Conversation
			for c, err := range m.Conversations(t.Context(), credentials(tc.account), ConversationQuery{PersonID: "7000000000000001"}) {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, c)
			}
			want := []Conversation{{
				ID: "t_1", UpdatedAt: noon,
				Participants: []Participant{{"7000000000000001", "Someone"}, {"17841400000000002", "clean.slate"}},
				Messages:     []Message{{ID: "m_2", FromID: "100000000000001", Text: "hi", At: noon}, {ID: "m_1"}},
			}}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			tc.query.Set("fields", conversationFields)
			tc.query.Set("limit", "25")
			tc.query.Set("user_id", "7000000000000001")
			call := m.only(t)
			if diff := cmp.Diff(tc.query, call.query(t)); call.Path != tc.path || diff != "" {
				t.Errorf("path %s, query %s", call.Path, diff)
			}
		})
	}
}

// Guards the inbox as a whole: read page by page only as far as the caller goes on,
// past empty pages, up to the limit, and with the first error at the end.
func TestConversationsPaging(t *testing.T) {
	pages := map[string]string{
		"":  `{"data":[{"id":"t_1"},{"id":"t_2"}],"paging":{"cursors":{"after":"b"},"next":"https://x/"}}`,
		"b": `{"data":[],"paging":{"cursors":{"after":"c"},"next":"https://x/"}}`,
		"c": `{"data":[{"id":"t_3"}],"paging":{"cursors":{"after":"d"},"next":"https://x/"}}`,
		"d": `{"error":{"code":190}}`,
	}
	for _, tc := range []struct {
		name  string
		limit int
		stop  string // leave the loop at this conversation
		want  []string
		calls int
		fails bool
	}{
		{"to the end", 0, "", []string{"t_1", "t_2", "t_3"}, 4, true},
		{"up to the limit", 3, "", []string{"t_1", "t_2", "t_3"}, 3, false},
		{"a limit within a page", 1, "", []string{"t_1"}, 1, false},
		{"the caller leaves", 0, "t_2", []string{"t_1", "t_2"}, 1, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := newMeta(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, pages[r.URL.Query().Get("after")]) })
			var got []string
			var failed error
			for c, err := range m.Conversations(t.Context(), credentials(pageAccount), ConversationQuery{Limit: tc.limit}) {
				if failed = err; err != nil {
					continue
				}
				got = append(got, c.ID)
				if c.ID == tc.stop {
					break
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" || len(m.received()) != tc.calls {
				t.Errorf("%s after %d calls", diff, len(m.received()))
			}
			if (failed != nil) != tc.fails {
				t.Errorf("error %v", failed)
			}
		})
	}
}

// Guards the look for a reply in a busy conversation: it goes back to the send and
// no further, and takes Instagram's "too old to show" for the end.
func TestConversationReadsBackToSince(t *testing.T) {
	message := func(id string, at time.Time) string {
		return fmt.Sprintf(`{"id":%q,"created_time":%q}`, id, at.Format(graphTime))
	}
	const next = `"paging":{"cursors":{"after":%q},"next":"https://x/"}`
	newest := `{"data":[{"id":"t_1","messages":{"data":[` + message("m_9", noon) + `],` + fmt.Sprintf(next, "b") + `}}]}`
	middle := `{"data":[` + message("m_8", noon.Add(-time.Minute)) + `],` + fmt.Sprintf(next, "c") + `}`
	oldest := `{"data":[` + message("m_7", noon.Add(-time.Hour)) + `],` + fmt.Sprintf(next, "d") + `}`
	for _, tc := range []struct {
		name  string
		since time.Time
		last  string // the page at cursor c
		want  []string
		fails bool
	}{
		{"without a time", time.Time{}, oldest, []string{"m_9"}, false},
		{"on the first page", noon.Add(time.Minute), oldest, []string{"m_9"}, false},
		{"on the second page", noon.Add(-30 * time.Second), oldest, []string{"m_9", "m_8"}, false},
		{"on the third page", noon.Add(-30 * time.Minute), oldest, []string{"m_9", "m_8", "m_7"}, false},
		{"too old to show", noon.Add(-30 * time.Minute), `{"error":{"code":9000001}}`, []string{"m_9", "m_8"}, false},
		{"a failure", noon.Add(-30 * time.Minute), `{"error":{"code":2}}`, nil, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := newMeta(t, func(w http.ResponseWriter, r *http.Request) {
				switch r.URL.Query().Get("after") {
				case "":
					fmt.Fprint(w, newest)
				case "b":
					fmt.Fprint(w, middle)
				default:
					fmt.Fprint(w, tc.last)
				}
			})
			var got []string
			var failed error
			for c, err := range m.Conversations(t.Context(), credentials(igByPage), ConversationQuery{PersonID: "7", Since: tc.since}) {
				failed = err
				for _, m := range c.Messages {
					got = append(got, m.ID)
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" || (failed != nil) != tc.fails {
				t.Errorf("%s, %v", diff, failed)
			}
		})
	}
	t.Run("in a circle", func(t *testing.T) {
		m := newMeta(t, func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Query().Get("after") {
			case "":
				fmt.Fprint(w, newest)
			case "b":
				fmt.Fprint(w, middle)
			default:
				fmt.Fprint(w, `{"data":[`+message("m_9", noon)+`],`+fmt.Sprintf(next, "b")+`}`)
			}
		})
		for c, err := range m.Conversations(t.Context(), credentials(igByPage), ConversationQuery{Since: noon.Add(-time.Hour)}) {
			if err != nil || len(c.Messages) != 2 || c.Complete {
				t.Errorf("%+v, %v", c, err)
			}
		}
		if calls := len(m.received()); calls != 3 {
			t.Errorf("%d calls", calls)
		}
	})
	t.Run("never without end", func(t *testing.T) {
		n := 0
		m := newMeta(t, func(w http.ResponseWriter, _ *http.Request) {
			if n++; n == 1 {
				fmt.Fprint(w, newest)
				return
			}
			fmt.Fprint(w, `{"data":[],`+fmt.Sprintf(next, fmt.Sprint(n))+`}`)
		})
		for _, err := range m.Conversations(t.Context(), credentials(igByPage), ConversationQuery{Since: noon.Add(-time.Hour)}) {
			if err != nil {
				t.Error(err)
			}
		}
		if calls := len(m.received()); calls != 1+messagePages {
			t.Errorf("%d calls", calls)
		}
	})
}

// Guards what a missing message proves: nothing, unless Meta told about everything
// since the send.
func TestCompleteConversation(t *testing.T) {
	full := func(id string, at time.Time) string {
		return fmt.Sprintf(`{"id":%q,"from":{"id":"7"},"created_time":%q}`, id, at.Format(graphTime))
	}
	const next = `,"paging":{"cursors":{"after":"b"},"next":"https://x/"}`
	newest, older := full("m_9", noon), full("m_7", noon.Add(-time.Hour))
	since := noon.Add(-time.Minute)
	for _, tc := range []struct {
		name   string
		since  time.Time
		first  string // messages of the conversation
		second string // the answer to the page after
		want   bool
	}{
		{"back beyond the time", since, `[` + newest + `,` + older + `]` + next, "", true},
		{"on the second page", since, `[` + newest + `]` + next, `{"data":[` + older + `]}`, true},
		{"the whole conversation", since, `[` + newest + `]`, "", true},
		{"the whole conversation, on two pages", since, `[` + newest + `]` + next, `{"data":[` + full("m_8", noon) + `]}`, true},
		{"nothing in it", since, `[]`, "", true},
		{"without a time, all", time.Time{}, `[` + newest + `]`, "", true},
		{"without a time, more", time.Time{}, `[` + newest + `]` + next, "", false},
		{"Instagram hides the older ones", since, `[` + newest + `,{"id":"m_8"}]`, "", false},
		{"hidden only beyond the time", since, `[` + newest + `,` + older + `,{"id":"m_6"}]`, "", true},
		{"Instagram refuses the older ones", since, `[` + newest + `]` + next, `{"error":{"code":9000001}}`, false},
		{"one without a sender", since, `[{"id":"m_9","created_time":"` + noonText + `"},` + older + `]`, "", false},
		{"one without a time", since, `[{"id":"m_9","from":{"id":"7"}},` + older + `]`, "", false},
		{"one without an id", since, `[{"from":{"id":"7"},"created_time":"` + noonText + `"},` + older + `]`, "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := newMeta(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Query().Get("after") != "" {
					fmt.Fprint(w, tc.second)
					return
				}
				fmt.Fprint(w, `{"data":[{"id":"t_1","messages":{"data":`+tc.first+`}}]}`)
			})
			n := 0
			for c, err := range m.Conversations(t.Context(), credentials(igByPage), ConversationQuery{PersonID: "7", Since: tc.since}) {
				if n++; err != nil || c.Complete != tc.want {
					t.Errorf("complete %v, %v", c.Complete, err)
				}
			}
			if n != 1 {
				t.Errorf("%d conversations", n)
			}
		})
	}
}

// Guards a pass over the inbox: it ends at what has not changed, and where Meta's
// pages lead in a circle.
func TestConversationsEnd(t *testing.T) {
	changed := func(id string, age time.Duration) string {
		return fmt.Sprintf(`{"id":%q,"updated_time":%q}`, id, noon.Add(-age).Format(graphTime))
	}
	const next = `],"paging":{"cursors":{"after":%q},"next":"https://x/"}}`
	pages := map[string]string{
		"":  `{"data":[` + changed("t_1", 0) + `,{"id":"t_2"}` + fmt.Sprintf(next, "b"),
		"b": `{"data":[` + changed("t_3", time.Minute) + `,` + changed("t_4", time.Hour) + fmt.Sprintf(next, "c"),
		"c": `{"data":[` + changed("t_1", 0) + fmt.Sprintf(next, "b"),
	}
	for _, tc := range []struct {
		name  string
		since time.Time
		want  []string
		calls int
	}{
		{"all", time.Time{}, []string{"t_1", "t_2", "t_3", "t_4"}, 3},
		{"what has changed", noon.Add(-time.Minute), []string{"t_1", "t_2", "t_3"}, 2},
		{"nothing has changed", noon.Add(time.Minute), nil, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := newMeta(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, pages[r.URL.Query().Get("after")]) })
			var got []string
			for c, err := range m.Conversations(t.Context(), credentials(pageAccount), ConversationQuery{UpdatedSince: tc.since}) {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, c.ID)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" || len(m.received()) != tc.calls {
				t.Errorf("%s after %d calls", diff, len(m.received()))
			}
		})
	}
}

// Guards the limit of two requests a second: each request about conversations asks
// first, also the ones for older messages and for a smaller page.
func TestConversationsAskBeforeEachRequest(t *testing.T) {
	enough := errors.New("enough")
	const next = `"paging":{"cursors":{"after":"b"},"next":"https://x/"}`
	for allowed := range 4 {
		n := 0
		m := newMeta(t, func(w http.ResponseWriter, r *http.Request) {
			switch n++; n {
			case 1:
				respondWith(http.StatusInternalServerError, `{"error":{"code":1}}`)(w, r)
			case 2:
				fmt.Fprint(w, `{"data":[{"id":"t_1","messages":{"data":[{"id":"m_9","from":{"id":"7"},"created_time":"`+noonText+`"}],`+next+`}}]}`)
			default:
				fmt.Fprint(w, `{"data":[]}`)
			}
		})
		left := allowed
		q := ConversationQuery{PersonID: "7", Since: noon.Add(-time.Hour), BeforeRequest: func(context.Context) error {
			if left--; left < 0 {
				return enough
			}
			return nil
		}}
		var failed error
		for _, err := range m.Conversations(t.Context(), credentials(pageAccount), q) {
			failed = err
		}
		if (failed == enough) != (allowed < 3) || len(m.received()) != allowed {
			t.Errorf("%d allowed: %d made, %v", allowed, len(m.received()), failed)
		}
	}
}

// Guards a webhook that tells only a message's id.
func TestMessage(t *testing.T) {
	m := newMeta(t, respondWith(200, `{"id":"m_1","created_time":"`+noonText+`","from":{"id":"7","username":"lena"},"to":{"data":[{"id":"17841400000000002"}]},"message":"yes please"}`))
	got, err := m.Message(t.Context(), credentials(igAccount), "m_1")
	want := Message{ID: "m_1", FromID: "7", ToIDs: []string{"17841400000000002"}, Text: "yes please", At: noon}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%s, %v", diff, err)
	}
	call := m.only(t)
	if diff := cmp.Diff(url.Values{"fields": {"id,created_time,from,to,message"}}, call.query(t)); call.Path != "/instagram/v26.0/m_1" || diff != "" {
		t.Errorf("path %s, query %s", call.Path, diff)
	}
}

// Guards the reconciliation after a send whose answer was lost: only a message that
// the account itself sent, then, with this text, and for no other reply, is proof.
func TestFindMessage(t *testing.T) {
	sent := time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)
	at := func(id, from, text string, after time.Duration) Message {
		return Message{ID: id, FromID: from, Text: text, At: sent.Add(after)}
	}
	sought := MessageCriteria{SenderIDs: []string{"17841400000000001", "100000000000001"}, Text: "Hé, see you", Since: sent, ExcludeIDs: []string{"m_known"}}
	const us, page, them = "17841400000000001", "100000000000001", "7000000000000001"
	for _, tc := range []struct {
		name     string
		messages []Message
		want     string
	}{
		{"nothing", nil, ""},
		{"to the letter", []Message{at("m_1", us, "Hé, see you", time.Second)}, "m_1"},
		{"from the Page behind the account", []Message{at("m_1", page, "Hé, see you", time.Second)}, "m_1"},
		{"at the very moment", []Message{at("m_1", us, "Hé, see you", 0)}, "m_1"},
		{"before", []Message{at("m_1", us, "Hé, see you", -time.Second)}, ""},
		{"the person quotes us", []Message{at("m_1", them, "Hé, see you", time.Second)}, ""},
		{"another reply's", []Message{at("m_known", us, "Hé, see you", time.Second)}, ""},
		{"another text", []Message{at("m_1", us, "Hé, see you!", time.Second)}, ""},
		{"another case", []Message{at("m_1", us, "hé, see you", time.Second)}, ""},
		{"trimmed and decomposed", []Message{at("m_1", us, " He\u0301, see you\r\n", time.Second)}, "m_1"},
		{"the exact one goes first", []Message{at("m_1", us, "Hé, see you ", time.Second), at("m_2", us, "Hé, see you", time.Minute)}, "m_2"},
		{"the oldest of equals", []Message{at("m_3", us, "Hé, see you", time.Minute), at("m_2", us, "Hé, see you", time.Second)}, "m_2"},
		{"the oldest of what was changed", []Message{at("m_2", us, "Hé, see you ", time.Second), at("m_3", us, " Hé, see you", time.Minute)}, "m_2"},
		{"no time", []Message{{ID: "m_1", FromID: us, Text: "Hé, see you"}}, ""},
		{"no sender", []Message{at("m_1", "", "Hé, see you", time.Second)}, ""},
		{"no id", []Message{at("", us, "Hé, see you", time.Second)}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for range 2 { // in any order
				got, found := FindMessage(tc.messages, sought)
				if got.ID != tc.want || found != (tc.want != "") {
					t.Errorf("found %q (%v), want %q", got.ID, found, tc.want)
				}
				slices.Reverse(tc.messages)
			}
		})
	}
	t.Run("line ends", func(t *testing.T) {
		s := MessageCriteria{SenderIDs: []string{us}, Text: "a\r\nb", Since: sent}
		if _, found := FindMessage([]Message{at("m_1", us, "a\nb", 0)}, s); !found {
			t.Error("not found")
		}
	})
	t.Run("an account without a Page", func(t *testing.T) {
		s := MessageCriteria{SenderIDs: []string{us, ""}, Text: "a", Since: sent}
		if m, found := FindMessage([]Message{at("m_1", "", "a", 0)}, s); found {
			t.Errorf("found %+v", m)
		}
	})
}

// Guards that a message of the account that may be the one in question is not said to be
// missing because Meta shows none of its text, or the beginning.
func TestAnyUnreadable(t *testing.T) {
	sent := MessageCriteria{SenderIDs: []string{"1"}, Text: "Which size do you need?", Since: noon, ExcludeIDs: []string{"m_9"}}
	for _, tc := range []struct {
		name    string
		message Message
		want    bool
	}{
		{"no text", Message{ID: "m_1", FromID: "1", At: noon}, true},
		{"the beginning of it", Message{ID: "m_1", FromID: "1", At: noon, Text: "Which size do…", Template: true}, true},
		{"another template", Message{ID: "m_1", FromID: "1", At: noon, Text: "Our list", Template: true}, false},
		{"a text of its own", Message{ID: "m_1", FromID: "1", At: noon, Text: "Which size"}, false},
		{"the person's", Message{ID: "m_1", FromID: "2", At: noon}, false},
		{"of before", Message{ID: "m_1", FromID: "1", At: noon.Add(-time.Second)}, false},
		{"another reply's", Message{ID: "m_9", FromID: "1", At: noon}, false},
	} {
		if got := AnyUnreadable([]Message{{ID: "m_0", FromID: "2", At: noon, Text: "Hello"}, tc.message}, sent); got != tc.want {
			t.Errorf("%s: %v", tc.name, got)
		}
	}
}

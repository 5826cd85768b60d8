package graph

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/privatereply/privatereply"
)

// Guards Meta's calls that write under comments, to the letter: the edge of each platform,
// the host of each login, no "fields", and the text in the body, where no log has it.
func TestCommentWritesByteForByte(t *testing.T) {
	post := func(m *metaServer, account privatereply.Account, id string) error {
		_, err := m.ReplyToComment(t.Context(), credentials(account), id, "Thanks & <see> you 😀")
		return err
	}
	hide := func(m *metaServer, account privatereply.Account, id string) error {
		_, err := m.SetCommentHidden(t.Context(), credentials(account), id, true)
		return err
	}
	show := func(m *metaServer, account privatereply.Account, id string) error {
		_, err := m.SetCommentHidden(t.Context(), credentials(account), id, false)
		return err
	}
	words := url.Values{"message": {"Thanks & <see> you 😀"}}.Encode()
	for _, tc := range []struct {
		name    string
		write   func(*metaServer, privatereply.Account, string) error
		account privatereply.Account
		id      string
		path    string
		body    string
	}{
		{"reply on a Page", post, pageAccount, "200_300", "/facebook/v26.0/200_300/comments", words},
		{"reply on Instagram, Facebook Login", post, igByPage, "18", "/facebook/v26.0/18/replies", words},
		{"reply on Instagram, Instagram Login", post, igAccount, "18", "/instagram/v26.0/18/replies", words},
		{"hide on a Page", hide, pageAccount, "200_300", "/facebook/v26.0/200_300", "is_hidden=true"},
		{"show on a Page", show, pageAccount, "200_300", "/facebook/v26.0/200_300", "is_hidden=false"},
		{"hide on Instagram", hide, igAccount, "18", "/instagram/v26.0/18", "hide=true"},
		{"show on Instagram, Facebook Login", show, igByPage, "18", "/facebook/v26.0/18", "hide=false"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := newMeta(t, respondWith(200, `{"id":"19","success":true}`))
			if err := tc.write(m, tc.account, tc.id); err != nil {
				t.Fatal(err)
			}
			want := received{
				Method: http.MethodPost, Path: tc.path, Query: "appsecret_proof=" + testProof,
				Type: "application/x-www-form-urlencoded", Authorization: "Bearer " + testToken, Body: tc.body,
			}
			if diff := cmp.Diff(want, m.only(t)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Guards that a public reply is believed only with its comment's id, and that a comment
// counts as hidden only if Meta says that it was done.
func TestCommentWriteAnswers(t *testing.T) {
	before := time.Now().Add(-time.Second)
	for _, tc := range []struct {
		body   string
		posted string // empty: unknown
		done   bool
	}{
		{`{"id":"17900000000000001","success":"true"}`, "17900000000000001", true},
		{`{"id":526123456789012345,"success":true}`, "526123456789012345", true},
		{`{"success":false}`, "", false},
		{`{"id":""}`, "", false},
		{`{}`, "", false},
		{`true`, "", false},
		{``, "", false},
	} {
		m := newMeta(t, respondWith(200, tc.body))
		posted, err := m.ReplyToComment(t.Context(), credentials(igAccount), "18", "Thanks!")
		if posted.ID != tc.posted || (err == nil) != (tc.posted != "") {
			t.Errorf("%s: posted %+v, %v", tc.body, posted, err)
		}
		if err == nil && (posted.SentAt.Before(before) || posted.SentAt.Location() != time.UTC) {
			t.Errorf("%s: sent at %v", tc.body, posted.SentAt)
		}
		_, hidden := m.SetCommentHidden(t.Context(), credentials(igAccount), "18", true)
		if (hidden == nil) != tc.done {
			t.Errorf("%s: hidden %v", tc.body, hidden)
		}
		for _, failed := range []error{err, hidden} {
			if failed == nil {
				continue
			}
			if e := asGraphError(t, failed); e.Class != Unknown || e.Reason != privatereply.NoAnswer || !e.MayHaveDelivered || !e.Wrote {
				t.Errorf("%s: %+v", tc.body, e)
			}
		}
	}
}

// Guards what Meta's errors about comment writes prove: a reply that may stand there is not
// posted again, and a block of hours is not asked against.
func TestErrorsOfCommentWrites(t *testing.T) {
	for _, tc := range []struct {
		name          string
		code, subcode int
		class         Class
		mayBeThere    bool
		pause         time.Duration
	}{
		{"created, but asked with fields", 20, 1772107, Unknown, true, 0},
		{"as a person, not as the Page", 1705, 0, AccountFault, false, 0},
		{"pages_read_engagement missing", 283, 0, AccountFault, false, 0},
		{"pages_manage_engagement missing", 200, 0, AccountFault, false, 0},
		{"no role on the Page", 190, 492, AccountFault, false, 0},
		{"action block of the account", 1, 4928011, Throttled, false, actionCooldown},
		{"the other one", 1, 4928012, Throttled, false, actionCooldown},
		{"suspected spam", 4, 2207051, Throttled, true, actionCooldown},
		{"Instagram's server error", -1, 2207001, Temporary, true, 0},
		{"restricted account", 25, 2207050, AccountFault, false, 0},
		{"too fast", 368, 1390008, Throttled, false, limitCooldown},
		{"limited for days", 368, 1404112, Throttled, false, actionCooldown},
		{"abusive", 368, 1346003, Final, false, 0},
		{"abusive too", 368, 1404102, Final, false, 0},
		{"check of the Page", 368, 1404078, AccountFault, false, 0},
		{"check of identity", 368, 4854002, AccountFault, false, 0},
		{"unavailable", 1, 1363047, Unknown, true, 0},
		{"unavailable too", 1, 1609010, Unknown, true, 0},
		{"removed", 100, 33, Final, false, 0},
		{"hidden, on a live, or not to be commented on", 100, 0, Final, false, 0},
		{"Instagram's limit", 80002, 0, Throttled, false, limitCooldown},
		{"nobody knows", 424242, 0, Unlisted, false, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := newMeta(t, respondWith(400, fmt.Sprintf(`{"error":{"message":"Guten Tag","code":%d,"error_subcode":%d}}`, tc.code, tc.subcode)))
			_, posted := m.ReplyToComment(t.Context(), credentials(pageAccount), "1_2", "Guten Tag")
			_, hidden := m.SetCommentHidden(t.Context(), credentials(pageAccount), "1_2", true)
			for _, err := range []error{posted, hidden} {
				e := asGraphError(t, err)
				if e.Class != tc.class || e.MayHaveDelivered != tc.mayBeThere || e.Cooldown != tc.pause || e.Reason.Sentence() == string(e.Reason) {
					t.Errorf("%+v", e)
				}
			}
		})
	}
}

// Guards the list of a comment's replies on both platforms, and that one field that the
// token may not see does not take the words away.
func TestCommentReplies(t *testing.T) {
	const ig, fb = "id,text,timestamp,username,from,user,parent_id", "id,message,created_time,from,parent"
	facebook := `{"data":[{"id":"200_301","message":"Thanks!","created_time":"` + noonText + `","from":{"id":"100000000000001","name":"Clean Slate"},"parent":{"id":"200_300"}}]}`
	instagram := `{"data":[{"id":"19","text":"Thanks!","timestamp":"` + noonText + `","username":"clean.slate","from":{"id":"178","username":"clean.slate"},"parent_id":"18"}]}`
	for _, tc := range []struct {
		name    string
		account privatereply.Account
		answer  http.HandlerFunc
		path    string
		fields  []string // of each call
		want    Comment
	}{
		{"on a Page", pageAccount, respondWith(200, facebook), "/facebook/v26.0/1/comments", []string{fb},
			Comment{ID: "200_301", ParentID: "200_300", PersonID: "100000000000001", Username: "Clean Slate", Text: "Thanks!", CreatedAt: noon}},
		{"on a Page, no authors", pageAccount, refuseFields(`{"data":[{"id":"200_301","message":"Thanks!","created_time":"`+noonText+`"}]}`, "parent", "from"),
			"/facebook/v26.0/1/comments", []string{fb, "id,message,created_time,from", "id,message,created_time"},
			Comment{ID: "200_301", Text: "Thanks!", CreatedAt: noon}},
		{"Facebook Login", igByPage, respondWith(200, instagram), "/facebook/v26.0/1/replies", []string{ig},
			Comment{ID: "19", ParentID: "18", PersonID: "178", Username: "clean.slate", Text: "Thanks!", CreatedAt: noon}},
		{"Instagram Login, no authors", igAccount, refuseFields(instagram, "user,", "from"), "/instagram/v26.0/1/replies",
			[]string{ig, "id,text,timestamp,username,from,parent_id", "id,text,timestamp,username,parent_id"},
			Comment{ID: "19", ParentID: "18", PersonID: "178", Username: "clean.slate", Text: "Thanks!", CreatedAt: noon}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := newMeta(t, tc.answer)
			got, err := m.CommentReplies(t.Context(), credentials(tc.account), "1", "q")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]Comment{tc.want}, got.Comments); diff != "" {
				t.Error(diff)
			}
			var fields []string
			for _, call := range m.received() {
				q := call.query(t)
				fields = append(fields, q.Get("fields"))
				if call.Path != tc.path || q.Get("after") != "q" || q.Get("limit") != "50" {
					t.Errorf("%s?%s", call.Path, call.Query)
				}
			}
			if diff := cmp.Diff(tc.fields, fields); diff != "" {
				t.Error(diff)
			}
		})
	}
	m := newMeta(t, respondWith(403, `{"error":{"code":200}}`))
	if _, err := m.CommentReplies(t.Context(), credentials(pageAccount), "1", ""); asGraphError(t, err).Reason != privatereply.NotPermitted {
		t.Errorf("%v", err)
	}
	m.only(t) // less is asked for on 400 only
}

package graph

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/privatereply/privatereply"
)

// Guards lists that Meta pages by time: the first page counts, and the next one is
// asked for with what Meta's link has, but not with its token.
func TestPagingByTime(t *testing.T) {
	answers := readCase[[]recordedAnswer](t, "04-feed-time-based-paging.json")
	m := newMeta(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("__paging_token") != "" {
			fmt.Fprint(w, `{"data":[]}`)
			return
		}
		w.WriteHeader(answers[0].Status)
		_, _ = w.Write(answers[0].Body)
	})
	first, err := m.Feed(t.Context(), credentials(pageAccount), FeedQuery{Since: noon})
	if err != nil || len(first.Posts) != 1 || first.Posts[0].ID != "100000000000001_200000000000001" {
		t.Fatalf("%+v, %v", first, err)
	}
	if second, err := m.Feed(t.Context(), credentials(pageAccount), FeedQuery{Since: noon, After: first.After}); err != nil || second.After != "" {
		t.Errorf("%+v, %v", second, err)
	}
	q := m.received()[1].query(t)
	if q.Get("until") != "1795680000" || q.Get("__paging_token") != "enc_y" || q.Get("limit") != "25" || q.Get("since") != "1790856000" || q.Has("after") {
		t.Errorf("asked for %v", q)
	}
}

// Guards what is kept of Meta's link: it has the access token in it.
func TestPagingParameters(t *testing.T) {
	for _, tc := range []struct{ next, want string }{
		{`https://x/?access_token=secret&after=QVFI%3D&until=1`, "QVFI="},
		{`https://x/?access_token=secret&until=1&since=2&__paging_token=enc_y&limit=25&__previous=1&appsecret_proof=p`, "?__paging_token=enc_y&since=2&until=1"},
		{`https://x/?access_token=secret&offset=25&limit=25`, "?offset=25"},
	} {
		p, err := decodePage[object]([]byte(`{"data":[],"paging":{"next":"` + tc.next + `"}}`))
		if err != nil || p.after() != tc.want {
			t.Errorf("%s: %q, %v", tc.next, p.after(), err)
		}
	}
	q := url.Values{}
	setCursor(q, "?until=1&access_token=secret&fields=id")
	if diff := cmp.Diff(url.Values{"until": {"1"}}, q); diff != "" {
		t.Error(diff)
	}
}

// listCalls are the reads whose pages can be too large for Meta, with the sizes that are
// asked for.
var listCalls = map[string]struct {
	read  func(context.Context, *metaServer) error
	sizes []string
}{
	"feed": {func(ctx context.Context, m *metaServer) error {
		_, err := m.Feed(ctx, credentials(pageAccount), FeedQuery{After: "q"})
		return err
	}, []string{"25", "10", "5", "1"}},
	"post comments": {func(ctx context.Context, m *metaServer) error {
		_, err := m.PostComments(ctx, credentials(pageAccount), "1_2", "q")
		return err
	}, []string{"50", "25", "10", "5", "1"}},
	"media comments": {func(ctx context.Context, m *metaServer) error {
		_, err := m.MediaComments(ctx, credentials(igByPage), "18", "q")
		return err
	}, []string{"50", "25", "10", "5", "1"}},
	"replies": {func(ctx context.Context, m *metaServer) error {
		_, err := m.Replies(ctx, credentials(igByPage), "18", "q")
		return err
	}, []string{"50", "25", "10", "5", "1"}},
	"media": {func(ctx context.Context, m *metaServer) error {
		_, err := m.Media(ctx, credentials(igByPage), "q")
		return err
	}, []string{"25", "10", "5", "1"}},
	"live media": {func(ctx context.Context, m *metaServer) error {
		_, err := m.LiveMedia(ctx, credentials(igByPage))
		return err
	}, []string{"", "10", "5", "1"}},
	"conversations": {func(ctx context.Context, m *metaServer) error {
		for _, err := range m.Conversations(ctx, credentials(igByPage), ConversationQuery{}) {
			return err
		}
		return nil
	}, []string{"25", "10", "5", "1"}},
}

// Guards a busy Page: a page that is too large for Meta is asked for again with less,
// from the same place on, down to one; then the words are about the size.
func TestPageTooLarge(t *testing.T) {
	answer := readCase[[]recordedAnswer](t, "03-feed-reduce-amount-of-data.json")[0]
	for name, tc := range listCalls {
		t.Run(name, func(t *testing.T) {
			m := newMeta(t, respondWith(answer.Status, string(answer.Body)))
			err := tc.read(t.Context(), m)
			e := asGraphError(t, err)
			if e.Class != Temporary || e.Reason != privatereply.Outage || !strings.Contains(e.Meaning, "too large") || strings.Contains(e.Meaning, "permission") {
				t.Errorf("%+v", e)
			}
			var sizes, fields []string
			for _, call := range m.received() {
				q := call.query(t)
				sizes, fields = append(sizes, q.Get("limit")), append(fields, q.Get("fields"))
				if q.Get("after") != m.received()[0].query(t).Get("after") {
					t.Errorf("the cursor is lost: %v", q)
				}
			}
			if diff := cmp.Diff(tc.sizes, sizes); diff != "" {
				t.Error(diff)
			}
			if nested := strings.Contains(fields[0], "limit(") || strings.Contains(fields[0], "replies{") || strings.Contains(fields[0], "messages{"); nested &&
				len(slices.Compact(slices.Clone(fields))) < 3 {
				t.Errorf("what is nested does not get smaller: %q", fields)
			}
		})
	}
}

// Guards the calls that a page costs: the size that Meta gave is asked for at once the
// next time, and after an hour the full one again.
func TestPageSizeIsRemembered(t *testing.T) {
	now := noon
	m := newMeta(t, func(w http.ResponseWriter, r *http.Request) {
		if limit := r.URL.Query().Get("limit"); len(limit) > 1 {
			respondWith(http.StatusInternalServerError, `{"error":{"code":1,"is_transient":false}}`)(w, r)
			return
		}
		fmt.Fprint(w, `{"data":[]}`)
	})
	m.now = func() time.Time { return now }
	var sizes []string
	for _, wait := range []time.Duration{0, reductionTTL - time.Minute, time.Minute} {
		now = now.Add(wait)
		if _, err := m.Feed(t.Context(), credentials(pageAccount), FeedQuery{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, call := range m.received() {
		sizes = append(sizes, call.query(t).Get("limit"))
	}
	if diff := cmp.Diff([]string{"25", "10", "5", "5", "25", "10", "5"}, sizes); diff != "" {
		t.Error(diff)
	}
}

// Guards lists of which the token may not see every field: Meta refuses the whole of
// them, so they are asked for with less. A refusal that is about something else is
// not asked about again.
func TestFieldsRefused(t *testing.T) {
	for _, tc := range []struct {
		name    string
		list    string
		field   string // refused where it is asked for
		status  int
		refusal string
		calls   int
		fails   bool
	}{
		{"user is no field", "media comments", ",user,", 400, `{"error":{"code":100}}`, 2, false},
		{"from needs a permission", "media comments", ",from,", 400, `{"error":{"code":10}}`, 3, false},
		{"replies without user", "replies", ",user,", 400, `{"error":{"code":100}}`, 2, false},
		{"no attachments", "post comments", "attachment", 400, `{"error":{"code":100}}`, 2, false},
		{"no promotion", "feed", "promotion_status", 400, `{"error":{"code":200}}`, 2, false},
		{"no attachments in a feed", "feed", "attachment", 400, `{"error":{"code":100}}`, 3, false},
		{"a permission for the whole list", "media comments", "id", 403, `{"error":{"code":10}}`, 1, true},
		{"no such object", "media comments", "id", 400, `{"error":{"code":100,"error_subcode":33}}`, 1, true},
		{"a missing proof", "media comments", "id", 400, `{"error":{"code":100,"type":"GraphMethodException"}}`, 1, true},
		{"nothing helps", "media comments", "id", 400, `{"error":{"code":100}}`, 3, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := newMeta(t, func(w http.ResponseWriter, r *http.Request) {
				if strings.Contains(r.URL.Query().Get("fields"), tc.field) {
					respondWith(tc.status, tc.refusal)(w, r)
					return
				}
				fmt.Fprint(w, `{"data":[]}`)
			})
			err := listCalls[tc.list].read(t.Context(), m)
			if (err != nil) != tc.fails || len(m.received()) != tc.calls {
				t.Errorf("%v after %d calls", err, len(m.received()))
			}
		})
	}
}

// Guards paging against Meta's "next" link, which has the token in it: only its
// cursor is used.
func TestCursorFromNextLink(t *testing.T) {
	m := newMeta(t, respondWith(200, `{"data":[],"paging":{"next":"https://graph.facebook.com/v26.0/1/media?access_token=`+testToken+`&limit=25&after=QVFI%3D"}}`))
	got, err := m.Media(t.Context(), credentials(igByPage), "")
	if err != nil || got.After != "QVFI=" {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err = m.Media(t.Context(), credentials(igByPage), got.After); err == nil {
		t.Error("a cursor that leads to itself is followed for ever")
	}
	asGraphError(t, err)
}

package lookup

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/graph"
	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/lab/meta"
)

var (
	page  = privatereply.Account{Platform: privatereply.Facebook, ID: "100000000000001", Login: privatereply.LoginFacebook}
	insta = privatereply.Account{Platform: privatereply.Instagram, ID: "17841400000000002", Login: privatereply.LoginInstagram}
)

// someAccounts has two accounts, one of which has no token.
type someAccounts struct{}

func (someAccounts) Get(p privatereply.Platform, id string) (privatereply.Account, bool) {
	for _, a := range []privatereply.Account{page, insta, {Platform: privatereply.Facebook, ID: "tokenless"}} {
		if a.Platform == p && a.ID == id {
			return a, true
		}
	}
	return privatereply.Account{}, false
}

func (someAccounts) Secrets(_ privatereply.Platform, id string) (config.Secrets, error) {
	if id == "tokenless" {
		return config.Secrets{}, errors.New("token_file /secrets/token: no such file")
	}
	return config.Secrets{Token: "EAA" + id}, nil
}

// testClock is a clock that tests move.
type testClock struct{ ahead atomic.Int64 }

func (c *testClock) now() time.Time          { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *testClock) advance(d time.Duration) { c.ahead.Add(int64(d)) }

func newTestReader(t *testing.T, url string) (*Reader, *testClock) {
	t.Helper()
	client, err := graph.New(graph.Options{FacebookURL: url + "/facebook", InstagramURL: url + "/instagram", Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	clock := &testClock{}
	return newReader(client, someAccounts{}, clock.now), clock
}

// sandbox is a reader of a sandbox.
func sandbox(t *testing.T) (*meta.Sandbox, *Reader, *testClock) {
	t.Helper()
	sb := meta.New(meta.Config{Accounts: []meta.Account{
		{Platform: page.Platform, ID: page.ID, Name: "Clean Slate", Login: page.Login, Token: "EAA" + page.ID},
		{Platform: insta.Platform, ID: insta.ID, Name: "oak.and.ash", Login: insta.Login, Token: "EAA" + insta.ID},
	}})
	server := httptest.NewServer(sb)
	t.Cleanup(server.Close)
	t.Cleanup(sb.Close)
	r, clock := newTestReader(t, server.URL)
	return sb, r, clock
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// said is a thread in short: who wrote what, with the kinds of what is attached.
func said(thread Thread) (all []string) {
	for _, m := range thread.Messages {
		who := "account"
		if m.FromPerson {
			who = "person"
		}
		line := who + ": " + m.Text
		for _, a := range m.Attachments {
			line += " [" + a.Label() + "]"
			if a.Kind == privatereply.Photo && !strings.Contains(a.PictureURL, "/pictures/large/message-") {
				line += a.PictureURL
			}
		}
		all = append(all, line)
	}
	return all
}

// The words of both sides come back in their order, with what is attached; of Instagram as
// far as it shows them.
func TestThread(t *testing.T) {
	sb, r, _ := sandbox(t)
	for _, a := range []privatereply.Account{page, insta} {
		comment := must[string](t)(sb.Comment(meta.NewComment{Account: a.ID, Username: "kim", Text: "price?"}))
		must[string](t)(sb.HumanReply(comment, "12 euros"))
		must[string](t)(sb.WriteMessage(meta.NewMessage{Account: a.ID, Username: "kim", Text: "Here is the damage", Attachment: "photo"}))
		must[string](t)(sb.HumanMessage(meta.Person{Account: a.ID, Username: "kim"}, "Oh dear"))
		kim := must[string](t)(sb.PersonID(meta.Person{Account: a.ID, Username: "kim"}))
		thread := must[Thread](t)(r.Thread(t.Context(), a, kim))
		want := []string{"account: 12 euros", "person: Here is the damage", "person:  [photo]", "account: Oh dear"}
		if diff := cmp.Diff(want, said(thread)); diff != "" {
			t.Errorf("%s: %s", a.Platform, diff)
		}
		last, _ := thread.Last()
		person, _ := thread.LastFromPerson()
		if last.Text != "Oh dear" || len(person.Attachments) != 1 || thread.PersonName != "kim" || !thread.Complete {
			t.Errorf("%s: last %+v, last of the person %+v, %+v", a.Platform, last, person, thread)
		}
		if linked := strings.HasPrefix(thread.Link, "https://www.facebook.com/"+page.ID+"/inbox/"); linked != (a.Platform == privatereply.Facebook) {
			t.Errorf("%s: link %q", a.Platform, thread.Link)
		}
	}
	for range 20 {
		must[string](t)(sb.WriteMessage(meta.NewMessage{Account: insta.ID, Username: "lou", Text: "hi"}))
	}
	must[string](t)(sb.WriteMessage(meta.NewMessage{Account: insta.ID, Username: "lou", Text: "the newest"}))
	lou := must[string](t)(sb.PersonID(meta.Person{Account: insta.ID, Username: "lou"}))
	thread := must[Thread](t)(r.Thread(t.Context(), insta, lou))
	if last, _ := thread.Last(); len(thread.Messages) != 20 || thread.Complete || last.Text != "the newest" {
		t.Errorf("Instagram shows %d messages, complete %v, last %q", len(thread.Messages), thread.Complete, last.Text)
	}
	none := must[Thread](t)(r.Thread(t.Context(), page, "7000000000000001"))
	if _, has := none.Last(); has || !none.Complete {
		t.Errorf("nobody: %+v", none)
	}
	latest := must[[]Thread](t)(r.LatestThreads(t.Context(), insta))
	if len(latest) != 2 || latest[0].PersonID != lou || len(latest[0].Messages) != latestMessages || latest[1].PersonName != "kim" {
		t.Errorf("latest: %+v", latest)
	}
}

// The post above a comment and the comment above a comment are read with pictures; an ad's
// post is the organic one.
func TestPostAndComment(t *testing.T) {
	sb, r, clock := sandbox(t)
	post := must[string](t)(sb.PublishPost(meta.NewPost{Account: insta.ID, Caption: "Oak & <ash>"}))
	ad := must[string](t)(sb.PublishPost(meta.NewPost{Account: insta.ID, Source: privatereply.SourceAd, Caption: "Buy oak"}))
	c := privatereply.Comment{Platform: insta.Platform, Account: insta.ID, MediaID: ad, OriginalMediaID: post}
	got := must[Post](t)(r.Post(t.Context(), c))
	if got.Caption != "Oak & <ash>" || got.Kind != "photo" || !strings.Contains(got.PictureURL, "/pictures/large/") || got.Permalink == "" || got.At.IsZero() {
		t.Errorf("post: %+v", got)
	}
	onPage := must[string](t)(sb.PublishPost(meta.NewPost{Account: page.ID, Caption: "Ash", NoPicture: true}))
	got = must[Post](t)(r.Post(t.Context(), privatereply.Comment{Platform: page.Platform, Account: page.ID, MediaID: onPage}))
	if got.Caption != "Ash" || got.PictureURL != "" {
		t.Errorf("post on a Page: %+v", got)
	}
	parent := must[string](t)(sb.Comment(meta.NewComment{PostID: onPage, Username: "Lou", Text: "Is it sturdy?", Attachment: "photo"}))
	above := must[Comment](t)(r.Comment(t.Context(), page, parent))
	if above.Username != "Lou" || above.Text != "Is it sturdy?" || above.Attachment.Kind != privatereply.Photo || above.Attachment.PictureURL == "" {
		t.Errorf("comment above: %+v", above)
	}
	if above.Hidden == nil || *above.Hidden {
		t.Errorf("hidden: %+v", above)
	}
	if err := sb.HideComment(parent, true); err != nil {
		t.Fatal(err)
	}
	clock.advance(commentTTL)
	if above = must[Comment](t)(r.Comment(t.Context(), page, parent)); above.Hidden == nil || !*above.Hidden {
		t.Errorf("not hidden after %v: %+v", commentTTL, above)
	}
}

// What cannot be read is said in words, none of which is empty, repeats an address or calls
// for what only an engineer can do without saying so.
func TestWordsOfFailures(t *testing.T) {
	sb, r, clock := sandbox(t)
	fault := func(f meta.Fault) func() {
		id := must[string](t)(sb.AddFault(f))
		return func() { sb.ClearFault(id) }
	}
	read := func(a privatereply.Account) string {
		t.Helper()
		clock.advance(time.Hour)
		_, err := r.Thread(t.Context(), a, "7000000000000001")
		return Words(err)
	}
	for want, f := range map[string]meta.Fault{
		"must be connected again":     {Name: "token-revoked"},
		"lacks a permission":          {Name: "permission-missing"},
		"Meta limits":                 {Name: "error", Code: 613},
		"did not answer as it should": {Name: "error", Status: 500, NoBody: true},
		"holds this account back":     {Name: "error", Code: 368},
		"Another app":                 {Name: "error", Code: 10, Subcode: 2018300},
	} {
		f.Calls = "read"
		clear := fault(f)
		if got := read(page); !strings.Contains(got, want) {
			t.Errorf("%+v: %q, want %q", f, got, want)
		}
		clear()
	}
	if got := read(page); got != "" {
		t.Errorf("mended: %q", got)
	}
	if got := read(privatereply.Account{Platform: privatereply.Facebook, ID: "gone"}); !strings.Contains(got, "accounts file") {
		t.Errorf("no account: %q", got)
	}
	if got := read(privatereply.Account{Platform: privatereply.Facebook, ID: "tokenless"}); !strings.Contains(got, "token cannot be read") || strings.Contains(got, "/secrets") {
		t.Errorf("no token: %q", got)
	}
	_, err := r.Post(t.Context(), privatereply.Comment{Platform: page.Platform, Account: page.ID, MediaID: "1_2"})
	if got := Words(err); !strings.Contains(got, "removed, or the account may not see it") {
		t.Errorf("a removed post: %q", got)
	}
	if _, err := r.Post(t.Context(), privatereply.Comment{Platform: page.Platform, Account: page.ID}); !errors.Is(err, ErrNoID) {
		t.Errorf("a comment without a post: %v", err)
	}
}

// countingMeta answers every read with an empty list, and counts.
func countingMeta(t *testing.T, answer string) (url string, calls *atomic.Int64) {
	t.Helper()
	calls = &atomic.Int64{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		if strings.Contains(answer, `"error"`) {
			w.WriteHeader(http.StatusBadRequest)
		}
		fmt.Fprint(w, answer)
	}))
	t.Cleanup(server.Close)
	return server.URL, calls
}

// Twenty people who look at the same conversation cost one read, and so do those who look
// within seconds, also when it fails.
func TestReadsAreShared(t *testing.T) {
	for answer, ttl := range map[string]time.Duration{`{"data":[]}`: threadTTL, `{"error":{"code":190}}`: failureTTL} {
		url, calls := countingMeta(t, answer)
		r, clock := newTestReader(t, url)
		var group sync.WaitGroup
		for range 20 {
			group.Go(func() { _, _ = r.Thread(t.Context(), page, "1") })
		}
		group.Wait()
		if _, err := r.Thread(t.Context(), page, "1"); (err != nil) != strings.Contains(answer, "error") || calls.Load() != 1 {
			t.Errorf("%s: %d calls, %v", answer, calls.Load(), err)
		}
		clock.advance(ttl)
		_, _ = r.Thread(t.Context(), page, "1")
		if calls.Load() != 2 {
			t.Errorf("%s: %d calls after the answer has aged", answer, calls.Load())
		}
	}
}

// An account is asked once in 600 ms, whoever has no turn in time is told so, and after a
// throttle nothing is asked until its end.
func TestReadsArePaced(t *testing.T) {
	url, _ := countingMeta(t, `{"data":[]}`)
	r, _ := newTestReader(t, url)
	began := time.Now()
	var busy atomic.Int64
	var line sync.WaitGroup
	ctx, leave := context.WithCancel(t.Context())
	for range 15 {
		line.Go(func() {
			if errors.Is(r.pace.wait(ctx, page, conversations), ErrBusy) {
				busy.Add(1)
			}
		})
	}
	_, err := r.Post(t.Context(), privatereply.Comment{Platform: page.Platform, Account: page.ID, MediaID: "1"})
	if err != nil || time.Since(began) > 2*time.Second {
		t.Errorf("posts wait behind conversations: %v, %v", err, time.Since(began))
	}
	for end := time.Now().Add(2 * time.Second); busy.Load() < 4 && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	leave()
	line.Wait()
	if got := busy.Load(); got != 4 {
		t.Errorf("%d of 15 were told to come later, want 4: the first one and ten more have turns within six seconds", got)
	}

	url, calls := countingMeta(t, `{"error":{"code":613}}`)
	throttled, clock := newTestReader(t, url)
	for i := range 3 {
		_, err := throttled.Thread(t.Context(), page, fmt.Sprint(i))
		if got := Words(err); !strings.Contains(got, "limits") {
			t.Errorf("throttled: %q", got)
		}
	}
	if calls.Load() != 1 {
		t.Errorf("%d calls while Meta throttles, want 1", calls.Load())
	}
	clock.advance(pauseDefault)
	_, _ = throttled.Thread(t.Context(), page, "later")
	if calls.Load() != 2 {
		t.Errorf("%d calls after the pause, want 2", calls.Load())
	}
}

// The cache keeps no more than its limit, and drops the oldest.
func TestCacheIsBounded(t *testing.T) {
	clock := &testClock{}
	c := newCache[int](time.Minute, 3, clock.now)
	for i := range 10 {
		c.put(fmt.Sprint(i), i, nil)
		clock.advance(time.Second)
	}
	if _, newest := c.fresh("9"); len(c.entries) != 3 || !newest {
		t.Errorf("%d entries: %v", len(c.entries), c.entries)
	}
}

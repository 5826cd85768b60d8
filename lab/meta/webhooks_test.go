package meta_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/meta"
)

// receiver is a callback that remembers what it got.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	status int // answered; 0 is 200
	got    []received
}

type received struct {
	body   string
	header http.Header
}

func receive(t *testing.T) *receiver {
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.status != 0 {
			w.WriteHeader(r.status)
		}
		r.got = append(r.got, received{string(body), req.Header})
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) answer(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status = status
}

func (r *receiver) all() []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.got
}

// startWith is a sandbox whose webhooks go to r.
func startWith(t *testing.T, r *receiver, configure ...func(*meta.Config)) *env {
	return start(t, append(configure, func(c *meta.Config) { c.WebhookURL = r.URL })...)
}

// The signature is over the bytes as they are sent: with the Instagram app secret
// for the Instagram login, with the app secret for the others.
func TestSignatures(t *testing.T) {
	for account, secret := range map[string]string{pageID: appSecret, linkedID: appSecret, ownLoginID: instaSecret} {
		r := receive(t)
		e := startWith(t, r)
		e.comment(meta.NewComment{Account: account, Text: "ä/😀"})
		must(t, e.DrainWebhooks(t.Context()))
		got := r.all()[0]
		if want := meta.Sign(secret, []byte(got.body)); got.header.Get("X-Hub-Signature-256") != want {
			t.Errorf("%s: signature %s, want %s", account, got.header.Get("X-Hub-Signature-256"), want)
		}
		if !strings.Contains(got.body, `\u00e4\/\ud83d\ude00`) {
			t.Errorf("%s: not escaped as Meta does: %s", account, got.body)
		}
	}
}

// Several updates come in one webhook, under one entry for each account and kind.
func TestBatches(t *testing.T) {
	r := receive(t)
	e := startWith(t, r, func(c *meta.Config) { c.WebhookSettings.Batch = 4 })
	for range 6 {
		e.comment(meta.NewComment{Account: pageID})
	}
	must(t, e.DrainWebhooks(t.Context()))
	var sizes []int
	for _, webhook := range r.all() {
		sizes = append(sizes, strings.Count(webhook.body, `"field":"feed"`))
		if n := strings.Count(webhook.body, `"time":`); n != 1 {
			t.Errorf("%d entries: %s", n, webhook.body)
		}
	}
	slicesSorted(t, []int{2, 4}, sizes)
}

func slicesSorted(t *testing.T, want, got []int) {
	t.Helper()
	counts := map[int]int{}
	for _, n := range got {
		counts[n]++
	}
	for _, n := range want {
		counts[n]--
	}
	for n, left := range counts {
		if left != 0 {
			t.Errorf("got %v, want %v (%d: %+d)", got, want, n, left)
		}
	}
}

// A batch never mixes what is signed with different secrets or has another object.
func TestBatchesKeepSecretsApart(t *testing.T) {
	r := receive(t)
	e := startWith(t, r, func(c *meta.Config) { c.WebhookSettings.Batch = 3 })
	for _, account := range []string{pageID, linkedID, ownLoginID} {
		e.comment(meta.NewComment{Account: account})
	}
	must(t, e.DrainWebhooks(t.Context()))
	if got := len(r.all()); got != 3 {
		t.Errorf("%d webhooks, want one for each", got)
	}
}

// Duplicates are byte-identical; a shuffle loses nothing.
func TestDuplicatesAndShuffle(t *testing.T) {
	r := receive(t)
	e := startWith(t, r, func(c *meta.Config) { c.WebhookSettings = meta.WebhookSettings{Duplicates: 2, Shuffle: true} })
	ids, err := e.Comments(meta.NewComment{Account: pageID}, 20)
	must(t, err)
	must(t, e.DrainWebhooks(t.Context()))
	times := map[string]int{}
	for _, webhook := range r.all() {
		times[webhook.body]++
	}
	if len(times) != len(ids) {
		t.Errorf("%d different webhooks for %d comments", len(times), len(ids))
	}
	for body, n := range times {
		if n != 3 {
			t.Errorf("delivered %d times: %s", n, body)
		}
	}
}

// What one person does arrives in its order.
func TestOrderOfOnePerson(t *testing.T) {
	r := receive(t)
	e := startWith(t, r)
	for range 20 {
		id := e.comment(meta.NewComment{Account: pageID, Username: "Sam"})
		must(t, e.RemoveComment(id))
	}
	must(t, e.DrainWebhooks(t.Context()))
	for i, webhook := range r.all() {
		if want := []string{`"verb":"add"`, `"verb":"remove"`}[i%2]; !strings.Contains(webhook.body, want) {
			t.Fatalf("webhook %d has not %s: %s", i, want, webhook.body)
		}
	}
}

// Held updates wait until the hold is taken away.
func TestHold(t *testing.T) {
	r := receive(t)
	e := startWith(t, r, func(c *meta.Config) { c.WebhookSettings.Hold = true })
	e.comment(meta.NewComment{Account: pageID})
	if got := e.Report(); got.WebhooksOpen != 1 || len(r.all()) != 0 {
		t.Errorf("%d waiting, %d delivered", got.WebhooksOpen, len(r.all()))
	}
	must(t, e.SetWebhookSettings(meta.WebhookSettings{}))
	must(t, e.DrainWebhooks(t.Context()))
	if len(r.all()) != 1 {
		t.Errorf("%d delivered", len(r.all()))
	}
}

// With echo before, the webhook about our own send has been answered before the
// send is.
func TestEchoBeforeAnswer(t *testing.T) {
	r := receive(t)
	e := startWith(t, r, func(c *meta.Config) { c.WebhookSettings.Echo = meta.EchoBefore })
	sent := e.answer(pageID, e.comment(meta.NewComment{Account: pageID, NoWebhook: true}), "Hi")
	got := r.all()
	if len(got) != 1 || !strings.Contains(got[0].body, sent.text("message_id")) || !strings.Contains(got[0].body, `"is_echo":true`) {
		t.Errorf("when the answer came the callback had: %v", got)
	}
}

// What is not answered with 200 is posted again, byte for byte, until it is or the
// waits are used up.
func TestRetries(t *testing.T) {
	r := receive(t)
	r.answer(http.StatusServiceUnavailable)
	e := startWith(t, r, func(c *meta.Config) { c.RetryDelays = []time.Duration{time.Millisecond, time.Hour, time.Millisecond} })
	e.comment(meta.NewComment{Account: pageID})
	must(t, e.Wait(t.Context(), func() bool { return len(r.all()) == 2 && e.Webhooks()[0].Attempts == 2 }))
	if n := e.RetryWebhooks(); n != 1 {
		t.Errorf("%d retried, want 1", n)
	}
	must(t, e.DrainWebhooks(t.Context()))
	if got := e.Webhooks()[0]; got.State != meta.WebhookDropped || got.Attempts != 4 || got.Status != 503 {
		t.Errorf("webhook: %+v", got)
	}
	for _, webhook := range r.all() {
		if webhook.body != r.all()[0].body {
			t.Errorf("another body: %s", webhook.body)
		}
	}
	r.answer(0)
	must(t, e.ResendWebhook(0, 50))
	must(t, e.DrainWebhooks(t.Context()))
	if got := e.Webhooks()[0]; got.State != meta.WebhookDelivered || len(r.all()) != 54 {
		t.Errorf("after 50 repeats: %+v, %d received", got, len(r.all()))
	}
}

// A callback that takes too long counts as failed.
func TestCallbackTimeout(t *testing.T) {
	release := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer slow.Close()
	defer close(release)
	e := start(t, func(c *meta.Config) {
		c.WebhookURL, c.WebhookTimeout, c.RetryDelays = slow.URL, 10*time.Millisecond, []time.Duration{}
	})
	e.comment(meta.NewComment{Account: pageID})
	must(t, e.DrainWebhooks(t.Context()))
	if got := e.Webhooks()[0]; got.State != meta.WebhookDropped || got.LastError == "" {
		t.Errorf("webhook: %+v", got)
	}
}

// After an hour of failures the app is unsubscribed without a word; what is not
// subscribed to is not delivered.
func TestUnsubscribedAfterAnHour(t *testing.T) {
	r := receive(t)
	r.answer(500)
	e := startWith(t, r, func(c *meta.Config) { c.RetryDelays = []time.Duration{} })
	fail := func() {
		e.comment(meta.NewComment{Account: pageID})
		must(t, e.DrainWebhooks(t.Context()))
	}
	fail()
	e.clock.advance(59 * time.Minute)
	fail()
	if got := len(r.all()); got != 2 {
		t.Fatalf("%d webhooks, want 2", got)
	}
	e.clock.advance(2 * time.Minute)
	fail()
	fail()
	if got := len(r.all()); got != 3 {
		t.Errorf("%d webhooks, want 3: the last one is not subscribed to", got)
	}
}

// A delivery can be built and signed for somebody who posts it himself.
func TestSignedDelivery(t *testing.T) {
	e := start(t)
	first := e.comment(meta.NewComment{Account: pageID, NoWebhook: true})
	visitor := e.comment(meta.NewComment{Account: pageID, Source: privatereply.SourceVisitorPost, NoWebhook: true})
	message := e.say(meta.NewMessage{Account: pageID, Username: "Sam", Text: "hi", NoWebhook: true})
	body, header, err := e.SignedWebhook(first, visitor, message)
	must(t, err)
	for _, id := range []string{first, visitor, message} {
		if !strings.Contains(string(body), id) {
			t.Errorf("%s is not in %s", id, body)
		}
	}
	if got, want := header.Get("X-Hub-Signature-256"), meta.Sign(appSecret, body); got != want {
		t.Errorf("signature %s, want %s", got, want)
	}
	if got := e.Report(); got.Webhooks != 0 {
		t.Errorf("%d webhooks were built", got.Webhooks)
	}
	insta := e.comment(meta.NewComment{Account: ownLoginID, NoWebhook: true})
	for _, ids := range [][]string{{first, insta}, {"1"}, {}} {
		if _, _, err := e.SignedWebhook(ids...); err == nil {
			t.Errorf("%v was built", ids)
		}
	}
}

// Saving a callback verifies it as Meta does, and uses it only if that works.
func TestCallbackVerification(t *testing.T) {
	var got received
	bridge := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			body, _ := io.ReadAll(r.Body)
			got = received{body: string(body)}
			return
		}
		if r.FormValue("hub.mode") == "subscribe" && r.FormValue("hub.verify_token") == "right" {
			io.WriteString(w, r.FormValue("hub.challenge"))
			return
		}
		w.WriteHeader(http.StatusForbidden)
	}))
	defer bridge.Close()
	e := start(t)
	if err := e.SetCallback(t.Context(), bridge.URL, "wrong"); err == nil {
		t.Error("the wrong token was taken")
	}
	must(t, e.SetCallback(t.Context(), bridge.URL, "right"))
	must(t, e.VerifyCallback(t.Context()))
	e.comment(meta.NewComment{Account: pageID})
	must(t, e.DrainWebhooks(t.Context()))
	if got.body == "" {
		t.Error("the callback got nothing")
	}
}

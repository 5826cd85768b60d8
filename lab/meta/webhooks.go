package meta

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
)

// EchoMode is when the webhook about the account's own message is delivered, relative
// to the answer of the call that sent it.
type EchoMode string

// The modes of echoes.
const (
	EchoAfter  EchoMode = "after"  // like every other webhook; the default
	EchoBefore EchoMode = "before" // before the answer of the call that sent it
	EchoOff    EchoMode = "off"
)

// WebhookSettings configure the delivery of webhooks. The zero value is Meta on a good
// day.
type WebhookSettings struct {
	Batch      int      `json:"batch"`      // how many updates one webhook carries at most; 0 is 1
	Duplicates int      `json:"duplicates"` // how many more times each webhook is delivered
	Shuffle    bool     `json:"shuffle"`    // out of order
	Hold       bool     `json:"hold"`       // nothing is delivered until hold is taken away
	Documented bool     `json:"documented"` // comments in the shapes of Meta's documentation, which differ from the real ones
	Echo       EchoMode `json:"echo"`
	Receipts   bool     `json:"receipts"` // delivery and read receipts follow each message
}

const (
	// batchDelay is how long an update waits for a full batch or a shuffle.
	batchDelay = 50 * time.Millisecond
	// deliveryQueues is how many webhooks are delivered at once. The updates of one person
	// share a queue and keep their order.
	deliveryQueues = 8
	// maxWebhooksKept bounds the history for Webhooks and ResendWebhook.
	maxWebhooksKept = 200
)

// outbox batches updates into webhooks and delivers each until the callback
// acknowledges it.
type outbox struct {
	client      *http.Client
	now         func() time.Time
	retryDelays []time.Duration
	log         *zap.Logger
	onResult    func(accounts []string, ok bool) // called after each delivery, without the lock
	onChange    func()
	running     sync.WaitGroup
	ctx         context.Context // of every post; ends with close
	stop        context.CancelFunc

	mu              sync.Mutex
	closed          bool
	url             string
	webhookSettings WebhookSettings
	pending         []webhookItem
	timer           *time.Timer
	count           int
	history         []*webhook // newest last
	undelivered     map[*webhook]bool
	queues          [deliveryQueues]deliveryQueue
}

// deliveryQueue delivers its webhooks one after the other.
type deliveryQueue struct {
	queue []*webhook
	busy  bool
}

func newOutbox(cfg Config, result func([]string, bool), changed func()) *outbox {
	ctx, stop := context.WithCancel(context.Background())
	return &outbox{
		ctx: ctx, stop: stop,
		client: &http.Client{
			Timeout:       cfg.WebhookTimeout,
			Transport:     &http.Transport{MaxIdleConnsPerHost: deliveryQueues},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		now: cfg.Now, retryDelays: cfg.RetryDelays, log: cfg.Log, onResult: result, onChange: changed,
		url: cfg.WebhookURL, webhookSettings: cfg.WebhookSettings, undelivered: map[*webhook]bool{},
	}
}

func (o *outbox) settings() WebhookSettings {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.webhookSettings
}

func (o *outbox) callback() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.url
}

func (o *outbox) setCallback(to string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.url = to
}

// configure replaces the settings and delivers what was held.
func (o *outbox) configure(d WebhookSettings) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.webhookSettings = d
	o.closeFullBatches()
}

// add queues updates in the order in which they happened.
func (o *outbox) add(items ...webhookItem) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.pending = append(o.pending, items...)
	o.closeFullBatches()
}

// closeFullBatches sends full batches at once, and starts the timer for the others.
func (o *outbox) closeFullBatches() {
	if o.webhookSettings.Hold || o.closed {
		return
	}
	batch := max(1, o.webhookSettings.Batch)
	if !o.webhookSettings.Shuffle {
		for len(o.pending) >= batch {
			o.closeBatch(o.pending[:batch])
			o.pending = o.pending[batch:]
		}
	}
	if len(o.pending) > 0 && o.timer == nil {
		o.timer = time.AfterFunc(batchDelay, o.flush)
	}
}

// flush sends what is pending, when batchDelay is over.
func (o *outbox) flush() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.timer = nil
	if o.webhookSettings.Hold || o.closed {
		return
	}
	items := o.pending
	o.pending = nil
	if o.webhookSettings.Shuffle {
		mathrand.Shuffle(len(items), func(i, j int) { items[i], items[j] = items[j], items[i] })
	}
	for part := range slices.Chunk(items, max(1, o.webhookSettings.Batch)) {
		o.closeBatch(part)
	}
}

// closeBatch turns a batch into webhooks: one for each object and signing secret in it.
func (o *outbox) closeBatch(items []webhookItem) {
	for len(items) > 0 {
		first := items[0]
		var same, others []webhookItem
		for _, it := range items {
			if it.object == first.object && it.secret == first.secret {
				same = append(same, it)
			} else {
				others = append(others, it)
			}
		}
		for range 1 + o.webhookSettings.Duplicates {
			o.enqueue(o.newWebhook(same))
		}
		items = others
	}
}

func (o *outbox) newWebhook(items []webhookItem) *webhook {
	o.count++
	w := newSignedWebhook(items, o.now())
	w.id, w.queue = o.count, queueOf(items[0].orderingKey)
	if o.webhookSettings.Shuffle {
		w.queue = mathrand.IntN(deliveryQueues)
	}
	if len(o.history) == maxWebhooksKept {
		o.history = slices.Delete(o.history, 0, 1)
	}
	o.history = append(o.history, w)
	return w
}

// queueOf maps an ordering key to a delivery queue.
func queueOf(order string) int {
	h := fnv.New32a()
	h.Write([]byte(order))
	return int(h.Sum32() % deliveryQueues)
}

// enqueue appends w to its delivery queue.
func (o *outbox) enqueue(w *webhook) {
	w.timer = nil
	if o.url == "" || o.closed {
		return
	}
	o.undelivered[w] = true
	l := &o.queues[w.queue]
	l.queue = append(l.queue, w)
	if !l.busy {
		l.busy = true
		o.running.Go(func() { o.run(l) })
	}
}

// run delivers the webhooks of one queue until it is empty.
func (o *outbox) run(l *deliveryQueue) {
	for {
		o.mu.Lock()
		if len(l.queue) == 0 || o.closed {
			l.busy = false
			o.mu.Unlock()
			return
		}
		w := l.queue[0]
		l.queue = l.queue[1:]
		o.mu.Unlock()
		o.deliver(w)
	}
}

// deliverNow delivers each update in a webhook of its own before it returns.
func (o *outbox) deliverNow(items []webhookItem) {
	for _, it := range items {
		o.mu.Lock()
		w := o.newWebhook([]webhookItem{it})
		posted := o.url != "" && !o.closed
		if posted {
			o.undelivered[w] = true
		}
		o.mu.Unlock()
		if posted {
			o.deliver(w)
		}
	}
}

// idle reports whether every webhook was acknowledged or dropped.
func (o *outbox) idle() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.undelivered) == 0 && len(o.pending) == 0
}

func (o *outbox) close() {
	o.mu.Lock()
	o.closed = true
	if o.timer != nil {
		o.timer.Stop()
	}
	for w := range o.undelivered {
		if w.timer != nil {
			w.timer.Stop()
		}
	}
	o.mu.Unlock()
	o.stop()
	o.running.Wait()
	o.client.CloseIdleConnections()
}

// webhook is one signed body that is posted until the callback answers 200.
type webhook struct {
	id        int
	queue     int
	body      []byte
	header    http.Header
	accounts  []string
	subjects  []string
	at        time.Time
	attempts  int
	status    int
	lastError string
	state     WebhookState
	timer     *time.Timer // of the next try
}

// WebhookState is the progress of a webhook's delivery.
type WebhookState string

// The states of a webhook.
const (
	WebhookWaiting   WebhookState = "waiting"
	WebhookDelivered WebhookState = "delivered" // the callback answered 200
	WebhookDropped   WebhookState = "dropped"   // given up after the last try
)

// Webhook describes one webhook and its delivery.
type Webhook struct {
	ID        int          `json:"id"`
	At        time.Time    `json:"at"`
	About     []string     `json:"about"` // comments, persons or posts
	State     WebhookState `json:"state"`
	Attempts  int          `json:"attempts"`
	Status    int          `json:"status,omitempty"` // the callback's last answer
	LastError string       `json:"problem,omitempty"`
	Body      string       `json:"body"`
}

// newSignedWebhook encodes and signs a webhook.
func newSignedWebhook(items []webhookItem, now time.Time) *webhook {
	w := &webhook{body: encodeEnvelope(items, now), at: now, state: WebhookWaiting}
	w.header = signedHeader(items[0].secret, w.body)
	for _, it := range items {
		w.accounts = append(w.accounts, it.account)
		w.subjects = append(w.subjects, it.subject)
	}
	return w
}

func signedHeader(secret string, body []byte) http.Header {
	h := http.Header{}
	h.Set("Content-Type", "application/json")
	h.Set("User-Agent", "facebookexternalua")
	h.Set("X-Hub-Signature-256", Sign(secret, body))
	return h
}

// deliver posts w once and schedules the retry if it failed.
func (o *outbox) deliver(w *webhook) {
	status, err := o.post(o.callback(), w)
	ok := err == nil && status == http.StatusOK
	o.onResult(w.accounts, ok) // before the outbox is idle, which is what tests wait for

	o.mu.Lock()
	w.attempts++
	w.status, w.lastError = status, ""
	if err != nil {
		w.lastError = err.Error()
	}
	switch {
	case ok:
		w.state = WebhookDelivered
		delete(o.undelivered, w)
	case w.attempts > len(o.retryDelays):
		w.state = WebhookDropped
		delete(o.undelivered, w)
	case !o.closed:
		w.timer = time.AfterFunc(o.retryDelays[w.attempts-1], func() {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.enqueue(w)
		})
	}
	o.mu.Unlock()
	o.log.Debug("webhook posted", zap.Int("webhook", w.id), zap.Strings("about", w.subjects), zap.Int("status", status), zap.Error(err))
	o.onChange()
}

func (o *outbox) post(url string, w *webhook) (int, error) {
	req, err := http.NewRequestWithContext(o.ctx, http.MethodPost, url, bytes.NewReader(w.body))
	if err != nil {
		return 0, err
	}
	req.Header = w.header
	resp, err := o.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxBody)) // so that the connection can be used again
	return resp.StatusCode, nil
}

// retryNow posts every failed webhook again without waiting for its retry time.
func (o *outbox) retryNow() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := 0
	for w := range o.undelivered {
		if w.timer != nil && w.timer.Stop() {
			o.enqueue(w)
			n++
		}
	}
	return n
}

// resend delivers a webhook again, byte for byte: the one with id, or the last if id is
// 0.
func (o *outbox) resend(id, times int) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := len(o.history) - 1; i >= 0; i-- {
		old := o.history[i]
		if id != 0 && old.id != id {
			continue
		}
		for range times {
			o.count++
			again := &webhook{id: o.count, queue: old.queue, body: old.body, header: old.header, accounts: old.accounts,
				subjects: old.subjects, at: o.now(), state: WebhookWaiting}
			o.history = append(o.history, again)
			o.enqueue(again)
		}
		o.history = o.history[max(0, len(o.history)-maxWebhooksKept):]
		return nil
	}
	return fmt.Errorf("webhook: %d is %w", id, ErrUnknown)
}

func (o *outbox) webhooks() []Webhook {
	o.mu.Lock()
	defer o.mu.Unlock()
	list := make([]Webhook, 0, len(o.history))
	for i := len(o.history) - 1; i >= 0; i-- {
		w := o.history[i]
		list = append(list, Webhook{ID: w.id, At: w.at, About: w.subjects, State: w.state, Attempts: w.attempts,
			Status: w.status, LastError: w.lastError, Body: string(w.body)})
	}
	return list
}

// publish adds updates to the outbox, as far as the app is subscribed to them.
func (s *Sandbox) publish(items ...webhookItem) {
	for _, it := range items {
		if !s.subscribedTo(it) {
			s.logEvent("webhook", it.account, it.subject, "No webhook: the app is not subscribed to %s", it.field)
			continue
		}
		s.outbox.add(it)
	}
}

// unsubscribedAfter is how long webhooks may fail before Meta removes the subscription.
const unsubscribedAfter = time.Hour

// recordDelivery records the result of a delivery. After an hour of failures the app is
// unsubscribed without notice, as at Meta.
func (s *Sandbox) recordDelivery(accounts []string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range accounts {
		a := s.byID[id]
		switch {
		case a == nil: // a dashboard test
		case ok:
			a.failingSince = time.Time{}
		case a.failingSince.IsZero():
			a.failingSince = s.now()
		case s.now().Sub(a.failingSince) >= unsubscribedAfter && len(a.owner.fields) > 0:
			a.owner.fields, a.failingSince = nil, time.Time{}
			s.logEvent("webhook", a.ID, "", "Webhooks disabled: they failed for an hour")
		}
	}
}

// SetWebhookSettings changes the delivery of webhooks from now on.
func (s *Sandbox) SetWebhookSettings(d WebhookSettings) error {
	switch d.Echo {
	case "", EchoAfter, EchoBefore, EchoOff:
	default:
		return fmt.Errorf("echo: %q is not a mode; write after, before or off", d.Echo)
	}
	if d.Batch < 0 || d.Duplicates < 0 {
		return errors.New("batch, duplicates: they cannot be negative")
	}
	s.outbox.configure(d)
	s.notifyWaiters()
	return nil
}

// WebhookSettings returns the current delivery settings.
func (s *Sandbox) WebhookSettings() WebhookSettings { return s.outbox.settings() }

// Webhooks lists the last 200 webhooks, newest first.
func (s *Sandbox) Webhooks() []Webhook { return s.outbox.webhooks() }

// ResendWebhook delivers a webhook again, byte for byte, as many times as given; id 0
// is the last one.
func (s *Sandbox) ResendWebhook(id, times int) error { return s.outbox.resend(id, max(1, times)) }

// RetryWebhooks posts every failed webhook again at once and returns their number.
func (s *Sandbox) RetryWebhooks() int { return s.outbox.retryNow() }

// DrainWebhooks waits until every webhook was acknowledged or dropped.
func (s *Sandbox) DrainWebhooks(ctx context.Context) error { return s.Wait(ctx, s.outbox.idle) }

// SignedWebhook builds and signs one webhook about comments, visitor posts or messages,
// for a caller who posts it himself. All ids must be of one platform, and of accounts
// with one app secret.
func (s *Sandbox) SignedWebhook(ids ...string) (body []byte, header http.Header, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var items []webhookItem
	for _, id := range ids {
		c, m := s.findComment(id), s.messages[id]
		switch {
		case c != nil:
			items = append(items, s.commentItem(c))
		case m != nil && m.sender == SenderPerson:
			items = append(items, s.messageItem(m))
		case m != nil:
			items = append(items, s.echoItem(m))
		default:
			return nil, nil, fmt.Errorf("%q is %w", id, ErrUnknown)
		}
		if it := items[len(items)-1]; it.object != items[0].object || it.secret != items[0].secret {
			return nil, nil, fmt.Errorf("%q cannot be in one webhook with %q: another platform or app secret", id, ids[0])
		}
	}
	if len(items) == 0 {
		return nil, nil, errors.New("a webhook needs at least one id")
	}
	w := newSignedWebhook(items, s.now())
	return w.body, w.header, nil
}

// SetCallback does what saving the callback in Meta's dashboard does: it verifies the
// address, and if that succeeds webhooks go there.
func (s *Sandbox) SetCallback(ctx context.Context, callback, verifyToken string) error {
	if err := s.verify(ctx, callback, verifyToken); err != nil {
		return fmt.Errorf("verify callback: %w", err)
	}
	s.outbox.setCallback(callback)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cfg.VerifyToken = verifyToken
	s.logEvent("webhook", "", "", "Callback verified: %s", callback)
	return nil
}

// VerifyCallback sends Meta's verification request to the current callback.
func (s *Sandbox) VerifyCallback(ctx context.Context) error {
	s.mu.Lock()
	token := s.cfg.VerifyToken
	s.mu.Unlock()
	return s.verify(ctx, s.outbox.callback(), token)
}

func (s *Sandbox) verify(ctx context.Context, callback, token string) error {
	to, err := url.Parse(callback)
	if err != nil {
		return err
	}
	challenge := strings.ToLower(rand.Text())
	query := to.Query()
	query.Set("hub.mode", "subscribe")
	query.Set("hub.verify_token", token)
	query.Set("hub.challenge", challenge)
	to.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, to.String(), nil)
	if err != nil {
		return err
	}
	resp, err := s.outbox.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK || string(answer) != challenge {
		return fmt.Errorf("the callback answered %d, without the challenge", resp.StatusCode)
	}
	return nil
}

// SendTestWebhook delivers the test event of Meta's dashboard: with entry.id "0", the
// official sample values, and messages inside changes[] with a timestamp in text.
func (s *Sandbox) SendTestWebhook(accountID, field string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.account(accountID)
	if err != nil {
		return err
	}
	var value any
	switch {
	case a.instagram() && (field == "comments" || field == "live_comments"):
		value = &instagramCommentValue{
			From:  &actor{ID: "232323232", Username: "test", SelfID: "232323232"},
			Media: &instagramMedia{ID: "123123123", ProductType: map[string]string{"comments": "FEED", "live_comments": "LIVE"}[field]},
			ID:    "17860000000000009", Text: "This is an example.",
		}
	case field == "messages":
		value = object{
			"sender": messagingParty{"12334"}, "recipient": messagingParty{"23245"}, "timestamp": "1527459824",
			"message": messageBody{MID: "random_mid", Text: "random_text"},
		}
	case !a.instagram() && field == "feed":
		value = object{
			"item": "status", "post_id": "44444444_444444444", "verb": "add", "published": 1,
			"created_time": 1527459824, "message": "Example post content.", "from": actor{ID: "100000000000099", Name: "Test Page"},
		}
	default:
		return fmt.Errorf("field: %q has no test event; write messages, comments or live_comments (Instagram), feed (Facebook)", field)
	}
	it := s.newItem(a, field, "0", field, value)
	it.account = "0"
	s.outbox.add(it)
	s.logEvent("webhook", a.ID, "0", "Dashboard test of %s", field)
	return nil
}

package meta

import (
	"context"
	"hash/fnv"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
)

// EchoMode is when the webhook about the account's own message is delivered.
type EchoMode string

// The modes of echoes.
const (
	EchoAfter  EchoMode = "after"  // like every other webhook; the default
	EchoBefore EchoMode = "before" // before the answer of the call that sent it
	EchoOff    EchoMode = "off"
)

// WebhookSettings says how webhooks are delivered. The zero value is Meta on a good day.
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
	// linger is how long updates gather for a batch or a shuffle.
	linger = 50 * time.Millisecond
	// lanes is how many webhooks are delivered at once. What one person does goes
	// through one lane and keeps its order.
	lanes = 8
	// webhooksKept bounds what Webhooks and Resend can look back on.
	webhooksKept = 200
)

// outbox gathers updates into webhooks and delivers them until they are taken.
type outbox struct {
	client  *http.Client
	now     func() time.Time
	retry   []time.Duration
	log     *zap.Logger
	result  func(accounts []string, ok bool) // told after each delivery, without the lock
	changed func()
	running sync.WaitGroup
	ctx     context.Context // of every post; ends with close
	stop    context.CancelFunc

	mu       sync.Mutex
	closed   bool
	url      string
	set      WebhookSettings
	gathered []webhookItem
	timer    *time.Timer
	count    int
	kept     []*webhook // newest last
	open     map[*webhook]bool
	lanes    [lanes]lane
}

type lane struct {
	queue []*webhook
	busy  bool
}

func newOutbox(cfg Config, result func([]string, bool), changed func()) *outbox {
	ctx, stop := context.WithCancel(context.Background())
	return &outbox{
		ctx: ctx, stop: stop,
		client: &http.Client{
			Timeout:       cfg.WebhookTimeout,
			Transport:     &http.Transport{MaxIdleConnsPerHost: lanes},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		now: cfg.Now, retry: cfg.RetryDelays, log: cfg.Log, result: result, changed: changed,
		url: cfg.WebhookURL, set: cfg.WebhookSettings, open: map[*webhook]bool{},
	}
}

func (o *outbox) settings() WebhookSettings {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.set
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

// configure changes how webhooks are delivered and lets go of what was held.
func (o *outbox) configure(d WebhookSettings) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.set = d
	o.gather()
}

// add takes updates in the order in which they happened.
func (o *outbox) add(items ...webhookItem) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.gathered = append(o.gathered, items...)
	o.gather()
}

// gather lets full batches go, and the rest when it has waited long enough.
func (o *outbox) gather() {
	if o.set.Hold || o.closed {
		return
	}
	batch := max(1, o.set.Batch)
	if !o.set.Shuffle {
		for len(o.gathered) >= batch {
			o.seal(o.gathered[:batch])
			o.gathered = o.gathered[batch:]
		}
	}
	if len(o.gathered) > 0 && o.timer == nil {
		o.timer = time.AfterFunc(linger, o.flush)
	}
}

func (o *outbox) flush() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.timer = nil
	if o.set.Hold || o.closed {
		return
	}
	items := o.gathered
	o.gathered = nil
	if o.set.Shuffle {
		rand.Shuffle(len(items), func(i, j int) { items[i], items[j] = items[j], items[i] })
	}
	for part := range slices.Chunk(items, max(1, o.set.Batch)) {
		o.seal(part)
	}
}

// seal makes webhooks of a batch: one for each object and signing secret in it.
func (o *outbox) seal(items []webhookItem) {
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
		for range 1 + o.set.Duplicates {
			o.enqueue(o.newWebhook(same))
		}
		items = others
	}
}

func (o *outbox) newWebhook(items []webhookItem) *webhook {
	o.count++
	w := sealed(items, o.now())
	w.id, w.lane = o.count, laneOf(items[0].order)
	if o.set.Shuffle {
		w.lane = rand.IntN(lanes)
	}
	if len(o.kept) == webhooksKept {
		o.kept = slices.Delete(o.kept, 0, 1)
	}
	o.kept = append(o.kept, w)
	return w
}

func laneOf(order string) int {
	h := fnv.New32a()
	h.Write([]byte(order))
	return int(h.Sum32() % lanes)
}

// enqueue puts w at the end of its lane.
func (o *outbox) enqueue(w *webhook) {
	w.timer = nil
	if o.url == "" || o.closed {
		return
	}
	o.open[w] = true
	l := &o.lanes[w.lane]
	l.queue = append(l.queue, w)
	if !l.busy {
		l.busy = true
		o.running.Go(func() { o.run(l) })
	}
}

// run delivers what is in a lane, one after the other.
func (o *outbox) run(l *lane) {
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

// deliverNow delivers updates before anything else happens, in one webhook each.
func (o *outbox) deliverNow(items []webhookItem) {
	for _, it := range items {
		o.mu.Lock()
		w := o.newWebhook([]webhookItem{it})
		posted := o.url != "" && !o.closed
		if posted {
			o.open[w] = true
		}
		o.mu.Unlock()
		if posted {
			o.deliver(w)
		}
	}
}

// idle reports whether every webhook was taken or given up.
func (o *outbox) idle() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.open) == 0 && len(o.gathered) == 0
}

func (o *outbox) close() {
	o.mu.Lock()
	o.closed = true
	if o.timer != nil {
		o.timer.Stop()
	}
	for w := range o.open {
		if w.timer != nil {
			w.timer.Stop()
		}
	}
	o.mu.Unlock()
	o.stop()
	o.running.Wait()
	o.client.CloseIdleConnections()
}

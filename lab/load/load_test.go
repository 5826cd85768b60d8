package load

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/webhookbridge/decode"
)

const secret = "the-app-secret"

var (
	instagram = privatereply.Account{Platform: privatereply.Instagram, ID: "17841400000000001"}
	page      = privatereply.Account{Platform: privatereply.Facebook, ID: "100000000000001"}
)

// known are the accounts that a recorder decodes for.
type known []privatereply.Account

func (known) LinkedToPage(string) []privatereply.Account { return nil }

func (k known) Find(p privatereply.Platform, id string) (privatereply.Account, bool) {
	for _, a := range k {
		if a.Platform == p && a.ID == id {
			return a, true
		}
	}
	return privatereply.Account{}, false
}

// recorder stands in a bridge's place: it checks and decodes deliveries as one
// does, and answers as it is told.
type recorder struct {
	t      *testing.T
	answer func(n int) int // to the n-th delivery, from 1

	mu         sync.Mutex
	deliveries int
	comments   []privatereply.Comment // of those that were answered with 200
}

func (b *recorder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		b.t.Error(err)
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	if got, want := r.Header.Get("X-Hub-Signature-256"), "sha256="+hex.EncodeToString(mac.Sum(nil)); got != want {
		b.t.Errorf("signature %s, want %s", got, want)
	}
	events, err := decode.Delivery(body, time.Now(), known{instagram, page})
	if err != nil {
		b.t.Error(err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.deliveries++
	if b.answer != nil {
		if status := b.answer(b.deliveries); status != http.StatusOK {
			w.WriteHeader(status)
			return
		}
	}
	for _, ev := range events {
		if ev.Comment == nil {
			b.t.Errorf("no comment: %+v in %s", ev, body)
			continue
		}
		b.comments = append(b.comments, *ev.Comment)
	}
}

func (b *recorder) start() string {
	server := httptest.NewServer(b)
	b.t.Cleanup(server.Close)
	return server.URL
}

func testAgainst(url string) LoadTest {
	return LoadTest{
		URL: url, Secret: secret, Accounts: []privatereply.Account{instagram}, Text: "🔥", Connections: 3,
		Comments: 20, Duration: time.Minute, Batch: 1,
	}
}

// Guards: what a load test sends is what the bridge takes for comments, each with an id
// of its own that leads back to it, and what is reported is what was answered.
func TestLoad(t *testing.T) {
	tests := []struct {
		name       string
		change     func(*LoadTest)
		comments   int // different ones
		deliveries int
		sources    map[privatereply.Source]int
	}{
		{"single comments", func(*LoadTest) {}, 20, 20, map[privatereply.Source]int{privatereply.SourcePost: 20}},
		{"batches, rounded up", func(s *LoadTest) { s.Batch = 8 }, 24, 3, map[privatereply.Source]int{privatereply.SourcePost: 24}},
		{"a broadcast", func(s *LoadTest) { s.Live = true }, 20, 20, map[privatereply.Source]int{privatereply.SourceLive: 20}},
		{"two accounts", func(s *LoadTest) { s.Accounts = []privatereply.Account{instagram, page}; s.Live = true },
			20, 20, map[privatereply.Source]int{privatereply.SourceLive: 10, privatereply.SourcePost: 10}},
		{"a fifth repeated", func(s *LoadTest) { s.Duplicates = 0.2 }, 20, 25, map[privatereply.Source]int{privatereply.SourcePost: 25}},
		{"at a rate", func(s *LoadTest) { s.Rate = 1000 }, 20, 20, map[privatereply.Source]int{privatereply.SourcePost: 20}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bridge := &recorder{t: t}
			s := testAgainst(bridge.start())
			tt.change(&s)
			r, err := Run(t.Context(), s)
			if err != nil {
				t.Fatal(err)
			}
			if r.Comments != tt.comments || r.Deliveries != tt.deliveries || r.Answers["200"] != tt.deliveries {
				t.Errorf("%d comments, %d deliveries, answers %v; want %d and %d", r.Comments, r.Deliveries, r.Answers, tt.comments, tt.deliveries)
			}
			sources, different := map[privatereply.Source]int{}, map[int]bool{}
			for _, c := range bridge.comments {
				sources[c.Source]++
				id, err := privatereply.ReplyID(c)
				if err != nil {
					t.Fatal(err)
				}
				number, ok := r.ids.number(id)
				if !ok || number >= tt.comments || c.Text != "🔥" || c.PersonID == "" {
					t.Fatalf("not as it should be: %+v", c)
				}
				different[number] = true
			}
			if len(different) != tt.comments {
				t.Errorf("%d different comments, want %d", len(different), tt.comments)
			}
			if diff := cmp.Diff(tt.sources, sources); diff != "" {
				t.Errorf("sources (-want +got):\n%s", diff)
			}
		})
	}
}

// Guards: only what was answered with 200 counts as acknowledged, and Redeliver
// goes on until it is.
func TestNotAcknowledged(t *testing.T) {
	everyFourth := func(n int) int {
		if n%4 == 0 {
			return http.StatusServiceUnavailable
		}
		return http.StatusOK
	}
	tests := []struct {
		name      string
		redeliver bool
		want      int
		answers   map[string]int
	}{
		{"sent once", false, 15, map[string]int{"200": 15, "503": 5}},
		{"sent again", true, 20, map[string]int{"200": 20, "503": 6}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bridge := &recorder{t: t, answer: everyFourth}
			s := testAgainst(bridge.start())
			s.Redeliver = tt.redeliver
			r, err := Run(t.Context(), s)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.answers, r.Answers); diff != "" || r.Comments != tt.want {
				t.Errorf("%d acknowledged, want %d; answers (-want +got):\n%s", r.Comments, tt.want, diff)
			}
			for _, c := range bridge.comments {
				id, _ := privatereply.ReplyID(c)
				if number, _ := r.ids.number(id); !r.acknowledged[number] {
					t.Errorf("%s was answered with 200 and counts as not acknowledged", id)
				}
			}
		})
	}
}

// Guards: a bridge that is not there is an answer of its own, and not an endless loop.
func TestNoBridge(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	s := testAgainst(server.URL)
	s.Comments = 2
	r, err := Run(t.Context(), s)
	if err != nil || r.Comments != 0 || r.Answers[noConnection] != 2 {
		t.Errorf("%+v, %v", r, err)
	}
}

// Guards: several bridges share the load, and when one of them is not there the others
// get what it would have got.
func TestSeveralBridges(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	// Neither is answered before both were asked: one fast connection would do it all.
	var both sync.WaitGroup
	both.Add(2)
	first := func(n int) int {
		if n == 1 {
			both.Done()
			both.Wait()
		}
		return http.StatusOK
	}
	left, right := &recorder{t: t, answer: first}, &recorder{t: t, answer: first}
	s := testAgainst(left.start())
	s.FurtherURLs, s.Redeliver = []string{right.start(), gone.URL}, true
	r, err := Run(t.Context(), s)
	if err != nil || r.Comments != s.Comments {
		t.Fatalf("%+v, %v", r, err)
	}
	if left.deliveries == 0 || right.deliveries == 0 || left.deliveries+right.deliveries != s.Comments {
		t.Errorf("the bridges got %d and %d deliveries of %d", left.deliveries, right.deliveries, s.Comments)
	}
	if want := map[string]int{"200": s.Comments, noConnection: 1}; !cmp.Equal(want, r.Answers) {
		t.Errorf("answers %v, want %v: one connection finds out that a bridge is gone", r.Answers, want)
	}
}

// Guards: a load test goes nowhere but to this machine, and is bounded.
func TestRefusals(t *testing.T) {
	tests := []struct {
		name   string
		change func(*LoadTest)
		want   string
	}{
		{"another machine", func(s *LoadTest) { s.URL = "http://192.0.2.1:8080/webhooks/meta" }, "not on this machine"},
		{"a name", func(s *LoadTest) { s.URL = "http://bridge.example.com/webhooks/meta" }, "not on this machine"},
		{"another machine among several", func(s *LoadTest) { s.FurtherURLs = []string{"http://192.0.2.1:8080/"} }, "not on this machine"},
		{"every address", func(s *LoadTest) { s.URL = "http://0.0.0.0:8080/" }, "not on this machine"},
		{"https", func(s *LoadTest) { s.URL = "https://127.0.0.1/" }, "plain http"},
		{"no URL", func(s *LoadTest) { s.URL = "127.0.0.1:8080" }, "is not a URL"},
		{"no secret", func(s *LoadTest) { s.Secret = "" }, "app secret"},
		{"no account", func(s *LoadTest) { s.Accounts = nil }, "account"},
		{"too many comments", func(s *LoadTest) { s.Comments = MaxComments + 1 }, "count"},
		{"too long", func(s *LoadTest) { s.Duration = MaxDuration + 1 }, "duration"},
		{"too many connections", func(s *LoadTest) { s.Connections = MaxConnections + 1 }, "connections"},
		{"no batch", func(s *LoadTest) { s.Batch = 0 }, "batch"},
		{"a negative rate", func(s *LoadTest) { s.Rate = -1 }, "rate"},
		{"nothing but repeats", func(s *LoadTest) { s.Duplicates = 1 }, "duplicates"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := testAgainst("http://127.0.0.1:1/")
			tt.change(&s)
			if _, err := Run(t.Context(), s); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Run = %v, want an error about %q", err, tt.want)
			}
		})
	}
}

// Guards: a percentile is a time that was measured.
func TestQuantiles(t *testing.T) {
	var hundred []time.Duration
	for i := range 100 {
		hundred = append(hundred, time.Duration(i+1)*time.Millisecond)
	}
	tests := map[string]struct {
		in   []time.Duration
		want Quantiles
	}{
		"nothing": {nil, Quantiles{}},
		"one":     {hundred[:1], Quantiles{1, 1, 1, 1}},
		"hundred": {hundred, Quantiles{50, 90, 99, 100}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := quantilesOf(tt.in); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// What the generator itself takes for a delivery of one comment.
func BenchmarkFill(b *testing.B) {
	n := newCommentIDs([]privatereply.Account{instagram}, 1, time.Now())
	t := newRequestTemplate(target{path: "/"}, n, instagram, testAgainst(""))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		t.render(i)
	}
}

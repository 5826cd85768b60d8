package graph

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/privatereply/privatereply"
)

// page is one page of a list, also of one nested in another object.
type page[T any] struct {
	Data   []T    `json:"data"`
	Paging cursor `json:"paging"`
}

// after asks for the page that follows p, or is empty at the end.
func (p page[T]) after() string { return p.Paging.after }

// cursor says how a list goes on. It does so exactly if "next" is there: an empty
// page can have a next one, and a last page can have cursors.
//
// Meta pages by cursor, by time or by number. A cursor is kept as it is; the
// parameters of the other two stand behind a "?", which no cursor begins with.
type cursor struct{ after string }

// cursorParameters are what is taken from a "next" link. Everything else in it is
// ours already, or is the access token.
var cursorParameters = []string{"until", "since", "__paging_token", "offset"}

func (p *cursor) UnmarshalJSON(b []byte) error {
	var raw struct {
		Cursors struct {
			After string `json:"after"`
		} `json:"cursors"`
		Next string `json:"next"` // a URL with the access token in it: never called, never shown
	}
	if json.Unmarshal(b, &raw) != nil {
		return errNoCursor
	}
	if raw.Next == "" {
		return nil
	}
	if p.after = raw.Cursors.After; p.after != "" {
		return nil
	}
	next, err := url.Parse(raw.Next)
	if err != nil {
		return errNoCursor
	}
	query := next.Query()
	if p.after = query.Get("after"); p.after != "" {
		return nil
	}
	kept := url.Values{}
	for _, name := range cursorParameters {
		if v := query.Get(name); v != "" {
			kept.Set(name, v)
		}
	}
	if len(kept) == 0 {
		return errNoCursor
	}
	p.after = "?" + kept.Encode()
	return nil
}

// setCursor sets what asks for the page that follows after.
func setCursor(query url.Values, after string) {
	parameters, byTime := strings.CutPrefix(after, "?")
	if !byTime {
		if after != "" {
			query.Set("after", after)
		}
		return
	}
	kept, _ := url.ParseQuery(parameters)
	for _, name := range cursorParameters {
		if v := kept.Get(name); v != "" {
			query.Set(name, v)
		}
	}
}

var (
	errNoCursor = errors.New("graph: the list goes on without a cursor")
	errNoData   = errors.New("graph: the answer has no data")
)

// pageRequest is how a page of a list is asked for, and with how much less where Meta
// does not give it.
type pageRequest struct {
	// fields are what is asked for of an item at a size, which is a place in sizes.
	// Each asks for less than the one before: Meta refuses a whole list for one
	// field that the token may not see.
	fields []func(size int) string
	sizes  []int // items on a page, each less than the one before; 0 leaves it to Meta
	after  string
}

// sameFields asks for the same fields at every size.
func sameFields(names string) []func(int) string {
	return []func(int) string{func(int) string { return names }}
}

// reduction is how far an asking was reduced: places in its fields and sizes.
type reduction struct{ fields, size int }

// params adds to fixed what asks for the page.
func (q pageRequest) params(fixed url.Values, at reduction) url.Values {
	query := url.Values{}
	maps.Copy(query, fixed)
	if len(q.fields) > 0 {
		query.Set("fields", q.fields[at.fields](at.size))
	}
	if len(q.sizes) > 0 && q.sizes[at.size] != 0 {
		query.Set("limit", strconv.Itoa(q.sizes[at.size]))
	}
	setCursor(query, q.after)
	return query
}

// reduce reports whether a page that failed is to be asked for with less, and how. A
// cursor stays valid with another size. err is what to say otherwise.
func (q pageRequest) reduce(at reduction, failed error) (next reduction, again bool, err error) {
	var e *Error
	if !errors.As(failed, &e) {
		return at, false, failed
	}
	switch {
	case e.pageTooLarge() && at.size+1 < len(q.sizes):
		at.size++
		return at, true, nil
	case e.pageTooLarge() && len(q.sizes) > 0:
		return at, false, e.classified(Temporary, privatereply.Outage,
			"Meta does not give even the smallest page: it is too large for Meta, or Meta has a fault")
	case e.fieldRefused() && at.fields+1 < len(q.fields):
		at.fields++
		return at, true, nil
	}
	return at, false, failed
}

// pageTooLarge reports whether Meta's answer is the one to a page with too much on it. In
// words it asks to reduce the amount of data; its code is the one of any fault.
func (e *Error) pageTooLarge() bool {
	return e.Code == 1 && (e.Subcode == 0 || e.Subcode == 99) || e.Code == pageTooLargeCode
}

// fieldRefused reports whether Meta's answer can be about a field of a list: one that
// it does not have, or that the token may not see.
func (e *Error) fieldRefused() bool {
	return e.HTTPStatus == http.StatusBadRequest && e.Subcode == 0 &&
		(e.Code == 100 && e.Class == Final || e.Reason == privatereply.NotPermitted)
}

// reductionTTL is how long a client asks for less at once, so that not each page costs
// a refusal first.
const reductionTTL = time.Hour

// reductions remembers for each list of each account with how much less Meta gave it.
type reductions struct {
	mu      sync.Mutex
	entries map[string]cachedReduction
}

type cachedReduction struct {
	reduction
	until time.Time
}

func (s *reductions) get(key string, now time.Time) reduction {
	s.mu.Lock()
	defer s.mu.Unlock()
	if kept, ok := s.entries[key]; ok && now.Before(kept.until) {
		return kept.reduction
	}
	return reduction{}
}

// put notes what worked. What worked before keeps its end, so that the full page is
// asked for again some time.
func (s *reductions) put(key string, at reduction, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if kept, ok := s.entries[key]; ok && kept.reduction == at && now.Before(kept.until) {
		return
	}
	if at == (reduction{}) {
		delete(s.entries, key)
		return
	}
	if s.entries == nil {
		s.entries = map[string]cachedReduction{}
	}
	s.entries[key] = cachedReduction{at, now.Add(reductionTTL)}
}

// readPage reads one page. An answer without data is a failure, not an empty page: a
// broadcast must not seem to be over because of it.
func readPage[T any](ctx context.Context, c *Client, cred Credentials, k call, q pageRequest) (items []T, after string, usage Usage, err error) {
	k.limit = listLimit
	fixed, key := k.query, k.op+" "+cred.Account.ID
	at := c.reductions.get(key, c.now())
	var a response
	for again := true; again; {
		k.query = q.params(fixed, at)
		if a, err = c.call(ctx, cred, k); err == nil {
			break
		}
		if at, again, err = q.reduce(at, err); !again {
			return nil, "", Usage{}, err
		}
	}
	c.reductions.put(key, at, c.now())
	p, err := decodePage[T](a.body)
	if err != nil {
		return nil, "", Usage{}, a.unreadable("the answer does not have the form of a list")
	}
	if len(p.Data) == 0 && p.after() != "" && p.after() == q.after {
		return nil, "", Usage{}, a.unreadable("the list goes on, but its cursor leads back to the same page")
	}
	return p.Data, p.after(), a.usage(), nil
}

func decodePage[T any](body []byte) (p page[T], err error) {
	if err := json.Unmarshal(body, &p); err != nil {
		return page[T]{}, err
	}
	if p.Data == nil {
		return page[T]{}, errNoData
	}
	return p, nil
}

// cycleDetector remembers the ids that a list gave, page by page: Meta has been seen to
// page in a circle.
type cycleDetector map[str]bool

// repeats notes the ids of a page and reports whether none of them is new. An empty
// page proves nothing.
func (l cycleDetector) repeats(ids []str) bool {
	fresh := len(ids) == 0
	for _, id := range ids {
		fresh = fresh || !l[id]
		l[id] = true
	}
	return !fresh
}

// repeatsCursor notes what asks for the next page, and reports whether that was asked for
// before: empty pages too can lead in a circle.
func (l cycleDetector) repeatsCursor(next string) bool {
	key := str("next " + next)
	before := l[key]
	l[key] = true
	return before
}

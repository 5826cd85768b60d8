package graph

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/metajson"
)

// page is one page of a list as Meta writes it, also of one nested in another object.
type page[T any] struct {
	Data   []T    `json:"data"`
	Paging cursor `json:"paging"`
}

// after is the cursor of the page that follows p; empty at the end.
func (p page[T]) after() string { return p.Paging.after }

// cursor is the "paging" of a page. A list goes on exactly if "next" is there: an
// empty page can have a next one, and a last page can have cursors.
//
// Meta pages by cursor, by time or by number. A cursor stands in after as it is; the
// parameters of the other two stand there behind a "?", with which no cursor begins.
type cursor struct{ after string }

// cursorParameters are the parameters of a "next" link that say where its page begins.
// The others are those of the call already, or are the access token.
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
	params := url.Values{}
	for _, name := range cursorParameters {
		if v := query.Get(name); v != "" {
			params.Set(name, v)
		}
	}
	if len(params) == 0 {
		return errNoCursor
	}
	p.after = "?" + params.Encode()
	return nil
}

// setCursor sets the parameters that ask for the page at the cursor after.
func setCursor(query url.Values, after string) {
	parameters, byTime := strings.CutPrefix(after, "?")
	if !byTime {
		if after != "" {
			query.Set("after", after)
		}
		return
	}
	params, _ := url.ParseQuery(parameters)
	for _, name := range cursorParameters {
		if v := params.Get(name); v != "" {
			query.Set(name, v)
		}
	}
}

var (
	errNoCursor = errors.New("graph: the list goes on without a cursor")
	errNoData   = errors.New("graph: the answer has no data")
)

// pageRequest asks for a page of a list, and for less where Meta does not give it.
type pageRequest struct {
	// fields give the names of an item's fields, for an index of sizes. Each asks for
	// less than the one before: Meta refuses a list for one field that the token
	// may not see.
	fields []func(size int) string
	sizes  []int // items on a page, each less than the one before; 0: Meta's default
	after  string
}

// sameFields asks for the same fields at every size.
func sameFields(names string) []func(int) string {
	return []func(int) string{func(int) string { return names }}
}

// reduction is how much less was asked for: indexes of a pageRequest's fields and sizes.
type reduction struct{ fields, size int }

// params adds to fixed the parameters of the page.
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

// reduce returns the next smaller request after a failed one, and whether there is
// one. A cursor stays valid with another size. Without one, err is the failure.
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

// pageTooLarge reports whether e can be Meta's answer to a page with too much on it. In
// words Meta asks to reduce the amount of data; the code is the one of any fault.
func (e *Error) pageTooLarge() bool {
	return e.Code == 1 && (e.Subcode == 0 || e.Subcode == 99) || e.Code == pageTooLargeCode
}

// fieldRefused reports whether e can be Meta's answer to a field that its objects do not
// have, or that the token may not see.
func (e *Error) fieldRefused() bool {
	return e.HTTPStatus == http.StatusBadRequest && e.Subcode == 0 &&
		(e.Code == 100 && e.Class == Final || e.Reason == privatereply.NotPermitted)
}

// reductionTTL is how long a client asks for less at once, so that not each page costs
// a refusal first.
const reductionTTL = time.Hour

// reductions caches the reduction with which Meta gave each list of each account.
type reductions struct {
	mu      sync.Mutex
	entries map[string]cachedReduction
}

type cachedReduction struct {
	reduction
	expiresAt time.Time
}

func (s *reductions) get(key string, now time.Time) reduction {
	s.mu.Lock()
	defer s.mu.Unlock()
	if cached, ok := s.entries[key]; ok && now.Before(cached.expiresAt) {
		return cached.reduction
	}
	return reduction{}
}

// put stores a reduction that worked. One that is cached already keeps its expiry, so
// that the full page is asked for again.
func (s *reductions) put(key string, at reduction, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if cached, ok := s.entries[key]; ok && cached.reduction == at && now.Before(cached.expiresAt) {
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
func readPage[T any](ctx context.Context, c *Client, cred Credentials, k call, q pageRequest) (page[T], Usage, error) {
	k.limit = listLimit
	fixed, key := k.query, k.op+" "+cred.Account.ID
	at := c.reductions.get(key, c.now())
	var a response
	for again := true; again; {
		var err error
		k.query = q.params(fixed, at)
		if a, err = c.call(ctx, cred, k); err == nil {
			break
		}
		if at, again, err = q.reduce(at, err); !again {
			return page[T]{}, Usage{}, err
		}
	}
	c.reductions.put(key, at, c.now())
	p, err := decodePage[T](a.body)
	if err != nil {
		return page[T]{}, Usage{}, a.unreadable("the answer does not have the form of a list")
	}
	if len(p.Data) == 0 && p.after() != "" && p.after() == q.after {
		return page[T]{}, Usage{}, a.unreadable("the list goes on, but its cursor leads back to the same page")
	}
	return p, a.usage(), nil
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

// listItem is an object of a list, with the id that tells it from the others.
type listItem interface{ itemID() metajson.String }

// readPages reads the pages of a list from q.after on, as the caller asks for them. It
// ends at the end of the list, at a page without an id that is new to seen, and after
// its first error. A cursor that comes a second time is the error errCycle.
func readPages[T listItem](ctx context.Context, c *Client, cred Credentials, k call, q pageRequest, seen cycleDetector) iter.Seq2[page[T], error] {
	return func(yield func(page[T], error) bool) {
		for {
			p, _, err := readPage[T](ctx, c, cred, k, q)
			if err != nil {
				yield(page[T]{}, err)
				return
			}
			if repeats(seen, p.Data) || !yield(p, nil) || p.after() == "" {
				return
			}
			if seen.cursor(p.after()) {
				e := Error{Op: k.op, cause: errCycle}.classified(Unknown, privatereply.NoAnswer, "the list leads in a circle")
				yield(page[T]{}, e)
				return
			}
			q.after = p.after()
		}
	}
}

var errCycle = errors.New("graph: a cursor of the list came before")

// cycleDetector holds the ids and cursors that a list gave so far: Meta has been seen
// to page in a circle.
type cycleDetector map[string]bool

// repeats adds the ids of a page to seen and reports whether none of them is new. An
// empty page proves nothing.
func repeats[T listItem](seen cycleDetector, items []T) bool {
	fresh := len(items) == 0
	for _, item := range items {
		id := string(item.itemID())
		fresh = fresh || !seen[id]
		seen[id] = true
	}
	return !fresh
}

// cursor adds the cursor of the next page and reports whether it came before: empty
// pages too can lead in a circle.
func (d cycleDetector) cursor(next string) bool {
	key := "cursor " + next
	before := d[key]
	d[key] = true
	return before
}

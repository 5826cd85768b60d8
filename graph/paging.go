package graph

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
)

// page is one page of a list, also of one nested in another object.
type page[T any] struct {
	Data   []T    `json:"data"`
	Paging paging `json:"paging"`
}

// after is the cursor of the page that follows p, or empty at the end.
func (p page[T]) after() string { return p.Paging.after }

// paging says how a list goes on. It does so exactly if "next" is there: an empty
// page can have a next one, and a last page can have cursors.
type paging struct{ after string }

func (p *paging) UnmarshalJSON(b []byte) error {
	var raw struct {
		Cursors struct {
			After string `json:"after"`
		} `json:"cursors"`
		Next string `json:"next"` // a URL with the access token in it: never called, never shown
	}
	if json.Unmarshal(b, &raw) != nil {
		return errPaging
	}
	if raw.Next == "" {
		return nil
	}
	p.after = raw.Cursors.After
	if next, err := url.Parse(raw.Next); p.after == "" && err == nil {
		p.after = next.Query().Get("after")
	}
	if p.after == "" {
		return errPaging
	}
	return nil
}

var (
	errPaging = errors.New("graph: the list goes on without a cursor")
	errNoList = errors.New("graph: the answer has no data")
)

// list reads one page. An answer without data is a failure, not an empty page: a
// broadcast must not seem to be over because of it.
func list[T any](ctx context.Context, c *Client, cred Credentials, k call) (items []T, after string, usage Usage, err error) {
	k.limit = listLimit
	a, err := c.do(ctx, cred, k)
	if err != nil {
		return nil, "", Usage{}, err
	}
	p, err := decodeList[T](a.body)
	if err != nil {
		return nil, "", Usage{}, a.unreadable("the answer does not have the form of a list")
	}
	if p.after() != "" && p.after() == k.query.Get("after") {
		return nil, "", Usage{}, a.unreadable("the list goes on, but its cursor leads back to the same page")
	}
	return p.Data, p.after(), a.usage(), nil
}

func decodeList[T any](body []byte) (p page[T], err error) {
	if err := json.Unmarshal(body, &p); err != nil {
		return page[T]{}, err
	}
	if p.Data == nil {
		return page[T]{}, errNoList
	}
	return p, nil
}

// fields is the query of a list. after is empty for the first page.
func fields(names, limit, after string) url.Values {
	q := url.Values{"fields": {names}}
	if limit != "" {
		q.Set("limit", limit)
	}
	if after != "" {
		q.Set("after", after)
	}
	return q
}

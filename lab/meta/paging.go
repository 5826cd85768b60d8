package meta

import (
	"encoding/base64"
	"iter"
	"net/url"
	"strconv"
	"strings"
)

// request is what a caller wants of a list: of an edge in the path, or of a field
// with a list inside another object.
type request struct {
	want  []field
	args  func(name string) string
	query url.Values // what the next link repeats
}

// edgeRequest reads the call's own parameters.
func (c *call) edgeRequest() request {
	query := url.Values{}
	for name, value := range c.params {
		if name != "after" && name != "__paging_token" && name != "access_token" && name != "appsecret_proof" {
			query.Set(name, value)
		}
	}
	return request{want: c.fields, args: func(name string) string { return c.params[name] }, query: query}
}

// nestedRequest reads what stands behind a field.
func nestedRequest(f field) request {
	query := url.Values{"pretty": {"0"}}
	if f.raw != "" {
		query.Set("fields", f.raw)
	}
	for name, value := range f.args {
		if name != "after" {
			query.Set(name, value)
		}
	}
	return request{want: f.sub, args: func(name string) string { return f.args[name] }, query: query}
}

// edge is a list of the graph.
type edge[T any] struct {
	path  string // "<node>/<edge>"
	usual int    // limit when the caller names none
	most  int
	after func(cursor string) (iter.Seq2[string, T], bool) // what follows a cursor, "" is the start
	show  func(T) bool                                     // what is not shown still takes its place on the page
	item  func(T, []field) (object, *refusal)
}

// list gives one page of e. As at Meta, a page can be short or empty and still
// have a next one, and the next link carries the access token.
func (e edge[T]) list(c *call, r request) (any, *refusal) {
	limit := limitOf(r.args("limit"), e.usual, e.most)
	cursor := r.args("after")
	if cursor == "" {
		cursor = r.args("__paging_token")
	}
	if cursor == circleCursor {
		cursor = ""
	}
	rest, ok := e.after(cursor)
	if !ok {
		return nil, badParameter("Invalid cursors values were passed in")
	}
	data := []object{}
	var first, last string
	seen, more := 0, false
	for cursor, v := range rest {
		if seen == limit {
			more = true
			break
		}
		seen++
		if first == "" {
			first = cursor
		}
		last = cursor
		if !e.show(v) {
			continue
		}
		o, refused := e.item(v, r.want)
		if refused != nil {
			return nil, refused
		}
		data = append(data, o)
	}
	answer := object{"data": data}
	if seen == 0 {
		return answer, nil
	}
	paging := object{"cursors": object{"before": first, "after": last}}
	if more {
		r.query.Set("access_token", c.token)
		r.query.Set("limit", strconv.Itoa(limit))
		r.query.Set("after", last)
		paging["next"] = c.base + "/" + c.version + "/" + e.path + "?" + r.query.Encode()
	}
	answer["paging"] = paging
	return answer, nil
}

// pageByTime lets the lists in an answer go on by time, as some of Meta's do: the next
// link has until and a token, and there are no cursors.
func (c *call) pageByTime(v any) {
	switch v := v.(type) {
	case []object:
		for _, o := range v {
			c.pageByTime(o)
		}
	case object:
		for _, inner := range v {
			c.pageByTime(inner)
		}
		next, goesOn := v["next"].(string)
		if v["cursors"] == nil {
			return
		}
		delete(v, "cursors")
		if link, err := url.Parse(next); goesOn && err == nil {
			query := link.Query()
			query.Set("__paging_token", query.Get("after"))
			query.Set("until", strconv.FormatInt(c.sandbox.now().Unix()+1, 10)) // in whole seconds, and nothing is left out
			query.Del("after")
			link.RawQuery = query.Encode()
			v["next"] = link.String()
		}
	}
}

// circleCursor asks for the first page.
const circleCursor = "Y2lyY2xl"

// pageInCircle lets a list that has come to its end go on at its beginning.
func (c *call) pageInCircle(body any) {
	list, _ := body.(object)
	paging, _ := list["paging"].(object)
	if paging == nil || paging["next"] != nil {
		return
	}
	query := c.edgeRequest().query
	query.Set("access_token", c.token)
	query.Set("after", circleCursor)
	paging["cursors"] = object{"before": circleCursor, "after": circleCursor}
	paging["next"] = c.base + "/" + c.version + "/" + strings.Join(c.path, "/") + "?" + query.Encode()
}

// inOrder walks a list by place; the cursor is the place, and stays right while
// the list grows at its end.
func inOrder[T any](items []T, newestFirst bool) func(string) (iter.Seq2[string, T], bool) {
	return func(after string) (iter.Seq2[string, T], bool) {
		step, i := 1, 0
		if newestFirst {
			step, i = -1, len(items)-1
		}
		if after != "" {
			text, err := base64.RawURLEncoding.DecodeString(after)
			place, bad := strconv.Atoi(string(text))
			if err != nil || bad != nil || place < 0 || place >= len(items) {
				return nil, false
			}
			i = place + step
		}
		return func(yield func(string, T) bool) {
			for ; i >= 0 && i < len(items); i += step {
				if !yield(base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(i))), items[i]) {
					return
				}
			}
		}, true
	}
}

// byThread walks conversations, newest message first; the cursor is the
// conversation's id.
func (s *Sandbox) byThread(a *account) func(string) (iter.Seq2[string, *person], bool) {
	return func(after string) (iter.Seq2[string, *person], bool) {
		at := a.threads.Front()
		if after != "" {
			p := s.threads[after]
			if p == nil || p.account != a {
				return nil, false
			}
			at = p.inThreads.Next()
		}
		return func(yield func(string, *person) bool) {
			for e := at; e != nil; e = e.Next() {
				if !yield(e.Value.(*person).threadID, e.Value.(*person)) {
					return
				}
			}
		}, true
	}
}

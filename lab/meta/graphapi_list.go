package meta

import (
	"encoding/base64"
	"fmt"
	"iter"
	"net/url"
	"strconv"
	"strings"
)

// field is one name of a "fields" parameter with its arguments and nested fields:
// comments.limit(10).after(MQ){id,message}.
type field struct {
	name string
	args map[string]string // limit, after, filter, order
	sub  []field
	raw  string // the text between the braces
}

// parseFields reads a "fields" parameter.
func parseFields(text string) ([]field, error) {
	p := fieldParser{text: text}
	fields, err := p.list()
	if err == nil && p.position < len(text) {
		err = fmt.Errorf("unexpected %q at character %d", text[p.position], p.position)
	}
	if err != nil {
		return nil, fmt.Errorf("syntax error in fields: %w", err)
	}
	return fields, nil
}

type fieldParser struct {
	text     string
	position int
}

func (p *fieldParser) list() ([]field, error) {
	var fields []field
	for {
		f, err := p.field()
		if err != nil {
			return nil, err
		}
		fields = append(fields, f)
		if !p.accept(',') {
			return fields, nil
		}
	}
}

func (p *fieldParser) field() (field, error) {
	f := field{name: p.name()}
	if f.name == "" {
		return f, fmt.Errorf("a field name is missing at character %d", p.position)
	}
	for p.accept('.') {
		name := p.name()
		end := strings.IndexByte(p.text[p.position:], ')')
		if !p.accept('(') || end < 0 {
			return f, fmt.Errorf("%q needs an argument in parentheses", name)
		}
		if f.args == nil {
			f.args = map[string]string{}
		}
		f.args[name] = p.text[p.position : p.position+end-1]
		p.position += end
	}
	if !p.accept('{') {
		return f, nil
	}
	start := p.position
	sub, err := p.list()
	if err != nil {
		return f, err
	}
	f.sub, f.raw = sub, p.text[start:p.position]
	if !p.accept('}') {
		return f, fmt.Errorf("%q has no closing brace", f.name)
	}
	return f, nil
}

func (p *fieldParser) name() string {
	p.skipSpaces()
	start := p.position
	for p.position < len(p.text) && (p.text[p.position] == '_' || '0' <= p.text[p.position] && p.text[p.position] <= '9' || 'a' <= p.text[p.position]|0x20 && p.text[p.position]|0x20 <= 'z') {
		p.position++
	}
	word := p.text[start:p.position]
	p.skipSpaces()
	return word
}

func (p *fieldParser) skipSpaces() {
	for p.position < len(p.text) && p.text[p.position] == ' ' {
		p.position++
	}
}

func (p *fieldParser) accept(b byte) bool {
	p.skipSpaces()
	if p.position < len(p.text) && p.text[p.position] == b {
		p.position++
		return true
	}
	return false
}

// object is a Graph object with the requested fields.
type object map[string]any

// selectFields builds the object of v with the wanted fields, or with Meta's defaults
// if none are named. The id is always included; a field without a value never is.
func selectFields[T any](v T, want []field, defaults []string, get func(T, field) (any, *graphError)) (object, *graphError) {
	if len(want) == 0 {
		for _, name := range defaults {
			want = append(want, field{name: name})
		}
	}
	o := object{}
	for _, f := range append(want[:len(want):len(want)], field{name: "id"}) {
		value, refused := get(v, f)
		if refused != nil {
			return nil, refused
		}
		if value != nil && value != "" {
			o[f.name] = value
		}
	}
	return o, nil
}

// errNoField is Meta's error for a field that a kind of object does not have.
func errNoField(name, of string) *graphError {
	return errParameter(fmt.Sprintf("Tried accessing nonexisting field (%s) on node type (%s)", name, of))
}

// parseLimit reads a limit parameter. Missing and invalid ones give defaultLimit,
// larger ones maxLimit.
func parseLimit(text string, defaultLimit, maxLimit int) int {
	n, err := strconv.Atoi(text)
	if err != nil || n <= 0 {
		return defaultLimit
	}
	return min(n, maxLimit)
}

// listRequest is a request for a list: an edge in the path, or a field with a list
// inside another object.
type listRequest struct {
	fields []field
	args   func(name string) string
	query  url.Values // what the next link repeats
}

// edgeRequest reads a list request from the call's own parameters.
func (c *call) edgeRequest() listRequest {
	query := url.Values{}
	for name, value := range c.params {
		if name != "after" && name != "__paging_token" && name != "access_token" && name != "appsecret_proof" {
			query.Set(name, value)
		}
	}
	return listRequest{fields: c.fields, args: func(name string) string { return c.params[name] }, query: query}
}

// nestedRequest reads a list request from the arguments of a field.
func nestedRequest(f field) listRequest {
	query := url.Values{"pretty": {"0"}}
	if f.raw != "" {
		query.Set("fields", f.raw)
	}
	for name, value := range f.args {
		if name != "after" {
			query.Set(name, value)
		}
	}
	return listRequest{fields: f.sub, args: func(name string) string { return f.args[name] }, query: query}
}

// listing is a paged list of the graph.
type listing[T any] struct {
	path         string // "<node>/<edge>"
	defaultLimit int    // limit when the caller names none
	maxLimit     int
	iterate      func(cursor string) (iter.Seq2[string, T], bool) // what follows a cursor, "" is the start
	visible      func(T) bool                                     // what is not shown still takes its place on the page
	read         func(T, []field) (object, *graphError)
}

// page returns one page of the list. As at Meta, a page can be short or empty and still
// have a next one, and the next link carries the access token.
func (e listing[T]) page(c *call, r listRequest) (any, *graphError) {
	limit := parseLimit(r.args("limit"), e.defaultLimit, e.maxLimit)
	cursor := r.args("after")
	if cursor == "" {
		cursor = r.args("__paging_token")
	}
	if cursor == loopCursor {
		cursor = ""
	}
	rest, ok := e.iterate(cursor)
	if !ok {
		return nil, errParameter("Invalid cursors values were passed in")
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
		if !e.visible(v) {
			continue
		}
		o, refused := e.read(v, r.fields)
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

// pageByTime changes the lists in an answer to paging by time, as some of Meta's have:
// the next link has until and a token, and there are no cursors.
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

// loopCursor is the cursor that restarts a list at its first page.
const loopCursor = "Y2lyY2xl"

// pageInLoop lets a list continue at its first page after its end (the fault "circle").
func (c *call) pageInLoop(body any) {
	list, _ := body.(object)
	paging, _ := list["paging"].(object)
	if paging == nil || paging["next"] != nil {
		return
	}
	query := c.edgeRequest().query
	query.Set("access_token", c.token)
	query.Set("after", loopCursor)
	paging["cursors"] = object{"before": loopCursor, "after": loopCursor}
	paging["next"] = c.base + "/" + c.version + "/" + strings.Join(c.path, "/") + "?" + query.Encode()
}

// byIndex iterates over a list by index. The cursor is the index and stays valid while
// the list grows at its end.
func byIndex[T any](items []T, newestFirst bool) func(string) (iter.Seq2[string, T], bool) {
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

// byNewestMessage iterates over an account's conversations, newest message first. The
// cursor is the conversation's id.
func (s *Sandbox) byNewestMessage(a *account) func(string) (iter.Seq2[string, *person], bool) {
	return func(after string) (iter.Seq2[string, *person], bool) {
		at := a.conversations.Front()
		if after != "" {
			p := s.conversations[after]
			if p == nil || p.account != a {
				return nil, false
			}
			at = p.listElement.Next()
		}
		return func(yield func(string, *person) bool) {
			for e := at; e != nil; e = e.Next() {
				if !yield(e.Value.(*person).conversationID, e.Value.(*person)) {
					return
				}
			}
		}, true
	}
}

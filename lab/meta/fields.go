package meta

import (
	"fmt"
	"strconv"
	"strings"
)

// field is one name of a "fields" parameter, with what stands behind it:
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
	if err == nil && p.at < len(text) {
		err = fmt.Errorf("unexpected %q at character %d", text[p.at], p.at)
	}
	if err != nil {
		return nil, fmt.Errorf("syntax error in fields: %w", err)
	}
	return fields, nil
}

type fieldParser struct {
	text string
	at   int
}

func (p *fieldParser) list() ([]field, error) {
	var fields []field
	for {
		f, err := p.field()
		if err != nil {
			return nil, err
		}
		fields = append(fields, f)
		if !p.take(',') {
			return fields, nil
		}
	}
}

func (p *fieldParser) field() (field, error) {
	f := field{name: p.word()}
	if f.name == "" {
		return f, fmt.Errorf("a field name is missing at character %d", p.at)
	}
	for p.take('.') {
		name := p.word()
		end := strings.IndexByte(p.text[p.at:], ')')
		if !p.take('(') || end < 0 {
			return f, fmt.Errorf("%q needs an argument in parentheses", name)
		}
		if f.args == nil {
			f.args = map[string]string{}
		}
		f.args[name] = p.text[p.at : p.at+end-1]
		p.at += end
	}
	if !p.take('{') {
		return f, nil
	}
	start := p.at
	sub, err := p.list()
	if err != nil {
		return f, err
	}
	f.sub, f.raw = sub, p.text[start:p.at]
	if !p.take('}') {
		return f, fmt.Errorf("%q has no closing brace", f.name)
	}
	return f, nil
}

func (p *fieldParser) word() string {
	p.spaces()
	start := p.at
	for p.at < len(p.text) && (p.text[p.at] == '_' || '0' <= p.text[p.at] && p.text[p.at] <= '9' || 'a' <= p.text[p.at]|0x20 && p.text[p.at]|0x20 <= 'z') {
		p.at++
	}
	word := p.text[start:p.at]
	p.spaces()
	return word
}

func (p *fieldParser) spaces() {
	for p.at < len(p.text) && p.text[p.at] == ' ' {
		p.at++
	}
}

func (p *fieldParser) take(b byte) bool {
	p.spaces()
	if p.at < len(p.text) && p.text[p.at] == b {
		p.at++
		return true
	}
	return false
}

// object is a Graph object with the fields that were asked for.
type object map[string]any

// project builds the object of v with the wanted fields, or Meta's own choice
// when none are named. The id is always there; a field without a value is not.
func project[T any](v T, want []field, usual []string, get func(T, field) (any, *refusal)) (object, *refusal) {
	if len(want) == 0 {
		for _, name := range usual {
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

// noField is Meta's answer to a field that a kind of object does not have.
func noField(name, of string) *refusal {
	return badParameter(fmt.Sprintf("Tried accessing nonexisting field (%s) on node type (%s)", name, of))
}

// limitOf reads a limit; what is missing or silly is usual, and most is the most.
func limitOf(text string, usual, most int) int {
	n, err := strconv.Atoi(text)
	if err != nil || n <= 0 {
		return usual
	}
	return min(n, most)
}

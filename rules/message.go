package rules

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/privatereply/privatereply"
)

// maxVariants is how many texts one field may have to choose from.
const maxVariants = 20

// message is what a rule sends, with its placeholders found.
type message struct {
	texts        []template // variants; none: no text is proposed
	buttons      []template // the texts that taps on buttons send; nil for one that opens a URL
	quickReplies []template // those of quick replies; nil for one that sends nothing
	public       []template // variants of the public reply
}

// Variant is the one that was chosen for a comment among those of a field.
type Variant struct {
	Number int `json:"number"` // from 1
	Of     int `json:"of"`
}

// choose picks a variant for c: the same one each time the comment is decided.
func choose(c privatereply.Comment, field string, n int) int {
	sum := sha256.Sum256([]byte(c.TapKey() + "\n" + field))
	return int(binary.BigEndian.Uint64(sum[:]) % uint64(n))
}

// pick is the template for c, and which of several it is.
func pick(variants []template, c privatereply.Comment, field string) (template, Variant) {
	switch n := len(variants); n {
	case 0:
		return nil, Variant{}
	case 1:
		return variants[0], Variant{}
	default:
		i := choose(c, field, n)
		return variants[i], Variant{i + 1, n}
	}
}

// write puts what r sends for a comment into e's decision.
func (r rule) write(e *Explanation, in Input) {
	p, v, d := in.Comment.Platform, valuesOf(in), &e.Decision
	limits := privatereply.LimitsOf(p)
	m := r.parts(func(t template) string {
		return t.render(p, v, func(text string) error { return limits.CheckText(p, text) })
	})
	var t template
	t, e.TextVariant = pick(r.message.texts, in.Comment, textField[r.Action])
	d.Text = t.render(p, v, func(text string) error {
		m.Text = text
		return limits.CheckMessage(p, m)
	})
	d.Buttons, d.QuickReplies = m.Buttons, m.QuickReplies
	t, e.PublicVariant = pick(r.message.public, in.Comment, "public")
	d.PublicText = t.render(p, v, func(text string) error { return privatereply.CheckPublicText(p, text) })
	d.Hide, d.Once = r.Hide, r.Once
	if p == privatereply.Instagram && len(d.QuickReplies) > 0 {
		e.Remarks = append(e.Remarks, privatereply.MessageRequestsRemark)
	}
}

// parts are the buttons and quick replies of r, with the texts of taps filled by fill.
func (r rule) parts(fill func(template) string) privatereply.Message {
	m := privatereply.Message{Buttons: slices.Clone(r.Buttons), QuickReplies: slices.Clone(r.QuickReplies)}
	for i, t := range r.message.buttons {
		m.Buttons[i].Then = fill(t)
	}
	for i, t := range r.message.quickReplies {
		m.QuickReplies[i].Then = fill(t)
	}
	return m
}

// longestParts are the parts of r with the longest values on platform p.
func (r rule) longestParts(p privatereply.Platform) privatereply.Message {
	return r.parts(func(t template) string { return t.longest(p) })
}

// Remarks says what people should know of rules that load, in the order of the file.
func (s *Set) Remarks() []string {
	var remarks []string
	for _, r := range s.rules {
		if len(r.QuickReplies) > 0 && slices.Contains(r.where(), privatereply.Instagram) {
			remarks = append(remarks, fmt.Sprintf("rule %q, quick_replies: %s", r.Name, privatereply.MessageRequestsRemark))
		}
	}
	return remarks
}

// where lists the platforms on which r can match.
func (r rule) where() []privatereply.Platform {
	if r.condition == nil {
		return privatereply.Platforms
	}
	return r.condition.platforms
}

// message reads what r sends beside its text, and checks all of it on the platforms where r
// can match. Texts are the variants of its text.
func (d rawRule) message(r *rule, texts []string, ps *problems) {
	where := r.where()
	before := len(*ps)
	d.buttons(r, where, ps)
	d.quickReplies(r, where, ps)
	add := d.reporter(ps)
	if len(*ps) == before {
		checkEach(where, nil, add, func(p privatereply.Platform) error {
			return privatereply.LimitsOf(p).CheckParts(p, r.longestParts(p))
		})
	}
	partsFit := len(*ps) == before
	r.message.texts = d.templates(textField[r.Action], texts, where, add, func(p privatereply.Platform, text string) error {
		m := privatereply.Message{}
		if partsFit { // otherwise their problems have been said
			m = r.longestParts(p)
		}
		m.Text = text
		return privatereply.LimitsOf(p).CheckMessage(p, m)
	})
	r.Public = d.texts("public", "write what to post under the comment", add)
	r.message.public = d.templates("public", r.Public, where, add, func(p privatereply.Platform, text string) error {
		if err := privatereply.CheckPublicText(p, text); err != nil {
			return fmt.Errorf("text: %w", err)
		}
		return nil
	})
}

// checkEach adds what check finds on each of the platforms, once. The errors of check begin
// with their field; t is the text that was counted.
func checkEach(where []privatereply.Platform, t template, add reportFunc, check func(privatereply.Platform) error) {
	said := map[string]bool{}
	for _, p := range where {
		err := check(p)
		if err == nil || said[err.Error()] {
			continue
		}
		said[err.Error()] = true
		field, message, _ := strings.Cut(err.Error(), ": ")
		if errors.Is(err, privatereply.ErrText) {
			if t.hasPlaceholders() {
				message += ", counted with the longest values of its placeholders"
			}
			message += "; shorten it"
		}
		add(field, message)
	}
}

// texts reads a text, or a list of variants.
func (d rawRule) texts(field, help string, add reportFunc) []string {
	node, ok := d.fields[field]
	if !ok {
		return nil
	}
	list, ok := node.(*ast.SequenceNode)
	if !ok {
		if text := parseText(node, field, help, add); text != "" {
			return []string{text}
		}
		return nil
	}
	switch n := len(list.Values); {
	case n == 0:
		add(field, "the list is empty; "+help)
		return nil
	case n > maxVariants:
		add(field, fmt.Sprintf("there are %d variants; at most %d", n, maxVariants))
		return nil
	}
	var texts []string
	for i, node := range list.Values {
		variant := fmt.Sprintf("%s[%d]", field, i)
		d.fields[variant] = node
		if text := parseText(node, variant, help, add); text != "" {
			texts = append(texts, text)
		}
	}
	if len(texts) < len(list.Values) {
		return nil // their numbers would be wrong
	}
	return texts
}

// templates parses the variants of a field and checks each.
func (d rawRule) templates(field string, texts []string, where []privatereply.Platform, add reportFunc, check func(privatereply.Platform, string) error) []template {
	var all []template
	_, several := d.fields[field].(*ast.SequenceNode)
	for i, text := range texts {
		variant := field
		if several {
			variant = fmt.Sprintf("%s[%d]", field, i)
		}
		t := parseCheckedTemplate(text, func(message string) { add(variant, message) })
		if t == nil {
			continue
		}
		inVariant := func(_, message string) { add(variant, message) }
		checkEach(where, t, inVariant, func(p privatereply.Platform) error { return check(p, t.longest(p)) })
		all = append(all, t)
	}
	return all
}

func (d rawRule) buttons(r *rule, where []privatereply.Platform, ps *problems) {
	asMessage := func(items []privatereply.Button) privatereply.Message { return privatereply.Message{Buttons: items} }
	r.Buttons, r.message.buttons = d.items("buttons", []string{"title", "url", "then"}, where, asMessage, ps)
}

func (d rawRule) quickReplies(r *rule, where []privatereply.Platform, ps *problems) {
	asMessage := func(items []privatereply.Button) (m privatereply.Message) {
		for _, item := range items {
			m.QuickReplies = append(m.QuickReplies, privatereply.QuickReply{Title: item.Title, Then: item.Then})
		}
		return m
	}
	var items []privatereply.Button
	items, r.message.quickReplies = d.items("quick_replies", []string{"title", "then"}, where, asMessage, ps)
	r.QuickReplies = asMessage(items).QuickReplies
}

// items reads a list of what can be tapped and checks each item by itself, as the message
// that asMessage makes of it. The templates are of their then.
func (d rawRule) items(field string, known []string, where []privatereply.Platform, asMessage func([]privatereply.Button) privatereply.Message, ps *problems) (items []privatereply.Button, thens []template) {
	node, ok := d.fields[field]
	if !ok {
		return nil, nil
	}
	add := d.reporter(ps)
	list, ok := node.(*ast.SequenceNode)
	if !ok || len(list.Values) == 0 {
		add(field, "it must be a list; begin each item with a dash, as in - title: Send me the list")
		return nil, nil
	}
	before := len(*ps)
	if n := len(list.Values); n > privatereply.MaxQuickReplies { // more than there can be of anything
		checkEach(where, nil, add, func(p privatereply.Platform) error {
			return privatereply.LimitsOf(p).CheckParts(p, asMessage(make([]privatereply.Button, n)))
		})
		return nil, nil
	}
	for i, node := range list.Values {
		at := fmt.Sprintf("%s[%d]", field, i)
		d.fields[at] = node
		item, then := d.item(at, known, where, asMessage, ps)
		items, thens = append(items, item), append(thens, then)
	}
	if len(*ps) > before {
		return nil, nil
	}
	return items, thens
}

// item reads one thing to tap, at a field such as buttons[0].
func (d rawRule) item(at string, known []string, where []privatereply.Platform, asMessage func([]privatereply.Button) privatereply.Message, ps *problems) (item privatereply.Button, then template) {
	add := d.reporter(ps)
	before := len(*ps)
	fields, ok := parseFields(d.fields[at], d.label(), at+".", known, ps)
	if !ok {
		add(at, "it has no fields; begin it with - title: and put its other fields below, indented alike")
		return item, nil
	}
	for _, f := range []struct {
		name, help string
		text       *string
	}{
		{"title", "write what the person reads on it", &item.Title},
		{"url", "write the address that it opens", &item.URL},
		{"then", "write the text that a tap sends", &item.Then},
	} {
		node, ok := fields[f.name]
		if !ok {
			continue
		}
		field := at + "." + f.name
		d.fields[field] = node
		*f.text = parseText(node, field, f.help, add)
		if f.name != "then" && strings.Contains(*f.text, "{{") {
			add(field, "only texts have placeholders; write what is the same for everybody")
		}
	}
	if item.Then != "" {
		then = parseCheckedTemplate(item.Then, func(message string) { add(at+".then", message) })
	}
	if len(*ps) > before {
		return item, nil
	}
	here := func(field, message string) { // of the only item of a message
		_, below, _ := strings.Cut(field, "[0]")
		add(at+below, message)
	}
	checkEach(where, then, here, func(p privatereply.Platform) error {
		longest := item
		longest.Then = then.longest(p)
		return privatereply.LimitsOf(p).CheckParts(p, asMessage([]privatereply.Button{longest}))
	})
	return item, then
}

package rules

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/reload"
)

const (
	maxFileBytes = 1 << 20
	maxRules     = 500
)

// Set is a rules file that was loaded. It never changes and is safe for use by
// several goroutines.
type Set struct {
	sha256   string
	fallback privatereply.Action
	rules    []rule
	words    map[string][]term // the constant words in the conditions, split into terms
}

// Rule is a rule as it stands in the file.
type Rule struct {
	Name   string                `json:"name"`
	When   string                `json:"when,omitempty"` // CEL; empty: always
	Action privatereply.Action   `json:"action"`
	Text   string                `json:"text,omitempty"` // with its placeholders; of variants the first
	Hold   privatereply.Duration `json:"hold,omitempty"`
	Paused bool                  `json:"paused,omitempty"` // a person decides what it would send by itself

	Variants     []string                  `json:"variants,omitempty"` // where it has more than one text
	Buttons      []privatereply.Button     `json:"buttons,omitempty"`
	QuickReplies []privatereply.QuickReply `json:"quick_replies,omitempty"`
	Public       []string                  `json:"public,omitempty"` // the variants of the public reply
	Hide         bool                      `json:"hide,omitempty"`
	Once         privatereply.Once         `json:"once,omitempty"`
}

// rule is a Rule that is ready to run.
type rule struct {
	Rule
	condition *condition // nil: always
	message   message
}

// Load reads the rules file at path. The error of a file that can be read but has
// something wrong in it is a *LoadError, which lists everything.
func Load(path string) (*Set, error) {
	data, err := read(path)
	if err != nil {
		return nil, err
	}
	return Parse(filepath.Base(path), data)
}

// read stops a little after the largest file that Parse accepts.
func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read rules: %w", err)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("read rules: %w", err)
	}
	return data, nil
}

// Parse reads a rules file from data; name stands for the file in errors.
func Parse(name string, data []byte) (*Set, error) {
	s := &Set{sha256: reload.SHA256(data), words: map[string][]term{}}
	var ps problems
	file := parseRawFile(data, &ps)
	s.fallback = file.fallback
	for _, d := range file.rules {
		r := d.rule(&ps)
		if r.condition != nil {
			maps.Copy(s.words, r.condition.words)
		}
		s.rules = append(s.rules, r)
	}
	checkOrder(s.rules, file.rules, &ps)
	checkCost(s.rules, file.rules, &ps)
	if err := ps.err(name); err != nil {
		return nil, err
	}
	return s, nil
}

// SHA256 is the hash of the file's bytes, in hexadecimal. Decisions carry it, so
// that the rules behind an old one can be found again.
func (s *Set) SHA256() string { return s.sha256 }

// Rules lists the rules in the order in which they are tried.
func (s *Set) Rules() []Rule {
	rules := make([]Rule, len(s.rules))
	for i, r := range s.rules {
		rules[i] = r.Rule
	}
	return rules
}

// maxNesting is how deep YAML may nest. A rules file needs three levels; the
// parser takes quadratic time for hostile ones.
const maxNesting = 20

// rawFile is the YAML of a rules file, split into rules.
type rawFile struct {
	fallback privatereply.Action
	rules    []rawRule
}

// rawRule is the YAML of one rule, split into fields.
type rawRule struct {
	number int // from 1
	line   int
	fields map[string]ast.Node
}

const quoteIt = `put the text in quotes: "…"`

// parseRawFile splits the YAML into rules, and adds to ps what does not belong there.
func parseRawFile(data []byte, ps *problems) rawFile {
	f := rawFile{fallback: privatereply.ActionAsk}
	root := parseYAML(data, ps)
	if root == nil {
		return f
	}
	fields, ok := parseFields(root, "", "", []string{"default", "rules"}, ps)
	if !ok {
		ps.add(Problem{Line: lineOf(root), Message: "the file must have the fields default and rules, each on its own line and followed by a colon"})
		return f
	}
	if node, ok := fields["default"]; ok {
		switch action := privatereply.Action(scalar(node)); action {
		case privatereply.ActionAsk, privatereply.ActionIgnore:
			f.fallback = action
		default:
			ps.add(Problem{Line: lineOf(node), Column: columnOf(node), Field: "default", Message: fmt.Sprintf("%s is not a default; write ask (a person decides) or ignore", quotedNode(node))})
		}
	}
	if node, ok := fields["rules"]; ok {
		f.rules = parseRawRules(node, ps)
	}
	return f
}

func parseRawRules(node ast.Node, ps *problems) []rawRule {
	if _, empty := node.(*ast.NullNode); empty {
		return nil
	}
	sequence, ok := node.(*ast.SequenceNode)
	if !ok {
		ps.add(Problem{Line: lineOf(node), Field: "rules", Message: "it must be a list; begin each rule with a dash, as in - name: price"})
		return nil
	}
	if n := len(sequence.Values); n > maxRules {
		ps.add(Problem{Line: lineOf(node), Field: "rules", Message: fmt.Sprintf("there are %d rules; %d is the most. One rule can look for many words: says(text, [\"…\", \"…\"])", n, maxRules)})
		return nil
	}
	var drafts []rawRule
	for i, value := range sequence.Values {
		d := rawRule{number: i + 1, line: lineOf(value)}
		if d.fields, ok = parseFields(value, "#"+strconv.Itoa(d.number), "", ruleFields, ps); !ok {
			ps.add(Problem{Line: d.line, Rule: "#" + strconv.Itoa(d.number), Message: "it has no fields; begin it with - name: and put its other fields below, indented alike"})
			continue
		}
		drafts = append(drafts, d)
	}
	return drafts
}

// parseFields returns the fields of a mapping by name, or false if node is none. Problems
// name the rule, and a field with what it stands under.
func parseFields(node ast.Node, rule, under string, known []string, ps *problems) (map[string]ast.Node, bool) {
	mapping, ok := node.(ast.MapNode)
	if !ok {
		return nil, false
	}
	fields := map[string]ast.Node{}
	for it := mapping.MapRange(); it.Next(); {
		name := it.Key().GetToken().Value
		p := Problem{Line: lineOf(it.Key()), Column: columnOf(it.Key()), Rule: rule, Field: under + name}
		switch {
		case !slices.Contains(known, name):
			p.Message = "there is no such field; the fields are " + strings.Join(known, ", ")
			ps.add(p)
		case fields[name] != nil:
			p.Message = fmt.Sprintf("it stands here for the second time (first in line %d); remove one", lineOf(fields[name]))
			ps.add(p)
		default:
			fields[name] = it.Value()
		}
	}
	return fields, true
}

// parseYAML gives the root of the only document in data, or nil after adding to ps
// why there is none.
func parseYAML(data []byte, ps *problems) ast.Node {
	refuse := func(line int, message string) ast.Node {
		ps.add(Problem{Line: line, Message: message})
		return nil
	}
	if len(data) > maxFileBytes {
		return refuse(0, fmt.Sprintf("the file is larger than %d KiB", maxFileBytes>>10))
	}
	if !utf8.Valid(data) {
		return refuse(0, "the file is not UTF-8; save it with the encoding UTF-8")
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))             // Windows editors begin a file with it
	data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")) // the parser counts a comment's end twice
	if i := bytes.IndexFunc(data, isForbidden); i >= 0 {
		r, _ := utf8.DecodeRune(data[i:])
		return refuse(1+bytes.Count(data[:i], []byte("\n")), fmt.Sprintf("there is an invisible control character (%U); remove it", r))
	}
	tokens := lexer.Tokenize(string(data))
	if at := excessiveNestingLine(tokens); at > 0 {
		return refuse(at, "brackets or dashes are nested too deep; a rules file is a plain list of rules")
	}
	parsed, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		var syntax yaml.Error
		if !errors.As(err, &syntax) {
			return refuse(0, "it is not valid YAML: "+err.Error())
		}
		at := syntax.GetToken().Position
		ps.add(Problem{Line: at.Line, Column: at.Column, Message: "it is not valid YAML: " + syntax.GetMessage() + "; " + yamlHint(syntax.GetMessage())})
		return nil
	}
	var root ast.Node
	for _, doc := range parsed.Docs {
		if doc.Body == nil {
			continue
		}
		if root != nil {
			return refuse(lineOf(doc.Body), "a second document begins here (after ---); write everything into one")
		}
		root = doc.Body
	}
	if root == nil {
		return refuse(0, "the file is empty; the shortest one says default: ask")
	}
	return root
}

func yamlHint(message string) string {
	if strings.Contains(message, "'\t'") {
		return "indent with spaces, not with tabs"
	}
	return "indent the fields of a rule alike, and put text with special characters in quotes"
}

// excessiveNestingLine is the line where tokens nest deeper than maxNesting, or 0.
func excessiveNestingLine(tokens token.Tokens) int {
	brackets, dashes, dashLine := 0, 0, 0
	for _, t := range tokens {
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			brackets++
		case token.SequenceEndType, token.MappingEndType:
			brackets--
		case token.SequenceEntryType:
			if t.Position.Line != dashLine {
				dashes, dashLine = 0, t.Position.Line
			}
			dashes++
		}
		if brackets > maxNesting || dashes > maxNesting {
			return t.Position.Line
		}
	}
	return 0
}

// isForbidden reports whether r is a control character that YAML does not allow.
func isForbidden(r rune) bool {
	return r < ' ' && r != '\n' && r != '\r' && r != '\t' || r >= 0x7f && r < 0xa0 && r != 0x85
}

// lineOf is where node begins in the file.
func lineOf(node ast.Node) int {
	if t := node.GetToken(); t != nil && t.Position != nil {
		return t.Position.Line
	}
	return 0
}

// columnOf is where node begins in its line, in characters from 1.
func columnOf(node ast.Node) int {
	if t := node.GetToken(); t != nil && t.Position != nil {
		return t.Position.Column
	}
	return 0
}

// scalar is the text of a scalar without surrounding space, or empty if node is no text.
func scalar(node ast.Node) string {
	switch n := node.(type) {
	case *ast.StringNode:
		return strings.TrimSpace(n.Value)
	case *ast.LiteralNode:
		return strings.TrimSpace(n.Value.Value)
	}
	return ""
}

// isText reports whether node is a text, which it is not if it looks like a number,
// like true, or has a special meaning in YAML.
func isText(node ast.Node) bool {
	switch node.(type) {
	case *ast.StringNode, *ast.LiteralNode:
		return true
	}
	return false
}

// isEmpty reports whether node has no text.
func isEmpty(node ast.Node) bool {
	_, null := node.(*ast.NullNode)
	return null || isText(node) && scalar(node) == ""
}

// quotedNode is node as it was written, for messages.
func quotedNode(node ast.Node) string {
	s := scalar(node)
	if !isText(node) {
		s = strings.TrimSpace(node.String())
	}
	return strconv.Quote(privatereply.CutText(s, 60))
}

// Problem is one thing that is wrong in a rules file, in words for the person who
// wrote it.
type Problem struct {
	Line    int    `json:"line,omitempty"`   // from 1; 0 when it concerns the whole file
	Column  int    `json:"column,omitempty"` // from 1, in characters; 0 when it concerns the whole line
	Rule    string `json:"rule,omitempty"`   // the rule's name, or "#3" when it has no usable one
	Field   string `json:"field,omitempty"`
	Message string `json:"message"`
}

// String is p on one line, or on several when it shows where in a condition
// something is wrong.
func (p Problem) String() string {
	var where []string
	if p.Line > 0 {
		where = append(where, fmt.Sprintf("line %d", p.Line))
	}
	if p.Rule != "" {
		where = append(where, "rule "+p.Rule)
	}
	if p.Field != "" {
		where = append(where, p.Field)
	}
	if len(where) == 0 {
		return p.Message
	}
	return strings.Join(where, ", ") + ": " + p.Message
}

// LoadError lists everything that is wrong in a rules file.
type LoadError struct {
	File     string    `json:"file"`
	Problems []Problem `json:"problems"`
}

func (e *LoadError) Error() string {
	var b strings.Builder
	if n := len(e.Problems); n == 1 {
		fmt.Fprintf(&b, "%s has a problem:", e.File)
	} else {
		fmt.Fprintf(&b, "%s has %d problems:", e.File, n)
	}
	for _, p := range e.Problems {
		b.WriteString("\n  " + strings.ReplaceAll(p.String(), "\n", "\n    "))
	}
	return b.String()
}

// problems collects what is wrong while a file is read.
type problems []Problem

func (ps *problems) add(p Problem) { *ps = append(*ps, p) }

// err is nil when nothing was wrong.
func (ps problems) err(file string) error {
	if len(ps) == 0 {
		return nil
	}
	slices.SortStableFunc(ps, func(a, b Problem) int { return a.Line - b.Line })
	return &LoadError{File: file, Problems: ps}
}

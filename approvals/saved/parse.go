package saved

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

const (
	maxFileBytes = 1 << 20
	maxReplies   = 500
	// maxNesting is how deep YAML may nest: a list of replies with a list of accounts. The
	// parser takes quadratic time for hostile files.
	maxNesting = 4
)

// Problem is one thing that is wrong in the file.
type Problem struct {
	Line    int // from 1; 0 when it concerns the whole file
	Message string
}

func (p Problem) String() string {
	if p.Line == 0 {
		return p.Message
	}
	return fmt.Sprintf("line %d: %s", p.Line, p.Message)
}

// LoadError lists everything that is wrong in a file, by line.
type LoadError struct {
	File     string
	Problems []Problem
}

func (e *LoadError) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return e.File + ": " + strings.Join(lines, "; ")
}

// entry is a reply with the line where it begins.
type entry struct {
	Reply
	line int
}

// Parse reads a file of saved replies; name stands for it in errors, which are a *LoadError.
// An empty file has none.
func Parse(name string, data []byte) ([]Reply, error) {
	list, err := parse(name, data)
	if err != nil {
		return nil, err
	}
	var all []Reply
	for _, e := range list {
		all = append(all, e.Reply)
	}
	return all, nil
}

func parse(name string, data []byte) ([]entry, error) {
	p := &fileParser{}
	list := p.list(data)
	if len(p.problems) > 0 {
		slices.SortStableFunc(p.problems, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
		return nil, &LoadError{name, p.problems}
	}
	return list, nil
}

// fileParser collects what is wrong while a file is read.
type fileParser struct{ problems []Problem }

func (p *fileParser) add(line int, format string, args ...any) {
	p.problems = append(p.problems, Problem{line, fmt.Sprintf(format, args...)})
}

const shape = "the file is a list of replies, each with - name: and text:"

func (p *fileParser) list(data []byte) []entry {
	switch {
	case len(data) > maxFileBytes:
		p.add(0, "the file is larger than %d KiB", maxFileBytes>>10)
		return nil
	case !utf8.Valid(data):
		p.add(0, "the file is not UTF-8; save it with the encoding UTF-8")
		return nil
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
	if i := bytes.IndexFunc(data, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r == 0x7f }); i >= 0 {
		p.add(1+bytes.Count(data[:i], []byte("\n")), "there is an invisible control character; remove it")
		return nil
	}
	tokens := lexer.Tokenize(string(data))
	if !p.plain(tokens) {
		return nil
	}
	parsed, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		var syntax yaml.Error
		if errors.As(err, &syntax) {
			p.add(syntax.GetToken().Position.Line, "it is not valid YAML: %s; indent the fields of a reply alike, and put text with special characters in quotes", syntax.GetMessage())
		} else {
			p.add(0, "it is not valid YAML: %v", err)
		}
		return nil
	}
	var list []entry
	documents := 0
	for _, doc := range parsed.Docs {
		if _, empty := doc.Body.(*ast.NullNode); doc.Body == nil || empty {
			continue
		}
		if documents++; documents > 1 {
			p.add(lineOf(doc.Body), "a second document begins here (after ---); write everything into one")
			return nil
		}
		sequence, ok := doc.Body.(*ast.SequenceNode)
		if !ok {
			if _, comments := doc.Body.(*ast.CommentGroupNode); !comments {
				p.add(lineOf(doc.Body), shape)
			}
			continue
		}
		if n := len(sequence.Values); n > maxReplies {
			p.add(lineOf(sequence), "there are %d replies; %d are the most", n, maxReplies)
			return nil
		}
		for _, node := range sequence.Values {
			list = append(list, p.reply(node))
		}
	}
	names := map[string]int{}
	for _, e := range list {
		key := strings.ToLower(e.Name)
		if first, there := names[key]; there && key != "" {
			p.add(e.line, "the reply in line %d is called %q already; every reply needs a name of its own", first, e.Name)
		}
		names[key] = e.line
	}
	return list
}

// plain refuses what no list of replies needs, before the parser sees it.
func (p *fileParser) plain(tokens token.Tokens) bool {
	brackets, dashes, dashLine := 0, 0, 0
	for _, t := range tokens {
		line := t.Position.Line
		switch t.Type {
		case token.AnchorType, token.AliasType, token.MergeKeyType:
			p.add(line, "& and * have a special meaning at the beginning of a value; put the text in quotes")
			return false
		case token.SequenceStartType, token.MappingStartType:
			brackets++
		case token.SequenceEndType, token.MappingEndType:
			brackets--
		case token.SequenceEntryType:
			if line != dashLine {
				dashes, dashLine = 0, line
			}
			dashes++
		}
		if brackets > maxNesting || dashes > maxNesting {
			p.add(line, "brackets or dashes are nested too deep; "+shape)
			return false
		}
	}
	return true
}

var fields = []string{"name", "text", "accounts", "language"}

func (p *fileParser) reply(node ast.Node) entry {
	e := entry{line: lineOf(node)}
	mapping, ok := node.(ast.MapNode)
	if !ok {
		p.add(e.line, "it has no fields; begin a reply with - name: and put text: below, indented alike")
		return e
	}
	at := map[string]int{}
	wrong := map[string]bool{} // said already
	for it := mapping.MapRange(); it.Next(); {
		key, value := it.Key().GetToken().Value, it.Value()
		line := lineOf(it.Key())
		e.line = min(e.line, line)
		if at[key] > 0 {
			p.add(line, "%s stands here for the second time; remove one", key)
			continue
		}
		at[key] = line
		switch key {
		case "name":
			e.Name, ok = text(value)
		case "text":
			e.Text, ok = text(value)
		case "language":
			e.Language, ok = text(value)
		case "accounts":
			e.Accounts, ok = texts(value)
		default:
			p.add(line, "there is no field %q; the fields are %s", key, strings.Join(fields, ", "))
			continue
		}
		if !ok {
			wrong[key] = true
			p.add(line, "%s: it is not a text to YAML; put it in quotes", key)
		}
	}
	for _, found := range e.problems() {
		if !wrong[found.field] {
			p.add(cmp.Or(at[found.field], e.line), "%s: %v", found.field, found.err)
		}
	}
	return e
}

func lineOf(node ast.Node) int {
	if t := node.GetToken(); t != nil && t.Position != nil {
		return t.Position.Line
	}
	return 0
}

// text is the text in a node, without the space around it.
func text(node ast.Node) (string, bool) {
	switch n := node.(type) {
	case *ast.StringNode:
		return strings.TrimSpace(n.Value), true
	case *ast.LiteralNode:
		return strings.TrimSpace(n.Value.Value), true
	}
	return "", false
}

// texts is a list of texts; an account's id may stand there as a number.
func texts(node ast.Node) ([]string, bool) {
	sequence, ok := node.(*ast.SequenceNode)
	if !ok {
		return nil, false
	}
	var all []string
	for _, value := range sequence.Values {
		s, ok := text(value)
		if number, isNumber := value.(*ast.IntegerNode); isNumber {
			s, ok = number.Token.Value, true
		}
		if !ok {
			return nil, false
		}
		all = append(all, s)
	}
	return all, true
}

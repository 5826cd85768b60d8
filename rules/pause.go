package rules

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// ErrNoRule is the error of SetPaused when no rule has the name.
var ErrNoRule = errors.New("the rules file has no rule of this name")

// SetPaused returns data, a rules file that loads, with one rule paused or resumed. It
// changes a line and leaves all else as people wrote it. The new file was loaded, and differs
// in nothing but the pause; where that cannot be had the error says what to write by hand.
func SetPaused(data []byte, name string, paused bool) ([]byte, error) {
	before, err := Parse("the rules file", data)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(before.rules, func(r rule) bool { return r.Name == name })
	switch {
	case at < 0:
		return nil, ErrNoRule
	case before.rules[at].Paused == paused:
		return data, nil
	}
	var ps problems // none: the file loads
	lines := strings.SplitAfter(string(data), "\n")
	if !setPaused(lines, parseRawFile(data, &ps).rules[at].fields, paused) {
		return nil, errPauseByHand(name, paused)
	}
	changed := []byte(strings.Join(lines, ""))
	after, err := Parse("the rules file", changed)
	if err != nil {
		return nil, errPauseByHand(name, paused)
	}
	want := before.Rules()
	want[at].Paused = paused
	if !reflect.DeepEqual(after.Rules(), want) || after.fallback != before.fallback {
		return nil, errPauseByHand(name, paused)
	}
	return changed, nil
}

func errPauseByHand(name string, paused bool) error {
	if paused {
		return fmt.Errorf("the file is written in a way that this cannot change; write paused: true into the rule %s yourself", name)
	}
	return fmt.Errorf("the file is written in a way that this cannot change; remove paused: true from the rule %s yourself", name)
}

// setPaused edits the lines of a file, or reports false if it does not know how.
func setPaused(lines []string, fields map[string]ast.Node, paused bool) bool {
	if node, there := fields["paused"]; there {
		return replacePaused(lines, node, paused)
	}
	name := fields["name"].GetToken()
	if name.Position.Line > len(lines) {
		return false
	}
	line := &lines[name.Position.Line-1]
	// The field comes below the name, under its first letter.
	runes := []rune(*line)
	column := 0
	for column < len(runes) && (runes[column] == ' ' || runes[column] == '-') {
		column++
	}
	if column == len(runes) || runes[column] == '{' {
		return false
	}
	end := "\n"
	if strings.HasSuffix(*line, "\r\n") {
		end = "\r\n"
	}
	if !strings.HasSuffix(*line, "\n") {
		*line += end
	}
	*line += strings.Repeat(" ", column) + "paused: true" + end
	return true
}

// replacePaused changes a field that is there. To resume, its line goes where nothing else
// stands in it.
func replacePaused(lines []string, node ast.Node, paused bool) bool {
	at := node.GetToken().Position
	if at.Line > len(lines) {
		return false
	}
	line := &lines[at.Line-1]
	was, is := "false", "true"
	if !paused {
		was, is = is, was
	}
	if !paused && strings.TrimSpace(*line) == "paused: true" {
		*line = ""
		return true
	}
	runes := []rune(*line)
	if at.Column < 1 || at.Column > len(runes) || !strings.HasPrefix(string(runes[at.Column-1:]), was) {
		return false
	}
	*line = string(runes[:at.Column-1]) + is + strings.TrimPrefix(string(runes[at.Column-1:]), was)
	return true
}

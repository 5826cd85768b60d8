package config

import (
	"errors"
	"fmt"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

// allMistakes lists everything that is wrong in an accounts file which does not decode: the
// decoder stops at the first mistake, and people who mend a file want to know all. Each
// field of each account is decoded alone. Where that finds nothing, the mistake is elsewhere,
// and first says it.
func allMistakes(path string, data []byte, first error) error {
	first = fmt.Errorf("%s: %w", path, first)
	var doc struct {
		Accounts []ast.Node `yaml:"accounts"`
	}
	if yaml.Unmarshal(data, &doc) != nil {
		return first
	}
	var problems []error
	for n, node := range doc.Accounts {
		if node == nil {
			problems = append(problems, fmt.Errorf("%s: accounts: entry %d is empty", path, n+1))
			continue
		}
		account, wrong := decodeFields(node)
		if len(wrong) == 0 {
			_, wrong = account.read()
			for i, err := range wrong {
				wrong[i] = fmt.Errorf("line %d, accounts[%d]: %w", node.GetToken().Position.Line, n, err)
			}
		}
		for _, err := range wrong {
			problems = append(problems, fmt.Errorf("%s: %w", path, err))
		}
	}
	if len(problems) == 0 {
		return first
	}
	return errors.Join(problems...)
}

// decodeFields decodes an account field by field, with an error for each that does not.
func decodeFields(node ast.Node) (account accountYAML, wrong []error) {
	entry, ok := node.(*ast.MappingNode)
	if !ok {
		if err := yaml.NodeToValue(node, &account, yaml.Strict()); err != nil {
			wrong = append(wrong, yamlError(err))
		}
		return account, wrong
	}
	for _, field := range entry.Values {
		one := ast.Mapping(entry.Start, entry.IsFlowStyle, field)
		if err := yaml.NodeToValue(one, new(accountYAML), yaml.Strict()); err != nil {
			wrong = append(wrong, yamlError(err))
		}
	}
	if len(wrong) == 0 {
		if err := yaml.NodeToValue(node, &account, yaml.Strict()); err != nil {
			wrong = append(wrong, yamlError(err))
		}
	}
	return account, wrong
}

package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"github.com/privatereply/privatereply"
)

// accountKey is what no two accounts may share.
type accountKey struct {
	platform privatereply.Platform
	id       string
}

// accountSet is an accounts file that was read.
type accountSet struct {
	order   []privatereply.Account
	entries map[accountKey]accountEntry
	removed map[accountKey]removedAccount // that earlier versions of the file had
}

// removedAccount is an account that was taken out of the file, and when that was seen.
type removedAccount struct {
	account privatereply.Account
	at      time.Time
}

// withRemoved remembers in s what the version before it had, and s has not.
func (s accountSet) withRemoved(before accountSet, now time.Time) accountSet {
	s.removed = map[accountKey]removedAccount{}
	remember := func(key accountKey, g removedAccount) {
		if _, stays := s.entries[key]; !stays && now.Sub(g.at) < removedGrace {
			s.removed[key] = g
		}
	}
	for key, g := range before.removed {
		remember(key, g)
	}
	for key, entry := range before.entries {
		remember(key, removedAccount{entry.account, now})
	}
	return s
}

type accountEntry struct {
	account privatereply.Account
	sources secretSources
}

func loadAccounts(path string, data []byte) (accountSet, error) {
	accounts, lines, err := decodeAccounts(data)
	if err != nil {
		return accountSet{}, fmt.Errorf("%s: %w", path, err)
	}
	set := accountSet{entries: map[accountKey]accountEntry{}}
	var problems []error
	first := map[accountKey]int{}
	for i, y := range accounts {
		if y.Login == "" && y.Platform == privatereply.Facebook {
			y.Login = privatereply.LoginFacebook
		}
		entry, wrong := y.read()
		key := accountKey{y.Platform, y.ID}
		if line, twice := first[key]; twice && y.ID != "" {
			wrong = append(wrong, fmt.Errorf("id: %s %s is listed twice, first in line %d", y.Platform, y.ID, line))
		} else {
			first[key] = lines[i]
		}
		for _, err := range wrong {
			problems = append(problems, fmt.Errorf("%s: line %d, accounts[%d]: %w", path, lines[i], i, err))
		}
		set.entries[key] = entry
		set.order = append(set.order, entry.account)
	}
	if len(problems) > 0 {
		return accountSet{}, errors.Join(problems...)
	}
	return set, nil
}

// decodeAccounts gives the accounts of a file and the lines they begin in.
func decodeAccounts(data []byte) (accounts []accountYAML, lines []int, err error) {
	var doc struct {
		Accounts []accountYAML `yaml:"accounts"`
	}
	dec := yaml.NewDecoder(bytes.NewReader(data), yaml.Strict())
	if err := dec.Decode(&doc); err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, yamlError(err)
	}
	if dec.Decode(new(any)) == nil {
		return nil, nil, errors.New("there is a second document (after ---); write everything into one")
	}
	if len(doc.Accounts) == 0 {
		return nil, nil, errors.New("accounts: list at least one account")
	}
	var nodes struct {
		Accounts []ast.Node `yaml:"accounts"`
	}
	if err := yaml.Unmarshal(data, &nodes); err != nil {
		return nil, nil, yamlError(err)
	}
	for n, node := range nodes.Accounts {
		if node == nil {
			return nil, nil, fmt.Errorf("accounts: entry %d is empty", n+1)
		}
		lines = append(lines, node.GetToken().Position.Line)
	}
	return doc.Accounts, lines, nil
}

// yamlError says what is wrong in YAML and where. It quotes nothing of the file:
// somebody may have written a token there.
func yamlError(err error) error {
	var at yaml.Error
	if !errors.As(err, &at) || at.GetToken() == nil {
		return errors.New("it is not valid YAML")
	}
	message := at.GetMessage()
	var wrongType *yaml.TypeError
	if errors.As(err, &wrongType) {
		switch wrongType.DstType.Kind() {
		case reflect.Bool:
			message = "write true or false"
		case reflect.Float64:
			message = "write a number"
		default:
			message = "write a text, in quotes"
		}
	}
	return fmt.Errorf("line %d: %s", at.GetToken().Position.Line, message)
}

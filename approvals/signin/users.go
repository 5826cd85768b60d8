// Package signin authenticates the users of the approvals desk: people with a named token,
// or users that a trusted proxy names. It has their sessions and roles, and knows nothing
// of replies.
package signin

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml"

	"github.com/privatereply/privatereply/internal/reload"
)

// maxNameChars is the longest name of an approver that a reply accepts.
const maxNameChars = 100

// Users is the users file, read again when it changes.
type Users struct{ file *reload.File[[]userEntry] }

// userEntry is one user of the file. A user without a token can sign in only through a
// trusted proxy.
type userEntry struct {
	User
	hash  []byte
	slack string // the id in Slack; empty: none
}

// OpenUsers reads the users file at path.
func OpenUsers(path string) (*Users, error) {
	file, err := reload.Open(path, loadUsers, nil)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("users file %s does not exist: make its first entry with `approvals user NAME --role admin >> %[1]s`", path)
	}
	if err != nil {
		return nil, err
	}
	return &Users{file}, nil
}

// Err says why the newest version of the file is not in force.
func (u *Users) Err() error {
	if u == nil {
		return nil
	}
	return u.file.Err()
}

// All lists the users in the order of the file.
func (u *Users) All() []User {
	if u == nil {
		return nil
	}
	var all []User
	for _, e := range u.file.Current() {
		all = append(all, e.User)
	}
	return all
}

// CheckAccounts says which accounts of the file are none that known knows. Their users see
// nothing of them.
func (u *Users) CheckAccounts(known func(idOrName string) bool) error {
	var problems []error
	for _, user := range u.All() {
		for _, account := range user.Accounts {
			if !known(account) {
				problems = append(problems, fmt.Errorf("user %q: accounts: no account has the id or name %q", user.Name, account))
			}
		}
	}
	return errors.Join(problems...)
}

// byName finds the entry of a user.
func (u *Users) byName(name string) (userEntry, bool) {
	if u == nil {
		return userEntry{}, false
	}
	for _, e := range u.file.Current() {
		if e.Name == name {
			return e, true
		}
	}
	return userEntry{}, false
}

// BySlack finds the user with an id in Slack.
func (u *Users) BySlack(id string) (User, bool) {
	if u == nil || id == "" {
		return User{}, false
	}
	for _, e := range u.file.Current() {
		if e.slack == id {
			return e.User, true
		}
	}
	return User{}, false
}

// byToken finds the user of a token. Tokens are long and random, so that one round of
// SHA-256 is enough.
func (u *Users) byToken(token string) (found userEntry, ok bool) {
	if u == nil || token == "" {
		return userEntry{}, false
	}
	hash := sha256.Sum256([]byte(token))
	for _, e := range u.file.Current() {
		if len(e.hash) > 0 && subtle.ConstantTimeCompare(e.hash, hash[:]) == 1 {
			found, ok = e, true
		}
	}
	return found, ok
}

type userYAML struct {
	Name        string    `yaml:"name"`
	Role        string    `yaml:"role"`
	Accounts    *[]string `yaml:"accounts,omitempty"`
	Slack       string    `yaml:"slack,omitempty"`
	TokenSHA256 string    `yaml:"token_sha256"`
}

func loadUsers(path string, data []byte) ([]userEntry, error) {
	var list []userYAML
	dec := yaml.NewDecoder(bytes.NewReader(data), yaml.Strict())
	if err := dec.Decode(&list); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: it is not a list of users with name, role, accounts and token_sha256: %s", path, firstLine(err))
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%s: there is no user in it; make one with `approvals user NAME --role admin >> %[1]s`", path)
	}
	var all []userEntry
	var problems []error
	seen := map[string]bool{}
	for i, y := range list {
		e, err := y.entry()
		switch {
		case err != nil:
		case seen[y.Name]:
			err = fmt.Errorf("name: %q is there twice", y.Name)
		case e.slack != "" && slices.ContainsFunc(all, func(o userEntry) bool { return o.slack == e.slack }):
			err = fmt.Errorf("slack: %q is there twice", e.slack)
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: user %d: %w", path, i+1, err))
		}
		seen[y.Name] = true
		all = append(all, e)
	}
	return all, errors.Join(problems...)
}

// firstLine drops the source that the YAML library quotes below its message: it may contain
// a token.
func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

func (y userYAML) entry() (userEntry, error) {
	var e userEntry
	if err := checkName(y.Name); err != nil {
		return e, err
	}
	if err := e.Role.UnmarshalText([]byte(y.Role)); err != nil {
		return e, fmt.Errorf("role: %w", err)
	}
	e.Name = y.Name
	if y.Accounts != nil {
		// An empty list would be all accounts, which nobody means who writes it.
		if len(*y.Accounts) == 0 || slices.ContainsFunc(*y.Accounts, func(a string) bool { return strings.TrimSpace(a) != a || a == "" }) {
			return e, errors.New("accounts: write ids or names of the accounts file; without the field the user sees all accounts")
		}
		e.Accounts = *y.Accounts
	}
	if y.Slack != "" && !slackID.MatchString(y.Slack) {
		return e, fmt.Errorf("slack: %q is not the id of a person in Slack, such as U0123ABCD; their profile has it under \"Copy member ID\"", y.Slack)
	}
	e.slack = y.Slack
	if y.TokenSHA256 == "" {
		return e, nil
	}
	hash, err := hex.DecodeString(y.TokenSHA256)
	if err != nil || len(hash) != sha256.Size {
		return e, errors.New("token_sha256: it is not a SHA-256 in 64 hexadecimal digits; `approvals user` writes one")
	}
	e.hash = hash
	return e, nil
}

// slackID is the form of a person's id in Slack.
var slackID = regexp.MustCompile(`^[UW][A-Z0-9]{2,30}$`)

func checkName(name string) error {
	switch n := utf8.RuneCountInString(name); {
	case n == 0 || strings.TrimSpace(name) != name:
		return fmt.Errorf("name: %q is empty or has spaces around it", name)
	case n > maxNameChars:
		return fmt.Errorf("name: it has %d characters; at most %d", n, maxNameChars)
	case strings.ContainsFunc(name, func(r rune) bool { return unicode.Is(unicode.C, r) }):
		return errors.New("name: it has a control character; write a plain name")
	}
	return nil
}

// tokenPrefix is the beginning of every token.
const tokenPrefix = "desk-"

// NewUser makes a token for a user, and the entry for the users file, which has only its
// hash.
func NewUser(name string, role Role) (token, lines string, err error) {
	if err := checkName(name); err != nil {
		return "", "", err
	}
	token = tokenPrefix + rand.Text() // 128 bits and more
	hash := sha256.Sum256([]byte(token))
	entry, err := yaml.Marshal([]userYAML{{Name: name, Role: string(role), TokenSHA256: hex.EncodeToString(hash[:])}})
	return token, string(entry), err
}

// Role is a set of rights. Each role has those of the one before it.
type Role string

// The roles: to read; to propose, note and assign; to decide; to end other people's sessions.
const (
	Viewer   Role = "viewer"
	Writer   Role = "writer"
	Approver Role = "approver"
	Admin    Role = "admin"
)

var roles = []Role{Viewer, Writer, Approver, Admin}

// UnmarshalText reads a role.
func (r *Role) UnmarshalText(text []byte) error {
	if !slices.Contains(roles, Role(text)) {
		return fmt.Errorf("%q is not a role; write viewer, writer, approver or admin", text)
	}
	*r = Role(text)
	return nil
}

// MarshalText writes a role.
func (r Role) MarshalText() ([]byte, error) { return []byte(r), nil }

// User is a signed-in user. Name is the approver of their decisions.
type User struct {
	Name string
	Role Role
	// Accounts are the ids or names of the accounts that the user sees and decides; empty:
	// all.
	Accounts []string
}

// May reports whether the user may do what role may.
func (u User) May(role Role) bool { return slices.Index(roles, u.Role) >= slices.Index(roles, role) }

// Sees reports whether the user sees the account with an id and a name.
func (u User) Sees(id, name string) bool {
	return len(u.Accounts) == 0 || slices.Contains(u.Accounts, id) || slices.Contains(u.Accounts, name)
}

// CanPropose reports whether the user may write proposals and notes, and assign replies.
func (u User) CanPropose() bool { return u.May(Writer) }

// CanDecide reports whether the user may approve, reject and write.
func (u User) CanDecide() bool { return u.May(Approver) }

// IsAdmin reports whether the user may end other people's sessions.
func (u User) IsAdmin() bool { return u.May(Admin) }

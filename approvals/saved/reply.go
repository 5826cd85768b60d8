// Package saved has the team's saved replies: texts that somebody who writes to a person puts
// into an editor. They stand in a file of their own, which people edit by hand or at the desk.
package saved

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/reload"
	"github.com/privatereply/privatereply/rules"
)

const (
	maxNameChars = 60
	maxAccounts  = 100
)

// Reply is a saved reply.
type Reply struct {
	Name     string   `yaml:"name" json:"name"`
	Text     string   `yaml:"text" json:"text"`                                  // with its placeholders
	Accounts []string `yaml:"accounts,omitempty,flow" json:"accounts,omitempty"` // ids or names; none: all
	Language string   `yaml:"language,omitempty" json:"language,omitempty"`      // as in "en" or "pt-BR"; for people
}

// SHA256 changes with anything in the reply.
func (r Reply) SHA256() string {
	return reload.SHA256([]byte(strings.Join(append([]string{r.Name, r.Text, r.Language}, r.Accounts...), "\x00")))
}

// Equal reports whether two replies are the same.
func (r Reply) Equal(o Reply) bool {
	return r.Name == o.Name && r.Text == o.Text && r.Language == o.Language && slices.Equal(r.Accounts, o.Accounts)
}

// For reports whether the reply is for an account.
func (r Reply) For(a privatereply.Account) bool {
	return len(r.Accounts) == 0 || slices.Contains(r.Accounts, a.ID) || slices.Contains(r.Accounts, a.Name)
}

// Fill is the text with its placeholders filled in. The fallback stands in for a name that
// Meta does not give, or with which the text would be too long.
func (r Reply) Fill(a privatereply.Account, username string) string {
	text := fill(r.Text, rules.CleanName(username), a.Name)
	if privatereply.CheckText(a.Platform, text) != nil {
		return fill(r.Text, "", a.Name)
	}
	return text
}

var placeholder = regexp.MustCompile(`\{\{([^{}]*)\}\}`)

const placeholderHelp = `write {{username|there}} for the person's name, where "there" stands in when Meta gives none, or {{account}} for the account's name`

// parsePlaceholder splits what stands between the braces.
func parsePlaceholder(inside string) (name, fallback string) {
	name, fallback, _ = strings.Cut(inside, "|")
	return strings.TrimSpace(name), strings.TrimSpace(fallback)
}

func fill(text, username, account string) string {
	return placeholder.ReplaceAllStringFunc(text, func(s string) string {
		name, fallback := parsePlaceholder(s[2 : len(s)-2])
		switch {
		case name == "account":
			return account
		case username != "":
			return username
		}
		return fallback
	})
}

func checkPlaceholders(text string) error {
	for _, m := range placeholder.FindAllStringSubmatch(text, -1) {
		switch name, fallback := parsePlaceholder(m[1]); {
		case name == "account" && strings.Contains(m[1], "|"):
			return errors.New("{{account}} needs nothing in its place: every account has a name")
		case name == "account":
		case name != "username":
			return fmt.Errorf("there is no placeholder %s; %s", privatereply.CutText(m[0], 60), placeholderHelp)
		case fallback == "":
			return fmt.Errorf("the placeholder %s says nothing for a person whose name Meta does not give; %s", m[0], placeholderHelp)
		}
	}
	rest := placeholder.ReplaceAllString(text, "")
	if i := strings.Index(rest, "{{"); i >= 0 {
		return fmt.Errorf("the placeholder that begins with %q is not closed with }}; %s", privatereply.CutText(rest[i:], 30), placeholderHelp)
	}
	if strings.Contains(rest, "}}") {
		return fmt.Errorf("there is a }} that closes no placeholder; %s", placeholderHelp)
	}
	return nil
}

var languagePattern = regexp.MustCompile(`^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$`)

// fields are what can be wrong in a reply by itself, by field and in order.
func (r Reply) problems() (found []fieldError) {
	add := func(field string, err error) {
		if err != nil {
			found = append(found, fieldError{field, err})
		}
	}
	add("name", checkName(r.Name))
	add("text", r.checkText())
	if len(r.Accounts) > maxAccounts {
		add("accounts", fmt.Errorf("there are %d; %d are the most, and none means all", len(r.Accounts), maxAccounts))
	}
	for i, a := range r.Accounts {
		if strings.TrimSpace(a) == "" || slices.Contains(r.Accounts[:i], a) {
			add("accounts", fmt.Errorf("%q is empty or there twice; write ids or names of the accounts file", a))
		}
	}
	if r.Language != "" && !languagePattern.MatchString(r.Language) {
		add("language", fmt.Errorf("%q is not a language; write one such as en, de or pt-BR", privatereply.CutText(r.Language, 40)))
	}
	return found
}

// fieldError is what is wrong in a field.
type fieldError struct {
	field string
	err   error
}

func checkName(name string) error {
	switch n := utf8.RuneCountInString(name); {
	case strings.TrimSpace(name) == "":
		return errors.New("it is missing; give the reply a name by which people find it")
	case strings.TrimSpace(name) != name:
		return fmt.Errorf("%q has spaces around it", name)
	case n > maxNameChars:
		return fmt.Errorf("it has %d characters; at most %d", n, maxNameChars)
	case strings.ContainsFunc(name, isHidden):
		return errors.New("it has a character that nobody sees; write a plain name")
	}
	return nil
}

// isHidden reports whether r does not show, or turns around what stands beside it.
func isHidden(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }

func (r Reply) checkText() error {
	if strings.TrimSpace(r.Text) == "" {
		return errors.New("it is missing; write what the person will read")
	}
	if strings.ContainsFunc(r.Text, func(c rune) bool { return unicode.IsControl(c) && c != '\n' && c != '\t' }) {
		return errors.New("it has a control character; remove it")
	}
	if err := checkPlaceholders(r.Text); err != nil {
		return err
	}
	// Which accounts there are is not known here: it must fit one platform.
	var tooLong error
	for _, p := range privatereply.Platforms {
		account := privatereply.Account{Platform: p}
		err := r.fits(account)
		if err == nil {
			return nil
		}
		tooLong = err
	}
	return tooLong
}

// fits says why the text could not be sent for an account, counted with the longest name.
func (r Reply) fits(a privatereply.Account) error {
	longest := fill(r.Text, strings.Repeat("n", a.Platform.Facts().MaxNameChars), a.Name)
	err := privatereply.CheckText(a.Platform, longest)
	if err == nil {
		err = privatereply.CheckText(a.Platform, fill(r.Text, "", a.Name))
	}
	if err != nil {
		return fmt.Errorf("%w, counted with the longest possible name; shorten it", err)
	}
	return nil
}

// CheckFor says what is wrong in the reply where these are all accounts: a name of an account
// that is none, or a text that is too long for one it is for.
func (r Reply) CheckFor(accounts []privatereply.Account) error {
	var wrong []error
	for _, p := range r.problems() {
		wrong = append(wrong, fmt.Errorf("%s: %w", p.field, p.err))
	}
	if len(wrong) > 0 {
		return errors.Join(wrong...)
	}
	for _, name := range r.Accounts {
		if !slices.ContainsFunc(accounts, func(a privatereply.Account) bool { return a.ID == name || a.Name == name }) {
			wrong = append(wrong, fmt.Errorf("accounts: there is no account %q; write an id or a name of the accounts file", name))
		}
	}
	for _, a := range accounts {
		if !r.For(a) {
			continue
		}
		if err := r.fits(a); err != nil {
			wrong = append(wrong, fmt.Errorf("text: for %s: %w", a.Name, err))
			break
		}
	}
	return errors.Join(wrong...)
}

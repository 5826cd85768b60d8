package config

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
)

// Secret is a setting that cannot be printed.
type Secret string

// Format keeps the secret out of every verb.
func (Secret) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "a secret") }

// SecretList is a list of secrets, comma-separated. It cannot be printed.
type SecretList []string

// UnmarshalText refuses an empty secret: with it anybody could sign.
func (l *SecretList) UnmarshalText(text []byte) error {
	var list SecretList
	for part := range strings.SplitSeq(string(text), ",") {
		secret := strings.TrimSpace(part)
		if secret == "" {
			return errors.New("one of the secrets is empty; write secret,secret")
		}
		list = append(list, secret)
	}
	*l = list
	return nil
}

// Format keeps the secrets out of every verb.
func (l SecretList) Format(s fmt.State, _ rune) { _, _ = fmt.Fprintf(s, "%d secrets", len(l)) }

// fileSuffix ends the name of the variable that says in which file a secret is.
const fileSuffix = "_FILE"

// allowsFile reports whether a setting of type t may come from a file: what cannot
// be printed should not have to stand in the environment either.
func allowsFile(t reflect.Type) bool { return t.Implements(reflect.TypeFor[fmt.Formatter]()) }

// readSecretFiles adds to vars the secrets of T that are in files, as if their variables
// had been set. It returns the variables whose files cannot be read, and all that is
// wrong in words.
func readSecretFiles[T any](vars map[string]string) (unread map[string]bool, wrong []string) {
	unread = map[string]bool{}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[T]()) {
		name := variableOf(f)
		path := vars[name+fileSuffix]
		if name == "" || path == "" || !allowsFile(f.Type) {
			continue
		}
		if vars[name] != "" {
			wrong = append(wrong, fmt.Sprintf("%s and %s are both set: set one of them", name, name+fileSuffix))
			continue
		}
		secret, err := readSecretFile(path)
		if err != nil {
			delete(vars, name)
			unread[name] = true
			wrong = append(wrong, fmt.Sprintf("%s: %v", name+fileSuffix, err))
			continue
		}
		vars[name] = secret
	}
	return unread, wrong
}

// fileHint says of a secret that its variable may name a file instead.
func fileHint[T any](variable string) string {
	for _, f := range reflect.VisibleFields(reflect.TypeFor[T]()) {
		if variableOf(f) == variable && allowsFile(f.Type) {
			return ", or " + variable + fileSuffix + " to the path of a file that holds it"
		}
	}
	return ""
}

// variableOf is the full name of the variable that a field is read from, or empty.
func variableOf(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("env"), ",")
	if name == "" {
		return ""
	}
	return Prefix + name
}

package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"strings"

	"github.com/privatereply/privatereply"
)

// Secrets are what an account signs its calls with. They never leave the process
// but in a request to Meta, and cannot be printed or encoded.
type Secrets struct {
	Token     string
	AppSecret string // empty: no appsecret_proof
}

// Format keeps the secrets out of every verb.
func (Secrets) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "secrets of an account") }

// MarshalJSON fails: secrets in JSON would be on their way into a log or a history.
func (Secrets) MarshalJSON() ([]byte, error) { return nil, errors.New("secrets are never encoded") }

// Secrets reads the account's token and app secret. Files are read each time, so
// that a repaired token is used at once.
func (a *Accounts) Secrets(p privatereply.Platform, id string) (Secrets, error) {
	entry, ok := a.file.Current().entries[accountKey{p, id}]
	if !ok {
		return Secrets{}, fmt.Errorf("account %s %s is not in the accounts file", p, id)
	}
	var secrets Secrets
	var err error
	if entry.connection == nil {
		secrets, err = entry.sources.read()
	} else {
		secrets, err = a.folder.secrets(entry)
	}
	if err != nil {
		return Secrets{}, fmt.Errorf("account %s: %w", id, err)
	}
	return secrets, nil
}

// secretSources name the variables and files that hold an account's secrets.
type secretSources struct {
	TokenEnv      string `yaml:"token_env"`
	TokenFile     string `yaml:"token_file"`
	AppSecretEnv  string `yaml:"app_secret_env"`
	AppSecretFile string `yaml:"app_secret_file"`
	NotifyURLEnv  string `yaml:"notify_url_env"`
	NotifyURLFile string `yaml:"notify_url_file"`
}

// NotifyURL is the account's own address for notifications; empty: it has none, or is in no
// accounts file.
func (a *Accounts) NotifyURL(p privatereply.Platform, id string) (string, error) {
	entry, ok := a.file.Current().entries[accountKey{p, id}]
	if !ok || entry.sources.NotifyURLEnv == "" && entry.sources.NotifyURLFile == "" {
		return "", nil
	}
	text, err := readSecret("notify_url", entry.sources.NotifyURLEnv, entry.sources.NotifyURLFile)
	if err != nil {
		return "", fmt.Errorf("account %s: %w", id, err)
	}
	var address SecretURL
	if err := address.UnmarshalText([]byte(text)); err != nil {
		return "", fmt.Errorf("account %s: notify_url: %w", id, err)
	}
	return string(address), nil
}

func (p secretSources) read() (Secrets, error) {
	token, err := readSecret("token", p.TokenEnv, p.TokenFile)
	if err != nil {
		return Secrets{}, err
	}
	appSecret, err := p.readAppSecret()
	if err != nil {
		return Secrets{}, err
	}
	return Secrets{Token: token, AppSecret: appSecret}, nil
}

// readAppSecret reads the account's own app secret; empty: it has none.
func (p secretSources) readAppSecret() (string, error) {
	if p.AppSecretEnv == "" && p.AppSecretFile == "" {
		return "", nil
	}
	return readSecret("app_secret", p.AppSecretEnv, p.AppSecretFile)
}

func readSecret(field, variable, file string) (string, error) {
	if variable != "" {
		if v := strings.TrimSpace(os.Getenv(variable)); v != "" {
			return v, nil
		}
		return "", fmt.Errorf("%s_env: the variable %s is not set, or empty", field, variable)
	}
	secret, err := readSecretFile(file)
	if err != nil {
		return "", fmt.Errorf("%s_file: %w", field, err)
	}
	return secret, nil
}

// readSecretFile reads the one line of a file, without the space around it.
func readSecretFile(path string) (string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	secret := strings.TrimSpace(string(b))
	switch {
	case secret == "":
		return "", fmt.Errorf("%s is empty", path)
	case strings.ContainsAny(secret, "\r\n"):
		return "", fmt.Errorf("%s has more than one line; write the secret into one", path)
	}
	return secret, nil
}

var (
	variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	// A token of Meta's is a long run of letters and digits; an app secret is 32
	// hexadecimal digits.
	secretForm = regexp.MustCompile(`^([0-9A-Za-z_|-]{65,}|[0-9a-f]{32})$`)
)

// problems lists what is wrong with p. A secret in the place of its variable's name is
// refused here and never printed: every later error would show it.
func (p secretSources) problems() []error {
	var wrong []error
	refuse := func(bad bool, message string) {
		if bad {
			wrong = append(wrong, errors.New(message))
		}
	}
	refuse((p.TokenEnv == "") == (p.TokenFile == ""), "token_env, token_file: give exactly one of them")
	refuse(p.AppSecretEnv != "" && p.AppSecretFile != "", "app_secret_env, app_secret_file: give at most one of them")
	refuse(p.NotifyURLEnv != "" && p.NotifyURLFile != "", "notify_url_env, notify_url_file: give at most one of them")
	refuse(p.NotifyURLEnv != "" && !variableName.MatchString(p.NotifyURLEnv), "notify_url_env: write the name of an environment variable, not the address itself")
	refuse(strings.Contains(p.NotifyURLFile, "://"), "notify_url_file: write the path of a file, not the address itself")
	for _, place := range []struct{ field, env, file string }{
		{"token", p.TokenEnv, p.TokenFile},
		{"app_secret", p.AppSecretEnv, p.AppSecretFile},
	} {
		refuse(place.env != "" && (!variableName.MatchString(place.env) || secretForm.MatchString(place.env)),
			place.field+"_env: write the name of an environment variable, not the secret itself")
		refuse(secretForm.MatchString(place.file),
			place.field+"_file: write the path of a file, not the secret itself")
	}
	return wrong
}

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

// allowsFile reports whether a setting of type t may come from a file. Secrets, which
// are the types with a Format method, may: the environment is easy to read.
func allowsFile(t reflect.Type) bool { return t.Implements(reflect.TypeFor[fmt.Formatter]()) }

// readSecretFiles adds to vars the secrets of T that are in files, as if their variables
// had been set. It returns the variables whose files cannot be read, and a sentence for
// each problem.
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

// fileHint is the part of an error about a missing secret that names its _FILE variable.
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

package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/privatereply/privatereply"
)

// Token is an access token with its life, as Meta gave it. It cannot be printed or encoded.
type Token struct {
	Value     Secret
	IssuedAt  time.Time     // UTC
	ExpiresAt time.Time     // UTC; zero: it has no end
	Life      time.Duration // 0: it has no end
}

// NewToken is a token that Meta has just given. Life 0: it has no end.
func NewToken(value string, now time.Time, life time.Duration) Token {
	t := Token{Value: Secret(value), IssuedAt: now.UTC().Truncate(time.Second), Life: life}
	if life > 0 {
		t.ExpiresAt = t.IssuedAt.Add(life)
	}
	return t
}

// Format keeps the token out of every verb.
func (Token) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "a token") }

// MarshalJSON fails: only a token file holds it.
func (Token) MarshalJSON() ([]byte, error) { return nil, errors.New("a token is never encoded") }

// tokenFile is the content of a token file, encrypted (Key, Sealed) or in clear.
type tokenFile struct {
	Token       string `json:"token,omitempty"`
	IssuedAt    string `json:"issued_at,omitempty"`
	ExpiresAt   string `json:"expires_at,omitempty"`
	LifeSeconds int64  `json:"life_seconds,omitempty"`

	Key    string `json:"key,omitempty"`
	Sealed []byte `json:"sealed,omitempty"`
}

// readToken reads a token file. Its errors hold nothing of the file.
func (f *folder) readToken(path string) (Token, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Token{}, fmt.Errorf("token_file: %s is missing: connect the account again", path)
	}
	if err != nil {
		return Token{}, fmt.Errorf("token_file: %w", err)
	}
	var file tokenFile
	if json.Unmarshal(data, &file) != nil {
		return Token{}, fmt.Errorf("token_file: %s is not a token file: connect the account again", path)
	}
	if file.Key != "" {
		if f.keys == nil {
			return Token{}, fmt.Errorf("token_file: %s is encrypted with key %q: set %sENCRYPTION_KEYS", path, file.Key, Prefix)
		}
		clear, err := f.keys.Open(file.Key, file.Sealed, filepath.Base(path))
		if err != nil {
			return Token{}, fmt.Errorf("token_file: %s: %w", path, err)
		}
		file = tokenFile{}
		if json.Unmarshal(clear, &file) != nil {
			return Token{}, fmt.Errorf("token_file: %s is not a token file: connect the account again", path)
		}
	}
	t := Token{Value: Secret(file.Token), Life: time.Duration(file.LifeSeconds) * time.Second}
	t.IssuedAt, err = time.Parse(time.RFC3339, file.IssuedAt)
	if file.ExpiresAt != "" && err == nil {
		t.ExpiresAt, err = time.Parse(time.RFC3339, file.ExpiresAt)
	}
	if err != nil || file.Token == "" {
		return Token{}, fmt.Errorf("token_file: %s lacks a token or its times: connect the account again", path)
	}
	t.IssuedAt, t.ExpiresAt = t.IssuedAt.UTC(), t.ExpiresAt.UTC()
	return t, nil
}

// ReadToken reads the token of a connected account, as it is now.
func (w *Writer) ReadToken(p privatereply.Platform, id string) (Token, error) {
	_, path, err := w.folder.files(p, id)
	if err != nil {
		return Token{}, err
	}
	return w.folder.readToken(path)
}

// WriteToken replaces the token file of an account in one step, encrypted with the first key
// where there are keys.
func (w *Writer) WriteToken(p privatereply.Platform, id string, t Token) error {
	_, path, err := w.folder.files(p, id)
	if err != nil {
		return err
	}
	file := tokenFile{Token: string(t.Value), IssuedAt: t.IssuedAt.UTC().Format(time.RFC3339), LifeSeconds: int64(t.Life / time.Second)}
	if !t.ExpiresAt.IsZero() {
		file.ExpiresAt = t.ExpiresAt.UTC().Format(time.RFC3339)
	}
	data, err := json.Marshal(file)
	if err == nil && w.folder.keys != nil {
		var sealed tokenFile
		sealed.Key, sealed.Sealed = w.folder.keys.Seal(data, filepath.Base(path))
		data, err = json.Marshal(sealed)
	}
	if err != nil {
		return errors.New("the token could not be encoded")
	}
	if err := replaceFile(path, append(data, '\n')); err != nil {
		return w.folder.unwritable(err)
	}
	return nil
}

// WriteAccount writes the YAML of a connected account in one step. Of one that is there
// already it changes what the login says, and keeps the settings and comments of people.
func (w *Writer) WriteAccount(account privatereply.Account, connectedBy string, connectedAt time.Time) error {
	return w.edit(account.Platform, account.ID, true, func(fields yaml.MapSlice, token string) yaml.MapSlice {
		fields = setField(fields, "platform", string(account.Platform))
		fields = setField(fields, "id", account.ID)
		if account.Name != "" && !hasField(fields, "name") {
			fields = setField(fields, "name", account.Name)
		}
		fields = setField(fields, "login", string(account.Login))
		fields = setField(fields, "page_id", account.PageID)
		fields = setField(fields, "token_env", "")
		fields = setField(fields, "token_file", filepath.Base(token))
		fields = setField(fields, "connected_by", connectedBy)
		return setField(fields, "connected_at", connectedAt.UTC().Format(time.RFC3339))
	})
}

// PauseAutomatic pauses a connected account's automatic replies, or resumes them. What a
// rule would send by itself waits for a person meanwhile.
func (w *Writer) PauseAutomatic(p privatereply.Platform, id string, paused bool) error {
	return w.edit(p, id, false, func(fields yaml.MapSlice, _ string) yaml.MapSlice {
		if fields = setField(fields, "automatic_replies", ""); paused {
			fields = append(fields, yaml.MapItem{Key: "automatic_replies", Value: false})
		}
		return fields
	})
}

// edit changes fields of a connected account's YAML, in one step, and keeps what people
// wrote into it. Create says whether the file may be new.
func (w *Writer) edit(p privatereply.Platform, id string, create bool, change func(fields yaml.MapSlice, token string) yaml.MapSlice) error {
	path, token, err := w.folder.files(p, id)
	if err != nil {
		return err
	}
	comments := yaml.CommentMap{}
	var fields yaml.MapSlice
	data, err := os.ReadFile(path)
	if err != nil && !(create && errors.Is(err, fs.ErrNotExist)) {
		return err
	}
	if err := yaml.UnmarshalWithOptions(data, &fields, yaml.CommentToMap(comments)); err != nil {
		return fmt.Errorf("%s: %w; correct the file, or delete it", path, yamlError(err))
	}
	data, err = yaml.MarshalWithOptions(change(fields, token), yaml.WithComment(comments))
	if err != nil {
		return fmt.Errorf("%s: could not be encoded", path)
	}
	if _, err := decodeConnected(path, data); err != nil {
		return err
	}
	if err := replaceFile(path, data); err != nil {
		return w.folder.unwritable(err)
	}
	return nil
}

func hasField(fields yaml.MapSlice, name string) bool {
	for _, f := range fields {
		if f.Key == name {
			return true
		}
	}
	return false
}

// setField sets a field in its place, or behind the others; an empty value removes it.
func setField(fields yaml.MapSlice, name, value string) yaml.MapSlice {
	for i, f := range fields {
		switch {
		case f.Key != name:
		case value == "":
			return append(fields[:i:i], fields[i+1:]...)
		default:
			fields[i].Value = value
			return fields
		}
	}
	if value == "" {
		return fields
	}
	return append(fields, yaml.MapItem{Key: name, Value: value})
}

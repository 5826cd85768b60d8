package graph

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/privatereply/privatereply"
)

// Credentials are an account and what proves that the product may act for it.
// They cannot be printed, logged or encoded: each way shows the account only.
type Credentials struct {
	Account   privatereply.Account
	Token     string
	AppSecret string // optional; with it every call carries appsecret_proof
}

// String names the account and nothing else.
func (c Credentials) String() string {
	return fmt.Sprintf("credentials of %s %s", c.Account.Platform, c.Account.ID)
}

// Format keeps the secrets out of every verb, %d and %#v too.
func (c Credentials) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, c.String()) }

// GoString is String.
func (c Credentials) GoString() string { return c.String() }

// LogValue is String.
func (c Credentials) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalJSON fails: credentials in JSON would be on their way into a workflow's
// history.
func (c Credentials) MarshalJSON() ([]byte, error) {
	return nil, errors.New("graph: credentials are never encoded")
}

// proof is Meta's appsecret_proof, or empty without an app secret.
func (c Credentials) proof() string {
	if c.AppSecret == "" {
		return ""
	}
	mac := hmac.New(sha256.New, []byte(c.AppSecret))
	mac.Write([]byte(c.Token))
	return hex.EncodeToString(mac.Sum(nil))
}

// usable reports whether the token can stand in a header at all.
func (c Credentials) usable() bool {
	for _, r := range c.Token {
		if r <= ' ' || r > '~' {
			return false
		}
	}
	return c.Token != ""
}

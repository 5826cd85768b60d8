package codec

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"
)

// keyBytes is the size of an AES-256 key.
const keyBytes = 32

// Key is one encryption key. It prints as its id.
type Key struct {
	ID     string
	secret [keyBytes]byte
}

// String, GoString and Format would otherwise print the secret.
func (k Key) String() string { return "key " + k.ID }

// Format keeps the secret out of every verb.
func (k Key) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(k.String())) }

func (k Key) encode() string { return base64.StdEncoding.EncodeToString(k.secret[:]) }

var keyID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// ParseKeys reads "id:key,id:key": each key is 32 bytes in standard base64. No text
// gives no keys. Errors name the place and never the secret.
func ParseKeys(text string) ([]Key, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	var keys []Key
	seen := map[string]bool{}
	for i, pair := range strings.Split(text, ",") {
		id, secret, ok := strings.Cut(strings.TrimSpace(pair), ":")
		switch {
		case !ok:
			return nil, fmt.Errorf("key %d has no colon: write id:key, the key as 32 bytes in base64", i+1)
		case !keyID.MatchString(id):
			return nil, fmt.Errorf("key %d: its id must have 1 to 64 letters, digits, dots, dashes or underscores", i+1)
		case seen[id]:
			return nil, fmt.Errorf("key %d: the id %q stands there twice", i+1, id)
		}
		seen[id] = true
		b, err := base64.StdEncoding.DecodeString(secret)
		if err != nil || len(b) != keyBytes {
			return nil, fmt.Errorf("key %q is not 32 bytes in standard base64; make one with: openssl rand -base64 32", id)
		}
		keys = append(keys, Key{ID: id, secret: [keyBytes]byte(b)})
	}
	return keys, nil
}

package bridge

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"strings"
)

// secrets are the app secrets that may sign a delivery. An app with Instagram Login
// has two, and a secret that is being changed is another.
type secrets [][]byte

func newSecrets(all []string) secrets {
	s := make(secrets, len(all))
	for i, secret := range all {
		s[i] = []byte(secret)
	}
	return s
}

// parseSignature reads the header X-Hub-Signature-256: "sha256=" and 64 hexadecimal digits.
func parseSignature(header string) (sum [sha256Size]byte, ok bool) {
	digits, ok := strings.CutPrefix(header, "sha256=")
	if !ok || len(digits) != hex.EncodedLen(len(sum)) {
		return sum, false
	}
	_, err := hex.Decode(sum[:], []byte(digits))
	return sum, err == nil
}

// sha256Size is the length of a signature in bytes.
const sha256Size = sha256.Size

// signed reports whether sum is the signature of the raw body with any of the secrets.
func (s secrets) signed(body []byte, sum [sha256Size]byte) bool {
	_, ok := s.signer(body, sum)
	return ok
}

// signer is the secret that sum is the signature of a message with. It tries them all, so
// that its time does not tell which one.
func (s secrets) signer(message []byte, sum [sha256Size]byte) (secret []byte, ok bool) {
	found := -1
	for i, secret := range s {
		mac := hmac.New(sha256.New, secret)
		mac.Write(message)
		found = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(mac.Sum(nil), sum[:]), i, found)
	}
	if found < 0 {
		return nil, false
	}
	return s[found], true
}

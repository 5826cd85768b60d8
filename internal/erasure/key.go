package erasure

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"

	"github.com/privatereply/privatereply/internal/temporal/codec"
)

// personPrefix begins the message whose hash stands for a person.
const personPrefix = "privatereply/person/"

// Keys make the keyed hashes that stand for persons in the history of an erasure. With
// encryption keys a hash is an HMAC-SHA256 with the first of them, and those of the others
// are known as well; without any it is a plain SHA-256, which who knows the id can compute.
type Keys struct{ codec *codec.Codec }

// NewKeys makes keys of a codec; nil: nothing is encrypted.
func NewKeys(c *codec.Codec) Keys { return Keys{c} }

// Of is the hash that stands for the person with an id.
func (k Keys) Of(id string) string { return k.all(id)[0] }

// Match reports whether a hash stands for the person with an id.
func (k Keys) Match(id, key string) bool {
	for _, one := range k.all(id) {
		if one == key {
			return true
		}
	}
	return false
}

// all are the hashes that may stand for an id. The plain one is last: an erasure may have
// begun before there were keys.
func (k Keys) all(id string) []string {
	var all []string
	if k.codec != nil {
		for _, mac := range k.codec.MACs(personPrefix + id) {
			all = append(all, hex.EncodeToString(mac))
		}
	}
	plain := sha256.Sum256([]byte(personPrefix + id))
	return append(all, hex.EncodeToString(plain[:]))
}

// codeBytes is the size of a confirmation code: nobody guesses one.
const codeBytes = 15

// NewCode makes a confirmation code.
func NewCode() string {
	var b [codeBytes]byte
	_, _ = rand.Read(b[:]) // never fails: see crypto/rand
	return base32.StdEncoding.EncodeToString(b[:])
}

// CodeOf derives the confirmation code of a request that Meta has signed with an app secret:
// the same for every repeat, and for nobody else to guess.
func CodeOf(secret []byte, payload string) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte("privatereply/confirmation/" + payload))
	return base32.StdEncoding.EncodeToString(mac.Sum(nil)[:codeBytes])
}

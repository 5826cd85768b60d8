// Package personkey makes the search attribute that finds the replies to one person.
// Search attributes are stored in clear, and a person's id says who it is: so they hold a
// keyed hash.
package personkey

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/temporal/codec"
	"github.com/privatereply/privatereply/workflows"
)

const (
	// prefix begins the message that is hashed.
	prefix = "privatereply/person-key/"
	// fixedKey is the key where none is configured. Who knows a person's id can then compute
	// the hash.
	fixedKey = "privatereply"
	// keyBytes is what is kept of a hash: enough for no two persons to share one.
	keyBytes = 16
)

// Keys make the keys of persons: an HMAC-SHA256 of platform, account and person, 16 bytes in
// hex, keyed by the first encryption key. Those of the other encryption keys are known too,
// and that of the fixed key: a reply may have begun before there were keys.
type Keys struct{ codec *codec.Codec }

// New makes keys of a codec; nil: nothing is encrypted.
func New(c *codec.Codec) Keys { return Keys{c} }

// Of is the key that a new reply to a person gets.
func (k Keys) Of(p privatereply.Platform, account, person string) string {
	return k.All(p, account, person)[0]
}

// All are the keys that the replies to a person may have, that of new ones first.
func (k Keys) All(p privatereply.Platform, account, person string) []string {
	message := prefix + strings.Join([]string{string(p), account, person}, "/")
	var macs [][]byte
	if k.codec != nil {
		macs = k.codec.MACs(message)
	}
	fixed := hmac.New(sha256.New, []byte(fixedKey))
	fixed.Write([]byte(message))
	var all []string
	for _, mac := range append(macs, fixed.Sum(nil)) {
		all = append(all, hex.EncodeToString(mac[:keyBytes]))
	}
	return slices.Clip(all)
}

// Set adds the key of c's person to the options that start c's reply. Meta does not always
// name the person.
func (k Keys) Set(o *client.StartWorkflowOptions, c privatereply.Comment) {
	if c.PersonID == "" {
		return
	}
	o.TypedSearchAttributes = temporal.NewSearchAttributes(o.TypedSearchAttributes.Copy(),
		workflows.PersonKeyAttribute.ValueSet(k.Of(c.Platform, c.Account, c.PersonID)))
}

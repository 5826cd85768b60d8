// Package codec encrypts what the product gives to Temporal: inputs, results,
// messages, memos, summaries and the texts of failures.
//
// Workflow ids, search attributes and task queue names are never encrypted; the
// product puts only Meta's ids there.
package codec

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"fmt"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/proto"
)

const (
	metadataEncoding  = converter.MetadataEncoding
	metadataKeyID     = "encryption-key-id"
	encryptedEncoding = "binary/encrypted"
)

// Codec encrypts payloads with AES-256-GCM. Each carries the id of its key, so
// that keys can be changed while replies run: the first key encrypts, all decrypt.
type Codec struct {
	first string
	keys  map[string]cipher.AEAD
}

var _ converter.PayloadCodec = (*Codec)(nil)

// New makes a codec of keys, which ParseKeys read.
func New(keys []Key) (*Codec, error) {
	c := &Codec{first: keys[0].ID, keys: map[string]cipher.AEAD{}}
	for _, k := range keys {
		block, err := aes.NewCipher(k.secret[:])
		if err != nil {
			return nil, err
		}
		if c.keys[k.ID], err = cipher.NewGCMWithRandomNonce(block); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// Encode encrypts each payload, its metadata too.
func (c *Codec) Encode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	out := make([]*commonpb.Payload, len(payloads))
	for i, p := range payloads {
		clear, err := proto.Marshal(p)
		if err != nil {
			return nil, fmt.Errorf("encrypt: %w", err)
		}
		out[i] = &commonpb.Payload{
			Metadata: map[string][]byte{
				metadataEncoding: []byte(encryptedEncoding),
				metadataKeyID:    []byte(c.first),
			},
			// The key's id is authenticated with the text.
			Data: c.keys[c.first].Seal(nil, nil, clear, []byte(c.first)),
		}
	}
	return out, nil
}

// Decode decrypts what Encode made. A payload that is not encrypted stays as it
// is: other tools may signal without a key, and runs may be older than the keys.
func (c *Codec) Decode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	out := make([]*commonpb.Payload, len(payloads))
	for i, p := range payloads {
		if !Encrypted(p) {
			out[i] = p
			continue
		}
		id := string(p.GetMetadata()[metadataKeyID])
		key, ok := c.keys[id]
		if !ok {
			return nil, decryptError{fmt.Errorf("decrypt: key %q is not configured; add it to PRIVATEREPLY_ENCRYPTION_KEYS behind the first", id)}
		}
		clear, err := key.Open(nil, nil, p.GetData(), []byte(id))
		if err != nil {
			return nil, decryptError{fmt.Errorf("decrypt with key %q: %w", id, err)}
		}
		out[i] = &commonpb.Payload{}
		if err := proto.Unmarshal(clear, out[i]); err != nil {
			return nil, fmt.Errorf("decrypt with key %q: %w", id, err)
		}
	}
	return out, nil
}

// decryptError says what keeps a payload from being read.
type decryptError struct{ error }

// Encrypted reports whether p was made by Encode.
func Encrypted(p *commonpb.Payload) bool {
	return string(p.GetMetadata()[metadataEncoding]) == encryptedEncoding
}

// NewSecret makes the secret of a new key, in the form of the configuration.
func NewSecret() string {
	var k Key
	_, _ = rand.Read(k.secret[:]) // never fails: see crypto/rand
	return k.encode()
}

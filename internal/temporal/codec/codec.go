// Package codec encrypts what the product gives to Temporal: inputs, results,
// messages, memos, summaries and the texts of failures.
//
// Workflow ids, search attributes and task queue names are never encrypted; the
// product puts only Meta's ids there.
package codec

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
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
	macs  []Key // in their order
}

var _ converter.PayloadCodec = (*Codec)(nil)

// New makes a codec of keys, which ParseKeys read.
func New(keys []Key) (*Codec, error) {
	c := &Codec{first: keys[0].ID, keys: map[string]cipher.AEAD{}, macs: slices.Clone(keys)}
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

// KeyID is the id of the key that encrypts; empty: c is nil, and nothing is encrypted.
func (c *Codec) KeyID() string {
	if c == nil {
		return ""
	}
	return c.first
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
			Data: c.seal(clear, ""),
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
		clear, err := c.open(id, p.GetData(), "")
		if err != nil {
			return nil, decryptError{err}
		}
		out[i] = &commonpb.Payload{}
		if err := proto.Unmarshal(clear, out[i]); err != nil {
			return nil, fmt.Errorf("decrypt with key %q: %w", id, err)
		}
	}
	return out, nil
}

// Seal encrypts what does not go to Temporal, with the first key, whose id it returns. What
// is sealed for one use, such as the name of a file, opens for that use only.
func (c *Codec) Seal(clear []byte, use string) (keyID string, sealed []byte) {
	return c.first, c.seal(clear, " "+use)
}

// Open decrypts what Seal encrypted for use with the key keyID.
func (c *Codec) Open(keyID string, sealed []byte, use string) ([]byte, error) {
	return c.open(keyID, sealed, " "+use)
}

// seal authenticates the key's id with the text, and the use behind it.
func (c *Codec) seal(clear []byte, use string) []byte {
	return c.keys[c.first].Seal(nil, nil, clear, []byte(c.first+use))
}

func (c *Codec) open(id string, sealed []byte, use string) ([]byte, error) {
	key, ok := c.keys[id]
	if !ok {
		return nil, fmt.Errorf("decrypt: key %q is not configured; add it to PRIVATEREPLY_ENCRYPTION_KEYS behind the first", id)
	}
	clear, err := key.Open(nil, nil, sealed, []byte(id+use))
	if err != nil {
		return nil, fmt.Errorf("decrypt with key %q: %w", id, err)
	}
	return clear, nil
}

// MACs are the HMAC-SHA256 of a message with each of the keys, the first key's first. They
// stand for what must not be written in clear and must be recognised.
func (c *Codec) MACs(message string) [][]byte {
	all := make([][]byte, len(c.macs))
	for i, k := range c.macs {
		mac := hmac.New(sha256.New, k.secret[:])
		mac.Write([]byte(message))
		all[i] = mac.Sum(nil)
	}
	return all
}

// decryptError is the failure to decrypt a payload: its key is missing or wrong.
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

// keyBytes is the size of an AES-256 key.
const keyBytes = 32

// Key is one encryption key. It prints as its id, never as its secret.
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

// ParseKeys reads "id:key,id:key": each key is 32 bytes in standard base64. An empty text
// has no keys. Errors name the key by its position or id, never the secret.
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

// Apply makes a client encrypt. Failures are encrypted with their messages and stack
// traces. A workflow that cannot decrypt a payload waits for the key.
func (c *Codec) Apply(o *client.Options) {
	base := o.DataConverter
	if base == nil {
		base = converter.GetDefaultDataConverter()
	}
	o.DataConverter = keyAwaitingConverter{converter.NewCodecDataConverter(base, c)}
	o.FailureConverter = temporal.NewDefaultFailureConverter(temporal.DefaultFailureConverterOptions{
		DataConverter:          o.DataConverter,
		EncodeCommonAttributes: true,
	})
	o.ConnectionOptions.DialOptions = append(o.ConnectionOptions.DialOptions, grpc.WithChainUnaryInterceptor(refuseClearMemo))
}

// refuseClearMemo stops a request whose memo is in clear text. The SDK encodes a
// memo without the codec when the codec fails; then nothing may be started.
func refuseClearMemo(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	if r, ok := req.(interface{ GetMemo() *commonpb.Memo }); ok {
		for key, p := range r.GetMemo().GetFields() {
			if !Encrypted(p) {
				return status.Error(codes.FailedPrecondition, fmt.Sprintf("memo %q is not encrypted; refusing to write it in clear", key))
			}
		}
	}
	return invoke(ctx, method, req, reply, cc, opts...)
}

// keyAwaitingConverter makes a workflow wait until its worker has the right keys. Without it the SDK fails a workflow
// whose input cannot be decrypted, for good: one worker with wrong keys would end every
// reply that it takes. A panic fails only the workflow task, which the server gives to
// a worker again and again, with the reason in the Web UI.
type keyAwaitingConverter struct{ converter.DataConverter }

var _ workflow.ContextAware = keyAwaitingConverter{}

func (w keyAwaitingConverter) WithContext(context.Context) converter.DataConverter { return w }

func (w keyAwaitingConverter) WithWorkflowContext(workflow.Context) converter.DataConverter {
	return workflowConverter(w)
}

type workflowConverter struct{ converter.DataConverter }

func (w workflowConverter) FromPayload(p *commonpb.Payload, to any) error {
	return panicIfUndecryptable(w.DataConverter.FromPayload(p, to))
}

func (w workflowConverter) FromPayloads(p *commonpb.Payloads, to ...any) error {
	return panicIfUndecryptable(w.DataConverter.FromPayloads(p, to...))
}

func panicIfUndecryptable(err error) error {
	var problem decryptError
	if errors.As(err, &problem) {
		panic(fmt.Sprintf("%v; it goes on when a worker has the key", problem))
	}
	return err
}

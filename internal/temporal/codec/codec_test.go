package codec

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

func newCodec(t *testing.T, text string) *Codec {
	t.Helper()
	keys, err := ParseKeys(text)
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(keys)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// What goes in comes out, nothing of it can be read meanwhile, and the same text
// never looks the same twice.
func TestRoundTrip(t *testing.T) {
	c := newCodec(t, "a:"+NewSecret())
	in := []*commonpb.Payload{
		{Metadata: map[string][]byte{"encoding": []byte("json/plain")}, Data: []byte(`"a very secret comment"`)},
		{},
	}
	first, err := c.Encode(in)
	if err != nil {
		t.Fatal(err)
	}
	second, err := c.Encode(in)
	if err != nil {
		t.Fatal(err)
	}
	for i := range in {
		if !Encrypted(first[i]) || bytes.Contains(first[i].Data, []byte("secret")) || bytes.Contains(first[i].Data, []byte("json/plain")) {
			t.Errorf("payload %d can be read", i)
		}
		if proto.Equal(first[i], second[i]) {
			t.Errorf("payload %d looks the same twice", i)
		}
	}
	out, err := c.Decode(first)
	if err != nil {
		t.Fatal(err)
	}
	for i := range in {
		if !proto.Equal(in[i], out[i]) {
			t.Errorf("payload %d: got %v, want %v", i, out[i], in[i])
		}
	}
}

// Keys are changed in two steps without losing what runs: the new one first, the
// old one behind it, until nothing needs it.
func TestRotation(t *testing.T) {
	a, b := "a:"+NewSecret(), "b:"+NewSecret()
	old, both, fresh := newCodec(t, a), newCodec(t, b+","+a), newCodec(t, b)
	clear := []*commonpb.Payload{{Data: []byte("text")}}
	byOld, err := old.Encode(clear)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := both.Decode(byOld); err != nil || !proto.Equal(out[0], clear[0]) {
		t.Errorf("with both keys: %v, %v", out, err)
	}
	byBoth, err := both.Encode(clear)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := fresh.Decode(byBoth); err != nil || !proto.Equal(out[0], clear[0]) {
		t.Errorf("with the new key alone: %v, %v", out, err)
	}
	if _, err := fresh.Decode(byOld); err == nil || !strings.Contains(err.Error(), `key "a" is not configured`) {
		t.Errorf("without the old key: %v", err)
	}
}

// A payload that was changed, or moved under another key's id, is refused.
func TestTampering(t *testing.T) {
	secret := NewSecret()
	c := newCodec(t, "a:"+secret+",b:"+secret)
	for name, change := range map[string]func(*commonpb.Payload){
		"a flipped bit":    func(p *commonpb.Payload) { p.Data[len(p.Data)-1] ^= 1 },
		"cut off":          func(p *commonpb.Payload) { p.Data = p.Data[:5] },
		"empty":            func(p *commonpb.Payload) { p.Data = nil },
		"another key's id": func(p *commonpb.Payload) { p.Metadata[metadataKeyID] = []byte("b") },
	} {
		t.Run(name, func(t *testing.T) {
			p, err := c.Encode([]*commonpb.Payload{{Data: []byte("text")}})
			if err != nil {
				t.Fatal(err)
			}
			change(p[0])
			if out, err := c.Decode(p); err == nil {
				t.Errorf("it was decoded: %v", out)
			}
		})
	}
}

// What other tools write without a key stays readable.
func TestClearTextPasses(t *testing.T) {
	c := newCodec(t, "a:"+NewSecret())
	p := []*commonpb.Payload{{Metadata: map[string][]byte{"encoding": []byte("json/plain")}, Data: []byte(`{}`)}}
	if out, err := c.Decode(p); err != nil || !proto.Equal(out[0], p[0]) {
		t.Errorf("got %v, %v", out, err)
	}
}

// Every mistake in the keys is named, and no secret is shown.
func TestParseKeys(t *testing.T) {
	good := NewSecret()
	tests := []struct{ name, text, want string }{
		{"none", " ", ""},
		{"one", "a:" + good, ""},
		{"two", "a:" + good + " , b:" + NewSecret(), ""},
		{"no colon", good, "key 1 has no colon"},
		{"no id", ":" + good, "key 1: its id"},
		{"a space in the id", "a b:" + good, "key 1: its id"},
		{"twice", "a:" + good + ",a:" + good, `the id "a" stands there twice`},
		{"not base64", "a:secret!", `key "a" is not 32 bytes`},
		{"too short", "a:c2VjcmV0", `key "a" is not 32 bytes`},
		{"a comma too many", "a:" + good + ",", "key 2 has no colon"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			keys, err := ParseKeys(tt.text)
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			if err != nil && (strings.Contains(err.Error(), good) || strings.Contains(err.Error(), "secret!")) {
				t.Errorf("the error shows the secret: %v", err)
			}
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
				if shown := fmt.Sprintf(verb, keys); strings.Contains(shown, good) || len(keys) > 0 && strings.Contains(shown, fmt.Sprint(keys[0].secret[:4])) {
					t.Errorf("%s shows the secret", verb)
				}
			}
		})
	}
}

// Failures are encrypted with their messages.
func TestFailures(t *testing.T) {
	var o client.Options
	newCodec(t, "a:"+NewSecret()).Apply(&o)
	failure := o.FailureConverter.ErrorToFailure(temporal.NewApplicationError("the comment said hello", "Refused", "details"))
	b, err := proto.Marshal(failure)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(b, []byte("hello")) || bytes.Contains(b, []byte("details")) {
		t.Errorf("the failure can be read: %v", failure)
	}
	if got := o.FailureConverter.FailureToError(failure); !strings.Contains(got.Error(), "the comment said hello") {
		t.Errorf("the failure came back as %v", got)
	}
}

// A start whose memo is in clear text is stopped: the SDK falls back to it without
// a word when the codec fails.
func TestClearMemoIsRefused(t *testing.T) {
	c := newCodec(t, "a:"+NewSecret())
	clear, err := converter.GetDefaultDataConverter().ToPayload("text")
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := c.Encode([]*commonpb.Payload{clear})
	if err != nil {
		t.Fatal(err)
	}
	memo := func(p *commonpb.Payload) *commonpb.Memo {
		return &commonpb.Memo{Fields: map[string]*commonpb.Payload{"comment": p}}
	}
	tests := []struct {
		name   string
		req    any
		passes bool
	}{
		{"a start in clear", &workflowservice.StartWorkflowExecutionRequest{Memo: memo(clear)}, false},
		{"a start, encrypted", &workflowservice.StartWorkflowExecutionRequest{Memo: memo(sealed[0])}, true},
		{"a signal with start in clear", &workflowservice.SignalWithStartWorkflowExecutionRequest{Memo: memo(clear)}, false},
		{"no memo", &workflowservice.StartWorkflowExecutionRequest{}, true},
		{"another request", &workflowservice.GetSystemInfoRequest{}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			invoked := errors.New("invoked")
			err := refuseClearMemo(t.Context(), "", tt.req, nil, nil,
				func(context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption) error { return invoked })
			if errors.Is(err, invoked) != tt.passes {
				t.Errorf("got %v, passes: %v", err, tt.passes)
			}
		})
	}
}

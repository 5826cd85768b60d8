package codec

import (
	"context"
	"fmt"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Apply makes a client encrypt. Failures are encrypted with their messages and
// stack traces. A workflow that meets what it cannot decrypt waits.
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

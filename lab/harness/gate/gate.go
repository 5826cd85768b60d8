// Package gate stands between one program and Temporal, and can hold a call at an
// exact step: before the server has seen it, or after the server has done it and
// the program does not know.
//
// It forwards every call as it is, without knowing what it means. Only calls with
// one request and one answer pass, which all of Temporal's are.
package gate

import (
	"context"
	"fmt"
	"net"
	"path"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	_ "google.golang.org/grpc/encoding/gzip" // what the SDK compresses is read here
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// maxMessage is far above what Temporal takes.
const maxMessage = 64 << 20

// Gate is a gRPC server that hands every call on to Temporal.
type Gate struct {
	Address string // host:port, for the program

	server   *grpc.Server
	upstream *grpc.ClientConn
	holds    *Holds
}

// Open opens a gate to the Temporal server at upstream, on a free port of
// 127.0.0.1. Several gates may share their holds.
func Open(upstream string, holds *Holds) (*Gate, error) {
	conn, err := grpc.NewClient(upstream,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(raw{}), grpc.MaxCallRecvMsgSize(maxMessage), grpc.MaxCallSendMsgSize(maxMessage)),
		// A server that was killed is back soon.
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff: backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.5, MaxDelay: 500 * time.Millisecond}, MinConnectTimeout: 2 * time.Second,
		}))
	if err != nil {
		return nil, fmt.Errorf("gate to %s: %w", upstream, err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	g := &Gate{Address: ln.Addr().String(), upstream: conn, holds: holds}
	g.server = grpc.NewServer(grpc.UnknownServiceHandler(g.forward), grpc.ForceServerCodecV2(raw{}),
		// The SDK asks often whether the connection lives; Temporal's server lets it.
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
		grpc.MaxRecvMsgSize(maxMessage), grpc.MaxSendMsgSize(maxMessage))
	go func() { _ = g.server.Serve(ln) }() // ends with Close
	return g, nil
}

// Close ends all calls and frees the port.
func (g *Gate) Close() {
	g.server.Stop()
	_ = g.upstream.Close()
}

// forward handles one call.
func (g *Gate) forward(_ any, in grpc.ServerStream) error {
	full, _ := grpc.MethodFromServerStream(in)
	ctx, method := in.Context(), path.Base(full)
	var request, answer message
	if err := in.RecvMsg(&request); err != nil {
		return err
	}
	if err := g.holds.wait(ctx, g, Before, method, request); err != nil {
		return callError(err)
	}
	headers, _ := metadata.FromIncomingContext(ctx)
	var header, trailer metadata.MD
	err := g.upstream.Invoke(metadata.NewOutgoingContext(ctx, headers.Copy()), full, &request, &answer, grpc.Header(&header), grpc.Trailer(&trailer))
	_ = in.SetHeader(header) // fails only if the program has gone
	in.SetTrailer(trailer)
	if err != nil {
		return err
	}
	if err := g.holds.wait(ctx, g, After, method, request, answer); err != nil {
		return callError(err)
	}
	return in.SendMsg(&answer)
}

// callError is the answer to a program whose call did not pass. Often the program has
// ended by then.
func callError(err error) error {
	if err == context.DeadlineExceeded {
		return status.FromContextError(err).Err()
	}
	return status.Error(codes.Unavailable, err.Error())
}

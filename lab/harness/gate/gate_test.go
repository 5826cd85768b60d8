package gate

import (
	"context"
	"errors"
	"net"
	"runtime"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// service answers health checks and counts them.
type service struct {
	grpc_health_v1.UnimplementedHealthServer
	calls chan string
}

func (s *service) Check(_ context.Context, r *grpc_health_v1.HealthCheckRequest) (*grpc_health_v1.HealthCheckResponse, error) {
	s.calls <- r.GetService()
	if r.GetService() == "unknown" {
		return nil, status.Error(codes.NotFound, "no such service")
	}
	return &grpc_health_v1.HealthCheckResponse{Status: grpc_health_v1.HealthCheckResponse_SERVING}, nil
}

// active opens a gate to a service, and a client that goes through it.
func open(t *testing.T) (*service, *Holds, grpc_health_v1.HealthClient) {
	t.Helper()
	s := &service{calls: make(chan string, 10)}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	grpc_health_v1.RegisterHealthServer(server, s)
	go func() { _ = server.Serve(ln) }()
	t.Cleanup(server.Stop)
	holds := &Holds{}
	g, err := Open(ln.Addr().String(), holds)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	conn, err := grpc.NewClient(g.Address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return s, holds, grpc_health_v1.NewHealthClient(conn)
}

func check(ctx context.Context, c grpc_health_v1.HealthClient, name string) error {
	_, err := c.Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: name})
	return err
}

// Guards: a gate changes nothing, errors included.
func TestForwards(t *testing.T) {
	_, _, c := open(t)
	if err := check(t.Context(), c, "this"); err != nil {
		t.Error(err)
	}
	if err := check(t.Context(), c, "unknown"); status.Code(err) != codes.NotFound || status.Convert(err).Message() != "no such service" {
		t.Errorf("the server's error came as %v", err)
	}
}

// Guards: a held call stands exactly where it should, before or after the server has
// done it, and goes on when it is released; others pass.
func TestHolds(t *testing.T) {
	for _, tt := range []struct {
		name  string
		point Point
		done  int // calls that the server has seen while one is held
	}{{"before", Before, 0}, {"after", After, 1}} {
		t.Run(tt.name, func(t *testing.T) {
			s, holds, c := open(t)
			h := holds.Add(tt.point, "Check", "held")
			answered := make(chan error, 1)
			go func() { answered <- check(t.Context(), c, "a held one") }()
			if _, err := h.Await(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := len(s.calls); got != tt.done || !h.Held() {
				t.Errorf("the server has seen %d calls, held %v", got, h.Held())
			}
			if err := check(t.Context(), c, "another"); err != nil {
				t.Errorf("another call: %v", err)
			}
			h.Release()
			h.Release() // a second one does nothing
			if err := <-answered; err != nil || h.Held() || len(s.calls) != 2 {
				t.Errorf("released: %v, held %v, %d calls", err, h.Held(), len(s.calls))
			}
			if err := check(t.Context(), c, "held no more"); err != nil {
				t.Error(err)
			}
		})
	}
}

// Guards: the server never hears of a call whose program died before it.
func TestCallerDies(t *testing.T) {
	s, holds, c := open(t)
	h := holds.Add(Before, "Check", "held")
	ctx, die := context.WithCancel(t.Context())
	answered := make(chan error, 1)
	go func() { answered <- check(ctx, c, "held") }()
	if _, err := h.Await(t.Context()); err != nil {
		t.Fatal(err)
	}
	die()
	if err := <-answered; status.Code(err) != codes.Canceled {
		t.Errorf("the caller was told %v", err)
	}
	for h.Held() && t.Context().Err() == nil {
		runtime.Gosched()
	}
	h.Release()
	if len(s.calls) != 0 {
		t.Error("the server heard of the call")
	}
}

// Guards: who waits for a call that never comes is told.
func TestAwaitEnds(t *testing.T) {
	_, holds, _ := open(t)
	why := errors.New("too late")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	if _, err := holds.Add(After, "Check", "").Await(ctx); !errors.Is(err, why) {
		t.Errorf("Await = %v", err)
	}
}

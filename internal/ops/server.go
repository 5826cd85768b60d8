// Package ops is what every program offers to the people and machines that operate
// it: /healthz, /readyz and /metrics. It has no access control of its own and
// belongs on a port that only they reach.
package ops

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// shutdownGrace is how long requests may take to finish when the server stops.
const shutdownGrace = 2 * time.Second

// Handler serves /healthz, which says that the process lives; /readyz, which runs
// the checks; and /metrics.
func Handler(metrics prometheus.Gatherer, checks ...Check) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { writeText(w, http.StatusOK, "ok\n") })
	mux.Handle("GET /readyz", &readiness{checks: checks})
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	return mux
}

// Serve serves h on ln until ctx is done.
func Serve(ctx context.Context, ln net.Listener, h http.Handler) error {
	return Run(ctx, ln, shutdownGrace, &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
	})
}

// Run runs srv on ln until ctx is done. Then it accepts nothing more, lets the
// requests in flight finish for as long as grace, and returns nil.
func Run(ctx context.Context, ln net.Listener, grace time.Duration, srv *http.Server) error {
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
		defer cancel()
		if srv.Shutdown(ctx) != nil {
			_ = srv.Close()
		}
	})
	err := srv.Serve(ln)
	if stop() { // nobody asked it to end
		return fmt.Errorf("serve %s: %w", ln.Addr(), err)
	}
	<-stopped
	return nil
}

func writeText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

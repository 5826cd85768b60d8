package receiver

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"time"

	"github.com/privatereply/privatereply/lab/harness/process"
)

// frontCommand is the argument with which this program runs as a Front.
const frontCommand = "receive-events"

// Front is the part of a Receiver that can be killed: a process of its own, in which every
// request stands while it is taken. What was taken outlives it, as on a disk.
type Front struct {
	URL string // where events go
	*process.Process
}

// StartFront starts the process, with this program.
func (r *Receiver) StartFront(ctx context.Context, logFile string) (*Front, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	address, err := process.FreeAddress()
	if err != nil {
		return nil, err
	}
	f := &Front{URL: "http://" + address + "/events", Process: &process.Process{
		Name: "receiver of events", Path: program, Args: []string{frontCommand, address, r.http.URL}, Env: process.Environment(),
		LogFile: logFile, Ready: process.Answers200("http://" + address + "/readyz"),
	}}
	return f, f.Start(ctx)
}

// RunFront runs this process as a Front, if args say so. It ends only with the process.
func RunFront(args []string) (asked bool, err error) {
	if len(args) != 3 || args[0] != frontCommand {
		return false, nil
	}
	taker, err := url.Parse(args[2])
	if err != nil {
		return true, err
	}
	ln, err := net.Listen("tcp", args[1])
	if err != nil {
		return true, err
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(taker) }}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /readyz", func(http.ResponseWriter, *http.Request) {})
	mux.Handle("POST /events", proxy)
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return true, err
	}
	return true, nil
}

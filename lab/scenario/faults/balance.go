package faults

import (
	"net/http"
	"net/http/httputil"
	"sync/atomic"
)

// balance shares requests among addresses in turn, as the load balancer in front of
// several bridges does. One that is down costs its requests, which Meta repeats.
func balance(addresses []string) http.Handler {
	var turn atomic.Uint64
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme = "http"
			r.Out.URL.Host = addresses[turn.Add(1)%uint64(len(addresses))]
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
}

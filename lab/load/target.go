package load

import (
	"fmt"
	"net"
	"net/url"
)

// target is where a storm goes.
type target struct {
	address string // host:port
	host    string // as the Host header says it
	path    string
}

// parseTarget refuses everything but this machine: nobody's server is hit by a
// mistyped address, and there is no use in measuring through a network.
func parseTarget(raw string) (target, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Host == "":
		return target{}, fmt.Errorf("%q is not a URL such as http://127.0.0.1:8080/webhooks/meta", raw)
	case u.Scheme != "http":
		return target{}, fmt.Errorf("%q: load speaks plain http only, to the bridge itself", raw)
	}
	host, port := u.Hostname(), u.Port()
	if host == "localhost" {
		host = "127.0.0.1"
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return target{}, fmt.Errorf("%q is not on this machine: load sends to 127.0.0.1, [::1] and localhost only; run it where the bridge runs", raw)
	}
	if port == "" {
		port = "80"
	}
	path := u.RequestURI()
	return target{address: net.JoinHostPort(host, port), host: u.Host, path: path}, nil
}

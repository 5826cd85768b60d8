package cluster

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// The server keeps the ports of its parts in a column of two bytes (rpc_port in
// cluster_membership). The system gives out ports above that, so that nobody else is
// given one of these.
const (
	firstPort = 20_000
	lastPort  = 32_767
	portTries = 100
)

// freePort is a TCP port of 127.0.0.1 that nobody uses, among those that the server
// can remember.
func freePort() (int, error) {
	var err error
	for range portTries {
		port := firstPort + rand.IntN(lastPort-firstPort+1)
		var l net.Listener
		if l, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			return port, l.Close()
		}
	}
	return 0, fmt.Errorf("find a free port from %d to %d: %w", firstPort, lastPort, err)
}

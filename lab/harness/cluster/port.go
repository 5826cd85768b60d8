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

// freePorts are TCP ports of 127.0.0.1 that nobody uses, among those that the server
// can remember, each another one.
func freePorts(n int) (ports []int, err error) {
	for tries := portTries; len(ports) < n; tries-- {
		port := firstPort + rand.IntN(lastPort-firstPort+1)
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			defer l.Close() // so that none is chosen twice
			ports = append(ports, port)
		} else if tries == 0 {
			return nil, fmt.Errorf("find a free port from %d to %d: %w", firstPort, lastPort, err)
		}
	}
	return ports, nil
}

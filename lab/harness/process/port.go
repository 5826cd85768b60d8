package process

import (
	"fmt"
	"net"
	"runtime"
	"strconv"
)

// FreePort is a TCP port of 127.0.0.1 that nobody uses. Nothing reserves it, but
// it is not given out again within the next minute.
func FreePort() (int, error) {
	port, err := freePort()
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	return port, nil
}

// FreeAddress is an address of 127.0.0.1 on which nobody listens: see FreePort.
func FreeAddress() (string, error) {
	port, err := FreePort()
	if err != nil {
		return "", err
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	if runtime.GOOS != "linux" {
		return port, nil // ports are given out in sequence
	}
	// Linux gives out ports at random and may repeat itself. A connection that the
	// listening side closes first leaves the port in TIME_WAIT: for a minute Linux
	// does not give it out, and a server may still listen on it.
	caller, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		return 0, err
	}
	defer caller.Close()
	accepted, err := l.Accept()
	if err != nil {
		return 0, err
	}
	return port, accepted.Close()
}

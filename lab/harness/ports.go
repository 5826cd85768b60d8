package harness

import (
	"errors"
	"fmt"
	"net"
	"strconv"

	"github.com/privatereply/privatereply/lab/harness/process"
)

// Ports are the TCP ports on 127.0.0.1 that a stack listens on.
type Ports struct {
	Temporal, WebUI, Bridge, Sandbox, Approvals int
}

// DefaultPorts are those of `starter dev`.
var DefaultPorts = Ports{Temporal: 7233, WebUI: 8233, Bridge: 8080, Sandbox: 8091, Approvals: 8090}

// FreePorts finds ports that nobody uses.
func FreePorts() (Ports, error) {
	var p Ports
	for _, u := range p.uses() {
		var err error
		if *u.port, err = process.FreePort(); err != nil {
			return p, err
		}
	}
	return p, nil
}

type portUse struct {
	port *int
	what string
	flag string
}

func (p *Ports) uses() []portUse {
	return []portUse{
		{&p.Temporal, "the Temporal server", "--temporal-port"},
		{&p.WebUI, "Temporal's Web UI", "--web-ui-port"},
		{&p.Bridge, "the webhook bridge", "--bridge-port"},
		{&p.Sandbox, "the sandbox", "--sandbox-port"},
		{&p.Approvals, "the approvals desk", "--approvals-port"},
	}
}

// check says which ports are taken, and what to do.
func (p Ports) check() error {
	var all []error
	for _, u := range p.uses() {
		l, err := net.Listen("tcp", address(*u.port))
		if err != nil {
			all = append(all, fmt.Errorf("port %d for %s: %w; choose another with %s", *u.port, u.what, err, u.flag))
			continue
		}
		l.Close()
	}
	if len(all) == 0 {
		return nil
	}
	return fmt.Errorf("%w\nor let starter pick free ports with --free-ports", errors.Join(all...))
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

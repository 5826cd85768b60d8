package harness

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/lab/harness/gate"
	"github.com/privatereply/privatereply/lab/harness/process"
)

// Program is one program of a Product: a process, or the same parts in this process.
type Program struct {
	Name       string // such as "worker" or "worker 2"
	Address    string // host:port of the bridge's webhooks or the desk's pages
	ReadyzURL  string // empty in this process, as MetricsURL
	MetricsURL string // in Prometheus's text format

	*process.Process // nil in this process

	run  func(context.Context) (stop func() error, err error) // in this process
	stop func() error                                         // nil: it does not run
}

// Start starts the program and waits until it is ready. ctx bounds the start only.
func (p *Program) Start(ctx context.Context) (err error) {
	if p.Process != nil {
		return p.Process.Start(ctx)
	}
	p.stop, err = p.run(ctx)
	return err
}

// Stop ends the program as a deploy does: what is under way comes to its end.
func (p *Program) Stop() error {
	if p.Process != nil {
		return p.Process.Stop()
	}
	if p.stop == nil {
		return nil
	}
	defer func() { p.stop = nil }()
	return p.stop()
}

// Kill ends the program as kill -9 does. In this process nothing can: it is stopped.
func (p *Program) Kill() {
	if p.Process != nil {
		p.Process.Kill()
		return
	}
	_ = p.Stop() // who cares how it ends stops it
}

// Programs are the copies of one program.
type Programs struct {
	Holds *gate.Holds // at the gates of all of them; nil without Config.Gated
	All   []*Program

	gates []*gate.Gate
}

// Start starts all of them and waits until they are ready.
func (p *Programs) Start(ctx context.Context) error {
	var starting errgroup.Group
	for _, one := range p.All {
		starting.Go(func() error { return one.Start(ctx) })
	}
	return starting.Wait()
}

// Stop ends all of them as a deploy does.
func (p *Programs) Stop() error {
	var stopping errgroup.Group
	for _, one := range p.All {
		stopping.Go(one.Stop)
	}
	return stopping.Wait()
}

// Kill ends all of them as kill -9 does.
func (p *Programs) Kill() {
	var dying errgroup.Group
	for _, one := range p.All {
		dying.Go(func() error { one.Kill(); return nil })
	}
	_ = dying.Wait() // none fails
}

func (p *Programs) closeGates() {
	for _, g := range p.gates {
		g.Close()
	}
}

// addProcess prepares one more process of a program. The settings are the product's own,
// without their prefix.
func (p *Product) addProcess(programs *Programs, name, binary, address string, settings map[string]string) error {
	temporal := p.Server.Address
	if p.config.Gated {
		g, err := gate.Open(temporal, programs.Holds)
		if err != nil {
			return err
		}
		programs.gates = append(programs.gates, g)
		temporal = g.Address
	}
	ops, err := process.FreeAddress()
	if err != nil {
		return err
	}
	all := map[string]string{
		"ACCOUNTS": p.config.AccountsFile, "RULES": p.config.RulesFile, "SAVED_REPLIES": filepath.Join(filepath.Dir(p.config.RulesFile), config.DevSavedRepliesFile), "TASK_QUEUE": p.config.TaskQueue, "OPS_ADDR": ops,
		"GRAPH_FACEBOOK_URL": p.SandboxURL + "/facebook", "GRAPH_INSTAGRAM_URL": p.SandboxURL + "/instagram",
	}
	maps.Copy(all, loginSettings(p.config.Meta.App, p.SandboxURL))
	maps.Copy(all, settings)
	maps.Copy(all, p.config.Settings)
	env := []string{"TEMPORAL_ADDRESS=" + temporal, "TEMPORAL_NAMESPACE=" + p.Server.Namespace}
	for _, variable := range slices.Sorted(maps.Keys(all)) {
		env = append(env, config.Prefix+variable+"="+all[variable])
	}
	file := name
	if n := len(programs.All); n > 0 {
		name += " " + strconv.Itoa(n+1)
		file += strconv.Itoa(n + 1)
	}
	one := &Program{Name: name, Address: address, ReadyzURL: "http://" + ops + "/readyz", MetricsURL: "http://" + ops + "/metrics"}
	one.Process = &process.Process{
		Name: name, Path: filepath.Join(p.config.Binaries, binary), Env: process.Environment(append(env, p.config.Env...)...),
		LogFile: filepath.Join(p.config.Dir, file+".log"), Ready: process.Answers200(one.ReadyzURL),
	}
	programs.All = append(programs.All, one)
	return nil
}

// AddWorkers prepares n more workers that are processes, with more settings, without their
// prefix: those of another build, for example. They do not run yet.
func (p *Product) AddWorkers(n int, settings map[string]string) (*Programs, error) {
	first := len(p.Workers.All)
	for range n {
		if err := p.addProcess(p.Workers, "worker", "worker", "", settings); err != nil {
			return nil, err
		}
	}
	return &Programs{Holds: p.Workers.Holds, All: p.Workers.All[first:]}, nil
}

// addProcesses prepares the product's programs as processes, on ports that they keep.
func (p *Product) addProcesses() error {
	c := &p.config
	for range c.Bridges {
		address, err := process.FreeAddress()
		if err != nil {
			return err
		}
		if err := p.addProcess(p.Bridges, "bridge", "webhookbridge", address, map[string]string{
			"VERIFY_TOKEN": c.VerifyToken, "APP_SECRETS": p.appSecrets(), "WEBHOOK_ADDR": address,
		}); err != nil {
			return err
		}
	}
	for range c.Workers {
		settings := map[string]string{"SEND_WORKERS": strconv.Itoa(c.Workers)}
		maps.Copy(settings, c.WorkerSettings)
		if _, err := p.AddWorkers(1, settings); err != nil {
			return err
		}
	}
	for range c.Desks {
		address, err := process.FreeAddress()
		if err != nil {
			return err
		}
		if err := p.addProcess(p.Desks, "desk", "approvals", address, map[string]string{
			"APPROVALS_ADDR": address, "APPROVALS_USERS": c.UsersFile,
		}); err != nil {
			return err
		}
	}
	return nil
}

// serve serves h at an address of this machine; empty: on a free port.
func serve(address string, h http.Handler) (srv *http.Server, url string, err error) {
	if address == "" {
		address = "127.0.0.1:0"
	}
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return nil, "", err
	}
	srv = &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = srv.Serve(ln) }() // ends with Close
	return srv, "http://" + ln.Addr().String(), nil
}

// loadBalancer shares requests among addresses in turn, as the load balancer in front of
// several bridges does. One that is down costs its requests, which Meta repeats.
func loadBalancer(addresses []string) http.Handler {
	var next atomic.Uint64
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme = "http"
			r.Out.URL.Host = addresses[next.Add(1)%uint64(len(addresses))]
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			http.Error(w, fmt.Sprintf("no bridge: %v", err), http.StatusBadGateway)
		},
	}
}

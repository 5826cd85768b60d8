package faults

import (
	"context"
	"fmt"
	"strconv"

	"golang.org/x/sync/errgroup"

	"github.com/privatereply/privatereply/lab/harness/gate"
	"github.com/privatereply/privatereply/lab/harness/process"
)

// programs are the processes of one kind. Each reaches Temporal through a gate of
// its own.
type programs struct {
	kind   victim
	holds  *gate.Holds
	all    []*process.Process
	gates  []*gate.Gate
	readyz []string // URLs
}

// add prepares one more process. Its environment is env with what gives it its gate
// and its port for operators.
func (s *Stack) add(p *programs, path string, env []string) error {
	g, err := gate.Open(s.server.address, p.holds)
	if err != nil {
		return err
	}
	p.gates = append(p.gates, g)
	ops, err := process.FreeAddress()
	if err != nil {
		return err
	}
	p.readyz = append(p.readyz, "http://"+ops+"/readyz")
	name := string(p.kind)
	if n := len(p.all); n > 0 {
		name += strconv.Itoa(n + 1)
	}
	p.all = append(p.all, &process.Process{
		Name: name, Path: path, LogFile: s.file(name + ".log"), Ready: process.Answers200("http://" + ops + "/readyz"),
		Env: process.Environment(append(env,
			"TEMPORAL_ADDRESS="+g.Address, "TEMPORAL_NAMESPACE="+s.server.namespace, setting("OPS_ADDR", ops))...),
	})
	return nil
}

// start starts all of them and waits until they are ready.
func (p *programs) start(ctx context.Context) error {
	var starting errgroup.Group
	for _, one := range p.all {
		starting.Go(func() error { return one.Start(ctx) })
	}
	return starting.Wait()
}

func (p *programs) kill() {
	var dying errgroup.Group
	for _, one := range p.all {
		dying.Go(func() error { one.Kill(); return nil })
	}
	_ = dying.Wait()
}

// stop ends all of them as a deploy does.
func (p *programs) stop() error {
	var stopping errgroup.Group
	for _, one := range p.all {
		stopping.Go(one.Stop)
	}
	return stopping.Wait()
}

func (p *programs) close() {
	p.kill()
	for _, g := range p.gates {
		g.Close()
	}
}

// strikeAt kills the victim, or stops it gently.
func (s *Stack) strikeAt(ctx context.Context, v victim, gently bool) error {
	if v == temporal {
		return s.server.kill(ctx)
	}
	p, err := s.programs(v)
	if err != nil {
		return err
	}
	if gently {
		return p.stop()
	}
	p.kill()
	return nil
}

// revive starts the victim again.
func (s *Stack) revive(ctx context.Context, v victim) error {
	if v == temporal {
		return s.server.start(ctx, s.client)
	}
	p, err := s.programs(v)
	if err != nil {
		return err
	}
	return p.start(ctx)
}

func (s *Stack) programs(v victim) (*programs, error) {
	for _, p := range []*programs{s.bridges, s.workers, s.desks} {
		if p.kind == v {
			return p, nil
		}
	}
	return nil, fmt.Errorf("there is no %q to kill", v)
}

package scenario

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/privatereply/privatereply/lab/harness"
	"github.com/privatereply/privatereply/lab/harness/cluster"
	"github.com/privatereply/privatereply/lab/harness/devserver"
	"github.com/privatereply/privatereply/lab/harness/process"
)

// Lab is what the scenarios of one run share: on what they run, and how.
type Lab struct {
	Dir      string    // for programs, logs and databases
	Progress io.Writer // hears what goes on, apart from the tables
	Out      io.Writer // gets the tables

	Workers, Bridges int
	Accounts         int           // of the scenario many-accounts
	Limit            time.Duration // of one case
	Soak             time.Duration // how long the scenario soak runs

	// Temporal is host:port of a server that somebody else runs; empty: one is started.
	// Namespace is where on it; empty: a new one for each product. The two shell commands
	// kill that server and start it again; without them what needs that is left out.
	Temporal, Namespace     string
	KillServer, StartServer string
	// Cluster are the programs of a Temporal server on Postgres to start; empty: none.
	Cluster cluster.Tools

	runs    *cluster.Cluster
	built   bool
	servers int
}

// MinSoak is the shortest Soak.
const MinSoak = time.Minute

// Check reports what cannot be meant.
func (l *Lab) Check() error {
	switch {
	case l.Limit <= 0:
		return errors.New("-limit: must be longer than nothing, such as 4m")
	case l.Soak < MinSoak:
		return fmt.Errorf("-soak: must be at least %v, so that each third of it has readings", MinSoak)
	case l.Workers < 1 || l.Bridges < 1:
		return errors.New("-workers, -bridges: at least 1 of each must run")
	case l.Accounts < 1:
		return errors.New("-accounts: at least 1")
	case (l.KillServer == "") != (l.StartServer == ""):
		return errors.New("-kill-temporal, -start-temporal: give both, or none")
	case l.KillServer != "" && l.Temporal == "":
		return errors.New("-kill-temporal needs -temporal: a server of our own is killed without it")
	case l.Temporal != "" && l.Cluster != (cluster.Tools{}):
		return errors.New("-temporal and -postgres: the product runs on one of them")
	case l.Cluster != (cluster.Tools{}):
		for _, flag := range []struct{ name, value string }{
			{"-postgres", l.Cluster.Postgres}, {"-server", l.Cluster.Server}, {"-sql-tool", l.Cluster.SQLTool},
		} {
			if flag.value == "" {
				return fmt.Errorf("%s is missing; scripts/cluster.sh gives it", flag.name)
			}
		}
	}
	return nil
}

// Close ends the cluster.
func (l *Lab) Close() {
	if l.runs != nil {
		l.runs.Stop()
	}
}

// Printf says what goes on.
func (l *Lab) Printf(format string, args ...any) { fmt.Fprintf(l.Progress, format+"\n", args...) }

// Binaries builds the programs of the product once, and returns their folder.
func (l *Lab) Binaries(ctx context.Context) (dir string, err error) {
	dir = filepath.Join(l.Dir, "bin")
	if !l.built {
		l.Printf("building the programs")
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return "", err
		}
		if err := process.Build(ctx, dir, "webhookbridge", "worker", "approvals"); err != nil {
			return "", err
		}
		l.built = true
	}
	return dir, nil
}

// StartCluster starts the Temporal server on Postgres, if it does not run yet.
func (l *Lab) StartCluster(ctx context.Context) (*cluster.Cluster, error) {
	if l.runs != nil {
		return l.runs, nil
	}
	l.Printf("starting Postgres and the Temporal server")
	var err error
	l.runs, err = cluster.Start(ctx, l.Cluster, l.Dir)
	return l.runs, err
}

// NewServer is a Temporal server with nothing on it: a development server with its
// database in a file, or a new namespace on the cluster or on the server that is there
// already. Who gets it closes it.
func (l *Lab) NewServer(ctx context.Context) (s *harness.Server, closeServer func(), err error) {
	l.servers++
	name := fmt.Sprintf("%s-%d", filepath.Base(l.Dir), l.servers)
	nothing := func() {}
	switch {
	case l.Cluster != (cluster.Tools{}):
		c, err := l.StartCluster(ctx)
		if err != nil {
			return nil, nil, err
		}
		s, err = harness.OnCluster(c, "").WithNamespace(ctx, name)
		return s, nothing, err
	case l.Temporal != "":
		s = harness.Existing(l.Temporal, l.Namespace, l.KillServer, l.StartServer)
		if l.Namespace == "" {
			s, err = s.WithNamespace(ctx, name)
		}
		return s, nothing, err
	}
	cli, err := devserver.Find(ctx, l.Progress)
	if err != nil {
		return nil, nil, err
	}
	file := filepath.Join(l.Dir, fmt.Sprintf("temporal-%d", l.servers))
	dev, err := devserver.Start(ctx, devserver.Options{CLIPath: cli, DBFile: file + ".db", LogFile: file + ".log"})
	if err != nil {
		return nil, nil, err
	}
	return harness.OnDevServer(dev), dev.Kill, nil
}

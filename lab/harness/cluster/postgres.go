package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/privatereply/privatereply/lab/harness/process"
)

const (
	dbUser = "temporal"
	// Databases of the server.
	MainDB       = "temporal"
	VisibilityDB = "temporal_visibility"
	// restartTries bounds how often Postgres is started after a kill: the processes
	// that it leaves behind take a moment to notice, and it refuses to start before.
	restartTries = 50
	// stopTimeout is how long Postgres, or the server, may take to end.
	stopTimeout = 10 * time.Second
	askInterval = 100 * time.Millisecond
)

// Postgres is a database of its own beside those of the machine: another folder,
// another port, no socket file. Its settings are Postgres's defaults, so that every
// commit is on the disk before it is answered.
type Postgres struct {
	process.Process
	bin      string
	owner    *account // nil: this process's own
	dir      string
	port     int
	password string
	logFile  string
}

// create makes the database's folder.
func (p *Postgres) create(ctx context.Context) error {
	if err := os.Mkdir(p.dir, 0o700); err != nil {
		return err
	}
	secret := filepath.Join(p.dir, "password")
	if err := os.WriteFile(secret, []byte(p.password), 0o600); err != nil {
		return err
	}
	for _, path := range []string{p.dir, secret} {
		if err := p.owner.own(path); err != nil {
			return err
		}
	}
	ports, err := freePorts(1)
	if err != nil {
		return err
	}
	p.port = ports[0]
	p.Process = process.Process{
		Name: "Postgres", Path: filepath.Join(p.bin, "postgres"), Dir: p.dir, Env: os.Environ(), LogFile: p.logFile,
		Args:  []string{"-D", p.data(), "-p", strconv.Itoa(p.port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="},
		Ready: p.ready, Prepare: p.owner.become,
		StopSignal: os.Interrupt, StopTimeout: stopTimeout, // SIGTERM would wait for its connections
	}
	out, err := p.command(ctx, "initdb", "--pgdata", p.data(), "--username", dbUser, "--encoding", "UTF8", "--no-locale",
		"--auth", "scram-sha-256", "--pwfile", secret).CombinedOutput()
	if err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return nil
}

func (p *Postgres) data() string { return filepath.Join(p.dir, "data") }

// command runs one of Postgres's programs as the owner of the database.
func (p *Postgres) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(p.bin, program), args...)
	cmd.Dir = p.dir
	p.owner.become(cmd)
	return cmd
}

// Start starts Postgres and waits until it answers. It may be called again after Kill.
func (p *Postgres) Start(ctx context.Context) error {
	for try := 1; ; try++ {
		err := p.Process.Start(ctx)
		if err == nil || try == restartTries || !strings.Contains(err.Error(), "still in use") {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(askInterval):
		}
	}
}

// ready reports why Postgres does not answer yet.
func (p *Postgres) ready(ctx context.Context) error {
	_, err := p.Query(ctx, "postgres", "SELECT 1")
	return err
}

// Query runs one statement and returns its only value, or its rows.
func (p *Postgres) Query(ctx context.Context, database, statement string) (string, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(p.bin, "psql"), "--no-psqlrc", "--quiet", "--tuples-only", "--no-align",
		"--host", "127.0.0.1", "--port", strconv.Itoa(p.port), "--username", dbUser, "--dbname", database, "--command", statement)
	cmd.Env = append(os.Environ(), "PGPASSWORD="+p.password, "PGCONNECT_TIMEOUT=5")
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = fmt.Errorf("%w: %s", err, strings.TrimSpace(string(exit.Stderr)))
	}
	if err != nil {
		return "", fmt.Errorf("psql: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// Environment is what Postgres's own programs need to reach the database: their variables, and
// their folder on PATH.
func (p *Postgres) Environment() []string {
	return append(os.Environ(), "PATH="+p.bin+string(os.PathListSeparator)+os.Getenv("PATH"),
		"PGHOST=127.0.0.1", "PGPORT="+strconv.Itoa(p.port), "PGUSER="+dbUser, "PGPASSWORD="+p.password)
}

func (p *Postgres) address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(p.port)) }

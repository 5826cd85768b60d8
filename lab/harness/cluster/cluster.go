// Package cluster runs a Temporal server on Postgres as processes of this machine:
// what a real installation has, without containers. It is for measuring and for
// breaking. Everything listens on 127.0.0.1 only, and nothing outlives Stop.
//
// For a laptop and for tests there is lab/harness/devserver.
package cluster

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
)

// Tools are the programs of a cluster. scripts/cluster.sh installs and builds them.
type Tools struct {
	Postgres string // the folder with initdb, postgres and psql
	Server   string // the Temporal server
	SQLTool  string // Temporal's tool for the tables
}

// Shards is how many history shards the server has. Each carries one write at a time
// (history.shardIOConcurrency is 1), so that 64 are plenty for one small machine; the
// number of an installation can never be changed, and docs/development/scale.md works it out.
const Shards = 64

// Cluster is a Temporal server on a Postgres of its own.
type Cluster struct {
	Address string // host:port of Temporal's gRPC API
	Server  *Server
	DB      *Postgres

	dir string
}

// Start makes a database, starts Postgres and the server, and waits until the server
// answers. The logs are kept in logs; all else is in a temporary folder.
func Start(ctx context.Context, tools Tools, logs string) (*Cluster, error) {
	owner, err := databaseOwner()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "private-replies-cluster-")
	if err != nil {
		return nil, err
	}
	c := &Cluster{dir: dir}
	if err := c.start(ctx, tools, owner, logs); err != nil {
		c.Stop()
		return nil, err
	}
	return c, nil
}

func (c *Cluster) start(ctx context.Context, tools Tools, owner *account, logs string) error {
	// The account that owns the database must be able to walk to it.
	if err := os.Chmod(c.dir, 0o711); err != nil {
		return err
	}
	c.DB = &Postgres{
		bin: tools.Postgres, owner: owner, dir: filepath.Join(c.dir, "postgres"), password: rand.Text(),
		logFile: filepath.Join(logs, "postgres.log"),
	}
	if err := c.DB.create(ctx); err != nil {
		return err
	}
	if err := c.DB.Start(ctx); err != nil {
		return err
	}
	if err := createTables(ctx, tools.SQLTool, c.DB); err != nil {
		return err
	}
	c.Server = &Server{}
	if err := c.Server.configure(tools.Server, filepath.Join(c.dir, "temporal"), filepath.Join(logs, "temporal.log"), c.DB); err != nil {
		return err
	}
	c.Address = c.Server.address
	return c.Server.Start(ctx)
}

// Stop ends everything at once and removes the database.
func (c *Cluster) Stop() {
	if c.Server != nil {
		c.Server.Kill()
	}
	if c.DB != nil {
		_ = c.DB.Stop() // its folder goes in any case
	}
	_ = os.RemoveAll(c.dir) // a temporary folder that stays harms nobody
}

// Version says what runs, for the head of a table.
func (c *Cluster) Version(ctx context.Context) (string, error) {
	postgres, err := c.DB.Query(ctx, "postgres", "SHOW server_version")
	if err != nil {
		return "", err
	}
	temporal, err := c.Server.version(ctx)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("Temporal server %s with %d shards on PostgreSQL %s", temporal, Shards, postgres), nil
}

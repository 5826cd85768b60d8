// Package measure measures the product on this machine: processes of the bridge and the
// worker, a Temporal server, and the load beside them on the same cores. Each figure
// stands next to what the same server, or the same machine, can do at most.
//
// The scenarios of Bench run on development servers (`make bench`), those of Cluster on
// Temporal with Postgres (scripts/cluster.sh).
package measure

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/visibility"
	"github.com/privatereply/privatereply/lab/harness"
	"github.com/privatereply/privatereply/lab/harness/cluster"
	"github.com/privatereply/privatereply/lab/harness/devserver"
	"github.com/privatereply/privatereply/lab/harness/process"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/lab/scenario"
	"github.com/privatereply/privatereply/workflows"
	"go.temporal.io/api/workflowservice/v1"
)

// Scenario measures one thing, on a product of its own.
type Scenario = scenario.Step[func(ctx context.Context, l *Lab) ([]scenario.Row, error)]

// Bench are the scenarios on development servers, in the order in which they run.
var Bench = []Scenario{
	{Name: "decode", About: "signature and decoding of a delivery", Run: decode},
	{Name: "starts", About: "bare workflow starts", Run: starts},
	{Name: "quiet", About: "one delivery at a time", Run: quiet},
	{Name: "single", About: "deliveries of one comment", Run: single},
	{Name: "batch", About: "deliveries of 50 comments", Run: batch},
	{Name: "auto", About: "webhook to delivered reply", Run: auto},
	{Name: "memory", About: "the bridge's memory in a burst of 200,000 comments", Run: memory},
	{Name: "kill", About: "kill -9 of each process in a burst", Run: kill},
}

// Cluster are the scenarios on Temporal with Postgres, in the order in which they run.
// What a comment costs is measured first, on a database that holds nothing else.
var Cluster = []Scenario{
	{Name: "cost", About: "what a comment costs", Run: cost},
	{Name: "load", About: "the load set of make bench", Run: loadSet},
	{Name: "kill", About: "kill -9 of each part in a burst", Run: kill},
	{Name: "faults", About: "the fault set of make faults", Run: faultSet},
	{Name: "accounts", About: "many accounts", Run: accounts},
}

// OnExistingServer are the scenarios of Bench that run on a server of somebody else. The
// others kill the server, or need none.
var OnExistingServer = []string{"starts", "quiet", "single", "batch", "auto", "memory"}

// loadScenarios are the scenarios of Bench that run on a cluster as well.
var loadScenarios = []string{"starts", "quiet", "single", "batch", "auto"}

// Options configure a Lab. Without Address and OnCluster each product gets a Temporal
// development server of its own.
type Options struct {
	Address   string        // host:port of a Temporal server; each product gets a namespace on it
	OnCluster bool          // Temporal on Postgres is started; each product gets a namespace on it
	Tools     cluster.Tools // required with OnCluster
	Logs      string        // an empty folder that keeps the logs; required with OnCluster
	Copies    int           // how many workers, and how many bridges
	// Progress gets what is going on, apart from the tables.
	Progress io.Writer
}

// Check reports what is wrong with the options for some scenarios.
func (o Options) Check(scenarios []Scenario) error {
	switch {
	case o.Copies < 1:
		return errors.New("-copies is less than 1")
	case o.OnCluster:
		for _, flag := range []struct{ name, value string }{
			{"-postgres", o.Tools.Postgres}, {"-server", o.Tools.Server}, {"-sql-tool", o.Tools.SQLTool}, {"-logs", o.Logs},
		} {
			if flag.value == "" {
				return fmt.Errorf("%s is missing; scripts/cluster.sh gives it", flag.name)
			}
		}
		return nil
	case o.Address == "" && o.Copies > 1:
		return errors.New("-copies needs -temporal: several workers share a server that is there already")
	case o.Address == "":
		return nil
	}
	for _, s := range scenarios {
		if !slices.Contains(OnExistingServer, s.Name) {
			return errors.New("the step " + s.Name + " does not run with -temporal")
		}
	}
	return nil
}

// Lab is what scenarios run on: the built programs, and Temporal servers.
type Lab struct {
	opts     Options
	dir      string // temporary
	cliPath  string // of the Temporal CLI; empty with a server that all share
	binaries string // the folder of the built programs

	server        *harness.Server  // that all products share; nil: each has its own
	cluster       *cluster.Cluster // of server; nil: none
	serverVersion string
	products      int // that were made
	tables        []table
}

// table is one more table beside that of the rows.
type table struct {
	about string
	cells [][]string // the first line has the heads
}

// Open builds the programs, and starts the cluster or finds the Temporal CLI.
func Open(ctx context.Context, opts Options) (*Lab, error) {
	dir, err := os.MkdirTemp("", "private-replies-measure-")
	if err != nil {
		return nil, err
	}
	l := &Lab{opts: opts, dir: dir, binaries: filepath.Join(dir, "bin")}
	if err := l.open(ctx); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

func (l *Lab) open(ctx context.Context) (err error) {
	if !l.opts.OnCluster && l.opts.Address == "" {
		if l.cliPath, err = devserver.Find(ctx, l.opts.Progress); err != nil {
			return err
		}
		l.serverVersion = "Temporal CLI " + cliVersion(l.cliPath)
	}
	l.report("building the product")
	programs := []string{"webhookbridge", "worker"}
	if l.opts.OnCluster {
		programs = append(programs, "lab/cmd/faults")
	}
	if err := process.Build(ctx, l.binaries, programs...); err != nil {
		return err
	}
	switch {
	case l.opts.OnCluster:
		l.report("starting Postgres and the Temporal server")
		if l.cluster, err = cluster.Start(ctx, l.opts.Tools, l.opts.Logs); err != nil {
			return err
		}
		l.server = harness.OnCluster(l.cluster, "default")
		l.serverVersion, err = l.cluster.Version(ctx)
	case l.opts.Address != "":
		l.server = harness.Existing(l.opts.Address, "default", "", "")
		l.serverVersion = "the Temporal server at " + l.opts.Address
	}
	return err
}

// Close ends the cluster and removes what is temporary.
func (l *Lab) Close() {
	if l.cluster != nil {
		l.cluster.Stop()
	}
	_ = os.RemoveAll(l.dir) // a temporary folder that stays harms nobody
}

func (l *Lab) report(format string, args ...any) {
	fmt.Fprintf(l.opts.Progress, format+"\n", args...)
}

// Run runs the scenarios that only names, separated by commas, or all of them, and writes
// the tables of their results. A scenario that fails is a row of the table, and an error at
// the end; a goal that is missed is only shown. command is shown as what was run.
func Run(ctx context.Context, out io.Writer, opts Options, command string, scenarios []Scenario, only string) error {
	chosen, err := scenario.Choose(scenarios, only)
	if err == nil {
		err = opts.Check(chosen)
	}
	if err != nil {
		return err
	}
	l, err := Open(ctx, opts)
	if err != nil {
		return err
	}
	defer l.Close()
	return l.run(ctx, out, command, chosen)
}

func (l *Lab) run(ctx context.Context, out io.Writer, command string, scenarios []Scenario) error {
	loadBefore, began := scenario.LoadAverage(), time.Now()
	var rows []scenario.Row
	var failed []error
	for i, s := range scenarios {
		l.report("[%d/%d] %s: %s", i+1, len(scenarios), s.Name, s.About)
		measured, err := s.Run(ctx, l)
		rows = append(rows, measured...)
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", s.Name, err))
			rows = append(rows, scenario.Row{What: s.About, Measured: "failed: " + err.Error(), Passed: scenario.No})
		}
	}
	fmt.Fprintf(out, "%s\n%s, %s, load average %s before and %s after, %v in all\n\n",
		l.machine(), command, began.UTC().Format("2006-01-02 15:04 MST"), loadBefore, scenario.LoadAverage(), time.Since(began).Round(time.Second))
	l.writeTables(out, rows)
	return errors.Join(failed...)
}

func (l *Lab) writeTables(out io.Writer, rows []scenario.Row) {
	scenario.WriteRows(out, rows)
	for _, t := range l.tables {
		fmt.Fprintf(out, "\n%s:\n\n", t.about)
		scenario.WriteTable(out, t.cells)
	}
}

const appSecret = "measure-app-secret"

// labAccounts are n accounts, two of Instagram to one of Facebook, without limits on sends.
func labAccounts(n int, settings string) []harness.Account {
	var all []harness.Account
	for i := range n {
		a := meta.Account{
			Platform: privatereply.Instagram, ID: strconv.Itoa(17841400000000001 + i), Name: fmt.Sprintf("Account %d", i+1),
			Login: privatereply.LoginInstagram, Token: fmt.Sprintf("measure-access-token-%d", i), AppSecret: appSecret,
		}
		if i%3 == 2 {
			a.Platform, a.ID, a.Login = privatereply.Facebook, strconv.Itoa(100000000000001+i), privatereply.LoginFacebook
		}
		all = append(all, harness.Account{Account: a, Settings: strings.TrimPrefix(settings+", "+harness.Unlimited, ", ")})
	}
	return all
}

// product is the product as processes, with a Temporal server or a namespace of its own.
type product struct {
	*harness.Product
	lab       *Lab
	accounts  []privatereply.Account
	dir       string
	devServer *harness.Server // nil: the server is shared
}

// newProduct prepares a product with three accounts, whose programs do not run yet.
func (l *Lab) newProduct(ctx context.Context) (*product, error) {
	return l.newProductWith(ctx, labAccounts(3, ""))
}

func (l *Lab) newProductWith(ctx context.Context, accounts []harness.Account) (*product, error) {
	l.products++
	name := "product-" + strconv.Itoa(l.products)
	p := &product{lab: l, dir: filepath.Join(l.dir, name)}
	if l.opts.Logs != "" {
		p.dir = filepath.Join(l.opts.Logs, name)
	}
	if err := p.prepare(ctx, accounts); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

func (p *product) prepare(ctx context.Context, accounts []harness.Account) error {
	if err := os.Mkdir(p.dir, 0o700); err != nil {
		return err
	}
	server, err := p.startServer(ctx)
	if err != nil {
		return err
	}
	logLevel := "error"
	if p.lab.opts.Logs != "" {
		logLevel = "warn"
	}
	p.Product, err = harness.New(ctx, harness.Config{
		Dir: p.dir, Server: server, Accounts: accounts, Rules: harness.DefaultRules,
		// Without echoes: Meta's own webhooks about sends are not part of any figure.
		Meta: meta.Config{
			Limits:          meta.Limits{PostsPerHour: -1, LivePerSecond: -1, SendsPerSecond: -1},
			WebhookSettings: meta.WebhookSettings{Echo: meta.EchoOff},
		},
		Binaries: p.lab.binaries, Workers: p.lab.opts.Copies, Bridges: p.lab.opts.Copies,
		Settings: map[string]string{"LOG_LEVEL": logLevel},
	})
	if err != nil {
		return err
	}
	p.accounts = p.Accounts.All()
	return nil
}

func (p *product) startServer(ctx context.Context) (*harness.Server, error) {
	if p.lab.server != nil {
		// The name of the temporary folder has not been used on that server before.
		return p.lab.server.WithNamespace(ctx, filepath.Base(p.lab.dir)+"-"+filepath.Base(p.dir))
	}
	server, err := devserver.Start(ctx, devserver.Options{
		CLIPath: p.lab.cliPath, DBFile: filepath.Join(p.dir, "temporal.db"), LogFile: filepath.Join(p.dir, "temporal.log"),
	})
	if err != nil {
		return nil, err
	}
	p.devServer = harness.OnDevServer(server)
	return p.devServer, nil
}

// kill ends the programs as kill -9 does.
func (p *product) kill() {
	p.Workers.Kill()
	p.Bridges.Kill()
}

// close ends everything at once: nothing of it is needed any more.
func (p *product) close() {
	if p.Product != nil {
		p.Close()
	}
	if p.devServer != nil {
		_ = p.devServer.Kill(context.Background()) // a process of our own always dies
	}
	if p.lab.opts.Logs == "" {
		_ = os.RemoveAll(p.dir) // Lab.Close tries again
	}
}

// count is how many workflows visibility shows for a query.
func (p *product) count(ctx context.Context, query string) (int, error) {
	resp, err := p.Client.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Query: query})
	if err != nil {
		return 0, fmt.Errorf("count %s: %w", query, err)
	}
	return int(resp.GetCount()), nil
}

// pollInterval keeps the queries of this program few beside what they observe.
const pollInterval = 500 * time.Millisecond

func (p *product) inState(ctx context.Context, state privatereply.State) (int, error) {
	return p.count(ctx, visibility.Equals(workflows.ReplyState, state).String())
}

// awaitState waits until so many replies are in a state.
func (p *product) awaitState(ctx context.Context, state privatereply.State, want int) error {
	for {
		n, err := p.inState(ctx, state)
		if err != nil || n >= want {
			return err
		}
		if !scenario.Sleep(ctx, pollInterval) {
			return fmt.Errorf("%d of %d replies are %s: %w", n, want, state, context.Cause(ctx))
		}
	}
}

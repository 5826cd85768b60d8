// Package measure measures the product on this machine: processes of the bridge and the
// worker, a Temporal server, and the load beside them on the same cores. Each figure
// stands next to what the same server, or the same machine, can do at most.
package measure

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/visibility"
	"github.com/privatereply/privatereply/lab/harness"
	"github.com/privatereply/privatereply/lab/harness/cluster"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/lab/scenario"
	"github.com/privatereply/privatereply/workflows"
	"go.temporal.io/api/workflowservice/v1"
)

// run measures one thing, on a product of its own, and returns the rows of the table.
type run func(ctx context.Context, l *lab) ([]scenario.Row, error)

// runs are the scenarios by name.
var runs = map[string]run{
	"burst": burst, "decode": decode, "starts": starts, "quiet": quiet, "single": single, "batch": batch, "auto": auto, "memory": memory, "kill": kill,
	"live": live, "soak": soak, "cost": cost, "accounts": accounts, "many-accounts": connectedAccounts, "rollout": rollout, "restore": restore,
}

// Bench are the figures of `make bench`. They run on any Temporal server.
var Bench = scenario.Suite{Name: "bench", About: "what the product can take, beside what its server can", Scenarios: []scenario.Scenario{
	{Name: "burst", About: "time to reply: live comments beside bare workflows"},
	{Name: "decode", About: "signature and decoding of a delivery"},
	{Name: "starts", About: "bare workflow starts"},
	{Name: "quiet", About: "one delivery at a time"},
	{Name: "single", About: "deliveries of one comment"},
	{Name: "batch", About: "deliveries of 50 comments"},
	{Name: "auto", About: "webhook to delivered reply"},
	{Name: "memory", About: "the bridge's memory in a storm of 200,000 comments"},
	{Name: "kill", About: "kill -9 of each part in a burst", OwnServer: true},
}, Run: runSuite}

// LiveBurst has no goal: it compares versions of the product. It runs on any server.
var LiveBurst = scenario.Suite{Name: "live-burst", About: "time to reply in a crowd", Scenarios: []scenario.Scenario{
	{Name: "live", About: "100 live comments a second, and a small account beside them"},
}, Run: runSuite}

// Soak takes half an hour, too long for `make bench`. It runs on any server.
var Soak = scenario.Suite{Name: "soak-test", About: "what grows while the product is at work", Scenarios: []scenario.Scenario{
	{Name: "soak", About: "memory, goroutines and descriptors of each program under steady load"},
}, Run: runSuite}

// Operations are what operators do to a product that is at work.
var Operations = scenario.Suite{Name: "operations", About: "what operators do, under load", Scenarios: []scenario.Scenario{
	{Name: "rollout", About: "a new version over running replies, as the units and the chart roll it out"},
}, Run: runSuite}

// Restoring is played on Temporal with Postgres only.
var Restoring = scenario.Suite{Name: "backups", About: "on Postgres", Scenarios: []scenario.Scenario{
	{Name: "restore", About: "a backup is played back into an empty Postgres", OwnServer: true},
}, Run: runSuite}

// CommentCost and AccountCost are measured on Temporal with Postgres only: see
// scripts/cluster.sh. The cost of comments comes before all else, on a database that
// holds nothing else.
var (
	CommentCost = scenario.Suite{Name: "comment-cost", About: "on Postgres", Scenarios: []scenario.Scenario{
		{Name: "cost", About: "what a comment costs"},
	}, Run: runSuite}
	AccountCost = scenario.Suite{Name: "account-cost", About: "what accounts cost", Scenarios: []scenario.Scenario{
		{Name: "accounts", About: "accounts of the accounts file, on Postgres"},
		{Name: "many-accounts", About: "connected accounts, as many as -accounts says"},
	}, Run: runSuite}
)

// lab is the lab of one suite.
type lab struct {
	*scenario.Lab
	tables []table
}

// table is one more table beside that of the rows.
type table struct {
	about string
	cells [][]string // the first line has the heads
}

// runSuite runs scenarios and writes the tables of their results. A scenario that fails is
// a row of the table, and an error at the end; a goal that is missed is only shown.
func runSuite(ctx context.Context, of *scenario.Lab, chosen []scenario.Scenario) error {
	l := &lab{Lab: of}
	if err := l.check(chosen); err != nil {
		return err
	}
	loadBefore, began := scenario.LoadAverage(), time.Now()
	var names []string
	var rows []scenario.Row
	var failed []error
	for i, s := range chosen {
		l.Printf("[%d/%d] %s: %s", i+1, len(chosen), s.Name, s.About)
		names = append(names, s.Name)
		measured, err := runs[s.Name](ctx, l)
		rows = append(rows, measured...)
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", s.Name, err))
			rows = append(rows, scenario.Row{What: s.About, Measured: "failed: " + err.Error(), Passed: scenario.No})
		}
	}
	fmt.Fprintf(l.Out, "%s\nlab run %s, %s, load average %s before and %s after, %v in all\n\n",
		l.machine(ctx), strings.Join(names, " "), began.UTC().Format("2006-01-02 15:04 MST"), loadBefore, scenario.LoadAverage(), time.Since(began).Round(time.Second))
	l.writeTables(rows)
	fmt.Fprintln(l.Out)
	return errors.Join(failed...)
}

// check reports what does not run on this lab.
func (l *lab) check(chosen []scenario.Scenario) error {
	for _, s := range chosen {
		switch {
		case s.OwnServer && l.Temporal != "" && l.KillServer == "":
			return fmt.Errorf("the scenario %s does not run with -temporal: it kills the server", s.Name)
		case !l.onCluster() && (s.Name == "cost" || s.Name == "accounts" || s.Name == "restore"):
			return fmt.Errorf("the scenario %s runs on Postgres only; scripts/cluster.sh starts it", s.Name)
		}
	}
	return nil
}

func (l *lab) onCluster() bool { return l.Cluster != cluster.Tools{} }

func (l *lab) writeTables(rows []scenario.Row) {
	scenario.WriteRows(l.Out, rows)
	for _, t := range l.tables {
		fmt.Fprintf(l.Out, "\n%s:\n\n", t.about)
		scenario.WriteTable(l.Out, t.cells)
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
	lab         *lab
	accounts    []privatereply.Account
	cluster     *cluster.Cluster // nil: it runs on another server
	closeServer func()
}

// newProduct prepares a product with three accounts, whose programs do not run yet.
func (l *lab) newProduct(ctx context.Context) (*product, error) {
	return l.newProductWith(ctx, harness.Config{Accounts: labAccounts(3, "")})
}

// newProductWith is newProduct with accounts, and with what else cfg names.
func (l *lab) newProductWith(ctx context.Context, cfg harness.Config) (*product, error) {
	p := &product{lab: l, closeServer: func() {}}
	if err := p.prepare(ctx, cfg); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

func (p *product) prepare(ctx context.Context, cfg harness.Config) error {
	binaries, err := p.lab.Binaries(ctx)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(p.lab.Dir, "product-")
	if err != nil {
		return err
	}
	server, closeServer, err := p.lab.NewServer(ctx)
	if err != nil {
		return err
	}
	p.closeServer = closeServer
	logLevel := "error"
	if p.lab.onCluster() {
		if p.cluster, err = p.lab.StartCluster(ctx); err != nil {
			return err
		}
		logLevel = "warn"
	}
	cfg.Dir, cfg.Server, cfg.Binaries = dir, server, binaries
	cfg.Rules = cmp.Or(cfg.Rules, harness.DefaultRules)
	cfg.Workers, cfg.Bridges = cmp.Or(cfg.Workers, p.lab.Workers), cmp.Or(cfg.Bridges, p.lab.Bridges)
	cfg.Settings = map[string]string{"LOG_LEVEL": logLevel}
	cfg.Meta = meta.Config{
		Limits: meta.Limits{PostsPerHour: -1, LivePerSecond: -1, SendsPerSecond: -1},
		// Without echoes: Meta's own webhooks about sends are not part of any figure.
		WebhookSettings: meta.WebhookSettings{Echo: meta.EchoOff},
	}
	if p.Product, err = harness.New(ctx, cfg); err != nil {
		return err
	}
	p.accounts = p.Accounts.All()
	return nil
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
	p.closeServer()
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

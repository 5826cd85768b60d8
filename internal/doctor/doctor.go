// Package doctor checks an installation of the product: the settings and files, Temporal,
// and each account at Meta. It says what is wrong and how to repair it. It changes
// nothing, and no finding holds a secret.
package doctor

import (
	"context"
	"sync"
	"time"

	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/graph"
	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/internal/ops"
)

const (
	// defaultTimeout bounds one check. Meta's slowest answers take a few seconds.
	defaultTimeout = 10 * time.Second
	// accountsAtOnce is how many accounts are checked at the same time.
	accountsAtOnce = 8
)

// Options change how the checks are made. The zero value is the usual way.
type Options struct {
	Now     func() time.Time // the clock; time.Now unless a test sets it
	Timeout time.Duration    // of one check; 10 s if zero
}

// Settings are those of all programs. The doctor runs beside them and reads what
// they read.
type Settings struct {
	config.Common
	config.Graph
	SendWorkers int               `env:"SEND_WORKERS" envDefault:"1"`
	VerifyToken config.Secret     `env:"VERIFY_TOKEN"`
	AppSecrets  config.SecretList `env:"APP_SECRETS"`
}

// checker runs the checks once. A field is nil where it could not be had; a finding says
// why.
type checker struct {
	now       func() time.Time
	timeout   time.Duration
	settings  Settings
	accounts  *config.Accounts
	meta      *graph.Client
	temporal  client.Client
	namespace string
}

// Run reads the settings from the environment and checks everything that they name. Each
// check has a time limit of its own, so that one which hangs hides no other.
func Run(ctx context.Context, o Options) Report {
	d := &checker{now: o.Now, timeout: o.Timeout}
	if d.now == nil {
		d.now = time.Now
	}
	if d.timeout <= 0 {
		d.timeout = defaultTimeout
	}
	sections := []Section{d.checkConfiguration()}
	server, disconnect := d.connect(ctx)
	defer disconnect()

	subjects := []func() Section{func() Section { return d.checkTemporal(ctx, server) }}
	if d.accounts != nil {
		for _, account := range d.accounts.All() {
			subjects = append(subjects, func() Section { return d.checkAccount(ctx, account) })
		}
	}
	found := make([]Section, len(subjects))
	var running errgroup.Group
	running.SetLimit(accountsAtOnce)
	for i, subject := range subjects {
		running.Go(func() error { found[i] = subject(); return nil })
	}
	_ = running.Wait() // what goes wrong is a finding
	return newReport(append(append(sections, found...), d.checkMetaClock()...))
}

// CheckAccounts checks some accounts at Meta, as Run does, and what the last renewals of
// their tokens found; without temporal only the former.
func CheckAccounts(ctx context.Context, s Settings, accounts *config.Accounts, meta *graph.Client, temporal client.Client, which []privatereply.Account) Report {
	d := &checker{now: time.Now, timeout: defaultTimeout, settings: s, accounts: accounts, meta: meta, temporal: temporal}
	var sections []Section
	for _, account := range which {
		section := Section{Subject: accountSubject(account)}
		e := &accountChecker{checker: d, account: account}
		section.add(append(e.checkMeta(ctx), e.checkRenewal(ctx)...)...)
		sections = append(sections, section)
	}
	return newReport(sections)
}

// checkFunc is one check, or several on the same subject.
type checkFunc func(context.Context) []Finding

// runConcurrently runs checks at the same time; the findings keep their order.
func (d *checker) runConcurrently(ctx context.Context, checks ...checkFunc) []Finding {
	found := make([][]Finding, len(checks))
	var running sync.WaitGroup
	for i, c := range checks {
		running.Go(func() { found[i] = d.runWithTimeout(ctx, c) })
	}
	running.Wait()
	var all []Finding
	for _, f := range found {
		all = append(all, f...)
	}
	return all
}

func (d *checker) runWithTimeout(ctx context.Context, c checkFunc) []Finding {
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	return c(ctx)
}

// clockCheck is the name of both comparisons.
const clockCheck = "clock"

// checkClock compares this machine's clock with Temporal's. The programs compare theirs in
// /readyz.
func (d *checker) checkClock(ctx context.Context) []Finding {
	ahead, err := ops.TemporalClockOffset(ctx, d.temporal, d.namespace)
	if err != nil {
		return []Finding{unknown(clockCheck, "cannot be compared with Temporal's: %v", err)}
	}
	return []Finding{clockFinding("Temporal", ahead)}
}

// checkMetaClock says that this machine's clock is not Meta's. It has a section of its own,
// because it belongs to no account.
func (d *checker) checkMetaClock() []Section {
	if d.meta == nil {
		return nil
	}
	ahead, known := d.meta.ClockOffset()
	if !known || ops.ClockError("Meta", ahead) == nil {
		return nil
	}
	return []Section{{Subject: "Meta", Findings: []Finding{clockFinding("Meta", ahead)}}}
}

func clockFinding(whose string, ahead time.Duration) Finding {
	if err := ops.ClockError(whose, ahead); err != nil {
		return warning(clockCheck, err.Error(), "set the clock by NTP, here and where the worker and the bridge run: deadlines and windows are kept by it")
	}
	return ok(clockCheck, "agrees with %s's within %v", whose, ops.ClockTolerance)
}

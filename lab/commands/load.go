package commands

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/internal/console"
	"github.com/privatereply/privatereply/lab/load"
	"github.com/privatereply/privatereply/starter/cli"
	"github.com/privatereply/privatereply/webhookbridge/bridge"
)

// loadFlags are the flags of starter load.
type loadFlags struct {
	test      load.LoadTest
	accounts  []string
	secretEnv string
	noVerify  bool
	wait      time.Duration
}

func newLoad() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "load",
		Short: "Send many signed webhooks to the bridge and verify that each comment has its reply",
		Long: `Send signed webhooks to a bridge on this machine, as fast as it answers or at a rate, and
count afterwards by the ids of the comments that each acknowledged one has its reply in
Temporal, and exactly one. The exit code is 0 only if none is missing, extra or doubled.

Every comment is a real workflow in the bridge's namespace: do not use it where real
people are answered. The comments say an emoji, which the rules of "starter dev" and of
rules.example.yaml ignore: then the test measures the intake. With --rule-text they can
say what another rule answers or asks about; then the worker sends, at the sandbox if it
is the one of "starter dev".`,
		Example: `  starter load --connections 32 --count 20000
  starter load --batch 50 --duration 10s --no-verify
  starter load --rate 200 --duplicates 0.2 --accounts "Clean Slate" --live --json`,
		Args:    cli.Args(0, 0, ""),
		GroupID: cli.GroupOperate,
	}
	var f loadFlags
	flags := cmd.Flags()
	flags.StringVar(&f.test.URL, "url", "", "the bridge's webhooks, on this machine (default from "+config.Prefix+"WEBHOOK_ADDR)")
	flags.IntVar(&f.test.Connections, "connections", 32, "how many deliveries are on their way at once")
	flags.Float64Var(&f.test.Rate, "rate", 0, "deliveries a second; 0 is as fast as they are answered")
	flags.IntVar(&f.test.Comments, "count", 0, fmt.Sprintf("how many comments (default 10000; with --duration %d)", load.MaxComments))
	flags.DurationVar(&f.test.Duration, "duration", 0, "stop sending after this time (default 5m)")
	flags.IntVar(&f.test.Batch, "batch", 1, "comments in one delivery")
	flags.StringSliceVar(&f.accounts, "accounts", nil, "take turns between these accounts (default all of the accounts file)")
	flags.Float64Var(&f.test.Duplicates, "duplicates", 0, "share of the deliveries that repeats an earlier one, such as 0.1")
	flags.BoolVar(&f.test.Redeliver, "redeliver", false, "send again what was not acknowledged, as Meta does")
	flags.BoolVar(&f.test.Live, "live", false, "comments on a broadcast (on Instagram; a Page's look like any other)")
	flags.StringVar(&f.test.Text, "rule-text", "🔥🔥🔥", "what the comments say, which decides what a rule does with them")
	flags.StringVar(&f.secretEnv, "secret-env", config.Prefix+"APP_SECRETS", "the variable with the app secret; of several, separated by commas, the first signs")
	flags.BoolVar(&f.noVerify, "no-verify", false, "do not verify the replies")
	flags.DurationVar(&f.wait, "wait", 10*time.Minute, "how long the verification may take")
	asJSON := cli.JSONFlag(cmd)
	cmd.RunE = cli.WithSession(func(ctx context.Context, s *cli.Session, cmd *cobra.Command, _ []string) error {
		test, err := newLoadTest(s, f)
		if err != nil {
			return err
		}
		progress := cmd.ErrOrStderr()
		test.Progress = func(p load.Progress) {
			fmt.Fprintf(progress, "%3.0f s  %8d comments acknowledged  %d deliveries not\n", p.Elapsed.Seconds(), p.Acknowledged, p.Failed)
		}
		report := loadReport{}
		if report.Result, err = load.Run(ctx, test); err != nil {
			return err
		}
		if !f.noVerify {
			verification, err := report.Result.Verify(ctx, s.Client, f.wait, func(found int) {
				fmt.Fprintf(progress, "counting  %8d replies of %d comments\n", found, report.Result.Comments)
			})
			if err != nil {
				return err
			}
			report.Verification = &verification
		}
		if *asJSON {
			err = cli.WriteJSON(cmd.OutOrStdout(), report)
		} else {
			err = report.facts().Write(cmd.OutOrStdout())
		}
		return errors.Join(err, report.err())
	})
	return cmd
}

// loadReport is a load test with its verification, nil with --no-verify.
type loadReport struct {
	Result       *load.Result       `json:"storm"`
	Verification *load.Verification `json:"kept,omitempty"`
}

func (r loadReport) facts() *console.Facts {
	var f console.Facts
	r.Result.Describe(&f)
	if r.Verification != nil {
		r.Verification.Describe(&f)
	}
	return &f
}

func (r loadReport) err() error {
	switch {
	case r.Result.Comments == 0:
		return errors.New("the bridge acknowledged nothing")
	case r.Verification != nil:
		return r.Verification.Err()
	}
	return nil
}

// newLoadTest fills in what the flags leave to the settings.
func newLoadTest(s *cli.Session, f loadFlags) (load.LoadTest, error) {
	test := f.test
	if test.Comments == 0 {
		if test.Comments = 10_000; test.Duration != 0 {
			test.Comments = load.MaxComments
		}
	}
	if test.Duration == 0 {
		test.Duration = 5 * time.Minute
	}
	if test.URL == "" {
		var err error
		if test.URL, err = bridgeURL(); err != nil {
			return test, err
		}
	}
	secret, _, _ := strings.Cut(os.Getenv(f.secretEnv), ",")
	if test.Secret = strings.TrimSpace(secret); test.Secret == "" {
		return test, fmt.Errorf("the variable %s is not set: it has the app secret that the bridge expects; name another with --secret-env", f.secretEnv)
	}
	var err error
	test.Accounts, err = s.SelectAccounts(f.accounts...)
	return test, err
}

// bridgeURL is where the settings say that a bridge on this machine listens.
func bridgeURL() (string, error) {
	const variable = config.Prefix + "WEBHOOK_ADDR"
	address := os.Getenv(variable)
	if address == "" {
		return "", fmt.Errorf("say where the bridge is, with --url http://127.0.0.1:8080%s or %s", bridge.Path, variable)
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", fmt.Errorf("%s: %w", variable, err)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port) + bridge.Path, nil
}

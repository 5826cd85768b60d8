package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"strings"

	"github.com/google/uuid"
	"github.com/spf13/cobra"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/graph"
	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/internal/personkey"
	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/internal/temporal/temporalclient"
)

// settings are those of the command line.
type settings struct {
	config.Starter
	WebUI config.PublicURL `env:"WEB_UI_URL"` // Temporal's Web UI, to print links into it
}

// readSettings reads the settings, from the files of `starter dev` if nothing
// else is configured here.
func readSettings(cmd *cobra.Command) (settings, error) {
	if err := useDevSettings(cmd.ErrOrStderr()); err != nil {
		return settings{}, err
	}
	return config.Read[settings]()
}

// Session is a connection to Temporal, with the settings of the command.
type Session struct {
	client.Client
	replies   *replies.Client
	settings  settings
	namespace string
	data      converter.DataConverter
	keys      personkey.Keys
	// updateID is that of every Update of this command, so that a repeat after a lost
	// answer gets the first one's answer. A workflow gets one Update of a command.
	updateID string
}

// newSession reads the settings and connects. Close the session at the end.
func newSession(cmd *cobra.Command) (*Session, error) {
	set, err := readSettings(cmd)
	if err != nil {
		return nil, err
	}
	// Commands return their errors; a client that logs them too would say everything twice.
	logger := zap.NewNop()
	opts, err := temporalclient.Options("starter", logger)
	if err != nil {
		return nil, err
	}
	encryption, err := temporalclient.ReadCodec()
	if err != nil {
		return nil, err
	}
	c, err := temporalclient.Dial(cmd.Context(), "starter", logger)
	if err != nil {
		return nil, err
	}
	return &Session{
		Client:    c,
		replies:   replies.New(c, opts.Namespace, set.TaskQueue, opts.DataConverter).WithPersonKeys(personkey.New(encryption)),
		settings:  set,
		namespace: opts.Namespace,
		data:      opts.DataConverter,
		keys:      personkey.New(encryption),
		updateID:  "starter-" + uuid.NewString(),
	}, nil
}

// WithSession runs a command that needs Temporal.
func WithSession(run func(ctx context.Context, s *Session, cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		s, err := newSession(cmd)
		if err != nil {
			return err
		}
		defer s.Close()
		return explainNamespace(run(cmd.Context(), s, cmd, args), s.namespace)
	}
}

func (s *Session) accounts() (*config.Accounts, error) {
	return config.OpenAccounts(s.settings.Accounts)
}

// account finds one account of the accounts file: see findAccount.
func (s *Session) account(name string) (privatereply.Account, error) {
	accounts, err := s.accounts()
	if err != nil {
		return privatereply.Account{}, err
	}
	return findAccount(accounts, name)
}

// accountID is the id of an account that may be named as account takes it. An account that
// was taken out of the accounts file is known by its id as long as it has replies. Empty
// stays empty.
func (s *Session) accountID(ctx context.Context, name string) (string, error) {
	if name == "" {
		return "", nil
	}
	a, err := s.account(name)
	if err == nil {
		return a.ID, nil
	}
	if strings.Trim(name, "0123456789") != "" {
		return "", err
	}
	if n, countErr := s.replies.Count(ctx, replies.Filter{Account: name}); countErr != nil || n == 0 {
		return "", errors.Join(countErr, err)
	}
	return name, nil
}

// SelectAccounts finds accounts of the accounts file, each by its id, by "<platform>:<id>"
// or by its name. Empty names are left out; without any name it returns all accounts.
func (s *Session) SelectAccounts(names ...string) ([]privatereply.Account, error) {
	accounts, err := s.accounts()
	if err != nil {
		return nil, err
	}
	var selected []privatereply.Account
	for _, name := range names {
		if name == "" {
			continue
		}
		a, err := findAccount(accounts, name)
		if err != nil {
			return nil, err
		}
		selected = append(selected, a)
	}
	if len(selected) == 0 {
		return accounts.All(), nil
	}
	return selected, nil
}

// webUI says where the Web UI shows a workflow.
func (s *Session) webUI(workflowID string) string {
	path := fmt.Sprintf("/namespaces/%s/workflows/%s", url.PathEscape(s.namespace), url.PathEscape(workflowID))
	if s.settings.WebUI == "" {
		return path + " of the Temporal Web UI"
	}
	return string(s.settings.WebUI) + path
}

// useDevSettings lets a command work on what `starter dev` runs in this folder, with
// nothing configured: where there is no accounts file of one's own, the settings
// that `starter dev` wrote fill in for variables that are not set.
func useDevSettings(warnings io.Writer) error {
	const accounts = config.Prefix + "ACCOUNTS"
	if os.Getenv(accounts) != "" {
		return nil
	}
	if _, err := os.Stat("accounts.yaml"); !errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if _, err := os.Stat(filepath.Join(config.DevFolder, config.DevAccountsFile)); err != nil {
		return nil
	}
	vars, err := config.ReadDevEnv(config.DevFolder)
	if err != nil {
		return err
	}
	for name, value := range vars {
		if os.Getenv(name) != "" {
			continue
		}
		if err := os.Setenv(name, value); err != nil {
			return err
		}
	}
	fmt.Fprintf(warnings, "starter: there is no accounts.yaml here; using the files of `starter dev` in %s\n", config.DevFolder)
	return nil
}

// findAccount finds an account by its id, by "<platform>:<id>", or by its name.
func findAccount(accounts *config.Accounts, arg string) (privatereply.Account, error) {
	var found []privatereply.Account
	var all []string
	for _, a := range accounts.All() {
		all = append(all, fmt.Sprintf("%s (%s)", a.ID, a.Name))
		if arg == a.ID || arg == string(a.Platform)+":"+a.ID || arg == a.Name {
			found = append(found, a)
		}
	}
	switch len(found) {
	case 0:
		return privatereply.Account{}, fmt.Errorf("account %q is not in the accounts file, which has %s", arg, strings.Join(all, ", "))
	case 1:
		return found[0], nil
	}
	return privatereply.Account{}, fmt.Errorf("account %q is not one account: write %s:%s or %s:%s", arg,
		found[0].Platform, found[0].ID, found[1].Platform, found[1].ID)
}

// approverFlag adds the flag that says who acts.
func approverFlag(cmd *cobra.Command) *string {
	return cmd.Flags().String("approver", "", "who decides (default: PRIVATEREPLY_APPROVER, else your user name)")
}

// approver is who decides: see actor.
func (s *Session) approver(flag string) (string, error) { return s.actorBy("--approver", flag) }

// actor is who acts without deciding: see approver.
func (s *Session) actor(flag string) (string, error) { return s.actorBy("--by", flag) }

// actorBy is who acts: the flag, the setting, or the user of this machine.
func (s *Session) actorBy(name, flag string) (string, error) {
	if flag != "" {
		return flag, nil
	}
	if s.settings.Approver != "" {
		return s.settings.Approver, nil
	}
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username, nil
	}
	return "", fmt.Errorf("nobody knows who you are: say it with %s, or set PRIVATEREPLY_APPROVER", name)
}

// explainNamespace adds to an error what to do where Temporal does not know the namespace, or
// it lacks the product's search attributes.
func explainNamespace(err error, namespace string) error {
	var unknown *serviceerror.NamespaceNotFound
	var invalid *serviceerror.InvalidArgument
	switch {
	case errors.As(err, &unknown):
		return fmt.Errorf("%w Is TEMPORAL_NAMESPACE right? If it is, create the namespace, then run `starter setup`:\n"+
			"    temporal operator namespace create --namespace %s --retention 240h", err, namespace)
	case errors.As(err, &invalid) && strings.Contains(invalid.Message, "earch attribute"):
		return fmt.Errorf("%w; namespace %s is not set up: run `starter setup`", err, namespace)
	}
	return err
}

// explainError replaces an error that means "no worker answers" by what to do about it.
func explainError(err error, workflowID string) error {
	var refusal *replies.Error
	var query *serviceerror.DeadlineExceeded
	var update *client.WorkflowUpdateServiceTimeoutOrCanceledError
	switch {
	case errors.As(err, &refusal) && refusal.Code == replies.NoWorker,
		errors.Is(err, context.DeadlineExceeded), errors.As(err, &query), errors.As(err, &update):
		return fmt.Errorf("no worker answers: start one, or look at its log; then see with `starter show %s` whether this was still taken", workflowID)
	}
	return err
}

// metaAccount makes calls to Meta for one account. Commands that use it need no Temporal.
type metaAccount struct {
	graph *graph.Client
	cred  graph.Credentials
}

// openMetaAccount reads the settings and the secrets of an account. Nothing is asked of
// Meta yet.
func openMetaAccount(cmd *cobra.Command, account string, transport http.RoundTripper) (metaAccount, error) {
	set, err := readSettings(cmd)
	if err != nil {
		return metaAccount{}, err
	}
	accounts, err := config.OpenAccounts(set.Accounts)
	if err != nil {
		return metaAccount{}, err
	}
	a, err := findAccount(accounts, account)
	if err != nil {
		return metaAccount{}, err
	}
	secrets, err := accounts.Secrets(a.Platform, a.ID)
	if err != nil {
		return metaAccount{}, err
	}
	g, err := graph.New(graph.Options{
		FacebookURL: set.FacebookURL, InstagramURL: set.InstagramURL, Version: set.Version, Transport: transport,
	})
	return metaAccount{g, graph.Credentials{Account: a, Token: secrets.Token, AppSecret: secrets.AppSecret}}, err
}

// conversationCallsPerSecond is Meta's limit for one account.
const conversationCallsPerSecond = 2

// rateLimitedTransport keeps the calls to Meta under a limit: Meta refuses what is above it,
// and counts it too.
type rateLimitedTransport struct{ limit *rate.Limiter }

// RoundTrip waits until the request may go.
func (u rateLimitedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := u.limit.Wait(r.Context()); err != nil {
		return nil, err
	}
	return http.DefaultTransport.RoundTrip(r)
}

package cli

import (
	"context"
	"fmt"
	"net/url"

	"github.com/google/uuid"
	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.uber.org/zap"

	"github.com/privatereply/privatereply/internal/config"
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

// Session is a connection to Temporal and what belongs to it.
type Session struct {
	client.Client
	replies   *replies.Client
	settings  settings
	namespace string
	data      converter.DataConverter
	// updateID is that of every Update of this command, so that a repeat after a lost
	// answer gets the first one's answer. A workflow gets one Update of a command.
	updateID string
}

// connect reads the settings and connects. Close the session at the end.
func connect(cmd *cobra.Command) (*Session, error) {
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
	c, err := temporalclient.Dial(cmd.Context(), "starter", logger)
	if err != nil {
		return nil, err
	}
	return &Session{
		Client:    c,
		replies:   replies.New(c, opts.Namespace, set.TaskQueue, opts.DataConverter),
		settings:  set,
		namespace: opts.Namespace,
		data:      opts.DataConverter,
		updateID:  "starter-" + uuid.NewString(),
	}, nil
}

// WithSession runs a command that needs Temporal.
func WithSession(run func(ctx context.Context, s *Session, cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		s, err := connect(cmd)
		if err != nil {
			return err
		}
		defer s.Close()
		return run(cmd.Context(), s, cmd, args)
	}
}

// Accounts reads the accounts file.
func (s *Session) Accounts() (*config.Accounts, error) {
	return config.OpenAccounts(s.settings.Accounts)
}

// webUI says where the Web UI shows a workflow.
func (s *Session) webUI(workflowID string) string {
	path := fmt.Sprintf("/namespaces/%s/workflows/%s", url.PathEscape(s.namespace), url.PathEscape(workflowID))
	if s.settings.WebUI == "" {
		return path + " of the Temporal Web UI"
	}
	return string(s.settings.WebUI) + path
}

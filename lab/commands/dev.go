// Package commands has the commands of starter that run the product against the
// simulated Meta: dev, demo and load.
package commands

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/lab/harness"
	"github.com/privatereply/privatereply/lab/harness/devserver"
	"github.com/privatereply/privatereply/starter/cli"
)

// All makes the commands, for cli.Main.
func All() []*cobra.Command {
	return []*cobra.Command{newDev(), newDemo(), newLoad()}
}

func newDev() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Run the whole product on this machine",
		Long: `Run the whole product on this machine: a Temporal server with its Web UI, a sandbox in
Meta's place, the worker, the webhook bridge and the approvals desk. Nothing has to be
installed: without a Temporal CLI (TEMPORAL_CLI_PATH, or temporal on PATH) it builds one,
once, which takes some minutes. Ctrl-C stops everything. What happened is kept in the
state folder and is there again the next time, but for what the sandbox knew.`,
		Example: `  starter dev
  starter dev --free-ports --state .dev-2
  starter dev --encrypt`,
		Args:    cli.Args(0, 0, ""),
		GroupID: cli.GroupTry,
	}
	opts := harness.DevOptions{Ports: harness.DefaultPorts}
	flags := cmd.Flags()
	flags.StringVar(&opts.Folder, "state", config.DevFolder, "the folder for state, settings and logs")
	flags.IntVar(&opts.Ports.Temporal, "temporal-port", opts.Ports.Temporal, "port of the Temporal server")
	flags.IntVar(&opts.Ports.WebUI, "web-ui-port", opts.Ports.WebUI, "port of Temporal's Web UI")
	flags.IntVar(&opts.Ports.Bridge, "bridge-port", opts.Ports.Bridge, "port of the webhook bridge")
	flags.IntVar(&opts.Ports.Sandbox, "sandbox-port", opts.Ports.Sandbox, "port of the sandbox")
	flags.IntVar(&opts.Ports.Approvals, "approvals-port", opts.Ports.Approvals, "port of the approvals desk")
	flags.BoolVar(&opts.Encrypt, "encrypt", false, "encrypt what Temporal holds, with a key that is made for the state folder; from then on it stays encrypted")
	flags.StringVar(&opts.UsersFile, "users", "", "the file of who may sign in at the desk, to try roles (see approvals user); without it you are its admin")
	free := flags.Bool("free-ports", false, "pick free ports instead")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		out := cmd.OutOrStdout()
		opts.Progress, opts.Warnings = out, cmd.ErrOrStderr()
		if *free {
			var err error
			// The CLI first: while one is built, a port that is free now may be taken.
			if opts.CLIPath, err = devserver.Find(cmd.Context(), out); err != nil {
				return err
			}
			if opts.Ports, err = harness.FreePorts(); err != nil {
				return err
			}
		}
		stack, err := harness.StartDev(cmd.Context(), opts)
		if err != nil {
			return err
		}
		if err := welcome(out, stack, opts.Folder, opts.UsersFile); err != nil {
			return errors.Join(err, stack.Stop())
		}
		died := stack.Wait(cmd.Context())
		if died != nil {
			fmt.Fprintf(cmd.ErrOrStderr(), "starter: %v\n", died)
		}
		stopped := stack.Stop()
		if died != nil {
			return errors.Join(cli.ErrReported, stopped)
		}
		if stopped == nil {
			fmt.Fprintln(out, "stopped")
		}
		return stopped
	}
	return cmd
}

// welcome says where everything is and what to try.
func welcome(w io.Writer, s *harness.Dev, folder, users string) error {
	account := s.Accounts.All()[0].ID
	starter, temporal := starterCommand(), temporalCommand(s.CLIPath)
	elsewhere := ""
	if filepath.Clean(folder) != config.DevFolder {
		elsewhere = fmt.Sprintf("     (first: set -a; . %s; set +a)\n", filepath.Join(folder, config.DevEnvFile))
	}
	signIn := `you are signed in as "you"`
	if users != "" {
		signIn = "sign in with a token of a user in " + users
	}
	encrypted, codec := "", ""
	if s.CodecURL() != "" {
		encrypted = fmt.Sprintf("  Encrypted                 %s decrypts for the Web UI and for temporal --codec-endpoint\n", s.CodecURL())
		codec = " --codec-endpoint " + s.CodecURL()
	}
	_, err := fmt.Fprintf(w, `
ready

  Be a person who comments  %[1]s/
  Decide replies            %[13]s/ (%[16]s)
  Connect accounts          %[13]s/accounts (some wait for it; the token of one ends in minutes and is renewed)
  Temporal's Web UI         %[2]s/namespaces/%[3]s/workflows
    waits for a person      %[2]s/namespaces/%[3]s/workflows?query=ReplyState%%3D%%22awaiting_approval%%22
    arrival unknown         %[2]s/namespaces/%[3]s/workflows?query=ReplyState%%3D%%22delivery_unknown%%22
  Temporal server           %[4]s, namespace %[3]s
  Webhooks                  %[5]s
%[14]s  State, settings, logs     %[6]s
                            (%[7]s and %[8]s are yours to change)

Try this in another terminal:

  1. Write a comment, on the page above or with
     curl -s %[1]s/sandbox/comments -d '{"account":"%[9]s","username":"lena","text":"Does it come in oak?"}'
  2. See it wait for a decision at the desk, or take its ID
%[10]s     %[11]s list
  3. Approve it, with a text of your own
     %[11]s approve ID --text "Yes, it does."
     or with Temporal's own command line
     %[12]s workflow update execute --address %[4]s%[15]s --name approve \
       --workflow-id reply:instagram:%[9]s:ID --input '{"approver":"me","text":"Yes, it does."}'
  4. Read the whole story
     %[11]s show ID
  5. Comment "May I have the list?": it is answered with a button, and in public. Tap the
     button on the page above, and the list comes by itself

Ctrl-C stops everything.
`, s.SandboxURL, s.Server.UIURL, s.Server.Namespace, s.Server.Address, s.WebhookURL, folder,
		config.DevAccountsFile, config.DevRulesFile, account, elsewhere, starter, temporal, s.ApprovalsURL, encrypted, codec, signIn)
	return err
}

// starterCommand is how this program was called: `go run` builds it somewhere
// that is gone afterwards.
func starterCommand() string {
	if path, err := os.Executable(); err == nil && strings.Contains(path, "go-build") {
		return "go run ./starter"
	}
	return os.Args[0]
}

// temporalCommand is how to call the Temporal CLI at path.
func temporalCommand(path string) string {
	if found, err := exec.LookPath("temporal"); err == nil && found == path {
		return "temporal"
	}
	if strings.ContainsAny(path, " '") {
		return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
	return path
}

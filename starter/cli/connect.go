package cli

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/graph"
	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/internal/connect"
	"github.com/privatereply/privatereply/internal/console"
)

// connectPath is where Meta's login leads back to. It is the desk's, so that an app at Meta
// lists one path.
const connectPath = "/accounts/callback"

func newConnect() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "connect",
		Short: "Connect accounts through Meta's login",
		Long: `Print an address at Meta, wait until somebody has logged in there, and connect the accounts
that they choose: their tokens and settings come into the accounts folder, their webhooks
are subscribed, and the running programs take them up by themselves. Connecting an account
again replaces its token and lets its waiting replies go.

The login facebook reaches Pages and the Instagram accounts linked to them, the login
instagram a professional Instagram account by itself. Each needs the id and secret of an
app at Meta (PRIVATEREPLY_FACEBOOK_APP_ID, PRIVATEREPLY_INSTAGRAM_APP_ID and so on), and
PRIVATEREPLY_ACCOUNTS must name a folder. The app must list the address that Meta leads
back to, --url with ` + connectPath + ` behind it, to the letter. Meta takes http:// only
for localhost and an app in development: for others use the desk's page Accounts.`,
		Example: `  starter connect --login instagram
  starter connect --login facebook --account 100000000000005
  starter connect --disconnect instagram:17841400000000006`,
		Args:    Args(0, 0, ""),
		GroupID: GroupOperate,
	}
	flags := cmd.Flags()
	login := flags.String("login", "", "facebook or instagram; needed if both apps are set")
	listen := flags.String("listen", "127.0.0.1:8095", "where this command waits for the browser")
	public := flags.String("url", "", "where the browser reaches it; default: http://localhost and the port of --listen")
	only := flags.StringSlice("account", nil, "connect these ids, without asking")
	all := flags.Bool("all", false, "connect everything that the login reaches, without asking")
	leave := flags.String("disconnect", "", "disconnect this account instead: <platform>:<id>, its id or its name")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		connector, accounts, err := openConnector(cmd)
		if err != nil {
			return err
		}
		if *leave != "" {
			return disconnectAccount(cmd, connector, accounts, *leave)
		}
		by, err := chooseLogin(connector, privatereply.Login(*login))
		if err != nil {
			return err
		}
		session := rand.Text()
		grant, err := awaitLogin(cmd.Context(), cmd.OutOrStdout(), connector, by, session, *listen, *public)
		if err != nil {
			return err
		}
		keys, err := chooseFound(cmd, grant, *only, *all)
		if err != nil {
			return err
		}
		connected, err := connector.Connect(cmd.Context(), session, grant.ID, keys)
		if err != nil {
			return err
		}
		return writeConnected(cmd.OutOrStdout(), connected)
	}
	return cmd
}

func openConnector(cmd *cobra.Command) (*connect.Connector, *config.Accounts, error) {
	set, err := readSettings(cmd)
	if err != nil {
		return nil, nil, err
	}
	logins, err := config.Read[config.Connect]()
	if err != nil {
		return nil, nil, err
	}
	accounts, err := config.OpenAccounts(set.Accounts)
	if err != nil {
		return nil, nil, err
	}
	meta, err := graph.New(graph.Options{FacebookURL: set.FacebookURL, InstagramURL: set.InstagramURL, Version: set.Version})
	if err != nil {
		return nil, nil, err
	}
	return connect.New(connect.Config{Settings: logins, Graph: meta, Accounts: accounts}), accounts, nil
}

func chooseLogin(c *connect.Connector, asked privatereply.Login) (privatereply.Login, error) {
	switch logins := c.Logins(); {
	case asked != "":
		return asked, nil
	case len(logins) == 1:
		return logins[0], nil
	case len(logins) > 1:
		return "", errors.New("--login: write facebook or instagram, since both apps are set")
	}
	return "", fmt.Errorf("no app of Meta's is set: %[1]sFACEBOOK_APP_ID and %[1]sFACEBOOK_APP_SECRET for Pages, or %[1]sINSTAGRAM_APP_ID and %[1]sINSTAGRAM_APP_SECRET", config.Prefix)
}

// awaitLogin prints the address of a login and waits until Meta has led the browser back.
func awaitLogin(ctx context.Context, out io.Writer, c *connect.Connector, login privatereply.Login, session, listen, public string) (connect.Grant, error) {
	ln, err := net.Listen("tcp", listen)
	if err != nil {
		return connect.Grant{}, fmt.Errorf("--listen: %w", err)
	}
	if public == "" {
		public = "http://localhost:" + strconv.Itoa(ln.Addr().(*net.TCPAddr).Port)
	}
	address, err := c.Begin(login, strings.TrimRight(public, "/")+connectPath, session)
	if err != nil {
		return connect.Grant{}, errors.Join(err, ln.Close())
	}
	type outcome struct {
		grant connect.Grant
		err   error
	}
	came := make(chan outcome, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+connectPath, func(w http.ResponseWriter, r *http.Request) {
		grant, err := c.Callback(r.Context(), session, r.URL.Query())
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		text := "Go back to the terminal.\n"
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			text = err.Error() + "\n"
		}
		_, _ = io.WriteString(w, text)
		select {
		case came <- outcome{grant, err}:
		default: // the browser loaded it twice
		}
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(ln) }()
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = server.Shutdown(ctx)
	}()
	if _, err := fmt.Fprintf(out, "Open this address in a browser and log in:\n\n  %s\n\nWaiting. The app at Meta must list %s as a redirect.\n", address, strings.TrimRight(public, "/")+connectPath); err != nil {
		return connect.Grant{}, err
	}
	select {
	case got := <-came:
		return got.grant, got.err
	case <-ctx.Done():
		return connect.Grant{}, ctx.Err()
	}
}

// chooseFound shows what a login reaches, and returns what is to be connected.
func chooseFound(cmd *cobra.Command, grant connect.Grant, only []string, all bool) ([]connect.Key, error) {
	out := cmd.OutOrStdout()
	for _, p := range grant.Missing {
		fmt.Fprintf(out, "! The login did not grant %s: %s will not work. Log in again and allow it.\n", p.Name, p.Use)
	}
	for _, p := range grant.MissingOptional {
		fmt.Fprintf(out, "? The login did not grant %s: %s.\n", p.Name, p.Use)
	}
	var keys []connect.Key
	fmt.Fprintln(out)
	for _, f := range grant.Found {
		name := console.Sanitize(f.Name)
		if f.Problem != "" {
			fmt.Fprintf(out, "  -  %s %s %s: %s\n", f.Account.Platform, f.Account.ID, name, f.Problem)
			continue
		}
		keys = append(keys, f.Key())
		fmt.Fprintf(out, "  %d  %s %s %s", len(keys), f.Account.Platform, f.Account.ID, name)
		if f.Connected {
			fmt.Fprint(out, " (connected; its token is replaced)")
		}
		if f.Warning != "" {
			fmt.Fprintf(out, "\n     %s", f.Warning)
		}
		fmt.Fprintln(out)
	}
	switch {
	case len(keys) == 0:
		return nil, errors.New("the login reaches no account that can be connected")
	case len(only) > 0:
		return selectKeys(keys, only)
	case all || len(keys) == 1:
		return keys, nil
	case !isTerminal(cmd.InOrStdin()):
		return nil, errors.New("write which accounts to connect: --account ID, or --all")
	}
	fmt.Fprint(out, "\nWhich? Numbers with spaces between them, or all: ")
	line, err := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return selectNumbers(keys, line)
}

func selectKeys(keys []connect.Key, ids []string) ([]connect.Key, error) {
	var chosen []connect.Key
	for _, id := range ids {
		n := len(chosen)
		for _, key := range keys {
			if key.ID == id || string(key.Platform)+":"+key.ID == id {
				chosen = append(chosen, key)
			}
		}
		if len(chosen) == n {
			return nil, fmt.Errorf("--account: the login does not reach %s", id)
		}
	}
	return chosen, nil
}

func selectNumbers(keys []connect.Key, line string) ([]connect.Key, error) {
	line = strings.TrimSpace(line)
	if line == "all" {
		return keys, nil
	}
	var chosen []connect.Key
	for field := range strings.FieldsSeq(strings.ReplaceAll(line, ",", " ")) {
		n, err := strconv.Atoi(field)
		if err != nil || n < 1 || n > len(keys) {
			return nil, fmt.Errorf("%q is not one of the numbers 1 to %d; nothing was connected", field, len(keys))
		}
		chosen = append(chosen, keys[n-1])
	}
	if len(chosen) == 0 {
		return nil, errors.New("nothing was chosen, and nothing was connected")
	}
	return chosen, nil
}

func writeConnected(out io.Writer, all []connect.Connected) error {
	failed := false
	for _, c := range all {
		subject := fmt.Sprintf("%s %s %s", c.Account.Platform, c.Account.ID, console.Sanitize(c.Account.Name))
		if c.Problem != "" {
			failed = true
			fmt.Fprintf(out, "✗ %s: %s\n", subject, c.Problem)
			continue
		}
		fmt.Fprintf(out, "✓ %s is connected\n", subject)
	}
	if failed {
		return ErrReported
	}
	fmt.Fprintln(out, "Running programs take them up within seconds. starter doctor looks at everything about them.")
	return nil
}

func disconnectAccount(cmd *cobra.Command, c *connect.Connector, accounts *config.Accounts, name string) error {
	account, err := findAccount(accounts, name)
	if err != nil {
		return err
	}
	if facts, _ := accounts.Token(account.Platform, account.ID); !facts.Connected {
		return fmt.Errorf("%s stands in accounts.yaml, which people write: take it out there", account.Name)
	}
	err = c.Disconnect(cmd.Context(), connect.Key{Platform: account.Platform, ID: account.ID})
	if err != nil && !errors.Is(err, connect.ErrStillSubscribed) {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s is disconnected, and its token is gone from here. Replies that wait go if it is connected again before their deadlines; starter stop --account %s rejects them.\n", account.Name, account.ID)
	if err != nil {
		fmt.Fprintln(cmd.OutOrStdout(), "Meta still sends its webhooks: remove the app in the account's settings at Meta.")
	}
	return nil
}

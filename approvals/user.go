package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/privatereply/privatereply/approvals/signin"
)

const usage = `usage:
  approvals                                             run the desk
  approvals healthcheck                                 ask the desk that runs here whether it is ready
  approvals user NAME [--role viewer|approver|admin]    make an entry for the users file

The entry goes to standard output, to be added to the file of PRIVATEREPLY_APPROVALS_USERS;
the token, which only the user may have, goes to standard error`

// newUser makes an entry for the users file.
func newUser(args []string, out, errOut io.Writer) error {
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		return errors.New(usage)
	}
	role := signin.Approver
	flags := flag.NewFlagSet("approvals user", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.TextVar(&role, "role", signin.Approver, "")
	if err := flags.Parse(args[1:]); err != nil {
		return fmt.Errorf("%w\n%s", err, usage)
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%q is one argument too many\n%s", flags.Arg(0), usage)
	}
	token, lines, err := signin.NewUser(args[0], role)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(out, lines); err != nil {
		return err
	}
	_, err = fmt.Fprintf(errOut, "The token of %s, which is shown only now:\n%s\n", args[0], token)
	return err
}

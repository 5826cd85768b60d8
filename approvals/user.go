package main

import (
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/privatereply/privatereply/approvals/signin"
)

const usage = `usage:
  approvals                                             run the desk
  approvals user NAME [--role viewer|approver|admin]    make an entry for the users file

The entry goes to standard output, to be added to the file of PRIVATEREPLY_APPROVALS_USERS;
the token, which only the user may have, goes to standard error`

// newUser makes an entry for the users file, if the arguments ask for it.
func newUser(args []string, out, errOut io.Writer) error {
	if len(args) == 0 {
		return nil
	}
	if args[0] != "user" || len(args) < 2 {
		return errors.New(usage)
	}
	role := signin.Approver
	flags := flag.NewFlagSet("approvals user", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.TextVar(&role, "role", signin.Approver, "")
	if err := flags.Parse(args[2:]); err != nil {
		return fmt.Errorf("%w\n%s", err, usage)
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%q is one argument too many\n%s", flags.Arg(0), usage)
	}
	token, lines, err := signin.NewUser(args[1], role)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(out, lines); err != nil {
		return err
	}
	_, err = fmt.Fprintf(errOut, "The token of %s, which is shown only now:\n%s\n", args[1], token)
	return err
}

// Command starter starts private replies, decides them, shows them, and runs the
// whole product on one machine.
package main

import (
	"os"

	"github.com/privatereply/privatereply/lab/commands"
	"github.com/privatereply/privatereply/starter/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, commands.All()...)) }

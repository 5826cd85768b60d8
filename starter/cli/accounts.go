package cli

import (
	"fmt"
	"strings"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/config"
)

// FindAccount finds an account by its id, by "<platform>:<id>", or by its name.
func FindAccount(accounts *config.Accounts, arg string) (privatereply.Account, error) {
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

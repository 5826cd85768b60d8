package config

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/reload"
)

// Accounts is the accounts file, read again when it changes.
type Accounts struct{ file *reload.File[accountSet] }

// OpenAccounts reads the accounts file at path.
func OpenAccounts(path string) (*Accounts, error) {
	file, err := reload.Open(path, loadAccounts)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("accounts file %s does not exist: copy accounts.example.yaml there, or set %sACCOUNTS", path, Prefix)
	}
	if err != nil {
		return nil, err
	}
	return &Accounts{file: file}, nil
}

// All lists the accounts in the order of the file.
func (a *Accounts) All() []privatereply.Account { return slices.Clone(a.file.Current().order) }

// Get finds one account.
func (a *Accounts) Get(p privatereply.Platform, id string) (privatereply.Account, bool) {
	entry, ok := a.file.Current().entries[accountKey{p, id}]
	return entry.account, ok
}

// Err says why the newest version of the file is not in force.
func (a *Accounts) Err() error { return a.file.Err() }

// Meta's limits for private replies of one account.
const (
	metaPostsPerHour  = 750
	metaLivePerSecond = 100
)

// Warnings lists what the file allows but Meta does not, one sentence each. A
// faster rate is taken all the same: Meta grants some accounts more.
func (a *Accounts) Warnings() []string {
	var all []string
	warn := func(account privatereply.Account, field string, rate, limit float64, unit string) {
		if rate > limit {
			all = append(all, fmt.Sprintf("account %s %s: %s is %v; Meta's limit is %v %s, and it pauses an account that goes faster",
				account.Platform, account.ID, field, rate, limit, unit))
		}
	}
	for _, account := range a.file.Current().order {
		warn(account, "posts_per_hour", account.PostsPerHour, metaPostsPerHour, "an hour")
		warn(account, "live_per_second", account.LivePerSecond, metaLivePerSecond, "a second")
	}
	return all
}

package config

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/reload"
)

// removedGrace is how long webhooks are still taken for an account that is no longer in the
// file: somebody may have saved it half.
const removedGrace = 10 * time.Minute

// Accounts is the accounts file, read again when it changes.
type Accounts struct{ file *reload.File[accountSet] }

// OpenAccounts reads the accounts file at path.
func OpenAccounts(path string) (*Accounts, error) {
	var last accountSet
	file, err := reload.Open(path, func(path string, data []byte) (accountSet, error) {
		set, err := loadAccounts(path, data)
		if err != nil {
			return accountSet{}, err
		}
		last = set.withRemoved(last, time.Now())
		return last, nil
	}, nil)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("accounts file %s does not exist: copy accounts.example.yaml there, or set %sACCOUNTS", path, Prefix)
	}
	if err != nil {
		return nil, err
	}
	return &Accounts{file: file}, nil
}

// Confirmed is closed when two looks at the file have seen the same.
func (a *Accounts) Confirmed() <-chan struct{} { return a.file.Confirmed() }

// All lists the accounts in the order of the file.
func (a *Accounts) All() []privatereply.Account { return slices.Clone(a.file.Current().order) }

// Get finds one account.
func (a *Accounts) Get(p privatereply.Platform, id string) (privatereply.Account, bool) {
	entry, ok := a.file.Current().entries[accountKey{p, id}]
	return entry.account, ok
}

// Find finds one account for a webhook: also one that was taken out of the file within
// the last ten minutes, as it was then. A webhook that is refused brings nothing back, and
// one that is taken in vain does no harm.
func (a *Accounts) Find(p privatereply.Platform, id string) (privatereply.Account, bool) {
	set := a.file.Current()
	if entry, ok := set.entries[accountKey{p, id}]; ok {
		return entry.account, true
	}
	g, ok := set.removed[accountKey{p, id}]
	if !ok || time.Since(g.at) >= removedGrace {
		return privatereply.Account{}, false
	}
	return g.account, true
}

// LinkedToPage finds the Instagram accounts that send through a Page; where the file has
// none, those that were taken out of it within the last ten minutes.
func (a *Accounts) LinkedToPage(page string) []privatereply.Account {
	isBehind := func(account privatereply.Account) bool {
		return account.Platform == privatereply.Instagram && page != "" && account.PageID == page
	}
	set := a.file.Current()
	var behind []privatereply.Account
	for _, account := range set.order {
		if isBehind(account) {
			behind = append(behind, account)
		}
	}
	if len(behind) > 0 {
		return behind
	}
	for _, g := range set.removed {
		if isBehind(g.account) && time.Since(g.at) < removedGrace {
			behind = append(behind, g.account)
		}
	}
	return behind
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

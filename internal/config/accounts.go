package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/reload"
)

// removedGrace is how long webhooks are still taken for an account that is no longer in the
// file: the file may have been saved by half.
const removedGrace = 10 * time.Minute

// Accounts are the accounts file, or the accounts folder, read again when it changes.
type Accounts struct {
	file   *reload.File[accountSet]
	folder *folder // nil: a plain file
}

// OpenAccounts reads the accounts file at path, or the folder there with the keys and the
// apps of the environment.
func OpenAccounts(path string) (*Accounts, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return openFolderFromEnv(path)
	}
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

// Confirmed is closed when two reads of the file in a row gave the same.
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
	isLinked := func(account privatereply.Account) bool {
		return account.LoginFacts().ThroughPage && page != "" && account.PageID == page
	}
	set := a.file.Current()
	var linked []privatereply.Account
	for _, account := range set.order {
		if isLinked(account) {
			linked = append(linked, account)
		}
	}
	if len(linked) > 0 {
		return linked
	}
	for _, g := range set.removed {
		if isLinked(g.account) && time.Since(g.at) < removedGrace {
			linked = append(linked, g.account)
		}
	}
	return linked
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

// accountKey identifies an account: no two of the file may share it.
type accountKey struct {
	platform privatereply.Platform
	id       string
}

// accountSet is the content of an accounts file.
type accountSet struct {
	order   []privatereply.Account
	entries map[accountKey]accountEntry
	removed map[accountKey]removedAccount // that earlier versions of the file had
}

// removedAccount is an account that was taken out of the file, with the time of the read
// that noticed it.
type removedAccount struct {
	account privatereply.Account
	at      time.Time
}

// withRemoved adds to s the accounts that the version before it had and s does not have.
func (s accountSet) withRemoved(before accountSet, now time.Time) accountSet {
	s.removed = map[accountKey]removedAccount{}
	remember := func(key accountKey, g removedAccount) {
		if _, stays := s.entries[key]; !stays && now.Sub(g.at) < removedGrace {
			s.removed[key] = g
		}
	}
	for key, g := range before.removed {
		remember(key, g)
	}
	for key, entry := range before.entries {
		remember(key, removedAccount{entry.account, now})
	}
	return s
}

type accountEntry struct {
	account    privatereply.Account
	sources    secretSources
	connection *connection // nil: people wrote the account into accounts.yaml
}

// writtenAccount is an account as a file writes it, with where that is.
type writtenAccount struct {
	accountYAML
	where      string // begins its errors
	place      string // names it in the error of another account
	connection *connection
}

func loadAccounts(path string, data []byte) (accountSet, error) {
	written, err := decodeAccounts(path, data)
	if err == nil && len(written) == 0 {
		err = fmt.Errorf("%s: accounts: list at least one account", path)
	}
	if err != nil {
		return accountSet{}, err
	}
	return newAccountSet(written)
}

// newAccountSet checks the accounts. Its error lists everything that is wrong.
func newAccountSet(written []writtenAccount) (accountSet, error) {
	set := accountSet{entries: map[accountKey]accountEntry{}}
	var problems []error
	first := map[accountKey]string{}
	for _, y := range written {
		entry, wrong := y.read()
		entry.connection = y.connection
		key := accountKey{y.Platform, y.ID}
		if place, twice := first[key]; twice && y.ID != "" {
			wrong = append(wrong, fmt.Errorf("id: %s %s is listed twice, first in %s", y.Platform, y.ID, place))
		} else {
			first[key] = y.place
		}
		for _, err := range wrong {
			problems = append(problems, fmt.Errorf("%s: %w", y.where, err))
		}
		set.entries[key] = entry
		set.order = append(set.order, entry.account)
	}
	if len(problems) > 0 {
		return accountSet{}, errors.Join(problems...)
	}
	return set, nil
}

// decodeAccounts returns the accounts of a file, with the lines in which they begin.
func decodeAccounts(path string, data []byte) ([]writtenAccount, error) {
	var doc struct {
		Accounts []accountYAML `yaml:"accounts"`
	}
	if err := decodeDocument(data, &doc); err != nil {
		return nil, allMistakes(path, data, err)
	}
	var nodes struct {
		Accounts []ast.Node `yaml:"accounts"`
	}
	if err := yaml.Unmarshal(data, &nodes); err != nil {
		return nil, fmt.Errorf("%s: %w", path, yamlError(err))
	}
	var written []writtenAccount
	for n, node := range nodes.Accounts {
		if node == nil {
			return nil, fmt.Errorf("%s: accounts: entry %d is empty", path, n+1)
		}
		line := node.GetToken().Position.Line
		written = append(written, writtenAccount{
			accountYAML: doc.Accounts[n],
			where:       fmt.Sprintf("%s: line %d, accounts[%d]", path, line, n),
			place:       fmt.Sprintf("line %d", line),
		})
	}
	return written, nil
}

// decodeDocument reads a file that is one YAML document, and may be empty.
func decodeDocument(data []byte, into any) error {
	dec := yaml.NewDecoder(bytes.NewReader(data), yaml.Strict())
	if err := dec.Decode(into); err != nil && !errors.Is(err, io.EOF) {
		return yamlError(err)
	}
	if dec.Decode(new(any)) == nil {
		return errors.New("there is a second document (after ---); write everything into one")
	}
	return nil
}

// yamlError says what is wrong in the YAML and in which line. It quotes nothing of the
// file, which may hold a token by mistake.
func yamlError(err error) error {
	var at yaml.Error
	if !errors.As(err, &at) || at.GetToken() == nil {
		return errors.New("it is not valid YAML")
	}
	message := at.GetMessage()
	var wrongType *yaml.TypeError
	if errors.As(err, &wrongType) {
		switch wrongType.DstType.Kind() {
		case reflect.Bool:
			message = "write true or false"
		case reflect.Float64:
			message = "write a number"
		default:
			message = "write a text, in quotes"
		}
	}
	return fmt.Errorf("line %d: %s", at.GetToken().Position.Line, message)
}

// Defaults of an account, below Meta's limits.
const (
	defaultPostsPerHour  = 700
	defaultLivePerSecond = 90
	defaultSweep         = time.Hour
)

// accountYAML is one account as the accounts file writes it. Durations are texts
// here, because YAML reads "0" as a number.
type accountYAML struct {
	Platform        privatereply.Platform `yaml:"platform"`
	ID              string                `yaml:"id"`
	Name            string                `yaml:"name"`
	Login           privatereply.Login    `yaml:"login"`
	PageID          string                `yaml:"page_id"`
	HumanAgent      bool                  `yaml:"human_agent"`
	Conversations   string                `yaml:"conversations"`
	SweepEvery      *string               `yaml:"sweep_every"`
	SweepAutoWithin *string               `yaml:"sweep_auto_within"`
	PostsPerHour    *float64              `yaml:"posts_per_hour"`
	LivePerSecond   *float64              `yaml:"live_per_second"`
	Automatic       *bool                 `yaml:"automatic_replies"`
	TimeZone        string                `yaml:"time_zone"`
	Secrets         secretSources         `yaml:",inline"`
}

// read returns the account, and an error for each field that is wrong.
func (y accountYAML) read() (accountEntry, []error) {
	if logins := y.Platform.Facts().Logins; y.Login == "" && len(logins) == 1 {
		y.Login = logins[0].Login
	}
	var wrong []error
	refuse := func(bad bool, format string, args ...any) {
		if bad {
			wrong = append(wrong, fmt.Errorf(format, args...))
		}
	}
	duration := func(field string, written *string) time.Duration {
		if written == nil {
			return defaultSweep
		}
		d, err := time.ParseDuration(*written)
		switch {
		case err != nil:
			refuse(true, "%s: %q is not a duration; write one such as 1h or 30m, or 0", field, *written)
		case d < 0:
			refuse(true, "%s: is negative", field)
		case d > 0 && d < time.Second:
			refuse(true, "%s: is shorter than a second", field)
		}
		return d
	}
	rate := func(field string, written *float64, fallback float64) float64 {
		if written == nil {
			return fallback
		}
		refuse(!(*written > 0) || math.IsInf(*written, 0), "%s: must be a positive number", field)
		return *written
	}

	refuse(!y.Platform.Valid(), "platform: %q is not a platform; write instagram or facebook", y.Platform)
	if y.ID == "" {
		refuse(true, "id: is missing; write the account's id as Meta's webhooks give it, in quotes")
	} else if _, err := privatereply.SweepID(privatereply.Instagram, y.ID); err != nil {
		refuse(true, "id: %w", err)
	}
	refuse(y.Login != privatereply.LoginFacebook && y.Login != privatereply.LoginInstagram,
		"login: %q is not a login; write facebook (Page token) or instagram (Instagram user token)", y.Login)
	refuse(y.Platform == privatereply.Facebook && y.Login == privatereply.LoginInstagram,
		"login: a Facebook Page has only login facebook")
	needsPage := privatereply.Account{Platform: y.Platform, Login: y.Login}.LoginFacts().ThroughPage
	refuse(needsPage && y.PageID == "", "page_id: is required for Instagram with login facebook: sends go to the Page")
	refuse(!needsPage && y.PageID != "", "page_id: only Instagram with login facebook has it; leave it out")
	refuse(y.Conversations != "" && y.Conversations != "all" && y.Conversations != "replied",
		"conversations: %q is not known; write all or replied", y.Conversations)

	account := privatereply.Account{
		Platform: y.Platform, ID: y.ID, Name: y.Name, Login: y.Login, PageID: y.PageID,
		HumanAgent: y.HumanAgent, RepliedOnly: y.Conversations == "replied",
		SweepEvery:      duration("sweep_every", y.SweepEvery),
		SweepAutoWithin: duration("sweep_auto_within", y.SweepAutoWithin),
		PostsPerHour:    rate("posts_per_hour", y.PostsPerHour, defaultPostsPerHour),
		LivePerSecond:   rate("live_per_second", y.LivePerSecond, defaultLivePerSecond),
		AutomaticPaused: y.Automatic != nil && !*y.Automatic,
	}
	if y.TimeZone != "" {
		var err error
		account.TimeZone, err = loadZone(y.TimeZone)
		refuse(err != nil, "time_zone: %q is not a time zone; write one such as Europe/Berlin", y.TimeZone)
	}
	if account.Name == "" {
		account.Name = account.ID
	}
	return accountEntry{account: account, sources: y.Secrets}, append(wrong, y.Secrets.problems()...)
}

var zones sync.Map // from a name to its *time.Location

// loadZone gives one location for a name, however often a file is read: accounts that did not
// change are equal. The machine's own zone, Local, is none that a file can name.
func loadZone(name string) (*time.Location, error) {
	if zone, ok := zones.Load(name); ok {
		return zone.(*time.Location), nil
	}
	if name == "Local" {
		return nil, errors.New("the machine's own zone")
	}
	loaded, err := time.LoadLocation(name)
	if err != nil {
		return nil, err
	}
	zone, _ := zones.LoadOrStore(name, loaded)
	return zone.(*time.Location), nil
}

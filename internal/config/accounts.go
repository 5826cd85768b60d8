package config

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/reload"
)

// Defaults of an account, below Meta's 750 an hour and 100 a second.
const (
	defaultPostsPerHour  = 700
	defaultLivePerSecond = 90
	defaultSweep         = time.Hour
)

// accountYAML is one account as the accounts file writes it.
type accountYAML struct {
	Platform        privatereply.Platform `yaml:"platform"`
	ID              string                `yaml:"id"`
	Name            string                `yaml:"name"`
	Login           privatereply.Login    `yaml:"login"`
	PageID          string                `yaml:"page_id"`
	TokenEnv        string                `yaml:"token_env"`
	TokenFile       string                `yaml:"token_file"`
	AppSecretEnv    string                `yaml:"app_secret_env"`
	AppSecretFile   string                `yaml:"app_secret_file"`
	HumanAgent      bool                  `yaml:"human_agent"`
	Conversations   string                `yaml:"conversations"`
	SweepEvery      *time.Duration        `yaml:"sweep_every"`
	SweepAutoWithin *time.Duration        `yaml:"sweep_auto_within"`
	PostsPerHour    *float64              `yaml:"posts_per_hour"`
	LivePerSecond   *float64              `yaml:"live_per_second"`
}

// accountKey is what no two accounts may share.
type accountKey struct {
	platform privatereply.Platform
	id       string
}

// accountSet is an accounts file that was read.
type accountSet struct {
	order []privatereply.Account
	files map[accountKey]accountYAML
}

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
func (a *Accounts) All() []privatereply.Account { return a.file.Current().order }

// Get finds one account.
func (a *Accounts) Get(p privatereply.Platform, id string) (privatereply.Account, bool) {
	set := a.file.Current()
	y, ok := set.files[accountKey{p, id}]
	if !ok {
		return privatereply.Account{}, false
	}
	return y.account(), true
}

// Err says why the newest version of the file is not in force.
func (a *Accounts) Err() error { return a.file.Err() }

// Secrets are what an account signs its calls with. They never leave the process
// but in a request to Meta.
type Secrets struct {
	Token     string
	AppSecret string // empty: no appsecret_proof
}

// Secrets reads the account's token and app secret. Files are read each time, so
// that a repaired token is used at once.
func (a *Accounts) Secrets(p privatereply.Platform, id string) (Secrets, error) {
	y, ok := a.file.Current().files[accountKey{p, id}]
	if !ok {
		return Secrets{}, fmt.Errorf("account %s %s is not in the accounts file", p, id)
	}
	token, err := secret("token", y.TokenEnv, y.TokenFile)
	if err != nil {
		return Secrets{}, fmt.Errorf("account %s: %w", id, err)
	}
	var appSecret string
	if y.AppSecretEnv != "" || y.AppSecretFile != "" {
		if appSecret, err = secret("app_secret", y.AppSecretEnv, y.AppSecretFile); err != nil {
			return Secrets{}, fmt.Errorf("account %s: %w", id, err)
		}
	}
	return Secrets{Token: token, AppSecret: appSecret}, nil
}

func secret(field, variable, file string) (string, error) {
	if variable != "" {
		if v := strings.TrimSpace(os.Getenv(variable)); v != "" {
			return v, nil
		}
		return "", fmt.Errorf("%s_env: the variable %s is not set", field, variable)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("%s_file: %w", field, err)
	}
	if v := strings.TrimSpace(string(b)); v != "" {
		return v, nil
	}
	return "", fmt.Errorf("%s_file: %s is empty", field, file)
}

func loadAccounts(path string) (accountSet, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return accountSet{}, err
	}
	var doc struct {
		Accounts []accountYAML `yaml:"accounts"`
	}
	if err := yaml.UnmarshalWithOptions(data, &doc, yaml.Strict()); err != nil {
		return accountSet{}, fmt.Errorf("%s: %s", path, yaml.FormatError(err, false, true))
	}
	if len(doc.Accounts) == 0 {
		return accountSet{}, fmt.Errorf("%s: accounts: list at least one account", path)
	}
	set := accountSet{files: map[accountKey]accountYAML{}}
	var problems []error
	for i, y := range doc.Accounts {
		if y.Login == "" && y.Platform == privatereply.Facebook {
			y.Login = privatereply.LoginFacebook
		}
		key := accountKey{y.Platform, y.ID}
		for _, err := range y.problems() {
			problems = append(problems, fmt.Errorf("%s: accounts[%d]: %w", path, i, err))
		}
		if _, twice := set.files[key]; twice && y.ID != "" {
			problems = append(problems, fmt.Errorf("%s: accounts[%d]: id: %s %s is listed twice", path, i, y.Platform, y.ID))
		}
		set.files[key] = y
		set.order = append(set.order, y.account())
	}
	if len(problems) > 0 {
		return accountSet{}, errors.Join(problems...)
	}
	return set, nil
}

// problems lists everything that is wrong with y, each naming its field.
func (y accountYAML) problems() []error {
	var all []error
	add := func(bad bool, format string, args ...any) {
		if bad {
			all = append(all, fmt.Errorf(format, args...))
		}
	}
	add(!y.Platform.Valid(), "platform: %q is not a platform; write instagram or facebook", y.Platform)
	if y.ID == "" {
		add(true, `id: is missing; write the account's id as Meta's webhooks give it, in quotes`)
	} else if _, err := privatereply.SweepID(privatereply.Instagram, y.ID); err != nil {
		add(true, "id: %w", err)
	}
	add(y.Login != privatereply.LoginFacebook && y.Login != privatereply.LoginInstagram,
		"login: %q is not a login; write facebook (Page token) or instagram (Instagram user token)", y.Login)
	add(y.Platform == privatereply.Facebook && y.Login == privatereply.LoginInstagram,
		"login: a Facebook Page has only login facebook")
	needsPage := y.Platform == privatereply.Instagram && y.Login == privatereply.LoginFacebook
	add(needsPage && y.PageID == "", "page_id: is required for Instagram with login facebook: sends go to the Page")
	add(!needsPage && y.PageID != "", "page_id: only Instagram with login facebook has it; leave it out")
	add((y.TokenEnv == "") == (y.TokenFile == ""), "token_env, token_file: give exactly one of them")
	add(y.AppSecretEnv != "" && y.AppSecretFile != "", "app_secret_env, app_secret_file: give at most one of them")
	add(y.Conversations != "" && y.Conversations != "all" && y.Conversations != "replied",
		"conversations: %q is not known; write all or replied", y.Conversations)
	add(y.SweepEvery != nil && *y.SweepEvery < 0, "sweep_every: is negative; write 0 to sweep only by hand")
	add(y.SweepAutoWithin != nil && *y.SweepAutoWithin < 0, "sweep_auto_within: is negative")
	add(y.PostsPerHour != nil && *y.PostsPerHour <= 0, "posts_per_hour: must be positive")
	add(y.LivePerSecond != nil && *y.LivePerSecond <= 0, "live_per_second: must be positive")
	return all
}

func (y accountYAML) account() privatereply.Account {
	a := privatereply.Account{
		Platform: y.Platform, ID: y.ID, Name: y.Name, Login: y.Login, PageID: y.PageID,
		HumanAgent: y.HumanAgent, KeepAll: y.Conversations != "replied",
		SweepEvery: defaultSweep, SweepAutoWithin: defaultSweep,
		PostsPerHour: defaultPostsPerHour, LivePerSecond: defaultLivePerSecond,
	}
	if a.Name == "" {
		a.Name = a.ID
	}
	if y.SweepEvery != nil {
		a.SweepEvery = *y.SweepEvery
	}
	if y.SweepAutoWithin != nil {
		a.SweepAutoWithin = *y.SweepAutoWithin
	}
	if y.PostsPerHour != nil {
		a.PostsPerHour = *y.PostsPerHour
	}
	if y.LivePerSecond != nil {
		a.LivePerSecond = *y.LivePerSecond
	}
	return a
}

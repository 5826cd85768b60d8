package config

import (
	"fmt"
	"math"
	"time"

	"github.com/privatereply/privatereply"
)

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
	Secrets         secretSources         `yaml:",inline"`
}

// read gives the account and everything that is wrong with it, each naming its field.
func (y accountYAML) read() (accountEntry, []error) {
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
	needsPage := y.Platform == privatereply.Instagram && y.Login == privatereply.LoginFacebook
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
	}
	if account.Name == "" {
		account.Name = account.ID
	}
	return accountEntry{account, y.Secrets}, append(wrong, y.Secrets.problems()...)
}

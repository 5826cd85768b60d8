package privatereply

import (
	"slices"
	"time"
)

// Account is an Instagram professional account or a Facebook Page that the
// product answers for. It carries no secrets.
type Account struct {
	Platform        Platform
	ID              string // entry.id of its webhooks
	Name            string
	Login           Login
	PageID          string // the Page that sends for it, where LoginFacts has ThroughPage
	HumanAgent      bool   // the app has Meta's Human Agent feature
	RepliedOnly     bool   // keep the window only of people we have replied to
	SweepEvery      time.Duration
	SweepAutoWithin time.Duration
	PostsPerHour    float64
	LivePerSecond   float64
	AutomaticPaused bool           // rules send nothing by themselves: a person decides
	TimeZone        *time.Location // of hour, weekday and date in rules; nil: UTC
}

// IsSelf reports whether id is the account itself, or the Page behind it.
func (a Account) IsSelf(id string) bool { return id != "" && (id == a.ID || id == a.PageID) }

// LoginFacts are the facts of the way in which the account is connected.
func (a Account) LoginFacts() LoginFacts {
	logins := a.Platform.Facts().Logins
	if i := slices.IndexFunc(logins, func(l LoginFacts) bool { return l.Login == a.Login }); i >= 0 {
		return logins[i]
	}
	return LoginFacts{Login: a.Login}
}

// SendNode is the Graph node whose /messages edge sends for the account.
func (a Account) SendNode() string {
	if a.LoginFacts().ThroughPage {
		return a.PageID
	}
	return a.ID
}

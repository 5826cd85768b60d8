package privatereply

import "time"

// Login is how an Instagram account was connected to the app.
type Login string

// The logins. Facebook Pages always use LoginFacebook.
const (
	LoginFacebook  Login = "facebook"  // a Page token, on graph.facebook.com
	LoginInstagram Login = "instagram" // an Instagram user token, on graph.instagram.com
)

// Account is an Instagram professional account or a Facebook Page that the
// product answers for. It carries no secrets.
type Account struct {
	Platform        Platform
	ID              string // entry.id of its webhooks
	Name            string
	Login           Login
	PageID          string // the Page that sends for an Instagram account with LoginFacebook
	HumanAgent      bool   // the app has Meta's Human Agent feature
	RepliedOnly     bool   // keep the window only of people we have replied to
	SweepEvery      time.Duration
	SweepAutoWithin time.Duration
	PostsPerHour    float64
	LivePerSecond   float64
}

// IsSelf reports whether id is the account itself, or the Page behind it.
func (a Account) IsSelf(id string) bool { return id != "" && (id == a.ID || id == a.PageID) }

// SendNode is the Graph node whose /messages edge sends for the account.
func (a Account) SendNode() string {
	if a.Platform == Instagram && a.Login == LoginFacebook {
		return a.PageID
	}
	return a.ID
}

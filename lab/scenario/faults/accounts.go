package faults

import (
	"fmt"
	"strings"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/meta"
)

const (
	verifyToken     = "faults-verify-token"
	appSecret       = "faults-app-secret"
	instagramSecret = "faults-instagram-app-secret"
	token           = "faults-access-token"
	tokenVariable   = "FAULTS_TOKEN"
	proofVariable   = "FAULTS_APP_SECRET"
)

// The approvers, by the desk's users file.
const (
	ana = "ana"
	ben = "ben"
)

const rulesYAML = `default: ask
rules:
  - name: price
    when: says(text, "price")
    reply: "Hi {{username|there}}, our price list: https://example.com/prices"
  - name: held
    when: says(text, "held")
    reply: "Hi {{username|there}}, it is yours."
    hold: 30s
`

// What people write, by what the rules make of it.
const (
	asks  = "Do you ship to Norway?" // a person decides
	price = "What is the price?"     // a rule answers at once
	held  = "Is it held for me?"     // a rule answers after 30 seconds
)

// runName tells this run from others on the same server.
var runName = fmt.Sprintf("%09d", time.Now().Unix()%1e9)

// account is an account of the accounts file.
type account struct {
	platform privatereply.Platform
	id       string
	page     string // of Instagram with the Facebook login
}

// The accounts by their places: first the three ways to be connected to Meta, then
// accounts for single cases, because what sweeps an account or makes it rest would
// reach the other cases on it.
const (
	instagram      = 0 // Facebook Login: its Page sends
	instagramLogin = 1 // Instagram Login
	page           = 2

	sweptPages         = 3 // one for each victim
	restingPages       = sweptPages + 4
	throttledPage      = restingPages + 4
	racedPage          = throttledPage + 1
	humanPage          = racedPage + 1
	listPages          = humanPage + 1 // one for each fault of lists
	restingInstagram   = listPages + 3
	throttledInstagram = restingInstagram + 4
	burstInstagram     = throttledInstagram + 1
	allAccounts        = burstInstagram + 1
)

// connected are the three ways to be connected.
var connected = []int{instagram, instagramLogin, page}

func newAccounts() []account {
	all := make([]account, allAccounts)
	for n := range all {
		all[n] = account{platform: privatereply.Facebook, id: fmt.Sprintf("10%s%04d", runName, n)}
		if n == instagram || n == instagramLogin || n >= restingInstagram {
			all[n] = account{platform: privatereply.Instagram, id: fmt.Sprintf("1784%s%04d", runName, n)}
		}
	}
	all[instagram].page = all[page].id
	return all
}

// accountsYAML is the accounts file. Sends go at once: pacing has tests of its own.
func accountsYAML(accounts []account) string {
	var b strings.Builder
	b.WriteString("accounts:\n")
	for _, a := range accounts {
		login := "login: facebook"
		switch {
		case a.page != "":
			login = fmt.Sprintf("login: facebook, page_id: %q", a.page)
		case a.platform == privatereply.Instagram:
			login = "login: instagram"
		}
		fmt.Fprintf(&b, "  - {platform: %s, id: %q, name: %q, %s, token_env: %s, app_secret_env: %s, sweep_every: \"0\", posts_per_hour: 3600000, live_per_second: 1000}\n",
			a.platform, a.id, a.id, login, tokenVariable+a.tokenSuffix(), proofVariable)
	}
	return b.String()
}

// tokenSuffix makes one token for a Page and the Instagram account linked to it,
// and another one for each other account.
func (a account) tokenSuffix() string {
	if a.page != "" {
		return "_" + a.page
	}
	return "_" + a.id
}

// atMeta are the accounts as Meta knows them.
func atMeta(accounts []account) []meta.Account {
	var all []meta.Account
	for _, a := range accounts {
		login := privatereply.LoginFacebook
		if a.platform == privatereply.Instagram && a.page == "" {
			login = privatereply.LoginInstagram
		}
		all = append(all, meta.Account{
			Platform: a.platform, ID: a.id, Name: a.id, Login: login, PageID: a.page, Token: token + a.tokenSuffix(),
			AppSecret: appSecret, InstagramAppSecret: instagramSecret,
		})
	}
	return all
}

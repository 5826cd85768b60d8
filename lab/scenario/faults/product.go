package faults

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/harness"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/lab/receiver"
	"github.com/privatereply/privatereply/lab/scenario"
)

const (
	verifyToken     = "faults-verify-token"
	appSecret       = "faults-app-secret"
	instagramSecret = "faults-instagram-app-secret"
	token           = "faults-access-token"
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
	effectPages        = listPages + 3 // with effectInstagram, pairs: see pairOf
	restingInstagram   = effectPages + effectPairs
	throttledInstagram = restingInstagram + 4
	burstInstagram     = throttledInstagram + 1
	effectInstagram    = burstInstagram + 1
	allAccounts        = effectInstagram + effectPairs

	effectPairs = 16
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

// redeliveryCount is how often Meta delivers a webhook again in these cases.
const redeliveryCount = 500

// Stack is the Product that the cases run on, with what they share.
type Stack struct {
	*harness.Product
	accounts []account
	folder   *folder            // of connected accounts; nil: the accounts stand in a file
	receiver *receiver.Receiver // of outgoing events; nil with a folder
	front    *receiver.Front    // the process in which requests to it stand

	persons   atomic.Int64 // who were invented so far
	metaAhead atomic.Int64 // a time.Duration: how far Meta's clock is ahead of ours
}

// newStack starts the programs as processes that reach Temporal through gates. The limits
// of sends and their pacing have tests of their own; here they would only slow the cases
// down. The one of two calls a second about conversations holds: reading them is part of
// the cases.
func newStack(ctx context.Context, lab *scenario.Lab) (s *Stack, closeServer func(), err error) {
	binaries, err := lab.Binaries(ctx)
	if err != nil {
		return nil, nil, err
	}
	server, closeServer, err := lab.NewServer(ctx)
	if err != nil {
		return nil, nil, err
	}
	events, err := receiver.New(eventSecret)
	if err != nil {
		closeServer()
		return nil, nil, err
	}
	front, err := events.StartFront(ctx, filepath.Join(lab.Dir, "receiver.log"))
	closeServer = func(before func()) func() {
		return func() {
			if front != nil {
				front.Kill()
			}
			events.Close()
			before()
		}
	}(closeServer)
	if err != nil {
		closeServer()
		return nil, nil, err
	}
	s = &Stack{accounts: newAccounts(), receiver: events, front: front}
	s.Product, err = harness.New(ctx, harness.Config{
		Dir: lab.Dir, Server: server, TaskQueue: "faults-" + runName,
		Accounts: productAccounts(s.accounts), Rules: rulesYAML + effectRulesYAML, Approvers: []string{ana, ben},
		Binaries: binaries, Workers: lab.Workers, Bridges: lab.Bridges, Desks: 1, Gated: true,
		VerifyToken:    verifyToken,
		WorkerSettings: map[string]string{"EVENTS_URL": front.URL, "EVENTS_SECRET": eventSecret},
		Meta: meta.Config{
			RetryDelays:     slices.Repeat([]time.Duration{redeliveryInterval}, redeliveryCount),
			WebhookSettings: meta.WebhookSettings{Echo: meta.EchoOff},
			Now:             func() time.Time { return time.Now().Add(time.Duration(s.metaAhead.Load())) },
			Limits:          meta.Limits{PostsPerHour: -1, LivePerSecond: -1, SendsPerSecond: -1},
		},
	})
	if err == nil {
		if err = s.Start(ctx); err != nil {
			s.Close()
		}
	}
	if err != nil {
		closeServer()
		return nil, nil, err
	}
	return s, closeServer, nil
}

// kill kills the victim, or stops it as a deploy does.
func (s *Stack) kill(ctx context.Context, v victim, graceful bool) error {
	switch v {
	case temporal:
		return s.Server.Kill(ctx)
	case eventReceiver:
		s.front.Kill()
		return nil
	}
	p := s.programs(v)
	if graceful {
		return p.Stop()
	}
	p.Kill()
	return nil
}

// restart starts the victim again.
func (s *Stack) restart(ctx context.Context, v victim) error {
	switch v {
	case temporal:
		return s.Server.Start(ctx)
	case eventReceiver:
		return s.front.Start(ctx)
	}
	return s.programs(v).Start(ctx)
}

func (s *Stack) programs(v victim) *harness.Programs {
	return map[victim]*harness.Programs{bridge: s.Bridges, worker: s.Workers, desk: s.Desks}[v]
}

// productAccounts are the accounts with one token for a Page and the Instagram account
// linked to it, and another one for each other account.
func productAccounts(accounts []account) []harness.Account {
	var all []harness.Account
	for _, a := range accounts {
		login, owner := privatereply.LoginFacebook, a.id
		switch {
		case a.page != "":
			owner = a.page
		case a.platform == privatereply.Instagram:
			login = privatereply.LoginInstagram
		}
		all = append(all, harness.Account{Settings: harness.Unlimited, Account: meta.Account{
			Platform: a.platform, ID: a.id, Name: a.id, Login: login, PageID: a.page, Token: token + "_" + owner,
			AppSecret: appSecret, InstagramAppSecret: instagramSecret,
		}})
	}
	return all
}

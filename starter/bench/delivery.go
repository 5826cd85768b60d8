package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/privatereply/privatereply/graph/sandbox"
)

// poster keeps as many connections as deliver uses at once.
var poster = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: atOnce}}

// delivery is a webhook about one comment of the sandbox.
type delivery struct {
	body   []byte
	header http.Header
}

// newSandbox is Meta, with the accounts of s and without limits.
func (s *stack) newSandbox() *sandbox.Sandbox {
	var accounts []sandbox.Account
	for _, a := range s.accounts {
		accounts = append(accounts, sandbox.Account{
			Platform: a.Platform, ID: a.ID, Name: a.Name, Login: a.Login, Token: tokenPrefix + a.ID, AppSecret: appSecret,
		})
	}
	return sandbox.New(sandbox.Config{Accounts: accounts, Limits: sandbox.Limits{
		PostsPerHour: -1, LivePerSecond: -1, SendsPerSecond: -1, ConversationsPerSecond: -1,
	}})
}

// deliveries are n comments, each by a person of its own, taking turns between the
// accounts. Each comes in a webhook of its own.
func (s *stack) deliveries(sb *sandbox.Sandbox, text string, n int) ([]delivery, error) {
	var all []delivery
	for i := range n {
		id, err := sb.Comment(sandbox.NewComment{
			Account: s.accounts[i%len(s.accounts)].ID, Username: "person_" + strconv.Itoa(i), Text: text, Quiet: true,
		})
		if err != nil {
			return nil, err
		}
		body, header, err := sb.SignedDelivery(id)
		if err != nil {
			return nil, err
		}
		all = append(all, delivery{body, header})
	}
	return all, nil
}

// post delivers d once. Everything but 200 is an error.
func (d delivery) post(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(d.body))
	if err != nil {
		return err
	}
	req.Header = d.header
	resp, err := poster.Do(req)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("the bridge answered %s", resp.Status)
	}
	return err
}

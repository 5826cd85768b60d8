package main

import (
	"net/http"
	"strconv"

	"github.com/privatereply/privatereply/lab/harness"
	"github.com/privatereply/privatereply/lab/meta"
)

// poster keeps as many connections as deliver uses at once.
var poster = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: atOnce}}

// deliveries are n comments, each by a person of its own, taking turns between the
// accounts. Each comes in a webhook of its own.
func (s *stack) deliveries(sb *meta.Sandbox, text string, n int) ([]harness.Delivery, error) {
	var all []harness.Delivery
	for i := range n {
		id, err := sb.Comment(meta.NewComment{
			Account: s.accounts[i%len(s.accounts)].ID, Username: "person_" + strconv.Itoa(i), Text: text, NoWebhook: true,
		})
		if err != nil {
			return nil, err
		}
		body, header, err := sb.SignedWebhook(id)
		if err != nil {
			return nil, err
		}
		all = append(all, harness.Delivery{Body: body, Header: header})
	}
	return all, nil
}

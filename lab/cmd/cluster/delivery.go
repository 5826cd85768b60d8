package main

import (
	"context"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/harness"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/lab/scenario"
)

const (
	// atOnce is how many deliveries are on their way at once. A bridge commits together
	// what comes while another commit is under way; with one it commits each by itself.
	atOnce = 1
	// repeatAfter is the pause before a delivery that was not acknowledged comes again.
	repeatAfter = 200 * time.Millisecond
)

var poster = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: atOnce}, Timeout: 5 * time.Second}

// written is a comment of the sandbox, and its webhook.
type written struct {
	id       string
	account  privatereply.Account
	username string
	delivery harness.Delivery
}

// workflowID is that of its reply.
func (w written) workflowID() (string, error) {
	return privatereply.ReplyID(privatereply.Comment{Platform: w.account.Platform, Account: w.account.ID, CommentID: w.id})
}

// write writes n comments, each by a person of its own, taking turns between the
// accounts.
func (p *product) write(name, text string, n int) ([]written, error) {
	var all []written
	for i := range n {
		w := written{account: p.accounts[i%len(p.accounts)], username: name + "_" + strconv.Itoa(i)}
		var err error
		w.id, err = p.sandbox.Comment(meta.NewComment{Account: w.account.ID, Username: w.username, Text: text, NoWebhook: true})
		if err != nil {
			return nil, err
		}
		if w.delivery.Body, w.delivery.Header, err = p.sandbox.SignedWebhook(w.id); err != nil {
			return nil, err
		}
		all = append(all, w)
	}
	return all, nil
}

// deliver delivers webhooks a few at a time, as a load balancer does: to the bridges
// in turns, and to the other one when one does not answer. What is not acknowledged
// comes again until ctx is done, as Meta repeats it.
func (p *product) deliver(ctx context.Context, all []harness.Delivery) error {
	var next atomic.Int64
	var group errgroup.Group
	group.SetLimit(atOnce)
	for _, d := range all {
		group.Go(func() error {
			for {
				err := d.Deliver(ctx, poster, p.urls[int(next.Add(1))%len(p.urls)])
				if err == nil {
					return nil
				}
				if !scenario.Sleep(ctx, repeatAfter) {
					return err
				}
			}
		})
	}
	return group.Wait()
}

func deliveriesOf(all []written) []harness.Delivery {
	var deliveries []harness.Delivery
	for _, w := range all {
		deliveries = append(deliveries, w.delivery)
	}
	return deliveries
}

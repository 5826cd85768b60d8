package measure

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
	// deliveriesAtOnce is how many deliveries deliver has in flight. A bridge commits
	// together what arrives during another commit; with one it commits each by itself.
	deliveriesAtOnce = 1
	// redeliverAfter is the pause before a delivery is repeated.
	redeliverAfter = 200 * time.Millisecond
)

// poster posts deliveries; Meta waits 5 seconds for an answer too.
var poster = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: atOnce}, Timeout: 5 * time.Second}

// comment is a comment at Meta with its signed webhook.
type comment struct {
	id       string
	account  privatereply.Account
	username string
	delivery harness.Delivery
}

// workflowID is the id of the comment's reply.
func (c comment) workflowID() (string, error) {
	return privatereply.ReplyID(privatereply.Comment{Platform: c.account.Platform, Account: c.account.ID, CommentID: c.id})
}

// writeComments writes n comments, each by another person, taking turns between the
// accounts. Their webhooks are not delivered.
func (p *product) writeComments(username, text string, n int) ([]comment, error) {
	return p.writeCommentsLike(meta.NewComment{Username: username, Text: text}, n)
}

// writeCommentsLike is writeComments of comments like one. What it says of the person begins
// the names of all.
func (p *product) writeCommentsLike(one meta.NewComment, n int) ([]comment, error) {
	var all []comment
	for i := range n {
		c, err := p.writeNumbered(one, i)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

// writeNumbered writes the comment with a number of those that are like one.
func (p *product) writeNumbered(one meta.NewComment, i int) (c comment, err error) {
	c = comment{account: p.accounts[i%len(p.accounts)], username: one.Username + "_" + strconv.Itoa(i)}
	one.Account, one.Username, one.NoWebhook = c.account.ID, c.username, true
	if c.id, err = p.Sandbox.Comment(one); err != nil {
		return c, err
	}
	c.delivery, err = p.signed(c.id)
	return c, err
}

// signed is one webhook about comments or messages of one account.
func (p *product) signed(ids ...string) (harness.Delivery, error) {
	body, header, err := p.Sandbox.SignedWebhook(ids...)
	return harness.Delivery{Body: body, Header: header}, err
}

// deliver delivers webhooks as a load balancer does: to the bridges in turn, and to the
// next one when one does not answer. What is not acknowledged is repeated until ctx is
// done, as Meta does.
func (p *product) deliver(ctx context.Context, all []harness.Delivery) error {
	urls := p.BridgeURLs()
	var next atomic.Int64
	var group errgroup.Group
	group.SetLimit(deliveriesAtOnce)
	for _, d := range all {
		group.Go(func() error {
			for {
				err := d.Deliver(ctx, poster, urls[int(next.Add(1))%len(urls)])
				if err == nil {
					return nil
				}
				if !scenario.Sleep(ctx, redeliverAfter) {
					return err
				}
			}
		})
	}
	return group.Wait()
}

func deliveriesOf(comments []comment) []harness.Delivery {
	var all []harness.Delivery
	for _, c := range comments {
		all = append(all, c.delivery)
	}
	return all
}

package measure

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/harness"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/lab/scenario"
)

const (
	liveRate     = 100 // live comments a second
	liveDuration = 20 * time.Second
	// liveDrain is how long the replies may take after the last comment.
	liveDrain = 50 * time.Second
)

// live measures the time to reply in a live burst of one account, and beside it for a
// small account with one comment a second. A reply that has not come by the end counts
// with its age, so the quantiles are lower bounds then.
func live(ctx context.Context, l *lab) ([]scenario.Row, error) {
	p, err := l.newProduct(ctx)
	if err != nil {
		return nil, err
	}
	defer p.close()
	if err := p.Start(ctx); err != nil {
		return nil, err
	}
	if _, err := p.deliverReplies(ctx, autoWarmUp); err != nil {
		return nil, err
	}
	if _, err := p.Sandbox.StartLive(p.accounts[0].ID); err != nil {
		return nil, err
	}
	burst, err := p.answeredComments(p.liveComment("live"), liveRate, liveDuration)
	if err != nil {
		return nil, err
	}
	small, err := p.answeredComments(meta.NewComment{Account: p.accounts[1].ID, Username: "small"}, 1, liveDuration)
	if err != nil {
		return nil, err
	}
	var crowd, beside steadyResult
	var running errgroup.Group
	running.Go(func() (err error) { crowd, err = burst.run(ctx, liveDuration+liveDrain); return err })
	running.Go(func() (err error) { beside, err = small.run(ctx, liveDuration+liveDrain); return err })
	if err := running.Wait(); err != nil {
		return nil, err
	}
	row := func(what string, r steadyResult) scenario.Row {
		took := r.latencies()
		return scenario.Row{
			What: what,
			Measured: fmt.Sprintf("p50 %.2f s, p99 %.2f s, max %.2f s; %d of %d without a reply; %d deliveries failed", quantile(took, 0.5).Seconds(),
				quantile(took, 0.99).Seconds(), quantile(took, 1).Seconds(), r.undone, len(r.due), r.failed),
			Baseline: fmt.Sprintf("all over after %.1f s", r.length.Seconds()),
		}
	}
	return []scenario.Row{
		row(fmt.Sprintf("time to reply in a live burst of %d comments a second for %v", liveRate, liveDuration), crowd),
		row("— beside it, a small account with one comment a second", beside),
	}, nil
}

// liveComment is a comment in the first account's broadcast.
func (p *product) liveComment(username string) meta.NewComment {
	return meta.NewComment{Account: p.accounts[0].ID, Source: privatereply.SourceLive, Username: username}
}

// answeredComments are comments like one that a rule answers at once, each delivered when it
// is due and done when its author has the reply.
func (p *product) answeredComments(one meta.NewComment, perSecond float64, period time.Duration) (steadyLoad, error) {
	due := dueTimes(perSecond, period)
	ids, deliveries := make([]string, len(due)), make([]harness.Delivery, len(due))
	for i := range due {
		next := one
		next.Username, next.Text, next.NoWebhook = one.Username+"_"+strconv.Itoa(i), harness.AnsweredText, true
		var err error
		if ids[i], err = p.Sandbox.Comment(next); err != nil {
			return steadyLoad{}, err
		}
		if deliveries[i], err = p.signed(ids[i]); err != nil {
			return steadyLoad{}, err
		}
	}
	urls := p.BridgeURLs()
	return steadyLoad{
		due:   due,
		start: func(ctx context.Context, i int) error { return deliveries[i].Deliver(ctx, poster, urls[i%len(urls)]) },
		doneAt: func(i int) (at time.Time) {
			if report, _ := p.Sandbox.CommentReport(ids[i]); len(report.Delivered) > 0 {
				at = report.Delivered[0].At
			}
			return at
		},
	}, nil
}

package measure

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

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

// timedComment is a comment that is delivered at a time after the start.
type timedComment struct {
	comment
	due time.Duration
}

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
	burst, small, err := p.writeLiveBurst()
	if err != nil {
		return nil, err
	}
	all := slices.Concat(burst, small)
	slices.SortStableFunc(all, func(a, b timedComment) int { return int(a.due - b.due) })
	answeredBefore, began := p.Sandbox.Report().Answered, time.Now()
	failed := p.deliverWhenDue(ctx, all, began)
	for p.Sandbox.Report().Answered < answeredBefore+len(all)-failed && time.Since(began) < liveDuration+liveDrain {
		if !scenario.Sleep(ctx, 200*time.Millisecond) {
			return nil, ctx.Err()
		}
	}
	ended := time.Now()
	return []scenario.Row{
		p.timeToReply(fmt.Sprintf("time to reply in a live burst of %d comments a second for %v", liveRate, liveDuration), burst, began, ended,
			fmt.Sprintf("all over after %.1f s; %d deliveries failed", ended.Sub(began).Seconds(), failed)),
		p.timeToReply("— beside it, a small account with one comment a second", small, began, ended, ""),
	}, nil
}

// writeLiveBurst writes the comments of the broadcast and those of the small account.
func (p *product) writeLiveBurst() (burst, small []timedComment, err error) {
	if _, err := p.Sandbox.StartLive(p.accounts[0].ID); err != nil {
		return nil, nil, err
	}
	write := func(n meta.NewComment, due time.Duration) (c timedComment, err error) {
		n.Text, n.NoWebhook = harness.AnsweredText, true
		c.due = due
		if c.id, err = p.Sandbox.Comment(n); err != nil {
			return c, err
		}
		c.delivery, err = p.signed(c.id)
		return c, err
	}
	for i := range liveRate * int(liveDuration.Seconds()) {
		due := time.Duration(i) * time.Second / liveRate
		c, err := write(meta.NewComment{Account: p.accounts[0].ID, Source: privatereply.SourceLive, Username: "live_" + strconv.Itoa(i)}, due)
		if err != nil {
			return nil, nil, err
		}
		burst = append(burst, c)
		if i%liveRate != liveRate/2 {
			continue
		}
		if c, err = write(meta.NewComment{Account: p.accounts[1].ID, Username: "small_" + strconv.Itoa(i)}, due); err != nil {
			return nil, nil, err
		}
		small = append(small, c)
	}
	return burst, small, nil
}

// deliverWhenDue delivers each comment once at its time, and returns how many deliveries
// were not acknowledged.
func (p *product) deliverWhenDue(ctx context.Context, all []timedComment, began time.Time) (failed int) {
	urls := p.BridgeURLs()
	var sending sync.WaitGroup
	var failures atomic.Int64
	for i, c := range all {
		if wait := time.Until(began.Add(c.due)); wait > 0 && !scenario.Sleep(ctx, wait) {
			break
		}
		sending.Go(func() {
			if c.delivery.Deliver(ctx, poster, urls[i%len(urls)]) != nil {
				failures.Add(1)
			}
		})
	}
	sending.Wait()
	return int(failures.Load())
}

// timeToReply is the row of some comments: the times from the delivery that was due to the
// delivered reply.
func (p *product) timeToReply(what string, comments []timedComment, began, ended time.Time, beside string) scenario.Row {
	var times []time.Duration
	unanswered := 0
	for _, c := range comments {
		report, _ := p.Sandbox.CommentReport(c.id)
		at := ended
		if len(report.Delivered) > 0 {
			at = report.Delivered[0].At
		} else {
			unanswered++
		}
		times = append(times, at.Sub(began.Add(c.due)))
	}
	slices.Sort(times)
	quantile := func(q float64) float64 { return times[int(q*float64(len(times)-1))].Seconds() }
	return scenario.Row{
		What:     what,
		Measured: fmt.Sprintf("p50 %.2f s, p99 %.2f s, max %.2f s; %d of %d without a reply", quantile(0.5), quantile(0.99), quantile(1), unanswered, len(times)),
		Baseline: beside,
	}
}

package activities

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/routing"
	"github.com/privatereply/privatereply/workflows"
)

// maxConcurrentStarts is how many replies are started at once. A first sweep can find
// thousands, and what people decide meanwhile must not wait behind them.
const maxConcurrentStarts = 8

// missedWebhookAfter is how old a comment is at which its webhook counts as missed. Most
// come within seconds; a sweep may be faster.
const missedWebhookAfter = 10 * time.Minute

// sweepProgress is how far the starts of a page are: what a heartbeat reports, and what the
// next attempt goes on from.
type sweepProgress struct {
	UpTo      sweepCursor `json:"up_to"` // everything up to here is done
	Started   int         `json:"started"`
	Duplicate int         `json:"duplicate"`
}

func (s sweepProgress) counts() workflows.SweepCounts {
	return workflows.SweepCounts{Started: s.Started, Duplicate: s.Duplicate}
}

// cursor is where a comment stands in the order of the starts. A comment that is
// written while the page is tried again comes last, because its deadline does.
type sweepCursor struct {
	Deadline time.Time `json:"deadline"`
	ID       string    `json:"id"` // its workflow's
}

func (p sweepCursor) compare(o sweepCursor) int {
	return cmp.Or(p.Deadline.Compare(o.Deadline), strings.Compare(p.ID, o.ID))
}

// startReplies starts the replies, a few at a time and in order, and notes in done how far
// it is. A reply that exists is left as it is.
func (s *Sweeper) startReplies(ctx context.Context, candidates []candidate, progress *sweepProgress) error {
	candidates = slices.DeleteFunc(candidates, func(m candidate) bool { return m.cursor.compare(progress.UpTo) <= 0 })
	for batch := range slices.Chunk(candidates, maxConcurrentStarts) {
		if err := recordHeartbeat(ctx, *progress); err != nil {
			return err
		}
		events := make([]workflows.InboundEvent, len(batch))
		for i, m := range batch {
			events[i] = workflows.InboundEvent{Event: privatereply.Event{Comment: &m.input.Comment}, Decision: &m.input.Decision}
		}
		next := *progress
		err := s.router.Route(ctx, events, maxConcurrentStarts, func(n int, e routing.Result) {
			if e.Effect == routing.Started {
				next.Started++
				s.countMissedWebhook(batch[n].input.Comment)
			} else {
				next.Duplicate++
			}
		})
		if err != nil {
			return fmt.Errorf("start the missing replies: %w", err)
		}
		next.UpTo = batch[len(batch)-1].cursor
		*progress = next
	}
	return nil
}

// countMissedWebhook counts a comment of which a webhook should have told. The first pass of a
// process over an account counts nothing: it may be the account's first one, which
// finds what was written before the product was there.
func (s *Sweeper) countMissedWebhook(c privatereply.Comment) {
	if s.metrics.LastSweepAt(c.Platform, c.Account).IsZero() || c.CreatedAt.IsZero() || s.now().Sub(c.CreatedAt) < missedWebhookAfter {
		return
	}
	s.metrics.missedWebhooks.WithLabelValues(string(c.Platform)).Inc()
}

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

// sweepCalls is how many replies are started at once. A first sweep can find
// thousands, and what people decide meanwhile must not wait behind them.
const sweepCalls = 8

// webhookPatience is how old a comment is at which its webhook counts as missed. Most
// come within seconds; a sweep may be faster.
const webhookPatience = 10 * time.Minute

// swept is how far the starts of a page are: what a heartbeat reports, and what the
// next attempt goes on from.
type swept struct {
	UpTo      place `json:"up_to"` // everything up to here is done
	Started   int   `json:"started"`
	Duplicate int   `json:"duplicate"`
}

func (s swept) counts() workflows.SweepCounts {
	return workflows.SweepCounts{Started: s.Started, Duplicate: s.Duplicate}
}

// place is where a comment stands in the order of the starts. A comment that is
// written while the page is tried again comes last, because its deadline does.
type place struct {
	Deadline time.Time `json:"deadline"`
	ID       string    `json:"id"` // its workflow's
}

func (p place) compare(o place) int {
	return cmp.Or(p.Deadline.Compare(o.Deadline), strings.Compare(p.ID, o.ID))
}

// start starts the replies, a few at a time and in order, and notes in done how far
// it is. A reply that exists is left as it is.
func (s *Sweeper) start(ctx context.Context, all []missing, done *swept) error {
	all = slices.DeleteFunc(all, func(m missing) bool { return m.place.compare(done.UpTo) <= 0 })
	for batch := range slices.Chunk(all, sweepCalls) {
		if err := beat(ctx, *done); err != nil {
			return err
		}
		arrivals := make([]workflows.InboundEvent, len(batch))
		for i, m := range batch {
			arrivals[i] = workflows.InboundEvent{Event: privatereply.Event{Comment: &m.input.Comment}, Decision: &m.input.Decision}
		}
		next := *done
		err := s.placer.Route(ctx, arrivals, sweepCalls, func(n int, e routing.Result) {
			if e.Effect == routing.Started {
				next.Started++
				s.missed(batch[n].input.Comment)
			} else {
				next.Duplicate++
			}
		})
		if err != nil {
			return fmt.Errorf("start the missing replies: %w", err)
		}
		next.UpTo = batch[len(batch)-1].place
		*done = next
	}
	return nil
}

// missed counts a comment of which a webhook should have told. The first pass of a
// process over an account counts nothing: it may be the account's first one, which
// finds what was written before the product was there.
func (s *Sweeper) missed(c privatereply.Comment) {
	if s.metrics.SweptAt(c.Platform, c.Account).IsZero() || c.CreatedAt.IsZero() || s.now().Sub(c.CreatedAt) < webhookPatience {
		return
	}
	s.metrics.missed.WithLabelValues(string(c.Platform)).Inc()
}

package activities

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/log"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/graph"
	"github.com/privatereply/privatereply/internal/feed"
	"github.com/privatereply/privatereply/rules"
	"github.com/privatereply/privatereply/workflows"
)

// keptText is what is kept of a text that no comment can be as long as; the bridge
// cuts alike.
const (
	longestText = 64 << 10
	keptText    = 8 << 10
)

// findings are what a page of posts holds: what was counted out, and the comments
// that must have a reply.
type findings struct {
	account      privatereply.Account
	rules        *rules.Set
	now          time.Time
	firstSweepAt time.Time
	log          log.Logger

	counts                 workflows.SweepCounts
	missing                []missing
	newestPost, oldestPost time.Time
}

// missing is a comment that must have a reply.
type missing struct {
	place place
	input workflows.PrivateReplyInput
}

func (s *Sweeper) newFindings(ctx context.Context, account privatereply.Account, firstSweepAt time.Time) *findings {
	return &findings{
		account: account, rules: s.rules.Current(), now: s.now().UTC(), firstSweepAt: firstSweepAt,
		log: activity.GetLogger(ctx), counts: workflows.SweepCounts{Pages: 1},
	}
}

// look reads everything under a post. A post that Meta refuses for good, because it
// is gone, or with a code that nobody knows, does not keep its neighbours from being read.
func (f *findings) look(ctx context.Context, r feed.Reader, post feed.Post) error {
	f.counts.Posts++
	if at := post.CreatedAt; !at.IsZero() {
		if f.oldestPost.IsZero() || at.Before(f.oldestPost) {
			f.oldestPost = at
		}
		if at.After(f.newestPost) {
			f.newestPost = at
		}
	}
	if post.Visitor != nil {
		f.sift(*post.Visitor)
	}
	for c, err := range r.Comments(ctx, post, f.now.Add(-threadsWithin)) {
		var failed *graph.Error
		if errors.As(err, &failed) && (failed.Class == graph.Final || failed.Class == graph.Unlisted) {
			f.log.Warn("cannot read the comments of a post", "post", post.ID, "error", err)
			f.counts.Failed++
			return nil
		}
		if err != nil {
			return err
		}
		f.sift(c)
	}
	return nil
}

// sift counts a comment out, or keeps it because it must have a reply.
func (f *findings) sift(c feed.Comment) {
	f.counts.Comments++
	c.ReceivedAt, c.Via = f.now, privatereply.ViaSweep
	if len(c.Text) > longestText {
		c.Text = privatereply.CutText(c.Text, keptText)
	}
	deadline := privatereply.DeadlineOf(c.Comment)
	switch {
	case f.account.IsSelf(c.PersonID) || c.Own:
		f.counts.Own++
		return
	case deadline.Passed(f.now):
		f.counts.TooOld++
		return
	case c.CanReplyPrivately != nil && !*c.CanReplyPrivately:
		f.counts.AlreadyReplied++
		return
	}
	in := workflows.PrivateReplyInput{Comment: c.Comment, Decision: f.decide(c.Comment)}
	id, err := privatereply.ReplyID(in.Comment)
	if err = cmp.Or(err, in.Comment.Validate(), in.Decision.Validate(in.Comment.Platform)); err != nil {
		f.log.Warn("cannot start the reply to a comment", "comment", c.TargetID(), "error", err)
		f.counts.Failed++
		return
	}
	f.missing = append(f.missing, missing{place{deadline.At, id}, in})
}

// decide asks the rules. None of them answers a comment alone that is older than
// the account wants, or than the account's first sweep: nobody expects an answer
// out of the blue to what was written long ago, or before the product was there.
func (f *findings) decide(c privatereply.Comment) privatereply.Decision {
	d := f.rules.Decide(rules.Input{Comment: c, AccountName: f.account.Name, Now: f.now, FoundBySweep: true})
	fresh := !c.CreatedAt.IsZero() && f.now.Sub(c.CreatedAt) <= f.account.SweepAutoWithin && !c.CreatedAt.Before(f.firstSweepAt)
	if d.Action == privatereply.ActionAuto && !fresh {
		d.Action, d.Hold, d.Reason = privatereply.ActionAsk, 0, privatereply.FoundBySweep
	}
	return d
}

// arrivals are the comments that must have a reply, the earliest deadline first.
func (f *findings) arrivals() []missing {
	slices.SortFunc(f.missing, func(a, b missing) int { return a.place.compare(b.place) })
	return f.missing
}

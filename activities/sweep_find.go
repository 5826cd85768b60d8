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

// cutCommentBytes is what is kept of a text that no comment can be as long as; the bridge
// cuts alike.
const (
	maxCommentBytes = 64 << 10
	cutCommentBytes = 8 << 10
)

// pageScan are what a page of posts holds: what was counted out, and the comments
// that must have a reply.
type pageScan struct {
	account      privatereply.Account
	rules        *rules.Set
	now          time.Time
	firstSweepAt time.Time
	log          log.Logger

	counts                 workflows.SweepCounts
	candidates             []candidate
	newestPost, oldestPost time.Time
}

// candidates is a comment that must have a reply.
type candidate struct {
	cursor sweepCursor
	input  workflows.PrivateReplyInput
}

func (s *Sweeper) newPageScan(ctx context.Context, account privatereply.Account, firstSweepAt time.Time) *pageScan {
	return &pageScan{
		account: account, rules: s.rules.Current(), now: s.now().UTC(), firstSweepAt: firstSweepAt,
		log: activity.GetLogger(ctx), counts: workflows.SweepCounts{Pages: 1},
	}
}

// readPost reads everything under a post. A post that Meta refuses for good, because it
// is gone, or with a code that nobody knows, does not keep its neighbours from being read.
func (f *pageScan) readPost(ctx context.Context, r feed.Reader, post feed.Post) error {
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
		f.classify(*post.Visitor)
	}
	for c, err := range r.Comments(ctx, post, f.now.Add(-maxThreadAge)) {
		var failed *graph.Error
		if errors.As(err, &failed) && (failed.Class == graph.Final || failed.Class == graph.Unlisted) {
			f.log.Warn("cannot read the comments of a post", "post", post.ID, "error", err)
			f.counts.Failed++
			return nil
		}
		if err != nil {
			return err
		}
		f.classify(c)
	}
	return nil
}

// classify counts a comment out, or keeps it because it must have a reply.
func (f *pageScan) classify(c feed.Comment) {
	f.counts.Comments++
	c.ReceivedAt, c.Via = f.now, privatereply.ViaSweep
	if len(c.Text) > maxCommentBytes {
		c.Text = privatereply.CutText(c.Text, cutCommentBytes)
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
	f.candidates = append(f.candidates, candidate{sweepCursor{deadline.At, id}, in})
}

// decide asks the rules. None of them answers a comment alone that is older than
// the account wants, or than the account's first sweep: nobody expects an answer
// out of the blue to what was written long ago, or before the product was there.
func (f *pageScan) decide(c privatereply.Comment) privatereply.Decision {
	d := f.rules.Decide(rules.Input{Comment: c, AccountName: f.account.Name, Now: f.now, FoundBySweep: true})
	fresh := !c.CreatedAt.IsZero() && f.now.Sub(c.CreatedAt) <= f.account.SweepAutoWithin && !c.CreatedAt.Before(f.firstSweepAt)
	if d.Action == privatereply.ActionAuto && !fresh {
		d.Action, d.Hold, d.Reason = privatereply.ActionAsk, 0, privatereply.FoundBySweep
	}
	return d
}

// byDeadline are the comments that must have a reply, the earliest deadline first.
func (f *pageScan) byDeadline() []candidate {
	slices.SortFunc(f.candidates, func(a, b candidate) int { return a.cursor.compare(b.cursor) })
	return f.candidates
}

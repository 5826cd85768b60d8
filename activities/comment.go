package activities

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/api/serviceerror"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/graph"
	"github.com/privatereply/privatereply/workflows"
)

// maxReplyPages bounds how many pages of the replies to one comment are read. What stands
// behind them is not known to be there.
const maxReplyPages = 10

// PostPublicReply makes one attempt to answer a comment in public. The outcome is a value.
// Meta would take a second copy: an attempt of which it is not certain that nothing was
// posted is unknown.
func (a *Activities) PostPublicReply(ctx context.Context, in workflows.PostPublicReplyInput) (privatereply.SendResult, error) {
	result := a.postPublicReply(ctx, in)
	a.metrics.countSend(kindPublicReply, result)
	return result, nil
}

func (a *Activities) postPublicReply(ctx context.Context, in workflows.PostPublicReplyInput) privatereply.SendResult {
	backoff := backoff{attempt: in.Attempt, repair: a.repair, now: a.now}
	cred, err := a.accounts.Credentials(in.Comment.Platform, in.Comment.Account)
	if err != nil {
		return backoff.withoutCredentials(ctx, err)
	}
	passed := func() bool { return !a.now().Before(in.NotAfter) }
	tooLate := privatereply.SendResult{Outcome: privatereply.OutcomeRefused, Reason: privatereply.PublicTooLate}
	if passed() {
		return tooLate
	}
	if at, ok := a.pacer.PublicReply(ctx, cred.Account); !ok {
		return paced(at)
	}
	if passed() {
		return tooLate
	}
	posted, err := a.graph.ReplyToComment(ctx, cred, threadComment(in.Comment), in.Text)
	a.reportWrite(cred.Account, err)
	receipt := graph.SendResult{MessageID: posted.ID, SentAt: posted.SentAt, Usage: posted.Usage}
	return unguarded(a.result(ctx, backoff, receipt, err))
}

// SetCommentHidden makes one attempt to hide a comment, or to show it again. The outcome is
// a value. A repeat changes nothing, so that an attempt without an answer is tried again.
func (a *Activities) SetCommentHidden(ctx context.Context, in workflows.SetCommentHiddenInput) (privatereply.SendResult, error) {
	result := a.setCommentHidden(ctx, in)
	a.metrics.countSend(kindHide, result)
	return result, nil
}

func (a *Activities) setCommentHidden(ctx context.Context, in workflows.SetCommentHiddenInput) privatereply.SendResult {
	backoff := backoff{attempt: in.Attempt, repair: a.repair, now: a.now}
	cred, err := a.accounts.Credentials(in.Comment.Platform, in.Comment.Account)
	if err != nil {
		return backoff.withoutCredentials(ctx, err)
	}
	if at, ok := a.pacer.Hide(ctx, cred.Account); !ok {
		return paced(at)
	}
	receipt, err := a.graph.SetCommentHidden(ctx, cred, in.Comment.TargetID(), in.Hidden)
	a.reportWrite(cred.Account, err)
	result := a.result(ctx, backoff, receipt, err)
	var failed *graph.Error
	if result.Outcome == privatereply.OutcomeUnknown && errors.As(err, &failed) {
		result.Outcome, result.RetryAt = privatereply.OutcomeNotSent, backoff.retryAt(failed)
	}
	result.Doubtful = false
	return result
}

// paced is the outcome of a write that has no turn before at.
func paced(at time.Time) privatereply.SendResult {
	return privatereply.SendResult{Outcome: privatereply.OutcomeNotSent, Reason: privatereply.Paced, RetryAt: at.UTC().Truncate(time.Millisecond)}
}

// reportWrite reports to the pacer that Meta holds back what the account writes under
// comments.
func (a *Activities) reportWrite(account privatereply.Account, err error) {
	var failed *graph.Error
	if errors.As(err, &failed) && failed.Class == graph.Throttled {
		a.pacer.WriteRefused(account, failed.Reason, throttleTime(failed))
	}
}

// threadComment is the id of the comment under which the public reply to c stands. Both
// platforms have two levels: what answers a reply stands beside it, under the same comment.
func threadComment(c privatereply.Comment) string {
	return cmp.Or(c.ParentComment(), c.TargetID())
}

// FindPublicReply reads the replies to a comment for one of the account with the same text
// that no other reply's public reply is. Nothing found is no proof: another author may have
// the account's words, Meta may not name the author, or show the comment later.
func (a *Activities) FindPublicReply(ctx context.Context, in workflows.FindPublicReplyInput) (workflows.FindPublicReplyResult, error) {
	none := workflows.FindPublicReplyResult{}
	cred, err := a.accounts.Credentials(in.Comment.Platform, in.Comment.Account)
	reads := readPacer{a.pacer, cred.Account, a.now}
	if err != nil {
		return none, reads.retryError(ctx, err)
	}
	own := authorship{account: cred.Account, name: func(ctx context.Context) (string, error) { return a.graph.Username(ctx, cred) }}
	ctx = graph.WithBeforeRequest(ctx, reads.waitToLookUp)
	var found, others []graph.Comment
	after := ""
	for range maxReplyPages {
		page, err := a.graph.CommentReplies(ctx, cred, threadComment(in.Comment), after)
		if err != nil {
			return none, reads.retryError(ctx, err)
		}
		for _, c := range page.Comments {
			isOwn, err := own.of(ctx, c)
			switch {
			case err != nil:
				return none, reads.retryError(ctx, err)
			case !isOwn:
				others = append(others, c)
			case graph.SameText(c.Text, in.Text) && !c.CreatedAt.Before(in.Since.Add(-privatereply.ClockSkew)):
				found = append(found, c)
			}
		}
		if after = page.After; after == "" {
			break
		}
	}
	if len(found) == 0 {
		return none, nil
	}
	claimed, doubtful, err := a.claimedPublicReplies(ctx, in, others)
	if err != nil || doubtful {
		return none, err
	}
	found = slices.DeleteFunc(found, func(c graph.Comment) bool { return claimed[canonical(in.Comment, c.ID)] })
	if len(found) == 0 {
		return none, nil
	}
	oldest := slices.MinFunc(found, func(a, b graph.Comment) int { return a.CreatedAt.Compare(b.CreatedAt) })
	return workflows.FindPublicReplyResult{CommentID: oldest.ID, At: oldest.CreatedAt}, nil
}

// authorship tells the account's own comments from others: by their author's id, and where
// Instagram withholds it by the account's name.
type authorship struct {
	account privatereply.Account
	name    func(context.Context) (string, error)
	known   string
}

func (o *authorship) of(ctx context.Context, c graph.Comment) (bool, error) {
	switch {
	case c.UserID != "": // Instagram gives it of the account's own comments only
		return true, nil
	case c.PersonID != "":
		return o.account.IsSelf(c.PersonID), nil
	case c.Username == "" || o.account.Platform != privatereply.Instagram:
		return false, nil
	}
	if o.known == "" {
		name, err := o.name(ctx)
		if err != nil {
			return false, err
		}
		o.known = name
	}
	return strings.EqualFold(o.known, c.Username), nil
}

// claimedPublicReplies are the public replies, by canonical id, of the account's other
// replies in the same thread: to the comment above and to those beside it. doubtful reports
// that one of them posted, or may post, the same text and does not know its comment.
func (a *Activities) claimedPublicReplies(ctx context.Context, in workflows.FindPublicReplyInput, beside []graph.Comment) (claimed map[string]bool, doubtful bool, err error) {
	ids := []string{threadComment(in.Comment)}
	for _, c := range beside {
		ids = append(ids, c.ID)
	}
	claimed = map[string]bool{}
	for _, id := range ids {
		if canonical(in.Comment, id) == privatereply.CanonicalID(in.Comment) || id == in.Comment.TargetID() {
			continue
		}
		reply, err := privatereply.ReplyID(privatereply.Comment{Platform: in.Comment.Platform, Account: in.Comment.Account, CommentID: id})
		if err != nil {
			continue // there is no reply to it
		}
		posted, err := a.publicReplyOf(ctx, reply)
		switch {
		case err != nil:
			return nil, false, err
		case posted == nil:
		case posted.CommentID != "":
			claimed[canonical(in.Comment, posted.CommentID)] = true
		case (posted.State == workflows.EffectWaiting || posted.State == workflows.EffectUnknown) && graph.SameText(posted.Text, in.Text):
			doubtful = true
		}
	}
	return claimed, doubtful, nil
}

// publicReplyOf asks a reply for its public reply; nil if there is none.
func (a *Activities) publicReplyOf(ctx context.Context, reply string) (*workflows.PublicReplyStatus, error) {
	value, err := a.temporal.QueryWorkflow(ctx, reply, "", workflows.StatusQuery)
	var none *serviceerror.NotFound
	switch {
	case errors.As(err, &none):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("ask %s: %w", reply, err)
	}
	var status struct {
		PublicReply *workflows.PublicReplyStatus `json:"public_reply"`
	}
	if err := value.Get(&status); err != nil {
		return nil, fmt.Errorf("read the status of %s: %w", reply, err)
	}
	return status.PublicReply, nil
}

// canonical is the one spelling of the id of a comment on c's platform.
func canonical(c privatereply.Comment, id string) string {
	return privatereply.CanonicalID(privatereply.Comment{Platform: c.Platform, CommentID: id})
}

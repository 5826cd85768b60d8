package pacing

import (
	"context"
	"time"

	"github.com/privatereply/privatereply"
)

// Meta publishes no limit of its own for what is written under comments; repeated text
// counts as spam at any rate. These rates are this product's choice, apart from those of
// private replies: public replies at a pace that a person could keep, and hiding fast
// enough for a wave of spam. Both are far below Meta's general limits.
const (
	publicReplyInterval, publicReplyBurst = time.Minute, 10
	hideInterval, hideBurst               = 6 * time.Second, 20
)

// PublicReply waits for the turn of one public reply, at most MaxWait. Without a turn,
// retryAt is when to ask again. While Meta holds back the account's private replies to
// posts, none is posted either.
func (p *Pacer) PublicReply(ctx context.Context, account privatereply.Account) (retryAt time.Time, ok bool) {
	return p.waitToCall(ctx, p.publicReplies(account), account, MaxWait)
}

// Hide is PublicReply for hiding a comment, or showing it again.
func (p *Pacer) Hide(ctx context.Context, account privatereply.Account) (retryAt time.Time, ok bool) {
	return p.waitToCall(ctx, p.hiding(account), account, MaxWait)
}

// WriteRefused reports that Meta limits what the account writes under comments, for as
// long as Meta named; 0 is left to the pacer. A rate limit counts for everything that the
// account does. A block of the account is one of this action: private replies go on until
// Meta refuses one of them.
func (p *Pacer) WriteRefused(account privatereply.Account, reason privatereply.Reason, pause time.Duration) {
	if pause <= 0 {
		pause = jitter(postCooldown)
	}
	until := p.now().Add(pause)
	p.publicReplies(account).pause(until)
	p.hiding(account).pause(until)
	if reason == privatereply.Throttled {
		p.ReadRefused(account, reason, pause)
	}
}

func (p *Pacer) publicReplies(account privatereply.Account) *callLimiter {
	return p.callLimiter(p.replies, account, publicReplyInterval, publicReplyBurst)
}

func (p *Pacer) hiding(account privatereply.Account) *callLimiter {
	return p.callLimiter(p.hides, account, hideInterval, hideBurst)
}

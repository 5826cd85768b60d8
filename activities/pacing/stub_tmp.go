package pacing

import (
	"context"
	"time"

	"github.com/privatereply/privatereply"
)

func (p *Pacer) Read(ctx context.Context, account privatereply.Account, patience time.Duration) (time.Time, bool) {
	return time.Time{}, true
}
func (p *Pacer) LookUp(ctx context.Context, account privatereply.Account, patience time.Duration) (time.Time, bool) {
	return time.Time{}, true
}
func (p *Pacer) ReadRefused(account privatereply.Account, reason privatereply.Reason, pause time.Duration) {
}

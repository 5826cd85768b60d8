package pacing

import (
	"time"

	"github.com/privatereply/privatereply"
)

// probeComes is how long after a rest its probe may take to come. A reply that sleeps
// comes at once; where none comes, nothing is known, and nothing is held back.
const probeComes = time.Minute

// Standing is how the sends of an account stand in this process.
type Standing struct {
	Paused  bool
	Reason  privatereply.Reason // why, if they are
	Waiting int                 // replies that sleep until a slot of this process
}

// Standing says how the sends to posts of an account stand, or those on its lives.
func (p *Pacer) Standing(account privatereply.Account, live bool) Standing {
	p.mu.Lock()
	b := p.buckets[key{account.Platform, account.ID, live}]
	p.mu.Unlock()
	if b == nil {
		return Standing{}
	}
	return b.standing(p.now())
}

func (b *bucket) standing(now time.Time) Standing {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := Standing{Waiting: len(b.line.from(now.Add(-b.lateness())))}
	if b.rest.pauses(now) {
		s.Paused, s.Reason = true, b.rest.reason
	}
	return s
}

// pauses reports whether nothing goes at now. After a refusal that is so until a
// probe was taken, too.
func (r *rest) pauses(now time.Time) bool {
	return now.Before(r.until) || r.times > 0 && now.Before(r.until.Add(probeComes))
}

package pacing

import (
	"math"
	"time"
)

const (
	// postBurst is how many replies to posts may go at once after a quiet time. With
	// the default of 700 an hour no hour has more than 730; Meta's limit is 750.
	postBurst = 30
	// liveBurst is the part of a second's worth that live replies may go at once.
	// More would not do: Meta counts any second, and one that begins with a burst has
	// the burst and the rate. 90 and a twentieth of it leave 5 of Meta's 100 for
	// what the network delays and bunches.
	liveBurst = 1.0 / 20
	// leastRate is the part of its rate that a process keeps when its burst alone is more
	// than its share of the limit: then there are more processes than Meta takes sends.
	leastRate = 1.0 / 10
	// personsShare is the part of the bucket that rules leave to persons.
	personsShare = 1.0 / 5
	// longestGather keeps arithmetic with absurdly low rates within a Duration.
	longestGather = 365 * 24 * time.Hour
)

// pace is how fast one process may send for one account.
type pace struct {
	perSecond float64
	burst     int
	kept      int // of the burst, for persons
}

func paceOf(a Ask, workers int) pace {
	share := 1 / float64(workers)
	perSecond, burst, window := a.Account.PostsPerHour/time.Hour.Seconds()*share, postBurst*share, time.Hour
	if a.Live {
		perSecond = a.Account.LivePerSecond * share
		burst, window = perSecond*liveBurst, time.Second
	}
	p := pace{perSecond: perSecond, burst: ceil(burst)}
	// A process cannot send a part of a reply at once. What its burst was rounded up by
	// comes off the rate: the bursts of many processes add up.
	p.perSecond = max(perSecond-(float64(p.burst)-burst)/window.Seconds(), perSecond*leastRate)
	if p.burst > 2 {
		p.kept = max(1, int(float64(p.burst)*personsShare))
	}
	return p
}

func ceil(x float64) int { return max(1, int(math.Ceil(x))) }

// gather is how long it takes until a send of a person, or of a rule, has so many
// tokens more. Until the persons' part is full, rules get only what it does not
// take: that lasts refill.
func (p pace) gather(tokens float64, byPerson bool, refill time.Duration) time.Duration {
	if tokens <= 0 {
		return 0
	}
	if byPerson || refill <= 0 {
		return p.seconds(tokens / p.perSecond)
	}
	slow := p.perSecond * (1 - personsShare)
	if first := slow * refill.Seconds(); tokens > first {
		return refill + p.seconds((tokens-first)/p.perSecond)
	}
	return p.seconds(tokens / slow)
}

// refill is how long it takes to fill the persons' part from what it has.
func (p pace) refill(has float64) time.Duration {
	return p.seconds((float64(p.kept) - has) / (p.perSecond * personsShare))
}

func (p pace) seconds(s float64) time.Duration {
	return time.Duration(min(s*float64(time.Second), float64(longestGather)))
}

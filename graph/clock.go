package graph

import (
	"net/http"
	"sync"
	"time"
)

// dateResolution is the step of an HTTP Date.
const dateResolution = time.Second

// clockOffset compares this machine's clock with Meta's.
type clockOffset struct {
	mu    sync.Mutex
	ahead time.Duration
	known bool
}

// observe takes the Date of an answer to a request that was written at asked and answered at
// now: Meta's clock was read between the two. What a cache on the way kept has an old one.
func (k *clockOffset) observe(asked, now time.Time, h http.Header) {
	date, err := http.ParseTime(h.Get("Date"))
	if err != nil || h.Get("Age") != "" {
		return
	}
	var ahead time.Duration
	switch {
	case asked.Sub(date) > dateResolution:
		ahead = asked.Sub(date) - dateResolution
	case now.Before(date):
		ahead = now.Sub(date)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ahead, k.known = ahead, true
}

// ClockOffset is how far this machine's clock was ahead of Meta's at the newest answer,
// at least; it is negative if it was behind. Meta tells its time in whole seconds. It is
// not known before the first answer.
func (c *Client) ClockOffset() (ahead time.Duration, known bool) {
	c.clock.mu.Lock()
	defer c.clock.mu.Unlock()
	return c.clock.ahead, c.clock.known
}

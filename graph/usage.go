package graph

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/metajson"
)

// maxCooldown bounds what a header can ask for: Meta's longest rate window is a
// rolling day.
const maxCooldown = 24 * time.Hour

// Usage is how much of its limits Meta says that the account has used. Meta sends
// it only after enough calls; the zero value means that it said nothing.
type Usage struct {
	Percent     float64       // the highest of the limits that concern messages; can exceed 100
	RegainAfter time.Duration // how long Meta would refuse calls, 0 if it would not
}

type usageEntry struct {
	Type        string         `json:"type"`
	CallCount   metajson.Float `json:"call_count"`
	TotalTime   metajson.Float `json:"total_time"`
	TotalCPU    metajson.Float `json:"total_cputime"`
	RegainAfter metajson.Float `json:"estimated_time_to_regain_access"` // minutes
}

func (s usageEntry) usage() Usage {
	return Usage{
		Percent:     float64(max(s.CallCount, s.TotalTime, s.TotalCPU)),
		RegainAfter: cooldownOf(float64(s.RegainAfter), time.Minute),
	}
}

func (u Usage) worst(other Usage) Usage {
	return Usage{
		Percent:     max(u.Percent, other.Percent),
		RegainAfter: max(u.RegainAfter, other.RegainAfter),
	}
}

// unrelatedUseCases are the use cases whose limits do not touch messages, comments or
// feeds, although they may name the same Page.
var unrelatedUseCases = []string{"ads_insights", "ads_management", "custom_audience", "leadgen"}

// readUsage takes the worst of Meta's three headers. The one by business use case
// speaks of up to 32 objects; only the account and the Page behind it count.
func readUsage(h http.Header, account privatereply.Account) Usage {
	var u Usage
	for _, name := range []string{"X-App-Usage", "X-Page-Usage"} {
		var s usageEntry
		if json.Unmarshal([]byte(h.Get(name)), &s) == nil {
			u = u.worst(s.usage())
		}
	}
	var business map[string][]usageEntry
	if json.Unmarshal([]byte(h.Get("X-Business-Use-Case-Usage")), &business) == nil {
		for object, shares := range business {
			if !account.IsSelf(object) {
				continue
			}
			for _, s := range shares {
				if !slices.Contains(unrelatedUseCases, s.Type) {
					u = u.worst(s.usage())
				}
			}
		}
	}
	return u
}

// retryAfter reads the standard header, which Meta does not document but is said
// to send: seconds or a date.
func retryAfter(h http.Header, now time.Time) time.Duration {
	v := h.Get("Retry-After")
	if seconds, err := strconv.ParseFloat(v, 64); err == nil {
		return cooldownOf(seconds, time.Second)
	}
	if at, err := http.ParseTime(v); err == nil {
		return cooldownOf(at.Sub(now).Seconds(), time.Second)
	}
	return 0
}

func cooldownOf(n float64, unit time.Duration) time.Duration {
	if !(n > 0) {
		return 0
	}
	if n >= float64(maxCooldown/unit) {
		return maxCooldown
	}
	return time.Duration(n * float64(unit))
}

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

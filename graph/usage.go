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

// maxCooldown bounds the wait that a header can demand: Meta's longest rate window is a
// rolling day.
const maxCooldown = 24 * time.Hour

// Usage is how much of its limits the account has used, from Meta's headers. Meta sends
// them only after enough calls; the zero value means that there were none.
type Usage struct {
	Percent     float64       // the highest of the limits that concern messages; can exceed 100
	RegainAfter time.Duration // how long Meta will refuse calls; 0: it will not
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

// worst returns the higher of each value.
func (u Usage) worst(other Usage) Usage {
	return Usage{
		Percent:     max(u.Percent, other.Percent),
		RegainAfter: max(u.RegainAfter, other.RegainAfter),
	}
}

// unrelatedUseCases are the use cases whose limits do not touch messages, comments or
// feeds, although they may name the same Page.
var unrelatedUseCases = []string{"ads_insights", "ads_management", "custom_audience", "leadgen"}

// readUsage returns the worst of Meta's three headers. The one by business use case is
// about up to 32 objects; only the account and the Page that sends for it count.
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

// retryAfter reads the standard header, in seconds or a date. Meta does not document it;
// it has been reported.
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

// cooldownOf is n units, between 0 and maxCooldown.
func cooldownOf(n float64, unit time.Duration) time.Duration {
	if !(n > 0) {
		return 0
	}
	if n >= float64(maxCooldown/unit) {
		return maxCooldown
	}
	return time.Duration(n * float64(unit))
}

// dateResolution is the unit of an HTTP Date.
const dateResolution = time.Second

// clockOffset compares this machine's clock with Meta's.
type clockOffset struct {
	mu    sync.Mutex
	ahead time.Duration
	known bool
}

// observe compares the Date of an answer, which Meta's clock gave between the writing of
// the request (asked) and now. An answer out of a cache has an old Date and is skipped.
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

// ClockOffset returns how far this machine's clock was ahead of Meta's at the newest
// answer, at least; negative if it was behind. Meta's Date has whole seconds. Known is
// false before the first answer.
func (c *Client) ClockOffset() (ahead time.Duration, known bool) {
	c.clock.mu.Lock()
	defer c.clock.mu.Unlock()
	return c.clock.ahead, c.clock.known
}

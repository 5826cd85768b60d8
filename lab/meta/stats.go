package meta

import (
	"strconv"
	"time"
)

// stats count what one account's calls came to.
type stats struct {
	calls     map[Operation]int
	times     map[LimitKind][]time.Time
	accepted  int
	refused   map[string]int // by code, or code/subcode
	throttled int
	comments  int
	answered  int
	messages  int
	repeats   int // private replies tried for a comment that had been tried before
	afterLive int // private replies tried after their broadcast had ended
}

func newStats() stats {
	return stats{calls: map[Operation]int{}, times: map[LimitKind][]time.Time{}, refused: map[string]int{}}
}

func (t *stats) call(e endpoint, now time.Time) {
	t.calls[e.op]++
	if kind, _ := e.meter(); kind != "" {
		t.times[kind] = append(t.times[kind], now)
	}
	if e.comment != nil {
		if e.comment.attempts++; e.comment.attempts > 1 {
			t.repeats++
		}
		if e.comment.onLive() && !e.comment.post.live {
			t.afterLive++
		}
	}
}

func (t *stats) refuse(r *refusal) {
	key := strconv.Itoa(r.code)
	if r.subcode != 0 {
		key += "/" + strconv.Itoa(r.subcode)
	}
	t.refused[key]++
}

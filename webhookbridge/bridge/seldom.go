package bridge

import (
	"sync"
	"time"

	"go.uber.org/zap"
)

// logEvery is how often a thing is logged that may happen with every request.
const logEvery = time.Minute

// logSampler logs each kind of thing once a minute, with how often it happened.
type logSampler struct {
	now func() time.Time

	mu    sync.Mutex
	kinds map[string]*sampledLog
}

type sampledLog struct {
	logged time.Time
	since  int // times since it was logged
}

func newLogSampler(now func() time.Time) *logSampler {
	return &logSampler{now: now, kinds: map[string]*sampledLog{}}
}

func (s *logSampler) warn(l *zap.Logger, kind, msg string, fields ...zap.Field) {
	if times, ok := s.count(kind); ok {
		l.Warn(msg, append(fields, zap.Int("times", times))...)
	}
}

// count reports whether it is time to log kind, and how often it happened since the
// last time.
func (s *logSampler) count(kind string) (times int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.kinds[kind]
	if o == nil {
		o = &sampledLog{}
		s.kinds[kind] = o
	}
	o.since++
	if now := s.now(); now.Sub(o.logged) >= logEvery {
		times, o.logged, o.since = o.since, now, 0
		return times, true
	}
	return 0, false
}

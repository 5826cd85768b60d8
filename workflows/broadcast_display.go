package workflows

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"
)

var errTooMany = errors.New("too many replies wait for this broadcast; this one ends by its own deadline, four hours after its comment")

// EndedBy says how the end of a broadcast is known.
type EndedBy string

// The ways in which a broadcast ends.
const (
	EndedByMeta  EndedBy = "meta"  // Meta twice did not list it
	EndedByHand  EndedBy = "hand"  // somebody said so
	EndedByLimit EndedBy = "limit" // it cannot run any longer
)

var endedByWords = map[EndedBy]string{
	EndedByMeta:  "Meta does not list it any more",
	EndedByHand:  "somebody said so",
	EndedByLimit: "no broadcast runs longer than four hours",
}

// BroadcastStatus answers the status query of Broadcast, and is its result.
type BroadcastStatus struct {
	Running        bool            `json:"running"`
	FirstSeen      time.Time       `json:"first_seen"`
	LastSeen       time.Time       `json:"last_seen,omitzero"` // the newest comment whose reply had to wait
	EndedAt        time.Time       `json:"ended_at,omitzero"`
	EndedBy        EndedBy         `json:"ended_by,omitempty"`
	Joined         int             `json:"joined"` // replies
	Notified       int             `json:"told"`   // replies that know of the end
	RefusedSignals []RefusedSignal `json:"refused_signals,omitempty"`
}

func (b *broadcast) status() *BroadcastStatus {
	return &BroadcastStatus{
		Running: b.endedAt.IsZero(), FirstSeen: b.in.FirstSeen, LastSeen: b.lastSeen,
		EndedAt: b.endedAt, EndedBy: b.endedBy,
		Joined: b.notified + len(b.pending), Notified: b.notified, RefusedSignals: b.refused,
	}
}

// describe tells of the broadcast to whoever opens it in the Web UI.
func (b *broadcast) describe() {
	var d strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&d, format+"\n\n", args...) }
	if b.endedAt.IsZero() {
		line("### The broadcast runs")
		line("**Ends** at %s at the latest", formatTime(b.limit()))
	} else {
		line("### The broadcast ended at %s", formatTime(b.endedAt))
		line("Known because %s (`%s`)", endedByWords[b.endedBy], b.endedBy)
		line("**Told:** %d of the %d replies that waited", b.notified, b.notified+len(b.pending))
	}
	workflow.SetCurrentDetails(b.ctx, strings.TrimSpace(d.String()))
}

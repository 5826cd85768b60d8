package workflows

import (
	"errors"
	"fmt"
	"strings"

	"go.temporal.io/sdk/workflow"
)

var (
	errNoSentAt = errors.New(`"sent_at" is missing: say when the reply was sent`)
	errNoReply  = errors.New(`"reply" must be the workflow id of a reply, such as reply:instagram:…`)
)

func (c *conversation) status() *ConversationStatus {
	s := &ConversationStatus{
		LastMessageAt: c.newest, Replies: c.replies, MessagesSeen: c.seen,
		FollowUps: c.followUps, RefusedSignals: c.refused,
	}
	if !c.newest.IsZero() {
		s.WindowClosesAt = c.limits.WindowCloses(c.newest)
	}
	return s
}

// describe tells the state of the window to whoever opens it in the Web UI.
func (c *conversation) describe() {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n\n", args...) }
	if c.newest.IsZero() {
		line("### The person has not written yet; the window is closed")
	} else {
		line("### The 24-hour window closes at %s", formatTime(c.limits.WindowCloses(c.newest)))
		line("**Newest message:** %s, of %d seen", formatTime(c.newest), c.seen)
	}
	for _, reply := range c.replies {
		line("**Reply** `%s`, sent at %s", reply.Reply, formatTime(reply.SentAt))
	}
	for _, sent := range c.followUps {
		line("**Follow-up** by %s at %s: `%s` %s", quote(sent.Agent), formatTime(sent.At), sent.State, sent.Reason.Sentence())
	}
	workflow.SetCurrentDetails(c.ctx, strings.TrimSpace(b.String()))
}

package desk

import (
	"fmt"
	"strings"
	"time"

	"github.com/privatereply/privatereply"
)

// label name something for people.
type label string

func (w label) lower() string { return strings.ToLower(string(w[:1])) + string(w[1:]) }

var stateLabels = map[privatereply.State]label{
	privatereply.Holding:          "Held: it goes out by itself",
	privatereply.AwaitingApproval: "Waits for a decision",
	privatereply.Sending:          "On its way",
	privatereply.Sent:             "Delivered",
	privatereply.Responded:        "The person answered",
	privatereply.DeliveryUnknown:  "Delivery unknown",
	privatereply.WindowClosed:     "Answered; the conversation is over",
	privatereply.NoResponse:       "Delivered; no answer came",
	privatereply.Undeliverable:    "Not delivered",
	privatereply.Ignored:          "Left alone",
	privatereply.Rejected:         "Rejected",
	privatereply.Withdrawn:        "The comment was removed",
	privatereply.Expired:          "Too late: nothing was sent",
}

// stateLabel names a state. A tool that starts a reply without its search attributes leaves
// it without one.
func stateLabel(s privatereply.State) label {
	if known, ok := stateLabels[s]; ok {
		return known
	}
	return "State not known"
}

var sourceLabels = map[privatereply.Source]string{
	privatereply.SourcePost: "post", privatereply.SourceReel: "reel", privatereply.SourceAd: "ad",
	privatereply.SourceLive: "live", privatereply.SourceStory: "story",
	privatereply.SourceVisitorPost: "visitor post", privatereply.SourceOther: "other",
}

var platformLabels = map[privatereply.Platform]string{
	privatereply.Instagram: "Instagram", privatereply.Facebook: "Facebook",
}

var clockLabels = map[privatereply.Clock]string{
	privatereply.ClockCreated:   "when the comment was written",
	privatereply.ClockEntry:     "when Meta told of the comment",
	privatereply.ClockReceived:  "when the comment arrived here",
	privatereply.ClockBroadcast: "the broadcast",
}

// timeLeft says how much time there is until a moment, as the script does too.
func timeLeft(until, now time.Time) string {
	d := until.Sub(now)
	days, hours, minutes := int(d.Hours())/24, int(d.Hours())%24, int(d.Minutes())%60
	switch {
	case d <= 0:
		return "over"
	case days > 0:
		return fmt.Sprintf("%d d %d h", days, hours)
	case hours > 0:
		return fmt.Sprintf("%d h %d min", hours, minutes)
	default:
		return fmt.Sprintf("%d:%02d", minutes, int(d.Seconds())%60)
	}
}

// urgency is the class of a time that runs out.
func urgency(until, now time.Time) string {
	switch d := until.Sub(now); {
	case d <= 0:
		return "over"
	case d < time.Hour:
		return "soon"
	case d < 24*time.Hour:
		return "today"
	}
	return "later"
}

// marks are what is said beside a comment's words.
type marks struct {
	Attachment privatereply.AttachmentKind
	EditedAt   time.Time
}

// Any reports whether there is something to say.
func (m marks) Any() bool { return m.Attachment != "" || !m.EditedAt.IsZero() }

var attachmentLabels = map[privatereply.AttachmentKind]string{
	privatereply.Photo: "photo", privatereply.Video: "video", privatereply.Sticker: "sticker", privatereply.GIF: "GIF",
}

// attachmentLabel names an attachment. A tool may have started the reply with a kind that
// nobody knows.
func attachmentLabel(k privatereply.AttachmentKind) string {
	if known, ok := attachmentLabels[k]; ok {
		return known
	}
	return "attachment"
}

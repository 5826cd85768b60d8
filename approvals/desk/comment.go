package desk

import (
	"time"

	"github.com/privatereply/privatereply"
)

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

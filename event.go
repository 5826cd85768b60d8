package privatereply

import "time"

// Event is one thing that a webhook delivery reported, after decoding. Exactly
// one of its fields is set.
type Event struct {
	Comment *Comment       `json:"comment,omitempty"`
	Edited  *Comment       `json:"edited,omitempty"` // a comment with its new words and EditedAt
	Message *PersonMessage `json:"message,omitempty"`
	Removal *Removal       `json:"removal,omitempty"`
	Ignored *IgnoredEvent  `json:"ignored,omitempty"`
}

// PersonMessage is something that a person did in a conversation and that opens
// or extends the standard messaging window: a message, a postback, a quick reply
// or a story reply. At is the item's own time, ReceivedAt when it arrived here.
// PersonID is empty where the webhook did not name the sender: Meta names the person when
// it is asked about MessageID.
type PersonMessage struct {
	Platform   Platform  `json:"platform"`
	Account    string    `json:"account"`
	PersonID   string    `json:"person_id,omitempty"`
	MessageID  string    `json:"mid,omitempty"`
	Payload    string    `json:"payload,omitempty"` // of the button or quick reply that they tapped
	At         time.Time `json:"at,omitzero"`
	ReceivedAt time.Time `json:"received_at,omitzero"`
}

// Removal says that a comment, or the post above comments, was taken away. For a
// post CommentID is empty and MediaID is the post.
type Removal struct {
	Platform  Platform `json:"platform"`
	Account   string   `json:"account"`
	CommentID string   `json:"comment_id,omitempty"`
	PostID    string   `json:"post_id,omitempty"` // a visitor post that has a reply of its own
	MediaID   string   `json:"media_id,omitempty"`
}

// IgnoredEvent is something that needs no workflow. Why is one word from the bridge's
// closed list; Account and ID are empty when the webhook did not carry them.
type IgnoredEvent struct {
	Why     string `json:"why"`
	Account string `json:"account,omitempty"`
	ID      string `json:"id,omitempty"`
}

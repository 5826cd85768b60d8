package privatereply

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

const (
	// maxIDBytes is what Temporal's SQL stores hold of a workflow id.
	maxIDBytes = 255
	// scheduleBytes is what Temporal adds to a Schedule's id: "temporal-sys-scheduler:"
	// before it for its own workflow, the time after it for those that it starts.
	scheduleBytes = 23
	// shownBytes is how much of an unusable id an error repeats.
	shownBytes = 60
)

// ErrUnusableID says that something cannot be addressed: its id is empty, too
// long, or has a character that a workflow id cannot carry.
var ErrUnusableID = errors.New("unusable id")

// CanonicalID is the one spelling of a comment's id. Facebook's webhook, feed and
// reels write the same comment with different prefixes, so only the part after
// the last "_" counts there.
func CanonicalID(c Comment) string {
	id := c.TargetID()
	if c.Platform.Facts().PrefixedIDs {
		id = lastPart(id)
	}
	if c.PostID != "" && id != "" {
		return "post-" + id
	}
	return id
}

// ReplyID is the id of the workflow that answers c: "reply:<platform>:<account>:<comment>".
func ReplyID(c Comment) (string, error) {
	return workflowID("reply", c.Platform, c.Account, "comment", CanonicalID(c))
}

// ConversationID is the id of the workflow that keeps the window of one person.
func ConversationID(p Platform, account, person string) (string, error) {
	return workflowID("conversation", p, account, "person", person)
}

// BroadcastID is the id of the workflow that watches one live video.
func BroadcastID(p Platform, account, media string) (string, error) {
	return workflowID("broadcast", p, account, "media", media)
}

// RemovedPostID is the id of the workflow that withdraws the replies under a removed post.
func RemovedPostID(p Platform, account, media string) (string, error) {
	return workflowID("removed-post", p, account, "media", media)
}

// MessageID is the id of the workflow that asks Meta who sent a message.
func MessageID(p Platform, account, mid string) (string, error) {
	return workflowID("message", p, account, "message", mid)
}

// OnceID is the id of the workflow that stands for the one answer of a rule to the person
// who wrote c: "once:<platform>:<account>:<rule>:<person>", and ":<post>" where the rule
// answers a person once a post. It is an error where Meta did not name the person.
func OnceID(c Comment, rule string, once Once) (string, error) {
	if err := checkID("person", c.PersonID); err != nil {
		return "", err
	}
	if checkID("rule", rule) != nil || strings.Contains(rule, ":") || len(rule) > maxRuleBytes {
		rule = TextSHA256(rule)[:maxRuleBytes]
	}
	rest := rule + ":" + c.PersonID
	if once == OncePersonAndPost {
		rest += ":" + cmp.Or(c.postKey(), "unknown")
	}
	return workflowID("once", c.Platform, c.Account, "person", rest)
}

// maxRuleBytes is how much of a rule's name an id has; a longer one has its hash.
const maxRuleBytes = 40

// postKey tells posts apart: a post and the ads made of it are one.
func (c Comment) postKey() string {
	id := cmp.Or(c.OriginalMediaID, c.MediaID, c.PostID)
	if c.Platform.Facts().PrefixedIDs {
		id = lastPart(id)
	}
	return id
}

// VisibilityID is the id of the workflow that hides c by hand, or shows it again.
func VisibilityID(c Comment) (string, error) {
	return workflowID("visibility", c.Platform, c.Account, "comment", CanonicalID(c))
}

// SweepID is the id of an account's sweep Schedule.
func SweepID(p Platform, account string) (string, error) { return scheduleID("sweep", p, account) }

// TokenRenewalID is the id of the Schedule that renews an account's token.
func TokenRenewalID(p Platform, account string) (string, error) {
	return scheduleID("token", p, account)
}

func scheduleID(kind string, p Platform, account string) (string, error) {
	if err := checkOwner(p, account); err != nil {
		return "", err
	}
	id := kind + ":" + string(p) + ":" + account
	if err := checkLength("account", id, maxIDBytes-scheduleBytes); err != nil {
		return "", err
	}
	return id, nil
}

// confirmationCode is the form of an erasure's confirmation code: 120 bits in base32.
var confirmationCode = regexp.MustCompile(`^[A-Z2-7]{24}$`)

// ErasureID is the id of the workflow that carries out an erasure:
// "erasure:<confirmation code>".
func ErasureID(code string) (string, error) {
	if !confirmationCode.MatchString(code) {
		return "", fmt.Errorf("%w: a confirmation code has 24 of the characters A to Z and 2 to 7", ErrUnusableID)
	}
	return "erasure:" + code, nil
}

// ID is a workflow id taken apart.
type ID struct {
	Kind     string // reply, conversation or broadcast
	Platform Platform
	Account  string
	Subject  string // the comment, person or media
}

// ParseID takes apart what ReplyID, ConversationID and BroadcastID put together,
// and nothing else.
func ParseID(s string) (ID, bool) {
	parts := strings.SplitN(s, ":", 4)
	if len(parts) != 4 {
		return ID{}, false
	}
	id := ID{Kind: parts[0], Platform: Platform(parts[1]), Account: parts[2], Subject: parts[3]}
	switch id.Kind {
	case "reply", "conversation", "broadcast":
	default:
		return ID{}, false
	}
	if _, err := workflowID(id.Kind, id.Platform, id.Account, "id", id.Subject); err != nil {
		return ID{}, false
	}
	return id, true
}

func workflowID(kind string, p Platform, account, what, rest string) (string, error) {
	if err := checkOwner(p, account); err != nil {
		return "", err
	}
	if err := checkID(what, rest); err != nil {
		return "", err
	}
	id := kind + ":" + string(p) + ":" + account + ":" + rest
	if err := checkLength(what, id, maxIDBytes); err != nil {
		return "", err
	}
	return id, nil
}

func checkLength(what, id string, limit int) error {
	if len(id) > limit {
		return fmt.Errorf("%w: %s is %d bytes long as a workflow id; %d is the most", ErrUnusableID, what, len(id), limit)
	}
	return nil
}

// checkOwner keeps ":" out of account ids: everything after the third colon of
// a workflow id belongs to the comment, so only there may one stand.
func checkOwner(p Platform, account string) error {
	if !p.Valid() {
		return fmt.Errorf("%w: %q is not a platform", ErrUnusableID, p)
	}
	if strings.Contains(account, ":") {
		return fmt.Errorf("%w: account %q has a colon", ErrUnusableID, CutText(account, shownBytes))
	}
	return checkID("account", account)
}

// checkID admits printable ASCII without spaces. The SDK copies workflow ids into
// a gRPC header, where anything else is an error.
func checkID(what, id string) error {
	if id == "" {
		return fmt.Errorf("%w: %s is empty", ErrUnusableID, what)
	}
	for _, r := range id {
		if r <= ' ' || r > '~' {
			return fmt.Errorf("%w: %s %q has the character %q; only printable ASCII without spaces can be used", ErrUnusableID, what, CutText(id, shownBytes), r)
		}
	}
	return nil
}

func lastPart(id string) string { return id[strings.LastIndexByte(id, '_')+1:] }

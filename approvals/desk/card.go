package desk

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/replies"
)

// card is one reply in a list.
type card struct {
	replies.Row
	CanDecide bool // who looks may decide
	Now       time.Time
}

// ElementID is a name of the card for the page's elements and the script.
func (c card) ElementID() string { return elementID(c.ID) }

func elementID(id string) string {
	sum := sha256.Sum256([]byte(id))
	return "r-" + hex.EncodeToString(sum[:8])
}

// PersonName names the person.
func (c card) PersonName() string { return personName(c.Person) }

func personName(name string) string {
	if name == "" {
		return "Somebody"
	}
	return name
}

// Approvable reports whether the proposed text is all here, so that it can be approved
// from the list. Nobody approves what they cannot read.
func (c card) Approvable() bool { return c.Text != "" && !replies.IsCut(c.Text) }

// AwaitsApproval reports whether the reply waits for a decision.
func (c card) AwaitsApproval() bool { return c.State == privatereply.AwaitingApproval }

// IsHeld reports whether the reply goes out by itself.
func (c card) IsHeld() bool { return c.State == privatereply.Holding }

// Limit is how long a text may be.
func (c card) Limit() limit { return limitOf(c.Platform, c.Text) }

// limit is a platform's limit of a text, and how much of it a text uses.
type limit struct {
	Used, Max int
	Unit      string
}

func limitOf(p privatereply.Platform, text string) limit {
	used, most, unit := privatereply.TextLength(p, text)
	return limit{used, most, unit}
}

// PostURL is where the post is. Facebook's ids are addresses; Instagram's are not,
// and only a call to Meta, which the desk does not make, could tell the address.
func (c card) PostURL() string { return postURL(c.Platform, c.Media) }

func postURL(p privatereply.Platform, media string) string {
	if p != privatereply.Facebook || media == "" {
		return ""
	}
	return "https://www.facebook.com/" + url.PathEscape(media)
}

// SamePostURL is the list of all replies under the same post.
func (c card) SamePostURL() string { return "/replies?" + url.Values{"media": {c.Media}}.Encode() }

package privatereply

// Platform is where a comment was written.
type Platform string

// The platforms Meta offers private replies on.
const (
	Instagram Platform = "instagram"
	Facebook  Platform = "facebook"
)

// Valid reports whether p is a platform that this product knows.
func (p Platform) Valid() bool { return p == Instagram || p == Facebook }

// Source is what kind of thing was commented on.
type Source string

// The sources. A live broadcast is SourceLive on both platforms.
const (
	SourcePost        Source = "post"
	SourceReel        Source = "reel"
	SourceAd          Source = "ad"
	SourceLive        Source = "live"
	SourceStory       Source = "story"
	SourceVisitorPost Source = "visitor_post"
	SourceOther       Source = "other"
)

// Sources lists every source, in the order people expect to read them.
var Sources = []Source{SourcePost, SourceReel, SourceAd, SourceLive, SourceStory, SourceVisitorPost, SourceOther}

// Via is how a comment reached the product.
type Via string

// The ways a comment can arrive.
const (
	ViaWebhook Via = "webhook"
	ViaSweep   Via = "sweep"
	ViaHand    Via = "hand"
)

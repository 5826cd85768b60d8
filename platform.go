package privatereply

import "slices"

// Platform is where a comment was written.
type Platform string

// The platforms Meta offers private replies on.
const (
	Instagram Platform = "instagram"
	Facebook  Platform = "facebook"
)

// Platforms lists every platform, in the order people expect to read them.
var Platforms = []Platform{Instagram, Facebook}

// Valid reports whether p is a platform that this product knows.
func (p Platform) Valid() bool { return slices.Contains(Platforms, p) }

// PlatformFacts are what differs between platforms. What is a matter of one Graph call
// or one webhook's shape stands in the packages graph and webhookbridge/decode.
type PlatformFacts struct {
	Name string // for people

	TextLimit    int    // of a message, as TextLength counts
	TextUnit     string // of TextLimit, for people
	MaxNameChars int    // of a person's name, in characters

	AnsweredOnAir bool // a comment on a live can be answered only while it is on air; its replies have a rate limit of their own
	VisitorPosts  bool // visitors write posts, which are answered like comments
	PrefixedIDs   bool // of an id only the part after the last "_" is the same in all of Meta's lists
	ParentIsPost  bool // a comment that stands under no other one names its post as its parent
	WriteByThread bool // a message can be addressed to a conversation's id, without the person's

	Logins        []LoginFacts // the ways to connect an account
	WebhookObject string       // "object" of its webhooks
	WebhookFields []string     // what an app must subscribe to; see OptionalWebhookField

	PostURL  string // the address of a post, without its id at the end; empty: an id is no address
	InboxURL string // the page with the account's conversations
}

// OptionalWebhookField is the one of WebhookFields without which comments are answered
// all the same: taps on buttons, which open a conversation's window.
const OptionalWebhookField = "messaging_postbacks"

// Login is how an account was connected to the app.
type Login string

// The logins. Facebook Pages always use LoginFacebook.
const (
	LoginFacebook  Login = "facebook"  // a Page token, on graph.facebook.com
	LoginInstagram Login = "instagram" // an Instagram user token, on graph.instagram.com
)

// Meta's hosts for Graph calls. A token of one cannot be read by the other.
const (
	GraphFacebookURL  = "https://graph.facebook.com"
	GraphInstagramURL = "https://graph.instagram.com"
)

// LoginFacts are what a way to connect an account demands.
type LoginFacts struct {
	Login       Login
	GraphURL    string // the host of its Graph calls
	ThroughPage bool   // a Facebook Page sends for the account: its id is needed too
	Permissions []Permission
}

// Permission is one that a token needs, and what for.
type Permission struct {
	Name     string
	Use      string
	Optional bool // the product works without it, with less
}

// Limits of a message's text. Instagram counts bytes of UTF-8 (about 333 Japanese
// characters); Facebook counts characters without saying which, so UTF-16 units,
// the larger count, are used.
const (
	instagramTextBytes = 1000
	facebookTextChars  = 2000

	unitBytes = "bytes"
	unitChars = "characters"
)

// platformFacts is the one table of what differs between platforms, from Meta's pages on
// private replies, webhooks and permissions. The names' lengths are the longest that the
// platforms let people choose; Instagram's are ASCII, so that characters are bytes.
var platformFacts = map[Platform]PlatformFacts{
	Instagram: {
		Name:      "Instagram",
		TextLimit: instagramTextBytes, TextUnit: unitBytes, MaxNameChars: 30,
		AnsweredOnAir: true,
		Logins: []LoginFacts{
			{Login: LoginFacebook, GraphURL: GraphFacebookURL, ThroughPage: true, Permissions: []Permission{
				{Name: "instagram_basic", Use: "webhooks and sweeps"},
				{Name: "instagram_manage_comments", Use: "webhooks and private replies"},
				{Name: "instagram_manage_messages", Use: "what people answer, and follow-ups"},
				{Name: "pages_messaging", Use: "private replies"},
				{Name: "pages_manage_metadata", Use: "webhooks"},
				{Name: "pages_read_engagement", Use: "webhooks and live broadcasts"},
				{Name: "pages_show_list", Use: "webhooks, Meta says", Optional: true},
			}},
			{Login: LoginInstagram, GraphURL: GraphInstagramURL, Permissions: []Permission{
				{Name: "instagram_business_basic", Use: "webhooks and sweeps"},
				{Name: "instagram_business_manage_comments", Use: "webhooks and private replies"},
				{Name: "instagram_business_manage_messages", Use: "what people answer, and follow-ups"},
			}},
		},
		WebhookObject: "instagram",
		WebhookFields: []string{"comments", "live_comments", "messages", OptionalWebhookField},
		InboxURL:      "https://www.instagram.com/direct/inbox/",
	},
	Facebook: {
		Name:      "Facebook",
		TextLimit: facebookTextChars, TextUnit: unitChars, MaxNameChars: 60,
		VisitorPosts: true, PrefixedIDs: true, ParentIsPost: true, WriteByThread: true,
		Logins: []LoginFacts{
			{Login: LoginFacebook, GraphURL: GraphFacebookURL, Permissions: []Permission{
				{Name: "pages_messaging", Use: "private replies"},
				{Name: "pages_manage_metadata", Use: "webhooks"},
				{Name: "pages_read_engagement", Use: "look-ups and sweeps"},
				{Name: "pages_show_list", Use: "webhooks, Meta says", Optional: true},
				{Name: "pages_read_user_content", Use: "the texts and authors of comments", Optional: true},
				{Name: "pages_manage_engagement", Use: "public replies and hiding comments", Optional: true},
			}},
		},
		WebhookObject: "page",
		WebhookFields: []string{"feed", "messages", OptionalWebhookField},
		PostURL:       "https://www.facebook.com/",
		InboxURL:      "https://business.facebook.com/latest/inbox/all",
	},
}

// Facts are what is particular to p. What is no platform has a name and Facebook's text
// limit, and nothing else.
func (p Platform) Facts() PlatformFacts {
	if facts, ok := platformFacts[p]; ok {
		return facts
	}
	return PlatformFacts{Name: string(p), TextLimit: facebookTextChars, TextUnit: unitChars}
}

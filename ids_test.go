package privatereply

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// One comment has one id however Meta spells it, because a second spelling would
// be a second workflow and a second reply.
func TestCanonicalID(t *testing.T) {
	tests := []struct {
		name    string
		comment Comment
		want    string
	}{
		{"Instagram, as it is", Comment{Platform: Instagram, CommentID: "18000000000000001"}, "18000000000000001"},
		{"Instagram keeps underscores", Comment{Platform: Instagram, CommentID: "a_18000000000000001"}, "a_18000000000000001"},
		{"Facebook webhook: post_comment", Comment{Platform: Facebook, CommentID: "200000000000001_300000000000001"}, "300000000000001"},
		{"Facebook feed: page_post_comment", Comment{Platform: Facebook, CommentID: "100000000000001_200000000000001_300000000000001"}, "300000000000001"},
		{"Facebook reel: another prefix", Comment{Platform: Facebook, CommentID: "900000000000009_300000000000001"}, "300000000000001"},
		{"Facebook, no prefix", Comment{Platform: Facebook, CommentID: "300000000000001"}, "300000000000001"},
		{"visitor post", Comment{Platform: Facebook, PostID: "100000000000001_200000000000001"}, "post-200000000000001"},
		{"visitor post without prefix", Comment{Platform: Facebook, PostID: "200000000000001"}, "post-200000000000001"},
		{"nothing after the prefix", Comment{Platform: Facebook, CommentID: "200000000000001_"}, ""},
		{"visitor post, nothing after the prefix", Comment{Platform: Facebook, PostID: "100000000000001_"}, ""},
		{"no id", Comment{Platform: Instagram}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := CanonicalID(tt.comment); got != tt.want {
				t.Errorf("CanonicalID = %q, want %q", got, tt.want)
			}
		})
	}
}

// The ids are contract: outside tools put them together by hand.
func TestWorkflowIDs(t *testing.T) {
	tests := []struct {
		name  string
		build func() (string, error)
		want  string
		taken ID // zero: no workflow has this id itself
	}{
		{"reply on Instagram", func() (string, error) {
			return ReplyID(Comment{Platform: Instagram, Account: "17841400000000001", CommentID: "18000000000000001"})
		}, "reply:instagram:17841400000000001:18000000000000001", ID{"reply", Instagram, "17841400000000001", "18000000000000001"}},
		{"reply on Facebook", func() (string, error) {
			return ReplyID(Comment{Platform: Facebook, Account: "100000000000001", CommentID: "200000000000001_300000000000001"})
		}, "reply:facebook:100000000000001:300000000000001", ID{"reply", Facebook, "100000000000001", "300000000000001"}},
		{"reply to a visitor post", func() (string, error) {
			return ReplyID(Comment{Platform: Facebook, Account: "100000000000001", PostID: "100000000000001_200000000000001"})
		}, "reply:facebook:100000000000001:post-200000000000001", ID{"reply", Facebook, "100000000000001", "post-200000000000001"}},
		{"colons in the comment", func() (string, error) {
			return ReplyID(Comment{Platform: Instagram, Account: "1", CommentID: "a:b::c"})
		}, "reply:instagram:1:a:b::c", ID{"reply", Instagram, "1", "a:b::c"}},
		{"conversation", func() (string, error) {
			return ConversationID(Instagram, "17841400000000001", "6000000000000001")
		}, "conversation:instagram:17841400000000001:6000000000000001", ID{"conversation", Instagram, "17841400000000001", "6000000000000001"}},
		{"broadcast", func() (string, error) {
			return BroadcastID(Instagram, "17841400000000001", "17800000000000001")
		}, "broadcast:instagram:17841400000000001:17800000000000001", ID{"broadcast", Instagram, "17841400000000001", "17800000000000001"}},
		{"removed post", func() (string, error) {
			return RemovedPostID(Facebook, "100000000000001", "100000000000001_200000000000001")
		}, "removed-post:facebook:100000000000001:100000000000001_200000000000001", ID{}},
		{"message without a sender", func() (string, error) {
			return MessageID(Instagram, "17841400000000001", "aWdfZAG1faXRlbToxOk==")
		}, "message:instagram:17841400000000001:aWdfZAG1faXRlbToxOk==", ID{}},
		{"sweep", func() (string, error) { return SweepID(Facebook, "100000000000001") }, "sweep:facebook:100000000000001", ID{}},
		{"token renewal", func() (string, error) { return TokenRenewalID(Instagram, "17841400000000001") }, "token:instagram:17841400000000001", ID{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.build()
			if err != nil || got != tt.want {
				t.Fatalf("got %q, %v; want %q", got, err, tt.want)
			}
			taken, ok := ParseID(got)
			if diff := cmp.Diff(tt.taken, taken); diff != "" || ok != (tt.taken != ID{}) {
				t.Errorf("ParseID = %+v, %v; want %+v", taken, ok, tt.taken)
			}
		})
	}
}

// An event without a usable id is refused with the reason: an empty or mangled id
// would give the replies of unrelated comments one workflow.
func TestUnusableIDs(t *testing.T) {
	const prefix = len("reply:instagram:1:")
	tests := []struct {
		name     string
		account  string
		rest     string
		mentions string // "" when the id is usable
	}{
		{"plain", "1", "2", ""},
		{"all printable ASCII", "1", "!\"#$%&'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~", ""},
		{"255 bytes", "1", strings.Repeat("2", 255-prefix), ""},
		{"256 bytes", "1", strings.Repeat("2", 256-prefix), "256 bytes"},
		{"empty", "1", "", "is empty"},
		{"empty account", "", "2", "account is empty"},
		{"colon in the account", "1:x", "2", "colon"},
		{"space", "1", "2 3", `' '`},
		{"space around", "1", " 2", `' '`},
		{"newline", "1", "2\n", `'\n'`},
		{"tab", "1", "\t2", `'\t'`},
		{"NUL", "1", "2\x00", `'\x00'`},
		{"DEL", "1", "2\x7f", `'\x7f'`},
		{"letter beyond ASCII", "1", "é", `'é'`},
		{"digits beyond ASCII", "1", "１２", `'１'`},
		{"no-break space", "1", "2\u00a0", `'\u00a0'`},
		{"zero-width space", "1", "2\u200b", `'\u200b'`},
		{"invalid UTF-8", "1", "2\xff", "printable ASCII"},
		{"account with a space", "1 ", "2", `' '`},
		{"account beyond ASCII", "é", "2", `'é'`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			id, err := ReplyID(Comment{Platform: Instagram, Account: tt.account, CommentID: tt.rest})
			if tt.mentions == "" {
				if err != nil || len(id) > 255 {
					t.Errorf("got %q, %v", id, err)
				}
				return
			}
			if id != "" || !errors.Is(err, ErrUnusableID) || !strings.Contains(err.Error(), tt.mentions) {
				t.Errorf("got %q, %v; want ErrUnusableID about %q", id, err, tt.mentions)
			}
			if parsed, ok := ParseID("reply:instagram:" + tt.account + ":" + tt.rest); ok && tt.account != "1:x" {
				t.Errorf("ParseID took it apart as %+v", parsed)
			}
		})
	}
}

// Each kind of id says which of its parts cannot be used.
func TestUnusableParts(t *testing.T) {
	sweep := func(p Platform, account string) error { _, err := SweepID(p, account); return err }
	conversation := func(p Platform, person string) error { _, err := ConversationID(p, "1", person); return err }
	broadcast := func(p Platform, media string) error { _, err := BroadcastID(p, "1", media); return err }
	post := func(media string) error { _, err := RemovedPostID(Facebook, "1", media); return err }
	message := func(mid string) error { _, err := MessageID(Instagram, "1", mid); return err }
	tests := []struct {
		name     string
		err      error
		mentions string
	}{
		{"conversation without a person", conversation(Instagram, ""), "person is empty"},
		{"conversation with a space", conversation(Instagram, "a b"), "person"},
		{"broadcast without a media", broadcast(Instagram, ""), "media is empty"},
		{"removed post without a media", post(""), "media is empty"},
		{"removed post with a space", post("a b"), "media"},
		{"message without an id", message(""), "message is empty"},
		{"message too long", message(strings.Repeat("m", 256-len("message:instagram:1:"))), "256 bytes"},
		{"sweep without an account", sweep(Facebook, ""), "account is empty"},
		{"sweep with a colon", sweep(Facebook, "1:2"), "colon"},
		{"sweep too long for a Schedule", sweep(Facebook, strings.Repeat("1", 233-len("sweep:facebook:"))), "232 is the most"},
		{"unknown platform", conversation("threads", "1"), `"threads" is not a platform`},
		{"sweep on an unknown platform", sweep("", "1"), "platform"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if !errors.Is(tt.err, ErrUnusableID) || !strings.Contains(tt.err.Error(), tt.mentions) {
				t.Errorf("got %v; want ErrUnusableID about %q", tt.err, tt.mentions)
			}
		})
	}
	if _, err := SweepID(Facebook, strings.Repeat("1", 232-len("sweep:facebook:"))); err != nil {
		t.Errorf("the longest account: %v", err)
	}
}

// An error about a hostile id does not fill the log with it.
func TestUnusableIDErrorIsShort(t *testing.T) {
	long := strings.Repeat("é", 1<<16)
	for name, comment := range map[string]Comment{
		"comment": {Platform: Instagram, Account: "1", CommentID: long},
		"account": {Platform: Instagram, Account: long, CommentID: "1"},
		"colon":   {Platform: Instagram, Account: ":" + long, CommentID: "1"},
	} {
		if _, err := ReplyID(comment); err == nil || len(err.Error()) > 300 {
			t.Errorf("%s: the error is missing or longer than 300 bytes", name)
		}
	}
}

// What is no workflow id of the product is not taken for one.
func TestParseIDRefuses(t *testing.T) {
	for _, s := range []string{
		"", ":", ":::", "reply", "reply:instagram", "reply:instagram:1", "reply:instagram:1:", "reply:instagram::2",
		"reply::1:2", "reply:threads:1:2", "Reply:instagram:1:2", "intake:facebook:1:2", "sweep:facebook:1",
		" reply:instagram:1:2", "reply:instagram:1:2 ", "reply:instagram:1:é",
		"reply:instagram:1:" + strings.Repeat("2", 256),
	} {
		if id, ok := ParseID(s); ok || id != (ID{}) {
			t.Errorf("ParseID(%q) = %+v, %v", s, id, ok)
		}
	}
}

// Every comment that gets an id gets one that says the same comment again, and all
// spellings of it get the same one.
func FuzzReplyID(f *testing.F) {
	f.Add(true, "17841400000000001", "18000000000000001", false)
	f.Add(false, "100000000000001", "200000000000001_300000000000001", false)
	f.Add(false, "100000000000001", "100000000000001_200000000000001", true)
	f.Add(true, "1", "a:b::c", false)
	f.Add(false, "1:2", "_", true)
	f.Add(true, "é", "\x00", false)
	f.Fuzz(func(t *testing.T, onInstagram bool, account, id string, visitorPost bool) {
		c := Comment{Platform: Facebook, Account: account}
		switch {
		case onInstagram:
			c.Platform, c.CommentID = Instagram, id
		case visitorPost:
			c.PostID = id
		default:
			c.CommentID = id
		}
		got, err := ReplyID(c)
		if err != nil {
			if got != "" || !errors.Is(err, ErrUnusableID) {
				t.Fatalf("ReplyID(%+v) = %q, %v", c, got, err)
			}
			return
		}
		if len(got) > 255 {
			t.Errorf("%q has %d bytes", got, len(got))
		}
		want := ID{Kind: "reply", Platform: c.Platform, Account: account, Subject: CanonicalID(c)}
		if parsed, ok := ParseID(got); !ok || parsed != want {
			t.Errorf("ParseID(%q) = %+v, %v; want %+v", got, parsed, ok, want)
		}
		if c.Platform != Facebook {
			return
		}
		prefixed := c
		if c.PostID != "" {
			prefixed.PostID = "900000000000009_" + id
		} else {
			prefixed.CommentID = "900000000000009_" + id
		}
		if again, err := ReplyID(prefixed); err != nil || again != got {
			t.Errorf("with another prefix: %q, %v; want %q", again, err, got)
		}
	})
}

// The claim of a rule to a person names both, and the post where it is asked for; a rule
// whose name no id can have is named by its hash, and a boosted post is the post.
func TestOnceID(t *testing.T) {
	c := Comment{Platform: Facebook, Account: "1", CommentID: "2_3", PersonID: "9", MediaID: "1_77"}
	ad := Comment{Platform: Instagram, Account: "1", CommentID: "3", PersonID: "9", MediaID: "88", OriginalMediaID: "77"}
	nowhere := Comment{Platform: Instagram, Account: "1", CommentID: "3", PersonID: "9"}
	tests := []struct {
		c    Comment
		rule string
		once Once
		want string
	}{
		{c, "prices", OncePerson, "once:facebook:1:prices:9"},
		{c, "prices", OncePersonAndPost, "once:facebook:1:prices:9:77"},
		{ad, "prices", OncePersonAndPost, "once:instagram:1:prices:9:77"},
		{nowhere, "prices", OncePersonAndPost, "once:instagram:1:prices:9:unknown"},
		{nowhere, "was kostet: das?", OncePerson, "once:instagram:1:" + TextSHA256("was kostet: das?")[:40] + ":9"},
	}
	for _, tt := range tests {
		if got, err := OnceID(tt.c, tt.rule, tt.once); got != tt.want || err != nil {
			t.Errorf("OnceID(%q, %q) = %q, %v; want %q", tt.rule, tt.once, got, err, tt.want)
		}
	}
	c.PersonID = ""
	if id, err := OnceID(c, "prices", OncePerson); err == nil {
		t.Errorf("nobody's claim is %q", id)
	}
}

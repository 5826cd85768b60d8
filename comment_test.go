package privatereply

import (
	"errors"
	"strings"
	"testing"
)

// A comment that nothing could be sent to is refused by the name of its field.
func TestCommentValidate(t *testing.T) {
	valid := Comment{Platform: Facebook, Account: "100000000000001", CommentID: "200000000000001_300000000000001", Source: SourcePost}
	tests := []struct {
		name     string
		change   func(*Comment)
		mentions string // "" when it is valid
	}{
		{"as it is", func(*Comment) {}, ""},
		{"visitor post", func(c *Comment) { c.CommentID, c.PostID = "", "1_2" }, ""},
		{"without a source", func(c *Comment) { c.Source = "" }, ""},
		{"without a person", func(c *Comment) { c.PersonID, c.Username = "", "" }, ""},
		{"no platform", func(c *Comment) { c.Platform = "" }, "comment.platform"},
		{"unknown platform", func(c *Comment) { c.Platform = "threads" }, `comment.platform: "threads"`},
		{"neither id", func(c *Comment) { c.CommentID = "" }, "comment.comment_id, comment.post_id: give exactly one"},
		{"both ids", func(c *Comment) { c.PostID = "1_2" }, "comment.comment_id, comment.post_id: give exactly one"},
		{"visitor post on Instagram", func(c *Comment) { c.Platform, c.CommentID, c.PostID = Instagram, "", "1" }, "comment.post_id: only Facebook"},
		{"unknown source", func(c *Comment) { c.Source = "reels" }, `comment.source: "reels" is not a source`},
		{"no account", func(c *Comment) { c.Account = "" }, "unusable id: account is empty"},
		{"id with a space", func(c *Comment) { c.CommentID = "1 2" }, "unusable id: comment"},
		{"only a prefix", func(c *Comment) { c.CommentID = "1_" }, "unusable id: comment is empty"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := valid
			tt.change(&c)
			err := c.Validate()
			if tt.mentions == "" && err != nil {
				t.Error(err)
			}
			if tt.mentions != "" && (err == nil || !strings.HasPrefix(err.Error(), tt.mentions)) {
				t.Errorf("got %v, want %q", err, tt.mentions)
			}
		})
	}
	for _, source := range Sources {
		c := valid
		c.Source = source
		if err := c.Validate(); err != nil {
			t.Errorf("%s: %v", source, err)
		}
	}
	if err := (Comment{Platform: Instagram, CommentID: "1"}).Validate(); !errors.Is(err, ErrUnusableID) {
		t.Errorf("%v is not ErrUnusableID", err)
	}
}

// The send uses the id as Meta wrote it, not its canonical spelling.
func TestTargetID(t *testing.T) {
	for want, c := range map[string]Comment{
		"200000000000001_300000000000001": {Platform: Facebook, CommentID: "200000000000001_300000000000001"},
		"100000000000001_200000000000001": {Platform: Facebook, PostID: "100000000000001_200000000000001"},
		"18000000000000001":               {Platform: Instagram, CommentID: "18000000000000001"},
	} {
		if got := c.TargetID(); got != want {
			t.Errorf("TargetID = %q, want %q", got, want)
		}
	}
}

// Only Instagram ties an answer to the broadcast.
func TestOnLive(t *testing.T) {
	for _, platform := range []Platform{Instagram, Facebook} {
		for _, source := range Sources {
			want := platform == Instagram && source == SourceLive
			if got := (Comment{Platform: platform, Source: source}).OnLive(); got != want {
				t.Errorf("%s %s: %v, want %v", platform, source, got, want)
			}
		}
	}
}

// The account's own comments must be told from a person's, also under the id of
// the Page behind it, or the product would answer itself.
func TestAccountIsSelf(t *testing.T) {
	withPage := Account{ID: "17841400000000001", PageID: "100000000000001"}
	tests := []struct {
		name    string
		account Account
		id      string
		want    bool
	}{
		{"the account", withPage, "17841400000000001", true},
		{"its Page", withPage, "100000000000001", true},
		{"a person", withPage, "6000000000000001", false},
		{"nobody", withPage, "", false},
		{"nobody, and no Page", Account{ID: "100000000000001"}, "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.account.IsSelf(tt.id); got != tt.want {
				t.Errorf("IsSelf = %v, want %v", got, tt.want)
			}
		})
	}
}

// Instagram connected through Facebook sends from the Page; the others send from
// the account.
func TestSendNode(t *testing.T) {
	tests := []struct {
		name    string
		account Account
		want    string
	}{
		{"Page", Account{Platform: Facebook, ID: "100000000000001", Login: LoginFacebook}, "100000000000001"},
		{"Instagram with Facebook Login", Account{Platform: Instagram, ID: "17841400000000001", PageID: "100000000000001", Login: LoginFacebook}, "100000000000001"},
		{"Instagram with Instagram Login", Account{Platform: Instagram, ID: "17841400000000001", Login: LoginInstagram}, "17841400000000001"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.account.SendNode(); got != tt.want {
				t.Errorf("SendNode = %q, want %q", got, tt.want)
			}
		})
	}
}

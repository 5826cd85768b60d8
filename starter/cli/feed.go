package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/privatereply/privatereply/internal/console"
	"github.com/privatereply/privatereply/internal/feed"
)

// defaultPosts is how many posts `feed` reads: a page of Meta's.
const defaultPosts = 25

func newFeed() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "feed ACCOUNT",
		Short: "Read an account's posts with their comments from Meta",
		Long: `Read a Facebook Page's feed, or an Instagram account's media, from Meta: the newest
posts, what visitors posted on the Page, and all comments with the replies to them.
ACCOUNT is an id, or a name in the accounts file. For a Page, Meta says of each comment
whether a private reply can still be sent; for Instagram nothing does.

The ids are those that starter comment takes. With --json a comment has the fields that
starter rules test --file takes. Comments on ads and on live broadcasts are not listed.`,
		Example: `  starter feed 100000000000001
  starter feed "Clean Slate Page" --since 48h
  starter feed 17841400000000001 --limit 5 --json | jq '.[].comments[].text'`,
		Args:    Args(1, 1, "an ACCOUNT"),
		GroupID: groupInspect,
	}
	since := cmd.Flags().String("since", "", "leave out older posts: a duration such as 48h, or a time such as 2026-01-02T15:04:05Z")
	limit := cmd.Flags().Int("limit", defaultPosts, "at most so many posts")
	asJSON := JSONFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		now := time.Now().UTC()
		from, err := readSince(*since, now)
		if err != nil {
			return err
		}
		if *limit < 1 {
			return fmt.Errorf("--limit is %d; write a number from 1", *limit)
		}
		m, err := openMetaAccount(cmd, args[0], nil)
		if err != nil {
			return err
		}
		posts, err := readPosts(cmd.Context(), feed.Reader{Graph: m.graph, Credentials: m.cred}, from, *limit)
		if err != nil {
			return err
		}
		if *asJSON {
			return WriteJSON(cmd.OutOrStdout(), posts)
		}
		if len(posts) == 0 {
			fmt.Fprintln(cmd.OutOrStdout(), "no posts")
			return nil
		}
		return feedTable(posts).Write(cmd.OutOrStdout())
	}
	return cmd
}

// readSince reads a time, or how long ago it was. Empty is zero.
func readSince(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if ago, err := time.ParseDuration(text); err == nil && ago > 0 {
		return now.Add(-ago), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("--since: %q is neither a duration nor a time; write 48h, 2026-01-02 or 2026-01-02T15:04:05Z", text)
}

// readPost is a post with everything under it.
type readPost struct {
	feed.Post
	Comments []feed.Comment `json:"comments"`
}

// readPosts reads the newest posts, at most limit, with everything under them. For
// Instagram, where Meta does not leave out old posts, that is done here.
func readPosts(ctx context.Context, r feed.Reader, since time.Time, limit int) ([]readPost, error) {
	posts := []readPost{} // [] rather than null
	for next, more := "", true; more && len(posts) < limit; more = next != "" {
		page, err := r.Posts(ctx, next, since)
		if err != nil {
			return nil, err
		}
		next = page.Next
		for _, post := range page.Posts[:min(limit-len(posts), len(page.Posts))] {
			if !post.CreatedAt.IsZero() && post.CreatedAt.Before(since) {
				next = "" // posts come with the newest first
				break
			}
			comments, err := readComments(ctx, r, post)
			if err != nil {
				return nil, fmt.Errorf("the comments of post %s: %w", post.ID, err)
			}
			posts = append(posts, readPost{post, comments})
		}
	}
	return posts, nil
}

func readComments(ctx context.Context, r feed.Reader, post feed.Post) ([]feed.Comment, error) {
	comments := []feed.Comment{} // [] rather than null
	for c, err := range r.Comments(ctx, post, time.Time{}) {
		if err != nil {
			return nil, err
		}
		comments = append(comments, c)
	}
	return comments, nil
}

// feedTable shows posts, and the comments below them.
func feedTable(posts []readPost) *console.Table {
	t := console.NewTable([]int{2}, "WHAT", "WRITTEN", "BY", "CAN REPLY", "ID")
	for _, p := range posts {
		var canReply *bool
		what := string(p.Source)
		if p.Visitor != nil {
			canReply, what = p.Visitor.CanReplyPrivately, "visitor post"
		}
		t.Row(quotedCell(p.Text), what, timeCell(p.CreatedAt), p.Username, yesNoCell(canReply), p.ID)
		for _, c := range p.Comments {
			what := "- comment"
			if c.ParentID != "" {
				what = "- - reply"
			}
			t.Row(quotedCell(c.Text), what, timeCell(c.CreatedAt), c.Username, yesNoCell(c.CanReplyPrivately), c.CommentID)
		}
	}
	return t
}

// timeCell is a time in a column.
func timeCell(at time.Time) string {
	if at.IsZero() {
		return "-"
	}
	return at.Local().Format("2 Jan 15:04")
}

func quotedCell(text string) string {
	if text = console.Sanitize(text); text == "" {
		return ""
	}
	return "“" + console.Truncate(text, console.Width-6) + "”"
}

// yesNoCell shows what Meta said, or did not say.
func yesNoCell(b *bool) string {
	switch {
	case b == nil:
		return "-"
	case *b:
		return "yes"
	}
	return "no"
}

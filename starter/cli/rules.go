package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/backtest"
	"github.com/privatereply/privatereply/internal/console"
	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/rules"
)

func newRules() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "rules",
		Short:   "Try the rules file",
		Args:    unknownCommand,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		GroupID: groupInspect,
	}
	cmd.AddCommand(newRulesTest(), newRulesBacktest())
	return cmd
}

// testComment is a comment as `rules test` takes it: the fields of a comment, and what
// else a condition can see.
type testComment struct {
	privatereply.Comment
	AccountName string                `json:"account_name,omitempty"`
	Age         privatereply.Duration `json:"age,omitempty"`
	TimeZone    string                `json:"time_zone,omitempty"`

	now          time.Time // when it is decided; zero: now
	FoundBySweep bool      `json:"found_by_sweep,omitempty"`
}

func newRulesTest() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "test [TEXT]",
		Short: "Say what the rules would do with comments, and why",
		Long: `Check the rules file, and say what it would do with a comment and which rule decided.
With --file it reads comments from a file, or - for standard input: one JSON object a
line, with the fields of a comment (text, username, platform, source, media_id, ad_id,
ad_title, parent_id, comment_id, person_id, created_at, attachment as {"kind":"photo"})
and account_name, age ("2h"), time_zone and found_by_sweep. Without a comment it only
checks the file. Nothing is sent, and no server is needed.

Which of several variants a comment gets depends on its id: without one all are shown.
The conditions hour, weekday and date look at when the comment was written (--at, --age;
else now), on the clocks of --time-zone, which stands for the account's time_zone.`,
		Example: `  starter rules test "How much is it?" --source reel --username lena
  starter rules test "Open?" --at 2026-11-29T20:30 --time-zone Europe/Berlin
  starter rules test --file comments.jsonl --json
  starter rules test --rules new-rules.yaml`,
		Args: Args(0, 1, ""),
	}
	var c testComment
	flags := cmd.Flags()
	path := flags.String("rules", "", "the rules file (default: PRIVATEREPLY_RULES, else rules.yaml)")
	file := flags.String("file", "", "read comments from this file, one JSON object a line")
	platform := flags.String("platform", string(privatereply.Instagram), "instagram or facebook")
	source := flags.String("source", string(privatereply.SourcePost), "post, reel, ad, live, story, visitor_post or other")
	flags.StringVar(&c.CommentID, "comment-id", "", "the comment's id, which chooses among variants")
	flags.StringVar(&c.Username, "username", "", "the person's name")
	flags.StringVar(&c.PersonID, "person", testPerson, `the person's id; "": Meta did not name the person`)
	flags.StringVar(&c.MediaID, "media", "", "the id of what was commented on")
	flags.StringVar(&c.ParentID, "parent", "", "the comment above, for a comment under a comment")
	flags.StringVar(&c.AdID, "ad", "", "the ad's id")
	flags.StringVar(&c.AdTitle, "ad-title", "", "the ad's title")
	photo := flags.Bool("photo", false, "the comment has a photo")
	video := flags.Bool("video", false, "the comment has a video")
	cmd.MarkFlagsMutuallyExclusive("photo", "video")
	flags.StringVar(&c.AccountName, "account", "", "the account's name in the accounts file")
	flags.DurationVar((*time.Duration)(&c.Age), "age", 0, "how old the comment is, as in 2h")
	at := flags.String("at", "", "when the comment was written, as in 2026-11-29T20:30 on the clocks of --time-zone")
	cmd.MarkFlagsMutuallyExclusive("age", "at")
	flags.StringVar(&c.TimeZone, "time-zone", "", "the account's time zone, as in Europe/Berlin (default UTC)")
	flags.BoolVar(&c.FoundBySweep, "found-by-sweep", false, "a sweep found it, no webhook brought it")
	asJSON := JSONFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 && *file != "" {
			return errors.New("give a TEXT or --file, not both")
		}
		if *path == "" {
			set, err := readSettings(cmd)
			if err != nil {
				return err
			}
			*path = set.Rules
		}
		set, err := rules.Load(*path)
		if err != nil {
			return err
		}
		out := cmd.OutOrStdout()
		switch {
		case *file != "":
			return eachComment(cmd.InOrStdin(), *file, func(c testComment) error { return explainDecision(out, set, c, *asJSON) })
		case len(args) > 0:
			c.Platform, c.Source, c.Text = privatereply.Platform(*platform), privatereply.Source(*source), args[0]
			switch {
			case *photo:
				c.Attachment.Kind = privatereply.Photo
			case *video:
				c.Attachment.Kind = privatereply.Video
			}
			if err := c.writtenAt(*at); err != nil {
				return err
			}
			return explainDecision(out, set, c, *asJSON)
		case *asJSON:
			return WriteJSON(out, set.Rules())
		}
		fmt.Fprintf(out, "%s is all right: %d rules\n", *path, len(set.Rules()))
		for _, remark := range set.Remarks() {
			fmt.Fprintln(out, remark)
		}
		return nil
	}
	return cmd
}

// testPerson is who wrote a comment that does not say it: without a person, rules with once
// ask people.
const testPerson = "1"

// zone is the time zone that c is tried with; nil: UTC.
func (c testComment) zone() (*time.Location, error) {
	if c.TimeZone == "" {
		return nil, nil
	}
	zone, err := time.LoadLocation(c.TimeZone)
	if err != nil || c.TimeZone == "Local" {
		return nil, fmt.Errorf("time_zone: %q is not a time zone; write one such as Europe/Berlin", c.TimeZone)
	}
	return zone, nil
}

// writtenAt sets when c was written, and decided, from a time with or without a zone.
func (c *testComment) writtenAt(at string) error {
	if at == "" {
		return nil
	}
	zone, err := c.zone()
	if err != nil {
		return err
	}
	c.CreatedAt, err = time.Parse(time.RFC3339, at)
	if err != nil {
		if zone == nil {
			zone = time.UTC
		}
		c.CreatedAt, err = time.ParseInLocation("2006-01-02T15:04", at, zone)
	}
	if err != nil {
		return fmt.Errorf("--at: %q is not a time; write one such as 2026-11-29T20:30", at)
	}
	c.now = c.CreatedAt
	return nil
}

// maxLineBytes is the longest line of a file of comments. Instagram's longest comment
// has 2,200 characters.
const maxLineBytes = 1 << 20

// eachComment reads comments from a file with a JSON object a line.
func eachComment(in io.Reader, path string, do func(testComment) error) error {
	name := "standard input"
	if path != "-" {
		name = path
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxLineBytes)
	for n := 1; lines.Scan(); n++ {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		c := testComment{Comment: privatereply.Comment{Platform: privatereply.Instagram, Source: privatereply.SourcePost, PersonID: testPerson}}
		dec := json.NewDecoder(bytes.NewReader(lines.Bytes()))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&c); err != nil {
			return fmt.Errorf("%s, line %d: %w", name, n, err)
		}
		if err := do(c); err != nil {
			return fmt.Errorf("%s, line %d: %w", name, n, err)
		}
	}
	return lines.Err()
}

// explainDecision tells what the rules do with c.
func explainDecision(out io.Writer, set *rules.Set, c testComment, asJSON bool) error {
	if !c.Platform.Valid() {
		return fmt.Errorf("platform: %q is not a platform; write instagram or facebook", c.Platform)
	}
	now := c.now
	if now.IsZero() {
		now = time.Now().UTC()
	}
	if c.Age > 0 {
		c.CreatedAt = now.Add(-time.Duration(c.Age))
	}
	zone, err := c.zone()
	if err != nil {
		return err
	}
	e := set.Explain(rules.Input{Comment: c.Comment, AccountName: c.AccountName, Now: now, FoundBySweep: c.FoundBySweep, TimeZone: zone})
	if asJSON {
		line, err := json.Marshal(struct {
			Text string `json:"text"`
			rules.Explanation
		}{c.Text, e})
		if err == nil {
			_, err = fmt.Fprintln(out, string(line))
		}
		return err
	}
	fmt.Fprintf(out, "“%s”\n", console.Truncate(console.Sanitize(c.Text), console.Width-2))
	f := &console.Facts{}
	for _, tried := range e.Rules {
		result := strings.ReplaceAll(string(tried.Result), "_", " ")
		if tried.Paused {
			result += ", paused"
		}
		f.Add(tried.Name, "%s %s", result, tried.Error)
	}
	f.Add("→", "%s, by %s", describeAction(e.Decision), describeSource(e.Decision))
	addMessage(f, e)
	if c.CommentID == "" {
		addVariants(f, set, e)
	}
	return f.Write(out)
}

// addMessage adds what the person would get, and what happens under the comment.
func addMessage(f *console.Facts, e rules.Explanation) {
	d := e.Decision
	if d.Text != "" {
		f.Add("", "“%s”%s", d.Text, variantWords(e.TextVariant))
	}
	for _, b := range d.Buttons {
		if b.URL != "" {
			f.Add("button", "[%s] opens %s", b.Title, b.URL)
			continue
		}
		f.Add("button", "[%s] sends “%s”", b.Title, b.Then)
	}
	for _, q := range d.QuickReplies {
		if q.Then == "" {
			f.Add("quick reply", "[%s] sends nothing", q.Title)
			continue
		}
		f.Add("quick reply", "[%s] sends “%s”", q.Title, q.Then)
	}
	if d.PublicText != "" {
		f.Add("public", "“%s”%s", d.PublicText, variantWords(e.PublicVariant))
	}
	for _, remark := range e.Remarks {
		f.Add("note", "%s", remark)
	}
}

func variantWords(v rules.Variant) string {
	if v.Of == 0 {
		return ""
	}
	return fmt.Sprintf(" (variant %d of %d)", v.Number, v.Of)
}

// addVariants adds all variants of the rule that decided, for a comment without an id.
func addVariants(f *console.Facts, set *rules.Set, e rules.Explanation) {
	i := slices.IndexFunc(set.Rules(), func(r rules.Rule) bool { return r.Name == e.Decision.Rule })
	if e.Decision.Rule == "" || i < 0 {
		return
	}
	rule := set.Rules()[i]
	for n, text := range rule.Variants {
		f.Add("variant", "%d. “%s”", n+1, text)
	}
	if len(rule.Public) > 1 {
		for n, text := range rule.Public {
			f.Add("public", "%d. “%s”", n+1, text)
		}
	}
}

func newRulesBacktest() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "backtest FILE",
		Short: "Say what a rules file would have done with the comments that Temporal still holds",
		Long: `Decide the comments that Temporal still holds once more, with another rules file, and
list those that it would have decided otherwise. Nothing is sent, and no reply changes:
a reply keeps the decision that it was started with.`,
		Example: `  starter rules backtest new-rules.yaml
  starter rules backtest new-rules.yaml --account 17841400000000001 --json`,
		Args: Args(1, 1, "FILE"),
	}
	account := cmd.Flags().String("account", "", "only this account's id")
	limit := cmd.Flags().Int("limit", 10_000, "at most so many comments, those of running replies first")
	asJSON := JSONFlag(cmd)
	cmd.RunE = WithSession(func(ctx context.Context, s *Session, cmd *cobra.Command, args []string) error {
		if *limit < 1 {
			return fmt.Errorf("--limit is %d; write a number from 1", *limit)
		}
		set, err := rules.Load(args[0])
		if err != nil {
			return err
		}
		accounts, err := s.accounts()
		if err != nil {
			return err
		}
		found, err := backtest.Run(ctx, s.replies, set, accounts, replies.Filter{Account: *account}, *limit)
		if err != nil {
			return err
		}
		if *asJSON {
			return WriteJSON(cmd.OutOrStdout(), found)
		}
		return writeBacktest(cmd.OutOrStdout(), found, args[0])
	})
	return cmd
}

// otherParts names what of a message is not as it was, beside its text.
func otherParts(was, would privatereply.Decision) string {
	if would.Action == privatereply.ActionIgnore && was.Hide == would.Hide {
		return ""
	}
	var parts []string
	for _, part := range []struct {
		name  string
		other bool
	}{
		{"buttons", !slices.Equal(was.Buttons, would.Buttons)},
		{"quick replies", !slices.Equal(was.QuickReplies, would.QuickReplies)},
		{"public reply", was.PublicText != would.PublicText},
		{"hide", was.Hide != would.Hide},
	} {
		if part.other {
			parts = append(parts, part.name)
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "(other: " + strings.Join(parts, ", ") + ")"
}

// writeBacktest prints a report for people.
func writeBacktest(out io.Writer, b backtest.Report, file string) error {
	if len(b.Changed) > 0 {
		table := console.NewTable([]int{0, 1, 2}, "COMMENT", "WAS", "WOULD BE", "ID")
		for _, c := range b.Changed {
			below := ""
			if c.Would.Text != "" && c.Would.Text != c.Was.Text {
				below = "→ “" + c.Would.Text + "”"
			}
			if parts := otherParts(c.Was, c.Would); parts != "" {
				below = strings.TrimSpace(below + " " + parts)
			}
			id := c.ID
			if parsed, ok := privatereply.ParseID(c.ID); ok {
				id = parsed.Subject
			}
			table.Row(below, c.Comment, describeAction(c.Was)+", by "+describeSource(c.Was), describeAction(c.Would)+", by "+describeSource(c.Would), id)
		}
		if err := table.Write(out); err != nil {
			return err
		}
	}
	more := ""
	if b.More {
		more = " (there are more: --limit)"
	}
	if _, err := fmt.Fprintf(out, "%s would decide %d of %d comments%s otherwise; nothing was sent\n", file, len(b.Changed), b.Comments, more); err != nil || b.Once == 0 {
		return err
	}
	_, err := fmt.Fprintf(out, "%d would be left alone because the rule answers a person once, if the ones before were answered\n", b.Once)
	return err
}

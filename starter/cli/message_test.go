package cli

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/privatereply/privatereply"
)

// Guards: what a flag says is what goes out: a link is a link, a text is a text, nothing is
// as proposed, and what cannot be meant is refused in words.
func TestMessageFlags(t *testing.T) {
	text := func(s string) *string { return &s }
	tests := map[string]struct {
		args []string
		want messageParts
		err  string
	}{
		"none": {nil, messageParts{}, ""},
		"a link": {
			[]string{"--button", "Open shop=https://example.com/a?b=c"},
			messageParts{buttons: []privatereply.Button{{Title: "Open shop", URL: "https://example.com/a?b=c"}}}, "",
		},
		"a link that no button may open": {
			[]string{"--button", "Open shop=http://example.com"},
			messageParts{buttons: []privatereply.Button{{Title: "Open shop", URL: "http://example.com"}}}, "",
		},
		"a text with an address in it": {
			[]string{"--button", "Yes, please = Here it is: https://example.com/list, have fun"},
			messageParts{buttons: []privatereply.Button{{Title: "Yes, please", Then: "Here it is: https://example.com/list, have fun"}}}, "",
		},
		"two buttons, with commas": {
			[]string{"--button", "A=1, 2", "--button", "B=3"},
			messageParts{buttons: []privatereply.Button{{Title: "A", Then: "1, 2"}, {Title: "B", Then: "3"}}}, "",
		},
		"quick replies": {
			[]string{"--quick-reply", "Small=Monday.", "--quick-reply", "Large"},
			messageParts{quickReplies: []privatereply.QuickReply{{Title: "Small", Then: "Monday."}, {Title: "Large"}}}, "",
		},
		"public":        {[]string{"--public", "Sent!"}, messageParts{public: text("Sent!")}, ""},
		"none of those": {[]string{"--no-buttons", "--no-quick-replies", "--no-public"}, messageParts{buttons: []privatereply.Button{}, quickReplies: []privatereply.QuickReply{}, public: text("")}, ""},

		"no title":          {[]string{"--button", "=https://example.com"}, messageParts{}, `--button: "=https://example.com" has no title`},
		"does nothing":      {[]string{"--button", "Yes"}, messageParts{}, `--button: "Yes" does nothing; write "Yes=https://…" for a link`},
		"empty quick reply": {[]string{"--quick-reply", ""}, messageParts{}, `--quick-reply: "" has no title`},
		"no text":           {[]string{"--quick-reply", "Small="}, messageParts{}, `has no text after the =; write "Small" alone`},
		"empty public":      {[]string{"--public", " "}, messageParts{}, "--public is empty"},
		"both public":       {[]string{"--public", "x", "--no-public"}, messageParts{}, "--no-public: there is --public too"},
		"both buttons":      {[]string{"--button", "A=1", "--no-buttons"}, messageParts{}, "--no-buttons: there is a --button too"},
		"both quick":        {[]string{"--quick-reply", "A", "--no-quick-replies"}, messageParts{}, "--no-quick-replies: there is a --quick-reply too"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			cmd := &cobra.Command{}
			f := replacingFlags(cmd)
			if err := cmd.ParseFlags(tc.args); err != nil {
				t.Fatal(err)
			}
			got, err := f.read()
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Errorf("error %v, want %q", err, tc.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(messageParts{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got.any() != (len(tc.args) > 0) {
				t.Errorf("any = %v", got.any())
			}
		})
	}
}

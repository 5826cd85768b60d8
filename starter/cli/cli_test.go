package cli

import (
	"testing"
)

// Guards: a mistyped command or flag, or a missing argument, fails and says what
// to do.
func TestUsageErrors(t *testing.T) {
	tests := map[string]struct {
		args []string
		want string
	}{
		"no such command":    {[]string{"aprove"}, `there is no command "aprove"; did you mean approve?; see ` + "`starter --help`"},
		"no such flag":       {[]string{"list", "--stat", "x"}, "unknown flag: --stat; see `starter list --help`"},
		"no ID":              {[]string{"approve"}, "an ID is missing"},
		"one ID too many":    {[]string{"show", "1", "2"}, `"2" is one argument too many`},
		"no CONVERSATION":    {[]string{"reply", "--text", "x"}, "a CONVERSATION is missing"},
		"text not in quotes": {[]string{"rules", "test", "how", "much"}, "a text with spaces goes in quotes"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) { starter(t, tc.args...).mustFail(t, tc.want) })
	}
}

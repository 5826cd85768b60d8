package config

import (
	"fmt"
	"strings"
	"testing"
)

const (
	// The forms of Meta's secrets, of no account.
	tokenForm  = "EAAGhush0000000000000000000000000000000000000000000000000000000000000000000000000000"
	secretHex  = "0123456789abcdef0123456789abcdef"
	badAccount = "accounts:\n  - "
)

// Each mistake in the accounts file is refused in words that name the field and the
// line, and that never repeat what may be a secret.
func TestRefusals(t *testing.T) {
	page := func(fields string) string {
		return badAccount + "{platform: facebook, id: \"1\", token_env: T, " + fields + "}"
	}
	tests := []struct {
		name, content, want string
	}{
		{"nothing", "", "accounts: list at least one account"},
		{"only a comment", "# none yet\n", "accounts: list at least one account"},
		{"no accounts", "accounts: []", "accounts: list at least one account"},
		{"accounts without a value", "accounts:\n", "accounts: list at least one account"},
		{"no list", "accounts: {}", "line 1: mapping was used where sequence is expected"},
		{"no mapping", "- platform: facebook", "line 1: sequence was used where mapping is expected"},
		{"a text for an account", badAccount + tokenForm, "line 2: string was used where mapping is expected"},
		{"not YAML", "accounts:\n\t- platform: facebook", "line 2: found character '\t' that cannot start any token"},
		{"bad indentation", "accounts:\n  - platform: facebook\n   id: \"1\"", "line 3: value is not allowed in this context"},
		{"no space after the colon", "accounts:\n  - platform: facebook\n    token_env:" + tokenForm, "line 3: non-map value is specified"},
		{"unknown field above", "acounts: []", `line 1: unknown field "acounts"`},
		{"unknown field", "accounts:\n  - platform: facebook\n    id: \"1\"\n    token: " + tokenForm, `line 4: unknown field "token"`},
		{"field twice", "accounts:\n  - platform: facebook\n    id: \"1\"\n    id: \"2\"", `line 4: mapping key "id" already defined at [3:5]`},
		{"second document", page("name: a") + "\n---\naccounts: []", "there is a second document (after ---); write everything into one"},

		{"number for a bool", page("human_agent: 1"), "line 2: write true or false"},
		{"yes for a bool", page("human_agent: yes"), "line 2: write true or false"},
		{"text for a number", page("posts_per_hour: " + tokenForm), "line 2: write a number"},
		{"list for a text", page("name: [a]"), "line 2: write a text, in quotes"},
		{"list for a duration", page("sweep_every: [1h]"), "line 2: write a text, in quotes"},

		{"platform", badAccount + `{platform: threads, id: "1", login: facebook, token_env: T}`, `line 2, accounts[0]: platform: "threads" is not a platform; write instagram or facebook`},
		{"platform in capitals", badAccount + `{platform: Facebook, id: "1", login: facebook, token_env: T}`, `line 2, accounts[0]: platform: "Facebook" is not a platform; write instagram or facebook`},
		{"no id", badAccount + `{platform: facebook, token_env: T}`, "line 2, accounts[0]: id: is missing; write the account's id as Meta's webhooks give it, in quotes"},
		{"id with a colon", badAccount + `{platform: facebook, id: "1:2", token_env: T}`, `line 2, accounts[0]: id: unusable id: account "1:2" has a colon`},
		{"id with a space", badAccount + `{platform: facebook, id: "1 ", token_env: T}`, `line 2, accounts[0]: id: unusable id: account "1 " has the character ' '; only printable ASCII without spaces can be used`},
		{"id too long", badAccount + `{platform: facebook, id: "` + strings.Repeat("1", 255) + `", token_env: T}`, "line 2, accounts[0]: id: unusable id: account is 271 bytes long as a workflow id; 232 is the most"},
		{"listed twice", page("name: a") + "\n  - {platform: facebook, id: 1, token_env: T}", "line 3, accounts[1]: id: facebook 1 is listed twice, first in line 2"},

		{"no login on Instagram", badAccount + `{platform: instagram, id: "1", token_env: T}`, `line 2, accounts[0]: login: "" is not a login; write facebook (Page token) or instagram (Instagram user token)`},
		{"unknown login", page("login: page"), `line 2, accounts[0]: login: "page" is not a login; write facebook (Page token) or instagram (Instagram user token)`},
		{"Page with Instagram Login", page("login: instagram"), "line 2, accounts[0]: login: a Facebook Page has only login facebook"},
		{"no Page behind Instagram", badAccount + `{platform: instagram, id: "1", login: facebook, token_env: T}`, "line 2, accounts[0]: page_id: is required for Instagram with login facebook: sends go to the Page"},
		{"Page behind a Page", page(`page_id: "2"`), "line 2, accounts[0]: page_id: only Instagram with login facebook has it; leave it out"},
		{"Page behind Instagram Login", badAccount + `{platform: instagram, id: "1", login: instagram, page_id: "2", token_env: T}`, "line 2, accounts[0]: page_id: only Instagram with login facebook has it; leave it out"},
		{"conversations", page("conversations: none"), `line 2, accounts[0]: conversations: "none" is not known; write all or replied`},

		{"no token", badAccount + `{platform: facebook, id: "1"}`, "line 2, accounts[0]: token_env, token_file: give exactly one of them"},
		{"two tokens", page("token_file: f"), "line 2, accounts[0]: token_env, token_file: give exactly one of them"},
		{"two app secrets", page("app_secret_env: S, app_secret_file: f"), "line 2, accounts[0]: app_secret_env, app_secret_file: give at most one of them"},
		{"the token for its variable", badAccount + "{platform: facebook, id: 1, token_env: " + tokenForm + "}", "line 2, accounts[0]: token_env: write the name of an environment variable, not the secret itself"},
		{"the token for its file", badAccount + "{platform: facebook, id: 1, token_file: " + tokenForm + "}", "line 2, accounts[0]: token_file: write the path of a file, not the secret itself"},
		{"the app secret for its variable", page("app_secret_env: a" + secretHex[1:]), "line 2, accounts[0]: app_secret_env: write the name of an environment variable, not the secret itself"},
		{"the app secret for its file", page(`app_secret_file: "` + secretHex + `"`), "line 2, accounts[0]: app_secret_file: write the path of a file, not the secret itself"},
		{"no variable's name", page("app_secret_env: $S"), "line 2, accounts[0]: app_secret_env: write the name of an environment variable, not the secret itself"},

		{"sweep without a unit", page("sweep_every: 3600"), `line 2, accounts[0]: sweep_every: "3600" is not a duration; write one such as 1h or 30m, or 0`},
		{"negative sweep", page("sweep_every: -1h"), "line 2, accounts[0]: sweep_every: is negative"},
		{"sweep all the time", page("sweep_every: 1ms"), "line 2, accounts[0]: sweep_every: is shorter than a second"},
		{"sweep_auto_within", page("sweep_auto_within: a while"), `line 2, accounts[0]: sweep_auto_within: "a while" is not a duration; write one such as 1h or 30m, or 0`},
		{"negative sweep_auto_within", page("sweep_auto_within: -1s"), "line 2, accounts[0]: sweep_auto_within: is negative"},
		{"no posts", page("posts_per_hour: 0"), "line 2, accounts[0]: posts_per_hour: must be a positive number"},
		{"negative posts", page("posts_per_hour: -1"), "line 2, accounts[0]: posts_per_hour: must be a positive number"},
		{"not a number of posts", page("posts_per_hour: .nan"), "line 2, accounts[0]: posts_per_hour: must be a positive number"},
		{"endless posts", page("posts_per_hour: .inf"), "line 2, accounts[0]: posts_per_hour: must be a positive number"},
		{"no live replies", page("live_per_second: 0"), "line 2, accounts[0]: live_per_second: must be a positive number"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := open(t, tt.content)
			if err == nil || !strings.HasSuffix(err.Error(), "accounts.yaml: "+tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got  %v\nwant …: %s", err, tt.want)
			}
			if shown := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(shown, "hush") || strings.Contains(shown, secretHex[1:]) {
				t.Errorf("the error shows a secret: %s", shown)
			}
		})
	}
}

// Every spelling of a duration that people use is taken.
func TestSweepDurations(t *testing.T) {
	for written, want := range map[string]string{
		"0": "0s", "0s": "0s", `"0"`: "0s", "1h": "1h0m0s", `"90m"`: "1h30m0s", "1.5h": "1h30m0s", "": "1h0m0s", "null": "1h0m0s",
	} {
		a, err := open(t, "accounts:\n  - platform: facebook\n    id: \"1\"\n    token_env: T\n    sweep_every: "+written+"\n    sweep_auto_within: "+written+"\n")
		if err != nil {
			t.Errorf("%s: %v", written, err)
			continue
		}
		if got := a.All()[0]; got.SweepEvery.String() != want || got.SweepAutoWithin.String() != want {
			t.Errorf("%s: %v and %v, want %s", written, got.SweepEvery, got.SweepAutoWithin, want)
		}
	}
}

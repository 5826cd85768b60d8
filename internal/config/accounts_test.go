package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/privatereply/privatereply"
)

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// open reads content as the accounts file.
func open(t *testing.T, content string) (*Accounts, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "accounts.yaml")
	writeFile(t, path, content)
	return OpenAccounts(path)
}

func mustOpen(t *testing.T, content string) *Accounts {
	t.Helper()
	a, err := open(t, content)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

const twoAccounts = `accounts:
  - {platform: facebook, id: "100000000000001", token_env: T}
  - platform: instagram
    id: "17841400000000001"
    name: Clean Slate
    login: instagram
    token_env: T
    human_agent: true
    conversations: replied
    sweep_every: 0
    sweep_auto_within: 90m
    posts_per_hour: 0.5
    live_per_second: 12
`

// What is not written has the documented default; what is written is taken.
func TestAccounts(t *testing.T) {
	a := mustOpen(t, twoAccounts)
	want := []privatereply.Account{
		{
			Platform: privatereply.Facebook, ID: "100000000000001", Name: "100000000000001", Login: privatereply.LoginFacebook,
			SweepEvery: time.Hour, SweepAutoWithin: time.Hour, PostsPerHour: 700, LivePerSecond: 90,
		},
		{
			Platform: privatereply.Instagram, ID: "17841400000000001", Name: "Clean Slate", Login: privatereply.LoginInstagram,
			HumanAgent: true, RepliedOnly: true, SweepAutoWithin: 90 * time.Minute, PostsPerHour: 0.5, LivePerSecond: 12,
		},
	}
	if diff := cmp.Diff(want, a.All()); diff != "" {
		t.Error(diff)
	}
	for _, account := range want {
		got, ok := a.Get(account.Platform, account.ID)
		if diff := cmp.Diff(account, got); !ok || diff != "" {
			t.Errorf("Get: %v %s", ok, diff)
		}
	}
	for _, key := range []accountKey{
		{privatereply.Instagram, "100000000000001"}, {privatereply.Facebook, ""}, {"", "100000000000001"},
	} {
		if got, ok := a.Get(key.platform, key.id); ok || got != (privatereply.Account{}) {
			t.Errorf("Get(%q, %q) = %+v, %v", key.platform, key.id, got, ok)
		}
	}
	a.All()[0].ID = "changed by a caller"
	if a.All()[0].ID != want[0].ID {
		t.Error("All lets its caller change the accounts")
	}
}

// Ids keep their digits without quotes too, and an id may serve both platforms.
func TestAccountIDs(t *testing.T) {
	a := mustOpen(t, `accounts:
  - {platform: facebook, id: 17841400000000001, token_env: T}
  - {platform: instagram, id: 17841400000000001, login: instagram, token_env: T}
  - {platform: facebook, id: 999999999999999999, token_env: T}
`)
	var ids []string
	for _, account := range a.All() {
		ids = append(ids, account.ID)
	}
	if diff := cmp.Diff([]string{"17841400000000001", "17841400000000001", "999999999999999999"}, ids); diff != "" {
		t.Error(diff)
	}
}

// The file that people copy loads as it is and shows the documented defaults.
func TestExampleFile(t *testing.T) {
	a, err := OpenAccounts("../../accounts.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want := []privatereply.Account{{
		Platform: privatereply.Instagram, ID: "17841400000000001", Name: "Clean Slate", Login: privatereply.LoginFacebook,
		PageID: "100000000000001", SweepEvery: time.Hour, SweepAutoWithin: time.Hour,
		PostsPerHour: 700, LivePerSecond: 90,
	}}
	got := a.All()
	if zone := got[0].TimeZone; zone.String() != "Europe/Berlin" {
		t.Errorf("time zone %v", zone)
	}
	got[0].TimeZone = nil // cmp cannot look into it
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if w := a.Warnings(); len(w) != 0 {
		t.Errorf("warnings %q", w)
	}
}

// An account's time zone is one that every machine knows by the same name; a file that is read
// again gives equal accounts.
func TestAccountTimeZone(t *testing.T) {
	file := func(zone string) string {
		return "accounts:\n  - {platform: facebook, id: \"1\", token_env: T, time_zone: " + zone + "}\n"
	}
	a := mustOpen(t, file("America/Sao_Paulo"))
	if b := mustOpen(t, file("America/Sao_Paulo")); a.All()[0] != b.All()[0] || a.All()[0].TimeZone.String() != "America/Sao_Paulo" {
		t.Errorf("%+v, then %+v", a.All()[0], b.All()[0])
	}
	if zone := mustOpen(t, file("\"\"")).All()[0].TimeZone; zone != nil {
		t.Errorf("without a zone: %v", zone)
	}
	for _, zone := range []string{"Europe/Berln", "Local", "+01:00", "../../etc/passwd"} {
		_, err := loadAccounts("accounts.yaml", []byte(file(zone)))
		if want := fmt.Sprintf("time_zone: %q is not a time zone; write one such as Europe/Berlin", zone); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// Everything that is wrong is said at once, also where the file does not even decode.
func TestAllMistakesAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "accounts.yaml")
	writeFile(t, path, `accounts:
  - platform: instagram
    id: "1"
    login: facebok
    token_env: T
  - platform: facebook
    id: "2"
    human_agent: maybe
    sweep_evry: 1h
    posts_per_hour: many
    token_env: T
  - {platform: facebook, id: "3", token_env: T}
  - just a text
`)
	_, err := OpenAccounts(path)
	if err == nil {
		t.Fatal("it loads")
	}
	var got []string
	for line := range strings.SplitSeq(err.Error(), "\n") {
		got = append(got, strings.TrimPrefix(line, path+": "))
	}
	want := []string{
		`line 2, accounts[0]: login: "facebok" is not a login; write facebook (Page token) or instagram (Instagram user token)`,
		"line 8: write true or false",
		`line 9: unknown field "sweep_evry"`,
		"line 10: write a number",
		"line 13: string was used where mapping is expected",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A missing file says what to do about it.
func TestMissingFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "accounts.yaml")
	_, err := OpenAccounts(path)
	want := "accounts file " + path + " does not exist: copy accounts.example.yaml there, or set PRIVATEREPLY_ACCOUNTS"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if a, err := OpenAccounts(t.TempDir()); err != nil || len(a.All()) != 0 {
		t.Errorf("an empty folder: %v", err)
	}
}

// The file is read again when it changes, and a bad version changes nothing.
func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "accounts.yaml")
		one := func(id string) string {
			return "accounts:\n  - {platform: facebook, id: \"" + id + "\", token_env: T}\n"
		}
		writeFile(t, path, one("1"))
		a, err := OpenAccounts(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range []struct {
			name, content, has, hasNot string
			bad                        bool
		}{
			{"another account", one("22"), "22", "1", false},
			{"a bad version", one(""), "22", "1", true},
			{"mended", one("333"), "333", "22", false},
		} {
			writeFile(t, path, step.content)
			time.Sleep(2 * time.Second) // the bubble's clock, not the world's
			if _, ok := a.Get(privatereply.Facebook, step.has); !ok {
				t.Errorf("%s: %s is missing", step.name, step.has)
			}
			if _, ok := a.Get(privatereply.Facebook, step.hasNot); ok {
				t.Errorf("%s: %s is still there", step.name, step.hasNot)
			}
			if err := a.Err(); (err != nil) != step.bad {
				t.Errorf("%s: Err = %v", step.name, err)
			}
			if all := a.All(); len(all) != 1 || all[0].ID != step.has {
				t.Errorf("%s: All = %+v", step.name, all)
			}
		}
	})
}

// A file that is only half written never counts, and half a file that stays takes no
// webhook from an account that was there: for ten minutes it is found as it was.
func TestRemovedAccounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "accounts.yaml")
		const (
			head = "accounts:\n  - {platform: facebook, id: \"1\", token_env: T}\n"
			tail = "  - {platform: instagram, id: \"2\", login: facebook, page_id: \"7\", name: Lost, human_agent: true, token_env: T}\n"
		)
		writeFile(t, path, head+tail)
		a, err := OpenAccounts(path)
		if err != nil {
			t.Fatal(err)
		}
		want, _ := a.Get(privatereply.Instagram, "2")
		expect := func(when string, inFile, found bool) {
			t.Helper()
			if _, ok := a.Get(privatereply.Instagram, "2"); ok != inFile {
				t.Errorf("%s: Get = %v", when, ok)
			}
			if got, ok := a.Find(privatereply.Instagram, "2"); ok != found || found && got != want {
				t.Errorf("%s: Find = %+v, %v", when, got, ok)
			}
			if behind := a.LinkedToPage("7"); (len(behind) == 1 && behind[0] == want) != found {
				t.Errorf("%s: LinkedToPage = %+v", when, behind)
			}
			if got, ok := a.Find(privatereply.Facebook, "1"); !ok || got.ID != "1" {
				t.Errorf("%s: the account that stayed is %+v, %v", when, got, ok)
			}
			for _, key := range []accountKey{{privatereply.Facebook, "2"}, {privatereply.Instagram, "7"}, {privatereply.Instagram, ""}} {
				if got, ok := a.Find(key.platform, key.id); ok {
					t.Errorf("%s: Find(%v) = %+v", when, key, got)
				}
			}
			if behind := append(a.LinkedToPage(""), a.LinkedToPage("1")...); len(behind) != 0 {
				t.Errorf("%s: behind no page is %+v", when, behind)
			}
		}
		expect("at first", true, true)
		for _, part := range []string{head[:20], head, head + tail[:10]} { // a writer that takes its time
			writeFile(t, path, part)
			time.Sleep(time.Second)
			expect("half written", true, true)
		}
		writeFile(t, path, head)
		time.Sleep(2 * time.Second)
		expect("half a file", false, true)
		time.Sleep(5 * time.Minute)
		writeFile(t, path, "# another version\n"+head)
		time.Sleep(2 * time.Second)
		expect("half a file, five minutes later", false, true)
		time.Sleep(5 * time.Minute)
		expect("half a file, ten minutes later", false, false)
		writeFile(t, path, head+tail)
		time.Sleep(2 * time.Second)
		expect("mended", true, true)
	})
}

// An account that is in the file comes before one that was taken out of it.
func TestLinkedToPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "accounts.yaml")
		behind := func(ids ...string) string {
			file := "accounts:\n  - {platform: facebook, id: \"7\", token_env: T}\n"
			for _, id := range ids {
				file += "  - {platform: instagram, id: \"" + id + "\", login: facebook, page_id: \"7\", token_env: T}\n"
			}
			return file
		}
		writeFile(t, path, behind("1", "2"))
		a, err := OpenAccounts(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range [][]string{{"1", "2"}, {"3"}} {
			writeFile(t, path, behind(want...))
			time.Sleep(2 * time.Second)
			var got []string
			for _, account := range a.LinkedToPage("7") {
				got = append(got, account.ID)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		}
	})
}

// A rate above Meta's limit is taken, and said to be one.
func TestWarnings(t *testing.T) {
	a := mustOpen(t, `accounts:
  - {platform: facebook, id: "1", token_env: T, posts_per_hour: 750, live_per_second: 100}
  - {platform: facebook, id: "2", token_env: T, posts_per_hour: 750.5}
  - {platform: instagram, id: "3", login: instagram, token_env: T, posts_per_hour: 9000, live_per_second: 100.1}
`)
	want := []string{
		"account facebook 2: posts_per_hour is 750.5; Meta's limit is 750 an hour, and it pauses an account that goes faster",
		"account instagram 3: posts_per_hour is 9000; Meta's limit is 750 an hour, and it pauses an account that goes faster",
		"account instagram 3: live_per_second is 100.1; Meta's limit is 100 a second, and it pauses an account that goes faster",
	}
	if diff := cmp.Diff(want, a.Warnings()); diff != "" {
		t.Error(diff)
	}
	if account, ok := a.Get(privatereply.Instagram, "3"); !ok || account.PostsPerHour != 9000 || account.LivePerSecond != 100.1 {
		t.Errorf("the rates were not taken: %+v", account)
	}
}

// Whatever is wrong in the file is refused by its field and line, all at once.
func TestEveryProblemAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "accounts.yaml")
	writeFile(t, path, `# accounts
accounts:
  - platform: threads
    token_env: T

  - platform: facebook
    id: "1"
    page_id: "2"
    sweep_every: soon
    posts_per_hour: 0
`)
	_, err := OpenAccounts(path)
	want := []string{
		`line 3, accounts[0]: platform: "threads" is not a platform; write instagram or facebook`,
		`line 3, accounts[0]: id: is missing; write the account's id as Meta's webhooks give it, in quotes`,
		`line 3, accounts[0]: login: "" is not a login; write facebook (Page token) or instagram (Instagram user token)`,
		`line 6, accounts[1]: page_id: only Instagram with login facebook has it; leave it out`,
		`line 6, accounts[1]: sweep_every: "soon" is not a duration; write one such as 1h or 30m, or 0`,
		`line 6, accounts[1]: posts_per_hour: must be a positive number`,
		`line 6, accounts[1]: token_env, token_file: give exactly one of them`,
	}
	var got []string
	if err != nil {
		got = strings.Split(strings.ReplaceAll(err.Error(), path+": ", ""), "\n")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if errors.Is(err, os.ErrNotExist) {
		t.Error("a bad file looks like a missing one")
	}
}

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

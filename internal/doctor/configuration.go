package doctor

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/privatereply/privatereply/graph"
	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/rules"
)

// checkConfiguration reads the settings and the files that they name.
func (d *checker) checkConfiguration() Section {
	s := Section{Subject: "Configuration"}
	settings, err := config.Read[Settings]()
	d.settings = settings
	if err != nil {
		s.add(failure("settings", err.Error(), "correct the variables; what could be read is examined all the same"))
	} else {
		s.add(ok("settings", "every variable can be read"))
	}
	s.add(d.checkAccountsFile()...)
	s.add(d.checkRules()...)
	s.add(d.checkBridgeSettings()...)
	s.add(d.checkGraph()...)
	return s
}

func (d *checker) checkAccountsFile() []Finding {
	accounts, err := config.OpenAccounts(d.settings.Accounts)
	if err != nil {
		var found []Finding
		for line := range strings.SplitSeq(err.Error(), "\n") {
			found = append(found, failure("accounts file", line, "correct the file; accounts.example.yaml explains every setting"))
		}
		return found
	}
	d.accounts = accounts
	found := []Finding{ok("accounts file", "%s has %s", d.settings.Accounts, plural(len(accounts.All()), "account"))}
	for _, text := range accounts.Unfinished() {
		found = append(found, warning("accounts folder", text, "starter connect, or the desk's page Accounts"))
	}
	for _, text := range accounts.Warnings() {
		found = append(found, warning("rates", text, "lower it in the accounts file, unless Meta has granted the account more"))
	}
	return found
}

func (d *checker) checkRules() []Finding {
	const name = "rules file"
	set, err := rules.Load(d.settings.Rules)
	var wrong *rules.LoadError
	switch {
	case errors.As(err, &wrong):
		var found []Finding
		for _, p := range wrong.Problems {
			text, _, _ := strings.Cut(p.String(), "\n") // below it points into the condition
			found = append(found, failure(name, wrong.File+": "+text, "correct it, and try the file:",
				"starter rules test --rules "+d.settings.Rules))
		}
		return found
	case errors.Is(err, os.ErrNotExist):
		return []Finding{failure(name, fmt.Sprintf("%s does not exist", d.settings.Rules),
			"copy rules.example.yaml there, or set PRIVATEREPLY_RULES")}
	case err != nil:
		return []Finding{failure(name, err.Error(), "let this program read the file")}
	}
	return []Finding{ok(name, "%s has %s", d.settings.Rules, plural(len(set.Rules()), "rule"))}
}

// checkBridgeSettings checks the settings that only the bridge needs. It may run on another
// machine, so a missing one is no failure.
func (d *checker) checkBridgeSettings() []Finding {
	var found []Finding
	if d.settings.VerifyToken == "" {
		found = append(found, warning("verify token", "PRIVATEREPLY_VERIFY_TOKEN is not set here; the bridge does not start without it",
			"where the bridge runs, set it to the word that stands in the dashboard's webhook settings"))
	}
	if len(d.settings.AppSecrets) == 0 {
		return append(found, warning("app secrets", "PRIVATEREPLY_APP_SECRETS is not set here; the bridge does not start without it",
			"where the bridge runs, set it to the secret of the app, and to the Instagram app secret too if accounts use the Instagram login"))
	}
	return append(found, ok("app secrets", "%s to check the signatures of webhooks with", plural(len(d.settings.AppSecrets), "secret")))
}

func (d *checker) checkGraph() []Finding {
	g := d.settings.Graph
	meta, err := graph.New(graph.Options{
		FacebookURL: g.FacebookURL, InstagramURL: g.InstagramURL, Version: g.Version, Timeout: d.timeout, Now: d.now,
	})
	if err != nil {
		return []Finding{failure("Graph API", err.Error(), "correct PRIVATEREPLY_GRAPH_VERSION, PRIVATEREPLY_GRAPH_FACEBOOK_URL or PRIVATEREPLY_GRAPH_INSTAGRAM_URL")}
	}
	d.meta = meta
	text, level := assessVersion(g.Version, d.now())
	if level == OK {
		return []Finding{ok("Graph version", "%s", text)}
	}
	return []Finding{{Check: "Graph version", Level: level, Text: text, Repair: "set PRIVATEREPLY_GRAPH_VERSION=" + newestVersion}}
}

// newestVersion of the Graph API, released on 29 July 2026, has no end yet.
const newestVersion = "v26.0"

// versionEnds is the time until which Meta serves a version of the Graph API, from its
// changelog. Older versions than these have ended.
var versionEnds = map[int]time.Time{
	25: day(2028, time.July, 29),
	24: day(2028, time.February, 18),
	23: day(2027, time.October, 8),
	22: day(2027, time.May, 20),
	21: day(2027, time.January, 21),
	20: day(2026, time.September, 24),
}

// versionWarning is how long before its end a version is worth a warning: a new
// one wants a trial first.
const versionWarning = 90 * 24 * time.Hour

// assessVersion says whether a version of the Graph API is new enough.
func assessVersion(v string, now time.Time) (text string, level Level) {
	major, newest := majorOf(v), majorOf(newestVersion)
	end, known := versionEnds[major]
	switch {
	case major == newest:
		return v + " is the newest known", OK
	case major > newest:
		return fmt.Sprintf("%s is newer than %s, the newest that this program knows", v, newestVersion), OK
	case !known:
		return v + " has expired: Meta answers in another version's way", Failure
	case !now.Before(end):
		return fmt.Sprintf("%s expired on %s: Meta answers in another version's way", v, date(end)), Failure
	case end.Sub(now) <= versionWarning:
		return fmt.Sprintf("%s expires on %s", v, date(end)), Warning
	}
	return fmt.Sprintf("%s is older than %s; it expires on %s", v, newestVersion, date(end)), Warning
}

// majorOf reads the first number of a version that was checked before.
func majorOf(v string) int {
	var major int
	_, _ = fmt.Sscanf(v, "v%d.", &major)
	return major
}

func day(year int, month time.Month, day int) time.Time {
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}

func date(t time.Time) string { return t.UTC().Format("2 January 2006") }

package doctor_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/privatereply/privatereply/internal/doctor"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/starter/cli"
)

// Guards: an installation with nothing wrong is told so.
func TestHealthy(t *testing.T) {
	p := newInstallation(t)
	report := p.check()
	if len(report.Sections) != 5 {
		t.Errorf("%d sections, want the configuration, Temporal and 3 accounts", len(report.Sections))
	}
}

// Guards: what is planted at Meta, and nothing else, is found with its repair.
func TestPlantedAtMeta(t *testing.T) {
	const fail, warn = doctor.Failure, doctor.Warning
	state := func(s meta.TokenState) func(*installation) {
		return func(p *installation) { p.change(ownID, meta.AccountUpdate{TokenState: &s}) }
	}
	tests := []struct {
		name  string
		plant func(*installation)
		want  []wanted
	}{
		{"a clock that is behind", func(p *installation) { p.clock = 5 * time.Second },
			[]wanted{{"Meta", "clock", warn, "behind Meta's|NTP"}}},
		{"a clock that is ahead", func(p *installation) { p.clock = -5 * time.Second },
			[]wanted{{"Meta", "clock", warn, "ahead of Meta's|NTP"}}},
		{"token revoked", state(meta.TokenRevoked),
			[]wanted{{own, "token", fail, "changed the password|190/460|new long-lived token"}}},
		{"token expired", state(meta.TokenExpired),
			[]wanted{{own, "token", fail, "has expired|190/463|new long-lived token"}}},
		{"app removed", state(meta.TokenAppRemoved),
			[]wanted{{own, "token", fail, "removed the app|log in to the app again"}}},
		{"checkpoint", state(meta.TokenCheckpoint),
			[]wanted{{own, "token", fail, "log in to facebook.com"}}},
		{"token replaced", func(p *installation) { p.change(ownID, meta.AccountUpdate{Token: new("IGAAnew")}) },
			[]wanted{{own, "token", fail, "not valid|190|new long-lived token"}}},
		{"token ends soon", func(p *installation) {
			p.change(pageID, meta.AccountUpdate{TokenUntil: new(time.Now().Add(100 * time.Hour))})
		},
			[]wanted{{page, "expiry", warn, "in 4d 3h|long-lived user token"}, {linked, "expiry", warn, "in 4d 3h|has no end"}}},
		{"permissions of the Instagram login", func(p *installation) {
			p.change(ownID, meta.AccountUpdate{Permissions: &[]string{"instagram_business_basic", "instagram_business_manage_messages"}})
		}, []wanted{{own, "permissions", fail, "instagram_business_manage_comments|private replies|ask for it"}}},
		{"permissions of the Facebook login", func(p *installation) {
			p.change(pageID, meta.AccountUpdate{Permissions: &[]string{"pages_manage_metadata", "pages_read_engagement", "instagram_basic",
				"pages_show_list", "instagram_manage_comments", "instagram_manage_messages"}})
		}, []wanted{
			{page, "permissions", fail, "pages_messaging (private replies)"},
			{page, "permissions", warn, "pages_read_user_content (the texts and authors of comments)|pages_manage_engagement (public replies and hiding comments)"},
			{linked, "permissions", fail, "pages_messaging (private replies)"},
		}},
		{"unsubscribed", func(p *installation) { p.change(ownID, meta.AccountUpdate{Fields: &[]string{}}) },
			[]wanted{{own, "webhooks", fail, "no app gets|after an hour|/instagram/v26.0/" + ownID + "/subscribed_apps?subscribed_fields=comments,live_comments,messages,messaging_postbacks"}}},
		{"app not on the Page", func(p *installation) { p.change(pageID, meta.AccountUpdate{Fields: &[]string{}}) },
			[]wanted{
				{page, "webhooks", fail, "no app gets|/facebook/v26.0/" + pageID + "/subscribed_apps?subscribed_fields=feed,messages,messaging_postbacks"},
				{linked, "webhooks", fail, "no app gets|" + pageID + "/subscribed_apps"}}},
		{"fields missing", func(p *installation) {
			p.change(pageID, meta.AccountUpdate{Fields: &[]string{"messages", "messaging_postbacks", "live_videos"}})
		}, []wanted{{page, "webhooks", fail, "lacks feed|subscribed_fields=feed,messages,messaging_postbacks,live_videos"}}},
		{"no postbacks", func(p *installation) {
			p.change(ownID, meta.AccountUpdate{Fields: &[]string{"comments", "live_comments", "messages"}})
		}, []wanted{{own, "webhooks", warn, "messaging_postbacks|do not open"}}},
		{"app without webhooks of Instagram", func(p *installation) { p.subscribeApp("instagram") },
			[]wanted{{linked, "app webhooks", fail, "no webhooks of instagram at all|dashboard|comments, live_comments"}}},
		{"app without live comments", func(p *installation) { p.subscribeApp("instagram", "comments", "messages", "messaging_postbacks") },
			[]wanted{{linked, "app webhooks", fail, "lacks live_comments|dashboard"}}},
		{"old webhooks", func(p *installation) {
			if err := p.SubscribeApp(meta.AppSubscription{Object: "page", Fields: []string{"feed", "messages", "messaging_postbacks"}, Version: "v19.0"}); err != nil {
				p.t.Fatal(err)
			}
		}, []wanted{{page, "webhook version", warn, "v19.0 has expired|choose v26.0"}}},
		{"Page not published", func(p *installation) { p.change(pageID, meta.AccountUpdate{Published: new(false)}) },
			[]wanted{{page, "Page", fail, "not published|Page visibility"}, {linked, "Page", fail, "not published|publish it"}}},
		{"no task for comments", func(p *installation) { p.change(pageID, meta.AccountUpdate{Tasks: &[]string{"MESSAGING"}}) },
			[]wanted{{page, "tasks", warn, "no MODERATE task|public replies|Page access"}}},
		{"no task", func(p *installation) { p.change(pageID, meta.AccountUpdate{Tasks: &[]string{"MODERATE", "ANALYZE"}}) },
			[]wanted{{page, "tasks", fail, "no MESSAGING task|MODERATE, ANALYZE|Page access"}, {linked, "tasks", fail, "MESSAGING"}}},
		{"no task at all", func(p *installation) { p.change(pageID, meta.AccountUpdate{Tasks: &[]string{}}) },
			[]wanted{{page, "tasks", fail, "none at all"}, {linked, "tasks", fail, "none at all"}}},
		{"throttled", func(p *installation) { p.fault(meta.Fault{Name: "throttle", Account: ownID, Calls: "account"}) },
			[]wanted{{own, "Meta", warn, "80002|ask again"}}},
		{"silent", func(p *installation) {
			p.options.Timeout = 3 * time.Second // Temporal is dialled in it too
			p.fault(meta.Fault{Name: "hang", Account: ownID, Calls: "account"})
		}, []wanted{{own, "Meta", fail, "time ran out|let this machine reach"}}},
		{"unreachable", func(p *installation) { p.meta.Close() },
			[]wanted{{own, "Meta", fail, "refused|HTTPS_PROXY"}, {page, "Meta", fail, "refused"}, {linked, "Meta", fail, "refused"}}},
		{"several at once", func(p *installation) {
			p.change(pageID, meta.AccountUpdate{Published: new(false), Tasks: &[]string{}})
			p.change(ownID, meta.AccountUpdate{TokenState: new(meta.TokenRevoked)})
			p.subscribeApp("page", "feed")
		}, []wanted{
			{page, "Page", fail, ""}, {page, "tasks", fail, ""}, {page, "app webhooks", fail, "lacks messages"},
			{linked, "Page", fail, ""}, {linked, "tasks", fail, ""}, {own, "token", fail, ""},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newInstallation(t)
			tt.plant(p)
			p.check(tt.want...)
		})
	}
}

// Guards: the exit code is 1 for a failure and for nothing else, and both forms of
// the output say the same.
func TestCommand(t *testing.T) {
	tests := []struct {
		name     string
		plant    func(*installation)
		code     int
		failures int
		warnings int
		shows    []string
	}{
		{"healthy", func(*installation) {}, 0, 0, 0, []string{"Configuration\n", "\n  ✓ retention ", "nothing is wrong\n"}},
		{"a warning", func(p *installation) { p.t.Setenv("PRIVATEREPLY_VERIFY_TOKEN", "") }, 0, 0, 1,
			[]string{"\n  ! verify token ", "→ where the bridge runs", "0 failures, 1 warning\n"}},
		{"a failure", func(p *installation) { p.change(ownID, meta.AccountUpdate{Fields: &[]string{}}) }, 1, 1, 0,
			[]string{"\n  ✗ webhooks ", "→ subscribe the app", "                 curl -X POST -H \"Authorization: Bearer $TOKEN\" ", "1 failure, 0 warnings\n"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newInstallation(t)
			tt.plant(p)
			run := func(args ...string) string {
				var out, errOut bytes.Buffer
				if code := cli.Main(append([]string{"doctor"}, args...), strings.NewReader(""), &out, &errOut); code != tt.code || errOut.Len() > 0 {
					t.Errorf("exit code %d, want %d; %s", code, tt.code, errOut.String())
				}
				return out.String()
			}
			shown := run()
			for _, words := range tt.shows {
				if !strings.Contains(shown, words) {
					t.Errorf("the output lacks %q:\n%s", words, shown)
				}
			}
			var report doctor.Report
			if err := json.Unmarshal([]byte(run("--json")), &report); err != nil {
				t.Fatal(err)
			}
			if report.Failures != tt.failures || report.Warnings != tt.warnings {
				t.Errorf("%d failures and %d warnings", report.Failures, report.Warnings)
			}
			people, _ := written(t, report)
			if diff := cmp.Diff(shown, people); diff != "" {
				t.Errorf("the JSON tells something else (-shown +json):\n%s", diff)
			}
		})
	}
}

package doctor_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/privatereply/privatereply/internal/doctor"
)

// Guards: a setting or file that is wrong is named with its repair, and what does
// not need it is examined all the same.
func TestPlantedInConfiguration(t *testing.T) {
	const fail, warn = doctor.Failure, doctor.Warning
	tests := []struct {
		name  string
		plant func(*installation)
		want  []wanted
	}{
		{"settings", func(p *installation) {
			p.t.Setenv("PRIVATEREPLY_LOG_FORMAT", "xml")
			p.t.Setenv("PRIVATEREPLY_SEND_WORKERS", "none")
		}, []wanted{{configuration, "settings", fail, "PRIVATEREPLY_LOG_FORMAT|PRIVATEREPLY_SEND_WORKERS|correct the variables"}}},
		{"no accounts file", func(p *installation) { p.t.Setenv("PRIVATEREPLY_ACCOUNTS", filepath.Join(p.folder, "none.yaml")) },
			[]wanted{{configuration, "accounts file", fail, "does not exist|accounts.example.yaml"}}},
		{"accounts file", func(p *installation) { p.accounts("login: instagram", "login: telegram") },
			[]wanted{{configuration, "accounts file", fail, "login: \"telegram\" is not a login|correct the file"}}},
		{"rates", func(p *installation) { p.accounts("name: Oak Corner", "posts_per_hour: 900") },
			[]wanted{{configuration, "rates", warn, "900|Meta's limit is 750|lower it"}}},
		{"no rules file", func(p *installation) { p.t.Setenv("PRIVATEREPLY_RULES", filepath.Join(p.folder, "none.yaml")) },
			[]wanted{{configuration, "rules file", fail, "does not exist|copy rules.example.yaml"}}},
		{"rules file", func(p *installation) {
			p.write("rules.yaml", "rules:\n  - name: price\n    when: says(text\n    ask: true\n")
		},
			[]wanted{{configuration, "rules file", fail, `rule "price", when|starter rules test --rules `}}},
		{"no token", func(p *installation) { p.t.Setenv("DOCTOR_OWN_TOKEN", "") },
			[]wanted{{own, "secrets", fail, "DOCTOR_OWN_TOKEN is not set|set what the accounts file names"}}},
		{"no token file", func(p *installation) {
			p.accounts("token_env: DOCTOR_OWN_TOKEN", "token_file: "+filepath.Join(p.folder, "token"))
		}, []wanted{{own, "secrets", fail, "token_file|no such file"}}},
		{"no secrets for the bridge", func(p *installation) {
			p.t.Setenv("PRIVATEREPLY_VERIFY_TOKEN", "")
			p.t.Setenv("PRIVATEREPLY_APP_SECRETS", "")
		}, []wanted{{configuration, "verify token", warn, "PRIVATEREPLY_VERIFY_TOKEN|dashboard"}, {configuration, "app secrets", warn, "Instagram app secret"}}},
		{"Graph URL", func(p *installation) { p.t.Setenv("PRIVATEREPLY_GRAPH_FACEBOOK_URL", "http://graph.example.com") },
			[]wanted{{configuration, "Graph API", fail, "access tokens in clear|PRIVATEREPLY_GRAPH_FACEBOOK_URL"}}},
		{"expired Graph version", func(p *installation) { p.t.Setenv("PRIVATEREPLY_GRAPH_VERSION", "v20.0") },
			[]wanted{{configuration, "Graph version", fail, "v20.0 expired on 24 September 2026|PRIVATEREPLY_GRAPH_VERSION=v26.0"}}},
		{"Graph version about to expire", func(p *installation) {
			p.t.Setenv("PRIVATEREPLY_GRAPH_VERSION", "v21.0")
			p.options.Now = func() time.Time { return time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC) }
		}, []wanted{{configuration, "Graph version", warn, "v21.0 expires on 21 January 2027|PRIVATEREPLY_GRAPH_VERSION=v26.0"}}},
		{"everything at once", func(p *installation) {
			p.t.Setenv("PRIVATEREPLY_LOG_LEVEL", "loud")
			p.t.Setenv("PRIVATEREPLY_RULES", "none.yaml")
			p.t.Setenv("PRIVATEREPLY_GRAPH_VERSION", "19")
			p.t.Setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
			p.t.Setenv("DOCTOR_OWN_TOKEN", "")
			p.options.Timeout = time.Second
		}, []wanted{
			{configuration, "settings", fail, ""}, {configuration, "rules file", fail, ""}, {configuration, "Graph API", fail, "v26.0"},
			{server, "server", fail, "127.0.0.1:1|TEMPORAL_ADDRESS"}, {own, "secrets", fail, ""},
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

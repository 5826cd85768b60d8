package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/template"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/prometheus/prometheus/promql/parser"
)

const deploy = "../../deploy"

// watching is an expression of a dashboard or of an alert.
type watching struct {
	where string
	expr  parser.Expr
}

// prometheusLabels are those that Prometheus itself adds to what it scrapes.
var prometheusLabels = []string{"job", "instance"}

func parse(t *testing.T, where, expr string) watching {
	t.Helper()
	// What Grafana puts in.
	expr = strings.ReplaceAll(expr, "$__rate_interval", "1m")
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	if err != nil {
		t.Errorf("%s: %v", where, err)
	}
	return watching{where, parsed}
}

// rule is an alert as Prometheus reads it.
type rule struct {
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

func alerts(t *testing.T) []rule {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(deploy, "prometheus/alerts.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Name  string `yaml:"name"`
			Rules []rule `yaml:"rules"`
		} `yaml:"groups"`
	}
	if err := yaml.UnmarshalWithOptions(b, &file, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	var all []rule
	for _, g := range file.Groups {
		if g.Name == "" || len(g.Rules) == 0 {
			t.Errorf("group %q has %d rules", g.Name, len(g.Rules))
		}
		all = append(all, g.Rules...)
	}
	return all
}

func dashboard(t *testing.T) []watching {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(deploy, "grafana/dashboards/privatereply.json"))
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		UID    string `json:"uid"`
		Title  string `json:"title"`
		Panels []struct {
			ID      int    `json:"id"`
			Type    string `json:"type"`
			Title   string `json:"title"`
			Targets []struct {
				Expr       string `json:"expr"`
				Datasource struct {
					UID string `json:"uid"`
				} `json:"datasource"`
			} `json:"targets"`
		} `json:"panels"`
	}
	if err := json.Unmarshal(b, &board); err != nil {
		t.Fatal(err)
	}
	if board.UID == "" || board.Title == "" {
		t.Errorf("the dashboard has the uid %q and the title %q", board.UID, board.Title)
	}
	var all []watching
	ids := map[int]bool{}
	for _, p := range board.Panels {
		if ids[p.ID] {
			t.Errorf("panel %q has the id of another one", p.Title)
		}
		ids[p.ID] = true
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("panel %q shows nothing", p.Title)
		}
		for _, target := range p.Targets {
			if target.Datasource.UID != datasource(t) {
				t.Errorf("panel %q asks %q, which is not provisioned", p.Title, target.Datasource.UID)
			}
			all = append(all, parse(t, "panel "+p.Title, target.Expr))
		}
	}
	return all
}

// datasource is the uid of the one that Grafana is provisioned with.
func datasource(t *testing.T) string {
	t.Helper()
	var file struct {
		Datasources []struct {
			UID string `yaml:"uid"`
		} `yaml:"datasources"`
	}
	b, err := os.ReadFile(filepath.Join(deploy, "grafana/provisioning/datasources/prometheus.yml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(b, &file); err != nil || len(file.Datasources) != 1 {
		t.Fatalf("%d data sources: %v", len(file.Datasources), err)
	}
	return file.Datasources[0].UID
}

// templateFuncs are those of Prometheus that the rules use.
var templateFuncs = template.FuncMap{
	"humanize":         func(v float64) float64 { return v },
	"humanizeDuration": func(v float64) string { return time.Duration(v * float64(time.Second)).String() },
}

var usedLabel = regexp.MustCompile(`\$labels\.(\w+)`)

// Every rule can be read by Prometheus, tells people what happens and where it says
// what to do, and its words only use labels that the expression keeps.
func TestAlerts(t *testing.T) {
	rules := alerts(t)
	if len(rules) < 15 {
		t.Errorf("only %d alerts", len(rules))
	}
	runbook, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, r := range rules {
		t.Run(r.Alert, func(t *testing.T) {
			if !strings.HasPrefix(r.Alert, "PrivateReply") || names[r.Alert] {
				t.Error("the name is not one of its own")
			}
			names[r.Alert] = true
			if _, err := time.ParseDuration(r.For); r.For != "" && err != nil {
				t.Error(err)
			}
			if s := r.Labels["severity"]; s != "page" && s != "ticket" {
				t.Errorf("severity is %q", s)
			}
			if want := "docs/operations.md#" + strings.ToLower(r.Alert); r.Annotations["runbook_url"] != want {
				t.Errorf("runbook_url is %q, want %q", r.Annotations["runbook_url"], want)
			}
			if !strings.Contains(string(runbook), "\n### "+r.Alert+"\n") {
				t.Error("docs/operations.md does not say what to do")
			}
			kept := grouping(parse(t, "alert", r.Expr).expr)
			for _, name := range []string{"summary", "description"} {
				text := r.Annotations[name]
				if text == "" {
					t.Errorf("there is no %s", name)
				}
				tmpl, err := template.New(name).Funcs(templateFuncs).Parse("{{$labels := .Labels}}{{$value := .Value}}" + text)
				if err == nil {
					err = tmpl.Execute(&strings.Builder{}, map[string]any{"Labels": map[string]string{}, "Value": 1.0})
				}
				if err != nil {
					t.Error(err)
				}
				for _, used := range usedLabel.FindAllStringSubmatch(text, -1) {
					if !slices.Contains(kept, used[1]) {
						t.Errorf("the %s uses the label %s, the expression keeps %q", name, used[1], kept)
					}
				}
			}
		})
	}
}

// Each alert has a day on which it fires. `make alerts` plays the days.
func TestAlertDays(t *testing.T) {
	days, err := os.ReadFile(filepath.Join(deploy, "prometheus/alerts_test.yml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range alerts(t) {
		if !strings.Contains(string(days), `{alertname="`+r.Alert+`"}`) {
			t.Errorf("%s fires on no day", r.Alert)
		}
	}
}

// grouping is every label that an aggregation in e keeps.
func grouping(e parser.Expr) []string {
	var all []string
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		if a, ok := n.(*parser.AggregateExpr); ok && !a.Without {
			all = append(all, a.Grouping...)
		}
		return nil
	})
	return all
}

// The dashboard can be read by Grafana, and each of its expressions by Prometheus.
func TestDashboard(t *testing.T) {
	if n := len(dashboard(t)); n < 30 {
		t.Errorf("only %d expressions", n)
	}
}

// The scrape configuration names the ports of the programs, and the rules.
func TestScrapeConfiguration(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(deploy, "prometheus/prometheus.yml"))
	if err != nil {
		t.Fatal(err)
	}
	type target struct {
		Names           []string `yaml:"names"`
		Type            string   `yaml:"type"`
		Port            int      `yaml:"port"`
		RefreshInterval string   `yaml:"refresh_interval"`
	}
	var file struct {
		Global    map[string]string `yaml:"global"`
		RuleFiles []string          `yaml:"rule_files"`
		Alerting  struct {
			Alertmanagers []struct {
				DNSSDConfigs []target `yaml:"dns_sd_configs"`
			} `yaml:"alertmanagers"`
		} `yaml:"alerting"`
		ScrapeConfigs []struct {
			JobName      string   `yaml:"job_name"`
			DNSSDConfigs []target `yaml:"dns_sd_configs"`
		} `yaml:"scrape_configs"`
	}
	if err := yaml.UnmarshalWithOptions(b, &file, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(file.RuleFiles, []string{"alerts.yml"}) {
		t.Errorf("rule files: %q", file.RuleFiles)
	}
	if a := file.Alerting.Alertmanagers; len(a) != 1 || len(a[0].DNSSDConfigs) != 1 || !slices.Equal(a[0].DNSSDConfigs[0].Names, []string{"alertmanager"}) || a[0].DNSSDConfigs[0].Port != 9093 {
		t.Errorf("alerts go to %+v", a)
	}
	ports := map[string]int{}
	for _, c := range file.ScrapeConfigs {
		for _, d := range c.DNSSDConfigs {
			if d.Type != "A" || !slices.Equal(d.Names, []string{c.JobName}) {
				t.Errorf("%s: %+v", c.JobName, d)
			}
			ports[c.JobName] = d.Port
		}
	}
	for job, port := range map[string]int{"bridge": 9091, "worker": 9092, "approvals": 9093} {
		if ports[job] != port {
			t.Errorf("%s is scraped at port %d, want %d", job, ports[job], port)
		}
	}
}

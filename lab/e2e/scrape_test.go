package e2e

import (
	"io"
	"net/http"
	"slices"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// series is one that a scrape has seen, with its name as the label __name__.
type series struct {
	labels map[string]string
	value  float64
}

// scrape reads what Prometheus would from /metrics.
func scrape(t *testing.T, url string) []series {
	t.Helper()
	resp, err := http.Get(url + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b := expfmt.NewDecoder(resp.Body, expfmt.ResponseFormat(resp.Header))
	samples := expfmt.SampleDecoder{Dec: b, Opts: &expfmt.DecodeOptions{Timestamp: model.Now()}}
	var all []series
	for {
		var some model.Vector
		err := samples.Decode(&some)
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatalf("%s: %v", url, err)
		}
		for _, s := range some {
			found := series{map[string]string{}, float64(s.Value)}
			for name, value := range s.Metric {
				found.labels[string(name)] = string(value)
			}
			all = append(all, found)
		}
	}
}

// unseen lists what the expression asks for and no series has: a metric with its
// labels, or a label that it is grouped by.
func (w watching) unseen(all []series) []string {
	var missing []string
	parser.Inspect(w.expr, func(n parser.Node, path []parser.Node) error {
		v, ok := n.(*parser.VectorSelector)
		if !ok || v.Name == "up" { // that one is Prometheus' own
			return nil
		}
		var by []string
		for _, above := range path {
			if a, ok := above.(*parser.AggregateExpr); ok {
				by = append(by, a.Grouping...)
			}
		}
		if !slices.ContainsFunc(all, func(s series) bool { return s.answers(v.LabelMatchers, by) }) {
			missing = append(missing, v.String())
		}
		return nil
	})
	return missing
}

func (s series) answers(matchers []*labels.Matcher, by []string) bool {
	for _, m := range matchers {
		if !slices.Contains(prometheusLabels, m.Name) && !m.Matches(s.labels[m.Name]) {
			return false
		}
	}
	for _, label := range by {
		if _, ok := s.labels[label]; !ok && !slices.Contains(prometheusLabels, label) {
			return false
		}
	}
	return true
}

// sum adds up what a selector finds; the labels that are left out may be anything.
func sum(t *testing.T, all []series, selector string) (total float64) {
	t.Helper()
	matchers, err := parser.NewParser(parser.Options{}).ParseMetricSelector(selector)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		if s.answers(matchers, nil) {
			total += s.value
		}
	}
	return total
}

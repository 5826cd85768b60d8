// Package check renders the Helm chart as an installation does, and checks what comes out
// against Kubernetes' own types and against the programs. It is a module of its own, so that
// Helm and Kubernetes are no part of the product.
package check

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"github.com/prometheus/client_golang/prometheus"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	"sigs.k8s.io/yaml"

	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/internal/doctor"
	"github.com/privatereply/privatereply/internal/ops"
)

const chartDir = "../private-replies"

// kinds are the types of what the chart makes.
var kinds = map[string]func() any{
	"v1/ConfigMap":                            func() any { return &core.ConfigMap{} },
	"v1/Service":                              func() any { return &core.Service{} },
	"apps/v1/Deployment":                      func() any { return &apps.Deployment{} },
	"batch/v1/Job":                            func() any { return &batch.Job{} },
	"autoscaling/v2/HorizontalPodAutoscaler":  func() any { return &autoscaling.HorizontalPodAutoscaler{} },
	"policy/v1/PodDisruptionBudget":           func() any { return &policy.PodDisruptionBudget{} },
	"networking.k8s.io/v1/Ingress":            func() any { return &networking.Ingress{} },
	"networking.k8s.io/v1/NetworkPolicy":      func() any { return &networking.NetworkPolicy{} },
	"monitoring.coreos.com/v1/PodMonitor":     func() any { return &monitoring.PodMonitor{} },
	"monitoring.coreos.com/v1/PrometheusRule": func() any { return &monitoring.PrometheusRule{} },
}

// programs are the settings of each container, and what it asks of the environment beside.
var programs = map[string][]reflect.Type{
	"worker":    {reflect.TypeFor[config.Worker](), reflect.TypeFor[config.Encryption](), reflect.TypeFor[config.Connect]()},
	"bridge":    {reflect.TypeFor[config.Bridge](), reflect.TypeFor[config.Encryption]()},
	"approvals": {reflect.TypeFor[config.Desk](), reflect.TypeFor[config.Encryption](), reflect.TypeFor[config.Connect](), reflect.TypeFor[doctor.Settings]()},
	"setup":     {reflect.TypeFor[config.Common]()},
}

// elsewhere are variables that others than the product read: Temporal and OpenTelemetry.
var elsewhere = []string{"TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE", "TEMPORAL_CONFIG_FILE", "OTEL_EXPORTER_OTLP_ENDPOINT"}

func TestChart(t *testing.T) {
	sets, err := filepath.Glob(filepath.Join(chartDir, "ci", "*.yaml"))
	if err != nil || len(sets) < 3 {
		t.Fatalf("%d value sets, %v", len(sets), err)
	}
	for _, set := range sets {
		t.Run(strings.TrimSuffix(filepath.Base(set), ".yaml"), func(t *testing.T) {
			values, err := os.ReadFile(set)
			if err != nil {
				t.Fatal(err)
			}
			objects := decode(t, render(t, values))
			names := map[string]bool{}
			for _, o := range objects {
				names[o.id] = true
			}
			if len(names) != len(objects) {
				t.Errorf("two objects have one name: %d of %d", len(names), len(objects))
			}
			workers, share := 0, ""
			for _, o := range objects {
				template, replicas := podTemplate(o.object)
				if template == nil {
					continue
				}
				checkPod(t, o.id, template)
				for _, c := range template.Spec.Containers {
					if c.Name == "worker" {
						workers += replicas
						share = env(c)["PRIVATEREPLY_SEND_WORKERS"]
					}
				}
			}
			for _, o := range objects {
				if hpa, ok := o.object.(*autoscaling.HorizontalPodAutoscaler); ok {
					workers += int(hpa.Spec.MaxReplicas)
					if !names["apps/v1/Deployment "+hpa.Spec.ScaleTargetRef.Name] {
						t.Errorf("%s scales %s, which there is not", o.id, hpa.Spec.ScaleTargetRef.Name)
					}
				}
			}
			if share != strconv.Itoa(workers) {
				t.Errorf("a worker takes 1/%s of an account's rate, and there may be %d", share, workers)
			}
		})
	}
}

// Values that cannot work are refused with the field, before anything is installed.
func TestMistakes(t *testing.T) {
	good, err := os.ReadFile(filepath.Join(chartDir, "ci", "minimal.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for change, field := range map[string]string{
		"temporal: {address: ''}":                         "temporal.address",
		"secrets: {name: ''}":                             "secrets.name",
		"rules: {file: '', claim: ''}":                    "rules",
		"rules: {file: 'a', claim: 'b'}":                  "rules",
		"accounts: {file: '', claim: ''}":                 "accounts",
		"worker: {otherBuilds: [{tag: v1, replicas: 1}]}": "worker.otherBuilds",
		"desk: {users: ''}":                               "desk",
		"ingress: {enabled: true}":                        "bridge.url",
		"secrets: {name: a, keys: [slack_signing_secret]}\ndesk: {users: '', proxy: {header: X}}": "desk.users",
	} {
		var values, with map[string]any
		if err := yaml.Unmarshal(good, &values); err != nil {
			t.Fatal(err)
		}
		if err := yaml.Unmarshal([]byte(change), &with); err != nil {
			t.Fatal(err)
		}
		merged, err := yaml.Marshal(chartutil.CoalesceTables(with, values))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tryRender(t, merged); err == nil || !strings.Contains(err.Error(), field+": ") {
			t.Errorf("%s: %v does not name %s", change, err, field)
		}
	}
}

func render(t *testing.T, values []byte) map[string]string {
	t.Helper()
	files, err := tryRender(t, values)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func tryRender(t *testing.T, values []byte) (map[string]string, error) {
	t.Helper()
	c, err := loader.LoadDir(chartDir)
	if err != nil {
		t.Fatal(err)
	}
	return renderChart(c, values)
}

func renderChart(c *chart.Chart, values []byte) (map[string]string, error) {
	set, err := chartutil.ReadValues(values)
	if err != nil {
		return nil, err
	}
	all, err := chartutil.ToRenderValues(c, set, chartutil.ReleaseOptions{Name: "answers", Namespace: "social", IsInstall: true, Revision: 1}, nil)
	if err != nil {
		return nil, err
	}
	return engine.Engine{Strict: true}.Render(c, all)
}

// object is one that the chart makes.
type object struct {
	id     string
	object any
}

// decode reads the objects strictly: an unknown field is an error, as is a field twice.
func decode(t *testing.T, files map[string]string) (objects []object) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if !strings.HasSuffix(name, ".yaml") {
			continue
		}
		for _, doc := range bytes.Split([]byte("\n"+files[name]), []byte("\n---")) {
			var head struct {
				APIVersion string `json:"apiVersion"`
				Kind       string `json:"kind"`
				Metadata   struct {
					Name string `json:"name"`
				} `json:"metadata"`
			}
			if err := yaml.Unmarshal(doc, &head); err != nil {
				t.Fatalf("%s: %v\n%s", name, err, doc)
			}
			if head.Kind == "" {
				continue
			}
			make, known := kinds[head.APIVersion+"/"+head.Kind]
			if !known {
				t.Fatalf("%s: no type for %s/%s", name, head.APIVersion, head.Kind)
			}
			o := object{head.APIVersion + "/" + head.Kind + " " + head.Metadata.Name, make()}
			if err := yaml.UnmarshalStrict(doc, o.object); err != nil {
				t.Fatalf("%s: %v\n%s", o.id, err, doc)
			}
			objects = append(objects, o)
		}
	}
	return objects
}

// podTemplate is that of o, if it runs pods, and how many.
func podTemplate(o any) (*core.PodTemplateSpec, int) {
	switch o := o.(type) {
	case *apps.Deployment:
		replicas := 0
		if o.Spec.Replicas != nil {
			replicas = int(*o.Spec.Replicas)
		}
		return &o.Spec.Template, replicas
	case *batch.Job:
		return &o.Spec.Template, 0
	}
	return nil, 0
}

func env(c core.Container) map[string]string {
	all := map[string]string{}
	for _, v := range c.Env {
		all[v.Name] = v.Value
	}
	return all
}

// checkPod checks that a pod is closed, that its settings exist and can be read, that its files
// are mounted and its probes answered.
func checkPod(t *testing.T, id string, template *core.PodTemplateSpec) {
	t.Helper()
	pod := template.Spec
	if pod.SecurityContext == nil || pod.SecurityContext.RunAsNonRoot == nil || !*pod.SecurityContext.RunAsNonRoot {
		t.Errorf("%s: may run as root", id)
	}
	volumes := map[string]bool{}
	for _, v := range pod.Volumes {
		volumes[v.Name] = true
	}
	for _, c := range pod.Containers {
		s := c.SecurityContext
		if s == nil || s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem || s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation {
			t.Errorf("%s: its root is not read-only, or it may gain privileges", id)
		}
		var mounts []string
		for _, m := range c.VolumeMounts {
			if !volumes[m.Name] {
				t.Errorf("%s: no volume %s", id, m.Name)
			}
			mounts = append(mounts, m.MountPath)
		}
		known := variables(programs[c.Name])
		if len(known) == 0 && c.Name != "setup" {
			t.Errorf("%s: %s is no program", id, c.Name)
		}
		for name, value := range env(c) {
			if !known[name] && !slices.Contains(elsewhere, name) {
				t.Errorf("%s: %s has no setting %s", id, c.Name, name)
			}
			if strings.HasPrefix(value, "/") && !slices.ContainsFunc(mounts, func(m string) bool { return value == m || strings.HasPrefix(value, m+"/") }) {
				t.Errorf("%s: %s is %s, where nothing is mounted", id, name, value)
			}
		}
		checkProbes(t, id, c)
	}
}

// variables are the settings of a program, with the files of its secrets.
func variables(settings []reflect.Type) map[string]bool {
	known := map[string]bool{}
	for _, of := range settings {
		for _, field := range reflect.VisibleFields(of) {
			name, _, _ := strings.Cut(field.Tag.Get("env"), ",")
			if name == "" {
				continue
			}
			known[config.Prefix+name] = true
			if field.Type.Implements(reflect.TypeFor[fmt.Formatter]()) { // a secret
				known[config.Prefix+name+"_FILE"] = true
			}
		}
	}
	return known
}

// checkProbes asks the handler that every program serves.
func checkProbes(t *testing.T, id string, c core.Container) {
	t.Helper()
	ports := map[string]int32{}
	for _, p := range c.Ports {
		ports[p.Name] = p.ContainerPort
	}
	server := httptest.NewServer(ops.Handler(prometheus.NewRegistry()))
	defer server.Close()
	for _, probe := range []*core.Probe{c.LivenessProbe, c.ReadinessProbe} {
		if probe == nil {
			if c.Name != "setup" {
				t.Errorf("%s: a probe is missing", id)
			}
			continue
		}
		if ports[probe.HTTPGet.Port.StrVal] == 0 {
			t.Errorf("%s: no port %s", id, probe.HTTPGet.Port.StrVal)
		}
		answer, err := http.Get(server.URL + probe.HTTPGet.Path)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			t.Errorf("%s: %s is answered %d", id, probe.HTTPGet.Path, answer.StatusCode)
		}
	}
}

package deploy_test

import (
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/privatereply/privatereply/internal/config"
)

// Prometheus asks each program at the port where it tells, and the proxy asks the
// bridges there.
func TestOpsPorts(t *testing.T) {
	project := load(t, "full", nil)
	ports := map[string]string{}
	for name, of := range map[string]reflect.Type{
		"worker": reflect.TypeFor[config.Worker](), "bridge": reflect.TypeFor[config.Bridge](), "approvals": reflect.TypeFor[config.Desk](),
	} {
		field, ok := of.FieldByName("OpsAddr")
		if !ok {
			t.Fatalf("%s has no port for operators", name)
		}
		addr := field.Tag.Get("envDefault")
		if set := project.Services[name].Environment["PRIVATEREPLY_OPS_ADDR"]; set != nil {
			addr = *set
		}
		host, port, _ := strings.Cut(addr, ":")
		if host != "" {
			t.Errorf("%s listens on %s, which nobody outside its container reaches", name, addr)
		}
		ports[name] = port
	}

	var prometheus struct {
		Jobs []struct {
			Name string `yaml:"job_name"`
			DNS  []struct {
				Names []string `yaml:"names"`
				Port  int      `yaml:"port"`
			} `yaml:"dns_sd_configs"`
		} `yaml:"scrape_configs"`
	}
	if err := yaml.Unmarshal([]byte(read(t, "prometheus/prometheus.yml")), &prometheus); err != nil {
		t.Fatal(err)
	}
	asked := map[string]string{}
	for _, job := range prometheus.Jobs {
		for _, target := range job.DNS {
			for _, name := range target.Names {
				asked[name] = strconv.Itoa(target.Port)
			}
		}
	}
	for name, port := range ports {
		if asked[name] != port {
			t.Errorf("%s tells at port %s; Prometheus asks %q", name, port, asked[name])
		}
	}
	if want := "health_port " + ports["bridge"] + "\n"; !strings.Contains(read(t, "proxy/Caddyfile"), want) {
		t.Errorf("the proxy does not ask the bridges at port %s", ports["bridge"])
	}
}

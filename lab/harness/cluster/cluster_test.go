package cluster

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/goccy/go-yaml"
)

// Guards: the server gets a configuration that it can read, on ports of its own that
// Postgres can store, and nothing but this machine is listened to.
func TestConfiguration(t *testing.T) {
	s := &Server{}
	db := &Postgres{port: 25432, password: "23e4567"} // unquoted it would be a number
	dir := filepath.Join(t.TempDir(), "temporal")
	if err := s.configure("server", dir, "log", db); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "server.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		Persistence struct {
			NumHistoryShards int `yaml:"numHistoryShards"`
			Datastores       map[string]struct {
				SQL struct {
					ConnectAddr, Password string
				}
			}
		}
		Services map[string]struct {
			RPC struct {
				GRPCPort        int  `yaml:"grpcPort"`
				MembershipPort  int  `yaml:"membershipPort"`
				BindOnLocalHost bool `yaml:"bindOnLocalHost"`
			}
		}
	}
	if err := yaml.Unmarshal(text, &config); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if config.Persistence.NumHistoryShards != Shards || len(config.Persistence.Datastores) != 2 {
		t.Errorf("persistence: %+v", config.Persistence)
	}
	for name, store := range config.Persistence.Datastores {
		if store.SQL.Password != db.password {
			t.Errorf("%s: password %q, want %q", name, store.SQL.Password, db.password)
		}
	}
	seen := map[int]string{}
	for name, service := range config.Services {
		if !service.RPC.BindOnLocalHost {
			t.Errorf("%s listens to other machines", name)
		}
		for _, port := range []int{service.RPC.GRPCPort, service.RPC.MembershipPort} {
			if port < firstPort || port > lastPort || seen[port] != "" {
				t.Errorf("%s: port %d is out of range, or %s has it", name, port, seen[port])
			}
			seen[port] = name
		}
	}
	if len(seen) != 8 {
		t.Errorf("%d ports for four services, want 8", len(seen))
	}
	var dynamic map[string]any
	if err := yaml.Unmarshal(dynamicConfig, &dynamic); err != nil || len(dynamic) == 0 {
		t.Errorf("dynamic configuration: %v, %v", dynamic, err)
	}
}

package deploy_test

import (
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
)

// isJob reports whether a service does its work and ends.
func isJob(service types.ServiceConfig) bool {
	return service.Restart == "no" || strings.HasPrefix(service.Restart, "on-failure")
}

// pinned is an image with a tag that names one release.
var pinned = regexp.MustCompile(`^[a-z/-]+:v?\d+\.\d+(\.\d+)?(-alpine)?$`)

// ours reports whether the image of a service is one of our own programs.
func ours(service types.ServiceConfig) bool {
	return strings.HasPrefix(service.Image, "registry.example.com/private-replies/")
}

// No container runs as root, can become it, or is of an unknown version, and each that
// stays up says whether it works.
func TestHardened(t *testing.T) {
	for name, service := range load(t, "full", nil).AllServices() {
		t.Run(name, func(t *testing.T) {
			switch {
			case ours(service):
				if !service.ReadOnly {
					t.Error("a program of ours can write into its image")
				}
			case !pinned.MatchString(service.Image):
				t.Errorf("the image %q names no release", service.Image)
			case service.User == "" || regexp.MustCompile(`^(root|0)(:|$)`).MatchString(service.User):
				t.Errorf("it runs as %q", service.User)
			}
			if !slices.Equal(service.CapDrop, []string{"ALL"}) {
				t.Errorf("it keeps capabilities: it drops only %q", service.CapDrop)
			}
			if add := service.CapAdd; len(add) > 0 && (name != "proxy" || !slices.Equal(add, []string{"NET_BIND_SERVICE"})) {
				t.Errorf("it has the capabilities %q", add)
			}
			if !slices.Contains(service.SecurityOpt, "no-new-privileges:true") || service.Privileged {
				t.Error("it may gain privileges")
			}
			if service.Logging == nil || service.Logging.Driver != "local" {
				t.Error("its log grows without a limit")
			}
			health := service.HealthCheck
			switch {
			case isJob(service) && health != nil:
				t.Error("a job has a health check")
			case !isJob(service) && health == nil:
				t.Error("nobody knows whether it works")
			case health != nil && (health.Test[0] != "CMD" || health.Interval == nil || health.Timeout == nil):
				t.Errorf("the health check %q needs a shell, or has no times", health.Test)
			case !isJob(service) && service.Restart != "unless-stopped":
				t.Errorf("restart is %q", service.Restart)
			}
		})
	}
}

// Our own images have no shell: their health check is the program itself, under the
// name that the Dockerfile gives it.
func TestHealthChecksOfPrograms(t *testing.T) {
	project := load(t, "full", nil)
	for _, name := range []string{"worker", "bridge", "approvals"} {
		service := project.Services[name]
		program, _, _ := strings.Cut(path.Base(service.Image), ":")
		if want := []string{"CMD", "/" + program, "healthcheck"}; !slices.Equal(service.HealthCheck.Test, want) {
			t.Errorf("%s is asked by %q, want %q", name, service.HealthCheck.Test, want)
		}
	}
}

// Nothing is reachable from other machines until the operator says so, and then only
// the proxy is.
func TestPorts(t *testing.T) {
	tests := []struct {
		name   string
		vars   map[string]string
		public map[string]bool // the proxy's ports that others reach
	}{
		{"trial", nil, nil},
		{"in public", map[string]string{"WEBHOOK_SITE": "hooks.example.com", "HTTP_PORT": "80", "HTTPS_PORT": "443"}, map[string]bool{"80": true, "443": true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, profile := range []string{"full", "light"} {
				taken, open := map[string]string{}, 0
				for name, service := range load(t, profile, tt.vars).Services {
					for _, port := range service.Ports {
						if other := taken[port.Published]; other != "" {
							t.Errorf("%s and %s both publish port %s", name, other, port.Published)
						}
						taken[port.Published] = name
						public := name == "proxy" && tt.public[port.Published]
						if port.HostIP != "127.0.0.1" && !public {
							t.Errorf("%s publishes port %s on %q", name, port.Published, port.HostIP)
						}
						if public {
							open++
						}
					}
				}
				if open != len(tt.public) {
					t.Errorf("%d ports of the proxy are public, want %d", open, len(tt.public))
				}
			}
		})
	}
}

// What the file mounts of this repository is in it; what the operator makes is not
// made by Docker as an empty folder. The only folders that can be written to are that of
// connected accounts, and not by the bridge, which everybody may call, by the desk that of
// the rules, and that of the backups by who makes them.
func TestMountsExist(t *testing.T) {
	project := load(t, "full", nil)
	ours := func(path string) bool { return strings.Contains(path, "/deploy/") }
	look := func(path string) {
		if _, err := os.Stat(path); ours(path) && err != nil {
			t.Error(err)
		}
	}
	for _, c := range project.Configs {
		look(c.File)
	}
	for name, service := range project.AllServices() {
		for _, v := range service.Volumes {
			if v.Type != types.VolumeTypeBind {
				continue
			}
			look(v.Source)
			connects := slices.Contains([]string{"worker", "approvals", "starter"}, name) && strings.HasSuffix(v.Source, "/config/accounts/connected")
			edits := name == "approvals" && strings.HasSuffix(v.Source, "/config/rules")
			dumps := name == "backup" && strings.HasSuffix(v.Source, "/backups")
			if v.ReadOnly == (connects || edits || dumps) || v.Bind == nil || bool(v.Bind.CreateHostPath) {
				t.Errorf("%s: %s can be written to, or is made when it is missing", name, v.Source)
			}
		}
	}
}

package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A worker is of a build of a deployment, or of neither: half a name, or one that
// Temporal refuses, would leave it without work, and only its log would say so.
func TestVersioning(t *testing.T) {
	long := strings.Repeat("b", 101)
	tests := []struct {
		name              string
		deployment, build string
		want              Versioning
		wrong             string
	}{
		{name: "not versioned"},
		{name: "versioned", deployment: "private-replies", build: "v1.2.0+3f2a:amd64", want: Versioning{"private-replies", "v1.2.0+3f2a:amd64"}},
		{name: "no build", deployment: "private-replies",
			wrong: "PRIVATEREPLY_BUILD_ID is missing: set it beside PRIVATEREPLY_DEPLOYMENT_NAME, to the release that this worker is built from"},
		{name: "no deployment", build: "v1",
			wrong: "PRIVATEREPLY_DEPLOYMENT_NAME is missing: set it beside PRIVATEREPLY_BUILD_ID, to the same name for every build, such as private-replies"},
		{name: "a dot in the deployment", deployment: "private.replies", build: "v1",
			wrong: `PRIVATEREPLY_DEPLOYMENT_NAME: "private.replies" has a dot or a colon, which Temporal keeps for itself; write a name such as private-replies`},
		{name: "a colon in the deployment, and no build", deployment: "private:replies",
			wrong: `PRIVATEREPLY_DEPLOYMENT_NAME: "private:replies" has a dot or a colon, which Temporal keeps for itself; write a name such as private-replies; ` +
				"PRIVATEREPLY_BUILD_ID is missing: set it beside PRIVATEREPLY_DEPLOYMENT_NAME, to the release that this worker is built from"},
		{name: "reserved", deployment: "private-replies", build: "__unversioned__",
			wrong: `PRIVATEREPLY_BUILD_ID: "__unversioned__" begins with __, which Temporal keeps for itself; write one such as v1.2.0`},
		{name: "a space", deployment: "private replies", build: "v1",
			wrong: `PRIVATEREPLY_DEPLOYMENT_NAME: "private replies" has a space or a character beyond ASCII; write one such as private-replies`},
		{name: "too long", deployment: "private-replies", build: long,
			wrong: "PRIVATEREPLY_BUILD_ID: it has 101 bytes, at most 100 are allowed; write one such as v1.2.0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			setenv(t, map[string]string{"DEPLOYMENT_NAME": tt.deployment, "BUILD_ID": tt.build})
			got, err := Read[Worker]()
			if tt.wrong != "" {
				if err == nil || err.Error() != "settings: "+tt.wrong {
					t.Errorf("got  %v\nwant settings: %s", err, tt.wrong)
				}
				return
			}
			if diff := cmp.Diff(tt.want, got.Versioning); err != nil || diff != "" {
				t.Errorf("%v %s", err, diff)
			}
		})
	}
}

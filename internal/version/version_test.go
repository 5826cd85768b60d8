package version

import (
	"runtime/debug"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.temporal.io/sdk/temporal"
)

// Guards: a build says which commit it is of, wherever it was made.
func TestBuild(t *testing.T) {
	at := time.Date(2026, 11, 28, 18, 0, 0, 0, time.UTC)
	git := []debug.BuildSetting{{Key: "vcs.revision", Value: "0123abc"}, {Key: "vcs.time", Value: "2026-11-28T18:00:00Z"}}
	tests := map[string]struct {
		info    debug.BuildInfo
		release string
		linked  string
		want    Build
		text    string
		id      string
	}{
		"a checkout": {
			info: debug.BuildInfo{GoVersion: "go1.26.8", Main: debug.Module{Version: "(devel)"}, Settings: git},
			want: Build{Commit: "0123abc", CommittedAt: at, Go: "go1.26.8"},
			text: "development build, commit 0123abc",
			id:   "0123abc",
		},
		"a checkout with changes": {
			info: debug.BuildInfo{GoVersion: "go1.26.8", Settings: append(git, debug.BuildSetting{Key: "vcs.modified", Value: "true"})},
			want: Build{Commit: "0123abc", CommittedAt: at, Modified: true, Go: "go1.26.8"},
			text: "development build, commit 0123abc with changes",
		},
		"an image, without git": {
			info:   debug.BuildInfo{GoVersion: "go1.26.8"},
			linked: "0123abc",
			want:   Build{Commit: "0123abc", Go: "go1.26.8"},
			text:   "development build, commit 0123abc",
			id:     "0123abc",
		},
		"go install of a release": {
			info: debug.BuildInfo{GoVersion: "go1.26.8", Main: debug.Module{Version: "v0.2.0"}},
			want: Build{Version: "v0.2.0", Go: "go1.26.8"},
			text: "v0.2.0, commit unknown",
			id:   "v0.2.0",
		},
		"a release": {
			info:    debug.BuildInfo{GoVersion: "go1.26.8", Main: debug.Module{Version: "v0.2.1-0.20261128180000-0123abc"}},
			release: "v0.3.0",
			linked:  "0123abc",
			want:    Build{Version: "v0.3.0", Commit: "0123abc", Go: "go1.26.8"},
			text:    "v0.3.0, commit 0123abc",
			id:      "v0.3.0",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			tc.want.TemporalSDK = temporal.SDKVersion
			got := fromInfo(&tc.info, tc.release, tc.linked)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got.String() != tc.text {
				t.Errorf("%q, want %q", got, tc.text)
			}
			if got.ID() != tc.id {
				t.Errorf("the build id is %q, want %q", got.ID(), tc.id)
			}
		})
	}
}

// Package version says which build of the product runs.
package version

import (
	"cmp"
	"fmt"
	"runtime/debug"
	"time"

	"go.temporal.io/sdk/temporal"
)

// commit is set by the linker where the build has no git repository, as in the
// Dockerfile: -ldflags "-X github.com/privatereply/privatereply/internal/version.commit=…".
var commit string

// release is set by the linker too, where a release is made.
var release string

// Build describes the program that runs. What the build does not know is empty.
type Build struct {
	Version     string    `json:"version,omitempty"` // of the release, such as v0.2.0
	Commit      string    `json:"commit,omitempty"`
	CommittedAt time.Time `json:"committed_at,omitzero"`
	Modified    bool      `json:"modified,omitempty"` // files differed from the commit
	Go          string    `json:"go"`
	TemporalSDK string    `json:"temporal_sdk"`
}

// Get reads the build of this program.
func Get() Build {
	info, ok := debug.ReadBuildInfo()
	if !ok { // built without modules
		info = &debug.BuildInfo{}
	}
	return fromInfo(info, release, commit)
}

func fromInfo(info *debug.BuildInfo, linkedRelease, linkedCommit string) Build {
	b := Build{Version: linkedRelease, Commit: linkedCommit, Go: info.GoVersion, TemporalSDK: temporal.SDKVersion}
	if v := info.Main.Version; b.Version == "" && v != "(devel)" {
		b.Version = v
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.time":
			b.CommittedAt, _ = time.Parse(time.RFC3339, s.Value)
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

// ID names the build for Temporal's Worker Versioning: the release, else the commit. It is
// empty where nothing tells this code from other code.
func (b Build) ID() string {
	if b.Modified {
		return ""
	}
	return cmp.Or(b.Version, b.Commit)
}

// String is the version and the commit in one line.
func (b Build) String() string {
	name := b.Version
	if name == "" {
		name = "development build"
	}
	switch {
	case b.Commit == "":
		return name + ", commit unknown"
	case b.Modified:
		return fmt.Sprintf("%s, commit %s with changes", name, b.Commit)
	}
	return fmt.Sprintf("%s, commit %s", name, b.Commit)
}

// Package version says which build of the product runs.
package version

import (
	"fmt"
	"runtime/debug"
	"time"

	"go.temporal.io/sdk/temporal"
)

// commit is set by the linker where the build has no git repository, as in the
// Dockerfile: -ldflags "-X github.com/privatereply/privatereply/internal/version.commit=…".
var commit string

// Build describes the program that runs. What the build does not know is empty.
type Build struct {
	Version     string    `json:"version,omitempty"` // of the module, such as v0.2.0
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
	return fromInfo(info, commit)
}

func fromInfo(info *debug.BuildInfo, linked string) Build {
	b := Build{Commit: linked, Go: info.GoVersion, TemporalSDK: temporal.SDKVersion}
	if v := info.Main.Version; v != "(devel)" {
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

package config

import (
	"fmt"
	"strings"
	"unicode"
)

// Versioning opts a worker into Temporal's Worker Deployment Versioning: Temporal
// then gives tasks to the build that an operator made the current one. Both names
// are set or neither is.
type Versioning struct {
	Deployment DeploymentName `env:"DEPLOYMENT_NAME"`
	Build      BuildID        `env:"BUILD_ID"`
}

// validate refuses one name without the other.
func (v Versioning) validate() error {
	switch {
	case v.Deployment != "" && v.Build == "":
		return fmt.Errorf("%[1]sBUILD_ID is missing: set it beside %[1]sDEPLOYMENT_NAME, to the release that this worker is built from", Prefix)
	case v.Deployment == "" && v.Build != "":
		return fmt.Errorf("%[1]sDEPLOYMENT_NAME is missing: set it beside %[1]sBUILD_ID, to the same name for every build, such as private-replies", Prefix)
	}
	return nil
}

// DeploymentName is what all builds of a worker have in common. Empty: none.
type DeploymentName string

// UnmarshalText refuses what Temporal would, which tells only the worker's log.
func (n *DeploymentName) UnmarshalText(text []byte) error {
	*n = DeploymentName(text)
	if strings.ContainsAny(string(text), ".:") {
		return fmt.Errorf("%q has a dot or a colon, which Temporal keeps for itself; write a name such as private-replies", text)
	}
	return checkVersionName(string(text), "private-replies")
}

// BuildID names one build of a worker. Empty: none.
type BuildID string

// UnmarshalText refuses what Temporal would.
func (b *BuildID) UnmarshalText(text []byte) error {
	*b = BuildID(text)
	return checkVersionName(string(text), "v1.2.0")
}

// maxVersionName is less than half of the 255 bytes in which a server on SQL keeps
// both names, with what it puts before them.
const maxVersionName = 100

func checkVersionName(name, example string) error {
	switch {
	case len(name) > maxVersionName:
		return fmt.Errorf("it has %d bytes, at most %d are allowed; write one such as %s", len(name), maxVersionName, example)
	case strings.HasPrefix(name, "__"):
		return fmt.Errorf("%q begins with __, which Temporal keeps for itself; write one such as %s", name, example)
	case strings.ContainsFunc(name, func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsGraphic(r) || unicode.IsSpace(r) }):
		return fmt.Errorf("%q has a space or a character beyond ASCII; write one such as %s", name, example)
	}
	return nil
}

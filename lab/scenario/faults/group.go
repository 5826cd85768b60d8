package faults

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// victim is what a group of cases kills or stops.
type victim string

// The victims. Programs are killed as kill -9 does, or stopped with SIGTERM as a
// deploy does.
const (
	nobody   victim = ""
	bridge   victim = "bridge"
	worker   victim = "worker"
	desk     victim = "desk"
	temporal victim = "temporal"
)

// Group is cases that run together.
type Group struct {
	Name   string
	About  string
	Cases  []Case
	victim victim
	gently bool // SIGTERM instead of kill -9
}

// Case tries to break one promise in one way.
type Case struct {
	Name   string
	Expect Expect
	run    func(*trial)
	// atBridge says that the case holds a webhook in the bridge, which has room for
	// few of them at once.
	atBridge bool
}

// Groups are all groups, in the order in which they run.
func Groups() []Group {
	return slices.Concat(killGroups(), []Group{
		metaOnReplies(), metaOnFollowUps(), deadlines(), deadlinesWithoutWorker(), deadlinesWithoutTemporal(),
		races(), racesWithoutWorker(), webhooks(), words(), surroundings(),
		stopWorker(), stopBridge(), stopDesk(),
	})
}

// Choose keeps what only names: groups, or cases as group/case. Empty keeps all.
func Choose(groups []Group, only string) ([]Group, error) {
	if strings.TrimSpace(only) == "" {
		return groups, nil
	}
	wanted := map[string]bool{}
	for item := range strings.SplitSeq(only, ",") {
		wanted[strings.TrimSpace(item)] = true
	}
	var chosen []Group
	known := map[string]bool{}
	for _, g := range groups {
		known[g.Name] = true
		keep := g
		if !wanted[g.Name] {
			keep.Cases = nil
			for _, c := range g.Cases {
				known[g.Name+"/"+c.Name] = true
				if wanted[g.Name+"/"+c.Name] {
					keep.Cases = append(keep.Cases, c)
				}
			}
		}
		if len(keep.Cases) > 0 {
			chosen = append(chosen, keep)
		}
	}
	var wrong []error
	for item := range wanted {
		group, _, isCase := strings.Cut(item, "/")
		switch {
		case known[item], isCase && wanted[group] && known[group]:
		case isCase && known[group]:
			wrong = append(wrong, fmt.Errorf("group %s has no case %q; -list names them", group, item))
		default:
			wrong = append(wrong, fmt.Errorf("there is no group or group/case %q; -list names them", item))
		}
	}
	return chosen, errors.Join(wrong...)
}

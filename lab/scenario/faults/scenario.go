// Package faults tries to break what the product promises. It runs the programs as
// processes on a real Temporal server, with the sandbox in Meta's place, kills them
// at exact steps, lets Meta misbehave, lets deadlines pass in outages and people
// collide. The verdict is the sandbox's own count of what each person received, and
// the state with the reason that the workflow names.
package faults

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/privatereply/privatereply/lab/scenario"
)

// victim is what a scenario kills or stops.
type victim string

// The victims. Programs are killed as kill -9 does, or stopped with SIGTERM as a
// deploy does.
const (
	nobody   victim = ""
	bridge   victim = "bridge"
	worker   victim = "worker"
	desk     victim = "desk"
	temporal victim = "temporal"

	eventReceiver victim = "receiver" // of outgoing events
)

// Scenario is cases that run together.
type Scenario struct {
	Name     string
	About    string
	Cases    []Case
	victim   victim
	graceful bool // SIGTERM instead of kill -9
	onFolder bool // it runs on the product whose accounts stand in a folder: see newFolderStack
}

// Case tries to break one promise in one way.
type Case struct {
	Name   string
	Expect Expect
	run    func(*caseRun)
	// heldInBridge says that the case holds a webhook in the bridge, which has room for
	// few of them at once.
	heldInBridge bool
	// holdsFolder says that a program holds the lock of the accounts folder at the case's
	// step, so that no other case can come to one of these beside it.
	holdsFolder bool
}

// all are all scenarios, in the order in which they run.
func all() []Scenario {
	return slices.Concat(killScenarios(), killEffects(), accountScenarios(), reporting(), []Scenario{
		metaOnReplies(), metaOnFollowUps(), metaOnPublicReplies(), metaOnHides(), metaOnTaps(), onceOnly(), deadlines(), deadlinesWithoutWorker(), deadlinesWithoutTemporal(),
		races(), racesDuringOutage(), webhooks(), words(), surroundings(),
		stopWorker(), stopBridge(), stopDesk(), erasures(),
	})
}

// Suite is the registry's entry for these scenarios.
var Suite = scenario.Suite{Name: "faults", About: "what tries to break the promises, on processes", Scenarios: registered(), Run: run}

// registered are all scenarios as the registry knows them. The invariants are checked
// after whatever has run.
func registered() []scenario.Scenario {
	var registered []scenario.Scenario
	for _, s := range all() {
		r := scenario.Scenario{Name: s.Name, About: s.About}
		for _, c := range s.Cases {
			r.Cases = append(r.Cases, scenario.Case{Name: c.Name, Expect: c.Expect.String()})
		}
		registered = append(registered, r)
	}
	return registered
}

// run runs the chosen scenarios, each on the Product that it needs, and prints their table.
func run(ctx context.Context, lab *scenario.Lab, chosen []scenario.Scenario) error {
	began := time.Now()
	var onFile, onFolder []Scenario
	for _, s := range pick(all(), chosen) {
		if s.onFolder {
			onFolder = append(onFolder, s)
		} else {
			onFile = append(onFile, s)
		}
	}
	rows, err := runOn(ctx, lab, newStack, commentInvariants, onFile)
	if err == nil {
		var more []Row
		more, err = runOn(ctx, lab, newFolderStack, folderInvariants, onFolder)
		rows = append(rows, more...)
	}
	WriteTable(lab.Out, rows)
	summary, ok := Summary(rows)
	fmt.Fprintf(lab.Out, "\n%s, in %v\n", summary, time.Since(began).Round(time.Second))
	if err == nil && !ok {
		err = errors.New("a case failed, or none could run")
	}
	return err
}

// runOn runs scenarios on one Product, which is not started if there are none.
func runOn(ctx context.Context, lab *scenario.Lab, start func(context.Context, *scenario.Lab) (*Stack, func(), error), invariants []invariant, scenarios []Scenario) ([]Row, error) {
	if len(scenarios) == 0 {
		return nil, nil
	}
	stack, closeServer, err := start(ctx, lab)
	if err != nil {
		return nil, err
	}
	defer closeServer()
	defer stack.Close()
	runner := Runner{Stack: stack, Limit: lab.Limit, OnRow: func(r Row) { lab.Printf("%s", r.Line()) }, invariants: invariants}
	return runner.Run(ctx, scenarios)
}

// pick keeps the scenarios and cases that the registry chose.
func pick(all []Scenario, chosen []scenario.Scenario) []Scenario {
	var picked []Scenario
	for _, c := range chosen {
		i := slices.IndexFunc(all, func(s Scenario) bool { return s.Name == c.Name })
		s := all[i]
		s.Cases = slices.DeleteFunc(slices.Clone(s.Cases), func(one Case) bool {
			return !slices.ContainsFunc(c.Cases, func(kept scenario.Case) bool { return kept.Name == one.Name })
		})
		picked = append(picked, s)
	}
	return picked
}

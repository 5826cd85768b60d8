// Package faults tries to break what the product promises. It runs the programs as
// processes on a real Temporal server, with the sandbox in Meta's place, kills them
// at exact steps, lets Meta misbehave, lets deadlines pass in outages and people
// collide. The verdict is the sandbox's own count of what each person received, and
// the state with the reason that the workflow names.
package faults

package faults

// step is one step of a reply's life, at which any process may die.
type step struct {
	name     string
	expect   Expect
	dying    map[victim]Expect // where it depends on who dies
	atBridge bool
	run      func(t *trial)
}

// killGroups are the steps with each victim.
func killGroups() []Group {
	all := steps()
	var groups []Group
	for place, v := range []victim{bridge, worker, desk, temporal} {
		g := Group{Name: "kill-" + string(v), About: "kill -9 of " + v.words() + ", at each step of a reply's life", victim: v}
		for _, s := range all {
			c := Case{Name: s.name, Expect: s.expect, atBridge: s.atBridge, run: s.run}
			if s.name == sweeping { // a sweep finds all comments of its account
				c.run = func(t *trial) { sweep(t, sweptPages+place) }
			}
			if e, ok := s.dying[v]; ok {
				c.Expect = e
			}
			g.Cases = append(g.Cases, c)
		}
		groups = append(groups, g)
	}
	return groups
}

func (v victim) words() string {
	switch v {
	case temporal:
		return "the Temporal server"
	case desk:
		return "the approvals desk"
	}
	return "the " + string(v)
}

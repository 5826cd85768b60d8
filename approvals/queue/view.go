package queue

import (
	"slices"
	"strings"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/replies"
)

// View is an immutable snapshot of the waiting replies.
type View struct {
	Version int
	Rows    []replies.Row // live broadcasts first, then the earliest deadline
	Total   int64         // more than the rows when there are too many to hold
	ReadAt  time.Time
	Err     error // why the last read failed

	byID map[string]int
}

func newView(rows []replies.Row, total int64, now time.Time) *View {
	v := &View{Rows: slices.Clone(rows), Total: max(total, int64(len(rows))), ReadAt: now, byID: make(map[string]int, len(rows))}
	slices.SortFunc(v.Rows, Compare)
	for i, r := range v.Rows {
		v.byID[r.ID] = i
	}
	return v
}

// withError is v, marked with the error of a newer read.
func (v *View) withError(err error) *View {
	marked := *v
	marked.Err = err
	return &marked
}

// Compare orders rows as people should decide them: a broadcast can end at any
// moment, so its comments come first.
func Compare(a, b replies.Row) int {
	if a.OnLive() != b.OnLive() {
		if a.OnLive() {
			return -1
		}
		return 1
	}
	return a.Compare(b)
}

// Only is the part of v that somebody may see. It says that there is more where v does.
func (v *View) Only(sees func(account string) bool) *View {
	rows := slices.DeleteFunc(slices.Clone(v.Rows), func(r replies.Row) bool { return !sees(r.Account) })
	part := newView(rows, 0, v.ReadAt)
	part.Version, part.Err = v.Version, v.Err
	if v.Total > int64(len(v.Rows)) {
		part.Total++
	}
	return part
}

// Row finds one row.
func (v *View) Row(id string) (replies.Row, bool) {
	i, ok := v.byID[id]
	if !ok {
		return replies.Row{}, false
	}
	return v.Rows[i], true
}

// Filter selects rows. Empty fields match all.
type Filter struct {
	State   privatereply.State
	Account string
	Rule    string
	Source  privatereply.Source
	Search  string
	Who     Who
	User    string // whose replies Mine are
}

// Who narrows a queue by the people who work on it.
type Who string

// The replies that are assigned to the user, that are assigned to nobody, and whose text a
// person has proposed; what was sent back to who proposed it is none of these.
const (
	Mine       Who = "mine"
	Unassigned Who = "unassigned"
	Drafts     Who = "drafts"
)

// Whose are all values of Who.
var Whose = []Who{Mine, Unassigned, Drafts}

func (f Filter) matchesWho(r replies.Row) bool {
	switch f.Who {
	case Mine:
		return r.Assignee != "" && r.Assignee == f.User
	case Unassigned:
		return r.Assignee == ""
	case Drafts:
		return r.ProposedBy != "" && r.ProposedBy != r.Assignee
	}
	return true
}

// Matches reports whether a row matches f. Every word of the search must be in the names
// and texts of the row, the kind of its attachment or its ids; of a cut text, in the part
// that the list has.
func (f Filter) Matches(r replies.Row) bool {
	switch {
	case f.State != "" && f.State != r.State,
		f.Account != "" && f.Account != r.Account,
		f.Rule != "" && f.Rule != r.Rule,
		f.Source != "" && f.Source != r.Source,
		!f.matchesWho(r):
		return false
	case f.Search == "":
		return true
	}
	hay := strings.ToLower(strings.Join([]string{r.Person, r.Comment, r.Text, r.Rule, r.Media, r.ID, r.Approver, string(r.Attachment.Kind)}, "\n"))
	for word := range strings.FieldsSeq(strings.ToLower(f.Search)) {
		if !strings.Contains(hay, word) {
			return false
		}
	}
	return true
}

// Select lists the rows that match f, in their order.
func (v *View) Select(f Filter) []replies.Row {
	var found []replies.Row
	for _, r := range v.Rows {
		if f.Matches(r) {
			found = append(found, r)
		}
	}
	return found
}

// CountMatching is the number of rows that match f.
func (v *View) CountMatching(f Filter) int {
	n := 0
	for _, r := range v.Rows {
		if f.Matches(r) {
			n++
		}
	}
	return n
}

// Count is the number of rows in a state.
func (v *View) Count(s privatereply.State) int {
	n := 0
	for _, r := range v.Rows {
		if r.State == s {
			n++
		}
	}
	return n
}

// Choices are the values for the fields of a filter, sorted.
type Choices struct {
	Accounts, Rules []string
	Sources         []privatereply.Source
}

// Choices lists what occurs among the rows.
func (v *View) Choices() Choices {
	accounts, rules, sources := map[string]bool{}, map[string]bool{}, map[privatereply.Source]bool{}
	for _, r := range v.Rows {
		accounts[r.Account], rules[r.Rule], sources[r.Source] = true, true, true
	}
	return Choices{Accounts: sorted(accounts), Rules: sorted(rules), Sources: sorted(sources)}
}

func sorted[T ~string](set map[T]bool) []T {
	var all []T
	for v := range set {
		if v != "" {
			all = append(all, v)
		}
	}
	slices.Sort(all)
	return all
}

package desk

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/approvals/signin"
	"github.com/privatereply/privatereply/internal/backtest"
	"github.com/privatereply/privatereply/internal/versions"
	"github.com/privatereply/privatereply/rules"
)

// RulesFile is the rules file that admins edit on the page Rules. The bridge and the worker
// watch the file, and take up what is saved by themselves.
type RulesFile struct {
	*versions.File
	held backtest.Source

	mu       sync.Mutex
	opened   map[string]time.Time // who has had the page open, by name
	loaded   *rules.Set           // what a content of the file says
	testing  sync.Mutex           // one backtest at a time: it reads many histories
	patience time.Duration        // of a backtest
}

// NewRulesFile is the rules file at path. New rules are tried on the comments that held has.
func NewRulesFile(path string, held backtest.Source) *RulesFile {
	name := filepath.Base(path)
	return &RulesFile{
		File: versions.New(path, func(data []byte) error {
			_, err := rules.Parse(name, data)
			return err
		}),
		held: held, opened: map[string]time.Time{}, patience: backtestPatience,
	}
}

const (
	// maxRulesForm is more than the form of the largest rules file, in which each byte may
	// take three.
	maxRulesForm = 4 << 20
	// maxReasonChars is the longest reason for a change.
	maxReasonChars = 500
	// openFor is how long somebody who opened the page is taken to be at it.
	openFor = 10 * time.Minute
	// ruleDays are the days for which the page counts what each rule did, and countPatience
	// how long it counts at once; what is counted stays counted.
	ruleDays      = 7
	countPatience = 3 * time.Second
	// backtestLimit and backtestPatience bound a backtest on the page.
	backtestLimit    = 5000
	backtestPatience = 20 * time.Second
	// maxShownChanges is how many comments of a backtest are shown.
	maxShownChanges = 200
)

// open notes that somebody has the page open, and lists the others.
func (f *RulesFile) open(by string, now time.Time) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	maps.DeleteFunc(f.opened, func(_ string, at time.Time) bool { return now.Sub(at) > openFor })
	f.opened[by] = now
	others := slices.Sorted(maps.Keys(f.opened))
	return slices.DeleteFunc(others, func(name string) bool { return name == by })
}

// set reads the rules in the file; nil if it does not load.
func (f *RulesFile) set() *rules.Set {
	content, err := f.Read()
	if err != nil {
		return nil
	}
	return f.parse(content)
}

// parse reads the rules of a content. The last one that loaded is kept.
func (f *RulesFile) parse(content versions.Content) *rules.Set {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.loaded != nil && f.loaded.SHA256() == content.SHA256 {
		return f.loaded
	}
	set, err := rules.Parse(filepath.Base(f.Path()), content.Data)
	if err != nil {
		return nil
	}
	f.loaded = set
	return set
}

// rulesView is the page Rules.
type rulesView struct {
	pageFrame
	File       string // its path
	Content    string // in the editor
	Base       string // the SHA-256 of the file that the editor began with
	Why        string // the reason that was written
	Unwritable string // why nothing can be saved here
	Others     []string
	Message    string
	Failure    string
	Problems   []ruleProblem
	Loads      bool // what is in the editor was checked, and loads
	Conflict   *rulesConflict
	Try        tryForm
	Tried      *triedComment
	Backtest   *backtestView
	Rules      []ruleRow
	Days       int
	Uncounted  bool // there was no time to count what all rules did
	Versions   []versionRow
	Platforms  []privatereply.Platform
	Sources    []privatereply.Source
	Accounts   []privatereply.Account
}

// ruleProblem is something that is wrong in what is in the editor, with its line.
type ruleProblem struct {
	rules.Problem
	Source string `json:"source,omitempty"`
}

// ruleRow is a rule of the file, with what it did.
type ruleRow struct {
	rules.Rule
	Counted bool
	stageCounts
}

type versionRow struct {
	versions.Version
	InForce bool
}

// rulesConflict is what somebody else has made of the file.
type rulesConflict struct {
	By   string
	At   time.Time
	Why  string
	Now  string
	SHA  string
	Diff []diffLine // from that file to what is in the editor
}

var rulesMessages = map[string]string{
	"saved": "Saved. It is in force within seconds: for comments that come from now on.",
	"back":  "Taken back. It is in force within seconds: for comments that come from now on.",
}

// rulesPage shows the rules file in an editor.
func (d *Desk) rulesPage(w http.ResponseWriter, r *http.Request) {
	if !d.mayEditRules(w, r) {
		return
	}
	v := d.newRulesView(r)
	v.Message = rulesMessages[r.URL.Query().Get("done")]
	content, err := d.Rules.Read()
	if err != nil {
		v.Failure = sentence("The file cannot be read: " + err.Error())
	}
	v.Content, v.Base = string(content.Data), content.SHA256
	if content.SHA256 != "" {
		v.check(d.Rules.Path())
	} else if err == nil {
		v.Failure = "There is no file " + d.Rules.Path() + " yet. What you save becomes it."
	}
	d.writeRules(w, r, http.StatusOK, v)
}

// mayEditRules answers a user who sees only some accounts: the rules are those of all.
func (d *Desk) mayEditRules(w http.ResponseWriter, r *http.Request) bool {
	if d.seenAccounts(r.Context()) == nil {
		return true
	}
	d.errorPage(w, r, http.StatusForbidden, "The rules are those of all accounts, and you see only some.")
	return false
}

func (d *Desk) newRulesView(r *http.Request) rulesView {
	v := rulesView{
		pageFrame: d.newFrame(r, "rules", "Rules"), File: d.Rules.Path(), Days: ruleDays,
		Platforms: privatereply.Platforms, Sources: privatereply.Sources, Accounts: d.Accounts.All(),
		Try:    tryForm{Platform: string(privatereply.Instagram), Source: string(privatereply.SourcePost)},
		Others: d.Rules.open(signin.UserFrom(r.Context()).Name, d.now()),
	}
	if err := d.Rules.CheckWritable(); err != nil {
		v.Unwritable = sentence(err.Error())
	}
	return v
}

// check finds what is wrong in the editor's content, and returns its rules if nothing is.
func (v *rulesView) check(path string) *rules.Set {
	set, problems := checkRules(path, v.Content)
	v.Problems, v.Loads = problems, set != nil
	return set
}

// checkRules reads rules, or says everything that is wrong in them.
func checkRules(path, content string) (*rules.Set, []ruleProblem) {
	set, err := rules.Parse(filepath.Base(path), []byte(content))
	if err == nil {
		return set, nil
	}
	var wrong *rules.LoadError
	if !errors.As(err, &wrong) {
		return nil, []ruleProblem{{Problem: rules.Problem{Message: err.Error()}}}
	}
	lines := strings.Split(content, "\n")
	var problems []ruleProblem
	for _, p := range wrong.Problems {
		problem := ruleProblem{Problem: p}
		if p.Line > 0 && p.Line <= len(lines) {
			problem.Source = strings.TrimSuffix(lines[p.Line-1], "\r")
		}
		problems = append(problems, problem)
	}
	return nil, problems
}

// writeRules adds what the file's rules did and its versions, and writes the page.
func (d *Desk) writeRules(w http.ResponseWriter, r *http.Request, status int, v rulesView) {
	content, _ := d.Rules.Read() // an error has been shown
	if set := d.Rules.parse(content); set != nil {
		v.Rules, v.Uncounted = d.countRules(r.Context(), set)
	}
	all, err := d.Rules.Versions()
	if err != nil {
		v.Failure = strings.TrimSpace(v.Failure + " The earlier versions cannot be listed: " + err.Error() + ".")
	}
	inForce := false
	for _, version := range all {
		row := versionRow{version, !inForce && version.SHA256 == content.SHA256}
		inForce = inForce || row.InForce
		v.Versions = append(v.Versions, row)
	}
	d.render(w, status, "rules", layout, v)
}

// countRules counts what each rule did in the last days, as far as there is time.
func (d *Desk) countRules(ctx context.Context, set *rules.Set) (rows []ruleRow, uncounted bool) {
	ctx, cancel := context.WithTimeout(ctx, countPatience)
	defer cancel()
	for _, rule := range set.Rules() {
		row := ruleRow{Rule: rule}
		if !uncounted {
			counts, err := d.funnel.Total(ctx, funnelFilter{Rule: rule.Name}, ruleDays, zoneFrom(ctx))
			row.Counted, row.stageCounts, uncounted = err == nil, counts, err != nil
		}
		rows = append(rows, row)
	}
	return rows, uncounted
}

// Kind is what the rule does, in a word.
func (r ruleRow) Kind() string {
	switch {
	case r.Action == privatereply.ActionAuto && r.Paused:
		return "paused: a person decides what it would send"
	case r.Action == privatereply.ActionAuto && r.Hold > 0:
		return "sends after " + time.Duration(r.Hold).String()
	case r.Action == privatereply.ActionAuto:
		return "sends at once"
	case r.Action == privatereply.ActionAsk:
		return "asks a person"
	}
	return "leaves alone"
}

// Automatic reports whether the rule sends by itself, paused or not.
func (r ruleRow) Automatic() bool { return r.Action == privatereply.ActionAuto }

// rulesForm checks, tries, runs or saves what is in the editor.
func (d *Desk) rulesForm(w http.ResponseWriter, r *http.Request) {
	if !d.mayEditRules(w, r) {
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxRulesForm)
	if err := r.ParseForm(); err != nil {
		d.errorPage(w, r, http.StatusBadRequest, "The form could not be read. A rules file may have up to 1 MiB.")
		return
	}
	v := d.newRulesView(r)
	v.Base, v.Why = r.PostForm.Get("base"), strings.TrimSpace(r.PostForm.Get("why"))
	v.Content = d.editedRules(r.PostForm.Get("content"))
	v.Try = readTryForm(r.PostForm)
	set := v.check(d.Rules.Path())
	status := http.StatusOK
	switch verb := r.PathValue("verb"); {
	case verb == "save":
		if d.saveRules(w, r, &v) {
			return
		}
		status = http.StatusConflict
	case verb != "check" && verb != "try" && verb != "backtest":
		d.errorPage(w, r, http.StatusNotFound, "There is no such page.")
		return
	case set == nil:
		status = http.StatusUnprocessableEntity
	case verb == "try":
		v.Tried = v.Try.decide(set, v.Accounts, d.now())
	case verb == "backtest":
		v.Backtest = d.backtestRules(r.Context(), set)
	default:
		v.Message = "It loads. Nothing is saved yet."
	}
	d.writeRules(w, r, status, v)
}

// editedRules is what a browser sent of an editor, with the ends of lines of the file: a
// browser sends its own.
func (d *Desk) editedRules(text string) string {
	text = normalizeNewlines(text)
	if content, err := d.Rules.Read(); err == nil && strings.Contains(string(content.Data), "\r\n") {
		text = strings.ReplaceAll(text, "\n", "\r\n")
	}
	return text
}

// saveRules saves what is in the editor and leads back to the page, or says in v why not.
func (d *Desk) saveRules(w http.ResponseWriter, r *http.Request, v *rulesView) bool {
	by := signin.UserFrom(r.Context()).Name
	base := v.Base
	if over := r.PostForm.Get("over"); over != "" {
		base = over // of the other's version, which was shown
	}
	if v.Failure = checkWhy(v.Why); v.Failure != "" {
		return false
	}
	err := d.Rules.Save(context.WithoutCancel(r.Context()), versions.Change{Data: []byte(v.Content), Base: base, By: by, Why: v.Why})
	if err == nil {
		d.Logger.Info("the rules file was changed", zap.String("by", by), zap.String("why", v.Why))
		http.Redirect(w, r, "/rules?done=saved", http.StatusSeeOther)
		return true
	}
	var changed *versions.ChangedError
	switch {
	case errors.As(err, &changed):
		v.Conflict = d.conflict(changed.Now, v.Content)
		v.Failure = "Nothing was saved: " + v.Conflict.who() + " changed the file while you were writing."
	case len(v.Problems) > 0:
		v.Failure = "Nothing was saved, because it does not load."
	default:
		v.Failure = sentence(err.Error())
	}
	return false
}

// checkWhy says what is wrong with a reason.
func checkWhy(why string) string {
	switch {
	case why == "":
		return "Nothing was saved: say in a few words why, for those who read the versions later."
	case len([]rune(why)) > maxReasonChars:
		return fmt.Sprintf("Nothing was saved: the reason has %d characters; at most %d.", len([]rune(why)), maxReasonChars)
	}
	return ""
}

func (c *rulesConflict) who() string {
	if c.By == "" {
		return "somebody (at the machine, not at the desk)"
	}
	return c.By
}

// conflict is what stands in the file now, beside what is in the editor.
func (d *Desk) conflict(now versions.Content, mine string) *rulesConflict {
	c := &rulesConflict{Now: string(now.Data), SHA: now.SHA256, Diff: diffLines(string(now.Data), mine)}
	all, err := d.Rules.Versions()
	if err == nil && len(all) > 0 && all[0].SHA256 == now.SHA256 {
		c.By, c.At, c.Why = all[0].By, all[0].At, all[0].Why
	}
	return c
}

// apiCheckRules says what is wrong in rules, while they are typed.
func (d *Desk) apiCheckRules(w http.ResponseWriter, r *http.Request) {
	if d.seenAccounts(r.Context()) != nil {
		writeJSONError(w, r, httpError{http.StatusForbidden, "role", "the rules are those of all accounts, and you see only some"})
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxRulesForm)
	if err := r.ParseForm(); err != nil {
		writeJSONError(w, r, httpError{http.StatusBadRequest, "bad_request", "the form could not be read"})
		return
	}
	_, problems := checkRules(d.Rules.Path(), normalizeNewlines(r.PostForm.Get("content")))
	writeJSON(w, http.StatusOK, struct {
		Problems []ruleProblem `json:"problems"`
	}{append([]ruleProblem{}, problems...)})
}

type rulesVersionView struct {
	pageFrame
	Kept       versions.Version
	Content    string
	Base       string
	InForce    bool
	Loads      bool
	Diff       []diffLine // from what is in force to this version
	Unwritable string
	Failure    string
	Why        string
}

// rulesVersionPage shows an earlier version, and what taking it back would change.
func (d *Desk) rulesVersionPage(w http.ResponseWriter, r *http.Request) {
	if d.mayEditRules(w, r) {
		d.showRulesVersion(w, r, http.StatusOK, "", "")
	}
}

func (d *Desk) showRulesVersion(w http.ResponseWriter, r *http.Request, status int, failure, why string) {
	version, content, err := d.Rules.ReadVersion(r.PathValue("name"))
	if err != nil {
		d.errorPage(w, r, http.StatusNotFound, sentence(err.Error()))
		return
	}
	now, err := d.Rules.Read()
	if err != nil {
		d.errorPage(w, r, http.StatusInternalServerError, sentence("The file cannot be read: "+err.Error()))
		return
	}
	v := rulesVersionView{pageFrame: d.newFrame(r, "rules", "An earlier version of the rules"), Kept: version, Content: string(content.Data), Base: now.SHA256,
		InForce: content.SHA256 == now.SHA256, Diff: diffLines(string(now.Data), string(content.Data)), Failure: failure, Why: why}
	_, parseErr := rules.Parse("", content.Data)
	v.Loads = parseErr == nil
	if err := d.Rules.CheckWritable(); err != nil {
		v.Unwritable = sentence(err.Error())
	}
	d.render(w, status, "rules_version", layout, v)
}

// takeBackRules saves an earlier version as the file.
func (d *Desk) takeBackRules(w http.ResponseWriter, r *http.Request) {
	if !d.mayEditRules(w, r) {
		return
	}
	if err := parseForm(w, r); err != nil {
		d.errorPage(w, r, http.StatusBadRequest, "The form could not be read.")
		return
	}
	why := strings.TrimSpace(r.PostForm.Get("why"))
	if failure := checkWhy(why); failure != "" {
		d.showRulesVersion(w, r, http.StatusUnprocessableEntity, failure, why)
		return
	}
	_, content, err := d.Rules.ReadVersion(r.PathValue("name"))
	if err != nil {
		d.errorPage(w, r, http.StatusNotFound, sentence(err.Error()))
		return
	}
	by := signin.UserFrom(r.Context()).Name
	err = d.Rules.Save(context.WithoutCancel(r.Context()), versions.Change{Data: content.Data, Base: r.PostForm.Get("base"), By: by, Why: why})
	var changed *versions.ChangedError
	switch {
	case errors.As(err, &changed):
		d.showRulesVersion(w, r, http.StatusConflict, "Nothing was saved: "+d.conflict(changed.Now, "").who()+" changed the file meanwhile. Below is what taking this version back would change now.", why)
	case err != nil:
		d.showRulesVersion(w, r, http.StatusConflict, sentence(err.Error()), why)
	default:
		d.Logger.Info("an earlier rules file was taken back", zap.String("by", by), zap.String("version", r.PathValue("name")), zap.String("why", why))
		http.Redirect(w, r, "/rules?done=back", http.StatusSeeOther)
	}
}

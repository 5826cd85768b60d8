package desk

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/backtest"
	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/rules"
)

// tryForm is a comment on which rules are tried, as it was written.
type tryForm struct {
	Platform, Source, Text, Username, Account, Media, AdTitle, Attachment, Age string
	IsReply, FoundBySweep                                                      bool
}

func readTryForm(form url.Values) tryForm {
	return tryForm{
		Platform: form.Get("platform"), Source: form.Get("source"), Text: normalizeNewlines(form.Get("text")), Username: strings.TrimSpace(form.Get("username")),
		Account: form.Get("account"), Media: strings.TrimSpace(form.Get("media")), AdTitle: strings.TrimSpace(form.Get("ad_title")),
		Attachment: form.Get("attachment"), Age: strings.TrimSpace(form.Get("age")),
		IsReply: form.Get("is_reply") == "true", FoundBySweep: form.Get("found_by_sweep") == "true",
	}
}

// triedComment is what rules do with a comment, and why.
type triedComment struct {
	Failure string
	rules.Explanation
	Shown shownMessage // what the decision sends
}

// decide explains what the rules do with the comment.
func (f tryForm) decide(set *rules.Set, accounts []privatereply.Account, now time.Time) *triedComment {
	c := privatereply.Comment{
		Platform: privatereply.Platform(f.Platform), Source: privatereply.Source(f.Source), Text: f.Text, Username: f.Username,
		MediaID: f.Media, AdTitle: f.AdTitle, ReceivedAt: now, CommentID: "tried", PersonID: "tried",
	}
	if !c.Platform.Valid() {
		return &triedComment{Failure: "Choose a platform."}
	}
	if f.IsReply {
		c.ParentID = "above"
	}
	switch f.Attachment {
	case "photo":
		c.Attachment.Kind = privatereply.Photo
	case "video":
		c.Attachment.Kind = privatereply.Video
	}
	if f.Age != "" {
		age, err := time.ParseDuration(f.Age)
		if err != nil || age < 0 {
			return &triedComment{Failure: fmt.Sprintf("%q is not an age; write one such as 90s, 2h or 30h.", f.Age)}
		}
		c.CreatedAt = now.Add(-age)
	}
	in := rules.Input{Comment: c, Now: now, FoundBySweep: f.FoundBySweep}
	for _, a := range accounts {
		if a.ID == f.Account {
			in.AccountName, in.AutomaticPaused, in.TimeZone, in.Comment.Account = a.Name, a.AutomaticPaused, a.TimeZone, a.ID
		}
	}
	e := set.Explain(in)
	return &triedComment{Explanation: e, Shown: shownMessage{
		Message: e.Decision.Message(), Platform: c.Platform, Account: cmp.Or(in.AccountName, "The account"), Public: e.Decision.PublicText, Hide: e.Decision.Hide,
	}}
}

// decisionWords say what a decision does and where it comes from.
func decisionWords(d privatereply.Decision) string {
	what := map[privatereply.Action]string{
		privatereply.ActionAuto:   "It is answered automatically",
		privatereply.ActionAsk:    "A person decides",
		privatereply.ActionIgnore: "It is left alone",
	}[d.Action]
	if d.Hold > 0 {
		what += " after a hold of " + time.Duration(d.Hold).String()
	}
	switch d.Once {
	case privatereply.OncePerson:
		what += ", once for each person"
	case privatereply.OncePersonAndPost:
		what += ", once for each person on a post"
	}
	failed, isFailure := strings.CutPrefix(d.Reason, privatereply.RuleErrorPrefix)
	switch {
	case isFailure && failed == rules.TooSlow:
		return what + ", because there was no time for the rules"
	case isFailure:
		return what + ", because the condition of rule " + failed + " failed"
	case d.Rule != "" && d.Reason == privatereply.AutomaticPaused:
		return what + ", by rule " + d.Rule + ": its automatic replies, or the account's, are paused"
	case d.Rule != "" && d.Reason == privatereply.OnceUnknown:
		return what + ", by rule " + d.Rule + ": it answers a person once, and Meta did not name the person"
	case d.Rule != "" && d.Reason == string(privatereply.IgnoredOnce):
		return what + ", by rule " + d.Rule + ": it has answered this person already"
	case d.Rule != "" && d.Reason == privatereply.FoundBySweep:
		return what + ", by rule " + d.Rule + ": a sweep found the comment late"
	case d.Rule != "":
		return what + ", by rule " + d.Rule
	case d.Reason == privatereply.DecidedByDefault:
		return what + ", by the default: no rule matches"
	}
	return what
}

// resultWords says what became of a rule that was tried.
func resultWords(r rules.RuleResult) string {
	switch {
	case r.Result == rules.Matched && r.Paused:
		return "matches, and is paused"
	case r.Result == rules.Matched:
		return "matches"
	case r.Result == rules.Failed:
		return "fails: " + r.Error
	}
	return "does not match"
}

// backtestView is what the rules in the editor would do with the comments that Temporal holds.
type backtestView struct {
	backtest.Report
	Changes int // of them Changed has the first
	Busy    bool
	Failure string
	Took    time.Duration
}

// backtestRules decides the comments that Temporal holds once more. One runs at a time.
func (d *Desk) backtestRules(ctx context.Context, set *rules.Set) *backtestView {
	if !d.Rules.testing.TryLock() {
		return &backtestView{Busy: true}
	}
	defer d.Rules.testing.Unlock()
	ctx, cancel := context.WithTimeout(ctx, d.Rules.patience)
	defer cancel()
	began := time.Now()
	report, err := backtest.Run(ctx, d.Rules.held, set, d.Accounts, replies.Filter{}, backtestLimit)
	v := &backtestView{Report: report, Changes: len(report.Changed), Took: time.Since(began).Round(100 * time.Millisecond)}
	if err != nil {
		v.Failure = d.errorMessage(err)
	}
	v.Changed = v.Changed[:min(maxShownChanges, len(v.Changed))]
	return v
}

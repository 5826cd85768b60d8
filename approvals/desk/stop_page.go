package desk

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/approvals/queue"
	"github.com/privatereply/privatereply/approvals/signin"
	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/internal/stop"
	"github.com/privatereply/privatereply/internal/versions"
	"github.com/privatereply/privatereply/rules"
	"github.com/privatereply/privatereply/workflows"
)

// Stops stops automatic replies by one click.
type Stops struct {
	Batches Batches
	// InForce is how long the bridge and the worker take until a changed file is in force, and
	// what they have started by then is listed: it is stopped, too.
	InForce time.Duration
}

// Batches rejects many replies at once; stop.Batches in production.
type Batches interface {
	Reject(ctx context.Context, s stop.Selection, m workflows.Reject, waiting func(reason string)) (stop.Report, error)
}

const (
	// stopTimeout is how long a click waits for other batch operations.
	stopTimeout = 45 * time.Second
	// maxFollowed is how many of the replies that were told to stop are followed to their end,
	// in lists of followedAtOnce.
	maxFollowed    = 2000
	followedAtOnce = 100
	// followTime is how long they are given.
	followTime     = 6 * time.Second
	followInterval = 300 * time.Millisecond
)

// stopOffer is what a page offers to stop or to resume: a rule, or an account.
type stopOffer struct {
	Rule    string
	Account string // its id
	Paused  bool
	Blocked string // why it is not offered here
}

// Nothing reports that there is nothing to offer.
func (o stopOffer) Nothing() bool { return o.Rule == "" && o.Account == "" }

// stopOffer is what a filter of the queue selects: its rule, else its account.
func (d *Desk) stopOffer(r *http.Request, f queue.Filter) stopOffer {
	switch {
	case d.Stops == nil || !signin.UserFrom(r.Context()).CanDecide():
	case f.Rule != "":
		return d.ruleOffer(r, f.Rule)
	case f.Account != "" && d.sees(r, f.Account):
		o := stopOffer{Account: f.Account}
		if a, ok := d.accountByID(f.Account); ok {
			o.Paused = a.AutomaticPaused
		}
		return o
	}
	return stopOffer{}
}

func (d *Desk) ruleOffer(r *http.Request, name string) stopOffer {
	o := stopOffer{Rule: name}
	if d.seenAccounts(r.Context()) != nil {
		o.Blocked = "It works for all accounts, and you see only some: filter by an account to stop that one's replies."
		return o
	}
	if d.Rules == nil {
		return o
	}
	if set := d.Rules.set(); set != nil {
		i := slices.IndexFunc(set.Rules(), func(r rules.Rule) bool { return r.Name == name })
		o.Paused = i >= 0 && set.Rules()[i].Paused
	}
	return o
}

func (d *Desk) accountByID(id string) (privatereply.Account, bool) {
	for _, a := range d.Accounts.All() {
		if a.ID == id {
			return a, true
		}
	}
	return privatereply.Account{}, false
}

// stoppedView says what a click has stopped, or resumed, and what not.
type stoppedView struct {
	pageFrame
	Rule    string
	Account string
	Resumed bool
	Done    []string
	Failed  []string
	Offer   stopOffer
	List    string // the address of the replies concerned
}

// stopForm pauses a rule or an account, and rejects what it is about to send. Each is done
// although the other failed.
func (d *Desk) stopForm(w http.ResponseWriter, r *http.Request) {
	v, ok := d.stopTarget(w, r)
	if !ok {
		return
	}
	// Who clicked has decided, also if the page is left.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), stopTimeout)
	defer cancel()
	by := signin.UserFrom(r.Context()).Name
	err := d.pause(ctx, v, true)
	paused := d.now()
	if err != nil {
		v.Failed = append(v.Failed, v.pauseFailure(err))
	} else if v.Rule != "" {
		v.Done = append(v.Done, "The rule is paused: what it would send waits for a person from now on.")
	} else {
		v.Done = append(v.Done, "Automatic replies of the account are paused: what a rule would send waits for a person from now on.")
	}
	told := d.rejectAutomatic(ctx, v, by, paused)
	v.Done, v.Failed = append(v.Done, told.done...), append(v.Failed, told.failed...)
	d.Logger.Info("automatic replies were stopped", zap.String("rule", v.Rule), zap.String("account", v.Account), zap.String("by", by),
		zap.Strings("done", v.Done), zap.Strings("failed", v.Failed))
	d.writeStopped(w, r, v)
}

// resumeForm takes the pause of a rule or an account away.
func (d *Desk) resumeForm(w http.ResponseWriter, r *http.Request) {
	v, ok := d.stopTarget(w, r)
	if !ok {
		return
	}
	v.Resumed = true
	if err := d.pause(context.WithoutCancel(r.Context()), v, false); err != nil {
		v.Failed = append(v.Failed, v.pauseFailure(err))
	} else {
		v.Done = append(v.Done, "Automatic replies go out again, for comments that come from now on. What was rejected stays rejected, and what waits for a person goes on waiting.")
		d.Logger.Info("automatic replies were resumed", zap.String("rule", v.Rule), zap.String("account", v.Account), zap.String("by", signin.UserFrom(r.Context()).Name))
	}
	d.writeStopped(w, r, v)
}

// stopTarget reads what is to be stopped from a form, or answers that it may not be.
func (d *Desk) stopTarget(w http.ResponseWriter, r *http.Request) (v stoppedView, ok bool) {
	if err := parseForm(w, r); err != nil {
		d.errorPage(w, r, http.StatusBadRequest, "The form could not be read.")
		return v, false
	}
	v.Rule, v.Account = r.PostForm.Get("rule"), r.PostForm.Get("account")
	switch {
	case (v.Rule == "") == (v.Account == ""):
		d.errorPage(w, r, http.StatusBadRequest, "Say what to stop: a rule or an account.")
	case v.Account != "" && !d.sees(r, v.Account):
		d.errorPage(w, r, http.StatusNotFound, "There is no such account.")
	case v.Rule != "" && d.seenAccounts(r.Context()) != nil:
		d.errorPage(w, r, http.StatusForbidden, d.ruleOffer(r, v.Rule).Blocked)
	default:
		return v, true
	}
	return v, false
}

func (d *Desk) writeStopped(w http.ResponseWriter, r *http.Request, v stoppedView) {
	title, status := "Stopped", http.StatusOK
	if v.Resumed {
		title = "Resumed"
	}
	if len(v.Failed) > 0 {
		title, status = "Not all of it was done", http.StatusConflict
	}
	v.pageFrame = d.newFrame(r, "stopped", title)
	values := url.Values{}
	if v.Rule != "" {
		v.Offer = d.ruleOffer(r, v.Rule)
		values.Set("rule", v.Rule)
	} else {
		v.Offer = d.stopOffer(r, queue.Filter{Account: v.Account})
		v.Offer.Paused = !v.Resumed // the accounts file is read again within seconds
		values.Set("account", v.Account)
	}
	v.List = "/replies?" + values.Encode()
	d.render(w, status, "stopped", layout, v)
}

var (
	errNoRulesFile = errors.New("this desk does not know the rules file (PRIVATEREPLY_RULES)")
	errNoFolder    = errors.New("this desk does not write the accounts file")
)

// pause sets or takes away the pause in the file that holds it.
func (d *Desk) pause(ctx context.Context, v stoppedView, paused bool) error {
	if v.Account != "" {
		account, ok := d.accountByID(v.Account)
		switch {
		case !ok:
			return errors.New("there is no such account any more")
		case account.AutomaticPaused == paused:
			return nil
		case d.Connections == nil:
			return errNoFolder
		}
		return d.Connections.pauseAutomatic(ctx, account, paused)
	}
	if d.Rules == nil {
		return errNoRulesFile
	}
	why := "stop rule " + v.Rule
	if !paused {
		why = "resume rule " + v.Rule
	}
	err := d.Rules.Edit(ctx, signin.UserFrom(ctx).Name, why, func(data []byte) ([]byte, error) {
		return rules.SetPaused(data, v.Rule, paused)
	})
	if errors.Is(err, versions.ErrSame) {
		return nil
	}
	return err
}

// pauseFailure says that the pause was not changed, and what to do.
func (v stoppedView) pauseFailure(err error) string {
	what := "The rule " + v.Rule + " is not paused, and goes on sending: "
	switch {
	case v.Resumed && v.Rule != "":
		what = "The rule " + v.Rule + " is still paused: "
	case v.Resumed:
		what = "The account's automatic replies are still paused: "
	case v.Account != "":
		what = "The account's automatic replies are not paused, and rules go on sending: "
	}
	why := err.Error()
	var wrong *rules.LoadError
	switch {
	case errors.Is(err, rules.ErrNoRule):
		why = "no rule of the file has this name (any more)"
	case errors.As(err, &wrong):
		why = fmt.Sprintf("the rules file does not load as it is (%s); an earlier one is in force. Mend the file first", wrong.Problems[0])
	}
	return sentence(what + why)
}

// stopResult is what became of the replies that were told to stop, in sentences.
type stopResult struct{ done, failed []string }

// rejectAutomatic rejects what is held or on its way. When the pause is in force it looks once
// more: the bridge may have started replies until then.
func (d *Desk) rejectAutomatic(ctx context.Context, v stoppedView, by string, paused time.Time) stopResult {
	filter := replies.Filter{Account: v.Account, Rule: v.Rule, Running: true, States: stop.States}
	m := workflows.Reject{Approver: by, Reason: "stopped at the desk"}
	var result stopResult
	var told int64
	followed := map[string]privatereply.State{}
	for round := range 2 {
		found, err := d.automatic(ctx, filter)
		if err != nil {
			result.failed = append(result.failed, d.errorMessage(err)+" It is not known what else was about to be sent: click again.")
			break
		}
		fresh := false
		for _, id := range found {
			if _, known := followed[id]; !known && len(followed) < maxFollowed {
				followed[id], fresh = privatereply.Sending, true
			}
		}
		if round == 0 && len(found) > 0 || fresh {
			waited := ""
			report, err := d.Stops.Batches.Reject(ctx, stop.Selection{Account: v.Account, Rule: v.Rule}, m, func(reason string) { waited = reason })
			told += report.Signalled
			switch {
			case err != nil && waited != "":
				result.failed = append(result.failed, sentence("What is held or on its way was not stopped: "+waited+". Click again"))
			case err != nil:
				result.failed = append(result.failed, sentence("What is held or on its way was perhaps not stopped: "+err.Error()+". Click again"))
			case report.Failed > 0:
				result.failed = append(result.failed, fmt.Sprintf("%s could not be told to stop: click again.", repliesOf(report.Failed)))
			}
		}
		if round == 0 {
			select {
			case <-ctx.Done():
			case <-time.After(d.Stops.InForce - d.now().Sub(paused)):
			}
		}
	}
	switch {
	case len(followed) == 0 && len(result.failed) == 0:
		result.done = append(result.done, "Nothing was held or on its way.")
		return result
	case told == 0:
		return result
	}
	result.done = append(result.done, d.followStopped(ctx, followed)...)
	if more := told - int64(len(followed)); more > 0 && len(followed) == maxFollowed {
		result.done = append(result.done, fmt.Sprintf("%s more were told to stop.", repliesOf(more)))
	}
	return result
}

// automatic lists the replies that go out by themselves, at most maxFollowed.
func (d *Desk) automatic(ctx context.Context, filter replies.Filter) ([]string, error) {
	var ids []string
	var token []byte
	for {
		rows, next, err := d.Replies.Page(ctx, filter, min(1000, maxFollowed-len(ids)), token)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			ids = append(ids, row.ID)
		}
		if token = next; len(token) == 0 || len(ids) >= maxFollowed {
			return ids, nil
		}
	}
}

// followStopped waits for what becomes of replies, and says how many were stopped.
func (d *Desk) followStopped(ctx context.Context, followed map[string]privatereply.State) []string {
	undecided := make([]string, 0, len(followed))
	for id := range followed {
		undecided = append(undecided, id)
	}
	slices.Sort(undecided)
	for end := time.Now().Add(followTime); len(undecided) > 0; {
		for chunk := range slices.Chunk(slices.Clone(undecided), followedAtOnce) {
			rows, _, err := d.Replies.Page(ctx, replies.Filter{IDs: chunk}, len(chunk), nil)
			if err != nil {
				break // it is asked again, or said that they are undecided
			}
			for _, row := range rows {
				followed[row.ID] = row.State
			}
		}
		undecided = slices.DeleteFunc(undecided, func(id string) bool { return !slices.Contains(stop.States, followed[id]) })
		if len(undecided) == 0 || time.Now().After(end) || ctx.Err() != nil {
			break
		}
		time.Sleep(followInterval)
	}
	var stopped, late int64
	for _, state := range followed {
		switch {
		case slices.Contains(stop.States, state):
		case state == privatereply.Rejected || state == privatereply.Withdrawn || state == privatereply.Expired:
			stopped++
		default:
			late++
		}
	}
	said := []string{fmt.Sprintf("%s stopped before anything was sent.", repliesWere(stopped))}
	if late > 0 {
		said = append(said, fmt.Sprintf("%s too late to stop: Meta had it, or may have had it, already.", repliesWere(late)))
	}
	if n := int64(len(undecided)); n > 0 {
		said = append(said, fmt.Sprintf("%s told to stop, and it is not known yet whether in time: look at the list again.", repliesWere(n)))
	}
	return said
}

func repliesOf(n int64) string {
	if n == 1 {
		return "1 reply"
	}
	return fmt.Sprintf("%d replies", n)
}

func repliesWere(n int64) string {
	switch n {
	case 0:
		return "No reply was"
	case 1:
		return "1 reply was"
	}
	return fmt.Sprintf("%d replies were", n)
}

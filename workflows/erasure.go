package workflows

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/privatereply/privatereply"
)

const (
	// maxErasurePasses limits the searches that follow a removal. The last search finds
	// nothing, unless new comments keep coming in.
	maxErasurePasses = 4
	// An erasure that is stuck tries again after five minutes, then after twice the time, up
	// to a day, for a month: what cannot be read now has ended its retention by then.
	firstErasureRetry = 5 * time.Minute
	maxErasureRetry   = 24 * time.Hour
	erasurePeriod     = 31 * 24 * time.Hour
	// maxListedRuns bounds the removed runs that a status lists, at about 200 bytes each.
	maxListedRuns = 1000
	// erasureTimeout is enough for a search of some million runs, and for runs that take
	// their time to end. A dead worker is noticed by the heartbeat.
	erasureTimeout = 24 * time.Hour
	// connectionTimeout is how long the disconnection of one account is tried before the
	// erasure counts as stuck.
	connectionTimeout = 10 * time.Minute
)

// ErasureScope says what an erasure erases.
type ErasureScope string

// The scopes.
const (
	ErasePerson     ErasureScope = "person"     // what is held of somebody who wrote to an account
	EraseConnection ErasureScope = "connection" // the accounts that somebody connected
)

// ErasureState is how far an erasure is.
type ErasureState string

// The states, in their order. A stuck erasure tries again by itself.
const (
	ErasureSearching ErasureState = "searching"
	ErasureRemoving  ErasureState = "removing"
	ErasureDone      ErasureState = "done"
	ErasureStuck     ErasureState = "stuck"
)

// ErasureInput starts Erasure. It names nobody: PersonKey is a keyed hash of the person's
// id (see erasure.Keys).
type ErasureInput struct {
	Scope     ErasureScope `json:"scope"`
	PersonKey string       `json:"person_key"`
	// AccountKey limits the scope person to what one account holds; empty: all accounts.
	AccountKey
	RequestedAt time.Time `json:"requested_at"`
}

// AccountKey names an account.
type AccountKey struct {
	Platform privatereply.Platform `json:"platform,omitempty"`
	Account  string                `json:"account,omitempty"`
}

// PersonKey is the keyed hash of an id that a person has with an account.
type PersonKey struct {
	AccountKey
	Key string `json:"key"`
}

// HeldRun is a run of a workflow that holds something of a person. It has no workflow id:
// that of a Conversation names the person, and the history of an erasure outlives it.
type HeldRun struct {
	Kind  string `json:"kind"`
	RunID string `json:"run_id"`
	AccountKey
	Open         bool   `json:"open,omitempty"`   // it had not ended when it was found
	OtherPersons int    `json:"others,omitempty"` // whose events the batch holds
	Ended        bool   `json:"ended,omitempty"`  // by the erasure, so that it can be deleted
	Tombstoned   bool   `json:"locked,omitempty"` // an empty run took the reply's id
	KeptReason   string `json:"why,omitempty"`    // why it was not removed
}

// UnreadableRun is a run that could not be decoded, so that nobody knows whom it is about.
type UnreadableRun struct {
	RunID string `json:"run_id"`
	Why   string `json:"why"`
}

// ErasureStatus answers the status query of Erasure, and is its result. It names nobody.
type ErasureStatus struct {
	State ErasureState `json:"state"`
	Scope ErasureScope `json:"scope"`
	AccountKey
	RequestedAt time.Time `json:"requested_at"`
	UpdatedAt   time.Time `json:"updated_at"`
	Found       int       `json:"found"`            // runs, or accounts of a connection
	Removed     int       `json:"removed"`          // of them
	Kept        int       `json:"kept"`             // of them, in the last search
	Unreadable  int       `json:"unreadable"`       // runs that may hold something
	Rejected    int       `json:"rejected"`         // waiting automatic replies of a connection's accounts
	NextAt      time.Time `json:"next_at,omitzero"` // of a stuck erasure: when it tries again

	RemovedRuns    []HeldRun       `json:"removed_runs,omitempty"` // at most 1000
	KeptRuns       []HeldRun       `json:"kept_runs,omitempty"`
	UnreadableRuns []UnreadableRun `json:"unreadable_runs,omitempty"` // the first ones
	Accounts       []AccountStatus `json:"accounts,omitempty"`        // of a connection
}

// AccountStatus is what became of one account of a connection.
type AccountStatus struct {
	AccountKey
	Done bool   `json:"done"`
	Why  string `json:"why,omitempty"` // it is still connected
}

// ErasureProgress is the part of a status that the workflow's memo has, for the public
// status page: it is read without a worker.
type ErasureProgress struct {
	State       ErasureState `json:"state"`
	RequestedAt time.Time    `json:"requested_at"`
	UpdatedAt   time.Time    `json:"updated_at"`
	Found       int          `json:"found"`
	Removed     int          `json:"removed"`
}

// MemoErasure is the key of an ErasureProgress in the memo of Erasure.
const MemoErasure = "erasure"

// ErasureOptions are the options to start Erasure with a confirmation code. A code that is
// known starts nothing: a repeated request is the same erasure.
func ErasureOptions(code, queue string, in ErasureInput) (client.StartWorkflowOptions, error) {
	id, err := privatereply.ErasureID(code)
	if err != nil {
		return client.StartWorkflowOptions{}, err
	}
	summary := "Erasure of a person"
	switch {
	case in.Scope == EraseConnection:
		summary = "Erasure of what a connection holds"
	case in.Account != "":
		summary += " with " + string(in.Platform) + " account " + in.Account
	}
	return client.StartWorkflowOptions{
		ID:                                       id,
		TaskQueue:                                queue,
		WorkflowIDReusePolicy:                    enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		StaticSummary:                            summary,
		Memo: map[string]any{MemoErasure: ErasureProgress{
			State: ErasureSearching, RequestedAt: in.RequestedAt, UpdatedAt: in.RequestedAt,
		}},
	}, nil
}

// Erasure removes what is held of a person, or disconnects what a person had connected. It
// searches again until it finds nothing more. What keeps it from that is said in its
// status, and tried again for a month; then it completes as stuck.
func Erasure(ctx workflow.Context, in ErasureInput) (*ErasureStatus, error) {
	e := &erasure{status: ErasureStatus{
		State: ErasureSearching, Scope: in.Scope, AccountKey: in.AccountKey, RequestedAt: in.RequestedAt, UpdatedAt: in.RequestedAt,
	}, keys: []PersonKey{{AccountKey: in.AccountKey, Key: in.PersonKey}}}
	if err := workflow.SetQueryHandlerWithOptions(ctx, StatusQuery, func() (ErasureStatus, error) { return e.status, nil },
		workflow.QueryHandlerOptions{Description: "How far this erasure is; it names nobody"}); err != nil {
		return nil, err
	}
	erase := e.erasePerson
	switch {
	case in.PersonKey == "":
		return nil, temporal.NewNonRetryableApplicationError("person_key: is missing; start an erasure with `starter forget`", "BadInput", nil)
	case in.Scope == EraseConnection:
		erase = e.eraseConnection
	case in.Scope != ErasePerson:
		return nil, temporal.NewNonRetryableApplicationError(fmt.Sprintf("scope: %q is not known; write %s or %s", in.Scope, ErasePerson, EraseConnection), "BadInput", nil)
	}
	until := workflow.GetInfo(ctx).WorkflowStartTime.Add(erasurePeriod)
	for retry := firstErasureRetry; ; retry = min(2*retry, maxErasureRetry) {
		done, err := erase(ctx)
		if err != nil {
			return nil, err
		}
		if done {
			e.enter(ctx, ErasureDone)
			return &e.status, nil
		}
		next := workflow.Now(ctx).Add(retry)
		if next.After(until) {
			e.enter(ctx, ErasureStuck)
			return &e.status, nil
		}
		e.status.NextAt = next.UTC()
		e.enter(ctx, ErasureStuck)
		timer := workflow.NewTimerWithOptions(ctx, retry, workflow.TimerOptions{Summary: "Next try"})
		if err := timer.Get(ctx, nil); err != nil {
			return nil, err
		}
		e.status.NextAt = time.Time{}
	}
}

// erasure is the state of one Erasure.
type erasure struct {
	status ErasureStatus
	keys   []PersonKey // of the person: more become known with replies that show two ids
}

// enter brings the memo and the Web UI up to date.
func (e *erasure) enter(ctx workflow.Context, s ErasureState) {
	e.status.State, e.status.UpdatedAt = s, workflow.Now(ctx).UTC()
	if err := workflow.UpsertMemo(ctx, map[string]any{MemoErasure: ErasureProgress{
		State: s, RequestedAt: e.status.RequestedAt, UpdatedAt: e.status.UpdatedAt, Found: e.status.Found, Removed: e.status.Removed,
	}}); err != nil {
		workflow.GetLogger(ctx).Error("cannot set the memo", "error", err)
	}
	e.describe(ctx)
}

// erasePerson searches and removes until nothing is found. It reports false if something
// is kept, or cannot be read.
func (e *erasure) erasePerson(ctx workflow.Context) (done bool, err error) {
	for pass := 1; ; {
		e.enter(ctx, ErasureSearching)
		found, err := e.search(ctx, pass)
		if err != nil {
			return false, err
		}
		e.keys = found.Keys
		e.status.Unreadable, e.status.UnreadableRuns = found.Unreadable, found.UnreadableRuns
		e.keep(nil)
		if len(found.Runs) == 0 {
			return found.Unreadable == 0, nil
		}
		if pass > maxErasurePasses {
			for i := range found.Runs {
				found.Runs[i].KeptReason = "it came in while the others were removed"
			}
			e.keep(found.Runs)
			return false, nil
		}
		e.status.Found = e.status.Removed + len(found.Runs)
		e.enter(ctx, ErasureRemoving)
		result, err := e.remove(ctx, pass, found.Runs)
		if err != nil {
			return false, err
		}
		e.status.Removed += len(result.Removed)
		e.status.RemovedRuns = append(e.status.RemovedRuns, result.Removed[:min(len(result.Removed), maxListedRuns-len(e.status.RemovedRuns))]...)
		e.keep(result.Kept)
		if len(result.Removed) == 0 {
			return false, nil
		}
		if !found.More {
			pass++
		}
	}
}

func (e *erasure) keep(runs []HeldRun) {
	e.status.KeptRuns, e.status.Kept = runs, len(runs)
}

// search reads every run. It changes nothing, so that it may be repeated.
func (e *erasure) search(ctx workflow.Context, pass int) (SearchPersonResult, error) {
	return execute(ctx, erasureActivity(fmt.Sprintf("Search %d of all runs", pass)), ErasureActivities.SearchPerson,
		SearchPersonInput{AccountKey: e.status.AccountKey, Keys: e.keys}).result(ctx)
}

func (e *erasure) remove(ctx workflow.Context, pass int, runs []HeldRun) (RemoveRunsResult, error) {
	return execute(ctx, erasureActivity(fmt.Sprintf("Removal %d: %d runs", pass, len(runs))), ErasureActivities.RemoveRuns,
		RemoveRunsInput{AccountKey: e.status.AccountKey, Keys: e.keys, Runs: runs}).result(ctx)
}

// erasureActivity are the options of an activity that is tried until it succeeds, and
// continues where a worker has left it.
func erasureActivity(summary string) workflow.ActivityOptions {
	return workflow.ActivityOptions{
		StartToCloseTimeout: erasureTimeout,
		HeartbeatTimeout:    heartbeatTimeout,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: time.Second, MaximumInterval: time.Minute},
		Summary:             summary,
	}
}

// eraseConnection disconnects each account that the person had connected, and rejects its
// waiting automatic replies. An account that is disconnected is not found a second time,
// so that the state of each is kept here.
func (e *erasure) eraseConnection(ctx workflow.Context) (done bool, err error) {
	e.enter(ctx, ErasureSearching)
	found, err := execute(ctx, erasureActivity("Accounts that the person connected"), ErasureActivities.FindConnections,
		FindConnectionsInput{PersonKey: e.keys[0].Key}).result(ctx)
	if err != nil {
		return false, err
	}
	for _, account := range found.Accounts {
		known := func(a AccountStatus) bool { return a.AccountKey == account }
		if i := slices.IndexFunc(e.status.Accounts, known); i >= 0 {
			e.status.Accounts[i].Done = false // connected again
			continue
		}
		e.status.Accounts = append(e.status.Accounts, AccountStatus{AccountKey: account})
	}
	e.count()
	for i := range e.status.Accounts {
		a := &e.status.Accounts[i]
		if a.Done {
			continue
		}
		e.enter(ctx, ErasureRemoving)
		if err := e.disconnect(ctx, a); err != nil {
			if ctx.Err() != nil {
				return false, err
			}
			a.Why = activityProblem(err)
		}
		e.count()
	}
	return e.status.Kept == 0, nil
}

// count brings the counts of a connection up to date.
func (e *erasure) count() {
	e.status.Found, e.status.Removed, e.status.Kept = len(e.status.Accounts), 0, 0
	for _, a := range e.status.Accounts {
		switch {
		case a.Done:
			e.status.Removed++
		case a.Why != "":
			e.status.Kept++
		}
	}
}

// disconnect disconnects an account and rejects its automatic replies. They are looked for
// until a second pass finds none: the list of them lags.
func (e *erasure) disconnect(ctx workflow.Context, a *AccountStatus) error {
	options := erasureActivity("Disconnect " + string(a.Platform) + " account " + a.Account)
	options.ScheduleToCloseTimeout, options.StartToCloseTimeout = connectionTimeout, 0
	if err := executeOnly(ctx, options, ErasureActivities.DisconnectAccount, a.AccountKey).Get(ctx, nil); err != nil {
		return err
	}
	for pass := 1; ; pass++ {
		rejected, err := execute(ctx, erasureActivity("Reject the automatic replies of "+string(a.Platform)+" account "+a.Account),
			ErasureActivities.RejectAutomatic, a.AccountKey).result(ctx)
		if err != nil {
			return err
		}
		e.status.Rejected += rejected.Rejected
		if pass > 1 && rejected.Rejected == 0 || pass == maxPasses {
			a.Done, a.Why = true, ""
			return nil
		}
		timer := workflow.NewTimerWithOptions(ctx, visibilityLag, workflow.TimerOptions{Summary: "Replies that are not listed yet"})
		if err := timer.Get(ctx, nil); err != nil {
			return err
		}
	}
}

// activityProblem is the innermost message of an activity's error.
func activityProblem(err error) string {
	var failed *temporal.ApplicationError
	if errors.As(err, &failed) {
		return failed.Message()
	}
	return err.Error()
}

// describe shows in the Web UI how far the erasure is.
func (e *erasure) describe(ctx workflow.Context) {
	var b strings.Builder
	s := e.status
	fmt.Fprintf(&b, "### %s\n\n", s.State.Label())
	what := "records"
	if s.Scope == EraseConnection {
		what = "accounts"
	}
	fmt.Fprintf(&b, "**Requested** at %s\n\n", formatTime(s.RequestedAt))
	fmt.Fprintf(&b, "**Removed:** %d of %d %s\n\n", s.Removed, s.Found, what)
	if s.Rejected > 0 {
		fmt.Fprintf(&b, "**Rejected:** %d automatic replies that waited\n\n", s.Rejected)
	}
	if s.Unreadable > 0 {
		fmt.Fprintf(&b, "**Unreadable:** %d runs that may hold something. The first is `%s`: %s\n\n", s.Unreadable, s.UnreadableRuns[0].RunID, s.UnreadableRuns[0].Why)
	}
	const shown = 5
	for _, h := range s.KeptRuns[:min(len(s.KeptRuns), shown)] {
		fmt.Fprintf(&b, "- a run of kind %s, `%s`: %s\n", h.Kind, h.RunID, h.KeptReason)
	}
	for _, a := range s.Accounts {
		if a.Why != "" {
			fmt.Fprintf(&b, "- %s account %s: %s\n", a.Platform, a.Account, a.Why)
		}
	}
	if !s.NextAt.IsZero() {
		fmt.Fprintf(&b, "\n**Next try:** %s\n", formatTime(s.NextAt))
	}
	workflow.SetCurrentDetails(ctx, strings.TrimSpace(b.String()))
}

// Label names s for people in a few words, with a capital letter.
func (s ErasureState) Label() string {
	switch s {
	case ErasureSearching:
		return "Searching"
	case ErasureRemoving:
		return "Removing"
	case ErasureDone:
		return "Done: nothing is left"
	case ErasureStuck:
		return "Not complete yet"
	}
	return string(s)
}

// SearchPersonInput asks for a search of every run for what it holds of a person.
type SearchPersonInput struct {
	AccountKey             // empty: every account
	Keys       []PersonKey `json:"keys"` // of the person, the first one given
}

// SearchPersonResult is what a search has found.
type SearchPersonResult struct {
	Keys           []PersonKey     `json:"keys"` // those given, and more that became known
	Runs           []HeldRun       `json:"runs,omitempty"`
	More           bool            `json:"more,omitempty"` // there are more runs than these
	Unreadable     int             `json:"unreadable,omitempty"`
	UnreadableRuns []UnreadableRun `json:"unreadable_runs,omitempty"` // the first ones
}

// RemoveRunsInput asks to end and delete runs that a search has found.
type RemoveRunsInput struct {
	AccountKey
	Keys []PersonKey `json:"keys"`
	Runs []HeldRun   `json:"runs"`
}

// RemoveRunsResult says what became of each run.
type RemoveRunsResult struct {
	Removed []HeldRun `json:"removed,omitempty"`
	Kept    []HeldRun `json:"kept,omitempty"`
}

// FindConnectionsInput asks for the accounts that a person connected.
type FindConnectionsInput struct {
	PersonKey string `json:"person_key"`
}

// FindConnectionsResult lists them.
type FindConnectionsResult struct {
	Accounts []AccountKey `json:"accounts,omitempty"`
}

// RejectAutomaticResult counts the replies that were rejected.
type RejectAutomaticResult struct {
	Rejected int `json:"rejected"`
}

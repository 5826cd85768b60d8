// Package schedules synchronises Schedules of Temporal's, one for each account, with the
// accounts file.
package schedules

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.uber.org/zap"
)

// noteAccountRemoved is the note of a Schedule whose account is gone. A Schedule that a
// person has paused has another note, and stays paused.
const noteAccountRemoved = "the accounts file does not have this account any more"

// pageSize is how many Schedules one request lists. A thousand, the most that a server
// gives, took up to the ten seconds of a request on a busy development server.
const pageSize = 200

// Entry is the Schedule that one account should have.
type Entry struct {
	ID       string
	Every    time.Duration // 0: it is paused, with the Note of the Set
	Workflow string        // the type
	Input    any           // of the workflow; comparable
	Summary  string        // of the workflow, for the Web UI
}

// Set synchronises the Schedules of one purpose.
type Set struct {
	Client    client.Client
	TaskQueue string // where the workflows run
	Logger    *zap.Logger
	Prefix    string         // begins the ids of all of the purpose's Schedules
	Purpose   string         // in words, as "sweeps", for the log
	CatchUp   time.Duration  // how late a run may begin after an outage of the server
	KeyID     string         // of the key that encrypts the inputs; empty: none does
	NotePause string         // the note of a Schedule with Every 0
	Entries   func() []Entry // that should be there
}

// Run synchronises the Schedules now, and again when the entries have changed or the last
// synchronisation failed, until ctx is done. It compares them every interval, and writes
// what has changed: at first what a list of the Schedules does not show as it should be.
func (s Set) Run(ctx context.Context, interval time.Duration) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	var last []Entry
	var done map[string]Entry
	for {
		if entries := s.Entries(); !slices.Equal(entries, last) {
			var err error
			done, err = s.sync(ctx, entries, done)
			switch {
			case ctx.Err() != nil:
				return
			case err != nil:
				s.Logger.Error("Cannot bring the Schedules of the "+s.Purpose+" up to date; trying again", zap.Duration("in", interval), zap.Error(err))
			default:
				last = entries
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Sync creates what is missing, updates the others, and pauses the Schedules of accounts
// that are gone. Several workers may do it at the same time. One that cannot be made does
// not keep the others from it.
func (s Set) Sync(ctx context.Context) error {
	_, err := s.sync(ctx, s.Entries(), map[string]Entry{})
	return err
}

// sync is Sync without the entries in done, whose Schedules are up to date, and returns
// those of which that is known now. Nil is known from the list.
func (s Set) sync(ctx context.Context, entries []Entry, done map[string]Entry) (map[string]Entry, error) {
	upToDate, gone, err := s.list(ctx, entries)
	if err != nil {
		err = fmt.Errorf("list the Schedules of the %s: %w", s.Purpose, err)
	}
	if done == nil {
		if err != nil {
			return nil, err
		}
		done = upToDate
	}
	all := []error{err}
	synced := make(map[string]Entry, len(entries))
	for _, entry := range entries {
		if done[entry.ID] != entry {
			if err := s.upsert(ctx, entry); err != nil {
				all = append(all, fmt.Errorf("%s: %w", entry.ID, err))
				continue
			}
		}
		synced[entry.ID] = entry
	}
	for _, id := range gone {
		if err := s.pauseRemoved(ctx, id); err != nil {
			all = append(all, fmt.Errorf("pause the %s of an account that is gone: %s: %w", s.Purpose, id, err))
		}
	}
	return synced, errors.Join(all...)
}

// list finds the entries whose Schedules the server's list shows as they should be, and the
// Schedules of other accounts that are not paused. The list may be a moment behind.
func (s Set) list(ctx context.Context, entries []Entry) (upToDate map[string]Entry, others []string, err error) {
	wanted := make(map[string]Entry, len(entries))
	for _, entry := range entries {
		wanted[entry.ID] = entry
	}
	list, err := s.Client.ScheduleClient().List(ctx, client.ScheduleListOptions{PageSize: pageSize, Query: fmt.Sprintf("ScheduleId STARTS_WITH %q", s.Prefix)})
	if err != nil {
		return nil, nil, err
	}
	upToDate = map[string]Entry{}
	for list.HasNext() {
		is, err := list.Next()
		if err != nil {
			return nil, nil, err
		}
		entry, ok := wanted[is.ID]
		switch {
		case ok && s.shows(is, entry):
			upToDate[is.ID] = entry
		case !ok && !is.Paused && strings.HasPrefix(is.ID, s.Prefix):
			others = append(others, is.ID)
		}
	}
	return upToDate, others, nil
}

// shows reports whether a list shows the Schedule of an entry as it should be.
func (s Set) shows(is *client.ScheduleListEntry, entry Entry) bool {
	want := s.desired(entry)
	if is.Spec == nil || !slices.Equal(is.Spec.Intervals, want.Spec.Intervals) || !slices.Equal(marks(is.Spec), marks(want.Spec)) {
		return false
	}
	return s.pausedByPerson(is.Paused, is.Note) || is.Paused == want.State.Paused && is.Note == want.State.Note
}

// pausedByPerson reports whether a person has paused a Schedule: it stays paused.
func (s Set) pausedByPerson(paused bool, note string) bool {
	return paused && note != s.NotePause && note != noteAccountRemoved
}

// upsert creates or updates a Schedule. An update writes every field anew: the input may be
// encrypted with an old key.
func (s Set) upsert(ctx context.Context, entry Entry) error {
	schedules := s.Client.ScheduleClient()
	want := s.desired(entry)
	_, err := schedules.Create(ctx, client.ScheduleOptions{
		ID: entry.ID, Spec: *want.Spec, Action: want.Action, Overlap: want.Policy.Overlap, CatchupWindow: want.Policy.CatchupWindow,
		Paused: want.State.Paused, Note: want.State.Note,
	})
	if err == nil {
		s.Logger.Info("Scheduled the "+s.Purpose+" of an account", zap.String("schedule", entry.ID), zap.Duration("every", entry.Every))
	}
	if !errors.Is(err, temporal.ErrScheduleAlreadyRunning) {
		return err
	}
	return schedules.GetHandle(ctx, entry.ID).Update(ctx, client.ScheduleUpdateOptions{
		DoUpdate: func(is client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
			if was := is.Description.Schedule.State; s.pausedByPerson(was.Paused, was.Note) {
				want.State = was // somebody paused it
			}
			return &client.ScheduleUpdate{Schedule: &want}, nil
		},
	})
}

// desired is the Schedule of an entry.
func (s Set) desired(entry Entry) client.Schedule {
	want := client.Schedule{
		Spec: &client.ScheduleSpec{},
		Action: &client.ScheduleWorkflowAction{
			ID: entry.ID, Workflow: entry.Workflow, TaskQueue: s.TaskQueue, Args: []any{entry.Input}, StaticSummary: entry.Summary,
		},
		Policy: &client.SchedulePolicies{Overlap: enumspb.SCHEDULE_OVERLAP_POLICY_SKIP, CatchupWindow: s.CatchUp},
		State:  &client.ScheduleState{},
	}
	if entry.Every == 0 {
		want.State.Paused, want.State.Note = true, s.NotePause
	} else {
		want.Spec.Intervals = []client.ScheduleIntervalSpec{{Every: entry.Every, Offset: offset(entry.ID, entry.Every)}}
	}
	s.mark(&want)
	return want
}

// markYear is a past year, in which no run is left out.
const markYear = 2000

// mark writes a hash of all that a Schedule should be into the comment of a calendar that
// leaves out no run. A list of Schedules has neither their task queue nor their input, and
// its other texts are no place: people write the note, no update can change the memo, and
// a search attribute would have to be registered in each namespace.
func (s Set) mark(want *client.Schedule) {
	content, _ := json.Marshal(want) // data, and nothing else
	sum := sha256.Sum256(append(content, s.KeyID...))
	want.Spec.Skip = []client.ScheduleCalendarSpec{{
		Year: []client.ScheduleRange{{Start: markYear}}, Comment: "settings " + hex.EncodeToString(sum[:8]),
	}}
}

// marks are the comments of the calendars that leave out runs.
func marks(spec *client.ScheduleSpec) (all []string) {
	for _, skip := range spec.Skip {
		all = append(all, skip.Comment)
	}
	return all
}

// offset spreads the accounts over the interval, so that not all have their turn on the
// hour.
func offset(id string, every time.Duration) time.Duration {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id))
	return (time.Duration(h.Sum32()) * time.Second % every).Truncate(time.Second)
}

// pauseRemoved pauses the Schedule of an account that is gone, if it is on this task queue.
func (s Set) pauseRemoved(ctx context.Context, id string) error {
	handle := s.Client.ScheduleClient().GetHandle(ctx, id)
	is, err := handle.Describe(ctx)
	if err != nil {
		return err
	}
	if action, ok := is.Schedule.Action.(*client.ScheduleWorkflowAction); !ok || action.TaskQueue != s.TaskQueue || is.Schedule.State.Paused {
		return nil // another product's, or another deployment's
	}
	if err := handle.Pause(ctx, client.SchedulePauseOptions{Note: noteAccountRemoved}); err != nil {
		return err
	}
	s.Logger.Info("Paused the "+s.Purpose+" of an account that is gone", zap.String("schedule", id))
	return nil
}

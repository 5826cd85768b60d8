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
	"maps"
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
// gives, took more than the ten seconds of a request on a busy development server.
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
	var done map[string]Entry // nil: nothing is known yet
	for {
		if entries := s.Entries(); !slices.Equal(entries, last) {
			var err error
			if done == nil {
				done, err = s.upToDate(ctx, entries)
			}
			if err == nil {
				err = s.sync(ctx, entries, done)
			}
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
	return s.sync(ctx, s.Entries(), map[string]Entry{})
}

// sync is Sync without the entries in done, whose Schedules are up to date. It adds those
// that it has written.
func (s Set) sync(ctx context.Context, entries []Entry, done map[string]Entry) error {
	var all []error
	wanted := map[string]bool{}
	for _, entry := range entries {
		wanted[entry.ID] = true
		if done[entry.ID] == entry {
			continue
		}
		delete(done, entry.ID)
		if err := s.upsert(ctx, entry); err != nil {
			all = append(all, fmt.Errorf("%s: %w", entry.ID, err))
			continue
		}
		done[entry.ID] = entry
	}
	maps.DeleteFunc(done, func(id string, _ Entry) bool { return !wanted[id] })
	if err := s.pauseRemoved(ctx, wanted); err != nil {
		all = append(all, fmt.Errorf("pause the %s of accounts that are gone: %w", s.Purpose, err))
	}
	return errors.Join(all...)
}

// upToDate finds the entries whose Schedules the list shows as they should be. The list may
// be a moment behind.
func (s Set) upToDate(ctx context.Context, entries []Entry) (map[string]Entry, error) {
	wanted := make(map[string]Entry, len(entries))
	for _, entry := range entries {
		wanted[entry.ID] = entry
	}
	list, err := s.Client.ScheduleClient().List(ctx, client.ScheduleListOptions{PageSize: pageSize})
	if err != nil {
		return nil, err
	}
	done := map[string]Entry{}
	for list.HasNext() {
		is, err := list.Next()
		if err != nil {
			return nil, err
		}
		entry, ok := wanted[is.ID]
		if !ok || is.Spec == nil {
			continue
		}
		want := s.desired(entry)
		sameState := s.pausedByPerson(is.Paused, is.Note) || is.Paused == want.State.Paused && is.Note == want.State.Note
		if mark := markOf(is.Spec); sameState && mark != "" && mark == markOf(want.Spec) && slices.Equal(is.Spec.Intervals, want.Spec.Intervals) {
			done[is.ID] = entry
		}
	}
	return done, nil
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
	content, err := json.Marshal(want)
	if err != nil {
		return // without a mark it counts as changed at each start
	}
	sum := sha256.Sum256(append(content, s.KeyID...))
	want.Spec.Skip = []client.ScheduleCalendarSpec{{
		Year: []client.ScheduleRange{{Start: markYear}}, Comment: "settings " + hex.EncodeToString(sum[:8]),
	}}
}

// markOf is the mark of a Schedule; empty: it has none.
func markOf(spec *client.ScheduleSpec) string {
	if len(spec.Skip) != 1 {
		return ""
	}
	return spec.Skip[0].Comment
}

// offset spreads the accounts over the interval, so that not all have their turn on the
// hour.
func offset(id string, every time.Duration) time.Duration {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id))
	return (time.Duration(h.Sum32()) * time.Second % every).Truncate(time.Second)
}

// pauseRemoved pauses the Schedules on this task queue whose accounts are gone. The
// list may be a moment behind: then the next time finds them.
func (s Set) pauseRemoved(ctx context.Context, wanted map[string]bool) error {
	schedules := s.Client.ScheduleClient()
	list, err := schedules.List(ctx, client.ScheduleListOptions{PageSize: pageSize})
	if err != nil {
		return err
	}
	for list.HasNext() {
		entry, err := list.Next()
		if err != nil {
			return err
		}
		if !strings.HasPrefix(entry.ID, s.Prefix) || wanted[entry.ID] || entry.Paused {
			continue
		}
		handle := schedules.GetHandle(ctx, entry.ID)
		is, err := handle.Describe(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", entry.ID, err)
		}
		if action, ok := is.Schedule.Action.(*client.ScheduleWorkflowAction); !ok || action.TaskQueue != s.TaskQueue || is.Schedule.State.Paused {
			continue // another product's, or another deployment's
		}
		if err := handle.Pause(ctx, client.SchedulePauseOptions{Note: noteAccountRemoved}); err != nil {
			return fmt.Errorf("%s: %w", entry.ID, err)
		}
		s.Logger.Info("Paused the "+s.Purpose+" of an account that is gone", zap.String("schedule", entry.ID))
	}
	return nil
}

package desk

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/approvals/answered"
	"github.com/privatereply/privatereply/approvals/poll"
	"github.com/privatereply/privatereply/approvals/queue"
	"github.com/privatereply/privatereply/approvals/signin"
)

const eventsPath = "/events"

const (
	// heartbeat is the interval of empty messages, so that proxies do not close a quiet
	// stream.
	heartbeat = 15 * time.Second
	// coalesceDelay is the least time between two events of one stream: changes in it are
	// one event.
	coalesceDelay = 200 * time.Millisecond
	// maxStreamAge ends a stream, so that a user who was removed from the users file is
	// signed out; browsers reconnect by themselves.
	maxStreamAge = 10 * time.Minute
)

// event is one message of the stream. It has no texts: the browser asks for the cards that
// it wants to show.
type event struct {
	Version  int            `json:"version"`
	Counts   tabCounts      `json:"counts"`
	Changed  bool           `json:"changed,omitempty"` // a reply that matches the filter
	Decided  []decidedEvent `json:"decided,omitempty"`
	Answered string         `json:"answered,omitempty"` // a hash of who answered what
	Banners  string         `json:"banners"`            // a hash of what they say
	Reply    bool           `json:"story,omitempty"`    // something has happened to the reply
	Stale    string         `json:"stale,omitempty"`
	// Presence is who else is at which reply; nil: as in the event before.
	Presence *[]presentEvent `json:"presence,omitempty"`
	Now      time.Time       `json:"now"`
}

// saysNothing reports whether nothing has happened but for counts and staleness.
func (e event) saysNothing() bool {
	return !e.Changed && !e.Reply && len(e.Decided) == 0 && e.Presence == nil
}

type decidedEvent struct {
	ElementID string             `json:"key"`
	By        string             `json:"by"`
	Mine      bool               `json:"mine,omitempty"`
	Verb      string             `json:"verb"`
	State     privatereply.State `json:"state"`
	Message   string             `json:"words"`
	Final     bool               `json:"final,omitempty"`   // no more events follow
	NextTry   time.Time          `json:"next_try,omitzero"` // of a send that stands still
}

// events streams changes: of the queue, by the filter in the query, and of one reply if the
// query names one.
func (d *Desk) events(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	control := http.NewResponseController(w)
	if err := control.SetWriteDeadline(time.Time{}); err != nil {
		d.Logger.Error("cannot stream", zap.Error(err))
		http.Error(w, "cannot stream here", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // a proxy must pass it on at once
	ctx, cancel := context.WithTimeout(r.Context(), maxStreamAge)
	defer cancel()
	watcher := d.Queue.Watch(intOrZero(q.Get("version")))
	defer watcher.Close()
	var unwell *poll.Watcher
	if d.Health != nil {
		unwell = d.Health.Watch()
		defer unwell.Close()
	}
	var answers *answered.Watcher
	if d.Answered != nil {
		answers = d.Answered.Watch(q.Has("answered"))
		defer answers.Close()
	}
	// What has changed since the page was made is told at once.
	missing := make(chan struct{}, 1)
	_, bannersNow := d.banners(ctx)
	if q.Has("banners") && q.Get("banners") != bannersNow || q.Has("answered") && q.Get("answered") != d.answeredSeen(ctx) {
		missing <- struct{}{}
	}
	story := d.followReply(ctx, q.Get("reply"))
	filter, user, sees := filterFor(q, signin.UserFrom(ctx)), signin.UserFrom(ctx).Name, d.seesAmong(ctx)
	last := event{Counts: tabCounts{Decide: -1}}

	send := func(format string, args ...any) bool {
		_ = control.SetWriteDeadline(time.Now().Add(heartbeat))
		_, err := fmt.Fprintf(w, format, args...)
		return err == nil && control.Flush() == nil
	}
	if !send("retry: 2000\n\n") {
		return
	}
	beat, look := time.NewTicker(heartbeat), time.NewTicker(presenceInterval)
	defer beat.Stop()
	defer look.Stop()
	begun := make(chan struct{}, 1)
	begun <- struct{}{}
	moved := d.presence.changes()
	present := []presentEvent{}
	// presence is who is present, if that has changed.
	presence := func() *[]presentEvent {
		now := d.presence.others(user, sees)
		if slices.EqualFunc(now, present, presentEvent.equal) {
			return nil
		}
		present = now
		return &now
	}
	for {
		var e event
		quiet := false // only people may have come or gone
		select {
		case <-ctx.Done():
			return
		case <-stopping(ctx):
			return
		case <-beat.C:
			if !send(": still here\n\n") {
				return
			}
			continue
		case <-story:
			e.Reply = true
		case <-missing:
		case <-unwell.Changed():
		case <-answers.Changed():
		case <-watcher.Changed():
		case <-begun:
			quiet = true
		case <-look.C:
			quiet = true
		case <-moved:
			quiet = true
		}
		moved = d.presence.changes() // before it is looked at, so that no change is missed
		if e.Presence = presence(); quiet && e.Presence == nil {
			continue
		}
		changes, view, missed := watcher.Next()
		for i, c := range changes {
			changes[i] = c.Only(sees)
		}
		e = d.event(ctx, e, changes, d.seenOf(ctx, view), missed, filter, user)
		if e.saysNothing() && e.Counts == last.Counts && e.Stale == last.Stale && e.Banners == last.Banners && e.Answered == last.Answered {
			continue // it was about what this user does not see
		}
		last = e
		for i := range e.Decided {
			e.Decided[i].Message = d.inZone(ctx, e.Decided[i].Message)
		}
		data, err := json.Marshal(e)
		if err != nil || !send("data: %s\n\n", data) {
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(coalesceDelay):
		}
	}
}

func (d *Desk) event(ctx context.Context, e event, changes []queue.Change, v *queue.View, missed bool, f queue.Filter, user string) event {
	e.Version, e.Counts, e.Now, e.Changed = v.Version, d.counts(ctx, v), d.now().UTC(), missed
	for _, c := range changes {
		e.Changed = e.Changed || c.Matches(f)
		for _, decided := range c.Decided {
			told := decidedEvent{
				ElementID: elementID(decided.ID), By: decided.By, Mine: decided.By == user, Verb: decided.Verb, State: decided.State,
				Message: decidedMessage(decided, user), Final: decided.State.Final() || decided.State == privatereply.Sent,
			}
			if stands, nextTry := d.standing(ctx, decided); stands != "" {
				told.Message, told.NextTry = told.Message+" "+stands, nextTry
			}
			e.Decided = append(e.Decided, told)
		}
	}
	_, e.Banners = d.banners(ctx)
	e.Answered = d.answeredSeen(ctx)
	if v.Err != nil {
		e.Stale = staleMessage
	}
	return e
}

var pastTense = map[string]string{verbApprove: "approved", verbReject: "rejected", verbResolve: "resolved"}

// decidedMessage says who decided, and the state that followed.
func decidedMessage(d queue.Decision, user string) string {
	by := d.By
	if by == user {
		by = "You"
	}
	words := by + " " + pastTense[d.Verb] + " this at " + d.At.UTC().Format(sentenceTime) + "."
	switch d.State {
	case privatereply.Rejected:
		return words
	case privatereply.Sent:
		return words + " " + deliveredMessage
	}
	return words + " " + d.State.Label() + "."
}

// deliveredMessage is what an approver should know after a delivery.
const deliveredMessage = "Delivered. It may be in the person's message requests, and it is the only message until they answer."

// followReply sends a value for each event of a reply; without an id it returns nil.
func (d *Desk) followReply(ctx context.Context, id string) <-chan struct{} {
	happened := make(chan struct{}, 1)
	if id == "" {
		return nil
	}
	go func() {
		err := d.Replies.Follow(ctx, id, func() {
			select {
			case happened <- struct{}{}:
			default:
			}
		})
		if err != nil && ctx.Err() == nil {
			d.Logger.Info("a reply can no longer be followed", zap.String("reply", id), zap.Error(err))
		}
	}()
	return happened
}

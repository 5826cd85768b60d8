package workflows

import (
	"errors"
	"time"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/privatereply/privatereply"
)

// inbox takes the signals of a workflow and waits. Everything that blocks the
// main routine goes through it, so that signals are taken before anything is
// decided: what came first counts first, whatever else woke the workflow.
type inbox struct {
	ctx      workflow.Context
	channels []signalChannel
	refused  []RefusedSignal // the last maxRefusals

	updatedAt time.Time // when the last Update was handled
}

type signalChannel struct {
	name    string
	channel workflow.ReceiveChannel
	handler func(converter.RawValue) error
}

const (
	// maxRefusals is how many refused signals a status shows.
	maxRefusals = 10
	// maxWhyBytes is the longest reason that is recorded of each.
	maxWhyBytes = 300
)

var errNoTime = errors.New(`"at" is missing: say when it happened, such as {"at":"2026-01-02T15:04:05Z"}`)

// handle has take follow the signals of a name. Its error is a refusal, in words.
func (b *inbox) handle(name, description string, take func(converter.RawValue) error) {
	channel := workflow.GetSignalChannelWithOptions(b.ctx, name, workflow.SignalChannelOptions{Description: description})
	b.channels = append(b.channels, signalChannel{name: name, channel: channel, handler: take})
}

// hasSignals reports whether a signal was not taken yet.
func (b *inbox) hasSignals() bool {
	for _, c := range b.channels {
		if c.channel.Len() > 0 {
			return true
		}
	}
	return false
}

// drain takes every signal that has arrived, and records the refused ones.
func (b *inbox) drain() {
	for _, c := range b.channels {
		for {
			var raw converter.RawValue
			if !c.channel.ReceiveAsync(&raw) {
				break
			}
			if err := c.handler(raw); err != nil {
				b.refuse(c.name, err)
			}
		}
	}
}

func (b *inbox) refuse(name string, why error) {
	workflow.GetLogger(b.ctx).Info("signal refused", "signal", name)
	b.refused = append(b.refused, RefusedSignal{Name: name, Why: privatereply.CutText(why.Error(), maxWhyBytes), At: b.now()})
	if len(b.refused) > maxRefusals {
		b.refused = b.refused[len(b.refused)-maxRefusals:]
	}
}

func (b *inbox) now() time.Time { return workflow.Now(b.ctx).UTC() }

// await blocks until cond holds.
func (b *inbox) await(cond func() bool) error {
	for {
		b.drain()
		if cond() {
			return nil
		}
		if err := workflow.Await(b.ctx, func() bool { return b.hasSignals() || cond() }); err != nil {
			return err
		}
	}
}

// awaitUntil blocks until cond holds or the time until has come. It owns its
// timer: the SDK's AwaitWithTimeout leaves the timer behind when the condition
// wins. Callers compare the clock again afterwards: a workflow task that was late
// can bring the timer and a decision together.
//
// A later until lets the timer fire and starts one for the remaining time; that is cheaper than a new
// timer for each message of a chat. An earlier one replaces it.
func (b *inbox) awaitUntil(what string, until func() time.Time, cond func() bool) error {
	for {
		b.drain()
		at := until()
		wait := at.Sub(b.now())
		if cond() || wait <= 0 {
			return nil
		}
		ctx, stop := workflow.WithCancel(b.ctx)
		timer := workflow.NewTimerWithOptions(ctx, wait, workflow.TimerOptions{Summary: what})
		err := b.await(func() bool { return cond() || timer.IsReady() || until().Before(at) })
		stop()
		if err != nil {
			return err
		}
	}
}

// awaitTime blocks until a time has come, and takes signals meanwhile.
func (b *inbox) awaitTime(what string, at time.Time) error {
	return b.awaitUntil(what, func() time.Time { return at }, func() bool { return false })
}

// request judges a message that asks for something. Validate judges it alone, and only
// when it arrives: a limit that changes later must not undo what was accepted. CheckState
// judges it by the state of the workflow.
type request[M any] interface {
	validate(M) error
	checkState(M) error
}

// handleUpdate registers an Update. Signals that came before it are drained first; if they
// changed what the state allows, the Update fails in the same words.
func handleUpdate[M, Result any](b *inbox, name, description string, r request[M], do func(workflow.Context, M) (*Result, error)) error {
	return workflow.SetUpdateHandlerWithOptions(b.ctx, name,
		func(ctx workflow.Context, raw converter.RawValue) (*Result, error) {
			b.updatedAt = b.now()
			b.drain()
			var m M
			err := decode(raw, &m)
			if err == nil {
				err = r.checkState(m)
			}
			if err != nil {
				return nil, refusal(err)
			}
			result, err := do(ctx, m)
			b.updatedAt = b.now()
			return result, err
		},
		workflow.UpdateHandlerOptions{
			Description: description,
			Validator: func(raw converter.RawValue) error {
				var m M
				if err := decode(raw, &m); err != nil {
					return err
				}
				if err := r.validate(m); err != nil || b.hasSignals() {
					// What an earlier signal will change is not known yet, and a validator
					// may not drain it. The handler decides.
					return err
				}
				return r.checkState(m)
			},
		})
}

// refusal is the error of an Update that is refused after it was accepted.
func refusal(why error) error {
	return temporal.NewNonRetryableApplicationError(why.Error(), "Refused", nil)
}

// signalHandler is the handler of a signal that asks for what r judges and does.
func signalHandler[M any](r interface {
	request[M]
	do(M)
}) func(converter.RawValue) error {
	return func(raw converter.RawValue) error {
		var m M
		if err := decode(raw, &m); err != nil {
			return err
		}
		if err := r.validate(m); err != nil {
			return err
		}
		if err := r.checkState(m); err != nil {
			return err
		}
		r.do(m)
		return nil
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

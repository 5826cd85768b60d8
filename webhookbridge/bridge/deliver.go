package bridge

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/routing"
	"github.com/privatereply/privatereply/internal/telemetry"
	"github.com/privatereply/privatereply/rules"
	"github.com/privatereply/privatereply/webhookbridge/decode"
	"github.com/privatereply/privatereply/workflows"
)

// retryAfter is what a 503 asks for, in seconds. Meta keeps its own schedule.
const retryAfter = "5"

// deliver answers one delivery.
func (b *Bridge) deliver(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	status := b.receive(w, r)
	b.metrics.countDelivery(status, time.Since(began))
	switch status {
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", retryAfter)
	case http.StatusRequestTimeout, http.StatusRequestEntityTooLarge:
		w.Header().Set("Connection", "close")
	}
	writeStatus(w, status)
}

// receive works through one delivery and returns the answer. Nothing of the body is
// looked at before its signature is right.
func (b *Bridge) receive(w http.ResponseWriter, r *http.Request) int {
	receivedAt := b.cfg.Now()
	sum, ok := parseSignature(r.Header.Get("X-Hub-Signature-256"))
	if !ok && r.ContentLength <= maxBody {
		b.sampler.warn(b.cfg.Logger, "unsigned", "Refused a delivery without a signature in X-Hub-Signature-256")
		return http.StatusForbidden
	}
	body, err := b.bodies.read(w, r, b.timeouts.body)
	if err != nil {
		b.sampler.warn(b.cfg.Logger, "body", "Refused a delivery whose body could not be read", zap.Error(err))
		return bodyErrorStatus(err)
	}
	defer body.release()
	b.metrics.bytes.Add(float64(len(body.bytes)))
	if !b.secrets.signed(body.bytes, sum) {
		b.sampler.warn(b.cfg.Logger, "signature", "Refused a delivery that none of the app secrets signed; "+
			"an app with Instagram Login has an Instagram app secret of its own")
		return http.StatusForbidden
	}
	events, err := decode.Delivery(body.bytes, receivedAt, b.cfg.Accounts)
	if err != nil {
		b.metrics.unreadable.Inc()
		b.cfg.Logger.Warn("A signed delivery cannot be read", zap.Int("bytes", len(body.bytes)), zap.Error(err))
		return http.StatusOK
	}
	ctx, end := b.startSpan(r.Context(), receivedAt, len(events))
	status := b.commit(ctx, events)
	end(status)
	return status
}

// commit makes the events durable. It goes on when Meta hangs up meanwhile: what is
// done now need not be done again.
func (b *Bridge) commit(ctx context.Context, events []privatereply.Event) int {
	ctx = context.WithoutCancel(ctx)
	began := time.Now()
	arrivals := b.arrivals(ctx, events)
	// A condition that was under way when the rules' time was over takes none of the commits'.
	ruled := min(time.Since(began), b.timeouts.rules)
	ctx, cancel := context.WithTimeout(ctx, b.timeouts.answer-ruled)
	defer cancel()
	effects, err := b.committer.commit(ctx, arrivals)
	if err != nil {
		trouble := classifyFailure(err)
		b.metrics.failures.WithLabelValues(trouble).Inc()
		b.metrics.sentBack.Add(float64(len(events)))
		b.sampler.warn(b.cfg.Logger, trouble, "Meta must deliver again: Temporal did not take every event",
			zap.String("trouble", trouble), zap.Int("events", len(events)), zap.Error(err))
		return http.StatusServiceUnavailable
	}
	for _, ev := range events {
		if ev.Ignored != nil {
			effects = append(effects, routing.Result{Effect: routing.Ignored, Reason: ev.Ignored.Why})
			b.logIgnored(*ev.Ignored)
		}
	}
	b.metrics.countAcknowledged(effects)
	return http.StatusOK
}

// arrivals are the events that Temporal must hold, with what the rules say, and with
// the span under which their story goes on: a group of several deliveries has none.
func (b *Bridge) arrivals(ctx context.Context, events []privatereply.Event) []workflows.InboundEvent {
	span := telemetry.Traceparent(ctx)
	ctx, cancel := context.WithTimeout(ctx, b.timeouts.rules)
	defer cancel()
	var arrivals []workflows.InboundEvent
	set := b.cfg.Rules.Current()
	tooSlow := 0
	for _, ev := range events {
		a := workflows.InboundEvent{Event: ev, Trace: span}
		switch {
		case ev.Comment != nil, ev.Edited != nil:
			comment := cmp.Or(ev.Comment, ev.Edited)
			account, _ := b.cfg.Accounts.Find(comment.Platform, comment.Account)
			decision := set.DecideWithin(ctx, rules.Input{Comment: *comment, AccountName: account.Name, Now: b.cfg.Now()})
			if decision.Reason == privatereply.RuleErrorPrefix+rules.TooSlow {
				tooSlow++
			}
			a.Decision = &decision
		case ev.Message != nil:
			account, _ := b.cfg.Accounts.Find(ev.Message.Platform, ev.Message.Account)
			a.HumanAgent, a.RepliedOnly = account.HumanAgent, account.RepliedOnly
		case ev.Ignored != nil:
			continue
		}
		arrivals = append(arrivals, a)
	}
	if tooSlow > 0 {
		b.metrics.tooSlow.Add(float64(tooSlow))
		b.sampler.warn(b.cfg.Logger, "rules too slow", "The rules had no time for some comments of a delivery: people decide them. "+
			"Shorten patterns, look for fewer words, or remove rules",
			zap.Int("comments", tooSlow), zap.Int("events", len(events)), zap.Duration("limit", b.timeouts.rules))
	}
	return arrivals
}

// logIgnored logs what an operator may have to mend or explain. The rest is what
// Meta sends all day, and is only counted.
func (b *Bridge) logIgnored(ev privatereply.IgnoredEvent) {
	level := zap.DebugLevel
	switch ev.Why {
	case decode.UnknownAccount, decode.NoUsableID, decode.ValuesOff, decode.Malformed, decode.UnknownAuthor, decode.UnsupportedMedia:
		level = zap.WarnLevel
	}
	b.cfg.Logger.Log(level, "Ignored an event", zap.String("why", ev.Why), zap.String("account", ev.Account), zap.String("id", ev.ID))
}

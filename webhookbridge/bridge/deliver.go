package bridge

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"go.temporal.io/api/serviceerror"
	"go.uber.org/zap"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/routing"
	"github.com/privatereply/privatereply/internal/telemetry"
	"github.com/privatereply/privatereply/rules"
	"github.com/privatereply/privatereply/webhookbridge/decode"
	"github.com/privatereply/privatereply/workflows"
)

// retryAfter is the Retry-After of a 503, in seconds. Meta has a schedule of its own.
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

// receive handles one delivery and returns the status of the answer. Nothing of the body
// is parsed before its signature is verified.
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

// commit makes the events durable and returns the status of the answer. It goes on when
// Meta closes the connection: what is durable now need not be delivered again.
func (b *Bridge) commit(ctx context.Context, events []privatereply.Event) int {
	ctx = context.WithoutCancel(ctx)
	began := time.Now()
	inbound := b.inboundEvents(ctx, events)
	// A condition may overrun the rules' timeout; the commit's time does not shrink for it.
	ruled := min(time.Since(began), b.timeouts.rules)
	ctx, cancel := context.WithTimeout(ctx, b.timeouts.answer-ruled)
	defer cancel()
	results, err := b.committer.commit(ctx, inbound)
	if err != nil {
		class := classifyFailure(err)
		b.metrics.failures.WithLabelValues(class).Inc()
		b.metrics.sentBack.Add(float64(len(events)))
		b.sampler.warn(b.cfg.Logger, class, "Meta must deliver again: Temporal did not take every event",
			zap.String("class", class), zap.Int("events", len(events)), zap.Error(err))
		return http.StatusServiceUnavailable
	}
	for _, ev := range events {
		if ev.Ignored != nil {
			results = append(results, routing.Result{Effect: routing.Ignored, Reason: ev.Ignored.Why})
			b.logIgnored(*ev.Ignored)
		}
	}
	b.metrics.countAcknowledged(results)
	return http.StatusOK
}

// inboundEvents are the events that Temporal must hold, each with the decision of the
// rules and with the parent of its later spans: a batch of several deliveries has no span.
func (b *Bridge) inboundEvents(ctx context.Context, events []privatereply.Event) []workflows.InboundEvent {
	span := telemetry.Traceparent(ctx)
	ctx, cancel := context.WithTimeout(ctx, b.timeouts.rules)
	defer cancel()
	var inbound []workflows.InboundEvent
	set := b.cfg.Rules.Current()
	tooSlow := 0
	for _, ev := range events {
		in := workflows.InboundEvent{Event: ev, Trace: span}
		switch {
		case ev.Comment != nil, ev.Edited != nil:
			comment := cmp.Or(ev.Comment, ev.Edited)
			account, _ := b.cfg.Accounts.Find(comment.Platform, comment.Account)
			decision := set.DecideWithin(ctx, rules.Input{Comment: *comment, AccountName: account.Name, Now: b.cfg.Now(), AutomaticPaused: account.AutomaticPaused, TimeZone: account.TimeZone})
			if decision.Reason == privatereply.RuleErrorPrefix+rules.TooSlow {
				tooSlow++
			}
			in.Decision = &decision
		case ev.Message != nil:
			account, _ := b.cfg.Accounts.Find(ev.Message.Platform, ev.Message.Account)
			in.HumanAgent, in.RepliedOnly = account.HumanAgent, account.RepliedOnly
		case ev.Ignored != nil:
			continue
		}
		inbound = append(inbound, in)
	}
	if tooSlow > 0 {
		b.metrics.tooSlow.Add(float64(tooSlow))
		b.sampler.warn(b.cfg.Logger, "rules too slow", "The rules had no time for some comments of a delivery: people decide them. "+
			"Shorten patterns, look for fewer words, or remove rules",
			zap.Int("comments", tooSlow), zap.Int("events", len(events)), zap.Duration("limit", b.timeouts.rules))
	}
	return inbound
}

// logIgnored logs an ignored event, as a warning if an operator may have to repair or
// explain something. The others are what Meta sends all day.
func (b *Bridge) logIgnored(ev privatereply.IgnoredEvent) {
	level := zap.DebugLevel
	switch ev.Why {
	case decode.UnknownAccount, decode.NoUsableID, decode.ValuesOff, decode.Malformed, decode.UnknownAuthor, decode.UnsupportedMedia:
		level = zap.WarnLevel
	}
	b.cfg.Logger.Log(level, "Ignored an event", zap.String("why", ev.Why), zap.String("account", ev.Account), zap.String("id", ev.ID))
}

// startSpan begins the span of a delivery whose signature is verified: nobody but Meta
// causes a trace, and nobody chooses its id.
func (b *Bridge) startSpan(ctx context.Context, receivedAt time.Time, events int) (_ context.Context, end func(status int)) {
	if b.cfg.Tracer == nil {
		return ctx, func(int) {}
	}
	ctx, span := b.cfg.Tracer.Start(ctx, "webhook", trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(receivedAt))
	return ctx, func(status int) {
		if !span.IsRecording() {
			return
		}
		span.SetAttributes(attribute.Int("privatereply.events", events), attribute.Int("http.response.status_code", status))
		if status >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, "Meta must deliver again")
		}
		span.End()
	}
}

// Failure classes: why Temporal did not take an event. Each is answered with 503: it
// passes, or an operator repairs it while Meta holds the events. An event that Temporal
// would never take does not get here, because decode bounds its ids and sizes; if one
// did, its neighbours would be durable all the same, and the log would name it.
const (
	unavailable       = "unavailable"   // the server cannot be reached
	tooSlow           = "too_slow"      // no answer within the commit's time
	overloaded        = "overloaded"    // the server or the bridge has too much to do
	notSetUp          = "not_set_up"    // no such namespace
	refusedByTemporal = "refused"       // most often: the search attributes are missing
	notPermitted      = "not_permitted" // the bridge's credentials
	otherFailure      = "other"         // a codec that fails, a fault of ours
)

var failureClasses = []string{unavailable, tooSlow, overloaded, notSetUp, refusedByTemporal, notPermitted, otherFailure}

// classifyFailure returns the failure class of an error of a commit.
func classifyFailure(err error) string {
	var (
		unreachable     *serviceerror.Unavailable
		deadline        *serviceerror.DeadlineExceeded
		canceled        *serviceerror.Canceled
		exhausted       *serviceerror.ResourceExhausted
		noNamespace     *serviceerror.NamespaceNotFound
		notFound        *serviceerror.NotFound
		invalid         *serviceerror.InvalidArgument
		denied          *serviceerror.PermissionDenied
		namespaceStates *serviceerror.NamespaceInvalidState
	)
	switch {
	case errors.As(err, &exhausted), errors.Is(err, errFull):
		return overloaded
	case errors.As(err, &unreachable):
		return unavailable
	case errors.As(err, &deadline), errors.As(err, &canceled), errors.Is(err, context.DeadlineExceeded):
		return tooSlow
	case errors.As(err, &noNamespace), errors.As(err, &notFound), errors.As(err, &namespaceStates):
		return notSetUp
	case errors.As(err, &invalid):
		return refusedByTemporal
	case errors.As(err, &denied):
		return notPermitted
	}
	return otherFailure
}

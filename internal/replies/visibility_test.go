package replies

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/workflows"
)

// A comment is hidden and shown again by hand, one request at a time, and the last one is
// known afterwards.
func TestSetHidden(t *testing.T) {
	b := newTestServer(t)
	goOn := make(chan struct{})
	w := worker.New(b.temporal, queue, worker.Options{})
	w.RegisterWorkflowWithOptions(workflows.CommentVisibility, workflow.RegisterOptions{Name: workflows.CommentVisibilityType})
	sends := worker.New(b.temporal, workflows.SendQueue(queue), worker.Options{DisableWorkflowWorker: true})
	sends.RegisterActivityWithOptions(func(_ context.Context, in workflows.SetCommentHiddenInput) (privatereply.SendResult, error) {
		if in.Hidden {
			<-goOn
			return privatereply.SendResult{Outcome: privatereply.OutcomeSent, Wrote: true}, nil
		}
		return privatereply.SendResult{Outcome: privatereply.OutcomeRefused, Reason: privatereply.NotPermitted, Code: 200, Wrote: true}, nil
	}, activity.RegisterOptions{Name: workflows.SetCommentHiddenActivity})
	for _, one := range []worker.Worker{w, sends} {
		if err := one.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(one.Stop)
	}
	c := privatereply.Comment{Platform: privatereply.Instagram, Account: account, CommentID: "18000000000000001", Text: "spam", Via: privatereply.ViaWebhook}

	if s, err := b.Visibility(t.Context(), c); s != nil || err != nil {
		t.Fatalf("before anybody asked: %+v, %v", s, err)
	}
	var refused *Error
	if _, err := b.SetHidden(t.Context(), c, true, " "); !errors.As(err, &refused) || refused.Code != Refused || !strings.HasPrefix(refused.Message, "by: ") {
		t.Errorf("nobody's request is answered with %v", err)
	}
	type answer struct {
		s   workflows.HideStatus
		err error
	}
	first := make(chan answer)
	go func() {
		s, err := b.SetHidden(t.Context(), c, true, "ana")
		first <- answer{s, err}
	}()
	b.await("the first request runs", func() bool {
		s, err := b.Visibility(t.Context(), c)
		return err == nil && s != nil && s.State == workflows.EffectWaiting && s.By == "ana"
	})
	if _, err := b.SetHidden(t.Context(), c, false, "ben"); !errors.As(err, &refused) || refused.Code != Refused || !strings.Contains(refused.Message, "ana hides the comment") {
		t.Errorf("a second request beside the first is answered with %v", err)
	}
	close(goOn)
	if got := <-first; got.err != nil || got.s.State != workflows.EffectDone || !got.s.Hidden || got.s.At.IsZero() {
		t.Errorf("the first request ended as %+v, %v", got.s, got.err)
	}
	if s, err := b.SetHidden(t.Context(), c, false, "ben"); err != nil || s.State != workflows.EffectRefused || s.Reason != privatereply.NotPermitted || s.Code != 200 {
		t.Errorf("showing it again ended as %+v, %v", s, err)
	}
	if s, err := b.Visibility(t.Context(), c); err != nil || s == nil || s.By != "ben" || s.Hidden || time.Since(s.At) > time.Minute {
		t.Errorf("the last request is %+v, %v", s, err)
	}
}

// Lists show what goes with a reply and what of it has happened, and find replies by it.
func TestEffectsInLists(t *testing.T) {
	b := newTestServer(t)
	b.startWorker(privatereply.SendResult{Outcome: privatereply.OutcomeSent, MessageID: "m_1", RecipientID: "6000000000000001"})
	id := b.start(1, func(in *workflows.PrivateReplyInput) {
		in.Decision.Action, in.Decision.PublicText = privatereply.ActionAuto, "Sent you a message!"
		in.Decision.Buttons = []privatereply.Button{{Title: "The list", Then: "Here it is"}, {Title: "Shop", URL: "https://shop.example"}}
	})
	b.start(2, nil)
	var rows []Row
	b.await("the public reply is listed", func() bool {
		var err error
		rows, _, err = b.Page(t.Context(), Filter{Effects: []string{workflows.EffectTapped, workflows.EffectPublicReply}}, 10, nil)
		return err == nil && len(rows) == 1
	})
	want := workflows.MessageMemo{Buttons: "The list\nShop", Public: true}
	if r := rows[0]; r.ID != id || r.Message != want || len(r.Effects) != 1 || r.Effects[0] != workflows.EffectPublicReply {
		t.Errorf("the row is %+v", r)
	}
	b.signalTap(id)
	b.await("both effects are listed", func() bool {
		r, err := b.Row(t.Context(), id)
		return err == nil && len(r.Effects) == 2
	})
}

// signalTap reports to a reply that its first button was tapped.
func (b *testServer) signalTap(id string) {
	b.t.Helper()
	parsed, _ := privatereply.ParseID(id)
	m := workflows.PersonResponded{At: time.Now().UTC(), Payload: "privatereply:" + parsed.Subject + ":b0"}
	if err := b.temporal.SignalWorkflow(b.t.Context(), id, "", workflows.PersonRespondedSignal, m); err != nil {
		b.t.Fatal(err)
	}
}

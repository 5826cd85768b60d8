package workflows

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/privatereply/privatereply"
)

// effectTest is a reply whose effects a test answers for: of public replies and of hiding, the
// last answer counts for all further tries.
type effectTest struct {
	*replyTest
	posts, hides []privatereply.SendResult
	found        []string // what each look under the comment finds
	posted       []PostPublicReplyInput
	hidden       []SetCommentHiddenInput
	lookedUnder  []FindPublicReplyInput
}

func newEffectTest(t *testing.T, c privatereply.Comment, d privatereply.Decision) *effectTest {
	e := &effectTest{replyTest: newReplyTest(t, c, d)}
	e.posts = []privatereply.SendResult{{Outcome: privatereply.OutcomeSent, MessageID: "c_1", Wrote: true}}
	e.hides = []privatereply.SendResult{{Outcome: privatereply.OutcomeSent, Wrote: true}}
	e.RegisterActivityWithOptions(func(_ context.Context, in PostPublicReplyInput) (privatereply.SendResult, error) {
		e.posted = append(e.posted, in)
		return e.posts[min(len(e.posted), len(e.posts))-1], nil
	}, activity.RegisterOptions{Name: PostPublicReplyActivity})
	e.RegisterActivityWithOptions(func(_ context.Context, in SetCommentHiddenInput) (privatereply.SendResult, error) {
		e.hidden = append(e.hidden, in)
		return e.hides[min(len(e.hidden), len(e.hides))-1], nil
	}, activity.RegisterOptions{Name: SetCommentHiddenActivity})
	e.RegisterActivityWithOptions(func(_ context.Context, in FindPublicReplyInput) (FindPublicReplyResult, error) {
		e.lookedUnder = append(e.lookedUnder, in)
		return FindPublicReplyResult{CommentID: e.found[min(len(e.lookedUnder), len(e.found))-1]}, nil
	}, activity.RegisterOptions{Name: FindPublicReplyActivity})
	return e
}

func withPublic(d privatereply.Decision) privatereply.Decision {
	d.PublicText = "Sent you a message!"
	return d
}

func withHide(d privatereply.Decision) privatereply.Decision {
	d.Hide = true
	return d
}

func withButton(d privatereply.Decision) privatereply.Decision {
	d.Buttons = []privatereply.Button{{Title: "The list", Then: "Here it is"}, {Title: "Shop", URL: "https://shop.example"}}
	return d
}

var (
	effectRefused = privatereply.SendResult{Outcome: privatereply.OutcomeRefused, Reason: privatereply.NotPermitted, Code: 200, Wrote: true}
	effectUnknown = privatereply.SendResult{Outcome: privatereply.OutcomeUnknown, Reason: privatereply.NoAnswer, Wrote: true}
	effectLater   = privatereply.SendResult{Outcome: privatereply.OutcomeNotSent, Reason: privatereply.Throttled, Wrote: true}
)

// A public reply is posted once after the private one is sent, and nothing that Meta answers
// posts it twice or changes the private one.
func TestPublicReply(t *testing.T) {
	type want struct {
		state  EffectState
		reason privatereply.Reason
		posts  int
		looks  int
		reply  privatereply.State
	}
	doubtfulLater := effectLater
	doubtfulLater.Doubtful = true
	none := ""
	tests := []struct {
		name     string
		comment  privatereply.Comment
		decision privatereply.Decision
		tell     func(*effectTest)
		want     want
	}{
		{"posted", comment(), withPublic(auto()), nil, want{EffectDone, "", 1, 0, privatereply.NoResponse}},
		{"refused", comment(), withPublic(auto()), func(e *effectTest) {
			e.posts = []privatereply.SendResult{effectRefused}
		}, want{EffectRefused, privatereply.NotPermitted, 1, 0, privatereply.NoResponse}},
		{"later, then posted", comment(), withPublic(auto()), func(e *effectTest) {
			e.posts = append([]privatereply.SendResult{effectLater, effectLater}, e.posts...)
		}, want{EffectDone, "", 3, 0, privatereply.NoResponse}},
		{"later for more than a day", comment(), withPublic(auto()), func(e *effectTest) {
			later := effectLater
			later.RetryAt = start.Add(48 * time.Hour)
			e.posts = []privatereply.SendResult{later}
		}, want{EffectRefused, privatereply.PublicTooLate, 1, 0, privatereply.NoResponse}},
		{"unknown, then found", comment(), withPublic(auto()), func(e *effectTest) {
			e.posts, e.found = []privatereply.SendResult{effectUnknown}, []string{"", "c_2"}
		}, want{EffectDone, privatereply.FoundUnderComment, 1, 2, privatereply.NoResponse}},
		{"unknown, and not there", comment(), withPublic(auto()), func(e *effectTest) {
			e.posts, e.found = []privatereply.SendResult{effectUnknown}, []string{""}
		}, want{EffectUnknown, privatereply.NoAnswer, 1, 3, privatereply.NoResponse}},
		{"a refusal that may have posted it", comment(), withPublic(auto()), func(e *effectTest) {
			e.posts, e.found = []privatereply.SendResult{doubtfulLater}, []string{""}
		}, want{EffectUnknown, privatereply.Throttled, 1, 3, privatereply.NoResponse}},
		{"removed before the next try", comment(), withPublic(auto()), func(e *effectTest) {
			later := effectLater
			later.RetryAt = start.Add(time.Hour)
			e.posts = []privatereply.SendResult{later}
			e.signalAt(time.Minute, CommentRemovedSignal, nil)
		}, want{EffectRefused, privatereply.CommentRemoved, 1, 0, privatereply.NoResponse}},
		{"removed while nobody knows", comment(), withPublic(auto()), func(e *effectTest) {
			e.posts, e.found = []privatereply.SendResult{effectUnknown}, []string{""}
			e.signalAt(20*time.Second, CommentRemovedSignal, nil)
		}, want{EffectRefused, privatereply.CommentRemoved, 1, 1, privatereply.NoResponse}},
		{"on a live", onLive(comment()), withPublic(auto()), nil, want{EffectSkipped, privatereply.NotOnLive, 0, 0, privatereply.NoResponse}},
		{"switched off", comment(), withPublic(ask()), func(e *effectTest) {
			e.updateAt(time.Hour, "u", ApproveMessage, Approve{Approver: "ana", PublicText: &none})
		}, want{EffectSkipped, privatereply.SwitchedOff, 0, 0, privatereply.NoResponse}},
		{"stopped by an operator while it waits", comment(), withPublic(auto()), func(e *effectTest) {
			later := effectLater
			later.RetryAt = start.Add(time.Hour)
			e.posts = []privatereply.SendResult{later}
			e.at(time.Minute, e.CancelWorkflow)
		}, want{EffectRefused, privatereply.StoppedByOperator, 1, 0, privatereply.NoResponse}},
		{"rejected with hiding too late", comment(), withPublic(auto()), func(e *effectTest) {
			e.sends = []func(SendPrivateReplyInput) privatereply.SendResult{unknown, delivered}
			e.signalAt(time.Second, RejectMessage, Reject{Approver: "ana", Hide: true})
			e.looks = []string{"m_1"}
		}, want{EffectSkipped, privatereply.CommentHidden, 0, 0, privatereply.NoResponse}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := newEffectTest(t, tt.comment, tt.decision)
			if tt.tell != nil {
				tt.tell(e)
			}
			status := e.play()
			if status.PublicReply == nil {
				t.Fatal("there is no public reply in the status")
			}
			got := want{status.PublicReply.State, status.PublicReply.Reason, len(e.posted), len(e.lookedUnder), status.State}
			if got != tt.want {
				t.Errorf("it ended as %v, want %v", got, tt.want)
			}
			if (tt.want.state == EffectDone) != (status.PublicReply.CommentID != "") {
				t.Errorf("the new comment is %q", status.PublicReply.CommentID)
			}
			for _, in := range e.posted {
				if in.Text != "Sent you a message!" || !in.NotAfter.Equal(start.Add(publicWithin)) {
					t.Errorf("posted %q until %v", in.Text, in.NotAfter)
				}
			}
		})
	}
}

// A comment is hidden when its reply has ended or a rule ignores it, and by a rejection that
// says so; the reply completes when that has ended.
func TestHide(t *testing.T) {
	type want struct {
		reply  privatereply.State
		state  EffectState // empty: it was not asked for
		reason privatereply.Reason
		by     string
		tries  int
	}
	ignore := privatereply.Decision{Action: privatereply.ActionIgnore, Rule: "spam"}
	tests := []struct {
		name     string
		comment  privatereply.Comment
		decision privatereply.Decision
		tell     func(*effectTest)
		want     want
	}{
		{"ignored by a rule that hides", comment(), withHide(ignore), nil, want{privatereply.Ignored, EffectDone, "", "", 1}},
		{"ignored", comment(), ignore, nil, want{privatereply.Ignored, "", "", "", 0}},
		{"sent by a rule that hides", comment(), withHide(auto()), nil, want{privatereply.NoResponse, EffectDone, "", "", 1}},
		{"undeliverable", comment(), withHide(auto()), func(e *effectTest) {
			e.sends = sendsOf(refused(privatereply.PersonUnavailable))
		}, want{privatereply.Undeliverable, EffectDone, "", "", 1}},
		{"rejected by a person", comment(), withHide(ask()), func(e *effectTest) {
			e.updateAt(time.Hour, "u", RejectMessage, Reject{Approver: "ana"})
		}, want{privatereply.Rejected, "", "", "", 0}},
		{"rejected and hidden by a person", comment(), ask(), func(e *effectTest) {
			e.updateAt(time.Hour, "u", RejectMessage, Reject{Approver: "ana", Hide: true})
		}, want{privatereply.Rejected, EffectDone, "", "ana", 1}},
		{"rejected, and Meta must be asked again", comment(), ask(), func(e *effectTest) {
			e.hides = append([]privatereply.SendResult{effectLater, effectUnknown}, e.hides...)
			e.updateAt(time.Hour, "u", RejectMessage, Reject{Approver: "ana", Hide: true})
		}, want{privatereply.Rejected, EffectDone, "", "ana", 3}},
		{"nobody decides", comment(), withHide(ask()), nil, want{privatereply.Expired, "", "", "", 0}},
		{"Meta refuses", comment(), withHide(ignore), func(e *effectTest) {
			e.hides = []privatereply.SendResult{effectRefused}
		}, want{privatereply.Ignored, EffectRefused, privatereply.NotPermitted, "", 1}},
		{"on a live", onLive(comment()), withHide(ignore), nil, want{privatereply.Ignored, EffectSkipped, privatereply.NotOnLive, "", 0}},
		{"removed meanwhile", comment(), withHide(ignore), func(e *effectTest) {
			later := effectLater
			later.RetryAt = start.Add(time.Hour)
			e.hides = []privatereply.SendResult{later}
			e.signalAt(time.Minute, CommentRemovedSignal, nil)
		}, want{privatereply.Ignored, EffectRefused, privatereply.CommentRemoved, "", 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := newEffectTest(t, tt.comment, tt.decision)
			if tt.tell != nil {
				tt.tell(e)
			}
			status := e.play()
			got := want{reply: status.State, tries: len(e.hidden)}
			if h := status.Hide; h != nil {
				got.state, got.reason, got.by = h.State, h.Reason, h.By
			}
			if got != tt.want {
				t.Errorf("it ended as %v, want %v", got, tt.want)
			}
		})
	}
}

func sendsOf(all ...func(SendPrivateReplyInput) privatereply.SendResult) []func(SendPrivateReplyInput) privatereply.SendResult {
	return all
}

// Meta's refusals end it, and what is not done after a day is given up.
func TestCommentVisibility(t *testing.T) {
	for _, hidden := range []bool{true, false} {
		e := newEffectTest(t, comment(), ask())
		e.hides = append([]privatereply.SendResult{effectLater}, e.hides...)
		e.ExecuteWorkflow(CommentVisibility, VisibilityInput{Comment: comment(), Hidden: hidden, By: "ana"})
		var got HideStatus
		if err := e.GetWorkflowResult(&got); err != nil {
			t.Fatal(err)
		}
		if got.State != EffectDone || got.Hidden != hidden || got.By != "ana" || got.Attempts != 2 || e.hidden[0].Hidden != hidden {
			t.Errorf("it ended as %+v after %v", got, e.hidden)
		}
	}
	e := newEffectTest(t, comment(), ask())
	e.hides = []privatereply.SendResult{effectLater}
	e.ExecuteWorkflow(CommentVisibility, VisibilityInput{Comment: comment(), Hidden: true, By: "ana"})
	var got HideStatus
	if err := e.GetWorkflowResult(&got); err != nil || got.State != EffectRefused || got.Reason != privatereply.Throttled {
		t.Errorf("it ended as %+v, %v", got, err)
	}
}

// Taps stand in the status with what came of them, are events and search attributes, and
// prove a delivery that nobody had acknowledged.
func TestTapped(t *testing.T) {
	payload := "privatereply:" + comment().CommentID + ":b0"
	tap := func(at time.Duration) PersonResponded {
		return PersonResponded{At: start.Add(at), Payload: payload}
	}
	t.Run("and answered", func(t *testing.T) {
		e := newEffectTest(t, comment(), withButton(auto()))
		events := e.reportTo(EventsWithTexts, &receiver{})
		e.signalAt(time.Hour, PersonRespondedSignal, tap(time.Hour))
		e.signalAt(2*time.Hour, PersonRespondedSignal, tap(2*time.Hour))
		e.signalAt(2*time.Hour, TapAnsweredSignal, TapAnswered{Payload: payload, At: start.Add(time.Hour), State: privatereply.OutcomeSent, MessageID: "m_2"})
		e.signalAt(2*time.Hour, PersonRespondedSignal, PersonResponded{At: start.Add(2 * time.Hour), Payload: "privatereply:1:b1"})
		status := e.play()
		want := []TapStatus{{Payload: payload, Title: "The list", At: start.Add(time.Hour), Times: 2, State: privatereply.OutcomeSent, MessageID: "m_2", EndedAt: start.Add(time.Hour)}}
		if diff := cmp.Diff(want, status.Taps); diff != "" {
			t.Errorf("taps (-want +got):\n%s", diff)
		}
		if status.State != privatereply.WindowClosed || len(status.RefusedSignals) != 1 || !status.Window.ClosesAt.Equal(start.Add(26*time.Hour)) {
			t.Errorf("it ended as %v, refused %v", status.State, status.RefusedSignals)
		}
		if got := []string{"reply.sent", "person.tapped", "person.answered", "reply.window_closed"}; !slices.Equal(events.types(), got) {
			t.Errorf("reported %v, want %v", events.types(), got)
		}
		if e.sent[0].Message.Buttons[0].Title != "The list" {
			t.Errorf("sent %+v", e.sent[0].Message)
		}
	})
	t.Run("a delivery that nobody knows", func(t *testing.T) {
		e := newEffectTest(t, comment(), withButton(auto()))
		e.sends = sendsOf(unknown, unknown)
		e.signalAt(48*time.Hour, PersonRespondedSignal, tap(48*time.Hour))
		status := e.play()
		if status.State != privatereply.WindowClosed || status.Reason != privatereply.ConfirmedByTap || len(e.sent) != 2 || status.Send.Outcome != privatereply.OutcomeSent {
			t.Errorf("it ended as %v %v after %d sends", status.State, status.Reason, len(e.sent))
		}
	})
	t.Run("before the repeat", func(t *testing.T) {
		e := newEffectTest(t, comment(), withButton(auto()))
		e.sends = sendsOf(unknown, unknown)
		e.signalAt(5*time.Second, PersonRespondedSignal, tap(5*time.Second))
		status := e.play()
		if status.State != privatereply.WindowClosed || status.Reason != privatereply.ConfirmedByTap || len(e.sent) != 1 {
			t.Errorf("it ended as %v %v after %d sends", status.State, status.Reason, len(e.sent))
		}
	})
}

// Of many comments of a person one is answered: the reply that starts the Once. A person's
// approval before that is known counts more, and whoever ends without a delivery lets go.
func TestOnce(t *testing.T) {
	once := func(d privatereply.Decision) privatereply.Decision {
		d.Rule, d.Once = "prices", privatereply.OncePersonAndPost
		return d
	}
	id, err := privatereply.OnceID(comment(), "prices", privatereply.OncePersonAndPost)
	if err != nil {
		t.Fatal(err)
	}
	nobody := comment()
	nobody.PersonID = ""
	type want struct {
		state    privatereply.State
		reason   privatereply.Reason
		sends    int
		started  []string
		canceled bool
		events   []string
	}
	other, err := privatereply.OnceID(comment(), "sizes", privatereply.OncePerson)
	if err != nil {
		t.Fatal(err)
	}
	edited := privatereply.Decision{Action: privatereply.ActionAuto, Rule: "sizes", Text: "M", Once: privatereply.OncePerson}
	tests := []struct {
		name     string
		comment  privatereply.Comment
		decision privatereply.Decision
		lost     []string // Onces that another reply has
		tell     func(*effectTest)
		want     want
	}{
		{"won", comment(), once(auto()), nil, nil,
			want{privatereply.NoResponse, "", 1, []string{id}, false, []string{"reply.sent", "reply.no_response"}}},
		{"lost", comment(), once(auto()), []string{id}, nil,
			want{privatereply.Ignored, privatereply.IgnoredOnce, 0, nil, false, nil}},
		{"lost while it would be held", comment(), once(autoAfter(time.Minute)), []string{id}, nil,
			want{privatereply.Ignored, privatereply.IgnoredOnce, 0, nil, false, nil}},
		{"lost before a person is asked", comment(), once(ask()), []string{id}, nil,
			want{privatereply.Ignored, privatereply.IgnoredOnce, 0, nil, false, nil}},
		{"approved in the moment in which it is lost", comment(), once(ask()), []string{id}, func(e *effectTest) {
			e.signalAt(0, ApproveMessage, Approve{Approver: "ana"})
		}, want{privatereply.NoResponse, "", 1, nil, false, []string{"reply.waiting", "reply.sent", "reply.no_response"}}},
		{"undeliverable", comment(), once(auto()), nil, func(e *effectTest) { e.sends = sendsOf(refused(privatereply.PersonUnavailable)) },
			want{privatereply.Undeliverable, privatereply.PersonUnavailable, 1, []string{id}, true, []string{"reply.undeliverable"}}},
		{"rejected", comment(), once(ask()), nil, func(e *effectTest) {
			e.updateAt(time.Hour, "u", RejectMessage, Reject{Approver: "ana"})
		}, want{privatereply.Rejected, privatereply.RejectedByApprover, 0, []string{id}, true, []string{"reply.waiting", "reply.rejected"}}},
		{"nobody knows who it is", nobody, once(auto()), nil, nil,
			want{privatereply.Expired, privatereply.NobodyDecided, 0, nil, false, []string{"reply.waiting", "reply.expired"}}},
		{"edited to another rule while it is held", comment(), once(autoAfter(time.Hour)), nil, func(e *effectTest) {
			e.signalAt(time.Minute, CommentEditedSignal, CommentEdited{Text: "size?", At: start.Add(time.Minute), Decision: &edited})
		}, want{privatereply.NoResponse, "", 1, []string{id, other}, true, []string{"reply.held", "reply.sent", "reply.no_response"}}},
		{"edited to another rule that has answered", comment(), once(autoAfter(time.Hour)), []string{other}, func(e *effectTest) {
			e.signalAt(time.Minute, CommentEditedSignal, CommentEdited{Text: "size?", At: start.Add(time.Minute), Decision: &edited})
		}, want{privatereply.Ignored, privatereply.IgnoredOnce, 0, []string{id}, true, []string{"reply.held"}}},
		{"edited while it waits for its next try", comment(), once(auto()), []string{other}, func(e *effectTest) {
			e.sends = sendsOf(notSent(privatereply.Throttled, true, time.Hour), delivered)
			e.signalAt(time.Minute, CommentEditedSignal, CommentEdited{Text: "size?", At: start.Add(time.Minute), Decision: &edited})
		}, want{privatereply.Ignored, privatereply.IgnoredOnce, 1, []string{id}, true, nil}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := newEffectTest(t, tt.comment, tt.decision)
			events := e.reportTo(EventsOfFacts, &receiver{})
			var started []string
			canceled := false
			e.RegisterWorkflowWithOptions(func(ctx workflow.Context, in OnceInput) error {
				if in.Reply != "" {
					started = append(started, workflow.GetInfo(ctx).WorkflowExecution.ID)
				}
				return Once(ctx, in)
			}, workflow.RegisterOptions{Name: OnceType})
			e.SetOnChildWorkflowCompletedListener(func(_ *workflow.Info, _ converter.EncodedValue, err error) {
				canceled = canceled || temporal.IsCanceledError(err)
			})
			e.workflow = func(ctx workflow.Context, in PrivateReplyInput) (*PrivateReplyStatus, error) {
				for _, id := range tt.lost {
					child := workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{WorkflowID: id, ParentClosePolicy: enumspb.PARENT_CLOSE_POLICY_ABANDON})
					if err := workflow.ExecuteChildWorkflow(child, OnceType, OnceInput{Period: privatereply.Duration(week)}).GetChildWorkflowExecution().Get(child, nil); err != nil {
						return nil, err
					}
				}
				return PrivateReply(ctx, in)
			}
			e.RegisterWorkflow(e.workflow)
			if tt.tell != nil {
				tt.tell(e)
			}
			status := e.play()
			got := want{status.State, status.Reason, len(e.sent), started, canceled, events.types()}
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(want{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

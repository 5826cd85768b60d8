package demo

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/privatereply/privatereply/lab/harness"
	"github.com/privatereply/privatereply/lab/harness/devserver/devservertest"
	"github.com/privatereply/privatereply/lab/meta"
)

// Guards: the story works on this machine, and every step shows where to look.
func TestRun(t *testing.T) {
	devservertest.CLI(t)
	var out strings.Builder
	ok, err := Run(t.Context(), &out, false)
	if err != nil || !ok {
		t.Fatalf("Run = %v, %v\n%s", ok, err, out.String())
	}
	if n := strings.Count(out.String(), "✓\n"); n != len(steps) {
		t.Errorf("%d steps are marked ✓, want %d:\n%s", n, len(steps), out.String())
	}
	if n := strings.Count(out.String(), "Web UI    http://127.0.0.1:"); n != len(steps) {
		t.Errorf("%d steps link into the Web UI, want %d", n, len(steps))
	}
	if !strings.Contains(out.String(), "9 of 9 steps seen to happen") {
		t.Errorf("no summary:\n%s", out.String())
	}
}

// Guards: a step that did not happen is not called one that did. Each check is
// given a product that misbehaves in the way that it looks for.
func TestStepsNotice(t *testing.T) {
	cli := devservertest.CLI(t)
	ports, err := harness.FreePorts()
	if err != nil {
		t.Fatal(err)
	}
	stack, err := harness.StartDev(t.Context(), harness.DevOptions{Folder: t.TempDir(), Ports: ports, CLIPath: cli, Ephemeral: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := stack.Stop(); err != nil {
			t.Error(err)
		}
	}()
	s := &story{dev: stack, account: stack.Accounts.All()[0]}

	t.Run("a reply that Meta did not deliver", func(t *testing.T) {
		fault, err := stack.Sandbox.AddFault(meta.Fault{Name: "error", Code: 551})
		if err != nil {
			t.Fatal(err)
		}
		defer stack.Sandbox.ClearFault(fault)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() { // the reply ends as undeliverable, so that it never becomes sent
			if stack.Sandbox.Wait(ctx, func() bool { return refusals(stack.Sandbox) > 0 }) == nil {
				cancel()
			}
		}()
		if _, err := answeredByRule(ctx, s); err == nil {
			t.Error("the step succeeded")
		}
	})
	t.Run("a private reply too many, and one too few", func(t *testing.T) {
		id, _, err := s.writeComment("mia", "Is it oak?")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.checkDelivered(id, 1); err == nil || !strings.Contains(err.Error(), "delivered 0 private replies") {
			t.Errorf("delivered = %v", err)
		}
		if _, err := stack.Sandbox.HumanReply(id, "Yes"); err != nil {
			t.Fatal(err)
		}
		if _, err := s.checkDelivered(id, 0); err == nil || !strings.Contains(err.Error(), "delivered 1 private replies") {
			t.Errorf("delivered = %v", err)
		}
	})
	t.Run("one step of two", func(t *testing.T) {
		var out strings.Builder
		ok := playSteps(t.Context(), &out, stack, []step{
			{"first", "something", func(context.Context, *story) (observation, error) {
				return observation{}, errors.New("it did not happen")
			}},
			{"second", "something", func(context.Context, *story) (observation, error) { return observation{summary: "it happened"}, nil }},
		})
		if ok || !strings.Contains(out.String(), "it did not happen ✗") || !strings.Contains(out.String(), "it happened ✓") {
			t.Errorf("play = %v:\n%s", ok, out.String())
		}
	})
	t.Run("a refused Update", func(t *testing.T) {
		workflow, err := s.replyID("18000000000000404")
		if err != nil {
			t.Fatal(err)
		}
		if err := s.update(t.Context(), workflow, "approve", nil, nil); err == nil {
			t.Error("the Update succeeded")
		}
	})
}

func refusals(s *meta.Sandbox) int {
	n := 0
	for _, a := range s.Report().Accounts {
		for _, times := range a.Refused {
			n += times
		}
	}
	return n
}

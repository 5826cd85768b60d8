package measure

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/harness"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/lab/scenario"
	"github.com/privatereply/privatereply/workflows"
)

const (
	deployment         = "private-replies"
	oldBuild, newBuild = "v1", "v2"

	rolloutComments = 60 // of each kind
	rolloutWorkers  = 2
	// rolloutPeriod is how long comments come; the rollout begins in it.
	rolloutPeriod = 20 * time.Second
	rolloutHold   = 15 * time.Second
	// rolloutLeft is how long the late comments can still be answered.
	rolloutLeft  = 10 * time.Second
	rolloutLimit = 3 * time.Minute
)

var rolloutRules = fmt.Sprintf(`default: ask
rules:
  - name: price
    when: says(text, "price")
    reply: "Hi {{username|there}}, our price list: https://example.com/prices"
  - name: held
    when: says(text, "held")
    reply: "It is yours."
    hold: %s
`, rolloutHold)

// rolloutPlan is a way in which a new version of the workers comes.
type rolloutPlan struct {
	what string
	// settings are those of a build's workers, which share the rate with so many others.
	settings func(build string) map[string]string
	roll     func(ctx context.Context, p *product, settings map[string]string) error
}

var rolloutPlans = []rolloutPlan{
	{"all old workers stop, then new ones start: systemd units, chart", func(string) map[string]string {
		return map[string]string{"SEND_WORKERS": strconv.Itoa(rolloutWorkers)}
	}, replaceWorkers},
	{"builds side by side, the new one made the current one: chart with worker.deploymentName", func(build string) map[string]string {
		return map[string]string{"SEND_WORKERS": strconv.Itoa(2 * rolloutWorkers), "DEPLOYMENT_NAME": deployment, "BUILD_ID": build}
	}, shiftWorkers},
}

// rollout rolls a new build of the workers out and restarts the bridges, while comments come
// and replies wait for a person, for the end of their hold and for their deadline.
func rollout(ctx context.Context, l *lab) (rows []scenario.Row, err error) {
	var failed []error
	for _, plan := range rolloutPlans {
		row := scenario.Row{What: plan.what, Goal: "each answered once, none late, none lost"}
		row.Measured, err = l.rollOut(ctx, plan)
		if err != nil {
			failed = append(failed, err)
			row.Measured += " failed: " + err.Error()
		}
		row.Passed = scenario.PassedWord(err == nil)
		rows = append(rows, row)
	}
	return rows, errors.Join(failed...)
}

// rolloutReplies are the comments of a rollout, by what becomes of them.
type rolloutReplies struct{ asked, held, answered, late []comment }

func (l *lab) rollOut(ctx context.Context, plan rolloutPlan) (measured string, err error) {
	ctx, cancel := context.WithTimeout(ctx, rolloutLimit)
	defer cancel()
	versioned := plan.settings(oldBuild)["BUILD_ID"] != ""
	p, err := l.newProductWith(ctx, harness.Config{
		Accounts: labAccounts(3, ""), Rules: rolloutRules, Workers: rolloutWorkers, Bridges: 2, WorkerSettings: plan.settings(oldBuild),
	})
	if err != nil {
		return "", err
	}
	defer p.close()
	if err := p.Start(ctx); err != nil {
		return "", err
	}
	if versioned {
		if err := p.setCurrentBuild(ctx, oldBuild); err != nil {
			return "", err
		}
	}
	all, err := p.beginReplies(ctx)
	if err != nil {
		return "", err
	}
	delivered := make(chan error, 1)
	go func() { delivered <- p.deliverSlowly(ctx, deliveriesOf(all.answered), rolloutPeriod) }()
	if !scenario.Sleep(ctx, rolloutPeriod/4) {
		return "", ctx.Err()
	}
	began := time.Now()
	if err := errors.Join(plan.roll(ctx, p, plan.settings(newBuild)), p.restartBridges(ctx)); err != nil {
		return "", err
	}
	took := time.Since(began)
	if err := <-delivered; err != nil {
		return "", err
	}
	for _, c := range all.asked {
		if err := p.approve(ctx, c); err != nil {
			return "", err
		}
	}
	return p.judgeRollout(ctx, all, took, versioned)
}

// beginReplies brings replies to where they wait, and writes the comments that come later.
func (p *product) beginReplies(ctx context.Context) (all rolloutReplies, err error) {
	asks, tooLate := "Do you ship to Norway?", privatereply.ReplyPeriod-privatereply.DeadlineMargin-rolloutLeft
	for _, kind := range []struct {
		comments *[]comment
		like     meta.NewComment
		n        int
	}{
		{&all.asked, meta.NewComment{Username: "asked", Text: asks}, rolloutComments},
		{&all.held, meta.NewComment{Username: "held", Text: "Is it held for me?"}, rolloutComments},
		{&all.answered, meta.NewComment{Username: "answered", Text: harness.AnsweredText}, rolloutComments},
		{&all.late, meta.NewComment{Username: "late", Text: asks, Age: privatereply.Duration(tooLate)}, len(p.accounts)},
	} {
		if *kind.comments, err = p.writeCommentsLike(kind.like, kind.n); err != nil {
			return all, err
		}
	}
	// The late ones come first: how old a comment of Instagram is the worker asks Meta, in turn.
	return all, p.deliver(ctx, deliveriesOf(slices.Concat(all.late, all.asked, all.held)))
}

// replaceWorkers lets no old worker run beside a new one.
func replaceWorkers(ctx context.Context, p *product, settings map[string]string) error {
	old := harness.Programs{All: p.Workers.All}
	added, err := p.AddWorkers(rolloutWorkers, settings)
	if err != nil {
		return err
	}
	if err := old.Stop(); err != nil {
		return err
	}
	return added.Start(ctx)
}

// shiftWorkers starts the new workers beside the old ones, which go when theirs is no longer
// the current build.
func shiftWorkers(ctx context.Context, p *product, settings map[string]string) error {
	old := harness.Programs{All: p.Workers.All}
	added, err := p.AddWorkers(rolloutWorkers, settings)
	if err != nil {
		return err
	}
	if err := added.Start(ctx); err != nil {
		return err
	}
	if err := p.setCurrentBuild(ctx, newBuild); err != nil {
		return err
	}
	return old.Stop()
}

// restartBridges restarts one bridge after the other.
func (p *product) restartBridges(ctx context.Context) error {
	for _, b := range p.Bridges.All {
		if err := errors.Join(b.Stop(), b.Start(ctx)); err != nil {
			return err
		}
	}
	return nil
}

// setCurrentBuild makes a build the one that gets work, once the server knows its workers.
func (p *product) setCurrentBuild(ctx context.Context, build string) error {
	handle := p.Client.WorkerDeploymentClient().GetHandle(deployment)
	for {
		_, err := handle.SetCurrentVersion(ctx, client.WorkerDeploymentSetCurrentVersionOptions{BuildID: build})
		if err == nil {
			return nil
		}
		if !scenario.Sleep(ctx, pollInterval) {
			return fmt.Errorf("make %s the current build: %w", build, err)
		}
	}
}

// approve approves a reply as an outside tool does.
func (p *product) approve(ctx context.Context, c comment) error {
	id, err := c.workflowID()
	if err != nil {
		return err
	}
	handle, err := p.Client.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: id, UpdateName: workflows.ApproveMessage, WaitForStage: client.WorkflowUpdateStageCompleted,
		Args: []any{workflows.Approve{Approver: "ana", Text: "Yes, we do."}},
	})
	if err != nil {
		return fmt.Errorf("approve %s: %w", id, err)
	}
	return handle.Get(ctx, nil)
}

// judgeRollout waits for the end and compares it with what people received.
func (p *product) judgeRollout(ctx context.Context, all rolloutReplies, took time.Duration, versioned bool) (measured string, err error) {
	inTime := slices.Concat(all.asked, all.held, all.answered)
	err = errors.Join(p.awaitState(ctx, privatereply.Sent, len(inTime)), p.awaitState(ctx, privatereply.Expired, len(all.late)))
	none, more := p.countReplies(inTime)
	notLate, lateTwice := p.countReplies(all.late)
	late := len(all.late) - notLate + lateTwice
	if err != nil {
		return "", fmt.Errorf("%d received nothing, %d more than one, %d too late: %w", none, more, late, err)
	}
	failed, old := 0, 0
	for i, c := range slices.Concat(inTime, all.late) {
		n, build, err := p.tasksOf(ctx, c)
		if err != nil {
			return "", err
		}
		failed += n
		if approvedAfter := i < len(all.asked); versioned && approvedAfter && build != newBuild {
			old++
		}
	}
	measured = fmt.Sprintf("%d of %d answered once, %d late; %d failed workflow tasks; in %.1f s", len(inTime)-none-more, len(inTime), late, failed, took.Seconds())
	if none+more+late+failed+old > 0 {
		err = fmt.Errorf("%d received nothing, %d more than one, %d too late, %d workflow tasks failed, %d ended with the old build", none, more, late, failed, old)
	}
	return measured, err
}

// tasksOf counts the failed workflow tasks of a comment's reply, and names the build that
// completed the last one.
func (p *product) tasksOf(ctx context.Context, c comment) (failed int, build string, err error) {
	id, err := c.workflowID()
	if err != nil {
		return 0, "", err
	}
	for history := p.Client.GetWorkflowHistory(ctx, id, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT); history.HasNext(); {
		event, err := history.Next()
		if err != nil {
			return 0, "", fmt.Errorf("history of %s: %w", id, err)
		}
		if event.GetWorkflowTaskFailedEventAttributes() != nil {
			failed++
		}
		if done := event.GetWorkflowTaskCompletedEventAttributes(); done != nil {
			build = done.GetDeploymentVersion().GetBuildId()
		}
	}
	return failed, build, nil
}

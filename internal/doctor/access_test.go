package doctor_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/internal/doctor"
	"github.com/privatereply/privatereply/lab/harness"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/workflows"
)

// Accounts of dev: one with the Instagram login, one with human agents, and
// the Page of that one.
const (
	devOwn   = "17841400000000002"
	devAgent = "17841400000000001"
	devPage  = "100000000000001"
)

// useDev makes dev the installation to examine.
func useDev(t *testing.T) {
	t.Helper()
	dev.Need(t)
	env, err := config.ReadDevEnv(dev.Folder)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range env {
		t.Setenv(name, value)
	}
}

// found gives the finding of a check about an account; its zero value is that
// nothing was said.
func found(t *testing.T, account, check string) doctor.Finding {
	t.Helper()
	for _, s := range doctor.Run(t.Context(), doctor.Options{}).Sections {
		i := slices.IndexFunc(s.Findings, func(f doctor.Finding) bool { return f.Check == check })
		if i >= 0 && strings.Contains(s.Subject, account) {
			return s.Findings[i]
		}
	}
	return doctor.Finding{}
}

// Guards: an app with Standard Access is told from what Meta says to replies,
// because nothing else tells, and so are other refusals that replies wait for.
func TestRefusedReplies(t *testing.T) {
	useDev(t)
	tests := []struct {
		name, account string
		code, subcode int
		want          wanted
	}{
		{"only people with a role", devOwn, 200, 2018028, wanted{devOwn, "access", doctor.Failure,
			"only people with a role on the app|a reply that waits|200/2018028|Advanced Access"}},
		{"another refusal", devPage, 200, 2534041, wanted{devPage, "waiting replies", doctor.Warning,
			"a reply that waits|200/2534041|starter show reply:facebook:" + devPage}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if f := found(t, tt.account, "access"); f.Level != doctor.Unknown || !strings.Contains(f.Text, "only people with a role on the app") {
				t.Errorf("before: %+v", f)
			}
			fault, err := dev.Sandbox.AddFault(meta.Fault{Name: "error", Account: tt.account, Calls: "private-reply", Code: tt.code, Subcode: tt.subcode, Status: 403})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { dev.Sandbox.ClearFault(fault) })
			if _, err := dev.Sandbox.Comment(meta.NewComment{Account: tt.account, Username: "lena", Text: "How much is it?"}); err != nil {
				t.Fatal(err)
			}
			eventually(t, func() bool { return tt.want.is(tt.account, found(t, tt.account, tt.want.check)) })
		})
	}
}

// Guards: an app without the Human Agent feature is told from a human agent's
// message that Meta did not permit.
func TestHumanAgent(t *testing.T) {
	useDev(t)
	if f := found(t, devAgent, "human agent"); f.Level != doctor.Unknown {
		t.Errorf("before: %+v", f)
	}
	if err := dev.Sandbox.UpdateAccount(devAgent, meta.AccountUpdate{HumanAgent: new(false)}); err != nil {
		t.Fatal(err)
	}
	person := meta.Person{Account: devAgent, Username: "jonas"}
	wrote := time.Now().Add(-25 * time.Hour).UTC()
	if _, err := dev.Sandbox.WriteMessage(meta.NewMessage{Account: person.Account, Username: person.Username, Text: "Hello?", At: wrote, NoWebhook: true}); err != nil {
		t.Fatal(err)
	}
	id, err := dev.Sandbox.PersonID(person)
	if err != nil {
		t.Fatal(err)
	}
	account, known := dev.Accounts.Get(privatereply.Instagram, devAgent)
	if !known {
		t.Fatal("dev has no such account")
	}
	options, input, err := workflows.ConversationOptions(account, id, harness.TaskQueue)
	if err != nil {
		t.Fatal(err)
	}
	_, err = dev.Client.SignalWithStartWorkflow(t.Context(), options.ID, workflows.PersonMessageSignal,
		workflows.PersonMessage{At: wrote, MessageID: "m_1"}, options, workflows.ConversationType, input)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool {
		var status workflows.ConversationStatus
		answer, err := dev.Client.QueryWorkflow(t.Context(), options.ID, "", workflows.StatusQuery)
		return err == nil && answer.Get(&status) == nil && !status.LastMessageAt.IsZero()
	})
	handle, err := dev.Client.UpdateWorkflow(t.Context(), client.UpdateWorkflowOptions{
		WorkflowID: options.ID, UpdateName: workflows.FollowUpUpdate, WaitForStage: client.WorkflowUpdateStageCompleted,
		Args: []any{workflows.FollowUp{Agent: "ana", Text: "Hello!", HumanAgent: true}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var answer workflows.FollowUpResult
	if err := handle.Get(t.Context(), &answer); err != nil || answer.Reason != privatereply.NotPermitted {
		t.Fatalf("the follow-up ended as %+v, %v", answer, err)
	}
	want := wanted{devAgent, "human agent", doctor.Failure, options.ID + "|lacks the Human Agent feature|human_agent: false"}
	eventually(t, func() bool { return want.is(devAgent, found(t, devAgent, "human agent")) })
}

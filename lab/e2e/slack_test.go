package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/harness"
	"github.com/privatereply/privatereply/lab/harness/harnesstest"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/lab/slack"
	"github.com/privatereply/privatereply/workflows"
)

// slackUsers are who may sign in at the desk, with their ids in Slack.
const slackUsers = `
- {name: ana, role: approver, slack: U0ANA}
- {name: carl, role: viewer, slack: U0CARL}
`

// slackDay is the product with a Slack channel.
type slackDay struct {
	*product
	slack *slack.Server
}

// Replies are decided in Slack, on the whole product: each once, by those who may, whatever
// is tapped twice, decided elsewhere or away.
func TestSlack(t *testing.T) {
	t.Parallel()
	users := filepath.Join(t.TempDir(), "users.yaml")
	if err := os.WriteFile(users, []byte(slackUsers), 0o600); err != nil {
		t.Fatal(err)
	}
	channel := slack.New("xoxb-e2e", "C0REPLIES", "e2eslacksecret")
	t.Cleanup(channel.Close)
	d := &slackDay{prepare(t, harness.Config{Workers: 1, Bridges: 1, Desks: 1, UsersFile: users, Slack: channel}), channel}
	d.startBridge()
	t.Cleanup(d.startWorker())
	harnesstest.Start(t, d.Desks)

	d.approved()
	d.edited()
	d.rejected()
	d.decidedElsewhere()
	d.away()
	if problems := d.slack.Problems(); len(problems) > 0 {
		t.Errorf("Slack would not have taken %q", problems)
	}
}

// wait has a person comment, and an outside tool propose a text.
func (d *slackDay) wait(person, proposal string) (reply string) {
	d.t.Helper()
	reply, _ = d.comment(meta.NewComment{Account: instagram, Username: person, Text: "Do you have it, " + person + "?"})
	d.untilState(d.t, reply, privatereply.AwaitingApproval)
	if _, err := d.update(d.t, reply, "propose", map[string]any{"by": "drafts", "text": proposal}); err != nil {
		d.t.Fatal(err)
	}
	return reply
}

func (d *slackDay) await(what string, cond func() bool) {
	d.t.Helper()
	for end := time.Now().Add(2 * time.Minute); !cond(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			for _, m := range d.slack.Messages() {
				d.t.Log(m.Words())
			}
			d.t.Fatalf("%s does not happen; only one person saw %q; Slack would not have taken %q", what, d.slack.Whispers(), d.slack.Problems())
		}
	}
}

// message is the one that says words.
func (d *slackDay) message(words string) slack.Message {
	for _, m := range d.slack.Messages() {
		if strings.Contains(m.Words(), words) {
			return m
		}
	}
	return slack.Message{}
}

// tap waits until a message offers an action for a reply, and has a user tap it.
func (d *slackDay) tap(user, reply, action, shows string) (payload []byte) {
	d.t.Helper()
	d.await(action+" is offered", func() bool { return d.message(shows).Offers(reply, action) })
	payload, err := d.slack.Tap(user, d.message(shows).TS, reply, action)
	if err != nil {
		d.t.Fatal(err)
	}
	return payload
}

// submit sends the newest form.
func (d *slackDay) submit(forms int, values map[string]string) {
	d.t.Helper()
	d.await("a form opens", func() bool { return len(d.slack.Views()) == forms })
	if refused, err := d.slack.Submit(d.slack.Views()[forms-1], values); err != nil || refused != nil {
		d.t.Fatal(refused, err)
	}
}

func (d *slackDay) expect(person string, want ...string) {
	d.t.Helper()
	if got := d.received(instagram, person); !slices.Equal(got, want) {
		d.t.Errorf("%s received %q, want %q", person, got, want)
	}
}

// approved: strangers are refused in words; a double tap and a replay decide nothing twice.
func (d *slackDay) approved() {
	d.t.Helper()
	reply := d.wait("jonas", "Yes, jonas, in three sizes.")
	for user, words := range map[string]string{"U0NOBODY": "does not know you", "U0CARL": "Only approvers"} {
		d.tap(user, reply, "approve", "in three sizes")
		d.await(user+" is refused", func() bool {
			return slices.ContainsFunc(d.slack.Whispers(), func(w string) bool { return strings.HasPrefix(w, user+": ") && strings.Contains(w, words) })
		})
	}
	if s := d.untilState(d.t, reply, privatereply.AwaitingApproval); s.Approver != "" {
		d.t.Errorf("decided by %q", s.Approver)
	}
	payload := d.tap("U0ANA", reply, "approve", "in three sizes")
	for range 2 {
		if _, err := d.slack.Send(payload); err != nil {
			d.t.Error(err)
		}
	}
	d.await("the approval is shown", func() bool { return strings.Contains(d.message("in three sizes").Words(), "Approved by ana") })
	if s := d.untilState(d.t, reply, privatereply.Sent); s.Approver != "ana" {
		d.t.Errorf("approved by %q", s.Approver)
	}
	d.expect("jonas", "Yes, jonas, in three sizes.")
}

func (d *slackDay) edited() {
	d.t.Helper()
	reply := d.wait("lena", "No.")
	d.tap("U0ANA", reply, "edit", "Do you have it, lena?")
	d.submit(1, map[string]string{"text": "Not yet, lena: in May."})
	d.untilState(d.t, reply, privatereply.Sent)
	d.expect("lena", "Not yet, lena: in May.")
	d.await("the edited text is shown", func() bool { return d.message("Not yet, lena: in May.").TS != "" })
}

func (d *slackDay) rejected() {
	d.t.Helper()
	reply := d.wait("spammer", "Thank you!")
	d.tap("U0ANA", reply, "reject", "Do you have it, spammer?")
	d.submit(2, map[string]string{"reason": "spam"})
	if s := d.untilState(d.t, reply, privatereply.Rejected); s.RejectReason != "spam" || s.Approver != "ana" {
		d.t.Errorf("rejected by %q because %q", s.Approver, s.RejectReason)
	}
	d.await("the rejection is shown", func() bool { return strings.Contains(d.message("Do you have it, spammer?").Words(), "Rejected by ana") })
}

// decidedElsewhere: a decision by a plain Temporal client changes the message, and a tap on
// the old one is told who was first.
func (d *slackDay) decidedElsewhere() {
	d.t.Helper()
	reply := d.wait("otto", "Yes, otto.")
	d.await("it is posted", func() bool { return d.message("Yes, otto.").Offers(reply, "approve") })
	payload := d.tap("U0CARL", reply, "approve", "Yes, otto.") // refused; kept for its buttons
	if _, err := d.update(d.t, reply, "approve", map[string]any{"approver": "ben", "text": "Ben says yes."}); err != nil {
		d.t.Fatal(err)
	}
	late := []byte(strings.ReplaceAll(string(payload), "U0CARL", "U0ANA"))
	if _, err := d.slack.Send(late); err != nil {
		d.t.Fatal(err)
	}
	d.await("ana hears who was first", func() bool {
		return slices.ContainsFunc(d.slack.Whispers(), func(w string) bool { return strings.Contains(w, "Already decided: ben") })
	})
	d.await("the message says so", func() bool { return strings.Contains(d.message("Do you have it, otto?").Words(), "Approved by ben") })
	d.untilState(d.t, reply, privatereply.Sent)
	d.expect("otto", "Ben says yes.")
}

// away: while Slack answers nobody, replies come, are decided elsewhere and go out; what
// still waits is posted when it is back, in few messages, and nothing twice.
func (d *slackDay) away() {
	d.t.Helper()
	d.slack.Away(true)
	was := len(d.slack.Messages())
	decided := d.wait("mia", "Yes, mia.")
	var waiting []string
	for n := range 3 {
		waiting = append(waiting, d.wait(fmt.Sprintf("guest%d", n), fmt.Sprintf("Yes, guest%d.", n)))
	}
	d.await("Slack was asked", func() bool { return d.slack.Refused() > 2 })
	if _, err := d.update(d.t, decided, "approve", map[string]any{"approver": "ben"}); err != nil {
		d.t.Fatal(err)
	}
	d.untilState(d.t, decided, privatereply.Sent)
	d.slack.Away(false)
	for n, reply := range waiting {
		d.tap("U0ANA", reply, "approve", fmt.Sprintf("Yes, guest%d.", n))
		d.until(d.t, reply, func(s workflows.PrivateReplyStatus) bool { return s.State == privatereply.Sent && s.Approver == "ana" })
		d.expect(fmt.Sprintf("guest%d", n), fmt.Sprintf("Yes, guest%d.", n))
	}
	d.expect("mia", "Yes, mia.")
	if n := len(d.slack.Messages()) - was; n < 1 || n > 3 {
		d.t.Errorf("what gathered is %d messages", n)
	}
}

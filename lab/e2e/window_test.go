package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/testsuite"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/webhookbridge/decode"
	"github.com/privatereply/privatereply/workflows"
)

// happening is something in a conversation that Meta reports, by its own time.
type happening struct {
	kind string
	ago  time.Duration // before now; negative lies in the future
	mid  string
}

// Sequences of events as Meta delivers them, and how long before now the message
// was that the window counts from; never says that nothing opened it.
const never = time.Duration(-1 << 62)

var windowSequences = []struct {
	name   string
	events []happening
	opened time.Duration
}{
	{"a message", []happening{{"text", time.Minute, "a"}}, time.Minute},
	{"a postback", []happening{{"postback", time.Minute, "a"}}, time.Minute},
	{"a quick reply", []happening{{"quick_reply", time.Minute, "a"}}, time.Minute},
	{"a story reply", []happening{{"story_reply", time.Minute, "a"}}, time.Minute},
	{"an attachment", []happening{{"attachment", time.Minute, "a"}}, time.Minute},
	{"a reaction", []happening{{"reaction", time.Minute, "a"}}, never},
	{"a read receipt", []happening{{"read", time.Minute, "a"}}, never},
	{"a delivery receipt", []happening{{"delivery", time.Minute, "a"}}, never},
	{"an edit", []happening{{"edit", time.Minute, "a"}}, never},
	{"a deletion", []happening{{"deletion", time.Minute, "a"}}, never},
	{"our own echo", []happening{{"echo", time.Minute, "a"}}, never},
	{"what does not count does not extend it", []happening{
		{"text", time.Hour, "a"}, {"echo", time.Minute, "b"}, {"read", 50 * time.Second, "b"}, {"reaction", 40 * time.Second, "b"},
		{"edit", 30 * time.Second, "a"}, {"deletion", 20 * time.Second, "a"}, {"delivery", 10 * time.Second, "b"},
	}, time.Hour},
	{"the newest counts", []happening{{"text", 3 * time.Hour, "a"}, {"text", 2 * time.Hour, "b"}, {"postback", time.Hour, "c"}}, time.Hour},
	{"in any order", []happening{{"text", time.Hour, "c"}, {"text", 3 * time.Hour, "a"}, {"quick_reply", 2 * time.Hour, "b"}}, time.Hour},
	{"repeats change nothing", []happening{{"text", 2 * time.Hour, "a"}, {"text", time.Hour, "b"}, {"text", 2 * time.Hour, "a"}, {"text", time.Hour, "b"}}, time.Hour},
	{"late, but within a day", []happening{{"text", 23 * time.Hour, "a"}}, 23 * time.Hour},
	{"later than a day", []happening{{"text", 25 * time.Hour, "a"}}, never},
	{"a clock that is a minute fast", []happening{{"text", -time.Minute, "a"}}, -time.Minute},
}

// The same deliveries open and close the window in the time-skipping environment
// and on a real server, at the same moment.
func TestWindowSequences(t *testing.T) {
	t.Run("InTime", func(t *testing.T) {
		for _, tt := range windowSequences {
			t.Run(tt.name, func(t *testing.T) {
				now := time.Now().UTC().Truncate(time.Millisecond)
				checkWindow(t, closesInTime(t, now, tt.events), now, tt.opened)
			})
		}
	})
	t.Run("OnRealServer", func(t *testing.T) {
		p := start(t)
		t.Cleanup(p.startWorker())
		for i, tt := range windowSequences {
			// One after the other: what arrives at once would go into an Intake, and be
			// acknowledged before it is placed.
			t.Run(tt.name, func(t *testing.T) {
				now := time.Now().UTC().Truncate(time.Millisecond)
				checkWindow(t, p.closesOnServer(t, fmt.Sprintf("60000000000000%02d", i), now, tt.events), now, tt.opened)
			})
		}
	})
}

func checkWindow(t *testing.T, closes, now time.Time, opened time.Duration) {
	t.Helper()
	var want time.Time
	if opened != never {
		want = now.Add(-opened).Add(24 * time.Hour)
	}
	if !closes.Equal(want) {
		t.Errorf("the window closes at %v, want %v", closes, want)
	}
}

// closesInTime plays what decode makes of the events to a Conversation whose time
// is skipped, and returns when its window closed.
func closesInTime(t *testing.T, now time.Time, events []happening) time.Time {
	t.Helper()
	account := privatereply.Account{Platform: privatereply.Instagram, ID: instagramLogin}
	_, input, err := workflows.ConversationOptions(account, "6000000000000001", "queue")
	if err != nil {
		t.Fatal(err)
	}
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	env.SetStartTime(now)
	told := 0
	for _, e := range events {
		decoded, err := decode.Delivery([]byte(webhook(e, "6000000000000001", now)), now, oneAccount{account})
		if err != nil {
			t.Fatal(err)
		}
		for _, ev := range decoded {
			// The bridge tells a conversation that does not run only of what opens a window.
			if ev.Message != nil && now.Sub(ev.Message.At) < privatereply.StandardWindow {
				told++
				env.RegisterDelayedCallback(func() {
					env.SignalWorkflow(workflows.PersonMessageSignal, workflows.PersonMessage{At: ev.Message.At, MessageID: ev.Message.MessageID})
				}, 0)
			}
		}
	}
	if told == 0 {
		return time.Time{}
	}
	env.ExecuteWorkflow(workflows.Conversation, input)
	var status workflows.ConversationStatus
	if err := env.GetWorkflowResult(&status); err != nil {
		t.Fatal(err)
	}
	if !env.Now().Equal(status.WindowClosesAt) {
		t.Errorf("it ended at %v, its window closed at %v", env.Now(), status.WindowClosesAt)
	}
	return status.WindowClosesAt
}

type oneAccount struct{ account privatereply.Account }

func (oneAccount) LinkedToPage(string) []privatereply.Account { return nil }

func (o oneAccount) Find(privatereply.Platform, string) (privatereply.Account, bool) {
	return o.account, true
}

// closesOnServer posts the events to the bridge and asks the conversation.
func (p *product) closesOnServer(t *testing.T, person string, now time.Time, events []happening) time.Time {
	t.Helper()
	for _, e := range events {
		body := []byte(webhook(e, person, now))
		header := http.Header{"X-Hub-Signature-256": {meta.Sign(instagramSecret, body)}}
		if status, err := p.post(body, header); err != nil || status != http.StatusOK {
			t.Fatalf("%s was answered %d, %v", e.kind, status, err)
		}
	}
	id, err := privatereply.ConversationID(privatereply.Instagram, instagramLogin, person)
	if err != nil {
		t.Fatal(err)
	}
	value, err := p.Client.QueryWorkflow(t.Context(), id, "", workflows.StatusQuery)
	if err != nil {
		if strings.Contains(err.Error(), "not found") {
			return time.Time{}
		}
		t.Fatal(err)
	}
	var status workflows.ConversationStatus
	if err := value.Get(&status); err != nil {
		t.Fatal(err)
	}
	return status.WindowClosesAt
}

// webhook is Meta's delivery about one event.
func webhook(e happening, person string, now time.Time) string {
	from, to := person, instagramLogin
	var what string
	switch e.kind {
	case "text":
		what = `"message":{"mid":"MID","text":"hi"}`
	case "quick_reply":
		what = `"message":{"mid":"MID","text":"Yes","quick_reply":{"payload":"YES"}}`
	case "story_reply":
		what = `"message":{"mid":"MID","text":"wow","reply_to":{"story":{"id":"1","url":"https://example.com/1"}}}`
	case "attachment":
		what = `"message":{"mid":"MID","attachments":[{"type":"image","payload":{"url":"https://example.com/1.jpg"}}]}`
	case "postback":
		what = `"postback":{"mid":"MID","title":"Start","payload":"START"}`
	case "reaction":
		what = `"reaction":{"mid":"MID","action":"react","reaction":"love"}`
	case "read":
		what = `"read":{"mid":"MID"}`
	case "delivery":
		what = `"delivery":{"mids":["MID"],"watermark":1}`
	case "edit":
		what = `"message_edit":{"mid":"MID","text":"hi!","num_edit":1}`
	case "deletion":
		what = `"message":{"mid":"MID","is_deleted":true}`
	case "echo":
		from, to = to, from
		what = `"message":{"mid":"MID","text":"hello","is_echo":true}`
	}
	at := now.Add(-e.ago).UnixMilli()
	return fmt.Sprintf(`{"object":"instagram","entry":[{"id":"%s","time":%d,"messaging":[{"sender":{"id":"%s"},"recipient":{"id":"%s"},"timestamp":%d,%s}]}]}`,
		instagramLogin, now.UnixMilli(), from, to, at, strings.ReplaceAll(what, "MID", e.mid))
}

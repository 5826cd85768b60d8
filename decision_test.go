package privatereply

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A decision that could not be carried out is refused before a reply starts, by
// the name of the field.
func TestDecisionValidate(t *testing.T) {
	tests := []struct {
		name     string
		decision Decision
		mentions string // "" when it is valid
	}{
		{"auto", Decision{Action: ActionAuto, Text: "Hi"}, ""},
		{"auto with a hold", Decision{Action: ActionAuto, Text: "Hi", Hold: Duration(2 * time.Minute)}, ""},
		{"auto without text", Decision{Action: ActionAuto}, "decision.text: text cannot be sent: it is empty"},
		{"auto with too long a text", Decision{Action: ActionAuto, Text: strings.Repeat("a", 1001)}, "decision.text: text cannot be sent: it has 1001 bytes"},
		{"ask with a proposal", Decision{Action: ActionAsk, Text: "Hi"}, ""},
		{"ask without one", Decision{Action: ActionAsk}, ""},
		{"ignore", Decision{Action: ActionIgnore}, ""},
		{"no action", Decision{Text: "Hi"}, `decision.action: "" is not an action`},
		{"unknown action", Decision{Action: "send", Text: "Hi"}, `decision.action: "send" is not an action; write auto, ask or ignore`},
		{"negative hold", Decision{Action: ActionAuto, Text: "Hi", Hold: -1}, "decision.hold: -1ns is negative"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.decision.Validate(Instagram)
			if tt.mentions == "" && err != nil {
				t.Error(err)
			}
			if tt.mentions != "" && (err == nil || !strings.HasPrefix(err.Error(), tt.mentions)) {
				t.Errorf("got %v, want %q", err, tt.mentions)
			}
		})
	}
	if err := (Decision{Action: ActionAuto, Text: strings.Repeat("a", 1001)}).Validate(Facebook); err != nil {
		t.Errorf("the limit is the platform's: %v", err)
	}
	if err := (Decision{Action: ActionAuto}).Validate(Instagram); !errors.Is(err, ErrText) {
		t.Errorf("%v is not ErrText", err)
	}
}

// A hold is readable in payloads, and what people write there is read.
func TestDurationJSON(t *testing.T) {
	tests := []struct {
		json string
		want time.Duration
		ok   bool
	}{
		{`"2m"`, 2 * time.Minute, true},
		{`"2m0s"`, 2 * time.Minute, true},
		{`"1h30m"`, 90 * time.Minute, true},
		{`"0s"`, 0, true},
		{`""`, 0, true},
		{`null`, 0, true},
		{`"-5s"`, -5 * time.Second, true}, // Validate refuses it by its field
		{`"2"`, 0, false},
		{`"soon"`, 0, false},
		{`120`, 0, false},
		{`{}`, 0, false},
		{`true`, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.json, func(t *testing.T) {
			var got Duration
			err := json.Unmarshal([]byte(tt.json), &got)
			if (err == nil) != tt.ok || time.Duration(got) != tt.want {
				t.Fatalf("got %v, %v; want %v", time.Duration(got), err, tt.want)
			}
			if !tt.ok {
				return
			}
			written, err := json.Marshal(got)
			var again Duration
			if err := errors.Join(err, json.Unmarshal(written, &again)); err != nil || again != got {
				t.Errorf("written as %s and read as %v, %v", written, time.Duration(again), err)
			}
		})
	}
	if b, err := json.Marshal(Decision{Action: ActionAuto, Hold: Duration(2 * time.Minute)}); err != nil || string(b) != `{"action":"auto","hold":"2m0s"}` {
		t.Errorf("a decision is written as %s, %v", b, err)
	}
}

// The payload's names are contract, and what is unknown is left out.
func TestPayloadNames(t *testing.T) {
	at := noon.In(time.UTC)
	full := Comment{
		Platform: Facebook, Account: "1", CommentID: "2", PostID: "3", ParentID: "4", MediaID: "5", OriginalMediaID: "6",
		AdID: "7", AdTitle: "8", Source: SourceAd, PersonID: "9", Username: "someone", Text: "Hi",
		CreatedAt: at, EntryAt: at, ReceivedAt: at, Via: ViaHand,
	}
	decision := Decision{Action: ActionAsk, Rule: "price", Text: "Hi", Hold: Duration(time.Second), RulesSHA256: "ab", Reason: DecidedByRule}
	tests := []struct {
		name  string
		value any
		want  string
	}{
		{"whole comment", full, `{"platform":"facebook","account":"1","comment_id":"2","post_id":"3","parent_id":"4","media_id":"5",
			"original_media_id":"6","ad_id":"7","ad_title":"8","source":"ad","person_id":"9","username":"someone","text":"Hi",
			"created_at":"2026-03-02T12:00:00Z","entry_at":"2026-03-02T12:00:00Z","received_at":"2026-03-02T12:00:00Z","via":"hand"}`},
		{"bare comment", Comment{Platform: Instagram, Account: "1"}, `{"platform":"instagram","account":"1"}`},
		{"whole decision", decision, `{"action":"ask","rule":"price","text":"Hi","hold":"1s","rules_sha256":"ab","reason":"rule"}`},
		{"bare decision", Decision{Action: ActionIgnore}, `{"action":"ignore"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, err := json.Marshal(tt.value)
			if err != nil {
				t.Fatal(err)
			}
			var got, want any
			if err := errors.Join(json.Unmarshal(b, &got), json.Unmarshal([]byte(tt.want), &want)); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

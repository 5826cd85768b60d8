package privatereply

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Action is what a decision asks for.
type Action string

// The actions: send by itself, ask a person, or leave the comment alone.
const (
	ActionAuto   Action = "auto"
	ActionAsk    Action = "ask"
	ActionIgnore Action = "ignore"
)

// Decision is what a rule, or a person who started the reply by hand, said about
// a comment. It travels in the workflow's input, so that editing the rules never
// changes a running reply. Text has its placeholders filled.
type Decision struct {
	Action      Action   `json:"action"`
	Rule        string   `json:"rule,omitempty"`
	Text        string   `json:"text,omitempty"`
	Hold        Duration `json:"hold,omitempty"` // how long a person can stop an automatic reply
	RulesSHA256 string   `json:"rules_sha256,omitempty"`
	Reason      string   `json:"reason,omitempty"`

	Buttons      []Button     `json:"buttons,omitempty"`
	QuickReplies []QuickReply `json:"quick_replies,omitempty"`
	PublicText   string       `json:"public_text,omitempty"` // posted under the comment once the private reply is sent
	Hide         bool         `json:"hide,omitempty"`        // hide the comment once it is decided
	Once         Once         `json:"once,omitempty"`
}

// Once says among which comments of one person a rule answers only one within OncePeriod.
type Once string

// The values of once.
const (
	OncePerson        Once = "person"          // of all of the account
	OncePersonAndPost Once = "person_and_post" // of those on one post
)

// Onces lists every value that a rule may have.
var Onces = []Once{OncePerson, OncePersonAndPost}

// OncePeriod is how long after a rule has answered a person it does not answer again.
const OncePeriod = 7 * 24 * time.Hour

// Message is what d sends.
func (d Decision) Message() Message { return Message{d.Text, d.Buttons, d.QuickReplies} }

// Reasons that a Decision gives for itself. A rule whose condition failed gives
// RuleErrorPrefix and its name.
const (
	DecidedByRule    = "rule"
	DecidedByDefault = "default"
	DecidedByHand    = "hand"
	FoundBySweep     = "found_by_sweep"
	AutomaticPaused  = "automatic_paused"    // automatic replies of the rule or the account are paused
	FoundByEdit      = "found_by_edit"       // only the edit of the comment was reported
	EditedUndecided  = "edited"              // the comment was edited, and nobody asked the rules again
	DecidedByRemoval = "removed"             // the comment was removed before its reply began
	OnceUnknown      = "once_without_person" // the rule answers a person once, and Meta did not name the person
	RuleErrorPrefix  = "rule_error:"
)

// Validate reports the first thing that makes d unusable on platform p, naming the field.
func (d Decision) Validate(p Platform) error { return d.ValidateWithin(p, LimitsOf(p)) }

// ValidateWithin is Validate with the limits of l.
func (d Decision) ValidateWithin(p Platform, l Limits) error {
	switch d.Action {
	case ActionAuto:
		if err := l.CheckText(p, d.Text); err != nil {
			return fmt.Errorf("decision.text: %w", err)
		}
	case ActionAsk, ActionIgnore:
	default:
		return fmt.Errorf("decision.action: %q is not an action; write auto, ask or ignore", d.Action)
	}
	if d.Hold < 0 {
		return fmt.Errorf("decision.hold: %v is negative", time.Duration(d.Hold))
	}
	if err := l.CheckParts(p, d.Message()); err != nil {
		return fmt.Errorf("decision.%w", err)
	}
	if err := CheckPublicText(p, d.PublicText); err != nil {
		return fmt.Errorf("decision.public_text: %w", err)
	}
	switch {
	case d.Once != "" && !slices.Contains(Onces, d.Once):
		return fmt.Errorf("decision.once: %q is not known; write one of %v", d.Once, Onces)
	case d.Hide && d.PublicText != "":
		return fmt.Errorf("decision.hide: a hidden comment shows no public reply; leave out hide or public_text")
	}
	return nil
}

// Duration is a time.Duration that is a string in JSON, such as "2m0s".
type Duration time.Duration

// MarshalJSON writes d as time.Duration prints it.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(d).String()) }

// UnmarshalJSON reads what time.ParseDuration reads.
func (d *Duration) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("a duration is written as a string such as \"2m\", not %s", b)
	}
	if s == "" {
		*d = 0
		return nil
	}
	v, err := time.ParseDuration(s)
	*d = Duration(v)
	return err
}

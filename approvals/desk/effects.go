package desk

import (
	"fmt"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/workflows"
)

// effectLabels name them for people.
var effectLabels = map[string]string{
	workflows.EffectTapped: "tapped", workflows.EffectPublicReply: "answered in public", workflows.EffectHidden: "comment hidden",
	workflows.EffectPublicUnknown: "public reply unknown",
}

// publicWords say how it stands with a public reply, without the time of its next try.
func publicWords(p workflows.PublicReplyStatus) string {
	p.RetryAt = time.Time{}
	if p.Code == 0 {
		return p.Sentence()
	}
	return fmt.Sprintf("%s Meta's error is %d/%d.", p.Sentence(), p.Code, p.Subcode)
}

// tapTitle names what was tapped.
func tapTitle(t workflows.TapStatus) string {
	if t.Title == "" {
		return "A button"
	}
	return "“" + t.Title + "”"
}

// tapState is how it stands with what a tap sends, as the effects of a reply have it.
func tapState(t workflows.TapStatus) workflows.EffectState {
	switch t.State {
	case privatereply.OutcomeSent:
		return workflows.EffectDone
	case privatereply.OutcomeUnknown:
		return workflows.EffectUnknown
	case privatereply.OutcomeRefused:
		return workflows.EffectRefused
	}
	if t.UnderWay() {
		return workflows.EffectWaiting
	}
	return workflows.EffectSkipped
}

// tapWords say what came of a tap.
func tapWords(t workflows.TapStatus) string {
	why := ""
	if t.Reason != "" {
		why = " " + t.Reason.Sentence()
	}
	switch tapState(t) {
	case workflows.EffectDone:
		return "its text was sent." + why
	case workflows.EffectUnknown:
		return "nobody knows whether its text arrived." + why
	case workflows.EffectRefused:
		return "its text was not sent." + why
	case workflows.EffectSkipped:
		return "nothing was sent." + why
	}
	if why != "" {
		return "its text waits." + why
	}
	return "its text is on its way."
}

package doctor

import (
	"context"
	"strings"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/visibility"
	"github.com/privatereply/privatereply/workflows"
)

// checkHumanAgent looks for a message of a human agent that Meta did not permit: no
// call tells whether the app has the feature.
func (e *accountChecker) checkHumanAgent(ctx context.Context) []Finding {
	const name = "human agent"
	if !e.account.HumanAgent {
		return nil
	}
	if id := e.conversationWithRefusedAgent(ctx); id != "" {
		return []Finding{failure(name, "Meta did not permit a human agent's message in "+id+": the app lacks the Human Agent feature",
			"ask for the feature in the app's dashboard (App Review), or write human_agent: false in the accounts file")}
	}
	return []Finding{unknown(name, "whether the app has the feature cannot be asked for; without it, human_agent must be false "+
		"(Meta refuses messages after the 24 hours with error 10)")}
}

// conversationWithRefusedAgent finds a conversation in which Meta did not permit a message that
// only a human agent may send, or gives nothing.
func (e *accountChecker) conversationWithRefusedAgent(ctx context.Context) string {
	one, err := privatereply.ConversationID(e.account.Platform, e.account.ID, "x")
	if err != nil {
		return ""
	}
	ids, err := e.find(ctx, visibility.And(visibility.Equals(visibility.WorkflowType, workflows.ConversationType),
		visibility.Running, visibility.HasPrefix(visibility.WorkflowID, strings.TrimSuffix(one, "x"))))
	if err != nil {
		return ""
	}
	for _, id := range ids {
		var status workflows.ConversationStatus
		if e.status(ctx, id, &status) != nil {
			return "" // without a worker none of them answers
		}
		for _, sent := range status.FollowUps {
			tagged := privatereply.FollowUpChannel(sent.At, status.LastMessageAt, true) == privatereply.ChannelHumanAgent
			if tagged && sent.Reason == privatereply.NotPermitted {
				return id
			}
		}
	}
	return ""
}

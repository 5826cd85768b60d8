package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/api/workflowservice/v1"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/visibility"
	"github.com/privatereply/privatereply/workflows"
)

// maxSampled is how many workflows are asked for Meta's errors: enough to see a fault that
// all of them have.
const maxSampled = 10

// noRole is how Meta refuses a message to a person with no role on an app that has
// only Standard Access.
var noRole = metaError{200, 2018028}

type metaError struct{ code, subcode int }

func (m metaError) String() string {
	if m.subcode == 0 {
		return fmt.Sprint(m.code)
	}
	return fmt.Sprintf("%d/%d", m.code, m.subcode)
}

// checkAccess reads Meta's last errors from the replies that wait to be sent. That is the
// only way to see whether the app has Standard or Advanced Access.
func (e *accountChecker) checkAccess(ctx context.Context) []Finding {
	const name = "access"
	notKnown := unknown(name, "Standard or Advanced cannot be asked for; with Standard Access the app may write to "+
		"only people with a role on the app (others are refused with %v)", noRole)
	byError := e.refusedSends(ctx)
	var found []Finding
	if ids := byError[noRole]; len(ids) > 0 {
		found = append(found, failure(name,
			fmt.Sprintf("Meta lets the app write to only people with a role on the app: it refused %s with %v", countReplies(ids), noRole),
			"in the app's dashboard, ask for Advanced Access to "+strings.Join(permissionNames(e.account.LoginFacts().Permissions), ", ")+
				" (App Review, Business Verification) and publish the app; replies that wait then go by themselves"))
		delete(byError, noRole)
	} else {
		found = append(found, notKnown)
	}
	for _, m := range sortedErrors(byError) {
		found = append(found, warning("waiting replies", fmt.Sprintf("Meta refused %s with %v", countReplies(byError[m]), m),
			"see what it means, and until when they wait:", "starter show "+byError[m][0]))
	}
	return found
}

func sortedErrors(byError map[metaError][]string) []metaError {
	var all []metaError
	for m := range byError {
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b metaError) int { return strings.Compare(a.String(), b.String()) })
	return all
}

func countReplies(ids []string) string {
	if len(ids) == 1 {
		return "a reply that waits to be sent"
	}
	return fmt.Sprintf("%d replies that wait to be sent", len(ids))
}

// refusedSends asks some of the account's replies that wait to be sent for Meta's
// last error, and gives their ids by it. Without Temporal there are none.
func (e *accountChecker) refusedSends(ctx context.Context) map[metaError][]string {
	ids, err := e.find(ctx, visibility.And(visibility.Equals(visibility.WorkflowType, workflows.PrivateReplyType),
		visibility.Equals(workflows.AccountID, e.account.ID), visibility.Equals(workflows.ReplyState, privatereply.Sending)))
	if err != nil {
		return nil
	}
	byError := map[metaError][]string{}
	for _, id := range ids {
		var status workflows.PrivateReplyStatus
		if e.status(ctx, id, &status) != nil {
			break // without a worker none of them answers
		}
		if s := status.Send; s != nil && s.Code != 0 && status.Comment.Platform == e.account.Platform {
			m := metaError{s.Code, s.Subcode}
			byError[m] = append(byError[m], id)
		}
	}
	return byError
}

// find lists some workflows, the newest first.
func (e *accountChecker) find(ctx context.Context, query visibility.Condition) ([]string, error) {
	if e.temporal == nil {
		return nil, errors.New("no connection to Temporal")
	}
	list, err := e.temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: query.String(), PageSize: maxSampled})
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, info := range list.GetExecutions() {
		ids = append(ids, info.GetExecution().GetWorkflowId())
	}
	return ids, nil
}

func (e *accountChecker) status(ctx context.Context, id string, status any) error {
	answer, err := e.temporal.QueryWorkflow(ctx, id, "", workflows.StatusQuery)
	if err != nil {
		return err
	}
	return answer.Get(status)
}

// checkHumanAgent searches for a message of a human agent that Meta did not permit: no
// call says whether the app has the feature.
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

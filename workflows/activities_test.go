package workflows

import (
	"reflect"
	"testing"
)

// Histories name each activity by its method, and the worker registers it by a constant:
// all three are the same.
func TestActivityNames(t *testing.T) {
	names := map[string]string{
		SendPrivateReplyActivity:   methodName(Activities.SendPrivateReply),
		SendFollowUpActivity:       methodName(Activities.SendFollowUp),
		FindMessageActivity:        methodName(Activities.FindMessage),
		ReadMessagesActivity:       methodName(Activities.ReadMessages),
		LookUpCommentActivity:      methodName(Activities.LookUpComment),
		JoinConversationActivity:   methodName(Activities.JoinConversation),
		JoinBroadcastActivity:      methodName(Activities.JoinBroadcast),
		WatchBroadcastActivity:     methodName(Activities.WatchBroadcast),
		EndRepliesActivity:         methodName(Activities.EndReplies),
		WithdrawRepliesActivity:    methodName(Activities.WithdrawReplies),
		LocateMessageActivity:      methodName(Activities.LocateMessage),
		PostPublicReplyActivity:    methodName(Activities.PostPublicReply),
		FindPublicReplyActivity:    methodName(Activities.FindPublicReply),
		SetCommentHiddenActivity:   methodName(Activities.SetCommentHidden),
		SweepPageActivity:          methodName(SweepActivities.SweepPage),
		SweepConversationsActivity: methodName(SweepActivities.SweepConversations),
		DispatchActivity:           methodName(IntakeActivities.Dispatch),
		SearchPersonActivity:       methodName(ErasureActivities.SearchPerson),
		RemoveRunsActivity:         methodName(ErasureActivities.RemoveRuns),
		FindConnectionsActivity:    methodName(ErasureActivities.FindConnections),
		DisconnectAccountActivity:  methodName(ErasureActivities.DisconnectAccount),
		RejectAutomaticActivity:    methodName(ErasureActivities.RejectAutomatic),
		ReadTokenActivity:          methodName(TokenActivities.ReadToken),
		RenewTokenActivity:         methodName(TokenActivities.RenewToken),
		CheckConnectionActivity:    methodName(TokenActivities.CheckConnection),
	}
	methods := 0
	for _, of := range []reflect.Type{reflect.TypeFor[Activities](), reflect.TypeFor[SweepActivities](), reflect.TypeFor[IntakeActivities](), reflect.TypeFor[ErasureActivities](), reflect.TypeFor[TokenActivities]()} {
		methods += of.NumMethod()
	}
	if len(names) != methods {
		t.Errorf("%d names are compared, of %d activities", len(names), methods)
	}
	for constant, method := range names {
		if constant != method {
			t.Errorf("the activity %q is the method %s", constant, method)
		}
	}
}

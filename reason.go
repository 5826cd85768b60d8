package privatereply

// Reason says in one word why a reply is in its state. The list is closed.
type Reason string

// Why a reply ended without a send.
const (
	IgnoredByRule        Reason = "ignored_by_rule"
	IgnoredByDefault     Reason = "ignored_by_default"
	IgnoredOnce          Reason = "once" // the rule has answered this person already
	RejectedByApprover   Reason = "rejected_by_approver"
	AccountDisconnected  Reason = "account_disconnected"
	CommentRemoved       Reason = "comment_removed"
	PastDeadline         Reason = "past_deadline"          // already when the reply started
	NobodyDecided        Reason = "nobody_decided"         // before the deadline
	DecidedTooLate       Reason = "decided_too_late"       // the decision came, after the deadline
	HoldPastDeadline     Reason = "hold_past_deadline"     // the hold would end after the deadline
	DeadlineWhileHolding Reason = "deadline_while_holding" // the deadline came nearer than the hold
	DeadlineWhileSending Reason = "deadline_while_sending"
	BroadcastEnded       Reason = "broadcast_ended"
)

// How a delivery is known.
const (
	ConfirmedByRefusal  Reason = "confirmed_by_refusal"  // Meta refused a repeat: the first one counted
	FoundInConversation Reason = "found_in_conversation" // the text was read in the conversation
	ResolvedDelivered   Reason = "resolved_delivered"    // a person said so
	ConfirmedByTap      Reason = "confirmed_by_tap"      // the person tapped a button of it
)

// Why nothing was delivered, or nobody knows.
const (
	NotRepliable                 Reason = "not_repliable"
	AlreadyReplied               Reason = "already_replied"
	NotRepliableOrAlreadyReplied Reason = "not_repliable_or_already_replied"
	ReplyTimeExpired             Reason = "reply_time_expired"
	CommentNotFound              Reason = "comment_not_found"
	PersonUnavailable            Reason = "person_unavailable"
	PersonNotFound               Reason = "person_not_found"
	OutsideWindow                Reason = "outside_window"
	ThreadOwnedElsewhere         Reason = "thread_owned_elsewhere"
	ContentNotAllowed            Reason = "content_not_allowed"
	BadRequest                   Reason = "bad_request"
	Refused                      Reason = "refused" // a refusal that has no name here, final or not in the table
	ResolvedNotDelivered         Reason = "resolved_not_delivered"
	NoAnswer                     Reason = "no_answer"         // the request went out, no readable answer came
	AnsweredWithError            Reason = "answered_in_error" // Meta may have done it and answered with an error
	WorkflowReset                Reason = "workflow_reset"    // an operator reset the workflow after it had begun to send
	WorkerLost                   Reason = "worker_lost"       // the process that was sending died
	Unresolved                   Reason = "unresolved"        // nobody resolved an unknown delivery
)

// Why a send was not made yet and will be tried again.
const (
	Throttled        Reason = "throttled"
	TokenRejected    Reason = "token_rejected"
	NotPermitted     Reason = "not_permitted"
	AccountBlocked   Reason = "account_blocked"
	AppMisconfigured Reason = "app_misconfigured"
	Outage           Reason = "outage"
	NotConnected     Reason = "not_connected" // nothing left the process
	AccountUnknown   Reason = "account_unknown"
	Paced            Reason = "paced"
	NoWorker         Reason = "no_worker"
)

// Of what goes with a reply: its public reply, hiding its comment, and taps.
const (
	FoundUnderComment Reason = "found_under_comment" // the public reply was read among the comment's replies
	SwitchedOff       Reason = "switched_off"        // the approver wanted no public reply
	NotOnLive         Reason = "not_on_live"         // Instagram neither takes public replies to a live's comments nor hides them
	CommentHidden     Reason = "comment_hidden"      // a hidden comment shows no public reply
	PublicTooLate     Reason = "public_too_late"     // the private reply was sent too long ago
	UnknownButton     Reason = "unknown_button"      // of an old message, or not of this product
	NothingFollows    Reason = "nothing_follows"     // the button or quick reply has no text to send
)

// Others.
const (
	TooLate               Reason = "too_late" // a request to stop came after a worker had the send
	ConversationContinues Reason = "conversation_continues"
	StoppedByOperator     Reason = "stopped_by_operator"
)

// reasonSentences is the one table of words for the reasons. The desk, the command line,
// the Web UI and docs/approvals.md show these.
var reasonSentences = map[Reason]string{
	IgnoredByRule:                "A rule leaves this comment alone.",
	IgnoredByDefault:             "No rule matched, and the default is to leave comments alone.",
	IgnoredOnce:                  "The rule answers a person once, and another comment of this person has its answer.",
	RejectedByApprover:           "A person decided not to answer.",
	AccountDisconnected:          "The account was disconnected before the reply was sent.",
	CommentRemoved:               "The person removed the comment.",
	PastDeadline:                 "The deadline had already passed when the comment arrived.",
	NobodyDecided:                "Nobody decided before the deadline.",
	DecidedTooLate:               "The decision reached the reply after the deadline.",
	HoldPastDeadline:             "The rule's hold would have ended after the deadline.",
	DeadlineWhileHolding:         "The deadline passed before the hold was over.",
	DeadlineWhileSending:         "The deadline passed before the reply could be sent.",
	BroadcastEnded:               "The broadcast ended.",
	ConfirmedByRefusal:           "Meta refused a repeat because the first one had been delivered.",
	FoundInConversation:          "The reply was found in the conversation.",
	ResolvedDelivered:            "A person confirmed the delivery.",
	ConfirmedByTap:               "The person tapped a button of the message, so it had arrived.",
	FoundUnderComment:            "The public reply was found under the comment.",
	SwitchedOff:                  "The approver wanted no public reply.",
	NotOnLive:                    "Instagram does not allow it for comments on a live broadcast.",
	CommentHidden:                "The comment is hidden, and a hidden comment shows no public reply.",
	PublicTooLate:                "The private reply was sent too long ago for a public one beside it.",
	UnknownButton:                "The tapped button is of an old message, or not of a message that this product sent.",
	NothingFollows:               "No text belongs to this tap; it is the person's answer.",
	NotRepliable:                 "Meta does not allow a private reply to this comment.",
	AlreadyReplied:               "Somebody had already used the one private reply of this comment.",
	NotRepliableOrAlreadyReplied: "Meta allows no private reply: the comment was answered already, is gone, or is too old.",
	ReplyTimeExpired:             "Meta says the time for a private reply is over.",
	CommentNotFound:              "Meta does not find the comment, or the token may not see it.",
	PersonUnavailable:            "The person cannot receive messages from this account.",
	PersonNotFound:               "Meta knows no such person.",
	OutsideWindow:                "The messaging window is closed.",
	ThreadOwnedElsewhere:         "Another app controls this conversation.",
	ContentNotAllowed:            "Meta does not allow this content.",
	BadRequest:                   "Meta did not understand the request.",
	Refused:                      "Meta refused it.",
	ResolvedNotDelivered:         "A person found that nothing was delivered.",
	NoAnswer:                     "The request went out, but no readable answer came back.",
	AnsweredWithError:            "Meta answered with an error that it also gives after delivering.",
	WorkflowReset:                "The workflow was reset after it had begun to send; what was sent before is not known.",
	WorkerLost:                   "The worker died while it was sending.",
	Unresolved:                   "Nobody resolved the unknown delivery.",
	Throttled:                    "Meta is limiting this account.",
	TokenRejected:                "Meta rejects the account's access token.",
	NotPermitted:                 "The account or the app lacks a permission.",
	AccountBlocked:               "Meta has blocked this account from messaging for now.",
	AppMisconfigured:             "Meta does not accept the app: its secret, its proof or the app itself must be repaired.",
	Outage:                       "Meta had a passing fault.",
	NotConnected:                 "Meta could not be reached.",
	AccountUnknown:               "The accounts file does not have this account.",
	Paced:                        "The account's own rate limit makes it wait.",
	NoWorker:                     "No worker took the send in time.",
	TooLate:                      "The request to stop it came after the send had begun.",
	ConversationContinues:        "The conversation goes on; this reply no longer follows it.",
	StoppedByOperator:            "An operator stopped it.",
}

// Sentence says r in words, or gives r itself when it has none.
func (r Reason) Sentence() string {
	if s, ok := reasonSentences[r]; ok {
		return s
	}
	return string(r)
}

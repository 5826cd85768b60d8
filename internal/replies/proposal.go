package replies

import (
	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/workflows"
)

// Proposal is what a reply sends and its public reply: as proposed, or as decided.
func Proposal(s workflows.PrivateReplyStatus) (m privatereply.Message, public string) {
	return privatereply.Message{Text: s.Text, Buttons: s.Decision.Buttons, QuickReplies: s.Decision.QuickReplies}, s.Decision.PublicText
}

// ProposalSHA256 is the hash of all that an approver of a reply has to read.
func ProposalSHA256(s workflows.PrivateReplyStatus) string {
	return privatereply.ProposalSHA256(Proposal(s))
}

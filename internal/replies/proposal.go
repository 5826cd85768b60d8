package replies

import (
	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/workflows"
)

// ProposalSHA256 is the hash of all that an approver of a reply has to read.
func ProposalSHA256(s workflows.PrivateReplyStatus) string {
	return privatereply.ProposalSHA256(s.Message(), s.PublicText)
}

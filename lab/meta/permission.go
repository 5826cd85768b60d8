package meta

import (
	"slices"

	"github.com/privatereply/privatereply"
)

// connection is a platform and the login it is connected with: what decides the
// names of permissions.
type connection int

const (
	pageConnection connection = iota
	instagramByFacebook
	instagramByInstagram
)

func (a Account) connection() connection {
	switch {
	case !a.instagram():
		return pageConnection
	case a.ownLogin():
		return instagramByInstagram
	}
	return instagramByFacebook
}

// permissions says what an operation needs: meta-platform.md §8.
var permissions = map[connection]map[Operation][]string{
	pageConnection: {
		OpPrivateReply:  {"pages_messaging"},
		OpFollowUp:      {"pages_messaging"},
		OpThreadReply:   {"pages_messaging"},
		OpConversations: {"pages_messaging"},
		OpComment:       {"pages_read_engagement"},
		OpFeed:          {"pages_read_engagement"},
	},
	instagramByFacebook: {
		OpPrivateReply:  {"instagram_manage_comments", "pages_messaging"},
		OpFollowUp:      {"instagram_manage_messages"},
		OpConversations: {"instagram_manage_messages"},
		OpComment:       {"instagram_manage_comments"},
		OpFeed:          {"instagram_basic"},
		OpLiveMedia:     {"instagram_basic"},
	},
	instagramByInstagram: {
		OpPrivateReply:  {"instagram_business_manage_comments"},
		OpFollowUp:      {"instagram_business_manage_messages"},
		OpConversations: {"instagram_business_manage_messages"},
		OpComment:       {"instagram_business_manage_comments"},
		OpFeed:          {"instagram_business_basic"},
		OpLiveMedia:     {"instagram_business_basic"},
	},
}

// allPermissions is what a healthy installation of the app was granted.
func allPermissions(o *owner) []string {
	if o.ownLogin {
		return []string{"instagram_business_basic", "instagram_business_manage_comments", "instagram_business_manage_messages"}
	}
	granted := []string{"pages_manage_metadata", "pages_messaging", "pages_read_engagement", "pages_read_user_content", "pages_show_list"}
	if o.instagram != nil {
		granted = append(granted, "instagram_basic", "instagram_manage_comments", "instagram_manage_messages")
	}
	return granted
}

// checkPermission refuses what the token's permissions, and on a Page the tasks of
// its user, do not cover. Meta's answers differ: a look-up looks like a missing
// object.
func (s *Sandbox) checkPermission(e endpoint) *refusal {
	if e.free {
		return nil
	}
	o := e.account.owner
	if e.op.sends() && !o.ownLogin && !slices.Contains(o.tasks, "MESSAGING") {
		return errMessaging
	}
	for _, needed := range permissions[e.account.connection()][e.op] {
		switch {
		case slices.Contains(o.permissions, needed):
		case e.op == OpPrivateReply && e.account.instagram():
			return errReplyPermission
		case e.op.sends():
			return errMessaging
		case e.op == OpComment:
			return errMissing
		default:
			return errPermission
		}
	}
	return nil
}

// seesPeople reports whether the token may read who wrote a Page's comments and what.
func (a *account) seesPeople() bool {
	return a.Platform != privatereply.Facebook || slices.Contains(a.owner.permissions, "pages_read_user_content")
}

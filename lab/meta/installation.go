package meta

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// appID stands for the product's app at Meta, inboxAppID for Meta's own inbox.
const (
	appID      json.Number = "240000000000001"
	inboxAppID json.Number = "240000000000002"
)

// What can be subscribed to with either login: meta-platform.md §1.4.
var (
	instagramFields = []string{"comments", "live_comments", "mentions", "messages", "message_echoes", "message_edit",
		"message_reactions", "messaging_handover", "messaging_optins", "messaging_postbacks", "messaging_referral",
		"messaging_seen", "messaging_policy_enforcement", "response_feedback", "standby", "story_insights"}
	pageFields = []string{"feed", "live_videos", "message_deliveries", "message_echoes", "message_edits",
		"message_reactions", "message_reads", "messages", "messaging_handovers", "messaging_optins",
		"messaging_policy_enforcement", "messaging_postbacks", "messaging_referrals", "standby"}
)

func (o *owner) allFields() []string {
	if o.ownLogin {
		return instagramFields
	}
	return pageFields
}

// ownerField reads what a token belongs to: a Page, or on graph.instagram.com an
// account, whose id there is the app's own name for it.
func (c *call) ownerField(o *owner, f field) (any, *refusal) {
	if o.ownLogin {
		switch f.name {
		case "id":
			return o.appScopedID, nil
		case "user_id":
			return o.id, nil
		case "account_type":
			return "BUSINESS", nil
		}
		return c.instagramField(o.instagram, f)
	}
	switch f.name {
	case "id":
		return o.id, nil
	case "name":
		return o.name, nil
	case "is_published":
		return o.published, nil
	case "tasks":
		return o.tasks, nil
	case "link":
		return "https://www.facebook.com/" + o.id, nil
	case "instagram_business_account", "connected_instagram_account":
		if o.instagram == nil {
			return nil, nil
		}
		return project(o.instagram, f.sub, []string{}, c.instagramField)
	}
	return nil, noField(f.name, "Page")
}

func (c *call) instagramField(a *account, f field) (any, *refusal) {
	switch f.name {
	case "id":
		return a.ID, nil
	case "username", "name":
		return a.Name, nil
	case "media_count":
		return len(a.posts), nil
	}
	return nil, noField(f.name, "IGUser")
}

func (c *call) permissions() object {
	data := []object{}
	for _, p := range c.owner.permissions {
		data = append(data, object{"permission": p, "status": "granted"})
	}
	return object{"data": data}
}

// debugToken says what a token is good for. A token that is not is no error here.
func (c *call) debugToken() (any, *refusal) {
	cred := c.sandbox.tokens[c.params["input_token"]]
	if cred == nil || cred.owner.ownLogin {
		return object{"data": object{"is_valid": false, "scopes": []string{},
			"error": object{"code": errBadToken.code, "message": errBadToken.text}}}, nil
	}
	state := cred.stateAt(c.sandbox.now())
	data := object{"app_id": appID.String(), "type": "PAGE", "application": "Private replies", "expires_at": cred.expiresAt(),
		"data_access_expires_at": 0, "is_valid": state == TokenValid, "profile_id": cred.owner.id, "scopes": cred.owner.permissions}
	if subcode := tokenSubcodes[state]; subcode != 0 {
		r := tokenError(subcode, c.host)
		data["error"] = object{"code": r.code, "subcode": r.subcode, "message": r.text}
	}
	return object{"data": data}, nil
}

func (c *call) subscription() object {
	if len(c.owner.fields) == 0 {
		return object{"data": []object{}}
	}
	return object{"data": []object{{"id": appID.String(), "name": "Private replies", "subscribed_fields": c.owner.fields}}}
}

// subscribe installs the app for a Page or account, or takes it away.
func (c *call) subscribe() (any, *refusal) {
	o := c.owner
	if !o.ownLogin && !slices.Contains(o.permissions, "pages_manage_metadata") {
		return nil, errPermission
	}
	if c.method == http.MethodDelete {
		o.fields = nil
		return object{"success": true}, nil
	}
	fields := strings.Split(c.params["subscribed_fields"], ",")
	for _, f := range fields {
		if !slices.Contains(o.allFields(), f) {
			return nil, badParameter("Param subscribed_fields[0] must be one of {" + strings.Join(o.allFields(), ", ") + "} - got \"" + f + "\"")
		}
	}
	o.fields = fields
	return object{"success": true}, nil
}

// subscribed reports whether Meta delivers a field of a's webhooks. Instagram's
// fields are chosen for the whole app with the Facebook login; the Page behind the
// account only has to have the app.
func (a *account) subscribed(field string) bool {
	if a.connection() == instagramByFacebook {
		return len(a.owner.fields) > 0
	}
	return slices.Contains(a.owner.fields, field)
}

package meta

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// defaultAppID is the id of the product's app unless Config.App has one; inboxAppID is
// that of Meta's own inbox, otherAppID that of Account.OtherApp.
const (
	defaultAppID json.Number = "240000000000001"
	inboxAppID   json.Number = "240000000000002"
	otherAppID   json.Number = "240000000000003"
	appName                  = "Private replies"
)

// appID is the id of the product's app for the Facebook login.
func (s *Sandbox) appID() json.Number {
	if id := s.cfg.App.FacebookID; id != "" {
		return json.Number(id)
	}
	return defaultAppID
}

// What can be subscribed to with either login: meta-platform.md §1.4.
var (
	instagramFields = []string{"comments", "live_comments", "mentions", "messages", "message_echoes", "message_edit",
		"message_reactions", "messaging_handover", "messaging_optins", "messaging_postbacks", "messaging_referral",
		"messaging_seen", "messaging_policy_enforcement", "response_feedback", "standby", "story_insights"}
	pageFields = []string{"feed", "live_videos", "message_deliveries", "message_echoes", "message_edits",
		"message_reactions", "message_reads", "messages", "messaging_handovers", "messaging_optins",
		"messaging_policy_enforcement", "messaging_postbacks", "messaging_referrals", "standby"}
)

func (o *owner) subscribableFields() []string {
	if o.ownLogin {
		return instagramFields
	}
	return pageFields
}

func (c *call) listSubscribedApps() object {
	data := []object{}
	if o := c.owner; len(o.fields) > 0 {
		id := c.sandbox.appID().String()
		if o.ownLogin && c.sandbox.cfg.App.InstagramID != "" {
			id = c.sandbox.cfg.App.InstagramID
		}
		data = append(data, object{"id": id, "name": appName, "subscribed_fields": o.fields})
	}
	for _, a := range c.owner.accounts() {
		if a.OtherApp != "" {
			data = append(data, object{"id": otherAppID.String(), "name": a.OtherApp, "subscribed_fields": c.owner.subscribableFields()})
			break
		}
	}
	return object{"data": data}
}

// subscribe installs the app for a Page or account, or takes it away.
func (c *call) subscribe() (any, *graphError) {
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
		if !slices.Contains(o.subscribableFields(), f) {
			return nil, errParameter("Param subscribed_fields[0] must be one of {" + strings.Join(o.subscribableFields(), ", ") + "} - got \"" + f + "\"")
		}
	}
	o.fields = fields
	return object{"success": true}, nil
}

// subscribed reports whether the account's own subscription covers a webhook field.
// With the Facebook login Instagram's fields are chosen for the whole app, and the Page
// behind the account only needs the app installed.
func (a *account) subscribed(field string) bool {
	if a.connection() == instagramByFacebook {
		return len(a.owner.fields) > 0
	}
	return slices.Contains(a.owner.fields, field)
}

// AppSubscription is the webhook subscription of the app, for every account connected
// with the Facebook login. A field that is missing here is not delivered, whatever the
// account's own subscription says.
type AppSubscription struct {
	Object  string   `json:"object"` // page or instagram
	Fields  []string `json:"fields"` // none: no webhooks of the object at all
	Version string   `json:"version"`
}

// webhooksVersion is the default version of the app's subscriptions.
const webhooksVersion = "v26.0"

// app is the product's app at Meta. The app of an account with the Instagram login has
// no API for its subscription, so that one is not modelled.
type app struct{ subscriptions []AppSubscription }

func defaultApp() app {
	return app{[]AppSubscription{
		{Object: "page", Fields: pageFields, Version: webhooksVersion},
		{Object: "instagram", Fields: instagramFields, Version: webhooksVersion},
	}}
}

func (a app) subscribed(object, field string) bool {
	return slices.ContainsFunc(a.subscriptions, func(s AppSubscription) bool {
		return s.Object == object && slices.Contains(s.Fields, field)
	})
}

// subscribedTo reports whether both subscriptions cover a webhook: the account's and,
// with the Facebook login, the app's.
func (s *Sandbox) subscribedTo(it webhookItem) bool {
	a := s.byID[it.account]
	return a.subscribed(it.field) && (a.ownLogin() || s.app.subscribed(it.object, it.field))
}

// SubscribeApp replaces the app's subscription to one object, as Meta's dashboard does.
func (s *Sandbox) SubscribeApp(n AppSubscription) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.app.subscriptions, func(old AppSubscription) bool { return old.Object == n.Object })
	if i < 0 {
		return fmt.Errorf("object: %q is not an object; write page or instagram", n.Object)
	}
	if n.Version == "" {
		n.Version = webhooksVersion
	}
	s.app.subscriptions[i] = n
	s.logEvent("account", "", "", "The app is subscribed to %d fields of %s", len(n.Fields), n.Object)
	return nil
}

// isApp reports whether a token is the app's own: its id, "|" and one of its secrets.
func (s *Sandbox) isApp(token string) bool {
	id, secret, _ := strings.Cut(token, "|")
	if id != s.appID().String() || secret == "" {
		return false
	}
	return secret == s.cfg.App.FacebookSecret || slices.ContainsFunc(s.accounts, func(a *account) bool {
		return !a.ownLogin() && a.AppSecret == secret
	})
}

// respondToApp answers the only modelled call with the app's own token: reading its
// subscriptions.
func (s *Sandbox) respondToApp(c *call) response {
	if c.method != http.MethodGet || c.path[0] != s.appID().String() || c.edge() != "subscriptions" {
		s.logRefusal(c, endpoint{}, errMissing)
		return s.errorResponse(c, errMissing)
	}
	data := []object{}
	for _, sub := range s.app.subscriptions {
		fields := []object{}
		for _, name := range sub.Fields {
			fields = append(fields, object{"name": name, "version": sub.Version})
		}
		if len(fields) > 0 {
			data = append(data, object{"object": sub.Object, "callback_url": s.outbox.callback(), "active": true, "fields": fields})
		}
	}
	return response{status: http.StatusOK, header: http.Header{}, body: object{"data": data}}
}

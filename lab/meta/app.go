package meta

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// AppSubscription is what the app gets webhooks of, for every account connected
// with the Facebook login. What is not subscribed here is not delivered, whatever
// the account's own subscription says.
type AppSubscription struct {
	Object  string   `json:"object"` // page or instagram
	Fields  []string `json:"fields"` // none: no webhooks of the object at all
	Version string   `json:"version"`
}

// webhooksVersion is the version of webhooks until SubscribeApp says otherwise.
const webhooksVersion = "v26.0"

// app is the app at Meta as its dashboard shows it. The app of an account with the
// Instagram login has no API for this, so it is not modelled.
type app struct{ subscriptions []AppSubscription }

func newApp() app {
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

// delivers reports whether both subscriptions cover a webhook: the account's and,
// where this is its app, the app's.
func (s *Sandbox) delivers(it webhookItem) bool {
	a := s.byID[it.account]
	return a.subscribed(it.field) && (a.ownLogin() || s.app.subscribed(it.object, it.field))
}

// SubscribeApp sets what the app is subscribed to, as its dashboard does.
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
	s.note("account", "", "", "The app is subscribed to %d fields of %s", len(n.Fields), n.Object)
	return nil
}

// isApp reports whether a token is the app's own: its id and one of its secrets.
func (s *Sandbox) isApp(token string) bool {
	id, secret, _ := strings.Cut(token, "|")
	return id == appID.String() && secret != "" && slices.ContainsFunc(s.accounts, func(a *account) bool {
		return !a.ownLogin() && a.AppSecret == secret
	})
}

// answerApp answers the one call that is made with the app's own token.
func (s *Sandbox) answerApp(c *call) answer {
	if c.method != http.MethodGet || c.path[0] != appID.String() || c.edge() != "subscriptions" {
		s.noteRefusal(c, endpoint{}, errMissing)
		return s.refuse(c, errMissing)
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
	return answer{status: http.StatusOK, header: http.Header{}, body: object{"data": data}}
}

package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/graph"
)

// The webhooks that the product lives on. Postbacks, the taps on buttons, only
// open a conversation's window.
var (
	pageWebhooks      = []string{"feed", "messages", postbacks}
	instagramWebhooks = []string{"comments", "live_comments", "messages", postbacks}
)

const postbacks = "messaging_postbacks"

func (e *accountChecker) neededWebhooks() []string {
	if e.account.Platform == privatereply.Facebook {
		return pageWebhooks
	}
	return instagramWebhooks
}

// checkAccountWebhooks looks whether the app gets the account's webhooks. Meta takes the
// subscription away after an hour of failed deliveries, and tells nobody.
func (e *accountChecker) checkAccountWebhooks(ctx context.Context) []Finding {
	const name = "webhooks"
	apps, err := e.meta.SubscribedApps(ctx, e.cred)
	if err != nil {
		return []Finding{unknown(name, "Meta does not tell which apps get them: %s", describeError(err))}
	}
	i := slices.IndexFunc(apps, func(a graph.Subscription) bool { return e.appID == "" || a.AppID == e.appID })
	if i < 0 {
		text := "no app gets the account's webhooks; Meta takes them away after an hour of failed deliveries"
		if len(apps) > 0 {
			text = "the token's app, " + e.appID + ", does not get the account's webhooks; other apps do"
		}
		return []Finding{failure(name, text, "subscribe the app, with the account's token for $TOKEN:", e.subscribeCommand(nil))}
	}
	if e.sendsByPage() { // its fields are those of the app
		return []Finding{ok(name, "the app is installed on the Page")}
	}
	missing, postback := missingFields(e.neededWebhooks(), apps[i].Fields)
	if len(missing) == 0 && !postback {
		return []Finding{ok(name, "the app is subscribed to %s", strings.Join(e.neededWebhooks(), ", "))}
	}
	return []Finding{missingFieldsFinding(name, "the account's subscription", missing,
		"subscribe again, with the account's token for $TOKEN:", e.subscribeCommand(apps[i].Fields))}
}

// missingFields is what a subscription has not. Without postbacks comments are answered
// all the same, so they count apart.
func missingFields(wanted, has []string) (missing []string, postback bool) {
	for _, field := range wanted {
		switch {
		case slices.Contains(has, field):
		case field == postbacks:
			postback = true
		default:
			missing = append(missing, field)
		}
	}
	return missing, postback
}

// missingFieldsFinding tells of a subscription without some fields; of none, that it has no postbacks.
func missingFieldsFinding(name, subscription string, missing []string, repair string, commands ...string) Finding {
	if len(missing) > 0 {
		return failure(name, subscription+" lacks "+strings.Join(missing, ", "), repair, commands...)
	}
	return warning(name, subscription+" lacks "+postbacks+": taps on buttons do not open a conversation's window", repair, commands...)
}

// subscribeCommand is the call that subscribes the app. It replaces the fields that it
// had, so they are named again.
func (e *accountChecker) subscribeCommand(has []string) string {
	base, fields := e.settings.FacebookURL, slices.Clone(e.neededWebhooks())
	switch {
	case e.usesInstagramLogin():
		base = e.settings.InstagramURL
	case e.sendsByPage():
		fields = pageWebhooks
	}
	for _, field := range has {
		if !slices.Contains(fields, field) {
			fields = append(fields, field)
		}
	}
	return fmt.Sprintf(`curl -X POST -H "Authorization: Bearer $TOKEN" "%s/%s/%s/subscribed_apps?subscribed_fields=%s"`,
		strings.TrimRight(base, "/"), e.settings.Version, e.account.SendNode(), strings.Join(fields, ","))
}

// checkWebhookSecret looks whether the bridge knows the secret that signs the account's
// webhooks: without it the bridge takes them for forgeries.
func (e *accountChecker) checkWebhookSecret() []Finding {
	const name = "webhook secret"
	secret := e.cred.AppSecret
	switch {
	case secret == "" || len(e.settings.AppSecrets) == 0:
		return nil // told already
	case slices.Contains(e.settings.AppSecrets, secret):
		return []Finding{ok(name, "PRIVATEREPLY_APP_SECRETS has the account's app secret")}
	case e.usesInstagramLogin():
		return []Finding{warning(name, "PRIVATEREPLY_APP_SECRETS does not have the account's app secret; an app with the Instagram login signs with its Instagram app secret",
			"add the Instagram app secret to PRIVATEREPLY_APP_SECRETS, unless it is there")}
	}
	return []Finding{failure(name, "PRIVATEREPLY_APP_SECRETS does not have the account's app secret, so its webhooks would be refused as forgeries",
		"add the app's secret to PRIVATEREPLY_APP_SECRETS, separated by a comma")}
}

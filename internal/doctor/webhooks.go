package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/graph"
)

// neededWebhooks are the webhook fields that the product needs.
func (e *accountChecker) neededWebhooks() []string { return e.account.Platform.Facts().WebhookFields }

// checkAccountWebhooks checks that the app gets the account's webhooks. Meta takes the
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

// missingFields lists the fields that a subscription lacks. The optional one is reported
// apart: without it comments are answered all the same.
func missingFields(wanted, has []string) (missing []string, postback bool) {
	for _, field := range wanted {
		switch {
		case slices.Contains(has, field):
		case field == privatereply.OptionalWebhookField:
			postback = true
		default:
			missing = append(missing, field)
		}
	}
	return missing, postback
}

// missingFieldsFinding reports a subscription without some fields; without any in missing,
// that it lacks the optional one.
func missingFieldsFinding(name, subscription string, missing []string, repair string, commands ...string) Finding {
	if len(missing) > 0 {
		return failure(name, subscription+" lacks "+strings.Join(missing, ", "), repair, commands...)
	}
	return warning(name, subscription+" lacks "+privatereply.OptionalWebhookField+": taps on buttons do not open a conversation's window", repair, commands...)
}

// subscribeCommand is the call that subscribes the app. It replaces the fields that it
// had, so they are named again.
func (e *accountChecker) subscribeCommand(has []string) string {
	base, fields := e.settings.FacebookURL, slices.Clone(e.neededWebhooks())
	switch {
	case e.usesInstagramLogin():
		base = e.settings.InstagramURL
	case e.sendsByPage():
		fields = privatereply.Facebook.Facts().WebhookFields
	}
	for _, field := range has {
		if !slices.Contains(fields, field) {
			fields = append(fields, field)
		}
	}
	return fmt.Sprintf(`curl -X POST -H "Authorization: Bearer $TOKEN" "%s/%s/%s/subscribed_apps?subscribed_fields=%s"`,
		strings.TrimRight(base, "/"), e.settings.Version, e.account.SendNode(), strings.Join(fields, ","))
}

// checkWebhookSecret checks that the bridge knows the secret that signs the account's
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

// appSubscription is what the app gets webhooks of: Meta delivers only what both
// the app and the account are subscribed to.
type appSubscription struct {
	Object   string `json:"object"`
	Callback string `json:"callback_url"`
	Active   bool   `json:"active"`
	Fields   []struct {
		Name    string `json:"name"`
		Version string `json:"version"`
	} `json:"fields"`
}

// checkAppWebhooks checks that the app itself is subscribed, and in which version
// of the Graph API its webhooks come.
func (e *accountChecker) checkAppWebhooks(ctx context.Context) []Finding {
	const name = "app webhooks"
	object := e.account.Platform.Facts().WebhookObject
	where := fmt.Sprintf("in the app's dashboard, webhooks of %s must have %s", object, strings.Join(e.neededWebhooks(), ", "))
	switch {
	case e.usesInstagramLogin():
		return []Finding{unknown(name, "Meta has no call for an app with the Instagram login: %s", where)}
	case e.cred.AppSecret == "" || e.appID == "":
		return []Finding{unknown(name, "cannot be asked without the app's secret and id: %s", where)}
	}
	all, err := e.appSubscriptions(ctx)
	if err != nil {
		return []Finding{unknown(name, "Meta does not tell (%v): %s", err, where)}
	}
	i := slices.IndexFunc(all, func(s appSubscription) bool { return s.Object == object })
	if i < 0 || !all[i].Active {
		return []Finding{failure(name, "the app gets no webhooks of "+object+" at all, whatever the account is subscribed to", where)}
	}
	var has []string
	for _, f := range all[i].Fields {
		has = append(has, f.Name)
	}
	missing, postback := missingFields(e.neededWebhooks(), has)
	if len(missing) > 0 || postback {
		return []Finding{missingFieldsFinding(name, "the app's subscription of "+object, missing, where)}
	}
	return append([]Finding{ok(name, "the app gets them at %s", all[i].Callback)}, e.checkWebhookVersion(all[i])...)
}

// checkWebhookVersion judges the oldest version of the webhooks. It is set for the app,
// field by field, apart from that of calls.
func (e *accountChecker) checkWebhookVersion(s appSubscription) []Finding {
	oldest := ""
	for _, f := range s.Fields {
		if slices.Contains(e.neededWebhooks(), f.Name) && (oldest == "" || majorOf(f.Version) < majorOf(oldest)) {
			oldest = f.Version
		}
	}
	text, level := assessVersion(oldest, e.now())
	if level == OK || oldest == "" {
		return nil
	}
	return []Finding{warning("webhook version", text+"; old ones have lost live comments",
		"choose "+newestVersion+" for each field in the webhooks of the app's dashboard")}
}

// maxAnswer bounds what an answer may fill.
const maxAnswer = 1 << 20

// appSubscriptions asks with the app's own token, its id and its secret, where
// every other call of the product is made with an account's.
func (e *accountChecker) appSubscriptions(ctx context.Context) ([]appSubscription, error) {
	target := fmt.Sprintf("%s/%s/%s/subscriptions", strings.TrimRight(e.settings.FacebookURL, "/"), e.settings.Version, url.PathEscape(e.appID))
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, errors.New("the request could not be built")
	}
	req.Header.Set("Authorization", "Bearer "+e.appID+"|"+e.cred.AppSecret)
	resp, err := http.DefaultTransport.RoundTrip(req) // follows no redirect with the token
	if err != nil {
		return nil, errors.New("no answer")
	}
	defer resp.Body.Close()
	var body struct {
		Data  []appSubscription `json:"data"`
		Error struct {
			Code int `json:"code"`
		} `json:"error"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&body); err != nil {
		return nil, errors.New("the answer is not readable")
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("error %d", body.Error.Code)
	}
	return body.Data, nil
}

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
)

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

// checkAppWebhooks looks whether the app itself is subscribed, and in which version
// of the Graph API its webhooks come.
func (e *accountChecker) checkAppWebhooks(ctx context.Context) []Finding {
	const name = "app webhooks"
	object := "page"
	if e.account.Platform == privatereply.Instagram {
		object = "instagram"
	}
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

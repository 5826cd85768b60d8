package privatereply

import (
	"slices"
	"strings"
	"testing"
)

// A platform without one of the facts that everything relies on is noticed here, not in
// the product.
func TestPlatformFacts(t *testing.T) {
	if len(platformFacts) != len(Platforms) {
		t.Errorf("there are facts of %d platforms, of %d", len(platformFacts), len(Platforms))
	}
	objects := map[string]Platform{}
	for _, p := range Platforms {
		f := p.Facts()
		if f.Name == "" || f.Name == string(p) || f.TextLimit <= 0 || f.TextUnit == "" || f.MaxNameChars <= 0 {
			t.Errorf("%s has no name or no limits: %+v", p, f)
		}
		if f.WebhookObject == "" || objects[f.WebhookObject] != "" || !slices.Contains(f.WebhookFields, OptionalWebhookField) || f.InboxURL == "" {
			t.Errorf("%s has no webhooks of its own, or no inbox: %+v", p, f)
		}
		objects[f.WebhookObject] = p
		if f.PostURL != "" && !strings.HasSuffix(f.PostURL, "/") {
			t.Errorf("%s: an id cannot follow %s", p, f.PostURL)
		}
		if len(f.Logins) == 0 {
			t.Errorf("no account can be connected to %s", p)
		}
		for _, l := range f.Logins {
			if l.Login == "" || !strings.HasPrefix(l.GraphURL, "https://graph.") || len(l.Permissions) == 0 {
				t.Errorf("%s by login %q: %+v", p, l.Login, l)
			}
			for _, permission := range l.Permissions {
				if permission.Name == "" || permission.Use == "" {
					t.Errorf("%s by login %q: the permission %+v", p, l.Login, permission)
				}
			}
		}
	}
}

// What is no platform has no facts that anybody would act on.
func TestFactsOfNoPlatform(t *testing.T) {
	f := Platform("telegraph").Facts()
	if f.Name != "telegraph" || f.TextLimit != facebookTextChars || f.AnsweredOnAir || f.VisitorPosts || len(f.Logins) != 0 {
		t.Errorf("the facts are %+v", f)
	}
}

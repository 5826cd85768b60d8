package meta_test

import (
	"net/http"
	"testing"

	"github.com/privatereply/privatereply/lab/meta"
)

// testProof is the vector of meta-platform.md §8: secret test-app-secret, token EAAtesttoken.
const testProof = "62f73cbe7b318721f6695dcd7ce46d9a60b2134d6e69eb38057c6db0608019a8"

// A call needs a good token, the host and node that belong to its login, and the
// proof where the app requires it.
func TestAuthentication(t *testing.T) {
	me := func(host string) string { return "/" + host + "/v26.0/me" }
	tests := []struct {
		name   string
		change meta.AccountUpdate // of the Page
		method string
		path   string
		token  string
		want   [2]int
	}{
		{name: "good", path: me("facebook"), token: pageToken},
		{name: "in the query", path: me("facebook") + "?access_token=" + pageToken},
		{name: "own login", path: me("instagram"), token: ownToken},
		{name: "the bare path takes a page token", path: "/v26.0/me", token: pageToken},
		{name: "the bare path takes an instagram token", path: "/v26.0/me", token: ownToken},
		{name: "no token", path: me("facebook"), want: [2]int{2500, 0}},
		{name: "nobody's token", path: me("facebook"), token: "EAAother", want: [2]int{190, 0}},
		{name: "instagram token on the facebook host", path: me("facebook"), token: ownToken, want: [2]int{190, 0}},
		{name: "page token on the instagram host", path: me("instagram"), token: pageToken, want: [2]int{190, 0}},
		{name: "expired", change: meta.AccountUpdate{TokenState: new(meta.TokenExpired)}, path: me("facebook"), token: pageToken, want: [2]int{190, 463}},
		{name: "revoked", change: meta.AccountUpdate{TokenState: new(meta.TokenRevoked)}, path: me("facebook"), token: pageToken, want: [2]int{190, 460}},
		{name: "app removed", change: meta.AccountUpdate{TokenState: new(meta.TokenAppRemoved)}, path: me("facebook"), token: pageToken, want: [2]int{190, 458}},
		{name: "checkpoint", change: meta.AccountUpdate{TokenState: new(meta.TokenCheckpoint)}, path: me("facebook"), token: pageToken, want: [2]int{190, 459}},
		{name: "replaced", change: meta.AccountUpdate{Token: new("EAAnew")}, path: me("facebook"), token: pageToken, want: [2]int{190, 0}},
		{name: "the new one", change: meta.AccountUpdate{Token: new("EAAnew")}, path: me("facebook"), token: "EAAnew"},
		{name: "proof", path: me("facebook") + "?appsecret_proof=" + testProof, token: pageToken},
		{name: "wrong proof", path: me("facebook") + "?appsecret_proof=00", token: pageToken, want: [2]int{100, 0}},
		{name: "proof required", change: meta.AccountUpdate{RequireProof: new(true)}, path: me("facebook"), token: pageToken, want: [2]int{100, 0}},
		{name: "proof required and sent", change: meta.AccountUpdate{RequireProof: new(true)}, path: me("facebook") + "?appsecret_proof=" + testProof, token: pageToken},
		{name: "the linked account's own node sends nothing", method: http.MethodPost, path: "/facebook/v26.0/" + linkedID + "/messages", token: pageToken, want: [2]int{3, 0}},
		{name: "the Page's node on the instagram host", method: http.MethodPost, path: "/instagram/v26.0/" + pageID + "/messages", token: ownToken, want: [2]int{100, 33}},
		{name: "me/messages is the token's own node", method: http.MethodPost, path: "/instagram/v26.0/me/messages", token: ownToken, want: [2]int{100, 0}},
		{name: "private_replies is gone", method: http.MethodPost, path: "/facebook/v26.0/200000000000001_300000000000001/private_replies", token: pageToken, want: [2]int{100, 33}},
		{name: "without a version", path: "/facebook/me", token: pageToken, want: [2]int{2500, 0}},
		{name: "no object", path: "/facebook/v26.0/123", token: pageToken, want: [2]int{100, 33}},
		{name: "somebody else's account", path: "/facebook/v26.0/" + ownLoginID, token: pageToken, want: [2]int{100, 33}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := start(t)
			must(t, e.UpdateAccount(pageID, tt.change))
			method := tt.method
			if method == "" {
				method = http.MethodGet
			}
			if got := e.do(method, tt.path, tt.token, ""); got.code() != tt.want {
				t.Errorf("answered %v, want %v: %s", got.code(), tt.want, got.body)
			}
		})
	}
}

// Error texts come in several languages, codes do not change, and every error has
// a trace id.
func TestErrorTextsRotate(t *testing.T) {
	e := start(t)
	texts, traces := map[string]bool{}, map[string]bool{}
	for range 5 {
		got := e.get("/facebook/v26.0/123", pageToken)
		body := got.json["error"].(map[string]any)
		if got.code() != [2]int{100, 33} {
			t.Fatalf("code %v", got.code())
		}
		texts[body["message"].(string)] = true
		traces[body["fbtrace_id"].(string)] = true
	}
	if len(texts) != 5 || len(traces) != 5 {
		t.Errorf("%d texts and %d trace ids in 5 errors", len(texts), len(traces))
	}
}

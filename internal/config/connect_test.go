package config

import (
	"strings"
	"testing"
)

// What is not set has Meta's addresses and no app; what is wrong is named, and no secret shows.
func TestConnectSettings(t *testing.T) {
	const secret = "0123456789abcdef0123456789abcdef"
	for _, tc := range []struct {
		name, want string
		vars       map[string]string
	}{
		{"nothing", "", nil},
		{"both apps", "", map[string]string{
			"FACEBOOK_APP_ID": "1", "FACEBOOK_APP_SECRET": secret, "FACEBOOK_CONFIG_ID": "3", "INSTAGRAM_APP_ID": "2", "INSTAGRAM_APP_SECRET": secret,
			"FACEBOOK_LOGIN_URL": "http://127.0.0.1:9000/login/facebook/",
		}},
		{"no secret", "PRIVATEREPLY_FACEBOOK_APP_SECRET is missing", map[string]string{"FACEBOOK_APP_ID": "1"}},
		{"no id", "PRIVATEREPLY_INSTAGRAM_APP_ID is missing", map[string]string{"INSTAGRAM_APP_SECRET": secret}},
		{"a configuration alone", "PRIVATEREPLY_FACEBOOK_APP_ID is missing", map[string]string{"FACEBOOK_CONFIG_ID": "1"}},
		{"the secret as the id", "PRIVATEREPLY_FACEBOOK_APP_ID: it is not an id", map[string]string{"FACEBOOK_APP_ID": secret, "FACEBOOK_APP_SECRET": secret}},
		{"in clear", "PRIVATEREPLY_INSTAGRAM_TOKEN_URL: write an https:// address", map[string]string{"INSTAGRAM_TOKEN_URL": "http://api.instagram.com"}},
		{"not an address", "PRIVATEREPLY_FACEBOOK_LOGIN_URL: it is not a web address", map[string]string{"FACEBOOK_LOGIN_URL": "facebook"}},
		{"a query", "PRIVATEREPLY_FACEBOOK_LOGIN_URL: it may hold a host and a path", map[string]string{"FACEBOOK_LOGIN_URL": "https://www.facebook.com?a=b"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for name, value := range tc.vars {
				t.Setenv(Prefix+name, value)
			}
			c, err := Read[Connect]()
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), secret)) {
				t.Fatalf("%v", err)
			}
			if tc.name == "nothing" && (c.FacebookLoginURL != "https://www.facebook.com" || c.InstagramLoginURL != "https://www.instagram.com" || c.InstagramTokenURL != "https://api.instagram.com") {
				t.Errorf("the addresses are %+v", c)
			}
			if tc.name == "both apps" && c.FacebookLoginURL != "http://127.0.0.1:9000/login/facebook" {
				t.Errorf("the address is %s", c.FacebookLoginURL)
			}
		})
	}
}

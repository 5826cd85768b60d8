package graph

import (
	"strings"
	"testing"
)

// Guards that no token can go over the wire in clear, and that versions that need
// another permission are refused at start and in words.
func TestNew(t *testing.T) {
	for _, tc := range []struct {
		name string
		o    Options
		want string // in the error; empty if o is good
	}{
		{"nothing", Options{}, ""},
		{"https", Options{FacebookURL: "https://graph.example.com/prefix/", InstagramURL: "https://ig.example.com:8443"}, ""},
		{"http on loopback", Options{FacebookURL: "http://127.0.0.1:8099", InstagramURL: "http://[::1]:8099/ig"}, ""},
		{"http on localhost", Options{FacebookURL: "http://localhost:8099"}, ""},
		{"http elsewhere", Options{FacebookURL: "http://graph.example.com"}, "Facebook URL http://graph.example.com would send access tokens in clear"},
		{"http elsewhere, Instagram", Options{InstagramURL: "http://10.0.0.1"}, "Instagram URL http://10.0.0.1 would send access tokens in clear"},
		{"http on a name that looks local", Options{FacebookURL: "http://localhost.example.com"}, "in clear"},
		{"another scheme", Options{FacebookURL: "ftp://graph.example.com"}, `scheme "ftp"`},
		{"no scheme", Options{FacebookURL: "graph.example.com"}, "is not a URL"},
		{"not a URL", Options{InstagramURL: "https://%zz"}, "is not a URL"},
		{"a password", Options{FacebookURL: "https://me:hunter2@graph.example.com"}, "nothing else"},
		{"a query", Options{FacebookURL: "https://graph.example.com?access_token=hunter2"}, "nothing else"},
		{"a new version", Options{Version: "v31.0"}, ""},
		{"the oldest version", Options{Version: "v8.0"}, ""},
		{"an old version", Options{Version: "v7.0"}, "Human Agent"},
		{"a version without its v", Options{Version: "26.0"}, `"26.0" is not a Graph API version; write one like v26.0`},
		{"a version without its dot", Options{Version: "v26"}, "is not a Graph API version"},
		{"a version with more", Options{Version: "v26.0/me"}, "is not a Graph API version"},
		{"a version of nines", Options{Version: "v99999999999999999999.0"}, "is not a Graph API version"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := New(tc.o)
			switch {
			case tc.want == "" && err != nil:
				t.Error(err)
			case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
				t.Errorf("%v, want an error with %q", err, tc.want)
			case err != nil && strings.Contains(err.Error(), "hunter2"):
				t.Errorf("the error shows a secret: %v", err)
			}
		})
	}
}

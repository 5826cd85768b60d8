package desk

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Only pictures that can hold no script are passed on, from where nobody can listen, and no
// error names the signed address.
func TestFetchPicture(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/good":
			w.Header().Set("Content-Type", "image/png")
			_, _ = w.Write([]byte("png"))
		case "/script":
			w.Header().Set("Content-Type", "image/svg+xml")
		case "/large":
			w.Header().Set("Content-Type", "image/jpeg")
			_, _ = w.Write(make([]byte, maxPictureBytes+1))
		case "/elsewhere":
			http.Redirect(w, r, "/good", http.StatusFound)
		default:
			w.Header().Set("Content-Type", "image/png")
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	defer server.Close()
	kind, picture, err := fetchPicture(t.Context(), server.URL+"/good?sig=secret")
	if err != nil || kind != "image/png" || string(picture) != "png" {
		t.Errorf("%s, %q, %v", kind, picture, err)
	}
	for address, want := range map[string]string{
		server.URL + "/script?sig=secret":        "no picture that is passed on",
		server.URL + "/large?sig=secret":         "larger than",
		server.URL + "/elsewhere?sig=secret":     "answered 302",
		server.URL + "/ended?sig=secret":         "answered 403",
		"http://192.0.2.1/picture?sig=secret":    "not one of https",
		"file:///etc/passwd?sig=secret":          "not one of https",
		"http://127.0.0.1:1/picture?sig=secret":  "did not answer",
		"https://192.0.2.1:x/picture?sig=secret": "not one of https",
	} {
		_, _, err := fetchPicture(t.Context(), address)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, want %q", address, err, want)
		}
	}
}

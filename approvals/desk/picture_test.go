package desk

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const pngStart = "\x89PNG\r\n\x1a\n"

// Only pictures that can hold no script are passed on, from where nobody can listen, and no
// error names the signed address.
func TestFetchPicture(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/good":
			w.Header().Set("Content-Type", "image/png")
			_, _ = w.Write([]byte(pngStart))
		case "/lie":
			w.Header().Set("Content-Type", "image/png")
			_, _ = w.Write([]byte("<html><script>alert(1)</script>"))
		case "/script":
			w.Header().Set("Content-Type", "image/svg+xml")
		case "/large":
			w.Header().Set("Content-Type", "image/jpeg")
			_, _ = w.Write(make([]byte, maxPicture+1))
		case "/elsewhere":
			http.Redirect(w, r, "/good", http.StatusFound)
		default:
			w.Header().Set("Content-Type", "image/png")
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	defer server.Close()
	from := newPictures(true)
	kind, picture, err := from.fetch(t.Context(), server.URL+"/good?sig=secret", maxPicture)
	if err != nil || kind != "image/png" || string(picture) != pngStart {
		t.Errorf("%s, %q, %v", kind, picture, err)
	}
	for address, want := range map[string]string{
		server.URL + "/script?sig=secret":        "no picture that is passed on",
		server.URL + "/lie?sig=secret":           "no picture of the kind",
		server.URL + "/large?sig=secret":         "larger than",
		server.URL + "/elsewhere?sig=secret":     "answered 302",
		server.URL + "/ended?sig=secret":         "answered 403",
		"http://192.0.2.1/picture?sig=secret":    "not one of https",
		"file:///etc/passwd?sig=secret":          "not one of https",
		"http://127.0.0.1:1/picture?sig=secret":  "did not answer",
		"https://192.0.2.1:x/picture?sig=secret": "not one of https",
	} {
		_, _, err := from.fetch(t.Context(), address, maxPicture)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, want %q", address, err, want)
		}
	}
}

// No address that Meta or a stranger writes leads into the network of the desk, whatever a
// name is looked up to.
func TestPicturesComeFromOutside(t *testing.T) {
	asked := false
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer server.Close()
	_, port, _ := strings.Cut(strings.TrimPrefix(server.URL, "https://"), ":")
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"} {
		if _, _, err := newPictures(false).fetch(t.Context(), "https://"+host+":"+port+"/", maxPicture); err == nil || asked {
			t.Errorf("%s was asked: %v", host, err)
		}
	}
	if _, _, err := newPictures(false).fetch(t.Context(), "http://127.0.0.1:"+port+"/", maxPicture); err == nil || !strings.Contains(err.Error(), "https") {
		t.Errorf("plain http: %v", err)
	}
	for address, inside := range map[string]bool{
		"10.0.0.1:443": true, "172.16.9.9:443": true, "192.168.1.1:443": true, "169.254.169.254:443": true, "127.0.0.1:443": true, "100.64.1.1:443": true,
		"[fd00::1]:443": true, "[fe80::1]:443": true, "[::ffff:10.0.0.1]:443": true, "[64:ff9b::a00:1]:443": true, "[2002:a00:1::]:443": true, "224.0.0.1:443": true, "255.255.255.255:443": true,
		"157.240.1.1:443": false, "[2a03:2880::1]:443": false,
	} {
		if got := newPictures(false).checkAddress(address) != nil; got != inside {
			t.Errorf("%s is refused: %v", address, got)
		}
	}
	if newPictures(true).checkAddress("10.0.0.1:80") == nil {
		t.Error("a sandbox on this machine opens the whole network")
	}
}

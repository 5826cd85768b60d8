package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// Origin is where a web page comes from, as browsers write it: scheme, host and port,
// and no path. Empty: nowhere.
type Origin string

// UnmarshalText refuses what a browser never sends as an origin, and a page that
// anybody on the way could change.
func (o *Origin) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		return nil
	}
	u, err := url.Parse(strings.TrimSuffix(string(text), "/"))
	if err != nil || u.Hostname() == "" || strings.ContainsAny(u.Host, ",*") || u.Scheme != "https" && u.Scheme != "http" {
		return fmt.Errorf("%q is not one web page's origin; write scheme and host, such as https://temporal.example.com", text)
	}
	origin := (&url.URL{Scheme: u.Scheme, Host: u.Host}).String()
	if u.String() != origin {
		return fmt.Errorf("%q is more than an origin; write %s", text, origin)
	}
	host, err := netip.ParseAddr(u.Hostname())
	if u.Scheme == "http" && u.Hostname() != "localhost" && (err != nil || !host.IsLoopback()) {
		return fmt.Errorf("write an https:// origin; http:// is accepted only on loopback, such as http://127.0.0.1:8233")
	}
	// Browsers leave out the port that the scheme implies, and write hosts in lower case.
	implied := map[string]string{"https": ":443", "http": ":80"}[u.Scheme]
	*o = Origin(strings.ToLower(strings.TrimSuffix(origin, implied)))
	return nil
}

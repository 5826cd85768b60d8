package config

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// Desk are the settings of approvals.
type Desk struct {
	Common
	Slack
	Addr        string    `env:"APPROVALS_ADDR" envDefault:"127.0.0.1:8090"`
	OpsAddr     string    `env:"OPS_ADDR" envDefault:"127.0.0.1:9093"`
	URL         PublicURL `env:"APPROVALS_URL"`          // where people reach it; for links in notifications
	Users       string    `env:"APPROVALS_USERS"`        // the file of who may sign in
	ProxyHeader string    `env:"APPROVALS_PROXY_HEADER"` // the header in which a trusted proxy names the user
	Proxies     Networks  `env:"APPROVALS_PROXIES"`      // where trusted proxies are
	ProxyRole   string    `env:"APPROVALS_PROXY_ROLE"`   // of users whom the file does not name
	NotifyURL   SecretURL `env:"NOTIFY_URL"`
	Saved       string    `env:"SAVED_REPLIES" envDefault:"saved-replies.yaml"` // the file of the team's saved replies
	// NotifyEvery is the least time between two notifications, but for what cannot wait.
	NotifyEvery Interval   `env:"NOTIFY_EVERY" envDefault:"15m"`
	NotifyQuiet QuietHours `env:"NOTIFY_QUIET"` // such as 22:00-07:00 Europe/Berlin
	WebUI       PublicURL  `env:"WEB_UI_URL"`   // Temporal's Web UI, to link into it
	CodecOrigin Origin     `env:"CODEC_ORIGIN"` // whose page may have payloads decrypted: the Web UI's
}

// Interval is a time between two things, of a minute to a day.
type Interval time.Duration

// UnmarshalText reads a duration such as 15m.
func (i *Interval) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	if err != nil || d < time.Minute || d > 24*time.Hour {
		return fmt.Errorf("%q is not a time from 1m to 24h; write one such as 15m", text)
	}
	*i = Interval(d)
	return nil
}

// PublicURL is the address of a web page, without a slash at the end. Empty: none.
type PublicURL string

// UnmarshalText refuses what is not the address of a web page.
func (u *PublicURL) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		return nil
	}
	parsed, err := url.Parse(string(text))
	if err != nil || parsed.Host == "" || parsed.Scheme != "https" && parsed.Scheme != "http" {
		return fmt.Errorf("%q is not the address of a web page; write one such as https://desk.example.com", text)
	}
	*u = PublicURL(strings.TrimRight(string(text), "/"))
	return nil
}

// SecretURL is a web address whose path is a secret, as that of an incoming webhook
// is. It cannot be printed.
type SecretURL string

// UnmarshalText refuses an address to which a secret must not go.
func (u *SecretURL) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		return nil
	}
	parsed, err := url.Parse(string(text))
	if err != nil || parsed.Host == "" {
		return errors.New("it is not a web address; write one such as https://hooks.example.com/services/…")
	}
	if host, err := netip.ParseAddr(parsed.Hostname()); parsed.Scheme != "https" && (parsed.Scheme != "http" || err != nil || !host.IsLoopback()) {
		return errors.New("write an https:// address; http:// is accepted only on loopback, such as http://127.0.0.1:9000")
	}
	*u = SecretURL(text)
	return nil
}

// Format keeps the secret out of every verb.
func (u SecretURL) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "an address that is secret") }

// Networks are networks or single addresses, comma-separated.
type Networks []netip.Prefix

// UnmarshalText reads networks such as 10.0.0.0/8 and addresses such as 10.0.0.1.
func (n *Networks) UnmarshalText(text []byte) error {
	var all Networks
	for part := range strings.SplitSeq(string(text), ",") {
		part = strings.TrimSpace(part)
		prefix, err := netip.ParsePrefix(part)
		if addr, single := netip.ParseAddr(part); err != nil && single == nil {
			prefix, err = netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen()), nil
		}
		if err != nil {
			return fmt.Errorf("%q is not a network or an address; write 10.0.0.0/8 or 10.0.0.1", part)
		}
		all = append(all, prefix.Masked())
	}
	*n = all
	return nil
}

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

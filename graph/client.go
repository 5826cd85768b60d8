// Package graph is the client of Meta's Graph API: it sends private replies and
// follow-ups, answers comments in public and hides them, reads comments, posts,
// conversations and settings, and classifies every failure by what it proves.
//
// A send makes one HTTP request and never repeats it. Its result is a [SendResult] or
// an [*Error], whose [Class] says whether the request left the process, whether Meta
// refused it, and whether that can be known at all. Retries are the caller's.
//
// Meta's errors are classified by one table, with the source of each row; the message
// of an error, which is in the language of the app's owner, decides nothing.
//
// No error, log value or URL of this package holds an access token, an app
// secret, a message text or a word that Meta wrote.
package graph

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/privatereply/privatereply"
)

// Defaults of Options.
const (
	DefaultFacebookURL  = privatereply.GraphFacebookURL
	DefaultInstagramURL = privatereply.GraphInstagramURL
	DefaultVersion      = "v26.0"
	DefaultTimeout      = 15 * time.Second
)

// Options are the settings of a Client. The zero value calls the real Meta.
type Options struct {
	FacebookURL  string            // http:// only on loopback
	InstagramURL string            // http:// only on loopback
	Version      string            // v8.0 or newer
	Timeout      time.Duration     // of one call, from connecting to the last byte of the answer
	Now          func() time.Time  // nil: time.Now
	Transport    http.RoundTripper // nil: a transport of the client's own, over HTTP/1.1
}

// Client calls the Graph API. It is safe for use by several goroutines.
type Client struct {
	facebook   string // with the version, without a slash at the end
	instagram  string
	tokens     string // Instagram's host, where tokens are exchanged and renewed: without a version
	version    string
	timeout    time.Duration
	now        func() time.Time
	transport  http.RoundTripper
	reductions reductions // of lists that Meta refused to give in full
	clock      clockOffset
}

// New returns a client with the settings o. It does not connect. Its error says which
// setting is wrong.
func New(o Options) (*Client, error) {
	version, err := checkVersion(o.Version)
	if err != nil {
		return nil, err
	}
	facebook, err := checkURL("Facebook", o.FacebookURL, DefaultFacebookURL)
	if err != nil {
		return nil, err
	}
	instagram, err := checkURL("Instagram", o.InstagramURL, DefaultInstagramURL)
	if err != nil {
		return nil, err
	}
	c := &Client{
		facebook:  facebook + "/" + version,
		instagram: instagram + "/" + version,
		tokens:    instagram,
		version:   version,
		timeout:   o.Timeout,
		now:       o.Now,
		transport: o.Transport,
	}
	if c.timeout <= 0 {
		c.timeout = DefaultTimeout
	}
	if c.now == nil {
		c.now = time.Now
	}
	if c.transport == nil {
		c.transport = newTransport()
	}
	return c, nil
}

// OnThisMachine reports whether Meta is simulated here: both hosts are on loopback.
func (c *Client) OnThisMachine() bool {
	for _, base := range []string{c.facebook, c.instagram} {
		if u, err := url.Parse(base); err != nil || !loopback(u.Hostname()) {
			return false
		}
	}
	return true
}

// baseURL is the URL of the host that serves account, with the version.
func (c *Client) baseURL(account privatereply.Account) string {
	if onInstagramHost(account) {
		return c.instagram
	}
	return c.facebook
}

// onInstagramHost reports whether account is served by graph.instagram.com. An
// Instagram account that was connected with Facebook Login is not.
func onInstagramHost(account privatereply.Account) bool {
	return account.LoginFacts().GraphURL == privatereply.GraphInstagramURL
}

// oldestVersion is the oldest Graph version that allows a private reply without
// the Human Agent permission.
const oldestVersion = 8

var versionForm = regexp.MustCompile(`^v([0-9]{1,3})\.[0-9]{1,2}$`)

func checkVersion(v string) (string, error) {
	if v == "" {
		return DefaultVersion, nil
	}
	m := versionForm.FindStringSubmatch(v)
	if m == nil {
		return "", fmt.Errorf("graph: %q is not a Graph API version; write one like %s", v, DefaultVersion)
	}
	if major, _ := strconv.Atoi(m[1]); major < oldestVersion {
		return "", fmt.Errorf("graph: Graph API %s needs the Human Agent permission for private replies; use v%d.0 or newer", v, oldestVersion)
	}
	return v, nil
}

// checkURL returns raw without a slash at its end. Its errors do not repeat a URL
// that may hold a password.
func checkURL(host, raw, ifEmpty string) (string, error) {
	if raw == "" {
		return ifEmpty, nil
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "":
		return "", fmt.Errorf("graph: the %s URL is not a URL; write one like %s", host, ifEmpty)
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "", fmt.Errorf("graph: the %s URL may hold a host and a path, nothing else; write one like %s", host, ifEmpty)
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return "", fmt.Errorf("graph: the %s URL %s would send access tokens in clear; use https (http is for loopback only)", host, u)
	case u.Scheme != "http" && u.Scheme != "https":
		return "", fmt.Errorf("graph: the %s URL has the scheme %q; use https", host, u.Scheme)
	}
	return strings.TrimRight(u.String(), "/"), nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

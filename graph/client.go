package graph

import (
	"net/http"
	"time"

	"github.com/privatereply/privatereply"
)

// What Options leaves out.
const (
	DefaultFacebookURL  = "https://graph.facebook.com"
	DefaultInstagramURL = "https://graph.instagram.com"
	DefaultVersion      = "v26.0"
	DefaultTimeout      = 15 * time.Second
)

// Options say where Meta is and how long to wait for it. The zero value is the
// real Meta.
type Options struct {
	FacebookURL  string            // http:// only on loopback
	InstagramURL string            // http:// only on loopback
	Version      string            // v8.0 or newer
	Timeout      time.Duration     // of one call, from connecting to the last byte of the answer
	Now          func() time.Time  // the clock; time.Now unless a test sets it
	Transport    http.RoundTripper // nil for a transport of the client's own
}

// Client calls the Graph API. It is safe for use by several goroutines.
type Client struct {
	facebook   string // with the version, without a slash at the end
	instagram  string
	timeout    time.Duration
	now        func() time.Time
	transport  http.RoundTripper
	reductions reductions // of lists that Meta does not give in full
	clock      clockOffset
}

// New checks o and returns a client. It does not connect.
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

// baseURL is the versioned URL that serves account.
func (c *Client) baseURL(account privatereply.Account) string {
	if onInstagramHost(account) {
		return c.instagram
	}
	return c.facebook
}

// onInstagramHost reports whether account is served by graph.instagram.com. An
// Instagram account that was connected with Facebook Login is not.
func onInstagramHost(account privatereply.Account) bool {
	return account.Platform == privatereply.Instagram && account.Login == privatereply.LoginInstagram
}

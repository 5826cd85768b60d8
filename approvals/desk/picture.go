package desk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/graph"
)

// Bounds of a picture from Meta's servers, in bytes: of an account's, and of one in a
// post, comment or message, where Instagram takes 8 MB.
const (
	maxAccountPicture = 1 << 20
	maxPicture        = 8 << 20
)

const (
	// pictureTimeout bounds one picture, with the question to Meta for its address.
	pictureTimeout = 10 * time.Second
	// parallelPictures bounds the pictures that are in memory at once.
	parallelPictures = 16
)

// pictureTypes are the formats that are passed on: those that can hold no script.
var pictureTypes = []string{"image/jpeg", "image/png", "image/webp", "image/gif"}

// accountPicture passes an account's picture on from Meta, so that a page fetches nothing
// from elsewhere. A browser keeps it for an hour.
func (d *Desk) accountPicture(w http.ResponseWriter, r *http.Request) {
	if !d.sees(r, r.PathValue("id")) {
		http.Error(w, "There is no such account.", http.StatusNotFound)
		return
	}
	kind, picture, err := d.Connections.picture(r.Context(), d.pictures, privatereply.Platform(r.PathValue("platform")), r.PathValue("id"))
	if err != nil {
		http.Error(w, sentence(err.Error()), http.StatusNotFound)
		return
	}
	writePicture(w, kind, picture)
}

func (c *Connections) picture(ctx context.Context, from *pictures, platform privatereply.Platform, id string) (kind string, picture []byte, err error) {
	account, ok := c.Accounts.Get(platform, id)
	if !ok {
		return "", nil, errors.New("there is no such account")
	}
	secrets, err := c.Accounts.Secrets(platform, id)
	if err != nil {
		return "", nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, pictureTimeout)
	defer cancel()
	address, err := c.Graph.PictureURL(ctx, graph.Credentials{Account: account, Token: secrets.Token, AppSecret: secrets.AppSecret})
	if err != nil {
		return "", nil, err
	}
	if address == "" {
		return "", nil, errors.New("the account has no picture")
	}
	return from.fetch(ctx, address, maxAccountPicture)
}

// writePicture answers with a picture. A browser keeps it for an hour.
func writePicture(w http.ResponseWriter, kind string, picture []byte) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "private, max-age=3600")
	_, _ = w.Write(picture) // an error means that the browser has gone
}

// pictures fetches pictures from Meta's servers, so that a page fetches nothing from
// elsewhere. Their addresses are foreign input: nothing inside the own network is asked.
type pictures struct {
	local   bool // Meta is simulated on this machine, whose addresses are allowed
	direct  *http.Transport
	proxied *http.Transport
	slots   chan struct{}
}

func newPictures(local bool) *pictures {
	p := &pictures{local: local, slots: make(chan struct{}, parallelPictures)}
	dialer := &net.Dialer{Timeout: 5 * time.Second, ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
		return p.checkAddress(address)
	}}
	p.direct = &http.Transport{DialContext: dialer.DialContext, TLSHandshakeTimeout: 5 * time.Second, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true}
	p.proxied = p.direct.Clone()
	p.proxied.Proxy, p.proxied.DialContext = http.ProxyFromEnvironment, (&net.Dialer{Timeout: 5 * time.Second}).DialContext
	return p
}

var errInternal = errors.New("the address is inside a network")

// notPublic are the networks that no server of Meta's is in, beside those that netip names.
var notPublic = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("240.0.0.0/4"), netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("2002::/16"),
}

// checkAddress refuses a connection to an address that is not public. The name was looked up
// for this connection: a second look-up cannot lead elsewhere.
func (p *pictures) checkAddress(address string) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return errInternal
	}
	ip := to.Addr().Unmap()
	switch {
	case p.local && ip.IsLoopback():
		return nil
	case !ip.IsGlobalUnicast() || ip.IsPrivate() || slices.ContainsFunc(notPublic, func(n netip.Prefix) bool { return n.Contains(ip) }):
		return errInternal
	}
	return nil
}

// checkURL refuses what is not one of https, and with a proxy, which looks names up itself,
// what is plainly inside a network.
func (p *pictures) checkURL(u *url.URL, proxied bool) error {
	host := u.Hostname()
	plain := u.Scheme == "http" && p.local && isLoopback(host)
	if u.Scheme != "https" && !plain || host == "" || u.User != nil {
		return errors.New("the picture's address is not one of https")
	}
	if ip, err := netip.ParseAddr(host); proxied && (err == nil && p.checkAddress(netip.AddrPortFrom(ip, 443).String()) != nil || err != nil && !strings.Contains(strings.Trim(host, "."), ".")) {
		return errInternal
	}
	return nil
}

// fetch reads a picture of at most so many bytes. Its errors do not hold the address, which
// is signed.
func (p *pictures) fetch(ctx context.Context, address string, most int64) (kind string, picture []byte, err error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", nil, errors.New("the picture's address is not one of https")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", nil, errors.New("the picture's address is not usable")
	}
	proxy, err := http.ProxyFromEnvironment(req)
	proxied := err != nil || proxy != nil
	if err := p.checkURL(u, proxied); err != nil {
		return "", nil, err
	}
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	case <-ctx.Done():
		return "", nil, errors.New("too many pictures are being fetched")
	}
	transport := p.direct
	if proxied {
		transport = p.proxied
	}
	resp, err := transport.RoundTrip(req) // follows no redirect
	if err != nil {
		return "", nil, errors.New("the picture's server did not answer")
	}
	defer resp.Body.Close()
	kind, _, err = mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil || resp.StatusCode != http.StatusOK || !slices.Contains(pictureTypes, kind) {
		return "", nil, fmt.Errorf("the picture's server answered %d, and with no picture that is passed on", resp.StatusCode)
	}
	picture, err = io.ReadAll(io.LimitReader(resp.Body, most+1))
	if err != nil || int64(len(picture)) > most {
		return "", nil, fmt.Errorf("the picture broke off, or is larger than %d bytes", most)
	}
	if http.DetectContentType(picture) != kind {
		return "", nil, errors.New("what the picture's server sent is no picture of the kind that it says")
	}
	return kind, picture, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

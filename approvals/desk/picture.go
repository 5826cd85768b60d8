package desk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/graph"
)

const (
	// maxPictureBytes bounds a picture from Meta's servers.
	maxPictureBytes = 1 << 20
	pictureTimeout  = 5 * time.Second
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
	kind, picture, err := d.Connections.picture(r.Context(), privatereply.Platform(r.PathValue("platform")), r.PathValue("id"))
	if err != nil {
		http.Error(w, sentence(err.Error()), http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "private, max-age=3600")
	_, _ = w.Write(picture) // an error means that the browser has gone
}

func (c *Connections) picture(ctx context.Context, p privatereply.Platform, id string) (kind string, picture []byte, err error) {
	account, ok := c.Accounts.Get(p, id)
	if !ok {
		return "", nil, errors.New("there is no such account")
	}
	secrets, err := c.Accounts.Secrets(p, id)
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
	return fetchPicture(ctx, address)
}

// fetchPicture reads a picture from one of Meta's servers. Its errors do not hold the
// address, which is signed.
func fetchPicture(ctx context.Context, address string) (kind string, picture []byte, err error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && !(u.Scheme == "http" && isLoopback(u.Hostname())) {
		return "", nil, errors.New("the picture's address is not one of https")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", nil, errors.New("the picture's address is not usable")
	}
	resp, err := http.DefaultTransport.RoundTrip(req) // follows no redirect
	if err != nil {
		return "", nil, errors.New("the picture's server did not answer")
	}
	defer resp.Body.Close()
	kind, _, err = mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil || resp.StatusCode != http.StatusOK || !slices.Contains(pictureTypes, kind) {
		return "", nil, fmt.Errorf("the picture's server answered %d, and with no picture that is passed on", resp.StatusCode)
	}
	picture, err = io.ReadAll(io.LimitReader(resp.Body, maxPictureBytes+1))
	if err != nil || len(picture) > maxPictureBytes {
		return "", nil, fmt.Errorf("the picture broke off, or is larger than %d bytes", maxPictureBytes)
	}
	return kind, picture, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

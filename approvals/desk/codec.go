package desk

import (
	"bytes"
	"errors"
	"io"
	"net/http"

	"go.temporal.io/sdk/converter"

	"github.com/privatereply/privatereply/approvals/signin"
)

// CodecPath is where the endpoint for Temporal's own tools is.
const CodecPath = "/codec"

const (
	// maxCodecBytes is enough for what Temporal sends at once: its messages have at
	// most 4 MiB, and base64 makes a third more of them.
	maxCodecBytes = 6 << 20
	// maxCodecBodies bounds what is read at the same time, before it waits for its turn.
	maxCodecBodies = 64
	// maxCodecCalls is how many calls are answered at the same time. A list in the Web UI
	// makes hundreds; this bounds the memory that they take beside their bodies.
	maxCodecCalls = 8
)

// codecHandler decrypts what the product gave to Temporal, and encrypts what people give it,
// for Temporal's Web UI and command line: Temporal's remote codec protocol. Whoever
// may see the queue may decrypt, because it shows the same texts; only who may decide
// can encrypt. Of other sites' pages only that of CodecOrigin may ask, and it may ask
// for nothing else at the desk.
func (d *Desk) codecHandler() http.Handler {
	if d.Codec == nil {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			writeTextError(w, r, httpError{http.StatusNotFound, "not_found", "this desk has no encryption keys: set PRIVATEREPLY_ENCRYPTION_KEYS to those of the worker"})
		})
	}
	protocol := limitBodies(converter.NewPayloadCodecHTTPHandler(d.Codec))
	mux := http.NewServeMux()
	mux.Handle("POST "+CodecPath+"/decode", d.requireRole(signin.Viewer, writeTextError, protocol))
	mux.Handle("POST "+CodecPath+"/encode", d.requireRole(signin.Approver, writeTextError, protocol))
	sites := http.NewCrossOriginProtection()
	if d.CodecOrigin != "" {
		if err := sites.AddTrustedOrigin(d.CodecOrigin); err != nil {
			panic(err) // config.Origin has read it
		}
	}
	return allowOrigin(d.CodecOrigin, sites.Handler(mux))
}

// allowOrigin lets the page of an origin read the answers, with the cookie of who is
// signed in. Browsers ask first; they remember the answer for an hour.
func allowOrigin(origin string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Add("Vary", "Origin")
		if origin == "" || r.Header.Get("Origin") != origin {
			next.ServeHTTP(w, r)
			return
		}
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Allow-Credentials", "true")
		if r.Method != http.MethodOptions {
			next.ServeHTTP(w, r)
			return
		}
		h.Set("Access-Control-Allow-Methods", http.MethodPost)
		h.Set("Access-Control-Allow-Headers", "Content-Type, X-Namespace")
		h.Set("Access-Control-Max-Age", "3600")
		w.WriteHeader(http.StatusNoContent)
	})
}

// limitBodies keeps h from reading more than its memory allows.
func limitBodies(h http.Handler) http.HandlerFunc {
	bodies, turns := make(chan struct{}, maxCodecBodies), make(chan struct{}, maxCodecCalls)
	return func(w http.ResponseWriter, r *http.Request) {
		select {
		case bodies <- struct{}{}:
			defer func() { <-bodies }()
		default:
			writeTextError(w, r, httpError{http.StatusServiceUnavailable, "busy", "too many payloads at once; try again"})
			return
		}
		// Read first: whoever sends slowly must not keep the others from their turns.
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxCodecBytes))
		var tooLarge *http.MaxBytesError
		switch {
		case errors.As(err, &tooLarge):
			writeTextError(w, r, httpError{http.StatusRequestEntityTooLarge, "bad_request", "the payloads have more than 6 MiB; send fewer at once"})
		case err != nil:
			writeTextError(w, r, httpError{http.StatusBadRequest, "bad_request", "the payloads did not arrive whole"})
		default:
			select {
			case turns <- struct{}{}:
				defer func() { <-turns }()
			case <-r.Context().Done():
				return
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			h.ServeHTTP(w, r)
		}
	}
}

// writeTextError tells Temporal's tools of a problem; they show the answer's text.
func writeTextError(w http.ResponseWriter, _ *http.Request, p httpError) {
	words := p.message
	if p.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="approvals"`)
	}
	if words == signin.ErrNotSignedIn.Error() {
		words += ": sign in at the desk in this browser, or give its token as --codec-auth \"Bearer desk-…\""
	}
	http.Error(w, sentence(words), p.status)
}

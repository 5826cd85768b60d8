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
	// codecBodies bounds what is read at the same time, before it waits for its turn.
	codecBodies = 64
	// codecCalls is how many calls are answered at the same time. A list in the Web UI
	// makes hundreds; this bounds the memory that they take beside their bodies.
	codecCalls = 8
)

// codec decrypts what the product gave to Temporal, and encrypts what people give it,
// for Temporal's Web UI and command line: Temporal's remote codec protocol. Whoever
// may see the queue may decrypt, because it shows the same texts; only who may decide
// can encrypt. Of other sites' pages only that of CodecOrigin may ask, and it may ask
// for nothing else at the desk.
func (d *Desk) codec() http.Handler {
	if d.Codec == nil {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			tellText(w, r, problem{http.StatusNotFound, "not_found", "this desk has no encryption keys: set PRIVATEREPLY_ENCRYPTION_KEYS to those of the worker"})
		})
	}
	protocol := bounded(converter.NewPayloadCodecHTTPHandler(d.Codec))
	mux := http.NewServeMux()
	mux.Handle("POST "+CodecPath+"/decode", d.guard(signin.Viewer, tellText, protocol))
	mux.Handle("POST "+CodecPath+"/encode", d.guard(signin.Approver, tellText, protocol))
	sites := http.NewCrossOriginProtection()
	if d.CodecOrigin != "" {
		if err := sites.AddTrustedOrigin(d.CodecOrigin); err != nil {
			panic(err) // config.Origin has read it
		}
	}
	return shared(d.CodecOrigin, sites.Handler(mux))
}

// shared lets the page of an origin read the answers, with the cookie of who is
// signed in. Browsers ask first; they remember the answer for an hour.
func shared(origin string, next http.Handler) http.Handler {
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

// bounded keeps h from reading more than its memory allows.
func bounded(h http.Handler) http.HandlerFunc {
	bodies, turns := make(chan struct{}, codecBodies), make(chan struct{}, codecCalls)
	return func(w http.ResponseWriter, r *http.Request) {
		select {
		case bodies <- struct{}{}:
			defer func() { <-bodies }()
		default:
			tellText(w, r, problem{http.StatusServiceUnavailable, "busy", "too many payloads at once; try again"})
			return
		}
		// Read first: whoever sends slowly must not keep the others from their turns.
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxCodecBytes))
		var tooLarge *http.MaxBytesError
		switch {
		case errors.As(err, &tooLarge):
			tellText(w, r, problem{http.StatusRequestEntityTooLarge, "bad_request", "the payloads have more than 6 MiB; send fewer at once"})
		case err != nil:
			tellText(w, r, problem{http.StatusBadRequest, "bad_request", "the payloads did not arrive whole"})
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

// tellText tells Temporal's tools of a problem; they show the answer's text.
func tellText(w http.ResponseWriter, _ *http.Request, p problem) {
	words := p.words
	if p.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="approvals"`)
	}
	if words == signin.ErrUnknown.Error() {
		words += ": sign in at the desk in this browser, or give its token as --codec-auth \"Bearer desk-…\""
	}
	http.Error(w, sentence(words), p.status)
}

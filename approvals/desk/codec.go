package desk

import (
	"bytes"
	"errors"
	"io"
	"net/http"

	"go.temporal.io/sdk/converter"

	"github.com/privatereply/privatereply/approvals/signin"
)

// CodecPath is the path of the endpoint for Temporal's own tools.
const CodecPath = "/codec"

const (
	// maxCodecBytes limits a body: a message of Temporal has at most 4 MiB, and base64 adds
	// a third.
	maxCodecBytes = 6 << 20
	// maxCodecBodies limits the bodies in memory.
	maxCodecBodies = 64
	// maxCodecCalls limits the calls that are processed at once. A list in the Web UI makes
	// hundreds; each takes memory beside its body.
	maxCodecCalls = 8
)

// codecHandler is Temporal's remote codec: it decrypts what the product gave to Temporal,
// and encrypts what people enter, for the Web UI and the command line. Decrypting needs the
// role viewer, who sees the same texts in the queue, and all accounts; encrypting needs the
// role approver. Of
// other sites only CodecOrigin may call it, and nothing else at the desk.
func (d *Desk) codecHandler() http.Handler {
	if d.Codec == nil {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			writeTextError(w, r, httpError{http.StatusNotFound, "not_found", "this desk has no encryption keys: set PRIVATEREPLY_ENCRYPTION_KEYS to those of the worker"})
		})
	}
	protocol := limitBodies(converter.NewPayloadCodecHTTPHandler(d.Codec))
	mux := http.NewServeMux()
	mux.Handle("POST "+CodecPath+"/decode", d.requireRole(signin.Viewer, writeTextError, requireAllAccounts(protocol)))
	mux.Handle("POST "+CodecPath+"/encode", d.requireRole(signin.Approver, writeTextError, protocol))
	sites := http.NewCrossOriginProtection()
	if d.CodecOrigin != "" {
		if err := sites.AddTrustedOrigin(d.CodecOrigin); err != nil {
			panic(err) // config.Origin has read it
		}
	}
	return allowOrigin(d.CodecOrigin, sites.Handler(mux))
}

// requireAllAccounts refuses users who see only some accounts: a payload does not say of
// which account it is.
func requireAllAccounts(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if len(signin.UserFrom(r.Context()).Accounts) > 0 {
			writeTextError(w, r, httpError{http.StatusForbidden, "accounts", "you see only some accounts, and a payload does not say of which one it is; somebody who sees all can decrypt it"})
			return
		}
		h(w, r)
	}
}

// allowOrigin adds CORS headers: the pages of an origin may read the responses, with the
// user's cookie. Browsers cache the preflight for an hour.
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

// limitBodies limits the bodies that h holds in memory and processes at once.
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
		// The body is read before a slot is taken: a slow client must not block the others.
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

// writeTextError is the errorWriter of the codec: Temporal's tools show the text of a
// response.
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

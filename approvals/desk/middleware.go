package desk

import (
	"encoding/json"
	"net/http"

	"github.com/klauspost/compress/gzhttp"
	"go.uber.org/zap"

	"github.com/privatereply/privatereply/approvals/signin"
)

// contentSecurityPolicy allows a page its own scripts and styles and nothing else: nothing
// in a comment can run or be fetched.
const contentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

func securityHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentSecurityPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		next.ServeHTTP(w, r)
	})
}

// recoverPanics logs a panic of a handler and responds with an error.
func (d *Desk) recoverPanics(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if v == http.ErrAbortHandler {
				panic(v)
			}
			d.Logger.Error("a request panicked", zap.Any("panic", v), zap.String("pattern", r.Pattern), zap.Stack("stack"))
			http.Error(w, "Something is broken here; it is in the log.", http.StatusInternalServerError)
		}()
		next.ServeHTTP(w, r)
	})
}

// compress sends pages and answers with gzip: a queue is about a tenth as large, which
// a slow phone feels. Pages hold no secret that their size could betray.
func compress(next http.Handler) http.Handler {
	compressed := gzhttp.GzipHandler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == eventsPath { // each event goes out at once
			next.ServeHTTP(w, r)
			return
		}
		compressed.ServeHTTP(w, r)
	})
}

// requireRole passes on the requests of users who have a role; tell answers the others.
func (d *Desk) requireRole(role signin.Role, writeError errorWriter, h http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, err := d.Authenticator.Authenticate(r)
		switch {
		case err != nil:
			writeError(w, r, httpError{signInStatus(err), "signed_out", err.Error()})
		case !user.May(role):
			writeError(w, r.WithContext(signin.WithUser(r.Context(), user)), httpError{http.StatusForbidden, "role",
				roleMessage(user, role)})
		default:
			w.Header().Set("Cache-Control", "no-store")
			h(w, r.WithContext(withZone(signin.WithUser(r.Context(), user), r)))
		}
	})
}

func roleMessage(user signin.User, role signin.Role) string {
	return "You are signed in as " + string(user.Role) + "; this needs the role " + string(role) + "."
}

// httpError is why a request is refused.
type httpError struct {
	status  int
	code    string // for programs
	message string
}

// errorWriter answers with an error in the form of the request: a page, JSON or text.
type errorWriter func(http.ResponseWriter, *http.Request, httpError)

func signInStatus(err error) int {
	switch err {
	case signin.ErrTooManyAttempts:
		return http.StatusTooManyRequests
	case signin.ErrNoRole:
		return http.StatusForbidden
	}
	return http.StatusUnauthorized
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	_ = enc.Encode(v) // an error means that the client has gone
}

// writeJSONError is the errorWriter of the API.
func writeJSONError(w http.ResponseWriter, _ *http.Request, p httpError) {
	if p.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="approvals"`)
	}
	writeJSON(w, p.status, struct {
		Code  string `json:"code"`
		Words string `json:"words"`
	}{p.code, sentence(p.message)})
}

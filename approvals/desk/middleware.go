package desk

import (
	"compress/gzip"
	"net/http"
	"strings"
	"sync"

	"go.uber.org/zap"
)

// contentSecurityPolicy lets a page load its own script and style and nothing else. Whatever a
// stranger wrote into a comment, nothing of it can run or be fetched.
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

// recoverPanics keeps a defect in one request from being silent: it is logged, and the
// person gets an answer.
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

// compress sends pages and answers with gzip: a queue is about a tenth as large,
// which a slow phone feels. Pages hold no secret that their size could betray.
func compress(next http.Handler) http.Handler {
	writers := sync.Pool{New: func() any { return gzip.NewWriter(nil) }}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") || r.URL.Path == eventsPath {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Add("Vary", "Accept-Encoding")
		z := &gzipWriter{ResponseWriter: w, pool: &writers}
		defer z.close()
		next.ServeHTTP(z, r)
	})
}

// gzipWriter compresses once a body comes.
type gzipWriter struct {
	http.ResponseWriter
	pool    *sync.Pool
	gz      *gzip.Writer
	decided bool
}

func (z *gzipWriter) WriteHeader(status int) {
	if !z.decided {
		z.decided = true
		hasBody := status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
		if hasBody && z.Header().Get("Content-Encoding") == "" {
			z.Header().Set("Content-Encoding", "gzip")
			z.Header().Del("Content-Length")
			z.gz = z.pool.Get().(*gzip.Writer)
			z.gz.Reset(z.ResponseWriter)
		}
	}
	z.ResponseWriter.WriteHeader(status)
}

func (z *gzipWriter) Write(b []byte) (int, error) {
	if !z.decided {
		if z.Header().Get("Content-Type") == "" {
			z.Header().Set("Content-Type", http.DetectContentType(b))
		}
		z.WriteHeader(http.StatusOK)
	}
	if z.gz == nil {
		return z.ResponseWriter.Write(b)
	}
	return z.gz.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (z *gzipWriter) Unwrap() http.ResponseWriter { return z.ResponseWriter }

func (z *gzipWriter) close() {
	if z.gz != nil {
		_ = z.gz.Close() // the browser has gone; nobody is left to tell
		z.pool.Put(z.gz)
	}
}

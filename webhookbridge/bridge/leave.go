package bridge

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/privatereply/privatereply/internal/erasure"
	"github.com/privatereply/privatereply/internal/metajson"
	"github.com/privatereply/privatereply/workflows"
)

// Where Meta's app dashboard must send the requests of people who leave: see
// docs/operations.md.
const (
	DeauthorizePath  = Path + "/deauthorize"
	DataDeletionPath = Path + "/data-deletion"
)

const (
	// maxSignedRequest bounds the body of such a request. Meta's have some hundred bytes.
	maxSignedRequest = 16 << 10
	// maxRequestAge is the age from which on a signed request counts as a replay.
	maxRequestAge = 24 * time.Hour
	// clockSkew is how far Meta's clock may be ahead of this one.
	clockSkew = time.Minute
	// signedRequestAlgorithm is the only one that Meta uses.
	signedRequestAlgorithm = "HMAC-SHA256"
)

// signedRequest is what Meta says of somebody who removed the app, or who asks for the
// deletion of their data. UserID is the app-scoped id of whoever connected an account, and
// never that of a commenter.
type signedRequest struct {
	Algorithm string          `json:"algorithm"`
	IssuedAt  metajson.Int    `json:"issued_at"` // seconds
	Expires   metajson.Int    `json:"expires"`   // seconds; 0: not given
	UserID    metajson.String `json:"user_id"`

	code string // the confirmation code
}

// requestError is why a signed request is refused, with the status of the answer.
type requestError struct {
	status int
	why    string
}

func (e requestError) Error() string { return e.why }

// parseSignedRequest verifies a signed request before it reads anything of it.
func (s secrets) parseSignedRequest(text string, now time.Time) (signedRequest, error) {
	var r signedRequest
	signature, payload, ok := strings.Cut(text, ".")
	sum, err := base64.RawURLEncoding.DecodeString(signature)
	if !ok || err != nil || len(sum) != sha256Size {
		return r, requestError{http.StatusBadRequest, "signed_request is not a signature and a payload in base64url"}
	}
	secret, ok := s.signer([]byte(payload), [sha256Size]byte(sum))
	if !ok {
		return r, requestError{http.StatusForbidden, "none of the app secrets signed it; an app with Instagram Login has an Instagram app secret of its own"}
	}
	clear, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil || json.Unmarshal(clear, &r) != nil {
		return r, requestError{http.StatusBadRequest, "its payload is not JSON in base64url"}
	}
	issued := time.Unix(int64(r.IssuedAt), 0)
	switch {
	case !strings.EqualFold(r.Algorithm, signedRequestAlgorithm):
		return r, requestError{http.StatusForbidden, "its algorithm is not " + signedRequestAlgorithm}
	case r.UserID == "":
		return r, requestError{http.StatusBadRequest, "it names no user_id"}
	case issued.After(now.Add(clockSkew)):
		return r, requestError{http.StatusForbidden, "it was issued in the future; is this machine's clock right?"}
	case now.Sub(issued) > maxRequestAge, r.Expires > 0 && now.After(time.Unix(int64(r.Expires), 0)):
		return r, requestError{http.StatusForbidden, "it has expired"}
	}
	r.code = erasure.CodeOf(secret, payload)
	return r, nil
}

// leave answers a signed request: an Erasure of what the person's connection holds. answer
// is called with its confirmation code when Temporal has it.
func (b *Bridge) leave(kind string, answer func(w http.ResponseWriter, r *http.Request, code string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		code, status := b.receiveSignedRequest(w, r, kind)
		b.metrics.countCallback(kind, status)
		switch status {
		case http.StatusOK:
			answer(w, r, code)
			return
		case http.StatusServiceUnavailable:
			w.Header().Set("Retry-After", retryAfter)
		case http.StatusRequestTimeout, http.StatusRequestEntityTooLarge:
			w.Header().Set("Connection", "close")
		}
		writeStatus(w, status)
	}
}

// receiveSignedRequest starts the erasure that a signed request asks for. A replay is the
// same erasure, and starts nothing.
func (b *Bridge) receiveSignedRequest(w http.ResponseWriter, r *http.Request, kind string) (code string, status int) {
	request, err := b.readSignedRequest(w, r)
	if err != nil {
		status := bodyErrorStatus(err)
		var refused requestError
		if errors.As(err, &refused) {
			status = refused.status
		}
		b.sampler.warn(b.cfg.Logger, kind, "Refused a signed request", zap.String("kind", kind), zap.Error(err))
		return "", status
	}
	// It goes on when Meta closes the connection: what is durable need not come again.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), b.timeouts.answer)
	defer cancel()
	err = erasure.Request(ctx, b.cfg.Client, request.code, b.cfg.Settings.TaskQueue, workflows.ErasureInput{
		Scope: workflows.EraseConnection, PersonKey: b.keys.Of(string(request.UserID)), RequestedAt: time.Unix(int64(request.IssuedAt), 0).UTC(),
	})
	if err != nil {
		class := classifyFailure(err)
		b.sampler.warn(b.cfg.Logger, kind+class, "Meta must ask again: Temporal did not take an erasure", zap.String("class", class), zap.Error(err))
		return "", http.StatusServiceUnavailable
	}
	b.cfg.Logger.Info("Took a signed request", zap.String("kind", kind), zap.String("workflow", "erasure:"+request.code))
	return request.code, http.StatusOK
}

func (b *Bridge) readSignedRequest(w http.ResponseWriter, r *http.Request) (signedRequest, error) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/x-www-form-urlencoded" {
		return signedRequest{}, requestError{http.StatusUnsupportedMediaType, "it is not a form"}
	}
	if r.ContentLength > maxSignedRequest {
		return signedRequest{}, &http.MaxBytesError{Limit: maxSignedRequest}
	}
	// The server sets the next deadline itself. Only recorders in tests have none.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(b.timeouts.body))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxSignedRequest))
	if err != nil {
		return signedRequest{}, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil || len(form["signed_request"]) != 1 {
		return signedRequest{}, requestError{http.StatusBadRequest, "the form has not one field signed_request"}
	}
	return b.secrets.parseSignedRequest(form.Get("signed_request"), b.cfg.Now())
}

// answerDeauthorize answers when the erasure is recorded.
func (b *Bridge) answerDeauthorize(w http.ResponseWriter, _ *http.Request, _ string) {
	writeStatus(w, http.StatusOK)
}

// answerDataDeletion says where the person can see how far the deletion is.
func (b *Bridge) answerDataDeletion(w http.ResponseWriter, r *http.Request, code string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_ = json.NewEncoder(w).Encode(map[string]string{
		"url": b.publicURL(r) + DeletionStatusPath + "/" + code, "confirmation_code": code,
	})
}

// publicURL is the bridge's address as Meta reaches it: the setting, else the host that
// Meta's request names. Only on loopback is it not https.
func (b *Bridge) publicURL(r *http.Request) string {
	if u := b.cfg.Settings.WebhookURL; u != "" {
		return string(u)
	}
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	scheme := "https"
	if addr, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil && addr.IsLoopback() || host == "localhost" {
		scheme = "http"
	}
	return fmt.Sprintf("%s://%s", scheme, r.Host)
}

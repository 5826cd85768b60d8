package meta

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/privatereply/privatereply"
)

// SignedCallback says how a signed_request is sent to the app. Account is required.
type SignedCallback struct {
	Account string                `json:"account"` // an account of the person whom it names
	Times   int                   `json:"times"`   // how often the same one is sent; 0 is 1
	Age     privatereply.Duration `json:"age"`     // how long ago it was issued; it then says that it was good for an hour
	Forged  bool                  `json:"forged"`  // signed with a secret that is not the app's; nothing changes at Meta
}

// signedLife is how long a signed_request with an age was good.
const signedLife = time.Hour

// CallbackAnswer is what the app answered to a signed_request, the last time.
type CallbackAnswer struct {
	Status           int    `json:"status"`
	User             string `json:"user"`              // the app-scoped id in the request
	URL              string `json:"url"`               // of a deletion
	ConfirmationCode string `json:"confirmation_code"` // of a deletion
}

// Deauthorize plays a person who removes the app in their settings: every token of
// theirs dies, and the app is told so.
func (s *Sandbox) Deauthorize(ctx context.Context, n SignedCallback) (CallbackAnswer, error) {
	return s.sendSigned(ctx, "deauthorize", n, func(u *appUser) {
		s.removeApp(u)
		s.logEvent("account", n.Account, u.id, "%s removed the app", u.name)
	})
}

// RequestDeletion plays a person who asks for the deletion of their data after they have
// removed the app.
func (s *Sandbox) RequestDeletion(ctx context.Context, n SignedCallback) (CallbackAnswer, error) {
	return s.sendSigned(ctx, "data-deletion", n, func(u *appUser) {
		s.logEvent("account", n.Account, u.id, "%s asked for the deletion of their data", u.name)
	})
}

// sendSigned posts a signed_request to a path below the callback. Meta documents no
// retries, so there are none.
func (s *Sandbox) sendSigned(ctx context.Context, path string, n SignedCallback, change func(*appUser)) (CallbackAnswer, error) {
	to, user, secret, err := s.prepareSigned(n, change)
	if err != nil {
		return CallbackAnswer{}, err
	}
	payload := object{"algorithm": "HMAC-SHA256", "issued_at": s.now().Unix(), "user_id": user}
	if age := time.Duration(n.Age); age > 0 {
		issued := s.now().Add(-age)
		payload["issued_at"], payload["expires"] = issued.Unix(), issued.Add(signedLife).Unix()
	}
	if n.Forged {
		secret = "not " + secret
	}
	signed := SignRequest(secret, encodeJSON(payload))
	answer := CallbackAnswer{User: user}
	for range max(1, n.Times) {
		if err := s.postSigned(ctx, strings.TrimSuffix(to, "/")+"/"+path, signed, &answer); err != nil {
			return answer, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logEvent("webhook", n.Account, user, "The app answered %d to %s", answer.Status, path)
	return answer, nil
}

// prepareSigned finds whom a signed_request names, where it goes and what signs it.
func (s *Sandbox) prepareSigned(n SignedCallback, change func(*appUser)) (to, user, secret string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.account(n.Account)
	if err != nil {
		return "", "", "", err
	}
	u := a.owner.user
	if u == nil {
		return "", "", "", fmt.Errorf("account: nobody has logged in for %s; answer a login dialog for it first", a.Name)
	}
	if to = s.outbox.callback(); to == "" {
		return "", "", "", fmt.Errorf("callback: none is set; PUT /sandbox/callback sets one")
	}
	secret = a.AppSecret
	switch {
	case a.ownLogin() && s.cfg.App.InstagramSecret != "":
		secret = s.cfg.App.InstagramSecret
	case a.ownLogin():
		secret = a.webhookSecret()
	case s.cfg.App.FacebookSecret != "":
		secret = s.cfg.App.FacebookSecret
	}
	if !n.Forged {
		change(u)
	}
	return to, u.id, secret, nil
}

func (s *Sandbox) postSigned(ctx context.Context, to, signed string, answer *CallbackAnswer) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, strings.NewReader(url.Values{"signed_request": {signed}}.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("User-Agent", "facebookexternalua")
	resp, err := s.outbox.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return err
	}
	var deletion struct {
		URL  string `json:"url"`
		Code string `json:"confirmation_code"`
	}
	_ = json.Unmarshal(body, &deletion) // to deauthorize the app may answer anything
	answer.Status, answer.URL, answer.ConfirmationCode = resp.StatusCode, deletion.URL, deletion.Code
	return nil
}

// SignRequest returns a signed_request with the payload.
func SignRequest(secret string, payload []byte) string {
	encoded := base64.RawURLEncoding.EncodeToString(payload)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(encoded))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)) + "." + encoded
}

package meta

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// SetCallback does what saving the callback in Meta's dashboard does: it verifies
// the address, and webhooks go there if that works.
func (s *Sandbox) SetCallback(ctx context.Context, callback, verifyToken string) error {
	if err := s.verify(ctx, callback, verifyToken); err != nil {
		return fmt.Errorf("verify callback: %w", err)
	}
	s.outbox.setCallback(callback)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cfg.VerifyToken = verifyToken
	s.note("webhook", "", "", "Callback verified: %s", callback)
	return nil
}

// VerifyCallback sends Meta's verification request to the callback as it is set.
func (s *Sandbox) VerifyCallback(ctx context.Context) error {
	s.mu.Lock()
	token := s.cfg.VerifyToken
	s.mu.Unlock()
	return s.verify(ctx, s.outbox.callback(), token)
}

func (s *Sandbox) verify(ctx context.Context, callback, token string) error {
	to, err := url.Parse(callback)
	if err != nil {
		return err
	}
	challenge := strings.ToLower(rand.Text())
	query := to.Query()
	query.Set("hub.mode", "subscribe")
	query.Set("hub.verify_token", token)
	query.Set("hub.challenge", challenge)
	to.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, to.String(), nil)
	if err != nil {
		return err
	}
	resp, err := s.outbox.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK || string(answer) != challenge {
		return fmt.Errorf("the callback answered %d, without the challenge", resp.StatusCode)
	}
	return nil
}

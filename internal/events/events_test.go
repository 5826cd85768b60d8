package events

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/workflows"
)

var event = workflows.Event{
	ID: "0198c0de-0000-7000-8000-000000000001/2", Type: "reply.sent", Subject: "reply:instagram:17841400000000001:18000000000000001",
	At: time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC),
	Data: workflows.EventData{
		Reply: "reply:instagram:17841400000000001:18000000000000001", Number: 2, State: privatereply.Sent,
		Platform: privatereply.Instagram, Account: "17841400000000001", Approver: "ana",
	},
}

// secret is that of Standard Webhooks' own test vector.
const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// The signature is the one that Standard Webhooks gives as an example, so that any receiver
// can verify it.
func TestSignature(t *testing.T) {
	key, err := ParseSecret(secret)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := webhooks.NewWebhookRaw(key)
	if err != nil {
		t.Fatal(err)
	}
	got, err := signer.Sign("msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; err != nil || got != want {
		t.Errorf("got %s, %v; want %s", got, err, want)
	}
}

// A secret that would be no secret is refused.
func TestParseSecret(t *testing.T) {
	for _, wrong := range []string{"", "whsec_", "password", base64.StdEncoding.EncodeToString(make([]byte, 23)), base64.StdEncoding.EncodeToString(make([]byte, 65)), "whsec_!!!"} {
		if _, err := ParseSecret(wrong); err == nil {
			t.Errorf("%q is accepted", wrong)
		}
	}
}

// An event arrives as a CloudEvent with a signature that its receiver can verify, and it
// is the same for each repeat.
func TestSend(t *testing.T) {
	verifier, err := webhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	var bodies []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies = append(bodies, string(body))
		if err := verifier.Verify(body, r.Header); err != nil {
			t.Error(err)
		}
		var e map[string]any
		if err := json.Unmarshal(body, &e); err != nil {
			t.Error(err)
		}
		for field, want := range map[string]string{
			"specversion": "1.0", "id": event.ID, "type": "reply.sent", "source": "/privatereply/instagram/17841400000000001",
			"subject": event.Subject, "time": "2026-03-02T12:00:00Z", "datacontenttype": "application/json",
		} {
			if e[field] != want {
				t.Errorf("%s is %v, want %s", field, e[field], want)
			}
		}
		if r.Method != http.MethodPost || r.Header.Get("Content-Type") != ContentType || r.Header.Get("webhook-id") != event.ID {
			t.Errorf("%s with %v", r.Method, r.Header)
		}
		w.WriteHeader(http.StatusAccepted)
	}))
	defer srv.Close()
	s, err := NewSender(srv.URL, secret)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Send(t.Context(), event); err != nil {
			t.Fatal(err)
		}
	}
	if bodies[0] != bodies[1] {
		t.Errorf("%s\nis repeated as\n%s", bodies[0], bodies[1])
	}
}

// What a receiver answers says what to do; no error shows the address.
func TestAnswers(t *testing.T) {
	tests := []struct {
		name   string
		status int
		header string
		gone   bool
		after  time.Duration
	}{
		{"redirects are not followed", http.StatusTemporaryRedirect, "", false, 0},
		{"gone", http.StatusGone, "", true, 0},
		{"busy", http.StatusTooManyRequests, "30", false, 30 * time.Second},
		{"busy for too long", http.StatusServiceUnavailable, "99999999", false, maxRetryAfter},
		{"busy until", http.StatusServiceUnavailable, time.Now().Add(time.Minute).UTC().Format(http.TimeFormat), false, time.Minute},
		{"wrong", http.StatusBadRequest, "-5", false, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			elsewhere := 0
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/elsewhere" {
					elsewhere++
				}
				w.Header().Set("Location", "/elsewhere")
				w.Header().Set("Retry-After", tt.header)
				w.WriteHeader(tt.status)
			}))
			s, err := NewSender(srv.URL+"/hidden", secret)
			if err != nil {
				t.Fatal(err)
			}
			err = s.Send(t.Context(), event)
			var busy *RetryError
			if errors.As(err, &busy) == tt.gone || errors.Is(err, ErrGone) != tt.gone || elsewhere > 0 {
				t.Fatalf("%v, %d elsewhere", err, elsewhere)
			}
			if busy != nil && (busy.After > tt.after || busy.After < tt.after-2*time.Second) {
				t.Errorf("again after %v, want %v", busy.After, tt.after)
			}
			srv.Close()
			if err := s.Send(t.Context(), event); err == nil || strings.Contains(err.Error(), "hidden") {
				t.Errorf("away: %v", err)
			}
		})
	}
}

package bridge

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/sdk/client"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/internal/personkey"
	"github.com/privatereply/privatereply/internal/routing"
	"github.com/privatereply/privatereply/rules"
)

const (
	instagramID = "17841400000000001"
	humanID     = "17841400000000002" // has human agents
	pageID      = "100000000000001"
	verifyToken = "verify-me"
	appSecret   = "test-app-secret"
	otherSecret = "instagram-app-secret"
)

// now is the time of these tests: a worker of theirs waits for real deadlines.
var now = time.Now().UTC().Truncate(time.Second)

type accountList []privatereply.Account

func (all accountList) Find(p privatereply.Platform, id string) (privatereply.Account, bool) {
	for _, a := range all {
		if a.Platform == p && a.ID == id {
			return a, true
		}
	}
	return privatereply.Account{}, false
}

func (all accountList) LinkedToPage(page string) []privatereply.Account {
	var behind []privatereply.Account
	for _, a := range all {
		if a.Platform == privatereply.Instagram && a.PageID == page {
			behind = append(behind, a)
		}
	}
	return behind
}

func (accountList) Err() error { return nil }

var testAccounts = accountList{
	{Platform: privatereply.Instagram, ID: instagramID, Name: "Clean Slate", PageID: pageID, Login: privatereply.LoginFacebook},
	{Platform: privatereply.Instagram, ID: humanID, Name: "Human", Login: privatereply.LoginInstagram, HumanAgent: true, RepliedOnly: true},
	{Platform: privatereply.Facebook, ID: pageID, Name: "Clean Slate", Login: privatereply.LoginFacebook},
}

const testRules = `
default: ask
rules:
  - name: price
    when: says(text, "price") && account == "Clean Slate"
    reply: "Hi {{username|there}}, see https://example.com/prices"
    hold: 2m
  - name: emoji-only
    when: letters(text) == 0 && text != ""
    ignore: true
`

type rulesFile struct{ set *rules.Set }

func (r rulesFile) Current() *rules.Set { return r.set }
func (rulesFile) Err() error            { return nil }

// testBridge is a bridge, what it counts and what it logs.
type testBridge struct {
	*Bridge
	t        testing.TB
	registry *prometheus.Registry
	logs     *observer.ObservedLogs
}

func newTestBridge(t testing.TB, c client.Client) *testBridge {
	t.Helper()
	set, err := rules.Parse("rules.yaml", []byte(testRules))
	if err != nil {
		t.Fatal(err)
	}
	core, logs := observer.New(zap.DebugLevel)
	registry := prometheus.NewRegistry()
	b, err := New(Config{
		Settings: config.Bridge{
			Common:      config.Common{TaskQueue: "private-replies"},
			VerifyToken: verifyToken,
			AppSecrets:  []string{appSecret, otherSecret},
		},
		Accounts: testAccounts, Rules: rulesFile{set}, Client: c, Namespace: "default",
		Logger: zap.New(core), Registry: registry, Now: func() time.Time { return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	// One call for each event, so that a test sees what it comes to; groups have
	// tests of their own.
	b.committer = directCommitter{routing.New(c, "private-replies", personkey.Keys{}, b.cfg.Now)}
	return &testBridge{Bridge: b, t: t, registry: registry, logs: logs}
}

// sign is the value of X-Hub-Signature-256 for body.
func sign(body []byte, secret string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

func signed(t testing.TB, body []byte) *http.Request {
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, Path, bytes.NewReader(body))
	r.Header.Set("X-Hub-Signature-256", sign(body, appSecret))
	return r
}

func (h *testBridge) do(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.Handler().ServeHTTP(w, r)
	return w
}

// post delivers a signed body and returns the status.
func (h *testBridge) post(body string) int {
	h.t.Helper()
	return h.do(signed(h.t, []byte(body))).Code
}

// wantCounted compares a metric, written as "name{label=value,…}" without the prefix.
func (h *testBridge) wantCounted(want map[string]float64) {
	h.t.Helper()
	got := h.counted()
	for name, n := range want {
		if got[name] != n {
			h.t.Errorf("%s = %v, want %v", name, got[name], n)
		}
	}
}

// counted is every metric that is not zero. It also checks the promise that every
// event is counted exactly once.
func (h *testBridge) counted() map[string]float64 {
	h.t.Helper()
	families, err := h.registry.Gather()
	if err != nil {
		h.t.Fatal(err)
	}
	all := map[string]float64{}
	var events float64
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				if l.GetValue() != "" {
					labels = append(labels, l.GetName()+"="+l.GetValue())
				}
			}
			name := strings.TrimPrefix(f.GetName(), "privatereply_bridge_")
			n := m.GetCounter().GetValue()
			if m.GetHistogram() != nil {
				n = float64(m.GetHistogram().GetSampleCount())
			}
			if name == "events_total" {
				events += n
			}
			if n != 0 {
				all[fmt.Sprintf("%s{%s}", name, strings.Join(labels, ","))] = n
			}
		}
	}
	if all["events_received_total{}"] != events {
		h.t.Errorf("received %v events, but counted the effects of %v", all["events_received_total{}"], events)
	}
	return all
}

// logged is everything that was logged, as one text.
func (h *testBridge) logged() string {
	var b strings.Builder
	for _, e := range h.logs.All() {
		fmt.Fprintln(&b, e.Level, e.Message, e.ContextMap())
	}
	return b.String()
}

func delivery(object string, entries ...string) string {
	return `{"object":"` + object + `","entry":[` + strings.Join(entries, ",") + `]}`
}

func entryOf(account string, changes ...string) string {
	return fmt.Sprintf(`{"id":%q,"time":%d,"changes":[%s]}`, account, now.Unix()-5, strings.Join(changes, ","))
}

func commentChange(id, text string) string {
	return fmt.Sprintf(`{"field":"comments","value":{"id":%q,"text":%q,"from":{"id":"6000000000000001","username":"someone"},`+
		`"media":{"id":"17800000000000001","media_product_type":"FEED"}}}`, id, text)
}

func feedChange(item, verb, comment, post string) string {
	return fmt.Sprintf(`{"field":"feed","value":{"item":%q,"verb":%q,"comment_id":%q,"post_id":%q,`+
		`"from":{"id":"7000000000000001","name":"Some One"},"message":"price?"}}`, item, verb, comment, post)
}

func messaging(account string, items ...string) string {
	return fmt.Sprintf(`{"id":%q,"time":%d,"messaging":[%s]}`, account, now.UnixMilli(), strings.Join(items, ","))
}

func messageItem(person, mid string, at time.Time) string {
	return fmt.Sprintf(`{"sender":{"id":%q},"timestamp":%d,"message":{"mid":%q,"text":"thank you"}}`, person, at.UnixMilli(), mid)
}

package decode_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/webhookbridge/decode"
)

// Whatever arrives, nothing panics and no event leaves that could not be made
// durable: each has a usable id, a time that can be written, and a bounded size.
func FuzzDelivery(f *testing.F) {
	seeds, err := filepath.Glob("testdata/*.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range seeds {
		if strings.HasSuffix(path, ".events.json") {
			continue
		}
		seed, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		events, err := decode.Delivery(body, receivedAt, known)
		if (err == nil) == (len(events) == 0) {
			t.Fatalf("%d events, error %v; want one or the other", len(events), err)
		}
		if err != nil && !errors.Is(err, decode.ErrUnreadable) {
			t.Errorf("error %v is not ErrUnreadable", err)
		}
		for _, ev := range events {
			checkEvent(t, ev)
		}
	})
}

// One entry, whatever it holds, never costs its neighbour.
func FuzzNeighbour(f *testing.F) {
	for _, seed := range []string{`{}`, `[`, `null`, `{"id":"17841400000000001","changes":[{"field":"comments","value":{"id":1}}]}`,
		`{"id":{"id":"x"},"time":"x","changes":{"value":[]},"messaging":[[]],"field":[]}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, entry []byte) {
		if !json.Valid(entry) {
			return
		}
		body := `{"object":"instagram","entry":[` + string(entry) +
			`,{"id":"17841400000000001","changes":[{"field":"comments","value":{"id":"18000000000000001"}}]}]}`
		events, err := decode.Delivery([]byte(body), receivedAt, known)
		if err != nil {
			t.Fatal(err)
		}
		last := events[len(events)-1]
		if len(events) < 2 || last.Comment == nil || last.Comment.CommentID != "18000000000000001" {
			t.Errorf("the neighbour was lost: %+v", events)
		}
	})
}

func checkEvent(t *testing.T, ev privatereply.Event) {
	t.Helper()
	set := 0
	for _, c := range []*privatereply.Comment{ev.Comment, ev.Edited} {
		if c == nil {
			continue
		}
		set++
		if _, err := privatereply.ReplyID(*c); err != nil {
			t.Errorf("comment: %v", err)
		}
		if err := c.Validate(); err != nil {
			t.Errorf("comment: %v", err)
		}
		checkTime(t, "entry_at", c.EntryAt)
		checkTime(t, "created_at", c.CreatedAt)
		checkTime(t, "edited_at", c.EditedAt)
		if isEdit := ev.Edited != nil; isEdit == c.EditedAt.IsZero() || isEdit && c.CreatedAt.After(c.EditedAt) || c.EditedAt.After(receivedAt.Add(2*time.Minute)) {
			t.Errorf("edited %v, created %v", c.EditedAt, c.CreatedAt)
		}
		if !known.has(c.Platform, c.Account) {
			t.Errorf("comment to %s %q", c.Platform, c.Account)
		}
		if address := c.Attachment.URL; address != "" && (c.Attachment.Kind == "" || !strings.HasPrefix(strings.ToLower(address), "https://")) {
			t.Errorf("attachment %+v", c.Attachment)
		}
		checkLength(t, "attachment.url", c.Attachment.URL, 2000)
		checkLength(t, "text", c.Text, 64<<10)
		for _, name := range []string{c.Username, c.AdTitle} {
			checkLength(t, "name", name, 1000)
		}
		for _, id := range []string{c.CommentID, c.PostID, c.ParentID, c.MediaID, c.OriginalMediaID, c.AdID, c.PersonID} {
			checkLength(t, "id", id, 255)
		}
	}
	if m := ev.Message; m != nil {
		set++
		if _, err := privatereply.ConversationID(m.Platform, m.Account, m.PersonID); err != nil && (m.PersonID != "" || m.MessageID == "") {
			t.Errorf("message: %v", err)
		}
		if !known.has(m.Platform, m.Account) {
			t.Errorf("message to %s %q", m.Platform, m.Account)
		}
		checkLength(t, "mid", m.MessageID, 1000)
		if m.At.IsZero() || m.At.After(receivedAt.Add(2*time.Minute)) {
			t.Errorf("message at %v, received at %v", m.At, receivedAt)
		}
		checkTime(t, "at", m.At)
	}
	if r := ev.Removal; r != nil {
		set++
		if r.CommentID == "" && r.MediaID == "" {
			t.Errorf("removal of nothing: %+v", r)
		}
	}
	if i := ev.Ignored; i != nil {
		set++
		if !slices.Contains(decode.IgnoreReasons, i.Why) {
			t.Errorf("why %q is not on the list", i.Why)
		}
		checkLength(t, "account", i.Account, 255)
		checkLength(t, "id", i.ID, 1000)
	}
	if set != 1 {
		t.Errorf("event has %d kinds: %+v", set, ev)
	}
	if b, err := json.Marshal(ev); err != nil || len(b) > 512<<10 {
		t.Errorf("payload: %d bytes, %v", len(b), err)
	}
}

// checkLength holds what is kept of a webhook to a limit in bytes.
func checkLength(t *testing.T, name, kept string, limit int) {
	t.Helper()
	if len(kept) > limit {
		t.Errorf("%s has %d bytes, more than %d", name, len(kept), limit)
	}
}

func checkTime(t *testing.T, name string, at time.Time) {
	t.Helper()
	if !at.IsZero() && (at.Year() < 2004 || at.Year() > 2100 || at.Location() != time.UTC) {
		t.Errorf("%s = %v", name, at)
	}
}

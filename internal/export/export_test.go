package export

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/workflows"
)

// pages is a source of one row on each page.
type pages struct {
	rows     []replies.Row
	statuses map[string]workflows.PrivateReplyStatus
	asked    []string
	breaksAt int // 0: never
}

func (p *pages) Page(_ context.Context, f replies.Filter, _ int, token []byte) ([]replies.Row, []byte, error) {
	n := len(token)
	switch {
	case p.breaksAt > 0 && n == p.breaksAt:
		return nil, nil, errors.New("no answer")
	case f.Account == "none" || n >= len(p.rows):
		return nil, nil, nil
	}
	return p.rows[n : n+1], make([]byte, n+1), nil
}

func (p *pages) Status(_ context.Context, id string) (workflows.PrivateReplyStatus, error) {
	p.asked = append(p.asked, id)
	s, ok := p.statuses[id]
	if !ok {
		return s, errors.New("no worker")
	}
	return s, nil
}

// Every reply is a line that a spreadsheet reads as text, whatever strangers wrote; what a
// list has cut is whole.
func TestWrite(t *testing.T) {
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	cut := "the beginning" + privatereply.CutMark
	source := &pages{
		rows: []replies.Row{
			{
				ID: "reply:instagram:1:2", Platform: privatereply.Instagram, Account: "1", Person: "=cmd|'/c calc'!A1", Source: privatereply.SourcePost, Media: "9",
				State: privatereply.Sent, Rule: "price", Comment: "+1 \"quoted\",\nsecond line", Text: "@lena 12 €", ProposedBy: "ana", Approver: "ben", Edited: true,
				StartedAt: at, DecidedAt: at.Add(time.Minute), Deadline: at.Add(time.Hour),
				Message: workflows.MessageMemo{Buttons: "=List\nShop", Public: true}, Effects: []string{workflows.EffectTapped, workflows.EffectPublicReply},
			},
			{ID: "reply:instagram:1:3", State: privatereply.Undeliverable, Comment: cut, Text: "\tx", StartedAt: at, EndedAt: at},
			{ID: "reply:instagram:1:4", State: privatereply.Rejected, Comment: cut, Text: replies.Encrypted, Approver: "-ben", StartedAt: at, EndedAt: at},
		},
		statuses: map[string]workflows.PrivateReplyStatus{"reply:instagram:1:3": {
			State: privatereply.Undeliverable, Reason: privatereply.PersonUnavailable, Comment: privatereply.Comment{Text: "the beginning and the end"}, Text: "\tx",
		}},
	}
	var out bytes.Buffer
	if err := Write(t.Context(), &out, source, replies.Filter{Account: "none"}, replies.Filter{}); err != nil {
		t.Fatal(err)
	}
	got, err := csv.NewReader(&out).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{
		columns,
		{"reply:instagram:1:2", "instagram", "1", "'=cmd|'/c calc'!A1", "post", "9", "sent", "", "price", "'+1 \"quoted\",\nsecond line", "'@lena 12 €", "ana", "ben", "yes", "2026-11-22T10:00:00Z", "2026-11-22T10:01:00Z", "2026-11-22T11:00:00Z", "", "'=List | Shop", "", "posted", "yes", ""},
		{"reply:instagram:1:3", "", "", "", "", "", "undeliverable", "person_unavailable", "", "the beginning and the end", "'\tx", "", "", "", "2026-11-22T10:00:00Z", "", "", "2026-11-22T10:00:00Z", "", "", "", "", ""},
		{"reply:instagram:1:4", "", "", "", "", "", "rejected", "", "", cut, "(encrypted)", "", "'-ben", "", "2026-11-22T10:00:00Z", "", "", "2026-11-22T10:00:00Z", "", "", "", "", ""},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(source.asked) != 2 {
		t.Errorf("asked for the status of %q", source.asked)
	}

	out.Reset()
	if err := WriteJSON(t.Context(), &out, source, replies.Filter{}); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	var first Record
	if err := json.Unmarshal([]byte(lines[0]), &first); err != nil || len(lines) != 3 || first.Person != source.rows[0].Person || first.Edited == nil || !*first.Edited {
		t.Errorf("%v in %d lines: %s", err, len(lines), out.String())
	}

	source.breaksAt = 1
	out.Reset()
	if err := Write(t.Context(), &out, source, replies.Filter{}); err == nil || !strings.Contains(out.String(), "reply:instagram:1:2") {
		t.Errorf("after an error (%v) there is %q", err, out.String())
	}
}

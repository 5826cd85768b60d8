// Package export writes replies for other programs: as CSV for a spreadsheet, or as lines
// of JSON. It reads page by page, so that the size of what is exported does not matter.
package export

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/workflows"
)

// Source has the replies: a replies.Client.
type Source interface {
	Page(ctx context.Context, f replies.Filter, size int, token []byte) ([]replies.Row, []byte, error)
	Status(ctx context.Context, id string) (workflows.PrivateReplyStatus, error)
}

const (
	// pageRows is the number of replies that are read, and written, at once.
	pageRows = 500
	// parallelReads is the number of statuses that are read at once.
	parallelReads = 8
)

// Record is a reply as it is exported. Times are in UTC; what is not known is empty.
type Record struct {
	ID         string                `json:"id"`
	Platform   privatereply.Platform `json:"platform"`
	Account    string                `json:"account"`
	Person     string                `json:"person,omitempty"`
	Source     privatereply.Source   `json:"source,omitempty"`
	Media      string                `json:"media,omitempty"`
	State      privatereply.State    `json:"state"`
	Reason     privatereply.Reason   `json:"reason,omitempty"` // of those that failed
	Rule       string                `json:"rule,omitempty"`
	Comment    string                `json:"comment,omitempty"`
	Text       string                `json:"text,omitempty"` // sent, or proposed
	ProposedBy string                `json:"proposed_by,omitempty"`
	Approver   string                `json:"approver,omitempty"`
	Edited     *bool                 `json:"edited,omitempty"` // the approver changed the proposed text
	Started    time.Time             `json:"started"`
	Decided    time.Time             `json:"decided,omitzero"` // by the approver
	Deadline   time.Time             `json:"deadline,omitzero"`
	Ended      time.Time             `json:"ended,omitzero"`
	// The titles of what can be tapped, and what has happened beside the reply.
	Buttons      []string `json:"buttons,omitempty"`
	QuickReplies []string `json:"quick_replies,omitempty"`
	PublicReply  string   `json:"public_reply,omitempty"` // posted, unknown, or planned
	Tapped       bool     `json:"tapped,omitempty"`
	Hidden       bool     `json:"hidden,omitempty"`
}

// columns are the columns of the CSV, in the order of Record.cells.
var columns = []string{
	"id", "platform", "account", "person", "source", "media", "state", "reason", "rule", "comment", "text",
	"proposed_by", "approver", "edited", "started", "decided", "deadline", "ended",
	"buttons", "quick_replies", "public_reply", "tapped", "hidden",
}

func (r Record) cells() []string {
	edited := ""
	if r.Edited != nil {
		edited = map[bool]string{true: "yes", false: "no"}[*r.Edited]
	}
	cells := []string{
		r.ID, string(r.Platform), r.Account, r.Person, string(r.Source), r.Media, string(r.State), string(r.Reason), r.Rule, r.Comment, r.Text,
		r.ProposedBy, r.Approver, edited, cellTime(r.Started), cellTime(r.Decided), cellTime(r.Deadline), cellTime(r.Ended),
		strings.Join(r.Buttons, " | "), strings.Join(r.QuickReplies, " | "), r.PublicReply, cellYes(r.Tapped), cellYes(r.Hidden),
	}
	for i, cell := range cells {
		cells[i] = Defuse(cell)
	}
	return cells
}

func cellYes(yes bool) string {
	if yes {
		return "yes"
	}
	return ""
}

func cellTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// Defuse keeps a spreadsheet from taking a cell for a formula: what strangers wrote would
// run on the machine of whoever opens the file.
func Defuse(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r\n", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}

// Write writes the replies that match one of the filters as CSV (RFC 4180), with the names
// of the columns in the first line. After an error w has the pages before it.
func Write(ctx context.Context, w io.Writer, source Source, filters ...replies.Filter) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	if err := out.Write(columns); err != nil {
		return err
	}
	return each(ctx, source, filters, func(page []Record) error {
		for _, r := range page {
			if err := out.Write(r.cells()); err != nil {
				return err
			}
		}
		out.Flush()
		return out.Error()
	})
}

// WriteJSON writes the replies that match one of the filters, each as one line of JSON.
func WriteJSON(ctx context.Context, w io.Writer, source Source, filters ...replies.Filter) error {
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	return each(ctx, source, filters, func(page []Record) error {
		for _, r := range page {
			if err := out.Encode(r); err != nil {
				return err
			}
		}
		return nil
	})
}

// each calls write with the records of each page; at least once.
func each(ctx context.Context, source Source, filters []replies.Filter, write func([]Record) error) error {
	for _, f := range filters {
		for token := []byte(nil); ; {
			rows, next, err := source.Page(ctx, f, pageRows, token)
			if err != nil {
				return err
			}
			if err := write(records(ctx, source, rows)); err != nil {
				return err
			}
			if token = next; len(token) == 0 {
				break
			}
		}
	}
	return ctx.Err()
}

// records are the records of rows. What a list has cut, and why a reply failed, comes from its
// status: of few replies. If that cannot be read, the record has what the list has.
func records(ctx context.Context, source Source, rows []replies.Row) []Record {
	all := make([]Record, len(rows))
	var reads errgroup.Group
	reads.SetLimit(parallelReads)
	for i, row := range rows {
		all[i] = recordOf(row)
		if !needsStatus(row) {
			continue
		}
		reads.Go(func() error {
			if s, err := source.Status(ctx, row.ID); err == nil && s.State == row.State {
				all[i].Reason, all[i].Comment, all[i].Text = s.Reason, s.Comment.Text, s.Text
				all[i].Buttons, all[i].QuickReplies = titlesOf(s)
			}
			return nil
		})
	}
	_ = reads.Wait()
	return all
}

func recordOf(row replies.Row) Record {
	r := Record{
		ID: row.ID, Platform: row.Platform, Account: row.Account, Person: row.Person, Source: row.Source, Media: row.Media,
		State: row.State, Rule: row.Rule, Comment: row.Comment, Text: row.Text, ProposedBy: row.ProposedBy, Approver: row.Approver,
		Started: row.StartedAt.UTC(), Decided: row.DecidedAt.UTC(), Deadline: row.Deadline.UTC(), Ended: row.EndedAt.UTC(),
	}
	r.Buttons, r.QuickReplies = lines(row.Message.Buttons), lines(row.Message.QuickReplies)
	r.Tapped, r.Hidden = slices.Contains(row.Effects, workflows.EffectTapped), slices.Contains(row.Effects, workflows.EffectHidden)
	switch {
	case slices.Contains(row.Effects, workflows.EffectPublicReply):
		r.PublicReply = "posted"
	case slices.Contains(row.Effects, workflows.EffectPublicUnknown):
		r.PublicReply = "unknown"
	case row.Message.Public:
		r.PublicReply = "planned"
	}
	if row.Approver != "" && row.State != privatereply.Rejected {
		r.Edited = &row.Edited
	}
	return r
}

func lines(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// titlesOf are the titles of what can be tapped in a reply.
func titlesOf(s workflows.PrivateReplyStatus) (buttons, quickReplies []string) {
	for _, b := range s.Buttons {
		buttons = append(buttons, b.Title)
	}
	for _, q := range s.QuickReplies {
		quickReplies = append(quickReplies, q.Title)
	}
	return buttons, quickReplies
}

func needsStatus(row replies.Row) bool {
	failed := row.State == privatereply.Undeliverable || row.State == privatereply.Expired
	cut := func(text string) bool { return replies.IsCut(text) && text != replies.Encrypted }
	return failed && !row.EndedAt.IsZero() || cut(row.Comment) || cut(row.Text) || cut(row.Message.Buttons) || cut(row.Message.QuickReplies)
}

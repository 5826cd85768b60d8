// Package export writes replies for other programs: as CSV for a spreadsheet, or as lines
// of JSON. It reads page by page, so that the size of what is exported does not matter.
package export

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
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
}

// columns are the columns of the CSV, in the order of Record.cells.
var columns = []string{
	"id", "platform", "account", "person", "source", "media", "state", "reason", "rule", "comment", "text",
	"proposed_by", "approver", "edited", "started", "decided", "deadline", "ended",
}

func (r Record) cells() []string {
	edited := ""
	if r.Edited != nil {
		edited = map[bool]string{true: "yes", false: "no"}[*r.Edited]
	}
	cells := []string{
		r.ID, string(r.Platform), r.Account, r.Person, string(r.Source), r.Media, string(r.State), string(r.Reason), r.Rule, r.Comment, r.Text,
		r.ProposedBy, r.Approver, edited, cellTime(r.Started), cellTime(r.Decided), cellTime(r.Deadline), cellTime(r.Ended),
	}
	for i, cell := range cells {
		cells[i] = Defuse(cell)
	}
	return cells
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
	if row.Approver != "" && row.State != privatereply.Rejected {
		r.Edited = &row.Edited
	}
	return r
}

func needsStatus(row replies.Row) bool {
	failed := row.State == privatereply.Undeliverable || row.State == privatereply.Expired
	cut := func(text string) bool { return replies.IsCut(text) && text != replies.Encrypted }
	return failed && !row.EndedAt.IsZero() || cut(row.Comment) || cut(row.Text)
}

package desk

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"go.uber.org/zap"

	"github.com/privatereply/privatereply/approvals/queue"
	"github.com/privatereply/privatereply/internal/export"
	"github.com/privatereply/privatereply/internal/replies"
)

const (
	// maxExported limits the replies in one file; those beyond are the oldest.
	maxExported = 100_000
	// exportTimeout limits the time of one file; exportStep that of one write.
	exportTimeout = 10 * time.Minute
	exportStep    = time.Minute
)

// listCSV writes the list of all replies, with the filters in force, as a file.
func (d *Desk) listCSV(w http.ResponseWriter, r *http.Request) {
	f := parseListFilter(r.URL.Query())
	ctx, cancel := context.WithTimeout(r.Context(), exportTimeout)
	defer cancel()
	file := &csvFile{w: w, name: "replies-" + d.now().UTC().Format(time.DateOnly)}
	err := export.Write(ctx, file, &exportSource{Replies: d.Replies, match: queue.Filter{Search: f.Search}, left: maxExported}, f.stored())
	d.endFile(w, r, file, err)
}

// endFile tells of an error: on a page if nothing was written, or by ending the connection,
// so that half a file does not look like a whole one.
func (d *Desk) endFile(w http.ResponseWriter, r *http.Request, file *csvFile, err error) {
	switch {
	case err == nil || r.Context().Err() != nil:
	case !file.begun:
		d.errorPage(w, r, http.StatusBadGateway, d.errorMessage(err))
	default:
		d.Logger.Warn("a file was not written to its end", zap.Error(err))
		panic(http.ErrAbortHandler)
	}
}

// csvFile is a download. Its headers are written with the first bytes.
type csvFile struct {
	w     http.ResponseWriter
	name  string
	begun bool
}

func (f *csvFile) Write(b []byte) (int, error) {
	if !f.begun {
		f.begun = true
		f.w.Header().Set("Content-Type", "text/csv; charset=utf-8")
		f.w.Header().Set("Content-Disposition", `attachment; filename="`+f.name+`.csv"`)
	}
	_ = http.NewResponseController(f.w).SetWriteDeadline(time.Now().Add(exportStep)) // not in tests
	return f.w.Write(b)
}

// exportSource gives the replies of a search, the newest first.
type exportSource struct {
	Replies
	match queue.Filter
	left  int
}

func (s *exportSource) Page(ctx context.Context, f replies.Filter, size int, token []byte) ([]replies.Row, []byte, error) {
	after, err := replies.ParseCursor(string(token))
	if err != nil {
		return nil, nil, err
	}
	rows, next, err := s.Newest(ctx, f, after, min(size, s.left))
	if err != nil {
		return nil, nil, err
	}
	if s.left -= len(rows); s.left <= 0 {
		next = replies.Cursor{}
	}
	var matching []replies.Row
	for _, r := range rows {
		if s.match.Matches(r) {
			matching = append(matching, r)
		}
	}
	return matching, []byte(next.String()), nil
}

// funnelColumns are the columns of the funnel's file. A line has those of its section.
var funnelColumns = []string{"section", "name", "received", "delivered", "answered", "waiting", "rejected_or_removed", "ignored", "too_late", "not_delivered", "unknown",
	"approved", "edited", "rejected", "median_seconds_to_decide"}

// funnelCSV writes the numbers of the funnel as a file. It waits until all are counted.
func (d *Desk) funnelCSV(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), exportStep)
	defer cancel()
	page := d.readFunnel(ctx, r)
	if page.Incomplete {
		d.errorPage(w, r, http.StatusServiceUnavailable, "Counting takes too long at the moment. Try again: what was counted is kept for a while.")
		return
	}
	file := &csvFile{w: w, name: fmt.Sprintf("results-%d-days-%s", page.Days, d.now().UTC().Format(time.DateOnly))}
	d.endFile(w, r, file, page.writeCSV(file))
}

func (v funnelView) writeCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	_ = out.Write(funnelColumns) // out.Error has the first error of all
	line := func(section, name string, c stageCounts) {
		cells := []string{section, export.Defuse(name)}
		for _, n := range []int64{c.Received, c.Delivered(), c.Of(stageResponded), c.Of(stageWaiting), c.Of(stageDeclined), c.Of(stageIgnored), c.Of(stageExpired), c.Of(stageUndeliverable), c.Of(stageDeliveryUnknown)} {
			cells = append(cells, strconv.FormatInt(n, 10))
		}
		_ = out.Write(append(cells, "", "", "", ""))
	}
	for _, day := range v.Chart.Rows {
		line("day", day.From.Format(time.DateOnly), day.stageCounts)
	}
	for _, row := range v.ByAcc {
		line("account", row.Name, row.stageCounts)
	}
	for _, row := range v.ByRule {
		line("rule", row.Name, row.stageCounts)
	}
	for _, b := range v.Beside {
		_ = out.Write([]string{"effect", b.Effect, strconv.FormatInt(b.N, 10), "", "", "", "", "", "", "", "", "", "", "", ""})
	}
	for _, p := range v.Decisions.People {
		_ = out.Write([]string{"person", export.Defuse(p.Name), "", "", "", "", "", "", "", "", "",
			strconv.Itoa(p.Approved), strconv.Itoa(p.Edited), strconv.Itoa(p.Rejected), strconv.Itoa(int(p.Median.Seconds()))})
	}
	out.Flush()
	return out.Error()
}

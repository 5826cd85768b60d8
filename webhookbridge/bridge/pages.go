package bridge

import (
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/internal/erasure"
	"github.com/privatereply/privatereply/workflows"
)

// DeletionStatusPath is where people see how far the deletion of their data is: with the
// confirmation code behind it.
const DeletionStatusPath = "/data-deletion"

const (
	// maxStatusRate and maxStatusBurst bound the questions to Temporal that anybody can
	// cause, a second.
	maxStatusRate  = 20
	maxStatusBurst = 40
	// maxPage bounds a page of the operator's.
	maxPage = 1 << 20
)

// legalPages are the pages that Meta asks an app for, by the names of their files.
var legalPages = []string{"privacy", "terms", "data-deletion"}

// pageTypes are the endings of a page's file, with what browsers take it for. Markdown is
// shown as it is written.
var pageTypes = []struct{ suffix, contentType string }{
	{".html", "text/html; charset=utf-8"},
	{".md", "text/plain; charset=utf-8"},
	{".txt", "text/plain; charset=utf-8"},
}

// checkLegalPages says which page is missing.
func checkLegalPages(folder string) error {
	for _, name := range legalPages {
		if _, _, err := readLegalPage(folder, name); err != nil {
			return fmt.Errorf("%sLEGAL_PAGES: %w", config.Prefix, err)
		}
	}
	return nil
}

// readLegalPage reads a page, as it is now.
func readLegalPage(folder, name string) (page []byte, contentType string, err error) {
	for _, kind := range pageTypes {
		path := filepath.Join(folder, name+kind.suffix)
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil && info.Size() > maxPage {
			err = fmt.Errorf("%s is larger than 1 MiB", path)
		}
		if err != nil {
			return nil, "", err
		}
		page, err := os.ReadFile(path)
		return page, kind.contentType, err
	}
	return nil, "", fmt.Errorf("there is no %s.html, %[1]s.md or %[1]s.txt in %s: write it, deploy/pages has a sample", name, folder)
}

func (b *Bridge) legalPage(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		page, contentType, err := readLegalPage(b.cfg.Settings.LegalPages, name)
		if err != nil {
			b.sampler.warn(b.cfg.Logger, "page", "Cannot read a page", zap.String("page", name), zap.Error(err))
			writeStatus(w, http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; img-src https: data:")
		_, _ = w.Write(page)
	}
}

// deletionStatus is the public page of one erasure. It says how far it is and nothing of
// whom.
func (b *Bridge) deletionStatus(w http.ResponseWriter, r *http.Request) {
	if !b.statusLimiter.Allow() {
		w.Header().Set("Retry-After", "1")
		writeStatus(w, http.StatusTooManyRequests)
		return
	}
	code := r.PathValue("code")
	progress, err := erasure.Progress(r.Context(), b.cfg.Client, b.data, code)
	switch {
	case errors.Is(err, erasure.ErrUnknownCode):
		writeText(w, http.StatusNotFound, "No deletion has this confirmation code, or it was done more than some days ago.\n")
		return
	case err != nil:
		b.sampler.warn(b.cfg.Logger, "status page", "Cannot say how far an erasure is", zap.Error(err))
		w.Header().Set("Retry-After", retryAfter)
		writeText(w, http.StatusServiceUnavailable, "The state of the deletion cannot be read now. Please look again later.\n")
		return
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("X-Robots-Tag", "noindex")
	header.Set("Cache-Control", "no-store")
	view := statusView{Code: code, Heading: "In progress", Sentence: "The request was recorded and is being carried out.", RequestedAt: clock(progress.RequestedAt), UpdatedAt: clock(progress.UpdatedAt)}
	switch progress.State {
	case workflows.ErasureDone:
		view.Heading, view.Sentence = "Done", "Everything that was held because of the connection has been removed."
	case workflows.ErasureStuck:
		view.Heading, view.Sentence = "Not complete yet", "Something could not be removed yet. It is tried again, and the operator can see why."
	}
	if err := statusPage.Execute(w, view); err != nil {
		b.cfg.Logger.Debug("A reader of the status page went away", zap.Error(err))
	}
}

// clock is a time for people; empty if it is not known.
func clock(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2 January 2006, 15:04 UTC")
}

// statusView is what the public page of an erasure shows.
type statusView struct{ Code, Heading, Sentence, RequestedAt, UpdatedAt string }

var statusPage = template.Must(template.New("status").Parse(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Data deletion: {{.Heading}}</title>
<style>body { font: 1rem/1.5 system-ui, sans-serif; max-width: 36rem; margin: 3rem auto; padding: 0 1rem }</style>
<h1>Data deletion: {{.Heading}}</h1>
<p>{{.Sentence}}</p>
<dl>
<dt>Confirmation code</dt><dd><code>{{.Code}}</code></dd>
{{with .RequestedAt}}<dt>Requested</dt><dd>{{.}}</dd>{{end}}
{{with .UpdatedAt}}<dt>Last step</dt><dd>{{.}}</dd>{{end}}
</dl>
</html>
`))

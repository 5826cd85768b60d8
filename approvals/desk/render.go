package desk

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/approvals/signin"
	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/workflows"
)

//go:embed pages
var pageFiles embed.FS

// pages has a set of templates for each page.
type pages struct{ byName map[string]*template.Template }

func newPages(d *Desk) *pages {
	p := &pages{byName: map[string]*template.Template{}}
	base := template.Must(template.New("layout.html").Funcs(d.functions()).ParseFS(pageFiles, "pages/layout.html", "pages/parts.html", "pages/banners.html", "pages/context.html", "pages/team.html", "pages/stop.html", "pages/diff.html", "pages/message.html", "pages/effects.html", "pages/conversation.html"))
	for _, name := range []string{"queue", "answered", "person", "reply", "unknown", "list", "bulk", "funnel", "people", "accounts", "choose", "connected", "disconnect", "forget", "erasure", "rules", "rules_version", "stopped", "saved", "signin", "error"} {
		p.byName[name] = template.Must(template.Must(base.Clone()).ParseFS(pageFiles, "pages/"+name+".html"))
	}
	return p
}

func (d *Desk) functions() template.FuncMap {
	return template.FuncMap{
		"asset":          assetURL,
		"highlight":      highlight,
		"ago":            func(t time.Time) string { return timeAgo(t, d.now()) },
		"account":        d.accountName,
		"left":           func(t time.Time) string { return timeLeft(t, d.now()) },
		"urgency":        func(t time.Time) string { return urgency(t, d.now()) },
		"stamp":          func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"clock":          func(t time.Time) string { return t.UTC().Format("2 Jan 2006, 15:04 UTC") },
		"state":          privatereply.State.Label,
		"source":         privatereply.Source.Label,
		"platform":       func(p privatereply.Platform) string { return p.Facts().Name },
		"from":           privatereply.Clock.Label,
		"kind":           privatereply.AttachmentKind.Label,
		"link":           privatereply.AttachmentURL,
		"marks":          func(k privatereply.AttachmentKind, editedAt time.Time) marks { return marks{k, editedAt} },
		"reason":         privatereply.Reason.Sentence,
		"replyURL":       replyURL,
		"pictureURL":     pictureURL,
		"picture":        isPicture,
		"webUI":          d.webUI,
		"idempotencyKey": func() string { return idempotencyKey("") },
		"cut":            replies.IsCut,
		"uncut":          func(s string) string { return strings.TrimSuffix(s, privatereply.CutMark) },
		"modules":        func() []string { return modules },
		"decisionWords":  decisionWords,
		"resultWords":    resultWords,
		"titles":         titlesOf,
		"publicWords":    func(p *workflows.PublicReplyStatus) string { return publicWords(*p) },
		"effectLabel":    func(e string) string { return effectLabels[e] },
		"tapTitle":       tapTitle,
		"tapWords":       tapWords,
		"tapState":       tapState,
		"lines":          func(title string, rows []funnelRow) funnelTable { return funnelTable{title, rows} },
	}
}

// pageFrame is the data that every page has.
type pageFrame struct {
	Title   string
	Page    string
	Tab     string // of the navigation that the page belongs to
	User    signin.User
	Tokens  bool // users sign in with tokens, and can sign out
	Counts  tabCounts
	Version int
	Stale   string
	Now     time.Time
	// HasAccounts reports that there is a page Accounts.
	HasAccounts bool
	// HasAnswered reports that there is a page Answered.
	HasAnswered bool
	// Banners are the accounts that cannot send or receive.
	Banners        []banner
	BannersVersion string
	// HasRules and HasSaved report that there are pages Rules and Saved replies.
	HasRules, HasSaved bool
}

// newFrame returns the frame of a page for a request's user.
func (d *Desk) newFrame(r *http.Request, page, title string) pageFrame {
	v := d.view(r.Context())
	f := pageFrame{Title: title, Page: page, Tab: page, User: signin.UserFrom(r.Context()), Tokens: d.Authenticator.AcceptsTokens(),
		Counts: d.counts(r.Context(), v), Version: v.Version, Now: d.now().UTC(), HasAccounts: d.Connections != nil, HasAnswered: d.Answered != nil, HasRules: d.Rules != nil, HasSaved: d.Saved != nil}
	f.Banners, f.BannersVersion = d.banners(r.Context())
	if v.Err != nil {
		f.Stale = staleMessage
	}
	return f
}

const staleMessage = "Temporal does not answer at the moment. What you see may be old; decisions may not go through."

// render writes a page, or an error if its template fails.
func (d *Desk) render(w http.ResponseWriter, status int, page, block string, data any) {
	var b bytes.Buffer
	if err := d.pages.byName[page].ExecuteTemplate(&b, block, data); err != nil {
		d.Logger.Error("cannot render a page", zap.String("page", page), zap.Error(err))
		http.Error(w, "This page is broken; it is in the log.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = b.WriteTo(w) // an error means that the browser has gone
}

// layout is the template of a whole page; others are parts.
const layout = "layout.html"

func (d *Desk) writePageError(w http.ResponseWriter, r *http.Request, p httpError) {
	if p.status == http.StatusUnauthorized {
		if r.Method != http.MethodGet {
			r.URL.Path, r.URL.RawQuery = "/", ""
		}
		to := "/signin"
		if r.URL.RequestURI() != "/" {
			to += "?" + url.Values{"to": {r.URL.RequestURI()}}.Encode()
		}
		http.Redirect(w, r, to, http.StatusSeeOther)
		return
	}
	d.errorPage(w, r, p.status, sentence(p.message))
}

func (d *Desk) errorPage(w http.ResponseWriter, r *http.Request, status int, text string) {
	d.render(w, status, "error", layout, struct {
		pageFrame
		Message string
	}{d.newFrame(r, "error", "That did not work"), text})
}

func (d *Desk) notFoundPage(w http.ResponseWriter, r *http.Request) {
	d.errorPage(w, r, http.StatusNotFound, "There is no such page.")
}

func (d *Desk) accountName(id string) string {
	for _, a := range d.Accounts.All() {
		if a.ID == id {
			return a.Name
		}
	}
	return id
}

func replyURL(id string) string { return "/replies/" + url.PathEscape(id) }

// webUI is the address of a workflow in Temporal's Web UI; empty without a Web UI.
func (d *Desk) webUI(id string) string {
	if d.WebUI == "" {
		return ""
	}
	return d.WebUI + "/namespaces/" + url.PathEscape(d.Namespace) + "/workflows/" + url.PathEscape(id)
}

//go:embed assets
var assetFiles embed.FS

// assetVersion changes with any asset, so that browsers can cache them for good.
var assetVersion = func() string {
	hash := sha256.New()
	entries, err := fs.ReadDir(assetFiles, "assets")
	if err != nil {
		panic(err) // embedded: it cannot be missing
	}
	for _, e := range entries {
		b, err := assetFiles.ReadFile("assets/" + e.Name())
		if err != nil {
			panic(err)
		}
		hash.Write(b)
	}
	return hex.EncodeToString(hash.Sum(nil))[:12]
}()

// modules are the imports of desk.js; the page preloads them.
var modules = []string{"clock.js", "hold.js", "message.js", "forms.js", "team.js", "queue.js", "keys.js", "banners.js", "answered.js", "context.js", "saved.js", "reply.js", "notify.js"}

func assetURL(name string) string { return "/assets/" + assetVersion + "/" + name }

// serveAsset serves scripts and styles. Another version than this one is served without
// caching: an old page may ask during a deploy.
func serveAsset(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	b, err := assetFiles.ReadFile("assets/" + name)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Cache-Control", "no-cache")
	if r.PathValue("version") == assetVersion {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(b))
}

// timeLeft is the time until a moment, in words, as clock.js writes it.
func timeLeft(until, now time.Time) string {
	d := until.Sub(now)
	days, hours, minutes := int(d.Hours())/24, int(d.Hours())%24, int(d.Minutes())%60
	switch {
	case d <= 0:
		return "over"
	case days > 0:
		return fmt.Sprintf("%d d %d h", days, hours)
	case hours > 0:
		return fmt.Sprintf("%d h %d min", hours, minutes)
	default:
		return fmt.Sprintf("%d:%02d", minutes, int(d.Seconds())%60)
	}
}

// timeAgo is the time since a moment, in words, as clock.js writes it.
func timeAgo(at, now time.Time) string {
	switch d := now.Sub(at); {
	case d < time.Minute:
		return "just now"
	case d < time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h ago", int(d.Hours()))
	default:
		return fmt.Sprintf("%d d ago", int(d.Hours())/24)
	}
}

// urgency is the CSS class of a time that runs out.
func urgency(until, now time.Time) string {
	switch d := until.Sub(now); {
	case d <= 0:
		return "over"
	case d < time.Hour:
		return "soon"
	case d < 24*time.Hour:
		return "today"
	}
	return "later"
}

// titlesOf are the titles of what can be tapped, as lists have them: perhaps cut.
func titlesOf(memo string) []string {
	if memo == "" {
		return nil
	}
	titles := strings.Split(strings.TrimSuffix(memo, privatereply.CutMark), "\n")
	if replies.IsCut(memo) {
		titles[len(titles)-1] += "…"
	}
	return titles
}

// marks are the labels beside a comment: its attachment and that it was edited.
type marks struct {
	Attachment privatereply.AttachmentKind
	EditedAt   time.Time
}

// Any reports whether there is a label to show.
func (m marks) Any() bool { return m.Attachment != "" || !m.EditedAt.IsZero() }

// upperFirst writes a label as it is at the beginning of a line.
func upperFirst(label string) string { return strings.ToUpper(label[:1]) + label[1:] }

// lowerFirst writes a label as it is inside a sentence.
func lowerFirst(label string) string { return strings.ToLower(label[:1]) + label[1:] }

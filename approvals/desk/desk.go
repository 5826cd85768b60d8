// Package desk is the approvals desk: the web page on which people decide replies, and the
// same as a JSON API. Replies are decided through Temporal, by package replies; what people look
// at is read from Meta, by package lookup; the page
// Accounts also calls Meta and writes the accounts folder.
package desk

import (
	"context"
	"net"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/approvals/answered"
	"github.com/privatereply/privatereply/approvals/health"
	"github.com/privatereply/privatereply/approvals/queue"
	"github.com/privatereply/privatereply/approvals/saved"
	"github.com/privatereply/privatereply/approvals/signin"
	"github.com/privatereply/privatereply/internal/lookup"
	"github.com/privatereply/privatereply/internal/ops"
	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/internal/temporal/codec"
	"github.com/privatereply/privatereply/workflows"
)

// Replies is the client of replies; *replies.Client in production.
type Replies interface {
	queue.Source
	Newest(ctx context.Context, f replies.Filter, after replies.Cursor, limit int) ([]replies.Row, replies.Cursor, error)
	Row(ctx context.Context, id string) (replies.Row, error)
	Status(ctx context.Context, id string) (workflows.PrivateReplyStatus, error)
	History(ctx context.Context, id string) (replies.History, error)
	Conversation(ctx context.Context, conversationID string) (replies.Conversation, error)
	Follow(ctx context.Context, id string, changed func()) error
	Retention(ctx context.Context) (time.Duration, error)
	PersonKeys(p privatereply.Platform, account, person string) []string

	Approve(ctx context.Context, id, updateID string, m workflows.Approve) (workflows.DecisionResult, error)
	Reject(ctx context.Context, id, updateID string, m workflows.Reject) (workflows.DecisionResult, error)
	Resolve(ctx context.Context, id, updateID string, m workflows.Resolve) (workflows.DecisionResult, error)
	Reopen(ctx context.Context, id, by, reason string) error
	Propose(ctx context.Context, id, updateID string, m workflows.Propose) (workflows.DecisionResult, error)
	Note(ctx context.Context, id, updateID string, m workflows.Note) (workflows.DecisionResult, error)
	Assign(ctx context.Context, id, updateID string, m workflows.Assign) (workflows.DecisionResult, error)
	FollowUp(ctx context.Context, conversationID, updateID string, m workflows.FollowUp) (workflows.FollowUpResult, error)
	SetHidden(ctx context.Context, comment privatereply.Comment, hidden bool, by string) (workflows.HideStatus, error)
	Visibility(ctx context.Context, comment privatereply.Comment) (*workflows.HideStatus, error)
}

// Lookup reads from Meta for people who look; *lookup.Reader in production. Words says why
// something cannot be read.
type Lookup interface {
	Thread(ctx context.Context, a privatereply.Account, personID string) (lookup.Thread, error)
	LatestThreads(ctx context.Context, a privatereply.Account) ([]lookup.Thread, error)
	Post(ctx context.Context, c privatereply.Comment) (lookup.Post, error)
	Comment(ctx context.Context, a privatereply.Account, commentID string) (lookup.Comment, error)
}

// Accounts is the accounts file.
type Accounts interface {
	All() []privatereply.Account
	Get(p privatereply.Platform, id string) (privatereply.Account, bool)
}

// Config is what a desk needs.
type Config struct {
	Replies       Replies
	Queue         *queue.Queue // its Run must be called
	Authenticator *signin.Authenticator
	Accounts      Accounts
	WebUI         string // Temporal's Web UI, without a slash at the end; empty: no links
	Namespace     string
	// Codec is the encryption behind the endpoint for Temporal's own tools; nil: no
	// endpoint. CodecOrigin is the origin of another site that may call it.
	Codec       *codec.Codec
	CodecOrigin string
	// Connections is what the page Accounts works with; nil: there is no such page.
	Connections *Connections
	// Answered holds the people who answered; nil: there is no such page.
	Answered *answered.List
	// Health knows which accounts cannot send or receive; nil: no page says so.
	Health *health.Monitor
	// Lookup reads from Meta what people look at; nil: the pages do without.
	Lookup Lookup
	// LocalMeta says that Meta is simulated on this machine: only then pictures may come from
	// here.
	LocalMeta bool
	// Erasures is what the pages that forget a person work with; nil: there are none.
	Erasures *Erasures
	// Rules is the rules file that admins edit; nil: there is no page Rules.
	Rules *RulesFile
	// Stops stops a rule or an account at once; nil: it is not offered.
	Stops *Stops
	// Saved has the team's saved replies; nil: there are none.
	Saved  *saved.File
	Logger *zap.Logger
}

// Desk serves the pages and the API.
type Desk struct {
	Config
	funnel    *funnelCounter
	decisions *decisionReader
	rules     ruleCache
	pages     *pages
	pictures  *pictures
	partners  partners
	now       func() time.Time
	// presence is who works on which reply at this moment.
	presence *presence
	tallies  tallies
}

// New makes a desk.
func New(cfg Config) *Desk {
	d := &Desk{Config: cfg, pictures: newPictures(cfg.LocalMeta), now: time.Now, presence: newPresence(time.Now)}
	d.Replies = seenReplies{cfg.Replies, d}
	d.funnel, d.decisions = newFunnelCounter(d.Replies), newDecisionReader(d.Replies)
	d.pages = newPages(d)
	return d
}

// Grace is the time that requests have to finish when the desk stops: a decision under way
// is not lost.
const Grace = 15 * time.Second

// Run serves ln until ctx is done.
func (d *Desk) Run(ctx context.Context, ln net.Listener) error {
	return ops.Run(ctx, ln, Grace, &http.Server{
		Handler:           d.Handler(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		// A follow-up responds when its send has ended; event streams lift the limit.
		WriteTimeout: 2 * time.Minute,
		IdleTimeout:  2 * time.Minute,
		// Streams end when the process stops, so that they do not delay it.
		BaseContext: func(net.Listener) context.Context {
			return context.WithValue(context.WithoutCancel(ctx), stopKey{}, ctx.Done())
		},
		ErrorLog: zap.NewStdLog(d.Logger.Named("http")),
	})
}

type stopKey struct{}

// stopping is closed when the desk stops.
func stopping(ctx context.Context) <-chan struct{} {
	done, _ := ctx.Value(stopKey{}).(<-chan struct{})
	return done
}

// Handler is the whole site, with sign-in and roles.
func (d *Desk) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /assets/{version}/{name}", serveAsset)
	mux.HandleFunc("GET /signin", d.signInPage)
	mux.HandleFunc("POST /signin", d.signIn)
	mux.HandleFunc("POST /signout", d.signOut)

	page := func(pattern string, role signin.Role, h http.HandlerFunc) {
		mux.Handle(pattern, d.requireRole(role, d.writePageError, h))
	}
	page("GET /{$}", signin.Viewer, d.queuePage)
	page("GET /unknown", signin.Viewer, d.unknownPage)
	page("GET /replies", signin.Viewer, d.listPage)
	page("GET /replies.csv", signin.Viewer, d.listCSV)
	page("GET /replies/{id}", signin.Viewer, d.replyPage)
	page("POST /replies/{id}/{verb}", signin.Writer, d.decideForm) // decide has a role for each verb
	if d.Lookup != nil {
		page("GET /pictures/{id}/{what}", signin.Viewer, d.picture)
		page("GET /pictures/{id}/message/{message}/{index}", signin.Viewer, d.messagePicture)
	}
	page("POST /bulk", signin.Approver, d.bulkPage)
	page("POST /bulk/approve", signin.Approver, d.bulkForm(verbApprove))
	page("POST /bulk/reject", signin.Approver, d.bulkForm(verbReject))
	if d.Answered != nil {
		page("GET /answered", signin.Viewer, d.answeredPage)
		mux.Handle("GET /api/answered", d.requireRole(signin.Viewer, writeJSONError, http.HandlerFunc(d.apiAnswered)))
	}
	page("GET /replies/{id}/person", signin.Viewer, d.personPage)
	page("GET /context", signin.Viewer, d.contextPart)
	page("GET /banners", signin.Viewer, d.bannersPart)
	page("GET /funnel", signin.Viewer, d.funnelPage)
	page("GET /funnel.csv", signin.Viewer, d.funnelCSV)
	page("GET /people", signin.Admin, d.peoplePage)
	page("POST /people/end", signin.Admin, d.endSessions)
	if d.Erasures != nil {
		page("GET /replies/{id}/forget", signin.Admin, d.forgetPage)
		page("POST /replies/{id}/forget", signin.Admin, d.forgetForm)
		page("GET /erasures/{code}", signin.Admin, d.erasurePage)
	}
	if d.Connections != nil {
		page("GET /accounts", signin.Admin, d.accountsPage)
		page("GET /accounts/connect", signin.Admin, d.beginConnect)
		page("GET "+CallbackPath, signin.Admin, d.connectCallback)
		page("GET /accounts/choose", signin.Admin, d.choosePage)
		page("POST /accounts/connect", signin.Admin, d.connectForm)
		page("GET /accounts/{platform}/{id}/picture", signin.Admin, d.accountPicture)
		page("GET /accounts/{platform}/{id}/disconnect", signin.Admin, d.disconnectPage)
		page("POST /accounts/{platform}/{id}/{verb}", signin.Admin, d.accountAction)
	}
	if d.Rules != nil {
		page("GET /rules", signin.Admin, d.rulesPage)
		page("POST /rules/{verb}", signin.Admin, d.rulesForm)
		page("GET /rules/versions/{name}", signin.Admin, d.rulesVersionPage)
		page("POST /rules/versions/{name}", signin.Admin, d.takeBackRules)
	}
	if d.Stops != nil {
		page("POST /stop", signin.Approver, d.stopForm)
		page("POST /resume", signin.Approver, d.resumeForm)
	}
	if d.Saved != nil {
		page("GET /saved", signin.Writer, d.savedPage)
		page("POST /saved", signin.Approver, d.savedForm)
	}
	page("/", signin.Viewer, d.notFoundPage)

	api := func(pattern string, role signin.Role, h http.HandlerFunc) {
		mux.Handle(pattern, d.requireRole(role, writeJSONError, h))
	}
	api("GET /api/replies", signin.Viewer, d.apiList)
	api("GET /api/replies/{id}", signin.Viewer, d.apiShow)
	api("POST /api/replies/{id}/{verb}", signin.Writer, d.apiDecide) // decide has a role for each verb
	api("POST /api/replies/{id}/presence", signin.Viewer, d.apiPresence)
	api("POST /api/approve", signin.Approver, d.apiBulk(verbApprove))
	api("POST /api/reject", signin.Approver, d.apiBulk(verbReject))
	api("GET /api/counts", signin.Viewer, d.apiCounts)
	api("GET "+eventsPath, signin.Viewer, d.events)
	if d.Rules != nil {
		api("POST /api/rules/check", signin.Admin, d.apiCheckRules)
	}
	if d.Saved != nil {
		api("GET /api/saved", signin.Writer, d.apiSaved)
	}
	api("/api/", signin.Viewer, apiNotFound)

	// Another site's page can make a browser post here, but cannot hide its origin.
	sites := http.NewCrossOriginProtection()
	mux.Handle(CodecPath+"/", d.codecHandler()) // has its own rule for CodecOrigin
	sites.AddInsecureBypassPattern(CodecPath + "/")
	return d.recoverPanics(securityHeaders(sites.Handler(compress(mux))))
}

package desk

import (
	"net/http"

	"github.com/privatereply/privatereply/approvals/signin"
)

// Handler serves everything, to whoever may see it.
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
	page("GET /replies/{id}", signin.Viewer, d.replyPage)
	page("POST /replies/{id}/{verb}", signin.Approver, d.decideForm)
	page("POST /bulk", signin.Approver, d.bulkPage)
	page("POST /bulk/approve", signin.Approver, d.bulkForm)
	page("GET /funnel", signin.Viewer, d.funnelPage)
	page("GET /people", signin.Admin, d.peoplePage)
	page("POST /people/end", signin.Admin, d.endSessions)
	page("/", signin.Viewer, d.notFoundPage)

	api := func(pattern string, role signin.Role, h http.HandlerFunc) {
		mux.Handle(pattern, d.requireRole(role, writeJSONError, h))
	}
	api("GET /api/replies", signin.Viewer, d.apiList)
	api("GET /api/replies/{id}", signin.Viewer, d.apiShow)
	api("POST /api/replies/{id}/{verb}", signin.Approver, d.apiDecide)
	api("POST /api/approve", signin.Approver, d.apiBulk)
	api("GET /api/counts", signin.Viewer, d.apiCounts)
	api("GET "+eventsPath, signin.Viewer, d.events)
	api("/api/", signin.Viewer, apiNotFound)

	// Another site's page can make a browser post here, but not hide that it did.
	sites := http.NewCrossOriginProtection()
	mux.Handle(CodecPath+"/", d.codecHandler()) // which knows one other site
	sites.AddInsecureBypassPattern(CodecPath + "/")
	return d.recoverPanics(securityHeaders(sites.Handler(compress(mux))))
}

// requireRole lets in who has the role, and has tell say what is wrong otherwise.
func (d *Desk) requireRole(role signin.Role, tell errorWriter, h http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, err := d.Authenticator.Authenticate(r)
		switch {
		case err != nil:
			tell(w, r, httpError{signInStatus(err), "signed_out", err.Error()})
		case !user.May(role):
			tell(w, r.WithContext(signin.WithUser(r.Context(), user)), httpError{http.StatusForbidden, "role",
				"you are signed in as " + string(user.Role) + "; this needs the role " + string(role)})
		default:
			w.Header().Set("Cache-Control", "no-store")
			h(w, r.WithContext(signin.WithUser(r.Context(), user)))
		}
	})
}

// httpError is a request that cannot be followed, in words.
type httpError struct {
	status  int
	code    string // for programs
	message string
}

// errorWriter tells of a problem as its kind of request is answered.
type errorWriter func(http.ResponseWriter, *http.Request, httpError)

func signInStatus(err error) int {
	switch err {
	case signin.ErrTooManyAttempts:
		return http.StatusTooManyRequests
	case signin.ErrNoRole:
		return http.StatusForbidden
	}
	return http.StatusUnauthorized
}

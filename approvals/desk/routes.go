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
		mux.Handle(pattern, d.guard(role, d.tellPage, h))
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
	page("/", signin.Viewer, d.noSuchPage)

	api := func(pattern string, role signin.Role, h http.HandlerFunc) {
		mux.Handle(pattern, d.guard(role, tellJSON, h))
	}
	api("GET /api/replies", signin.Viewer, d.apiList)
	api("GET /api/replies/{id}", signin.Viewer, d.apiShow)
	api("POST /api/replies/{id}/{verb}", signin.Approver, d.apiDecide)
	api("POST /api/approve", signin.Approver, d.apiBulk)
	api("GET /api/counts", signin.Viewer, d.apiCounts)
	api("GET "+eventsPath, signin.Viewer, d.events)
	api("/api/", signin.Viewer, apiNoSuch)

	// Another site's page can make a browser post here, but not hide that it did.
	sites := http.NewCrossOriginProtection()
	mux.Handle(CodecPath+"/", d.codec()) // which knows one other site
	sites.AddInsecureBypassPattern(CodecPath + "/")
	return d.recovered(secured(sites.Handler(compressed(mux))))
}

// guard lets in who has the role, and has tell say what is wrong otherwise.
func (d *Desk) guard(role signin.Role, tell teller, h http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, err := d.Guard.Who(r)
		switch {
		case err != nil:
			tell(w, r, problem{refusedStatus(err), "signed_out", err.Error()})
		case !user.May(role):
			tell(w, r.WithContext(signin.With(r.Context(), user)), problem{http.StatusForbidden, "role",
				"you are signed in as " + string(user.Role) + "; this needs the role " + string(role)})
		default:
			w.Header().Set("Cache-Control", "no-store")
			h(w, r.WithContext(signin.With(r.Context(), user)))
		}
	})
}

// problem is a request that cannot be followed, in words.
type problem struct {
	status int
	code   string // for programs
	words  string
}

// teller tells of a problem as its kind of request is answered.
type teller func(http.ResponseWriter, *http.Request, problem)

func refusedStatus(err error) int {
	switch err {
	case signin.ErrSlowDown:
		return http.StatusTooManyRequests
	case signin.ErrNoRole:
		return http.StatusForbidden
	}
	return http.StatusUnauthorized
}

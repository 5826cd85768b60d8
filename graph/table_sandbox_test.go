package graph

import (
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/meta"
)

// sandboxed is a client of a sandbox that knows the Page, and more accounts.
func sandboxed(t *testing.T, requireProof bool, more ...meta.Account) (*Client, *meta.Sandbox) {
	t.Helper()
	sb := meta.New(meta.Config{Accounts: append(more, meta.Account{
		Platform: privatereply.Facebook, ID: pageAccount.ID, Name: "Clean Slate", Login: privatereply.LoginFacebook,
		Token: testToken, AppSecret: testSecret, RequireProof: requireProof,
	})})
	server := httptest.NewServer(sb)
	t.Cleanup(server.Close)
	t.Cleanup(sb.Close)
	return newClient(t, Options{FacebookURL: server.URL + "/facebook", InstagramURL: server.URL + "/instagram"}), sb
}

const instagramTestToken = "IGtesttoken"

// Guards the tests of what follows from an error: the sandbox can give each of them,
// and the client reads what it gives.
func TestSandboxGivesEachError(t *testing.T) {
	c, sb := sandboxed(t, false, meta.Account{
		Platform: privatereply.Instagram, ID: igAccount.ID, Name: "Oak Corner", Login: privatereply.LoginInstagram,
		Token: instagramTestToken, InstagramAppSecret: testSecret,
	})
	for _, want := range expectations {
		t.Run(fmt.Sprintf("%d_%d%s", want.code, want.subcode, want.kind), func(t *testing.T) {
			if _, err := sb.AddFault(meta.Fault{Name: "error", Code: want.code, Subcode: want.subcode, ErrorType: want.kind, Times: 1}); err != nil {
				t.Fatal(err)
			}
			cred := credentials(pageAccount)
			if want.kind == instagramAPI { // Meta's other host gives it
				cred = Credentials{Account: igAccount, Token: instagramTestToken}
			}
			_, err := c.SendPrivateReply(t.Context(), cred, Recipient{CommentID: "1_2"}, OutgoingMessage{Text: "hi"})
			if e := asGraphError(t, err); e.Class != want.class || e.Reason != want.reason || e.Code != want.code || e.Subcode != want.subcode {
				t.Errorf("%+v", e)
			}
		})
	}
}

// Guards what the sandbox does by itself: it wants the proof as Meta does, and its 429
// is no Graph error.
func TestSandboxRefuses(t *testing.T) {
	c, sb := sandboxed(t, true)
	send := func(cred Credentials) *Error {
		_, err := c.SendPrivateReply(t.Context(), cred, Recipient{CommentID: "1_2"}, OutgoingMessage{Text: "hi"})
		return asGraphError(t, err)
	}
	without, wrong := credentials(pageAccount), credentials(pageAccount)
	without.AppSecret, wrong.AppSecret = "", "rotated"
	for _, cred := range []Credentials{without, wrong} {
		if e := send(cred); e.Class != AccountFault || e.Reason != privatereply.AppMisconfigured {
			t.Errorf("%+v", e)
		}
	}
	if _, err := sb.AddFault(meta.Fault{Name: "error", Status: 429, Body: "<html>", RetryAfterSeconds: 30, Times: 1}); err != nil {
		t.Fatal(err)
	}
	if e := send(credentials(pageAccount)); e.Class != Throttled || e.RetryAfter != 30*time.Second || e.MayHaveDelivered {
		t.Errorf("%+v", e)
	}
}

// Guards the reading of lists against the faults of Meta's that the sandbox has.
func TestSandboxLists(t *testing.T) {
	for _, fault := range []string{"too-large", "time-paging"} {
		t.Run(fault, func(t *testing.T) {
			c, sb := sandboxed(t, false)
			for range 30 { // more than a page
				if _, err := sb.Comment(meta.NewComment{Source: privatereply.SourceVisitorPost, Text: "Hello"}); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := sb.AddFault(meta.Fault{Name: fault}); err != nil {
				t.Fatal(err)
			}
			posts := map[string]bool{}
			for after, more := "", true; more; more = after != "" {
				page, err := c.Feed(t.Context(), credentials(pageAccount), FeedQuery{After: after})
				if err != nil {
					t.Fatal(err)
				}
				for _, p := range page.Posts {
					posts[p.ID] = true
				}
				after = page.After
			}
			if len(posts) != 32 { // with the two that every account begins with
				t.Errorf("%d posts", len(posts))
			}
		})
	}
}

package desk_test

import (
	"cmp"
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/approvals/desk"
	"github.com/privatereply/privatereply/approvals/queue"
	"github.com/privatereply/privatereply/approvals/signin"
	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/workflows"
)

// fakeReplies is a client of replies in memory, which records its calls.
type fakeReplies struct {
	mu       sync.Mutex
	rows     []replies.Row
	status   map[string]workflows.PrivateReplyStatus
	thread   replies.Conversation
	refusal  error
	approved []workflows.Approve
	proposed []workflows.Propose
	rejected []workflows.Reject
	followed []workflows.FollowUp
	hidden   *workflows.HideStatus // the last that was asked by hand
	hiding   workflows.EffectState // how it ends; empty: it is done
	updates  []string              // the ids of Updates
	edits    int
	decides  bool          // approvals and rejections change the reply, as the workflow does
	news     chan struct{} // something happened to the reply that is followed
}

func (f *fakeReplies) matching(filter replies.Filter) []replies.Row {
	f.mu.Lock()
	defer f.mu.Unlock()
	var found []replies.Row
	for _, r := range f.rows {
		if (len(filter.States) == 0 || slices.Contains(filter.States, r.State)) && (len(filter.IDs) == 0 || slices.Contains(filter.IDs, r.ID)) &&
			(len(filter.Accounts) == 0 || slices.Contains(filter.Accounts, r.Account)) && (filter.Account == "" || filter.Account == r.Account) && (filter.Rule == "" || filter.Rule == r.Rule) &&
			(len(filter.Effects) == 0 || slices.ContainsFunc(filter.Effects, func(e string) bool { return slices.Contains(r.Effects, e) })) &&
			(len(filter.PersonKeys) == 0 || slices.Contains(filter.PersonKeys, r.PersonKey)) {
			found = append(found, r)
		}
	}
	return found
}

func (f *fakeReplies) Count(_ context.Context, filter replies.Filter) (int64, error) {
	return int64(len(f.matching(filter))), nil
}

func (f *fakeReplies) Earliest(_ context.Context, filter replies.Filter, _ int) ([]replies.Row, error) {
	return f.matching(filter), nil
}

func (f *fakeReplies) Page(_ context.Context, filter replies.Filter, _ int, _ []byte) ([]replies.Row, []byte, error) {
	return f.matching(filter), nil, nil
}

func (f *fakeReplies) Newest(_ context.Context, filter replies.Filter, after replies.Cursor, limit int) ([]replies.Row, replies.Cursor, error) {
	rows := f.matching(filter)
	slices.SortFunc(rows, func(a, b replies.Row) int {
		return cmp.Or(b.StartedAt.Compare(a.StartedAt), strings.Compare(a.ID, b.ID))
	})
	if !after.IsZero() {
		at := slices.IndexFunc(rows, func(r replies.Row) bool { return r.ID == after.ID })
		rows = rows[at+1:]
	}
	if len(rows) <= limit {
		return rows, replies.Cursor{}, nil
	}
	return rows[:limit], replies.CursorAfter(rows[limit-1]), nil
}

func (f *fakeReplies) Row(_ context.Context, id string) (replies.Row, error) {
	for _, r := range f.matching(replies.Filter{IDs: []string{id}}) {
		return r, nil
	}
	return replies.Row{}, &replies.Error{Code: replies.NotFound, Message: "it does not exist"}
}

func (f *fakeReplies) Status(_ context.Context, id string) (workflows.PrivateReplyStatus, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, ok := f.status[id]
	if !ok {
		return s, &replies.Error{Code: replies.NotFound, Message: "it does not exist"}
	}
	return s, nil
}

func (f *fakeReplies) History(context.Context, string) (replies.History, error) {
	return replies.History{}, nil
}
func (f *fakeReplies) Conversation(context.Context, string) (replies.Conversation, error) {
	return f.thread, nil
}
func (f *fakeReplies) PersonKeys(_ privatereply.Platform, account, person string) []string {
	return []string{"new " + account + person, "old " + account + person}
}

func (f *fakeReplies) ConversationStatus(context.Context, string) (workflows.ConversationStatus, error) {
	return f.thread.Status, nil
}

func (f *fakeReplies) Retention(context.Context) (time.Duration, error) { return 240 * time.Hour, nil }

func (f *fakeReplies) Follow(ctx context.Context, _ string, changed func()) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-f.news:
			changed()
		}
	}
}

// editedRefusal is a reply's refusal of an approval with the hash of an old text.
const editedRefusal = "the comment was edited at 12:00:00 UTC on 2 Jan 2026; read it again, then decide"

// edit changes the comment of a reply, after which the rules propose another text.
func (f *fakeReplies) edit(id, comment, text string) {
	f.editStatusOnly(id, comment, text)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rows = slices.Clone(f.rows)
	for i, r := range f.rows {
		if r.ID == id {
			f.rows[i].Comment, f.rows[i].Text = privatereply.CutText(comment, 300), text
			f.rows[i].EditedAt, f.rows[i].CommentSHA256 = f.status[id].Comment.EditedAt, privatereply.TextSHA256(comment)
		}
	}
}

// editStatusOnly is an edit that lists do not show yet.
func (f *fakeReplies) editStatusOnly(id, comment, text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.status[id]
	// Each edit is later than the one before.
	s.Comment.EditedAt = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC).Add(time.Duration(f.edits) * time.Minute)
	f.edits++
	s.Comment.Text, s.Text, s.Decision.Text = comment, text, text
	f.status[id] = s
}

func (f *fakeReplies) Approve(_ context.Context, id, updateID string, m workflows.Approve) (workflows.DecisionResult, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refusal != nil {
		return workflows.DecisionResult{}, f.refusal
	}
	if m.CommentSHA256 != "" && m.CommentSHA256 != privatereply.TextSHA256(f.status[id].Comment.Text) {
		return workflows.DecisionResult{}, &replies.Error{Code: replies.Refused, Message: editedRefusal}
	}
	s := f.status[id]
	if f.decides && s.Approver != "" {
		return workflows.DecisionResult{}, &replies.Error{Code: replies.Refused, Message: "already decided: " + s.Approver + " approved this reply at 12:00:00 UTC on 2 Jan 2026; it is sent"}
	}
	if m.TextSHA256 != "" && m.TextSHA256 != replies.ProposalSHA256(s) {
		return workflows.DecisionResult{}, &replies.Error{Code: replies.Refused, Message: s.ProposedBy + " proposed another text at 12:00:00 UTC on 2 Jan 2026; read it, then decide again"}
	}
	f.approved, f.updates = append(f.approved, m), append(f.updates, updateID)
	if f.decides {
		if m.Text != "" {
			s.Text = m.Text
		}
		if m.Buttons != nil {
			s.Buttons = m.Buttons
		}
		if m.QuickReplies != nil {
			s.QuickReplies = m.QuickReplies
		}
		if m.PublicText != nil {
			s.PublicText = *m.PublicText
		}
		s.State, s.Approver, s.DecidedAt = privatereply.Sending, m.Approver, time.Now()
		f.change(id, s)
	}
	return workflows.DecisionResult{Accepted: true, State: privatereply.Sending}, nil
}

// change brings a reply's status into force, in lists as well. The lock is held.
func (f *fakeReplies) change(id string, s workflows.PrivateReplyStatus) {
	f.status[id] = s
	f.rows = slices.Clone(f.rows)
	for i, r := range f.rows {
		if r.ID == id {
			f.rows[i].State, f.rows[i].Text, f.rows[i].Assignee, f.rows[i].ProposedBy, f.rows[i].Approver = s.State, s.Text, s.Assignee, s.ProposedBy, s.Approver
		}
	}
	select {
	case f.news <- struct{}{}:
	default:
	}
}

func (f *fakeReplies) Reject(_ context.Context, id, _ string, m workflows.Reject) (workflows.DecisionResult, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.decides {
		return workflows.DecisionResult{Accepted: false, State: privatereply.Sent, Reason: privatereply.TooLate}, nil
	}
	s := f.status[id]
	if s.Approver != "" {
		return workflows.DecisionResult{}, &replies.Error{Code: replies.Refused, Message: "already decided: " + s.Approver + " approved this reply at 12:00:00 UTC on 2 Jan 2026; it is sent"}
	}
	f.rejected = append(f.rejected, m)
	s.State, s.Reason, s.Approver, s.RejectReason, s.DecidedAt = privatereply.Rejected, privatereply.RejectedByApprover, m.Approver, m.Reason, time.Now()
	f.change(id, s)
	return workflows.DecisionResult{Accepted: true, State: privatereply.Rejected}, nil
}

func (f *fakeReplies) Reopen(_ context.Context, id, by, reason string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.status[id]
	if s.State != privatereply.Rejected {
		return &replies.Error{Code: replies.Refused, Message: "there is nothing to reopen. It waits for a decision"}
	}
	s.Reopened = &workflows.Reopened{By: by, Reason: reason, RejectedBy: s.Approver}
	s.State, s.Reason, s.Approver, s.RejectReason = privatereply.AwaitingApproval, "", "", ""
	f.change(id, s)
	return nil
}

func (f *fakeReplies) Propose(_ context.Context, id, _ string, m workflows.Propose) (workflows.DecisionResult, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.status[id]
	f.proposed = append(f.proposed, m)
	if m.Buttons != nil {
		s.Buttons = m.Buttons
	}
	if m.QuickReplies != nil {
		s.QuickReplies = m.QuickReplies
	}
	if m.PublicText != nil {
		s.PublicText = *m.PublicText
	}
	s.Text, s.ProposedBy, s.ProposalNote, s.ProposedAt, s.State = m.Text, m.By, m.Note, time.Now(), privatereply.AwaitingApproval
	f.change(id, s)
	return workflows.DecisionResult{Accepted: true, State: s.State}, nil
}

func (f *fakeReplies) Note(_ context.Context, id, _ string, m workflows.Note) (workflows.DecisionResult, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.status[id]
	s.Notes = append(slices.Clone(s.Notes), workflows.TeamNote{By: m.By, Text: m.Text, At: time.Now()})
	f.change(id, s)
	return workflows.DecisionResult{Accepted: true, State: s.State}, nil
}

func (f *fakeReplies) Assign(_ context.Context, id, _ string, m workflows.Assign) (workflows.DecisionResult, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.status[id]
	s.Assignee = m.To
	f.change(id, s)
	return workflows.DecisionResult{Accepted: true, State: s.State}, nil
}

func (f *fakeReplies) Resolve(context.Context, string, string, workflows.Resolve) (workflows.DecisionResult, error) {
	return workflows.DecisionResult{Accepted: true, State: privatereply.Undeliverable}, nil
}

func (f *fakeReplies) FollowUp(_ context.Context, _, _ string, m workflows.FollowUp) (workflows.FollowUpResult, error) {
	f.followed = append(f.followed, m)
	return workflows.FollowUpResult{State: privatereply.OutcomeUnknown, Reason: privatereply.NoAnswer}, nil
}

func (f *fakeReplies) SetHidden(_ context.Context, _ privatereply.Comment, hidden bool, by string) (workflows.HideStatus, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refusal != nil {
		return workflows.HideStatus{}, f.refusal
	}
	f.hidden = &workflows.HideStatus{State: f.hiding, Hidden: hidden, By: by, At: time.Now()}
	if f.hiding == "" {
		f.hidden.State = workflows.EffectDone
	}
	return *f.hidden, nil
}

func (f *fakeReplies) Visibility(context.Context, privatereply.Comment) (*workflows.HideStatus, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hidden, nil
}

const waitingID = "reply:instagram:17841400000000001:18000000000000001"

// fakeDesk is a desk on fakeReplies.
type fakeDesk struct {
	t      *testing.T
	fake   *fakeReplies
	queue  *queue.Queue
	url    string
	tokens map[string]string
}

func newFakeDesk(t *testing.T, rows ...replies.Row) *fakeDesk {
	t.Helper()
	return newFakeDeskWith(t, func(*desk.Config) {}, rows...)
}

// newFakeDeskWith changes the configuration of the desk before it starts.
func newFakeDeskWith(t *testing.T, change func(*desk.Config), rows ...replies.Row) *fakeDesk {
	t.Helper()
	if len(rows) == 0 {
		rows = []replies.Row{{ID: waitingID, State: privatereply.AwaitingApproval, Platform: privatereply.Instagram, Account: instagram,
			Person: "lena", Comment: "How much?", Text: "12 euros", Rule: "price", Deadline: time.Now().Add(time.Hour), StartedAt: time.Now()}}
	}
	c := &fakeDesk{t: t, fake: &fakeReplies{rows: rows, status: map[string]workflows.PrivateReplyStatus{}, news: make(chan struct{})}, tokens: map[string]string{}}
	for _, r := range rows {
		c.fake.status[r.ID] = workflows.PrivateReplyStatus{State: r.State, Deadline: r.Deadline, DeadlineFrom: privatereply.ClockReceived, Text: r.Text,
			Comment:  privatereply.Comment{Platform: r.Platform, Account: r.Account, CommentID: "1", PersonID: "2", Text: r.Comment},
			Decision: privatereply.Decision{Action: privatereply.ActionAsk, Text: r.Text, Rule: r.Rule}}
	}
	c.queue = queue.New(c.fake, zap.NewNop())
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	running.Go(func() { c.queue.Run(ctx) })
	t.Cleanup(func() { stop(); running.Wait() })
	var file strings.Builder
	roles := map[string]signin.Role{"ana": signin.Approver, "ben": signin.Approver, "wim": signin.Writer, "vera": signin.Viewer, "adam": signin.Admin, "eve": signin.Admin, "otto": signin.Admin}
	for _, name := range slices.Sorted(maps.Keys(roles)) {
		token, lines, err := signin.NewUser(name, roles[name])
		if err != nil {
			t.Fatal(err)
		}
		c.tokens[name] = token
		file.WriteString(lines)
		if name == "otto" { // sees one account only, and not the one of waitingID
			file.WriteString("  accounts: [Oak Corner]\n")
		}
	}
	path := filepath.Join(t.TempDir(), "users.yaml")
	if err := os.WriteFile(path, []byte(file.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	users, err := signin.OpenUsers(path)
	if err != nil {
		t.Fatal(err)
	}
	guard, err := signin.NewAuthenticator(signin.Options{Users: users})
	if err != nil {
		t.Fatal(err)
	}
	cfg := desk.Config{Replies: c.fake, Queue: c.queue, Authenticator: guard, Accounts: fakeAccounts{}, Logger: zap.NewNop()}
	change(&cfg)
	web := httptest.NewServer(desk.New(cfg).Handler())
	t.Cleanup(web.Close)
	t.Cleanup(web.CloseClientConnections)
	c.url = web.URL
	return c
}

// fakeAccounts has the accounts of a fakeDesk.
type fakeAccounts struct{}

func (fakeAccounts) All() []privatereply.Account {
	return []privatereply.Account{
		{Platform: privatereply.Instagram, ID: instagram, Name: "Clean Slate", HumanAgent: true},
		{Platform: privatereply.Facebook, ID: page, Name: "Oak Corner"},
	}
}

func (k fakeAccounts) Get(privatereply.Platform, string) (privatereply.Account, bool) {
	return k.All()[0], true
}

// signedIn is a browser in which a user has signed in; an empty name is nobody.
func (c *fakeDesk) signedIn(name string) *http.Client {
	c.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		c.t.Fatal(err)
	}
	client := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if name != "" {
		resp, err := client.PostForm(c.url+"/signin", url.Values{"token": {c.tokens[name]}})
		if err != nil {
			c.t.Fatal(err)
		}
		resp.Body.Close()
	}
	return client
}

// do sends a request and reads the response.
func (c *fakeDesk) do(client *http.Client, method, path, body string, header http.Header) (*http.Response, string) {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.url+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	for name, values := range header {
		req.Header[name] = values
	}
	resp, err := client.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return resp, string(text)
}

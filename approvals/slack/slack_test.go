package slack

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/approvals/queue"
	"github.com/privatereply/privatereply/approvals/signin"
	"github.com/privatereply/privatereply/internal/replies"
	labslack "github.com/privatereply/privatereply/lab/slack"
	"github.com/privatereply/privatereply/workflows"
)

// held are replies as Temporal has them.
type held struct {
	mu      sync.Mutex
	all     map[string]*workflows.PrivateReplyStatus
	answers map[string]workflows.DecisionResult // by update id
	sent    []workflows.Approve                 // approvals that counted
	err     error
}

func id(n int) string { return fmt.Sprintf("reply:instagram:17841400000000001:1800000000000%04d", n) }

func newHeld() *held {
	return &held{all: map[string]*workflows.PrivateReplyStatus{}, answers: map[string]workflows.DecisionResult{}}
}

// wait adds replies that wait.
func (h *held) wait(from, to int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for n := from; n < to; n++ {
		h.all[id(n)] = &workflows.PrivateReplyStatus{
			State: privatereply.AwaitingApproval, Deadline: time.Now().Add(72*time.Hour + time.Duration(n)*time.Minute).UTC(), Text: fmt.Sprintf("Hi person%d", n),
			Comment: privatereply.Comment{Platform: privatereply.Instagram, Account: "17841400000000001", Username: fmt.Sprintf("person%d", n), Text: "How much is it?", Source: privatereply.SourcePost},
		}
	}
}

func (h *held) change(n int, do func(s *workflows.PrivateReplyStatus)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	do(h.all[id(n)])
}

func (h *held) fail(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.err = err
}

func (h *held) Status(_ context.Context, id string) (workflows.PrivateReplyStatus, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.err != nil {
		return workflows.PrivateReplyStatus{}, h.err
	}
	if s := h.all[id]; s != nil {
		return *s, nil
	}
	return workflows.PrivateReplyStatus{}, &replies.Error{Code: replies.NotFound, Message: id + " does not exist"}
}

// decide decides as the workflow does.
func (h *held) decide(id, updateID, approver string, sha string, do func(s *workflows.PrivateReplyStatus)) (workflows.DecisionResult, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if answer, ok := h.answers[updateID]; ok {
		return answer, nil
	}
	s := h.all[id]
	switch {
	case h.err != nil:
		return workflows.DecisionResult{}, h.err
	case s.State != privatereply.AwaitingApproval:
		return workflows.DecisionResult{}, &replies.Error{Code: replies.Refused, Message: "already decided: " + s.Approver + " approved this reply"}
	case sha != "" && sha != privatereply.TextSHA256(s.Comment.Text):
		return workflows.DecisionResult{}, &replies.Error{Code: replies.Refused, Message: "the comment was edited"}
	}
	s.Approver = approver
	do(s)
	h.answers[updateID] = workflows.DecisionResult{Accepted: true, State: s.State}
	return h.answers[updateID], nil
}

func (h *held) Approve(_ context.Context, id, updateID string, m workflows.Approve) (workflows.DecisionResult, error) {
	return h.decide(id, updateID, m.Approver, m.CommentSHA256, func(s *workflows.PrivateReplyStatus) {
		s.State, s.Text = privatereply.Sent, m.Text
		h.sent = append(h.sent, m)
	})
}

func (h *held) Reject(_ context.Context, id, updateID string, m workflows.Reject) (workflows.DecisionResult, error) {
	return h.decide(id, updateID, m.Approver, "", func(s *workflows.PrivateReplyStatus) {
		s.State, s.RejectReason = privatereply.Rejected, m.Reason
	})
}

func (h *held) approved() []workflows.Approve {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.sent)
}

// The queue reads what waits from the same.

func (h *held) Count(context.Context, replies.Filter) (int64, error) {
	rows, err := h.Earliest(context.Background(), replies.Filter{}, 1000)
	return int64(len(rows)), err
}

func (h *held) Earliest(_ context.Context, _ replies.Filter, limit int) ([]replies.Row, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var rows []replies.Row
	for id, s := range h.all {
		if s.State == privatereply.AwaitingApproval {
			rows = append(rows, replies.Row{ID: id, State: s.State, Deadline: s.Deadline, Account: s.Comment.Account, Text: s.Text, CommentSHA256: privatereply.TextSHA256(s.Comment.Text), EditedAt: s.Comment.EditedAt})
		}
	}
	return rows[:min(len(rows), limit)], nil
}

func (h *held) Page(ctx context.Context, f replies.Filter, size int, _ []byte) ([]replies.Row, []byte, error) {
	rows, err := h.Earliest(ctx, f, size)
	return rows, nil, err
}

type oneAccount struct{}

func (oneAccount) Get(privatereply.Platform, string) (privatereply.Account, bool) {
	return privatereply.Account{Name: "Clean Slate"}, true
}

// play is the product's part of Slack, beside a Slack.
type play struct {
	*held
	t     *testing.T
	slack *labslack.Server
	cfg   Config
	queue *queue.Queue
	watch *queue.Watcher // so that the queue is read each second
	in    *Interactions
}

const usersFile = `
- {name: ana, role: approver, slack: U0ANA}
- {name: ben, role: approver, slack: U0BEN}
- {name: carl, role: viewer, slack: U0CARL}
- {name: dora, role: approver, slack: U0DORA, accounts: [Another]}
`

func newPlay(t *testing.T) *play {
	t.Helper()
	p := &play{held: newHeld(), t: t, slack: labslack.New("xoxb-test", "C0REPLIES", "test-slack-secret")}
	t.Cleanup(p.slack.Close)
	file := filepath.Join(t.TempDir(), "users.yaml")
	if err := os.WriteFile(file, []byte(usersFile), 0o600); err != nil {
		t.Fatal(err)
	}
	users, err := signin.OpenUsers(file)
	if err != nil {
		t.Fatal(err)
	}
	p.cfg = Config{Token: "xoxb-test", Channel: "C0REPLIES", URL: p.slack.URL(), Desk: "https://desk.example.com", Replies: p.held, Accounts: oneAccount{}}
	p.in = NewInteractions(p.cfg, "test-slack-secret", labslack.Team, users, zap.NewNop())
	p.in.slack.pace = rate.NewLimiter(rate.Inf, 1)
	srv := httptest.NewServer(p.in)
	t.Cleanup(srv.Close)
	p.slack.InteractionURL = srv.URL
	p.queue = queue.New(p.held, zap.NewNop())
	p.run(p.queue.Run)
	p.watch = p.queue.Watch(0)
	t.Cleanup(p.watch.Close)
	return p
}

// run runs something until it is stopped, or the test ends.
func (p *play) run(do func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(p.t.Context())
	done := make(chan struct{})
	go func() { defer close(done); do(ctx) }()
	stop = func() { cancel(); <-done }
	p.t.Cleanup(stop)
	return stop
}

// desk runs the desk's part.
func (p *play) desk() (stop func()) {
	poster := NewPoster(p.cfg, p.queue, zap.NewNop())
	poster.interval, poster.gather, poster.slack.pace = 10*time.Millisecond, 100*time.Millisecond, rate.NewLimiter(rate.Inf, 1)
	return p.run(poster.Run)
}

func (p *play) await(what string, cond func() bool) {
	p.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !cond(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			for _, m := range p.slack.Messages() {
				p.t.Log(m.Words())
			}
			p.t.Fatalf("%s does not happen; whispers %q; problems %q", what, p.slack.Whispers(), p.slack.Problems())
		}
	}
}

// message is the one that has a reply.
func (p *play) message(n int) labslack.Message {
	for _, m := range p.slack.Messages() {
		if strings.Contains(m.Words(), fmt.Sprintf("person%d ", n)) {
			return m
		}
	}
	return labslack.Message{}
}

func (p *play) tap(user string, n int, action string) []byte {
	p.t.Helper()
	payload, err := p.slack.Tap(user, p.message(n).TS, id(n), action)
	if err != nil {
		p.t.Fatal(err)
	}
	return payload
}

func (p *play) shows(n int, words string) func() bool {
	return func() bool { return strings.Contains(p.message(n).Words(), words) }
}

func (p *play) whispered(user, words string) func() bool {
	return func() bool {
		return slices.ContainsFunc(p.slack.Whispers(), func(w string) bool { return strings.HasPrefix(w, user+": ") && strings.Contains(w, words) })
	}
}

// A day in Slack: what waits is gathered, approved, edited and rejected there, each once,
// by those who may; what is decided elsewhere is said; a desk that starts again finds its
// messages.
func TestSlack(t *testing.T) {
	p := newPlay(t)
	p.wait(0, 8)
	p.change(7, func(s *workflows.PrivateReplyStatus) {
		s.Comment.Text = "<https://evil.example|click> <!channel> & <@U0ANA> " + strings.Repeat("x", 5000)
	})
	stop := p.desk()
	p.await("all are posted", func() bool { return p.message(0).TS != "" && p.message(7).TS != "" })
	if n := len(p.slack.Messages()); n != 2 {
		t.Errorf("8 replies are %d messages", n)
	}
	for n, want := range map[int]bool{0: true, 7: false} {
		if m := p.message(n); m.Offers(id(n), actionApprove) != want || m.Offers(id(n), actionEdit) != want || !m.Offers(id(n), actionReject) || !m.Offers(id(n), actionOpen) {
			t.Errorf("person%d: the buttons are wrong: %v", n, m.Blocks)
		}
	}
	if words := p.message(0).Words(); !strings.Contains(words, "How much is it?") || !strings.Contains(words, "Hi person0") || !strings.Contains(words, "Clean Slate") || !strings.Contains(words, "(3 days)") {
		t.Errorf("the message says\n%s", words)
	}

	// Approve, twice, and once more as a replay.
	first := p.tap("U0ANA", 0, actionApprove)
	p.await("the approval is shown", p.shows(0, "Approved by ana"))
	if _, err := p.slack.Send(first); err != nil {
		t.Error(err)
	}
	p.in.Wait(t.Context())
	if sent := p.approved(); len(sent) != 1 || sent[0].Approver != "ana" || sent[0].Text != "Hi person0" || sent[0].CommentSHA256 != privatereply.TextSHA256("How much is it?") {
		t.Errorf("approved: %+v", sent)
	}
	if w := p.slack.Whispers(); len(w) != 0 {
		t.Errorf("a replay is answered %q", w)
	}

	// Edit: a form with the proposal; a text that is too long stays in it.
	p.tap("U0BEN", 1, actionEdit)
	p.await("the form opens", func() bool { return len(p.slack.Views()) == 1 })
	form := p.slack.Views()[0]
	if refused, err := p.slack.Submit(form, map[string]string{fieldText: strings.Repeat("x", 1001)}); err != nil || !strings.Contains(refused[fieldText], "1000") {
		t.Errorf("a long text: %v, %v", refused, err)
	}
	for range 2 {
		if refused, err := p.slack.Submit(form, map[string]string{fieldText: "12 euros"}); err != nil || refused != nil {
			t.Fatal(refused, err)
		}
	}
	p.await("the edited text is shown", p.shows(1, "12 euros"))
	p.in.Wait(t.Context())
	if sent := p.approved(); len(sent) != 2 || sent[1].Text != "12 euros" || sent[1].Approver != "ben" {
		t.Errorf("approved: %+v", sent)
	}

	// Reject, with a reason.
	p.tap("U0ANA", 2, actionReject)
	p.await("the form opens", func() bool { return len(p.slack.Views()) == 2 })
	if refused, err := p.slack.Submit(p.slack.Views()[1], nil); err != nil || refused[fieldReason] == "" {
		t.Errorf("no reason: %v, %v", refused, err)
	}
	if _, err := p.slack.Submit(p.slack.Views()[1], map[string]string{fieldReason: "spam"}); err != nil {
		t.Fatal(err)
	}
	p.await("the rejection is shown", p.shows(2, "Rejected by ana: spam"))

	// Who may not decide is told why.
	for user, words := range map[string]string{"U0NOBODY": "does not know you", "U0CARL": "Only approvers", "U0DORA": "none of yours"} {
		p.tap(user, 3, actionApprove)
		p.await(user+" is refused", p.whispered(user, words))
	}

	// A decision that was made meanwhile, an edited comment, another proposal.
	p.held.fail(nil)
	p.change(3, func(s *workflows.PrivateReplyStatus) { s.State, s.Approver = privatereply.Sent, "lea" })
	p.tap("U0BEN", 3, actionApprove)
	p.await("ben hears who was first", p.whispered("U0BEN", "Already decided: lea"))
	p.await("the message says so", p.shows(3, "Approved by lea"))
	stale := p.message(4)
	p.change(4, func(s *workflows.PrivateReplyStatus) { s.Comment.Text, s.Comment.EditedAt = "And in oak?", time.Now() })
	if _, err := p.slack.Tap("U0ANA", stale.TS, id(4), actionApprove); err == nil && !p.shows(4, "And in oak?")() {
		p.await("ana hears of the edit", p.whispered("U0ANA", "comment was edited"))
	}
	p.await("the edited comment is shown", p.shows(4, "And in oak?"))

	// A desk that starts again keeps its messages up to date, and posts nothing twice.
	stop()
	p.change(5, func(s *workflows.PrivateReplyStatus) {
		s.State, s.Reason = privatereply.Expired, privatereply.NobodyDecided
	})
	p.wait(8, 9)
	p.desk()
	p.await("the expired reply is shown as such", p.shows(5, "Too late"))
	p.await("the new reply is posted", func() bool { return p.message(8).TS != "" })
	if n := len(p.slack.Messages()); n != 3 {
		t.Errorf("there are %d messages", n)
	}
	if len(p.slack.Problems()) > 0 {
		t.Error(p.slack.Problems())
	}
}

// Another text that was proposed meanwhile is not approved unseen.
func TestAnotherProposal(t *testing.T) {
	p := newPlay(t)
	p.wait(0, 1)
	stop := p.desk()
	p.await("it is posted", func() bool { return p.message(0).TS != "" })
	stop()
	p.change(0, func(s *workflows.PrivateReplyStatus) { s.Text = "Nobody has read this" })
	p.tap("U0ANA", 0, actionApprove)
	p.await("ana hears of it", p.whispered("U0ANA", "Another reply is proposed"))
	p.await("the message shows it", p.shows(0, "Nobody has read this"))
	p.in.Wait(t.Context())
	if sent := p.approved(); len(sent) != 0 {
		t.Errorf("sent: %+v", sent)
	}
	p.tap("U0ANA", 0, actionApprove)
	p.await("now it is approved", func() bool { return len(p.approved()) == 1 })
}

// All of a reply that can be tapped is read in Slack before it is approved there, and what
// nobody has read there is not sent.
func TestTapsInSlack(t *testing.T) {
	p := newPlay(t)
	p.wait(0, 3)
	p.change(0, func(s *workflows.PrivateReplyStatus) {
		s.Buttons = []privatereply.Button{{Title: "The list", Then: "Here: https://example.com/list"}, {Title: "The shop", URL: "https://example.com/shop"}}
		s.PublicText = "Look into your messages!"
	})
	p.change(1, func(s *workflows.PrivateReplyStatus) {
		s.QuickReplies = []privatereply.QuickReply{{Title: "Small"}, {Title: "Large", Then: strings.Repeat("x", 900)}}
	})
	p.change(2, func(s *workflows.PrivateReplyStatus) {
		s.QuickReplies = []privatereply.QuickReply{{Title: "S", Then: strings.Repeat("x", 1000)}, {Title: "M", Then: strings.Repeat("y", 1000)}, {Title: "L", Then: strings.Repeat("z", 1000)}}
	})
	p.desk()
	p.await("they are posted", func() bool { return p.message(0).TS != "" && p.message(1).TS != "" && p.message(2).TS != "" })
	words := p.message(0).Words() + p.message(1).Words()
	for _, want := range []string{"[The list] sends: Here: https://example.com/list", "[The shop] opens https://example.com/shop", "Look into your messages!", "(Small) is an answer that somebody reads", privatereply.MessageRequestsRemark} {
		if !strings.Contains(words, want) {
			t.Errorf("no %q in\n%s", want, words)
		}
	}
	if p.message(2).Offers(id(2), actionApprove) || p.message(2).Offers(id(2), actionEdit) {
		t.Error("what Slack cannot show whole is approved there")
	}
	p.tap("U0ANA", 0, actionApprove)
	p.await("it is approved", func() bool { return len(p.approved()) == 1 })
	if m := p.approved()[0]; m.TextSHA256 == "" || m.TextSHA256 == privatereply.TextSHA256("Hi person0") {
		t.Errorf("approved %+v", m)
	}
	// The form keeps what can be tapped, and switches the public reply.
	p.tap("U0ANA", 1, actionEdit)
	p.await("the form opens", func() bool { return len(p.slack.Views()) == 1 })
	form := p.slack.Views()[0]
	if refused, err := p.slack.Submit(form, map[string]string{fieldText: "Which size?", fieldPublic: strings.Repeat("x", 2201)}); err != nil || !strings.Contains(refused[fieldPublic], "2200") {
		t.Errorf("a long public reply: %v, %v", refused, err)
	}
	if refused, err := p.slack.Submit(form, map[string]string{fieldText: "Which size?", fieldPublic: "Look into your messages!"}); err != nil || refused != nil {
		t.Fatal(refused, err)
	}
	p.await("the edited text is approved", func() bool { return len(p.approved()) == 2 })
	if m := p.approved()[1]; m.Text != "Which size?" || m.TextSHA256 == "" || m.QuickReplies != nil || m.PublicText == nil || *m.PublicText != "Look into your messages!" {
		t.Errorf("approved %+v", m)
	}
	if len(p.slack.Problems()) > 0 {
		t.Error(p.slack.Problems())
	}
}

// While Slack is away, or busy, nothing is lost: what came meanwhile is posted, gathered,
// when it is back, and Temporal's silence is said.
func TestSlackAway(t *testing.T) {
	p := newPlay(t)
	p.slack.Away(true)
	p.wait(0, 3)
	p.desk()
	time.Sleep(50 * time.Millisecond)
	p.slack.Busy(1)
	p.slack.Away(false)
	p.await("all are in one message", func() bool { return p.message(0).TS != "" && p.message(0).TS == p.message(2).TS })
	p.held.fail(context.DeadlineExceeded)
	p.tap("U0ANA", 0, actionApprove)
	p.await("ana hears that nobody knows", p.whispered("U0ANA", "Temporal does not answer"))
	p.held.fail(nil)
	p.tap("U0ANA", 0, actionApprove)
	p.await("the second tap counts", p.shows(0, "Approved by ana"))
	if n := len(p.slack.Messages()); n != 1 || len(p.approved()) != 1 {
		t.Errorf("%d messages, %d approvals", n, len(p.approved()))
	}
}

// What Slack has not signed, or long ago, is refused before it is parsed.
func TestSignature(t *testing.T) {
	body := "payload=%7B%22type%22%3A%22block_actions%22%7D"
	if got := labslack.Sign("test-slack-secret", "1785412106", []byte(body)); got != "v0=19922b1e16696f4f070b34ee642116eb5126da0590c5159365e04b1bf6f2803a" {
		t.Errorf("the laboratory signs %s", got)
	}
	now := strconv.FormatInt(time.Now().Unix(), 10)
	p := newPlay(t)
	for _, tt := range []struct {
		name, secret, at, body, kind string
		want                         int
	}{
		{"right", "test-slack-secret", now, body, "application/x-www-form-urlencoded", http.StatusOK},
		{"another secret", "another", now, body, "application/x-www-form-urlencoded", http.StatusUnauthorized},
		{"ten minutes old", "test-slack-secret", strconv.FormatInt(time.Now().Unix()-600, 10), body, "application/x-www-form-urlencoded", http.StatusUnauthorized},
		{"from the future", "test-slack-secret", strconv.FormatInt(time.Now().Unix()+600, 10), body, "application/x-www-form-urlencoded", http.StatusUnauthorized},
		{"no time", "test-slack-secret", "", body, "application/x-www-form-urlencoded", http.StatusUnauthorized},
		{"no form", "test-slack-secret", now, body, "text/plain", http.StatusUnsupportedMediaType},
		{"no payload", "test-slack-secret", now, "payload=%7B", "application/x-www-form-urlencoded", http.StatusBadRequest},
		{"too large", "test-slack-secret", now, strings.Repeat("x", maxBody+1), "application/x-www-form-urlencoded", http.StatusRequestEntityTooLarge},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, Path, strings.NewReader(tt.body))
			r.Header.Set("Content-Type", tt.kind)
			r.Header.Set("X-Slack-Request-Timestamp", tt.at)
			r.Header.Set("X-Slack-Signature", labslack.Sign(tt.secret, tt.at, []byte(tt.body)))
			w := httptest.NewRecorder()
			p.in.ServeHTTP(w, r)
			if w.Code != tt.want {
				t.Errorf("answered %d, want %d", w.Code, tt.want)
			}
		})
	}
}

// A message with the longest texts stays within Slack's limits, and its words stay plain.
func TestLimits(t *testing.T) {
	r := renderer{Config: Config{Desk: "https://desk.example.com", Accounts: oneAccount{}}, now: time.Now}
	var items []item
	for n := range maxReplies {
		s := workflows.PrivateReplyStatus{
			State: privatereply.AwaitingApproval, Deadline: time.Now().Add(time.Hour), Text: strings.Repeat("é😀", 1400),
			Comment: privatereply.Comment{Platform: privatereply.Facebook, Account: "1", Username: "<!channel>", Text: strings.Repeat("<@U0ANA>😀", 1000)},
		}
		items = append(items, item{id: id(n), state: s.State, status: &s, account: strings.Repeat("long ", 100)})
	}
	m := r.message(items)
	raw, err := json.Marshal(m.blocks)
	if err != nil {
		t.Fatal(err)
	}
	var blocks []map[string]any
	if err := json.Unmarshal(raw, &blocks); err != nil {
		t.Fatal(err)
	}
	if problem := labslack.Check(blocks); problem != "" || len(m.open) != maxReplies {
		t.Errorf("%s, %d open", problem, len(m.open))
	}
	if strings.Contains(string(raw), `"type":"mrkdwn","text":"\u003c@`) {
		t.Error("a stranger's words are markup")
	}
}

package slack

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	slackapi "github.com/slack-go/slack"
	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/approvals/signin"
	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/workflows"
)

const (
	// maxBody bounds an interaction: a message of 50 blocks of 3,000 characters comes back
	// with it, escaped.
	maxBody = 1 << 20
	// openTimeout is how long it may take to read a reply before its form is opened: Slack
	// forgets the trigger of a form after 3 seconds.
	openTimeout = 1500 * time.Millisecond
	// workTimeout bounds what follows the answer to Slack.
	workTimeout = 2 * time.Minute
	// maxWork is how many interactions are worked on at once. More are refused: a person can
	// tap again.
	maxWork = 32
	// maxReads bounds the memory of bodies: anybody can send one, and its signature is
	// verified only when all of it has arrived.
	maxReads = 64
)

// Users is the users file; *signin.Users in production.
type Users interface {
	BySlack(id string) (signin.User, bool)
}

// Interactions is the HTTP handler of what people do in Slack.
type Interactions struct {
	renderer
	secret string
	team   string // empty: any
	users  Users
	slack  *client
	log    *zap.Logger

	slots   chan struct{}
	reads   chan struct{}
	working sync.WaitGroup
	refused rate.Sometimes // logs refused requests, which anybody can send
}

// NewInteractions returns a handler. Slack signs with secret; the team is the id of the
// workspace whose people may decide, or empty.
func NewInteractions(c Config, secret, team string, users Users, log *zap.Logger) *Interactions {
	return &Interactions{
		renderer: renderer{Config: c, now: time.Now}, secret: secret, team: team, users: users,
		slack: newClient(c), log: log, slots: make(chan struct{}, maxWork), reads: make(chan struct{}, maxReads),
		refused: rate.Sometimes{First: 5, Interval: time.Minute},
	}
}

// Wait waits until what was answered has been worked on, at most until ctx is done.
func (h *Interactions) Wait(ctx context.Context) {
	done := make(chan struct{})
	go func() { h.working.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// ServeHTTP answers an interaction within Slack's 3 seconds, and then works on it.
func (h *Interactions) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	interaction, status, err := h.read(w, r)
	if err != nil {
		h.refused.Do(func() { h.log.Warn("Refused an interaction", zap.Error(err)) })
		http.Error(w, http.StatusText(status), status)
		return
	}
	if interaction.Type == slackapi.InteractionTypeViewSubmission {
		if wrong := h.checkForm(interaction); wrong != nil {
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(slackapi.NewErrorsViewSubmissionResponse(wrong))
			return
		}
	}
	select {
	case h.slots <- struct{}{}:
	default:
		w.Header().Set("Retry-After", "1")
		http.Error(w, http.StatusText(http.StatusServiceUnavailable), http.StatusServiceUnavailable)
		return
	}
	// It goes on when Slack has its answer.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), workTimeout)
	h.working.Go(func() {
		defer func() { cancel(); <-h.slots }()
		h.handle(ctx, interaction)
	})
	w.WriteHeader(http.StatusOK)
}

// read verifies a request before it parses anything of it.
func (h *Interactions) read(w http.ResponseWriter, r *http.Request) (in slackapi.InteractionCallback, status int, err error) {
	verifier, err := slackapi.NewSecretsVerifier(r.Header, h.secret) // also the time
	if err != nil {
		return in, http.StatusUnauthorized, err
	}
	select {
	case h.reads <- struct{}{}:
		defer func() { <-h.reads }()
	default:
		return in, http.StatusServiceUnavailable, errors.New("too many bodies at once")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return in, http.StatusRequestEntityTooLarge, err
		}
		return in, http.StatusBadRequest, err
	}
	if _, err := io.Copy(&verifier, bytes.NewReader(body)); err != nil {
		return in, http.StatusUnauthorized, err
	}
	if err := verifier.Ensure(); err != nil {
		return in, http.StatusUnauthorized, err
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/x-www-form-urlencoded" {
		return in, http.StatusUnsupportedMediaType, errors.New("it is not a form")
	}
	form, err := url.ParseQuery(string(body))
	if err == nil {
		err = json.Unmarshal([]byte(form.Get("payload")), &in)
	}
	if err != nil {
		return in, http.StatusBadRequest, errors.New("its payload is not JSON in a form")
	}
	return in, http.StatusOK, nil
}

// handle carries an interaction out.
func (h *Interactions) handle(ctx context.Context, in slackapi.InteractionCallback) {
	switch in.Type {
	case slackapi.InteractionTypeBlockActions:
		for _, action := range in.ActionCallback.BlockActions[:min(1, len(in.ActionCallback.BlockActions))] {
			if action.ActionID != actionOpen {
				h.tap(ctx, in, action)
			}
		}
	case slackapi.InteractionTypeViewSubmission:
		h.submit(ctx, in)
	}
}

// origin is where an interaction came from, for its words and its message. It also stands in
// the private metadata of a form.
type origin struct {
	Channel     string `json:"c"`
	Message     string `json:"m"` // its ts
	ResponseURL string `json:"-"`
	User        string `json:"-"`
	Beside      bool   `json:"b,omitempty"` // a form that shows what can be tapped
	value
}

// tap carries out the tap on a button.
func (h *Interactions) tap(ctx context.Context, in slackapi.InteractionCallback, action *slackapi.BlockAction) {
	from := origin{Channel: in.Channel.ID, Message: in.Message.Timestamp, ResponseURL: in.ResponseURL, User: in.User.ID}
	if from.Channel == "" {
		from.Channel, from.Message = in.Container.ChannelID, in.Container.MessageTs
	}
	if len(action.Value) > maxValue || json.Unmarshal([]byte(action.Value), &from.value) != nil {
		h.say(ctx, from, "This button is of an older release. Open the reply at the desk.")
		return
	}
	user, refused := h.authorize(in, from.Reply)
	if refused != "" {
		h.say(ctx, from, refused)
		return
	}
	switch action.ActionID {
	case actionApprove:
		h.approve(ctx, from, user, in.Message.Blocks.BlockSet)
	case actionEdit:
		h.openEdit(ctx, in.TriggerID, from)
	case actionReject:
		h.open(ctx, in.TriggerID, from, rejectForm(from))
	}
}

// authorize finds the desk's user of a Slack user, who may decide about a reply. Refused
// says in words why not.
func (h *Interactions) authorize(in slackapi.InteractionCallback, id string) (user signin.User, refused string) {
	team := in.User.TeamID
	if team == "" {
		team = in.Team.ID
	}
	if h.team != "" && team != h.team {
		return user, "You are of another workspace. Only people of the workspace that this app belongs to can decide here."
	}
	user, ok := h.users.BySlack(in.User.ID)
	if !ok {
		return user, "The desk does not know you. Ask an admin to add `slack: " + in.User.ID + "` to your entry in the users file."
	}
	if !user.CanDecide() {
		return user, "You are signed in at the desk as " + string(user.Role) + ". Only approvers can decide."
	}
	parsed, ok := privatereply.ParseID(id)
	if !ok || parsed.Kind != "reply" {
		return user, "This button is of no reply."
	}
	if !user.Sees(parsed.Account, h.accountName(parsed.Platform, parsed.Account)) {
		return user, "This account is none of yours. Somebody who looks after it can decide."
	}
	return user, ""
}

// approve sends what the message shows, and nothing else: a text that was proposed meanwhile
// nobody has read there.
func (h *Interactions) approve(ctx context.Context, from origin, user signin.User, blocks []slackapi.Block) {
	i, err := h.renderer.read(ctx, from.Reply)
	switch {
	case err != nil:
		h.say(ctx, from, words(err))
		return
	case i.unknown:
		h.say(ctx, from, "This reply is no longer kept.")
		return
	}
	if i.state == privatereply.AwaitingApproval && (replies.ProposalSHA256(*i.status) != from.TextSHA256 || !i.fits()) {
		h.say(ctx, from, "Another reply is proposed by now. The message shows it in a moment: read it, then decide.")
		h.refresh(ctx, from, blocks)
		return
	}
	result, err := h.Replies.Approve(ctx, from.Reply, updateID(from, user, actionApprove, ""), workflows.Approve{
		Approver: user.Name, Text: i.status.Text, CommentSHA256: from.CommentSHA256, TextSHA256: from.TextSHA256,
	})
	h.finish(ctx, from, err, result, blocks)
}

// finish says what a decision came to, unless all is well, and brings the message up to date.
func (h *Interactions) finish(ctx context.Context, from origin, err error, result workflows.DecisionResult, blocks []slackapi.Block) {
	switch {
	case err != nil:
		if codeOf(err) == "" {
			h.log.Error("cannot decide", zap.String("reply", from.Reply), zap.Error(err))
		}
		h.say(ctx, from, words(err))
	case !result.Accepted:
		h.say(ctx, from, "Too late to stop it: "+result.State.Label()+". "+result.Reason.Sentence())
	}
	h.refresh(ctx, from, blocks)
}

// updateID names a decision, so that a second tap and a request that comes again have the
// same answer. The texts that the message showed are part of it: after an edit it is another
// decision.
func updateID(from origin, user signin.User, verb, more string) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{from.Channel, from.Message, from.User, user.Name, from.Reply, from.CommentSHA256, from.TextSHA256, more}, "\n")))
	return "slack-" + verb + "-" + hex.EncodeToString(sum[:16])
}

// words says an error in words.
func words(err error) string {
	var refusal *replies.Error
	if !errors.As(err, &refusal) {
		return "Temporal does not answer, so that it is not known whether this was taken. Look here again before you decide anew."
	}
	text := refusal.Message
	if text != "" && !strings.Contains(strings.SplitN(text, " ", 2)[0], ":") {
		text = strings.ToUpper(text[:1]) + text[1:]
	}
	return strings.TrimSuffix(text, ".") + "."
}

// say tells the person who acted something, and nobody else.
func (h *Interactions) say(ctx context.Context, from origin, text string) {
	text = escape(text)
	var err error
	if h.trusted(from.ResponseURL) {
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		err = slackapi.PostWebhookCustomHTTPContext(ctx, from.ResponseURL, noRedirects, &slackapi.WebhookMessage{
			ResponseType: slackapi.ResponseTypeEphemeral, Text: text,
		})
	} else {
		_, err = h.slack.PostEphemeralContext(ctx, from.Channel, from.User, slackapi.MsgOptionText(text, false))
	}
	if err != nil {
		h.log.Warn("cannot answer in Slack", zap.Error(withoutURL(err)))
	}
}

var noRedirects = &http.Client{
	Timeout:       callTimeout,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// trusted reports whether a response URL is Slack's.
func (h *Interactions) trusted(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil {
		return false
	}
	api, err := url.Parse(h.URL)
	return u.Scheme == "https" && u.Host == "hooks.slack.com" || err == nil && u.Scheme == api.Scheme && u.Host == api.Host
}

// escape keeps a text from being read as a link or a mention.
func escape(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
}

// refresh brings a message up to date. The desk does so too, some seconds later.
func (h *Interactions) refresh(ctx context.Context, from origin, blocks []slackapi.Block) {
	ids := idsOf(blocks)
	if from.Channel != h.Channel || from.Message == "" || len(ids) == 0 {
		return
	}
	var items []item
	for _, id := range ids {
		i, err := h.renderer.read(ctx, id)
		if err != nil {
			h.log.Info("the desk has to bring a message up to date", zap.Error(err))
			return
		}
		items = append(items, i)
	}
	if err := h.slack.update(ctx, from.Channel, from.Message, h.message(items)); err != nil {
		h.log.Warn("cannot bring a message up to date", zap.Error(err))
	}
}

// Package slack plays Slack: the part of its Web API that the product calls, and a person
// who taps buttons and sends forms. It refuses what Slack refuses, and holds the product to
// Slack's limits: 3 seconds for an answer, blocks, triggers, response URLs, the rate.
package slack

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// What the workspace consists of.
const (
	Team    = "T0TEAM"
	BotID   = "B0BOT"
	BotUser = "U0BOT"
)

// Slack's limits.
const (
	answerTimeout   = 3 * time.Second
	triggerLife     = 3 * time.Second
	responseURLLife = 30 * time.Minute
	responseURLUses = 5
)

// Message is a message in the channel.
type Message struct {
	TS       string           `json:"ts"`
	Text     string           `json:"text"`
	Blocks   []map[string]any `json:"blocks"`
	Metadata map[string]any   `json:"metadata,omitempty"`
	BotID    string           `json:"bot_id"`
	User     string           `json:"user"`
	Edits    int              `json:"-"`
}

// View is an open form.
type View struct {
	ID      string
	User    string
	Content map[string]any
}

// Server is Slack. Its fields are set before it is used.
type Server struct {
	Token, Channel, SigningSecret string
	InteractionURL                string // where the product takes interactions
	Now                           func() time.Time

	http *httptest.Server

	mu        sync.Mutex
	away      bool
	refused   int // calls while it was away
	lost      int // messages that are posted while their sender hears nothing
	busy      int // calls that are answered 429
	messages  []*Message
	next      int
	triggers  map[string]time.Time
	responses map[string]*responseURL
	views     []View
	whispers  []string // ephemeral messages: user, colon, text
	problems  []string // what Slack would not have taken
}

type responseURL struct {
	user  string
	until time.Time
	uses  int
}

// New starts Slack.
func New(token, channel, signingSecret string) *Server {
	s := &Server{Token: token, Channel: channel, SigningSecret: signingSecret, Now: time.Now, triggers: map[string]time.Time{}, responses: map[string]*responseURL{}}
	s.http = httptest.NewServer(http.HandlerFunc(s.serve))
	return s
}

// Close stops Slack.
func (s *Server) Close() { s.http.Close() }

// URL is the address of the API, without a slash at the end.
func (s *Server) URL() string { return s.http.URL + "/api" }

// Away has Slack answer nobody, or everybody again: in turn it says 503 and hangs up.
func (s *Server) Away(away bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = away
}

// Refused is how many calls were refused while Slack was away.
func (s *Server) Refused() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refused
}

// LoseAnswers has Slack post the next n messages, and hang up instead of an answer.
func (s *Server) LoseAnswers(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost = n
}

// Busy has the next n calls answered 429, with a Retry-After of a second.
func (s *Server) Busy(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy = n
}

// Messages are those of the channel, oldest first.
func (s *Server) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Message
	for _, m := range s.messages {
		all = append(all, *m)
	}
	return all
}

// Views are the forms that were opened.
func (s *Server) Views() []View {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.views)
}

// Whispers are the messages that only one person saw: the user, a colon, the text.
func (s *Server) Whispers() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.whispers)
}

// Problems is what Slack would not have taken.
func (s *Server) Problems() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.problems)
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away {
		if s.refused++; s.refused%2 == 0 {
			panic(http.ErrAbortHandler)
		}
		http.Error(w, "away", http.StatusServiceUnavailable)
		return
	}
	if s.busy > 0 {
		s.busy--
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
		return
	}
	if id, ok := strings.CutPrefix(r.URL.Path, "/response/"); ok {
		s.respond(w, r, id)
		return
	}
	method := strings.TrimPrefix(r.URL.Path, "/api/")
	args, err := arguments(r)
	if err != nil {
		s.answer(w, method, nil, "invalid_form_data")
		return
	}
	if r.Header.Get("Authorization") != "Bearer "+s.Token && args.Get("token") != s.Token {
		s.answer(w, method, nil, "invalid_auth")
		return
	}
	var result map[string]any
	var code string
	switch method {
	case "auth.test":
		result = map[string]any{"team_id": Team, "user_id": BotUser, "bot_id": BotID}
	case "chat.postMessage":
		result, code = s.post(args)
		if code == "" && s.lost > 0 {
			s.lost--
			panic(http.ErrAbortHandler)
		}
	case "chat.update":
		result, code = s.update(args)
	case "chat.postEphemeral":
		s.whispers = append(s.whispers, args.Get("user")+": "+args.Get("text"))
		result = map[string]any{"message_ts": "1.1"}
	case "views.open":
		result, code = s.open(args)
	case "conversations.history":
		result, code = s.history(args)
	default:
		code = "unknown_method"
	}
	s.answer(w, method, result, code)
}

// arguments are those of a call, as a form or as JSON.
func arguments(r *http.Request) (url.Values, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		return url.ParseQuery(string(body))
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil {
		return nil, err
	}
	args := url.Values{}
	for name, raw := range fields {
		var text string
		if json.Unmarshal(raw, &text) != nil {
			text = string(raw)
		}
		args.Set(name, text)
	}
	return args, nil
}

func (s *Server) answer(w http.ResponseWriter, method string, result map[string]any, code string) {
	if result == nil {
		result = map[string]any{}
	}
	result["ok"] = code == ""
	if code != "" {
		result["error"] = code
		s.problems = append(s.problems, method+": "+code)
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(result)
}

func (s *Server) find(ts string) *Message {
	for _, m := range s.messages {
		if m.TS == ts {
			return m
		}
	}
	return nil
}

// fill takes the content of a message.
func (m *Message) fill(args url.Values) (code string) {
	m.Blocks, m.Metadata = nil, nil
	if err := json.Unmarshal([]byte(args.Get("blocks")), &m.Blocks); err != nil {
		return "invalid_blocks_format"
	}
	if text := args.Get("metadata"); text != "" {
		if err := json.Unmarshal([]byte(text), &m.Metadata); err != nil {
			return "invalid_metadata_format"
		}
	}
	if m.Text = args.Get("text"); m.Text == "" {
		return "no_text"
	}
	return checkBlocks(m.Blocks, 50)
}

func (s *Server) post(args url.Values) (map[string]any, string) {
	if args.Get("channel") != s.Channel {
		return nil, "channel_not_found"
	}
	s.next++
	m := &Message{TS: fmt.Sprintf("%d.%06d", s.Now().Unix(), s.next), BotID: BotID, User: BotUser}
	if code := m.fill(args); code != "" {
		return nil, code
	}
	s.messages = append(s.messages, m)
	return map[string]any{"channel": s.Channel, "ts": m.TS}, ""
}

func (s *Server) update(args url.Values) (map[string]any, string) {
	m := s.find(args.Get("ts"))
	switch {
	case args.Get("channel") != s.Channel:
		return nil, "channel_not_found"
	case m == nil:
		return nil, "message_not_found"
	case m.BotID != BotID:
		return nil, "cant_update_message"
	}
	m.Edits++
	return map[string]any{"channel": s.Channel, "ts": m.TS}, m.fill(args)
}

func (s *Server) history(args url.Values) (map[string]any, string) {
	if args.Get("channel") != s.Channel {
		return nil, "channel_not_found"
	}
	var all []map[string]any
	for _, m := range slices.Backward(s.messages) {
		shown := map[string]any{"type": "message", "ts": m.TS, "text": m.Text, "blocks": escaped(m.Blocks), "bot_id": m.BotID, "user": m.User}
		if all := args.Get("include_all_metadata"); all == "1" || all == "true" {
			shown["metadata"] = m.Metadata
		}
		all = append(all, shown)
	}
	return map[string]any{"messages": all, "has_more": false}, ""
}

func (s *Server) open(args url.Values) (map[string]any, string) {
	trigger := args.Get("trigger_id")
	until, ok := s.triggers[trigger]
	if !ok {
		return nil, "invalid_trigger_id"
	}
	delete(s.triggers, trigger) // it opens one form
	if s.Now().After(until) {
		return nil, "expired_trigger_id"
	}
	var content map[string]any
	if err := json.Unmarshal([]byte(args.Get("view")), &content); err != nil {
		return nil, "invalid_arguments"
	}
	if code := checkView(content); code != "" {
		return nil, code
	}
	s.next++
	v := View{ID: fmt.Sprintf("V%d", s.next), Content: content, User: strings.SplitN(trigger, "/", 2)[0]}
	s.views = append(s.views, v)
	return map[string]any{"view": map[string]any{"id": v.ID}}, ""
}

// respond takes what is said to a response URL.
func (s *Server) respond(w http.ResponseWriter, r *http.Request, id string) {
	to := s.responses[id]
	if to == nil || s.Now().After(to.until) || to.uses >= responseURLUses {
		s.problems = append(s.problems, "response_url: used_url")
		http.Error(w, "used_url", http.StatusNotFound)
		return
	}
	to.uses++
	var m struct {
		Text string `json:"text"`
		Type string `json:"response_type"`
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&m); err != nil || m.Type != "ephemeral" {
		s.problems = append(s.problems, "response_url: no ephemeral message")
	}
	s.whispers = append(s.whispers, to.user+": "+m.Text)
	_, _ = io.WriteString(w, "ok")
}

// Tap has a user tap a button of a message and gives what was sent, so that it can be sent
// again with Send.
func (s *Server) Tap(user, ts, reply, action string) (payload []byte, err error) {
	s.mu.Lock()
	m := s.find(ts)
	if m == nil {
		s.mu.Unlock()
		return nil, errors.New("there is no such message")
	}
	button := findButton(m.Blocks, reply, action)
	if button == nil {
		s.mu.Unlock()
		return nil, fmt.Errorf("there is no button %s for %s", action, reply)
	}
	s.next++
	trigger, response := fmt.Sprintf("%s/%d", user, s.next), strconv.Itoa(s.next)
	s.triggers[trigger] = s.Now().Add(triggerLife)
	s.responses[response] = &responseURL{user: user, until: s.Now().Add(responseURLLife)}
	payload, err = json.Marshal(map[string]any{
		"type": "block_actions", "user": map[string]any{"id": user, "team_id": Team, "name": "somebody"}, "team": map[string]any{"id": Team},
		"channel":    map[string]any{"id": s.Channel},
		"message":    map[string]any{"type": "message", "ts": m.TS, "text": m.Text, "blocks": escaped(m.Blocks), "bot_id": m.BotID},
		"container":  map[string]any{"type": "message", "message_ts": m.TS, "channel_id": s.Channel},
		"actions":    []any{map[string]any{"type": "button", "action_id": action, "block_id": button["block_id"], "value": button["value"], "action_ts": strconv.FormatInt(s.Now().UnixNano(), 10)}},
		"trigger_id": trigger, "response_url": s.http.URL + "/response/" + response,
	})
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	_, err = s.Send(payload)
	return payload, err
}

// Submit has a user send a form with values for its fields, each a block with one action of
// the same name. Refused is what the form then says, by its fields.
func (s *Server) Submit(v View, values map[string]string) (refused map[string]string, err error) {
	state := map[string]any{}
	for field, text := range values {
		state[field] = map[string]any{field: map[string]any{"type": "plain_text_input", "value": text}}
	}
	view := map[string]any{"id": v.ID, "state": map[string]any{"values": state}}
	for _, field := range []string{"type", "callback_id", "private_metadata", "title", "blocks"} {
		view[field] = v.Content[field]
	}
	payload, err := json.Marshal(map[string]any{
		"type": "view_submission", "user": map[string]any{"id": v.User, "team_id": Team}, "team": map[string]any{"id": Team}, "view": view,
	})
	if err != nil {
		return nil, err
	}
	body, err := s.Send(payload)
	if err != nil || len(body) == 0 {
		return nil, err
	}
	var answer struct {
		Action string            `json:"response_action"`
		Errors map[string]string `json:"errors"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Action != "errors" {
		return nil, fmt.Errorf("not what Slack understands: %s", body)
	}
	return answer.Errors, nil
}

// Sign makes the signature of a body.
func Sign(secret, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	_, _ = fmt.Fprintf(mac, "v0:%s:%s", timestamp, body)
	return "v0=" + hex.EncodeToString(mac.Sum(nil))
}

// Send sends an interaction to the product, signed, which has 3 seconds to answer 200.
func (s *Server) Send(payload []byte) (answer []byte, err error) {
	body := []byte(url.Values{"payload": {string(payload)}}.Encode())
	at := strconv.FormatInt(s.Now().Unix(), 10)
	req, err := http.NewRequest(http.MethodPost, s.InteractionURL, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("X-Slack-Request-Timestamp", at)
	req.Header.Set("X-Slack-Signature", Sign(s.SigningSecret, at, body))
	resp, err := (&http.Client{Timeout: answerTimeout}).Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("the product answered %s: %s", resp.Status, answer)
	}
	return answer, err
}

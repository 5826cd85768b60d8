package desk

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/privatereply/privatereply/approvals/signin"
	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/workflows"
)

func apiNotFound(w http.ResponseWriter, r *http.Request) {
	writeJSONError(w, r, httpError{http.StatusNotFound, "not_found", "there is no such address; see docs/approvals.md"})
}

// maxAPIRows limits the replies in one response.
const maxAPIRows = 1000

// apiList lists the waiting replies, as the queue page shows them.
func (d *Desk) apiList(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	v := d.view(r.Context())
	rows := v.Select(filterFor(q, signin.UserFrom(r.Context())))
	parseOrder(q).sort(rows)
	from := min(max(0, intOrZero(q.Get("from"))-1), len(rows))
	count := intOrZero(q.Get("limit"))
	if count < 1 || count > maxAPIRows {
		count = pageCards
	}
	writeJSON(w, http.StatusOK, struct {
		Found   int           `json:"found"`
		ReadAt  time.Time     `json:"read_at"`
		Stale   bool          `json:"stale,omitempty"`
		Replies []replies.Row `json:"replies"`
	}{len(rows), v.ReadAt.UTC(), v.Err != nil, append([]replies.Row{}, rows[from:min(from+count, len(rows))]...)})
}

func (d *Desk) apiCounts(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, http.StatusOK, d.counts(r.Context(), d.view(r.Context())))
}

// apiShow returns a reply's status as the workflow has it, and the id of its conversation.
func (d *Desk) apiShow(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	s, err := d.Replies.Status(r.Context(), id)
	if err != nil {
		v := d.errorResult(decisionRequest{ID: id, Verb: "show"}, err)
		writeJSONError(w, r, httpError{v.status, v.Code, v.Message})
		return
	}
	conversation, _ := replies.ConversationID(s)
	writeJSON(w, http.StatusOK, struct {
		ID           string                       `json:"id"`
		Conversation string                       `json:"conversation,omitempty"`
		WebUI        string                       `json:"web_ui,omitempty"`
		Status       workflows.PrivateReplyStatus `json:"status"`
	}{id, conversation, d.webUI(id), s})
}

// apiDecide carries out a decision. The approver is the signed-in user; a body cannot name
// one.
func (d *Desk) apiDecide(w http.ResponseWriter, r *http.Request) {
	var m struct {
		Click      string  `json:"click"`
		Text       *string `json:"text"`
		Reason     string  `json:"reason"`
		Delivered  *bool   `json:"delivered"`
		HumanAgent bool    `json:"human_agent"`
		CommentSHA string  `json:"comment_sha256"`
		TextSHA    string  `json:"text_sha256"`
		Note       string  `json:"note"`
		To         string  `json:"to"`
		Hide       bool    `json:"hide"`
		parts
	}
	if err := readJSON(w, r, &m); err != nil {
		writeJSONError(w, r, httpError{http.StatusBadRequest, "bad_request", err.Error()})
		return
	}
	v := d.decide(r.Context(), decisionRequest{ID: r.PathValue("id"), Verb: r.PathValue("verb"), IdempotencyKey: m.Click,
		Text: m.Text, Reason: m.Reason, Delivered: m.Delivered, HumanAgent: m.HumanAgent, CommentSHA256: m.CommentSHA, TextSHA256: m.TextSHA, Note: m.Note, To: m.To, Parts: m.parts, Hide: m.Hide})
	writeJSON(w, v.status, v)
}

// apiBulk approves the proposed texts of several replies, or rejects them.
func (d *Desk) apiBulk(verb string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { d.decideBulk(w, r, verb) }
}

func (d *Desk) decideBulk(w http.ResponseWriter, r *http.Request, verb string) {
	var m struct {
		Click   string   `json:"click"`
		Replies []string `json:"replies"`
		Reason  string   `json:"reason"` // reject: for each
		Hide    bool     `json:"hide"`   // reject: hide the comments, too
		// CommentSHA256 and TextSHA256 have, by the reply's id, the hash of the comment and of
		// the proposed text that were read.
		CommentSHA256 map[string]string `json:"comment_sha256"`
		TextSHA256    map[string]string `json:"text_sha256"`
	}
	err := readJSON(w, r, &m)
	if err == nil && (len(m.Replies) == 0 || len(m.Replies) > maxBulk) {
		err = fmt.Errorf(`"replies" has %d ids; write 1 to %d`, len(m.Replies), maxBulk)
	}
	for name, hashes := range map[string]map[string]string{"comment_sha256": m.CommentSHA256, "text_sha256": m.TextSHA256} {
		for id := range hashes {
			if err == nil && !slices.Contains(m.Replies, id) {
				err = fmt.Errorf(`%q has %q, which is not in "replies"`, name, id)
			}
		}
	}
	if err != nil {
		writeJSONError(w, r, httpError{http.StatusBadRequest, "bad_request", err.Error()})
		return
	}
	writeJSON(w, http.StatusOK, struct {
		Replies []decisionResult `json:"replies"`
	}{d.decideAll(r.Context(), m.Replies, func(id string) decisionRequest {
		return decisionRequest{ID: id, Verb: verb, IdempotencyKey: m.Click, Reason: m.Reason, Hide: m.Hide, CommentSHA256: m.CommentSHA256[id], TextSHA256: m.TextSHA256[id]}
	})})
}

// readJSON reads a body strictly: a mistyped field must not send the proposal.
func readJSON(w http.ResponseWriter, r *http.Request, to any) error {
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); strings.TrimSpace(kind) != "application/json" {
		return errors.New("write the body as JSON, with Content-Type: application/json")
	}
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxFormBytes))
	dec.DisallowUnknownFields()
	if err := dec.Decode(to); err != nil {
		return fmt.Errorf("the body is not as it should be: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("the body has more than one JSON value")
	}
	return nil
}

package meta

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/privatereply/privatereply"
)

// act does what a form of the page asks for, and shows the page again.
func (s *Sandbox) act(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := s.do(r); err != nil {
		s.renderPage(w, http.StatusBadRequest, err.Error())
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (s *Sandbox) do(r *http.Request) error {
	person := Person{Account: r.FormValue("account"), Username: r.FormValue("username")}
	number := func(name string) int {
		n, _ := strconv.Atoi(r.FormValue(name))
		return n
	}
	id, text := r.FormValue("id"), r.FormValue("text")
	var err error
	switch action := r.PathValue("action"); action {
	case "comment":
		return s.writeComment(r)
	case "remove":
		return s.RemoveComment(id)
	case "hide":
		return s.HideComment(id, r.FormValue("hidden") == "")
	case "human":
		_, err = s.HumanReply(id, text)
	case "say":
		_, err = s.WriteMessage(NewMessage{Account: person.Account, Username: person.Username, Kind: r.FormValue("kind"), Text: text})
	case "person":
		return s.SetPersonState(person, PersonState(r.FormValue("state")))
	case "live-start":
		_, err = s.StartLive(person.Account)
	case "live-end":
		return s.EndLive(id)
	case "fault":
		_, err = s.AddFault(Fault{Name: r.FormValue("name"), Account: person.Account, Calls: r.FormValue("calls"), Times: number("times"),
			Minutes: number("minutes"), Code: number("code"), Subcode: number("subcode"), DelayMilliseconds: number("delay_ms")})
	case "fault-clear":
		s.ClearFault(id)
	case "delivery":
		return s.SetWebhookSettings(WebhookSettings{Batch: number("batch"), Duplicates: number("duplicates"), Shuffle: r.FormValue("shuffle") != "",
			Hold: r.FormValue("hold") != "", Documented: r.FormValue("documented") != "", Receipts: r.FormValue("receipts") != "",
			Echo: EchoMode(r.FormValue("echo"))})
	case "resend":
		return s.ResendWebhook(number("id"), number("times"))
	case "retry":
		s.RetryWebhooks()
	case "test":
		return s.SendTestWebhook(person.Account, r.FormValue("field"))
	default:
		return fmt.Errorf("action: %q is %w", action, ErrUnknown)
	}
	return err
}

// writeComment takes a place as "post:<id>" or "visitor:<account>".
func (s *Sandbox) writeComment(r *http.Request) error {
	n := NewComment{Username: r.FormValue("username"), Text: r.FormValue("text"), ParentID: r.FormValue("parent"), ByAccount: r.FormValue("own") != ""}
	if hours, err := strconv.Atoi(r.FormValue("age")); err == nil {
		n.Age = privatereply.Duration(time.Duration(hours) * time.Hour)
	}
	kind, id, _ := strings.Cut(r.FormValue("place"), ":")
	if kind == "visitor" {
		n.Account, n.Source = id, privatereply.SourceVisitorPost
	} else {
		n.PostID = id
	}
	_, err := s.Comment(n)
	return err
}

package cli

import (
	"fmt"
	"testing"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/workflows"
)

// liveComment has somebody comment on a broadcast, and returns the comment's id.
func liveComment(t *testing.T, media string) string {
	t.Helper()
	id, err := product.Sandbox.Comment(meta.NewComment{PostID: media, Username: "viewer", Text: "Does it come in oak?"})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// Guards: a person can end a broadcast that Meta goes on listing; without one that
// anybody waits for, the command says so.
func TestLiveEnd(t *testing.T) {
	needProduct(t)
	media, err := product.Sandbox.StartLive(instagram)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = product.Sandbox.EndLive(media) }()
	starter(t, "live", "end", media).mustFail(t, "no reply waits for a broadcast "+media)

	comment := liveComment(t, media)
	broadcast := "broadcast:instagram:" + instagram + ":" + media
	eventually(t, func() error {
		value, err := product.Client.QueryWorkflow(t.Context(), broadcast, "", workflows.StatusQuery)
		if err != nil {
			return err
		}
		var status workflows.BroadcastStatus
		if err := value.Get(&status); err != nil || status.Joined != 1 {
			return fmt.Errorf("%+v, %w", status, err)
		}
		return nil
	})
	starter(t, "live", "end", media, "--account", page).mustFail(t, "no reply waits")
	got := starter(t, "live", "end", media).mustSucceed(t).out
	if want := broadcast + ": ended; the replies that wait for it end now\n"; got != want {
		t.Errorf("it said %q, want %q", got, want)
	}
	var status workflows.PrivateReplyStatus
	if err := product.Client.GetWorkflow(t.Context(), "reply:instagram:"+instagram+":"+comment, "").Get(t.Context(), &status); err != nil {
		t.Fatal(err)
	}
	if status.State != privatereply.Expired || status.Reason != privatereply.BroadcastEnded {
		t.Errorf("the reply ended as %s %s", status.State, status.Reason)
	}
	if err := product.Client.GetWorkflow(t.Context(), broadcast, "").Get(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	starter(t, "live", "end", broadcast).mustFail(t, "no reply waits")
	starter(t, "live", "end", "reply:instagram:1:2").mustFail(t, "is the id of a reply")
	starter(t, "live", "end", "no id").mustFail(t, "cannot be a media id")
}

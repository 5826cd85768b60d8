package replyworker_test

import (
	"testing"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/harness/harnesstest"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/workflows"
)

// bareTimes is how many times as long as bare workflows the replies may need to end
// where the machine is too slow for endLimit.
const bareTimes = 1.5

// endLimit is how long after the end of a broadcast every reply that waited for it
// must have ended. Up to 20 seconds of it the product waits for Meta to say twice, ten
// seconds apart, that the broadcast is over. A small run ends its bare workflows in a
// second or two, which says nothing of how busy the machine is half a minute later: it
// gets another minute.
func endLimit() time.Duration {
	if *replies >= 1000 {
		return time.Minute
	}
	return 2 * time.Minute
}

// All replies that wait for a person end when their broadcast does, and nobody had
// to tell the product; one whose comment comes later ends as soon as Meta was asked.
// The run of docs/development/performance.md:
//
//	go test ./worker/replyworker -run TestBroadcastEndsItsReplies -replies 2000 -timeout 20m -v
func TestBroadcastEndsItsReplies(t *testing.T) {
	s := newProduct(t, 1, meta.Limits{}, "", "")
	yardstick := s.endBare(*replies)
	t.Logf("%d bare workflows had ended after %v", *replies, yardstick.Round(time.Millisecond))
	harnesstest.Start(t, s.Workers)
	media, err := s.Sandbox.StartLive(bigID)
	if err != nil {
		t.Fatal(err)
	}
	on := meta.NewComment{Account: bigID, Source: privatereply.SourceLive, Text: "Is it still there?"}
	id, err := privatereply.BroadcastID(privatereply.Instagram, bigID, media)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	_, ids := s.start(*replies, on, media, ask("It is."))
	var broadcast workflows.BroadcastStatus
	s.await("the replies to join", 2*time.Minute+time.Duration(*replies)*50*time.Millisecond, func() bool {
		return s.status(id, &broadcast) == nil && broadcast.Joined == *replies
	})
	if !broadcast.Running {
		t.Fatalf("the broadcast runs; its workflow says %+v", broadcast)
	}
	t.Logf("%d replies waited and had joined after %v", *replies, time.Since(began).Round(time.Millisecond))
	late, err := s.Sandbox.Comment(meta.NewComment{Account: bigID, Source: privatereply.SourceLive, NoWebhook: true})
	if err != nil {
		t.Fatal(err)
	}

	ended := time.Now()
	if err := s.Sandbox.EndLive(media); err != nil {
		t.Fatal(err)
	}
	limit := max(endLimit(), time.Duration(bareTimes*float64(yardstick)))
	s.await("the replies to end", limit, func() bool { return s.ended(workflows.PrivateReplyType) == *replies })
	took := time.Since(ended)
	t.Logf("all %d had ended %v after the broadcast, %.2f of the bare workflows' time", *replies, took.Round(time.Millisecond), took.Seconds()/yardstick.Seconds())
	for _, id := range []string{ids[0], ids[len(ids)-1]} {
		var status workflows.PrivateReplyStatus
		if err := s.GetWorkflow(t.Context(), id, "").Get(t.Context(), &status); err != nil {
			t.Fatal(err)
		}
		if status.Reason != privatereply.BroadcastEnded || status.DeadlineFrom != privatereply.ClockBroadcast {
			t.Errorf("%s ended as %s %s, deadline from %s", id, status.State, status.Reason, status.DeadlineFrom)
		}
	}
	if err := s.GetWorkflow(t.Context(), id, "").Get(t.Context(), &broadcast); err != nil {
		t.Fatal(err)
	}
	if broadcast.EndedBy != workflows.EndedByMeta || broadcast.Notified != *replies || len(broadcast.RefusedSignals) > 0 {
		t.Errorf("the broadcast ended as %+v", broadcast)
	}

	ended = time.Now()
	reply, err := s.startOne(late, on, media, ask("It is."))
	if err != nil {
		t.Fatal(err)
	}
	var status workflows.PrivateReplyStatus
	if err := s.GetWorkflow(t.Context(), reply, "").Get(t.Context(), &status); err != nil {
		t.Fatal(err)
	}
	if status.State != privatereply.Expired || status.Reason != privatereply.BroadcastEnded {
		t.Errorf("the late one ended as %s %s", status.State, status.Reason)
	}
	t.Logf("a late one ended %v after it came", time.Since(ended).Round(time.Millisecond))
	if n := s.Sandbox.Report().SendsAfterLiveEnded; n != 0 {
		t.Errorf("%d sends after the end", n)
	}
}

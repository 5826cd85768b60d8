package privatereply_test

import (
	"fmt"
	"time"

	"github.com/privatereply/privatereply"
)

// Instagram's webhook does not say when the comment was written, so the earlier of
// the webhook's own time and its receipt stands in. Two minutes are kept back.
func ExampleDeadlineOf() {
	comment := privatereply.Comment{
		Platform:   privatereply.Instagram,
		Account:    "17841400000000001",
		CommentID:  "18000000000000001",
		EntryAt:    time.Date(2026, 3, 2, 11, 0, 0, 0, time.UTC), // delivered an hour late
		ReceivedAt: time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC),
	}
	deadline := privatereply.DeadlineOf(comment)
	fmt.Println(deadline.At.Format(time.RFC3339), "from", deadline.From)

	// Later Meta says when the comment was written: the deadline comes nearer.
	written := time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)
	deadline = deadline.Nearer(privatereply.DeadlineFromCreation(written))
	fmt.Println(deadline.At.Format(time.RFC3339), "from", deadline.From)

	// On a live the broadcast's longest possible run counts.
	comment.Source = privatereply.SourceLive
	deadline = privatereply.DeadlineOf(comment)
	fmt.Println(deadline.At.Format(time.RFC3339), "from", deadline.From)
	// Output:
	// 2026-03-09T10:58:00Z from entry
	// 2026-03-09T09:28:00Z from created
	// 2026-03-02T15:00:00Z from broadcast
}

// Facebook's webhook and feed write one comment with different prefixes. Both are
// the same workflow, so the second start is a duplicate.
func ExampleReplyID() {
	comment := privatereply.Comment{Platform: privatereply.Facebook, Account: "100000000000001"}
	for _, id := range []string{"200000000000001_300000000000001", "100000000000001_200000000000001_300000000000001"} {
		comment.CommentID = id
		fmt.Println(privatereply.ReplyID(comment))
	}
	comment.CommentID, comment.PostID = "", "100000000000001_200000000000001"
	fmt.Println(privatereply.ReplyID(comment))
	// Output:
	// reply:facebook:100000000000001:300000000000001 <nil>
	// reply:facebook:100000000000001:300000000000001 <nil>
	// reply:facebook:100000000000001:post-200000000000001 <nil>
}

// An id can be taken apart again.
func ExampleParseID() {
	id, ok := privatereply.ParseID("reply:instagram:17841400000000001:18000000000000001")
	fmt.Println(id.Kind, id.Platform, id.Account, id.Subject, ok)
	// Output:
	// reply instagram 17841400000000001 18000000000000001 true
}

// After 24 hours only a human agent may write, and only with Meta's tag.
func ExampleFollowUpChannel() {
	names := map[privatereply.Channel]string{
		privatereply.ChannelClosed:     "closed",
		privatereply.ChannelStandard:   "standard",
		privatereply.ChannelHumanAgent: "human agent",
	}
	message := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	for _, later := range []time.Duration{time.Hour, 23*time.Hour + 59*time.Minute, 7 * 24 * time.Hour} {
		now := message.Add(later)
		fmt.Printf("%v later: %s, for a human agent %s\n", later,
			names[privatereply.FollowUpChannel(now, message, false)],
			names[privatereply.FollowUpChannel(now, message, true)])
	}
	// Output:
	// 1h0m0s later: standard, for a human agent standard
	// 23h59m0s later: closed, for a human agent closed
	// 168h0m0s later: closed, for a human agent closed
}

// Each platform counts in its own way: the same Japanese text fits one of them.
func ExampleCheckText() {
	text := ""
	for range 400 {
		text += "日"
	}
	fmt.Println(privatereply.CheckText(privatereply.Instagram, text))
	fmt.Println(privatereply.CheckText(privatereply.Facebook, text))
	// Output:
	// text cannot be sent: it has 1200 bytes; instagram takes at most 1000
	// <nil>
}

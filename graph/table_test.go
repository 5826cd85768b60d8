package graph

import (
	"cmp"
	"fmt"
	"net/http"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/privatereply/privatereply"
)

// expectations are the lines of Meta's errors, written down from the reference and
// not from the table.
var expectations = []struct {
	code, subcode int
	class         Class
	reason        privatereply.Reason
	doubtful      bool          // may have been delivered
	pause         time.Duration // the shortest rest
	kind          string        // Meta's type; OAuthException where it does not matter
}{
	{code: 1, class: Temporary, reason: privatereply.Outage, doubtful: true},
	{code: 1, subcode: 99, class: Temporary, reason: privatereply.Outage, doubtful: true},
	{code: 1, subcode: 1357046, class: Unknown, reason: privatereply.AnsweredWithError, doubtful: true},
	{code: 20, subcode: 1772107, class: Unknown, reason: privatereply.AnsweredWithError, doubtful: true},
	{code: 2, class: Temporary, reason: privatereply.Outage, doubtful: true},
	{code: 2, subcode: 1545133, class: Temporary, reason: privatereply.Outage, doubtful: true},
	{code: -1, subcode: 2018012, class: Temporary, reason: privatereply.Outage, doubtful: true},
	{code: 3, class: AccountFault, reason: privatereply.NotPermitted},
	{code: 4, class: Throttled, reason: privatereply.Throttled},
	{code: 17, class: Throttled, reason: privatereply.Throttled},
	{code: 341, class: Throttled, reason: privatereply.Throttled},
	{code: 32, class: Throttled, reason: privatereply.Throttled, pause: limitCooldown},
	{code: 613, class: Throttled, reason: privatereply.Throttled},
	{code: 613, subcode: 2534040, class: Throttled, reason: privatereply.Throttled},
	{code: 613, subcode: 1996, class: Throttled, reason: privatereply.Throttled},
	{code: 613, subcode: 2018338, class: AccountFault, reason: privatereply.AccountBlocked},
	{code: 80000, class: Throttled, reason: privatereply.Throttled, pause: limitCooldown},
	{code: 80001, class: Throttled, reason: privatereply.Throttled, pause: limitCooldown},
	{code: 80002, class: Throttled, reason: privatereply.Throttled, pause: limitCooldown},
	{code: 80003, class: Throttled, reason: privatereply.Throttled, pause: limitCooldown},
	{code: 80006, class: Throttled, reason: privatereply.Throttled, pause: limitCooldown},
	{code: 80014, class: Throttled, reason: privatereply.Throttled, pause: limitCooldown},
	{code: 10, class: AccountFault, reason: privatereply.NotPermitted},
	{code: 10, subcode: 2018278, class: Final, reason: privatereply.OutsideWindow},
	{code: 10, subcode: 2534022, class: Final, reason: privatereply.OutsideWindow},
	{code: 10, subcode: 2018065, class: Final, reason: privatereply.OutsideWindow},
	{code: 10, subcode: 2018108, class: Final, reason: privatereply.PersonUnavailable},
	{code: 10, subcode: 1893063, class: Throttled, reason: privatereply.AccountBlocked, pause: blockCooldown},
	{code: 10, subcode: 2534077, class: AccountFault, reason: privatereply.NotPermitted},
	{code: 10, subcode: 2018300, class: Final, reason: privatereply.ThreadOwnedElsewhere},
	{code: 2018300, class: Final, reason: privatereply.ThreadOwnedElsewhere},
	{code: 2018321, class: Temporary, reason: privatereply.ThreadOwnedElsewhere, pause: limitCooldown},
	{code: 10, subcode: 2018321, class: Temporary, reason: privatereply.ThreadOwnedElsewhere, pause: limitCooldown},
	{code: 100, class: Final, reason: privatereply.BadRequest},
	{code: 100, subcode: 33, class: Final, reason: privatereply.CommentNotFound},
	{code: 100, subcode: 2018001, class: Final, reason: privatereply.PersonNotFound},
	{code: 100, subcode: 1893060, class: Final, reason: privatereply.PersonNotFound},
	{code: 100, subcode: 2534013, class: AccountFault, reason: privatereply.NotPermitted},
	{code: 100, subcode: 2534014, class: Final, reason: privatereply.PersonNotFound},
	{code: 100, subcode: 2534015, class: Final, reason: privatereply.ContentNotAllowed},
	{code: 100, subcode: 2534025, class: NotRepliableOrReplied, reason: privatereply.NotRepliableOrAlreadyReplied},
	{code: 100, subcode: 2534029, class: AccountFault, reason: privatereply.AccountBlocked},
	{code: 100, subcode: 2534122, class: AccountFault, reason: privatereply.AccountBlocked},
	{code: 100, subcode: 2534037, class: Final, reason: privatereply.ThreadOwnedElsewhere},
	{code: 100, subcode: 2018109, class: Final, reason: privatereply.ContentNotAllowed},
	{code: 100, subcode: 2018047, class: Final, reason: privatereply.ContentNotAllowed},
	{code: 100, subcode: 2018008, class: Final, reason: privatereply.ContentNotAllowed},
	{code: 100, subcode: 2018294, class: Final, reason: privatereply.ContentNotAllowed},
	{code: 102, class: AccountFault, reason: privatereply.TokenRejected},
	{code: 190, class: AccountFault, reason: privatereply.TokenRejected},
	{code: 190, subcode: 458, class: AccountFault, reason: privatereply.TokenRejected},
	{code: 190, subcode: 459, class: AccountFault, reason: privatereply.TokenRejected},
	{code: 190, subcode: 460, class: AccountFault, reason: privatereply.TokenRejected},
	{code: 190, subcode: 463, class: AccountFault, reason: privatereply.TokenRejected},
	{code: 190, subcode: 464, class: AccountFault, reason: privatereply.TokenRejected},
	{code: 190, subcode: 467, class: AccountFault, reason: privatereply.TokenRejected},
	{code: 190, subcode: 492, class: AccountFault, reason: privatereply.TokenRejected},
	{code: 200, class: AccountFault, reason: privatereply.NotPermitted},
	{code: 200, subcode: 10, class: AccountFault, reason: privatereply.NotPermitted},
	{code: 200, subcode: 2018028, class: AccountFault, reason: privatereply.NotPermitted},
	{code: 200, subcode: 1545041, class: Final, reason: privatereply.PersonUnavailable},
	{code: 200, subcode: 2534041, class: AccountFault, reason: privatereply.NotPermitted},
	{code: 200, subcode: 2534066, class: AccountFault, reason: privatereply.NotPermitted},
	{code: 201, class: AccountFault, reason: privatereply.NotPermitted},
	{code: 230, class: Final, reason: privatereply.Refused},
	{code: 299, class: AccountFault, reason: privatereply.NotPermitted},
	{code: 551, class: Final, reason: privatereply.PersonUnavailable},
	{code: 551, subcode: 1545041, class: Final, reason: privatereply.PersonUnavailable},
	{code: 368, class: Throttled, reason: privatereply.AccountBlocked, pause: blockCooldown},
	{code: 506, class: Final, reason: privatereply.Refused},
	{code: 1609005, class: Final, reason: privatereply.Refused},
	{code: 2500, class: AccountFault, reason: privatereply.TokenRejected},
	{code: 10900, class: AlreadyReplied, reason: privatereply.AlreadyReplied},
	{code: 10901, class: Final, reason: privatereply.ReplyTimeExpired},
	{code: 10902, class: Final, reason: privatereply.NotRepliable},
	{code: 10903, class: Final, reason: privatereply.NotRepliable},
	{code: 10903, subcode: 1893049, class: Final, reason: privatereply.NotRepliable},
	{code: 10903, subcode: 1893062, class: Final, reason: privatereply.NotRepliable},
	{code: 10904, class: AccountFault, reason: privatereply.NotPermitted},
	{code: 10904, subcode: 1893050, class: AccountFault, reason: privatereply.NotPermitted},
	{code: 9000001, class: Final, reason: privatereply.Refused},

	{code: -1, class: Temporary, reason: privatereply.Outage, doubtful: true},
	{code: -1, subcode: 2207001, class: Temporary, reason: privatereply.Outage, doubtful: true},
	{code: -2, class: Temporary, reason: privatereply.Outage, doubtful: true},
	{code: -2, subcode: 2207003, class: Temporary, reason: privatereply.Outage, doubtful: true},
	{code: -3, class: Temporary, reason: privatereply.Outage, doubtful: true},
	{code: 960, class: Temporary, reason: privatereply.Outage, doubtful: true},
	{code: 1200, class: Temporary, reason: privatereply.Outage},
	{code: 1200, subcode: 2018024, class: Temporary, reason: privatereply.Outage},
	{code: 1, subcode: 1363047, class: Unknown, reason: privatereply.AnsweredWithError, doubtful: true},
	{code: 368, subcode: 1609010, class: Unknown, reason: privatereply.AnsweredWithError, doubtful: true},
	{code: 36, class: Unlisted, reason: privatereply.Refused, doubtful: true},
	{code: 9, class: Throttled, reason: privatereply.Throttled},
	{code: 18, class: Throttled, reason: privatereply.Throttled},
	{code: 368, subcode: 1390008, class: Throttled, reason: privatereply.Throttled, pause: limitCooldown},
	{code: 2022, class: Throttled, reason: privatereply.AccountBlocked, pause: blockCooldown},
	{code: 1, subcode: 4928011, class: Throttled, reason: privatereply.AccountBlocked, pause: actionCooldown},
	{code: 1, subcode: 4928012, class: Throttled, reason: privatereply.AccountBlocked, pause: actionCooldown},
	{code: 4, subcode: 2207051, class: Throttled, reason: privatereply.AccountBlocked, doubtful: true, pause: actionCooldown},
	{code: 368, subcode: 1404112, class: Throttled, reason: privatereply.AccountBlocked, pause: actionCooldown},
	{code: 25, subcode: 2207050, class: AccountFault, reason: privatereply.AccountBlocked},
	{code: 368, subcode: 1404078, class: AccountFault, reason: privatereply.AccountBlocked},
	{code: 368, subcode: 4854002, class: AccountFault, reason: privatereply.AccountBlocked},
	{code: 100, class: AccountFault, reason: privatereply.AppMisconfigured, kind: "GraphMethodException"},
	{code: 100, class: Unlisted, reason: privatereply.Refused, kind: "IGApiException"},
	{code: 101, class: AccountFault, reason: privatereply.AppMisconfigured},
	{code: 104, class: AccountFault, reason: privatereply.AppMisconfigured},
	{code: 5, class: AccountFault, reason: privatereply.AppMisconfigured},
	{code: 2, subcode: 2018344, class: AccountFault, reason: privatereply.NotPermitted},
	{code: 283, class: AccountFault, reason: privatereply.NotPermitted},
	{code: 1705, class: AccountFault, reason: privatereply.NotPermitted},
	{code: 36103, class: AccountFault, reason: privatereply.NotPermitted},
	{code: 100, subcode: 2018292, class: Final, reason: privatereply.CommentNotFound},
	{code: 803, class: Final, reason: privatereply.CommentNotFound},
	{code: 24, subcode: 2207006, class: Final, reason: privatereply.CommentNotFound},
	{code: 10, subcode: 2018336, class: Final, reason: privatereply.PersonUnavailable},
	{code: 110, class: Final, reason: privatereply.PersonNotFound},
	{code: 9010, class: Final, reason: privatereply.PersonNotFound},
	{code: 100, subcode: 2018074, class: Final, reason: privatereply.ContentNotAllowed},
	{code: 100, subcode: 2018014, class: Final, reason: privatereply.BadRequest},
	{code: 12, class: Final, reason: privatereply.BadRequest},
	{code: 368, subcode: 1346003, class: Final, reason: privatereply.ContentNotAllowed},
	{code: 368, subcode: 1404102, class: Final, reason: privatereply.ContentNotAllowed},
	{code: 10, subcode: 1404170, class: Final, reason: privatereply.Refused},
	{code: 10, subcode: 1893015, class: Final, reason: privatereply.Refused},
	{code: 4, subcode: 2018354, class: Final, reason: privatereply.Refused},
	{code: 9, subcode: 2018352, class: Final, reason: privatereply.Refused},
	{code: 613, subcode: 1893016, class: Final, reason: privatereply.Refused},
	{code: 200, subcode: 2018021, class: Final, reason: privatereply.Refused},
	{code: 200, subcode: 2018027, class: Final, reason: privatereply.Refused},
}

// Guards that each error of the reference has the consequence the reference gives
// it, through a whole send.
func TestEachErrorOfTheReference(t *testing.T) {
	for _, want := range expectations {
		t.Run(fmt.Sprintf("%d_%d%s", want.code, want.subcode, want.kind), func(t *testing.T) {
			m := newMeta(t, respondWith(http.StatusBadRequest, fmt.Sprintf(
				`{"error":{"message":"Guten Tag","type":%q,"code":%d,"error_subcode":%d,"fbtrace_id":"Abc_1"}}`,
				cmp.Or(want.kind, "OAuthException"), want.code, want.subcode)))
			_, err := m.SendPrivateReply(t.Context(), credentials(pageAccount), Recipient{CommentID: "1_2"}, OutgoingMessage{Text: "hi"})
			e := asGraphError(t, err)
			if e.Class != want.class || e.Reason != want.reason {
				t.Errorf("%s, %s; want %s, %s", e.Class, e.Reason, want.class, want.reason)
			}
			if e.MayHaveDelivered != want.doubtful || e.Cooldown != want.pause {
				t.Errorf("may have delivered %v, pause %v; want %v, %v", e.MayHaveDelivered, e.Cooldown, want.doubtful, want.pause)
			}
			if e.Code != want.code || e.Subcode != want.subcode || e.TraceID != "Abc_1" || !e.Wrote || e.SentAt.IsZero() {
				t.Errorf("lost what Meta said: %+v", e)
			}
			if e.Meaning == "" || len(m.received()) != 1 {
				t.Errorf("meaning %q after %d calls", e.Meaning, len(m.received()))
			}
		})
	}
}

// Guards that the table has no line that the test above does not know, and none
// that another line hides.
func TestEachRowIsExpectedAndReached(t *testing.T) {
	reached := map[string]bool{}
	key := func(r row) string {
		return fmt.Sprint(r.code, "/", r.subcode, "-", r.upTo, " ", r.saidPermanent, r.kind)
	}
	for _, e := range expectations {
		for _, said := range []bool{false, true} {
			if r, ok := findRow(e.code, e.subcode, e.kind, said); ok {
				reached[key(r)] = true
			} else {
				t.Errorf("%d/%d is not in the table", e.code, e.subcode)
			}
		}
	}
	for _, r := range table {
		if !reached[key(r)] {
			t.Errorf("row %s is never reached", key(r))
		}
		if r.meaning == "" || r.class == "" || r.reason.Sentence() == string(r.reason) {
			t.Errorf("row %s lacks a class, a reason of the closed list or a meaning", key(r))
		}
		if r.cooldown != 0 && !r.class.Retryable() {
			t.Errorf("row %s pauses for something that is not tried again", key(r))
		}
	}
}

// Guards that a subcode found under another code than its own cannot have two
// meanings.
func TestSubcodesAgreeAcrossCodes(t *testing.T) {
	type meaning struct {
		Class  Class
		Reason privatereply.Reason
	}
	seen := map[int]meaning{}
	for _, r := range table {
		if r.subcode < globalSubcode {
			continue
		}
		m := meaning{r.class, r.reason}
		if before, ok := seen[r.subcode]; ok && before != m {
			t.Errorf("subcode %d: %v and %v", r.subcode, before, m)
		}
		seen[r.subcode] = m
	}
}

// Guards what the reference knows only from one place: an operator who doubts one
// of these rows is right to.
func TestWeaklyFoundedRows(t *testing.T) {
	var got []string
	for _, r := range table {
		if r.source == observed {
			got = append(got, fmt.Sprintf("%d/%d", r.code, r.subcode))
		}
	}
	want := []string{
		"1/1357046", "20/1772107", "-1/0", "-1/2018012", "-2/0", "-3/0", "960/0", "1200/0", "1200/2018024",
		"0/1363047", "0/1609010", "9/0", "18/0", "0/1390008", "1/4928011", "1/4928012", "0/1404112", "0/1404078", "0/4854002",
		"100/2534122", "190/464", "2500/0", "100/0", "101/0", "104/0", "5/0", "200/2534066", "283/0",
		"10904/0", "10904/1893050", "230/0", "10901/0", "10902/0", "100/2018292", "803/0", "9010/0", "100/1893060", "100/0",
		"12/0", "0/1346003", "0/1404102", "36/0",
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

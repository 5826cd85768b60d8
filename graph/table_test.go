package graph

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/privatereply/privatereply"
)

// expectations are the lines of Meta's errors, written down from the reference and
// not from the table.
var expectations = []struct {
	code, subcode int
	class         Class
	reason        privatereply.Reason
}{
	{1, 0, Temporary, privatereply.Outage},
	{1, 99, Temporary, privatereply.Outage},
	{1, 1357046, Unknown, privatereply.AnsweredWithError},
	{20, 1772107, Unknown, privatereply.AnsweredWithError},
	{2, 0, Temporary, privatereply.Outage},
	{2, 1545133, Temporary, privatereply.Outage},
	{-1, 2018012, Temporary, privatereply.Outage},
	{3, 0, Account, privatereply.NotPermitted},
	{4, 0, Throttled, privatereply.Throttled},
	{17, 0, Throttled, privatereply.Throttled},
	{341, 0, Throttled, privatereply.Throttled},
	{32, 0, Throttled, privatereply.Throttled},
	{613, 0, Throttled, privatereply.Throttled},
	{613, 2534040, Throttled, privatereply.Throttled},
	{613, 1996, Throttled, privatereply.Throttled},
	{613, 2018338, Account, privatereply.AccountBlocked},
	{80000, 0, Throttled, privatereply.Throttled},
	{80001, 0, Throttled, privatereply.Throttled},
	{80002, 0, Throttled, privatereply.Throttled},
	{80003, 0, Throttled, privatereply.Throttled},
	{80006, 0, Throttled, privatereply.Throttled},
	{80014, 0, Throttled, privatereply.Throttled},
	{10, 0, Account, privatereply.NotPermitted},
	{10, 2018278, Final, privatereply.OutsideWindow},
	{10, 2534022, Final, privatereply.OutsideWindow},
	{10, 2018065, Final, privatereply.OutsideWindow},
	{10, 2018108, Final, privatereply.PersonUnavailable},
	{10, 1893063, Throttled, privatereply.AccountBlocked},
	{10, 2534077, Account, privatereply.NotPermitted},
	{10, 2018300, Final, privatereply.ThreadOwnedElsewhere},
	{2018300, 0, Final, privatereply.ThreadOwnedElsewhere},
	{2018321, 0, Temporary, privatereply.ThreadOwnedElsewhere},
	{10, 2018321, Temporary, privatereply.ThreadOwnedElsewhere},
	{100, 0, Final, privatereply.BadRequest},
	{100, 33, Final, privatereply.CommentNotFound},
	{100, 2018001, Final, privatereply.PersonNotFound},
	{100, 1893060, Final, privatereply.PersonNotFound},
	{100, 2534013, Account, privatereply.NotPermitted},
	{100, 2534014, Final, privatereply.PersonNotFound},
	{100, 2534015, Final, privatereply.ContentNotAllowed},
	{100, 2534025, NotRepliableOrReplied, privatereply.NotRepliableOrAlreadyReplied},
	{100, 2534029, Account, privatereply.AccountBlocked},
	{100, 2534122, Account, privatereply.AccountBlocked},
	{100, 2534037, Final, privatereply.ThreadOwnedElsewhere},
	{100, 2018109, Final, privatereply.ContentNotAllowed},
	{100, 2018047, Final, privatereply.ContentNotAllowed},
	{100, 2018008, Final, privatereply.ContentNotAllowed},
	{100, 2018294, Final, privatereply.ContentNotAllowed},
	{102, 0, Account, privatereply.TokenRejected},
	{190, 0, Account, privatereply.TokenRejected},
	{190, 458, Account, privatereply.TokenRejected},
	{190, 459, Account, privatereply.TokenRejected},
	{190, 460, Account, privatereply.TokenRejected},
	{190, 463, Account, privatereply.TokenRejected},
	{190, 464, Account, privatereply.TokenRejected},
	{190, 467, Account, privatereply.TokenRejected},
	{190, 492, Account, privatereply.TokenRejected},
	{200, 0, Account, privatereply.NotPermitted},
	{200, 10, Account, privatereply.NotPermitted},
	{200, 2018028, Account, privatereply.NotPermitted},
	{200, 1545041, Final, privatereply.PersonUnavailable},
	{200, 2534041, Account, privatereply.NotPermitted},
	{200, 2534066, Account, privatereply.NotPermitted},
	{201, 0, Account, privatereply.NotPermitted},
	{230, 0, Final, privatereply.Refused},
	{299, 0, Account, privatereply.NotPermitted},
	{551, 0, Final, privatereply.PersonUnavailable},
	{551, 1545041, Final, privatereply.PersonUnavailable},
	{368, 0, Throttled, privatereply.AccountBlocked},
	{506, 0, Final, privatereply.Refused},
	{1609005, 0, Final, privatereply.Refused},
	{2022, 0, Account, privatereply.NotPermitted},
	{2500, 0, Account, privatereply.TokenRejected},
	{10900, 0, AlreadyReplied, privatereply.AlreadyReplied},
	{10901, 0, Final, privatereply.ReplyTimeExpired},
	{10902, 0, Final, privatereply.NotRepliable},
	{10903, 0, Final, privatereply.NotRepliable},
	{10903, 1893049, Final, privatereply.NotRepliable},
	{10903, 1893062, Final, privatereply.NotRepliable},
	{10904, 0, Account, privatereply.NotPermitted},
	{10904, 1893050, Account, privatereply.NotPermitted},
	{9000001, 0, Final, privatereply.Refused},
}

// Guards that each error of the reference has the consequence the reference gives
// it, through a whole send.
func TestEachErrorOfTheReference(t *testing.T) {
	for _, want := range expectations {
		t.Run(fmt.Sprintf("%d_%d", want.code, want.subcode), func(t *testing.T) {
			m := newMeta(t, says(http.StatusBadRequest, fmt.Sprintf(
				`{"error":{"message":"Guten Tag","type":"OAuthException","code":%d,"error_subcode":%d,"fbtrace_id":"Abc_1"}}`,
				want.code, want.subcode)))
			_, err := m.SendPrivateReply(t.Context(), credentials(pageAccount), Recipient{CommentID: "1_2"}, "hi")
			e := failure(t, err)
			if e.Class != want.class || e.Reason != want.reason {
				t.Errorf("%s, %s; want %s, %s", e.Class, e.Reason, want.class, want.reason)
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
		return fmt.Sprint(r.code, "/", r.subcode, "-", r.upTo, " ", r.saidPermanent)
	}
	for _, e := range expectations {
		for _, said := range []bool{false, true} {
			if r, ok := lookup(e.code, e.subcode, said); ok {
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
		if r.pause != 0 && !r.class.Retried() {
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
		"1/1357046", "20/1772107", "-1/2018012", "100/2534122", "190/464", "190/492", "2500/0", "200/2534066",
		"10904/0", "10904/1893050", "230/0", "10901/0", "10902/0", "100/1893060",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

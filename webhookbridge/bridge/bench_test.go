package bridge

import (
	"testing"

	"github.com/privatereply/privatereply/webhookbridge/decode"
)

// ownWork is what the bridge does itself with a delivery of one comment: without
// HTTP, the rules and Temporal.
func ownWork(tb testing.TB) func() {
	h := newHarness(tb, newFakeTemporal())
	body := []byte(`{"object":"instagram","entry":[{"id":"17841400000000001","time":1795341595,"changes":[{"field":"comments","value":{` +
		`"from":{"id":"6000000000000001","username":"someone"},"media":{"id":"17800000000000001","media_product_type":"REELS"},` +
		`"id":"18000000000000002","parent_id":"18000000000000001","text":"How much is the blue one, please? \ud83d\ude00"}}]}]}`)
	header := sign(body, otherSecret)
	return func() {
		sum, ok := signature(header)
		if !ok || !h.secrets.signed(body, sum) {
			tb.Fatal("not signed")
		}
		if events, err := decode.Delivery(body, now, testAccounts); err != nil || events[0].Comment == nil {
			tb.Fatal(events, err)
		}
	}
}

// Its limit is 20 µs.
func BenchmarkDelivery(b *testing.B) {
	work := ownWork(b)
	b.ReportAllocs()
	for b.Loop() {
		work()
	}
}

// The limit of allocations holds on every machine, so it is a test.
func TestDeliveryAllocations(t *testing.T) {
	if n := testing.AllocsPerRun(100, ownWork(t)); n > 60 {
		t.Errorf("%v allocations for one comment, want at most 60", n)
	}
}

package load

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"time"

	"github.com/privatereply/privatereply"
)

// template is a whole HTTP request that was made beforehand, but for the numbers
// of its comments and the signature. fill writes those in their places, so that a
// delivery costs little more than its signature.
type template struct {
	request   []byte
	body      int     // where the body begins
	signature int     // where its 64 digits go
	holes     [][]int // where the number of each comment goes
	mac       hash.Hash
	sum       [sha256.Size]byte
}

func newTemplate(to target, n numbers, a privatereply.Account, s LoadTest) *template {
	text, _ := json.Marshal(s.Text) // a string always has its JSON
	b := bodyBuilder{run: n.run, text: text, live: s.Live, at: time.Now().Unix()}
	b.delivery(a, s.Batch)
	t := &template{mac: hmac.New(sha256.New, []byte(s.Secret)), holes: b.holes}
	head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nX-Hub-Signature-256: sha256=",
		to.path, to.host, b.Len())
	t.signature = len(head)
	t.request = append(t.request, head...)
	t.request = append(t.request, make([]byte, hex.EncodedLen(sha256.Size))...)
	t.request = append(t.request, "\r\n\r\n"...)
	t.body = len(t.request)
	t.request = append(t.request, b.Bytes()...)
	for _, places := range t.holes {
		for i := range places {
			places[i] += t.body
		}
	}
	return t
}

// fill makes the request of one delivery. It is good until the next call.
func (t *template) fill(delivery int) []byte {
	first := delivery * len(t.holes)
	for i, places := range t.holes {
		for _, at := range places {
			writeDigits(t.request[at:at+numberDigits], first+i)
		}
	}
	t.mac.Reset()
	t.mac.Write(t.request[t.body:])
	hex.Encode(t.request[t.signature:], t.mac.Sum(t.sum[:0]))
	return t.request
}

func writeDigits(to []byte, n int) {
	for i := len(to) - 1; i >= 0; i-- {
		to[i] = byte('0' + n%10)
		n /= 10
	}
}

// bodyBuilder writes a delivery as Meta does, and notes where the numbers go.
type bodyBuilder struct {
	bytes.Buffer
	run   string
	text  []byte // in JSON
	live  bool
	at    int64 // entry.time, in seconds
	holes [][]int
}

func (b *bodyBuilder) delivery(a privatereply.Account, comments int) {
	object := "page"
	if a.Platform == privatereply.Instagram {
		object = "instagram"
	}
	fmt.Fprintf(b, `{"object":%q,"entry":[{"id":%q,"time":%d,"changes":[`, object, a.ID, b.at)
	for i := range comments {
		if i > 0 {
			b.WriteByte(',')
		}
		b.holes = append(b.holes, nil)
		if a.Platform == privatereply.Instagram {
			b.instagram()
		} else {
			b.page(a)
		}
	}
	b.WriteString(`]}]}`)
}

// The media and posts that all comments stand under.
const (
	mediaID = "17800000000000001"
	postID  = "200000000000001"
)

func (b *bodyBuilder) instagram() {
	field, product := "comments", "FEED"
	if b.live {
		field, product = "live_comments", "LIVE"
	}
	fmt.Fprintf(b, `{"field":%q,"value":{"from":{"id":"`, field)
	b.number()
	b.WriteString(`","username":"load_`)
	b.number()
	fmt.Fprintf(b, `"},"media":{"id":%q,"media_product_type":%q},"id":"`, mediaID, product)
	b.number()
	fmt.Fprintf(b, `","text":%s}}`, b.text)
}

func (b *bodyBuilder) page(a privatereply.Account) {
	post := a.ID + "_" + postID
	b.WriteString(`{"field":"feed","value":{"from":{"id":"`)
	b.number()
	b.WriteString(`","name":"Load `)
	b.number()
	fmt.Fprintf(b, `"},"post":{"status_type":"mobile_status_update","is_published":true,"id":%q},"post_id":%q,"comment_id":"%s_`, post, post, postID)
	b.number()
	fmt.Fprintf(b, `","created_time":%d,"item":"comment","parent_id":%q,"verb":"add","message":%s}}`, b.at, post, b.text)
}

// number writes the comment's id, whose last digits come later.
func (b *bodyBuilder) number() {
	b.WriteString(b.run)
	last := len(b.holes) - 1
	b.holes[last] = append(b.holes[last], b.Len())
	fmt.Fprintf(b, "%0*d", numberDigits, 0)
}

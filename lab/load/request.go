package load

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"strconv"
	"strings"
	"time"

	"github.com/privatereply/privatereply"
)

// requestTemplate is a prepared HTTP request without the numbers of its comments and
// the signature. render fills those in, so that a delivery costs little more than its
// signature.
type requestTemplate struct {
	request     []byte
	body        int     // where the body begins
	signature   int     // where its 64 digits go
	idPositions [][]int // where the number of each comment goes
	mac         hash.Hash
	sum         [sha256.Size]byte
}

func newRequestTemplate(to target, n commentIDs, a privatereply.Account, s LoadTest) *requestTemplate {
	text, _ := json.Marshal(s.Text) // a string always has its JSON
	b := bodyBuilder{firstDigits: n.firstDigits, text: text, live: s.Live, at: time.Now().Unix()}
	b.delivery(a, s.Batch)
	t := &requestTemplate{mac: hmac.New(sha256.New, []byte(s.Secret)), idPositions: b.idPositions}
	head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nX-Hub-Signature-256: sha256=",
		to.path, to.host, b.Len())
	t.signature = len(head)
	t.request = append(t.request, head...)
	t.request = append(t.request, make([]byte, hex.EncodedLen(sha256.Size))...)
	t.request = append(t.request, "\r\n\r\n"...)
	t.body = len(t.request)
	t.request = append(t.request, b.Bytes()...)
	for _, places := range t.idPositions {
		for i := range places {
			places[i] += t.body
		}
	}
	return t
}

// render completes the request of one delivery. The slice is valid until the next call.
func (t *requestTemplate) render(delivery int) []byte {
	first := delivery * len(t.idPositions)
	for i, places := range t.idPositions {
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

// bodyBuilder writes the body of a delivery as Meta does, and records the positions of
// the comment numbers.
type bodyBuilder struct {
	bytes.Buffer
	firstDigits string
	text        []byte // in JSON
	live        bool
	at          int64 // entry.time, in seconds
	idPositions [][]int
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
		b.idPositions = append(b.idPositions, nil)
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
	b.commentID()
	b.WriteString(`","username":"load_`)
	b.commentID()
	fmt.Fprintf(b, `"},"media":{"id":%q,"media_product_type":%q},"id":"`, mediaID, product)
	b.commentID()
	fmt.Fprintf(b, `","text":%s}}`, b.text)
}

func (b *bodyBuilder) page(a privatereply.Account) {
	post := a.ID + "_" + postID
	b.WriteString(`{"field":"feed","value":{"from":{"id":"`)
	b.commentID()
	b.WriteString(`","name":"Load `)
	b.commentID()
	fmt.Fprintf(b, `"},"post":{"status_type":"mobile_status_update","is_published":true,"id":%q},"post_id":%q,"comment_id":"%s_`, post, post, postID)
	b.commentID()
	fmt.Fprintf(b, `","created_time":%d,"item":"comment","parent_id":%q,"verb":"add","message":%s}}`, b.at, post, b.text)
}

// commentID writes a comment's id with zeros as its number, and records where the
// number goes.
func (b *bodyBuilder) commentID() {
	b.WriteString(b.firstDigits)
	last := len(b.idPositions) - 1
	b.idPositions[last] = append(b.idPositions[last], b.Len())
	fmt.Fprintf(b, "%0*d", numberDigits, 0)
}

// A comment's id has 18 digits, as Instagram's have: 18, the tenths of a second at
// which the load test began, and the comment's number in it. The tenths come again
// after 115 days, when Temporal keeps nothing of the first ones.
const (
	tenthsDigits    = 8
	numberDigits    = 8
	instagramPrefix = "18"
)

// commentIDs gives every comment of a load test an id that no other load test uses.
type commentIDs struct {
	firstDigits string // how the ids begin
	accounts    []privatereply.Account
	batch       int
}

func newCommentIDs(accounts []privatereply.Account, batch int, now time.Time) commentIDs {
	tenths := now.UnixMilli() / 100 % 1e8
	return commentIDs{firstDigits: fmt.Sprintf("%s%0*d", instagramPrefix, tenthsDigits, tenths), accounts: accounts, batch: batch}
}

// account is the account of a delivery. One delivery has comments of one account:
// Instagram's and a Page's never come together.
func (n commentIDs) account(delivery int) privatereply.Account {
	return n.accounts[delivery%len(n.accounts)]
}

// workflowID is the id of the reply to a comment.
func (n commentIDs) workflowID(number int) string {
	return n.workflowIDPrefix(n.account(number/n.batch)) + fmt.Sprintf("%0*d", numberDigits, number)
}

// workflowIDPrefix is the common prefix of the workflow ids of one account's comments.
func (n commentIDs) workflowIDPrefix(a privatereply.Account) string {
	return fmt.Sprintf("reply:%s:%s:%s", a.Platform, a.ID, n.firstDigits)
}

// number is the number of the comment that a workflow answers; false if the workflow
// does not belong to this load test.
func (n commentIDs) number(workflowID string) (int, bool) {
	id, ok := privatereply.ParseID(workflowID)
	digits, found := strings.CutPrefix(id.Subject, n.firstDigits)
	if !ok || !found || len(digits) != numberDigits {
		return 0, false
	}
	number, err := strconv.Atoi(digits)
	return number, err == nil && n.workflowID(number) == workflowID
}

// queries are the visibility queries for the replies of the load test, one for each
// account. A range of ids uses the index of Temporal's visibility, which a pattern
// would not.
func (n commentIDs) queries() []string {
	all := make([]string, len(n.accounts))
	for i, a := range n.accounts {
		all[i] = fmt.Sprintf(`WorkflowId BETWEEN "%[1]s" AND "%[1]s~"`, n.workflowIDPrefix(a))
	}
	return all
}

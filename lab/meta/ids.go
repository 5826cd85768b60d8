package meta

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"time"
)

// Ids have the shapes of Meta's: digits only, 15 to 18 of them, and a Facebook
// comment is "<post>_<comment>". The serial number starts at the clock, so that a
// sandbox that starts again never gives an id a second time.

// idsPerMilli is how many ids a millisecond of the clock stands for.
const idsPerMilli = 10

func firstSerial(now time.Time) int64 { return now.UnixMilli() * idsPerMilli }

func (s *Sandbox) serialNumber() string {
	s.serial++
	return fmt.Sprintf("%014d", s.serial)
}

func (s *Sandbox) mediaID() string            { return "179" + s.serialNumber() }
func (s *Sandbox) instagramCommentID() string { return "180" + s.serialNumber() }
func (s *Sandbox) postNumber() string         { return "2" + s.serialNumber() }
func (s *Sandbox) commentNumber() string      { return "3" + s.serialNumber() }
func (s *Sandbox) videoID() string            { return "9" + s.serialNumber() }
func (s *Sandbox) adID() string               { return "1202" + s.serialNumber() }

func (s *Sandbox) messageID(instagram bool) string {
	sum := sha256.Sum256([]byte(s.serialNumber()))
	text := base64.RawURLEncoding.EncodeToString(sum[:])
	if instagram {
		return "aWdfZ" + text
	}
	return "m_" + text
}

func (s *Sandbox) threadID(instagram bool) string {
	n := s.serialNumber()
	if instagram {
		return "aWdfZAG06" + base64.RawURLEncoding.EncodeToString([]byte("IGMessageThread:"+n))
	}
	return "t_1" + n
}

// scopedID is the same for the same words in every sandbox: a person keeps the id
// when the sandbox starts again.
func scopedID(prefix string, words ...string) string {
	h := sha256.New()
	for _, w := range words {
		fmt.Fprintf(h, "%d:%s", len(w), w)
	}
	return fmt.Sprintf("%s%015d", prefix, binary.BigEndian.Uint64(h.Sum(nil))%1e15)
}

func personPrefix(a Account) string {
	if a.instagram() {
		return "6"
	}
	return "7"
}

func traceID() string {
	b := make([]byte, 16)
	rand.Read(b) // never fails: crypto/rand ends the process instead
	return "A" + base64.RawURLEncoding.EncodeToString(b)
}

package meta

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// Sign is the X-Hub-Signature-256 of a raw webhook body.
func Sign(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// escape writes JSON as Meta does: everything beyond ASCII as \uxxxx with
// lowercase hex, and "/" as "\/". Both occur only inside strings, so no parsing
// is needed.
func escape(plain []byte) []byte {
	out := make([]byte, 0, len(plain)+len(plain)/8)
	for i := 0; i < len(plain); {
		r, size := utf8.DecodeRune(plain[i:])
		i += size
		switch {
		case r == '/':
			out = append(out, `\/`...)
		case r < utf8.RuneSelf:
			out = append(out, byte(r))
		case r <= 0xffff:
			out = fmt.Appendf(out, `\u%04x`, r)
		default:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		}
	}
	return out
}

package bridge

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"regexp"
)

// challengePattern is what Meta sends to be echoed. It is a number today; anything that a
// browser could take for markup stays out.
var challengePattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,200}$`)

// verify answers the request that Meta makes when the callback is saved in its
// dashboard.
func (b *Bridge) verify(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	echo := q.Get("hub.challenge")
	if !sameToken(q.Get("hub.verify_token"), string(b.cfg.Settings.VerifyToken)) || q.Get("hub.mode") != "subscribe" || !challengePattern.MatchString(echo) {
		b.sampler.warn(b.cfg.Logger, "verification", "Refused a verification: mode, verify token or challenge is wrong")
		writeStatus(w, http.StatusForbidden)
		return
	}
	b.cfg.Logger.Info("Meta verified the callback")
	writeText(w, http.StatusOK, echo)
}

// sameToken takes the same time whatever the tokens have in common, their length too.
func sameToken(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

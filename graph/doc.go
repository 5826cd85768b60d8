// Package graph is the client of Meta's Graph API: it sends private replies and
// follow-ups, reads what the product has to look up, and sorts every failure by
// what it proves.
//
// A send makes one HTTP request and never repeats it. What comes back is a
// [Receipt] or an [*Error], whose [Class] says whether the request left the
// process, whether Meta refused it, and whether anybody can know. What follows
// from that is for the caller to decide.
//
// No error, log value or URL of this package holds an access token, an app
// secret, a message text or a word that Meta wrote.
package graph

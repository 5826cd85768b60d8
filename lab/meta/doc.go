// Package sandbox stands in Meta's place for development and tests: a Graph API
// and a source of webhooks in one HTTP handler, with a control API and a page on
// which a developer is the person who comments.
//
// It keeps the rules that Meta keeps (one private reply to a comment, seven days,
// only during an Instagram live, 24 hours after the person wrote, the limits per
// account) and can be told to misbehave the way Meta does: see [Faults]. What it
// knows lives in memory. It is not a server for real people's data.
//
// It shares no code with the product's own Graph client, so that the two cannot
// be wrong in the same way.
package meta

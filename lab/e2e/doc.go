// Package e2e tests the whole product: the bridge and the worker as they are
// shipped, a real Temporal server, and the sandbox in Meta's place, which keeps
// Meta's rules and counts what each person received.
package e2e

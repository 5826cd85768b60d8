// Package replies is how programs look at replies and decide them from outside:
// lists and counts, one reply's story, and the decisions of people. It asks
// Temporal and nothing else.
package replies

import (
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
)

// Client asks one namespace.
type Client struct {
	temporal  client.Client
	namespace string
	queue     string
	data      converter.DataConverter
	now       func() time.Time
}

// New makes a client of what c is connected to. The queue is the task queue whose
// workers answer; data decodes what c's own methods leave encoded, such as a memo.
func New(c client.Client, namespace, queue string, data converter.DataConverter) *Client {
	return &Client{temporal: c, namespace: namespace, queue: queue, data: data, now: time.Now}
}

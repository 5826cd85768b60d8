package graph

import "context"

// Message asks Meta for one message by its id: who wrote it to whom, and when.
func (c *Client) Message(ctx context.Context, cred Credentials, id string) (Message, error) {
	var n struct {
		messageNode
		To page[person] `json:"to"`
	}
	if _, err := c.node(ctx, cred, "read a message", id, "id,created_time,from,to", &n); err != nil {
		return Message{}, err
	}
	m := messagesOf([]messageNode{n.messageNode})[0]
	for _, p := range n.To.Data {
		m.ToIDs = append(m.ToIDs, string(p.ID))
	}
	return m, nil
}

package graph

import (
	"context"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/metajson"
)

// PictureURL is the address of the account's picture at Meta; empty: it has none. The address
// is signed and ends after days.
func (c *Client) PictureURL(ctx context.Context, cred Credentials) (string, error) {
	const op = "ask for the account's picture"
	account := cred.Account
	if account.Platform == privatereply.Facebook {
		var n struct {
			Picture struct {
				Data struct {
					URL metajson.Text `json:"url"`
				} `json:"data"`
			} `json:"picture"`
		}
		_, err := c.readNode(ctx, cred, op, account.ID, "picture{url}", &n)
		return string(n.Picture.Data.URL), err
	}
	node := account.ID
	if onInstagramHost(account) {
		node = "me"
	}
	var n struct {
		URL metajson.Text `json:"profile_picture_url"`
	}
	_, err := c.readNode(ctx, cred, op, node, "profile_picture_url", &n)
	return string(n.URL), err
}

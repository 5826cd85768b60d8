package graph

import (
	"testing"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/meta"
)

// Guards that the client and the simulated Meta mean the same by a message with buttons, a
// public reply and a hidden comment, on both platforms.
func TestModerationAtTheSandbox(t *testing.T) {
	c, sb := sandboxed(t, false, meta.Account{
		Platform: privatereply.Instagram, ID: igAccount.ID, Name: "Oak Corner", Login: privatereply.LoginInstagram,
		Token: instagramTestToken, InstagramAppSecret: testSecret,
	})
	instagram := Credentials{Account: igAccount, Token: instagramTestToken}
	out := OutgoingMessage{Text: "Shall we send the list?", Buttons: []MessageButton{
		{Title: "Yes, please", Payload: "privatereply:1:b0"}, {Title: "Shop", URL: "https://example.com/"},
	}}
	for _, cred := range []Credentials{credentials(pageAccount), instagram} {
		t.Run(string(cred.Account.Platform), func(t *testing.T) {
			id, err := sb.Comment(meta.NewComment{Account: cred.Account.ID, Username: "sam", Text: "list"})
			if err != nil {
				t.Fatal(err)
			}
			sent, err := c.SendPrivateReply(t.Context(), cred, Recipient{CommentID: id}, out)
			if err != nil {
				t.Fatal(err)
			}
			for conversation, err := range c.Conversations(t.Context(), cred, ConversationQuery{PersonID: sent.RecipientID, Limit: 1, Attachments: true}) {
				if err != nil {
					t.Fatal(err)
				}
				criteria := MessageCriteria{SenderIDs: []string{cred.Account.ID}, Text: out.Text}
				for _, p := range conversation.Participants {
					if p.ID != sent.RecipientID {
						criteria.SenderIDs = append(criteria.SenderIDs, p.ID)
					}
				}
				found, ok := FindMessage(conversation.Messages, criteria)
				if facebook := cred.Account.Platform == privatereply.Facebook; ok != facebook || ok && found.ID != sent.MessageID {
					t.Errorf("found %+v, %v", found, ok)
				} else if !facebook && !AnyUnreadable(conversation.Messages, criteria) {
					t.Errorf("Instagram shows no text, and yet it is readable: %+v", conversation.Messages)
				}
			}
			posted, err := c.ReplyToComment(t.Context(), cred, id, "Sent you a message!")
			if err != nil {
				t.Fatal(err)
			}
			replies, err := c.CommentReplies(t.Context(), cred, id, "")
			if err != nil || len(replies.Comments) != 1 || replies.Comments[0].ID != posted.ID || replies.Comments[0].Text != "Sent you a message!" {
				t.Errorf("%+v, %v; want %s", replies, err, posted.ID)
			}
			for _, hidden := range []bool{true, true, false} {
				if _, err := c.SetCommentHidden(t.Context(), cred, id, hidden); err != nil {
					t.Fatal(err)
				}
				if shown, err := c.CommentContent(t.Context(), cred, id); err != nil || shown.Hidden == nil || *shown.Hidden != hidden {
					t.Errorf("hidden %v: %+v, %v", hidden, shown, err)
				}
			}
			if _, err := c.SetCommentHidden(t.Context(), cred, posted.ID, true); asGraphError(t, err).Class != Final {
				t.Errorf("its own comment: %v", err)
			}
		})
	}
}

package graph

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/privatereply/privatereply"
)

const delivered = `{"recipient_id":"7000000000000001","message_id":"m_1"}`

// Guards Meta's two pages to the letter: the node, the host and the body of each
// send, and that the token is in a header and nowhere else.
func TestSendsByteForByte(t *testing.T) {
	replyWith := func(account privatereply.Account, r Recipient, out OutgoingMessage) func(*testing.T, *metaServer) (SendResult, error) {
		return func(t *testing.T, m *metaServer) (SendResult, error) {
			return m.SendPrivateReply(t.Context(), credentials(account), r, out)
		}
	}
	reply := func(account privatereply.Account, r Recipient, text string) func(*testing.T, *metaServer) (SendResult, error) {
		return replyWith(account, r, OutgoingMessage{Text: text})
	}
	messageWith := func(account privatereply.Account, out OutgoingMessage, humanAgent bool) func(*testing.T, *metaServer) (SendResult, error) {
		return func(t *testing.T, m *metaServer) (SendResult, error) {
			return m.SendMessage(t.Context(), credentials(account), "7000000000000001", out, humanAgent)
		}
	}
	message := func(account privatereply.Account, humanAgent bool) func(*testing.T, *metaServer) (SendResult, error) {
		return messageWith(account, OutgoingMessage{Text: "hi"}, humanAgent)
	}
	buttons := OutgoingMessage{Text: "Shall we send the list?", Buttons: []MessageButton{
		{Title: "Yes, please", Payload: "r1:yes"}, {Title: "Open <shop>", URL: "https://example.com/?a=1&b=2"},
	}}
	const template = `"attachment":{"type":"template","payload":{"template_type":"button","text":"Shall we send the list?","buttons":[` +
		`{"type":"postback","title":"Yes, please","payload":"r1:yes"},{"type":"web_url","title":"Open <shop>","url":"https://example.com/?a=1&b=2"}]}}`
	sizes := OutgoingMessage{Text: "Which size?", QuickReplies: []MessageQuickReply{{"Small", "size:s"}, {"Large", "size:l"}}}
	const quick = `"quick_replies":[{"content_type":"text","title":"Small","payload":"size:s"},{"content_type":"text","title":"Large","payload":"size:l"}]`
	both := OutgoingMessage{Text: buttons.Text, Buttons: buttons.Buttons, QuickReplies: sizes.QuickReplies}
	for _, tc := range []struct {
		name string
		send func(*testing.T, *metaServer) (SendResult, error)
		path string
		body string
	}{
		{"comment on a Page", reply(pageAccount, Recipient{CommentID: "200000000000001_300000000000001"}, "hi"),
			"/facebook/v26.0/100000000000001/messages",
			`{"recipient":{"comment_id":"200000000000001_300000000000001"},"message":{"text":"hi"},"messaging_type":"RESPONSE"}`},
		{"visitor post on a Page", reply(pageAccount, Recipient{PostID: "100000000000001_200000000000001"}, "hi"),
			"/facebook/v26.0/100000000000001/messages",
			`{"recipient":{"post_id":"100000000000001_200000000000001"},"message":{"text":"hi"},"messaging_type":"RESPONSE"}`},
		{"Instagram comment, Facebook Login", reply(igByPage, Recipient{CommentID: "18000000000000001"}, "hi"),
			"/facebook/v26.0/100000000000001/messages",
			`{"recipient":{"comment_id":"18000000000000001"},"message":{"text":"hi"},"messaging_type":"RESPONSE"}`},
		{"Instagram comment, Instagram Login", reply(igAccount, Recipient{CommentID: "18000000000000001"}, "hi"),
			"/instagram/v26.0/17841400000000002/messages",
			`{"recipient":{"comment_id":"18000000000000001"},"message":{"text":"hi"}}`},
		{"any text", reply(igAccount, Recipient{CommentID: "1"}, "é 😀 <b>&\"\\\n"),
			"/instagram/v26.0/17841400000000002/messages",
			`{"recipient":{"comment_id":"1"},"message":{"text":"é 😀 <b>&\"\\\n"}}`},
		{"follow-up on a Page", message(pageAccount, false),
			"/facebook/v26.0/100000000000001/messages",
			`{"recipient":{"id":"7000000000000001"},"message":{"text":"hi"},"messaging_type":"RESPONSE"}`},
		{"follow-up by a human agent", message(pageAccount, true),
			"/facebook/v26.0/100000000000001/messages",
			`{"recipient":{"id":"7000000000000001"},"message":{"text":"hi"},"messaging_type":"MESSAGE_TAG","tag":"HUMAN_AGENT"}`},
		{"follow-up, Facebook Login", message(igByPage, false),
			"/facebook/v26.0/100000000000001/messages",
			`{"recipient":{"id":"7000000000000001"},"message":{"text":"hi"},"messaging_type":"RESPONSE"}`},
		{"follow-up, Instagram Login", message(igAccount, false),
			"/instagram/v26.0/17841400000000002/messages",
			`{"recipient":{"id":"7000000000000001"},"message":{"text":"hi"}}`},
		{"follow-up by a human agent, Instagram Login", message(igAccount, true),
			"/instagram/v26.0/17841400000000002/messages",
			`{"recipient":{"id":"7000000000000001"},"message":{"text":"hi"},"messaging_type":"MESSAGE_TAG","tag":"HUMAN_AGENT"}`},
		{"buttons, on a Page", replyWith(pageAccount, Recipient{CommentID: "1_2"}, buttons),
			"/facebook/v26.0/100000000000001/messages",
			`{"recipient":{"comment_id":"1_2"},"message":{` + template + `},"messaging_type":"RESPONSE"}`},
		{"buttons, Instagram Login", replyWith(igAccount, Recipient{CommentID: "1"}, buttons),
			"/instagram/v26.0/17841400000000002/messages",
			`{"recipient":{"comment_id":"1"},"message":{` + template + `}}`},
		{"buttons in a follow-up, Facebook Login", messageWith(igByPage, buttons, false),
			"/facebook/v26.0/100000000000001/messages",
			`{"recipient":{"id":"7000000000000001"},"message":{` + template + `},"messaging_type":"RESPONSE"}`},
		{"quick replies, Instagram Login", replyWith(igAccount, Recipient{CommentID: "1"}, sizes),
			"/instagram/v26.0/17841400000000002/messages",
			`{"recipient":{"comment_id":"1"},"message":{"text":"Which size?",` + quick + `}}`},
		{"quick replies in a human agent's follow-up", messageWith(pageAccount, sizes, true),
			"/facebook/v26.0/100000000000001/messages",
			`{"recipient":{"id":"7000000000000001"},"message":{"text":"Which size?",` + quick + `},"messaging_type":"MESSAGE_TAG","tag":"HUMAN_AGENT"}`},
		{"both, on a Page", replyWith(pageAccount, Recipient{PostID: "1_2"}, both),
			"/facebook/v26.0/100000000000001/messages",
			`{"recipient":{"post_id":"1_2"},"message":{` + template + `,` + quick + `},"messaging_type":"RESPONSE"}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := newMeta(t, respondWith(200, delivered))
			before := time.Now().Add(-time.Second)
			receipt, err := tc.send(t, m)
			if err != nil {
				t.Fatal(err)
			}
			want := received{
				Method: http.MethodPost, Path: tc.path, Query: "appsecret_proof=" + testProof,
				Type: "application/json", Authorization: "Bearer " + testToken, Body: tc.body,
			}
			if diff := cmp.Diff(want, m.only(t)); diff != "" {
				t.Error(diff)
			}
			wantReceipt := SendResult{RecipientID: "7000000000000001", MessageID: "m_1"}
			if diff := cmp.Diff(wantReceipt, receipt, cmpopts.IgnoreFields(SendResult{}, "SentAt")); diff != "" {
				t.Error(diff)
			}
			if receipt.SentAt.Before(before) || receipt.SentAt.After(time.Now()) || receipt.SentAt.Location() != time.UTC {
				t.Errorf("sent at %v", receipt.SentAt)
			}
		})
	}
}

// Guards the route for a person whose id the send did not give.
func TestReplyInConversation(t *testing.T) {
	m := newMeta(t, respondWith(200, `{"id":"m_2","uuid":"u"}`))
	receipt, err := m.ReplyInConversation(t.Context(), credentials(pageAccount), "t_10/../x", "hi")
	if err != nil || receipt.MessageID != "m_2" {
		t.Fatalf("%+v, %v", receipt, err)
	}
	if got := m.only(t); got.Path != "/facebook/v26.0/t_10%2F..%2Fx/messages" || got.Body != `{"message":"hi"}` {
		t.Errorf("%+v", got)
	}
}

// Guards accounts without an app secret: their calls carry no proof.
func TestNoProofWithoutSecret(t *testing.T) {
	m := newMeta(t, respondWith(200, delivered))
	cred := Credentials{Account: pageAccount, Token: testToken}
	if _, err := m.SendPrivateReply(t.Context(), cred, Recipient{CommentID: "1"}, OutgoingMessage{Text: "hi"}); err != nil {
		t.Fatal(err)
	}
	if q := m.only(t).Query; q != "" {
		t.Errorf("query %q", q)
	}
}

// Guards that a delivery is believed only with a message id, and that ids of any
// form are taken over to the letter.
func TestSendResults(t *testing.T) {
	for _, tc := range []struct {
		name, body         string
		message, recipient string // no message: the outcome is unknown
	}{
		{"both ids", delivered, "m_1", "7000000000000001"},
		{"numbers beyond a float64", `{"recipient_id":526123456789012345,"message_id":"m_1"}`, "m_1", "526123456789012345"},
		{"no recipient", `{"message_id":"m_1"}`, "m_1", ""},
		{"more than that", `{"recipient_id":"7","message_id":"m_1","x":{"y":[1]}}`, "m_1", "7"},
		{"no message", `{"recipient_id":"7000000000000001"}`, "", ""},
		{"an empty message id", `{"recipient_id":"7","message_id":""}`, "", ""},
		{"empty object", `{}`, "", ""},
		{"nothing", ``, "", ""},
		{"null", `null`, "", ""},
		{"a list", `["m_1"]`, "", ""},
		{"true", `true`, "", ""},
		{"cut off", `{"recipient_id":"7","message_id":"m_1"`, "", ""},
		{"a web page", `<html></html>`, "", ""},
		{"ids of a strange form", `{"recipient_id":{"id":"7"},"message_id":"m_1"}`, "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := newMeta(t, respondWith(200, tc.body))
			got, err := m.SendPrivateReply(t.Context(), credentials(pageAccount), Recipient{CommentID: "1"}, OutgoingMessage{Text: "hi"})
			if tc.message != "" {
				if err != nil || got.MessageID != tc.message || got.RecipientID != tc.recipient {
					t.Errorf("%+v, %v", got, err)
				}
				return
			}
			if e := asGraphError(t, err); e.Class != Unknown || e.Reason != privatereply.NoAnswer || !e.Wrote || !e.MayHaveDelivered || e.HTTPStatus != 200 {
				t.Errorf("%+v", e)
			}
		})
	}
}

// Guards that a request that cannot be right never leaves.
func TestRefusedBeforeTheNetwork(t *testing.T) {
	m := newMeta(t, respondWith(200, delivered))
	cred := credentials(pageAccount)
	noToken, badToken, noPage := cred, cred, credentials(igByPage)
	noToken.Token = ""
	badToken.Token = "EAA\r\nX-Injected: 1"
	noPage.Account.PageID = ""
	for _, tc := range []struct {
		name  string
		send  func() (SendResult, error)
		class Class
	}{
		{"no recipient", func() (SendResult, error) {
			return m.SendPrivateReply(t.Context(), cred, Recipient{}, OutgoingMessage{Text: "hi"})
		}, Final},
		{"two recipients", func() (SendResult, error) {
			return m.SendPrivateReply(t.Context(), cred, Recipient{CommentID: "1", PostID: "2"}, OutgoingMessage{Text: "hi"})
		}, Final},
		{"no person", func() (SendResult, error) {
			return m.SendMessage(t.Context(), cred, "", OutgoingMessage{Text: "hi"}, false)
		}, Final},
		{"no conversation", func() (SendResult, error) { return m.ReplyInConversation(t.Context(), cred, "", "hi") }, Final},
		{"a path for an id", func() (SendResult, error) { return m.ReplyInConversation(t.Context(), cred, "..", "hi") }, Final},
		{"no Page behind the account", func() (SendResult, error) {
			return m.SendPrivateReply(t.Context(), noPage, Recipient{CommentID: "1"}, OutgoingMessage{Text: "hi"})
		}, Final},
		{"no token", func() (SendResult, error) {
			return m.SendPrivateReply(t.Context(), noToken, Recipient{CommentID: "1"}, OutgoingMessage{Text: "hi"})
		}, AccountFault},
		{"a token with a line break", func() (SendResult, error) {
			return m.SendPrivateReply(t.Context(), badToken, Recipient{CommentID: "1"}, OutgoingMessage{Text: "hi"})
		}, AccountFault},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := tc.send()
			if e := asGraphError(t, err); e.Class != tc.class || e.Wrote || e.MayHaveDelivered || strings.Contains(e.Error(), "X-Injected") {
				t.Errorf("%+v", e)
			}
		})
	}
	if calls := m.received(); len(calls) != 0 {
		t.Errorf("%d requests left: %+v", len(calls), calls)
	}
}

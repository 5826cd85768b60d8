package graph_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/graph"
)

// serve returns a client of a server on 127.0.0.1 in Meta's place, and credentials of a
// Facebook Page.
func serve(handler http.HandlerFunc) (client *graph.Client, cred graph.Credentials, stop func()) {
	server := httptest.NewServer(handler)
	client, err := graph.New(graph.Options{FacebookURL: server.URL})
	if err != nil {
		panic(err)
	}
	cred = graph.Credentials{
		Account: privatereply.Account{Platform: privatereply.Facebook, ID: "100000000000001", Login: privatereply.LoginFacebook},
		Token:   "EAAtoken",
	}
	return client, cred, server.Close
}

// One comment gets its private reply.
func ExampleClient_SendPrivateReply() {
	client, cred, stop := serve(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Println(r.Method, r.URL.Path)
		fmt.Println(string(body))
		_, _ = io.WriteString(w, `{"recipient_id":"7000000000000001","message_id":"m_1"}`)
	})
	defer stop()

	sent, err := client.SendPrivateReply(context.Background(), cred, graph.Recipient{CommentID: "200_300"}, graph.OutgoingMessage{Text: "It costs 12 euros."})
	fmt.Println(sent.MessageID, sent.RecipientID, err)
	// Output:
	// POST /v26.0/100000000000001/messages
	// {"recipient":{"comment_id":"200_300"},"message":{"text":"It costs 12 euros."},"messaging_type":"RESPONSE"}
	// m_1 7000000000000001 <nil>
}

// The class of an error says what may follow from it.
func ExampleError() {
	client, cred, stop := serve(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `{"error":{"message":"…","code":32}}`)
	})
	defer stop()

	_, err := client.SendPrivateReply(context.Background(), cred, graph.Recipient{CommentID: "200_300"}, graph.OutgoingMessage{Text: "It costs 12 euros."})
	var failed *graph.Error
	if errors.As(err, &failed) {
		fmt.Println("class:", failed.Class)
		fmt.Println("retry:", failed.Class.Retryable(), "after", max(failed.RetryAfter, failed.Cooldown))
		fmt.Println("may have been delivered:", failed.MayHaveDelivered)
	}
	fmt.Println(err)
	// Output:
	// class: throttled
	// retry: true after 5m0s
	// may have been delivered: false
	// graph: private reply: the Page has reached its rate limit (error 32, HTTP 403)
}

// After a send without an answer, the conversation shows whether Meta delivered it.
func ExampleFindMessage() {
	sentAt := time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)
	client, cred, stop := serve(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"data":[{"id":"t_1","messages":{"data":[
			{"id":"m_2","from":{"id":"7000000000000001"},"message":"Thank you!","created_time":"2026-10-01T12:05:00+0000"},
			{"id":"m_1","from":{"id":"100000000000001"},"message":"It costs 12 euros.","created_time":"2026-10-01T12:00:00+0000"}]}}]}`)
	})
	defer stop()

	for conversation, err := range client.Conversations(context.Background(), cred, graph.ConversationQuery{PersonID: "7000000000000001", Since: sentAt}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		message, found := graph.FindMessage(conversation.Messages, graph.MessageCriteria{
			SenderIDs: []string{cred.Account.ID}, Text: "It costs 12 euros.", Since: sentAt,
		})
		fmt.Println(message.ID, found, "complete:", conversation.Complete)
	}
	// Output:
	// m_1 true complete: true
}

// WithBeforeRequest is the hook for a limiter: here at most two requests.
func ExampleWithBeforeRequest() {
	client, cred, stop := serve(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, `{"data":[{"id":"%s1"}],"paging":{"cursors":{"after":"%sx"},"next":"https://example.com"}}`,
			r.URL.Query().Get("after"), r.URL.Query().Get("after"))
	})
	defer stop()

	requests := 0
	ctx := graph.WithBeforeRequest(context.Background(), func(context.Context) error {
		if requests++; requests > 2 {
			return errors.New("enough for now")
		}
		return nil
	})
	after := ""
	for {
		page, err := client.Feed(ctx, cred, graph.FeedQuery{After: after})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(page.Posts[0].ID)
		after = page.After
	}
	// Output:
	// 1
	// x1
	// enough for now
}

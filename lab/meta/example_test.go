package meta_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/meta"
)

// Somebody comments on a Page, the product answers in private, and a second answer
// is refused as Meta refuses it.
func Example() {
	sb := meta.New(meta.Config{Accounts: []meta.Account{{
		Platform: privatereply.Facebook, ID: "100000000000001", Name: "Clean Slate",
		Login: privatereply.LoginFacebook, Token: "EAAtesttoken", AppSecret: "test-app-secret",
	}}})
	server := httptest.NewServer(sb)
	defer server.Close()
	defer sb.Close()

	id, err := sb.Comment(meta.NewComment{Username: "Kim", Text: "How much is the table?"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 2 {
		body := `{"recipient":{"comment_id":"` + id + `"},"message":{"text":"240, delivered."}}`
		req, _ := http.NewRequest(http.MethodPost, server.URL+"/facebook/v26.0/100000000000001/messages", strings.NewReader(body))
		req.Header.Set("Authorization", "Bearer EAAtesttoken")
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			fmt.Println(err)
			return
		}
		resp.Body.Close()
		fmt.Println(resp.Status)
	}
	for _, m := range sb.Inbox(meta.Person{Account: "100000000000001", Username: "Kim"}) {
		fmt.Println(m.Kind, m.Text)
	}
	// Output:
	// 200 OK
	// 400 Bad Request
	// private_reply 240, delivered.
}

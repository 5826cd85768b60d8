package personkey

import (
	"regexp"
	"slices"
	"testing"

	"go.temporal.io/sdk/client"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/temporal/codec"
	"github.com/privatereply/privatereply/workflows"
)

func keysOf(t *testing.T, text string) Keys {
	t.Helper()
	parsed, err := codec.ParseKeys(text)
	if err != nil {
		t.Fatal(err)
	}
	c, err := codec.New(parsed)
	if err != nil {
		t.Fatal(err)
	}
	return New(c)
}

// A person has one key with an account, which does not say who it is; what was started
// with an older key, or without any, is found by a newer one.
func TestKeys(t *testing.T) {
	a, b := "a:"+codec.NewSecret(), "b:"+codec.NewSecret()
	older, newer := keysOf(t, a), keysOf(t, b+","+a)
	of := func(k Keys) string { return k.Of(privatereply.Instagram, "178", "600") }
	all := newer.All(privatereply.Instagram, "178", "600")
	if want := []string{of(newer), of(older), of(New(nil))}; !slices.Equal(all, want) {
		t.Errorf("all are %q, want %q", all, want)
	}
	seen := map[string]bool{}
	for _, key := range append(all,
		newer.Of(privatereply.Instagram, "178", "601"), newer.Of(privatereply.Instagram, "179", "600"), newer.Of(privatereply.Facebook, "178", "600")) {
		if seen[key] || !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(key) {
			t.Errorf("the key %q comes twice, or is no 16 bytes in hex", key)
		}
		seen[key] = true
	}

	in := workflows.PrivateReplyInput{Decision: privatereply.Decision{Action: privatereply.ActionAsk}, Comment: privatereply.Comment{
		Platform: privatereply.Instagram, Account: "178", CommentID: "1", PersonID: "600",
	}}
	for _, person := range []string{"600", ""} {
		in.Comment.PersonID = person
		options := client.StartWorkflowOptions{}
		newer.Set(&options, in.Comment)
		got, ok := options.TypedSearchAttributes.GetKeyword(workflows.PersonKeyAttribute)
		if ok != (person != "") || ok && got != of(newer) {
			t.Errorf("person %q starts with the key %q, %v", person, got, ok)
		}
	}
}

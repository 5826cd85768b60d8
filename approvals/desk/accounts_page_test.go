package desk

import (
	"fmt"
	"net/url"
	"testing"

	"github.com/privatereply/privatereply"
)

// A page shows some accounts and leads to the next ones; a search finds names and ids.
func TestAccountsOf(t *testing.T) {
	var all []privatereply.Account
	for n := range 45 {
		all = append(all, privatereply.Account{ID: fmt.Sprint(1000 + n), Name: fmt.Sprintf("Shop %d", n)})
	}
	tests := []struct {
		query        string
		first        string
		count        int
		next, search string
	}{
		{"", "1000", 20, "/accounts?from=20&q=", ""},
		{"from=20", "1020", 20, "/accounts?from=40&q=", ""},
		{"from=40", "1040", 5, "", ""},
		{"from=99", "", 0, "", ""},
		{"from=-3", "1000", 20, "/accounts?from=20&q=", ""},
		{"from=x", "1000", 20, "/accounts?from=20&q=", ""},
		{"q=shop+4", "1004", 6, "", "shop 4"}, // and 40 to 44
		{"q=1017", "1017", 1, "", "1017"},
		{"q=nobody", "", 0, "", "nobody"},
	}
	for _, tt := range tests {
		query, err := url.ParseQuery(tt.query)
		if err != nil {
			t.Fatal(err)
		}
		shown, search, next := accountsOf(all, query)
		first := ""
		if len(shown) > 0 {
			first = shown[0].ID
		}
		if first != tt.first || len(shown) != tt.count || next != tt.next || search != tt.search {
			t.Errorf("%q: %d from %s, next %q, search %q", tt.query, len(shown), first, next, search)
		}
	}
}

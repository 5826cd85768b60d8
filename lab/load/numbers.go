package load

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/visibility"
)

// A comment's id has 18 digits, as Instagram's have: 18, the tenths of a second at
// which the storm began, and the comment's number in it. The tenths come again
// after 115 days, when Temporal keeps nothing of the first ones.
const (
	tenthsDigits = 8
	numberDigits = 8
	firstDigits  = "18"
)

// numbers gives every comment of a storm an id that no other storm has.
type numbers struct {
	run      string // how the ids begin
	accounts []privatereply.Account
	batch    int
}

func newNumbers(accounts []privatereply.Account, batch int, now time.Time) numbers {
	tenths := now.UnixMilli() / 100 % 1e8
	return numbers{run: fmt.Sprintf("%s%0*d", firstDigits, tenthsDigits, tenths), accounts: accounts, batch: batch}
}

// account is the one that delivery n is about. A delivery is about one account:
// Instagram's and a Page's never come together.
func (n numbers) account(delivery int) privatereply.Account {
	return n.accounts[delivery%len(n.accounts)]
}

// workflowID is the reply to the comment with a number.
func (n numbers) workflowID(number int) string {
	return n.prefix(n.account(number/n.batch)) + fmt.Sprintf("%0*d", numberDigits, number)
}

// prefix is how the workflow ids of one account's comments begin.
func (n numbers) prefix(a privatereply.Account) string {
	return fmt.Sprintf("reply:%s:%s:%s", a.Platform, a.ID, n.run)
}

// number is the comment that a workflow answers; false if the workflow is not of
// this storm, or not as it should be called.
func (n numbers) number(workflowID string) (int, bool) {
	id, ok := privatereply.ParseID(workflowID)
	digits, found := strings.CutPrefix(id.Subject, n.run)
	if !ok || !found || len(digits) != numberDigits {
		return 0, false
	}
	number, err := strconv.Atoi(digits)
	return number, err == nil && n.workflowID(number) == workflowID
}

// queries find the replies of the storm, one query for each account. A range of ids
// uses the index of Temporal's visibility, which a pattern would not.
func (n numbers) queries() []string {
	all := make([]string, len(n.accounts))
	for i, a := range n.accounts {
		all[i] = visibility.Between(visibility.WorkflowID, n.prefix(a), n.prefix(a)+"~").String()
	}
	return all
}

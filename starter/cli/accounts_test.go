package cli

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/privatereply/privatereply/internal/accountstatus"
)

// Guards: each account is shown with its token, sweeps and waiting replies, for people and
// for programs.
func TestAccounts(t *testing.T) {
	needProduct(t)
	starter(t, "comment", "--account", page, "--id", "300000000000081_300000000000082", "--text", "Hello?").mustSucceed(t)
	starter(t, "sweep", "--account", page).mustSucceed(t)
	var byID map[string]accountstatus.Status
	eventually(t, func() error {
		var all []accountstatus.Status
		out := starter(t, "accounts", "--json").mustSucceed(t).out
		if err := json.Unmarshal([]byte(out), &all); err != nil {
			t.Fatalf("%v:\n%s", err, out)
		}
		byID = map[string]accountstatus.Status{}
		for _, s := range all {
			byID[s.ID] = s
		}
		if byID[page].Waiting.AwaitingApproval == 0 || byID[page].Sweeps.LastAt.IsZero() || byID["17841400000000004"].Token.CheckedAt.IsZero() {
			return fmt.Errorf("not seen yet:\n%s", out)
		}
		return nil
	})
	if s := byID[page]; s.Token.State != accountstatus.TokenGood || s.Connected || s.Sweeps.Failed || s.Webhooks.LastReplyAt.IsZero() || len(s.Unread) > 0 {
		t.Errorf("the Page: %+v", s)
	}
	if s := byID["17841400000000004"]; !s.Connected || s.Token.ExpiresAt.IsZero() || time.Until(s.Token.ExpiresAt) > 11*time.Minute || s.Token.LastRenewal == "" {
		t.Errorf("the account whose token ends in minutes: %+v", s.Token)
	}
	if s := byID[otherLogin]; s.Token.State != accountstatus.TokenUnknown || s.Token.Problem == "" {
		t.Errorf("the account with a token of accounts.yaml: %+v", s.Token)
	}
	table := starter(t, "accounts", "--account", "17841400000000004").mustSucceed(t).out
	if !strings.Contains(table, "tin.kettle") || !strings.Contains(table, "ends in") || strings.Contains(table, "Clean Slate") {
		t.Errorf("one account:\n%s", table)
	}
	starter(t, "accounts", "--account", "nobody").mustFail(t, `"nobody" is not in the accounts file`)
}

package bridge

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/config"
)

// The accounts file is written in place, as an editor or cp does, and is half there when the
// bridge looks; then it stays so, as after a copy that broke off. Half an accounts file is a
// valid one: no comment of an account in the missing half is answered 200 and gone.
func TestHalfAccountsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "accounts.yaml")
	t.Setenv("T", "EAAtoken")
	const (
		head = "accounts:\n  - {platform: facebook, id: \"100000000000009\", name: Other, token_env: T}\n"
		tail = "  - {platform: instagram, id: \"" + instagramID + "\", name: A, login: instagram, token_env: T}\n"
	)
	writeAccounts := func(content string) {
		t.Helper()
		f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteString(content); err != nil {
			t.Fatal(err)
		}
	}
	writeAccounts(head + tail)
	accounts, err := config.OpenAccounts(path)
	if err != nil {
		t.Fatal(err)
	}
	temporal := newFakeTemporal()
	h := newHarness(t, temporal)
	h.cfg.Accounts = accounts
	addr := h.listen()
	deliver := func(id string) {
		t.Helper()
		status := deliverTo(t, addr, delivery("instagram", entryOf(instagramID, commentChange(id, "What is the price?"))))
		reply, err := privatereply.ReplyID(privatereply.Comment{Platform: privatereply.Instagram, Account: instagramID, CommentID: id})
		if err != nil {
			t.Fatal(err)
		}
		if _, held := temporal.reply(reply); status == http.StatusOK && !held {
			t.Errorf("LOST: the bridge answered 200 and Temporal does not hold comment %s; accounts.Err() = %v", id, accounts.Err())
		} else if status != http.StatusOK {
			t.Errorf("comment %s was answered %d", id, status)
		}
	}
	inFile := func() bool {
		_, ok := accounts.Get(privatereply.Instagram, instagramID)
		return ok
	}
	await := func(what string, in bool) {
		t.Helper()
		for end := time.Now().Add(30 * time.Second); inFile() != in; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal(what)
			}
		}
	}
	deliver("18000000000000001")
	writeAccounts(head)
	deliver("18000000000000002")
	await("half a file that stays is not in force", false)
	deliver("18000000000000003")
	writeAccounts(head + tail)
	await("the whole file is not in force", true)
	deliver("18000000000000004")
	if status := deliverTo(t, addr, delivery("instagram", entryOf("17841400000000777", commentChange("18000000000000005", "hi")))); status != http.StatusOK {
		t.Errorf("a comment of an account that never was is answered %d", status)
	}
	h.wantCounted(map[string]float64{"events_total{effect=started}": 4, "events_total{effect=ignored,reason=unknown_account}": 1})
}

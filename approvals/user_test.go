package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/privatereply/privatereply/approvals/signin"
)

// What the command writes is a users file that lets its user in, and the token is
// nowhere in it.
func TestNewUser(t *testing.T) {
	var file, told strings.Builder
	for _, args := range [][]string{{"ana", "--role", "admin"}, {"O'Neil: \"ben\"", "--role=viewer"}, {"carl"}} {
		if err := newUser(args, &file, &told); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "users.yaml")
	if err := os.WriteFile(path, []byte(file.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	users, err := signin.OpenUsers(path)
	if err != nil {
		t.Fatal(err)
	}
	all := users.All()
	if len(all) != 3 || all[0] != (signin.User{Name: "ana", Role: signin.Admin}) || all[1].Name != "O'Neil: \"ben\"" || all[2].Role != signin.Approver {
		t.Errorf("the file has %v", all)
	}
	if strings.Contains(file.String(), "desk-") || strings.Count(told.String(), "desk-") != 3 {
		t.Error("a token is in the file, or was not told")
	}
}

// A mistyped command makes nothing and says how to write it.
func TestNewUserRefuses(t *testing.T) {
	for _, args := range [][]string{{}, {"ana", "--role", "boss"}, {"ana", "admin"}, {""}, {"--help"}} {
		var out, told strings.Builder
		if err := newUser(args, &out, &told); err == nil || out.Len() > 0 || told.Len() > 0 {
			t.Errorf("%q: %v, wrote %q", args, err, out.String())
		}
	}
}

package harness

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/approvals/signin"
	"github.com/privatereply/privatereply/lab/meta"
)

// Account is an account of a Product, as Meta knows it.
type Account struct {
	meta.Account
	// Settings are more of its entry in the accounts file, such as
	// "posts_per_hour: 360000, human_agent: true". Sweeps go by hand unless they say more.
	Settings string
}

// Unlimited are Settings of an account whose sends go at once: pacing has tests of its own.
const Unlimited = "posts_per_hour: 1000000000, live_per_second: 1000000"

// writeAccounts writes the accounts file into dir, with each account's secrets in files.
func writeAccounts(dir string, accounts []Account) (path string, err error) {
	secret := func(name, value string) string {
		file := filepath.Join(dir, name)
		if err == nil {
			err = os.WriteFile(file, []byte(value), 0o600)
		}
		return fmt.Sprintf("%q", filepath.ToSlash(file))
	}
	var b strings.Builder
	b.WriteString("accounts:\n")
	for _, a := range accounts {
		fields := []string{"platform: " + string(a.Platform), fmt.Sprintf("id: %q", a.ID)}
		if a.Name != "" {
			fields = append(fields, fmt.Sprintf("name: %q", a.Name))
		}
		if a.Platform == privatereply.Instagram {
			fields = append(fields, "login: "+string(a.Login))
		}
		if a.PageID != "" {
			fields = append(fields, fmt.Sprintf("page_id: %q", a.PageID))
		}
		fields = append(fields, "token_file: "+secret("token-"+a.ID, a.Token))
		if a.AppSecret != "" {
			fields = append(fields, "app_secret_file: "+secret("app-secret-"+a.ID, a.AppSecret))
		}
		if a.HumanAgent {
			fields = append(fields, "human_agent: true")
		}
		if !strings.Contains(a.Settings, "sweep_every") {
			fields = append(fields, `sweep_every: "0"`)
		}
		if a.Settings != "" {
			fields = append(fields, a.Settings)
		}
		fmt.Fprintf(&b, "  - {%s}\n", strings.Join(fields, ", "))
	}
	path = filepath.Join(dir, "accounts.yaml")
	if err == nil {
		err = os.WriteFile(path, []byte(b.String()), 0o600)
	}
	return path, err
}

// atMeta are the accounts as Meta knows them.
func atMeta(accounts []Account) []meta.Account {
	var all []meta.Account
	for _, a := range accounts {
		all = append(all, a.Account)
	}
	return all
}

// appSecrets are all that may sign webhooks of the accounts, each once.
func appSecrets(accounts []meta.Account) []string {
	var all []string
	for _, a := range accounts {
		for _, secret := range []string{a.AppSecret, a.InstagramAppSecret} {
			if secret != "" && !slices.Contains(all, secret) {
				all = append(all, secret)
			}
		}
	}
	return all
}

// writeUsers writes the desk's users file into dir, and returns the approvers' tokens by
// their names.
func writeUsers(dir string, approvers []string) (path string, tokens map[string]string, err error) {
	tokens = map[string]string{}
	var users strings.Builder
	for _, name := range approvers {
		token, lines, err := signin.NewUser(name, signin.Approver)
		if err != nil {
			return "", nil, err
		}
		tokens[name] = token
		users.WriteString(lines)
	}
	path = filepath.Join(dir, "users.yaml")
	return path, tokens, os.WriteFile(path, []byte(users.String()), 0o600)
}

package accountstatus

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/internal/replies"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// What a token's life says depends on how much of it is left; a long one is warned of two
// weeks before its end, a short one in its second half.
func TestToken(t *testing.T) {
	const day = 24 * time.Hour
	tests := []struct {
		name     string
		life     time.Duration // 0: no end
		age      time.Duration
		login    privatereply.Login
		accounts string // accounts.yaml instead of a connected account
		want     TokenState
		words    string
	}{
		{name: "new", life: 60 * day, age: day, login: privatereply.LoginInstagram, want: TokenGood, words: "ends in 59d"},
		{name: "two weeks before its end", life: 60 * day, age: 47 * day, login: privatereply.LoginInstagram, want: TokenEndsSoon, words: "ends in 13d"},
		{name: "over", life: 60 * day, age: 61 * day, login: privatereply.LoginInstagram, want: TokenEnded, words: "ended 1d"},
		{name: "a short one in its first half", life: 10 * time.Minute, age: 4 * time.Minute, login: privatereply.LoginInstagram, want: TokenGood, words: "ends in 6m"},
		{name: "a short one in its second half", life: 10 * time.Minute, age: 6 * time.Minute, login: privatereply.LoginInstagram, want: TokenEndsSoon, words: "ends in 4m"},
		{name: "of a Page", login: privatereply.LoginFacebook, want: TokenGood, words: "no end"},
		{name: "of accounts.yaml, a Page's", login: privatereply.LoginFacebook, accounts: "facebook", want: TokenGood, words: "no end"},
		{name: "of accounts.yaml, Instagram's", login: privatereply.LoginInstagram, accounts: "instagram", want: TokenUnknown, words: "end unknown"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			account := privatereply.Account{Platform: privatereply.Instagram, ID: "17841400000000002", Login: tt.login}
			if tt.login == privatereply.LoginFacebook {
				account.Platform, account.ID = privatereply.Facebook, "100000000000001"
			}
			accounts := openWith(t, account, tt.life, tt.age, tt.accounts)
			s := Status{Platform: account.Platform, ID: account.ID, Login: account.Login}
			Reader{Accounts: accounts, Now: func() time.Time { return noon }}.readToken(&s)
			if s.Token.State != tt.want || !strings.HasPrefix(s.Token.Words(noon), tt.words) || s.Connected == (tt.accounts != "") {
				t.Errorf("%+v, %q; want %s, %q", s.Token, s.Token.Words(noon), tt.want, tt.words)
			}
			alerts := s.Alerts(noon)
			if wrong := tt.want != TokenGood; wrong != (len(alerts) == 1) {
				t.Errorf("alerts %+v", alerts)
			}
		})
	}
}

// openWith opens a folder with an account that was connected, or one that people wrote.
func openWith(t *testing.T, account privatereply.Account, life, age time.Duration, written string) *config.Accounts {
	t.Helper()
	folder := t.TempDir()
	if written != "" {
		return openWritten(t, folder, account)
	}
	accounts, err := config.OpenFolder(folder, config.Connect{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	lock, err := accounts.Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Unlock()
	if err := lock.WriteToken(account.Platform, account.ID, config.NewToken("a-token", noon.Add(-age), life)); err != nil {
		t.Fatal(err)
	}
	if err := lock.WriteAccount(account, "1020000000000001", noon.Add(-age)); err != nil {
		t.Fatal(err)
	}
	if accounts, err = config.OpenFolder(folder, config.Connect{}, nil); err != nil {
		t.Fatal(err)
	}
	return accounts
}

// What is wrong is told in sentences, with what holds replies back and what they will miss.
func TestAlerts(t *testing.T) {
	s := Status{
		Token:    Token{State: TokenGood, Problem: "Meta refused the renewal", MissingPermissions: []string{"pages_messaging"}},
		Sends:    Sends{Held: &Held{Reason: privatereply.Throttled, NextTry: noon.Add(5 * time.Minute)}},
		Waiting:  replies.Forecast{Sending: 7, Late: 3},
		Webhooks: Webhooks{Resubscribed: []string{"comments"}},
		Sweeps:   Sweeps{Failed: true},
	}
	var all []string
	for _, a := range s.Alerts(noon) {
		all = append(all, a.Text)
	}
	text := strings.Join(all, "\n")
	for _, want := range []string{"Meta refused the renewal", "lost pages_messaging", "7 replies are being sent; the next try is in 5m", "3 waiting replies will miss", "stopped the webhooks comments", "last sweep failed"} {
		if !strings.Contains(text, want) {
			t.Errorf("no word of %q in:\n%s", want, text)
		}
	}
	if good := (Status{Token: Token{State: TokenGood}}).Alerts(noon); len(good) > 0 {
		t.Errorf("nothing is wrong, and it says %v", good)
	}
}

func openWritten(t *testing.T, folder string, account privatereply.Account) *config.Accounts {
	t.Helper()
	login := "    login: " + string(account.Login) + "\n"
	content := "accounts:\n  - platform: " + string(account.Platform) + "\n    id: \"" + account.ID + "\"\n" + login + "    token_env: SOME_TOKEN\n"
	if err := os.WriteFile(filepath.Join(folder, "accounts.yaml"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	accounts, err := config.OpenFolder(folder, config.Connect{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return accounts
}

package doctor_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/doctor"
	"github.com/privatereply/privatereply/lab/harness"
	"github.com/privatereply/privatereply/lab/harness/cluster"
	"github.com/privatereply/privatereply/lab/harness/harnesstest"
	"github.com/privatereply/privatereply/lab/meta"
)

// The accounts of an installation: a Page, the Instagram account linked to it, and an
// Instagram account with its own login. dev has others.
const (
	pageID   = "100000000000011"
	linkedID = "17841400000000011"
	ownID    = "17841400000000012"
	otherID  = "100000000000013" // a Page that the accounts file does not have
)

// What no output may hold.
const (
	pageToken   = "EAApagetokenofthetests"
	otherToken  = "EAAothertokenofthetests"
	ownToken    = "IGAAowntokenofthetests"
	appSecret   = "appsecretofthetests"
	instaSecret = "instagramsecretofthetests"
	verifyToken = "verifytokenofthetests"
)

// The subjects of a report, by how they begin.
const (
	configuration = "Configuration"
	server        = "Temporal"
	linked        = "instagram " + linkedID
	own           = "instagram " + ownID
	page          = "facebook " + pageID
)

// bare is a namespace that nobody has set up.
const bare = "bare"

// dev is the product on a Temporal server.
var dev harnesstest.Dev

func TestMain(m *testing.M) {
	os.Exit(dev.Main(m, func(ctx context.Context) error {
		return cluster.CreateNamespace(ctx, dev.Server.Address, bare, 24*time.Hour)
	}))
}

// installation is an installation with nothing wrong, in which a test plants something.
type installation struct {
	*meta.Sandbox
	t       *testing.T
	folder  string
	meta    *httptest.Server
	clock   time.Duration // how far Meta's is ahead of ours
	options doctor.Options
}

const accountsFile = `accounts:
  - platform: instagram
    id: "17841400000000011"
    name: Clean Slate
    login: facebook
    page_id: "100000000000011"
    token_env: DOCTOR_PAGE_TOKEN
    app_secret_env: DOCTOR_APP_SECRET
  - platform: instagram
    id: "17841400000000012"
    name: Oak Corner
    login: instagram
    token_env: DOCTOR_OWN_TOKEN
    app_secret_env: DOCTOR_INSTAGRAM_SECRET
  - platform: facebook
    id: "100000000000011"
    name: Clean Slate Page
    token_env: DOCTOR_PAGE_TOKEN
    app_secret_env: DOCTOR_APP_SECRET
`

const rulesFile = `default: ask
rules:
  - name: emoji-only
    when: letters(text) == 0
    ignore: true
`

func newInstallation(t *testing.T) *installation {
	t.Helper()
	dev.Need(t)
	p := &installation{t: t, folder: t.TempDir()}
	p.Sandbox = meta.New(meta.Config{
		WebhookURL: "https://replies.example.com/webhooks/meta",
		Accounts: []meta.Account{
			{Platform: privatereply.Facebook, ID: pageID, Name: "Clean Slate Page", Login: privatereply.LoginFacebook, Token: pageToken, AppSecret: appSecret},
			{Platform: privatereply.Instagram, ID: linkedID, Name: "clean.slate", Login: privatereply.LoginFacebook, PageID: pageID, Token: pageToken, AppSecret: appSecret},
			{Platform: privatereply.Instagram, ID: ownID, Name: "oak.corner", Login: privatereply.LoginInstagram, Token: ownToken, AppSecret: appSecret, InstagramAppSecret: instaSecret},
			{Platform: privatereply.Facebook, ID: otherID, Name: "Another Page", Login: privatereply.LoginFacebook, Token: otherToken, AppSecret: appSecret},
		},
	})
	p.meta = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		now := time.Now()
		if p.options.Now != nil {
			now = p.options.Now()
		}
		w.Header().Set("Date", now.Add(p.clock).UTC().Format(http.TimeFormat))
		p.ServeHTTP(w, r)
	}))
	t.Cleanup(p.meta.Close)
	t.Cleanup(p.Sandbox.Close)
	p.write("accounts.yaml", accountsFile)
	p.write("rules.yaml", rulesFile)
	for name, value := range map[string]string{
		"TEMPORAL_ADDRESS":                 dev.Server.Address,
		"TEMPORAL_NAMESPACE":               dev.Server.Namespace,
		"PRIVATEREPLY_ACCOUNTS":            filepath.Join(p.folder, "accounts.yaml"),
		"PRIVATEREPLY_RULES":               filepath.Join(p.folder, "rules.yaml"),
		"PRIVATEREPLY_TASK_QUEUE":          harness.TaskQueue,
		"PRIVATEREPLY_VERIFY_TOKEN":        verifyToken,
		"PRIVATEREPLY_APP_SECRETS":         appSecret + "," + instaSecret,
		"PRIVATEREPLY_GRAPH_FACEBOOK_URL":  p.meta.URL + "/facebook",
		"PRIVATEREPLY_GRAPH_INSTAGRAM_URL": p.meta.URL + "/instagram",
		"DOCTOR_PAGE_TOKEN":                pageToken,
		"DOCTOR_OWN_TOKEN":                 ownToken,
		"DOCTOR_APP_SECRET":                appSecret,
		"DOCTOR_INSTAGRAM_SECRET":          instaSecret,
	} {
		t.Setenv(name, value)
	}
	return p
}

func (p *installation) write(name, content string) {
	p.t.Helper()
	if err := os.WriteFile(filepath.Join(p.folder, name), []byte(content), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// accounts changes the accounts file.
func (p *installation) accounts(old, changed string) {
	p.t.Helper()
	if !strings.Contains(accountsFile, old) {
		p.t.Fatalf("the accounts file does not have %q", old)
	}
	p.write("accounts.yaml", strings.Replace(accountsFile, old, changed, 1))
}

func (p *installation) change(account string, c meta.AccountUpdate) {
	p.t.Helper()
	if err := p.UpdateAccount(account, c); err != nil {
		p.t.Fatal(err)
	}
}

func (p *installation) subscribeApp(object string, fields ...string) {
	p.t.Helper()
	if err := p.SubscribeApp(meta.AppSubscription{Object: object, Fields: fields}); err != nil {
		p.t.Fatal(err)
	}
}

func (p *installation) fault(f meta.Fault) {
	p.t.Helper()
	if _, err := p.AddFault(f); err != nil {
		p.t.Fatal(err)
	}
}

// wanted is a finding that must be there.
type wanted struct {
	subject string // how it begins
	check   string
	level   doctor.Level
	words   string // in the finding or its repair, separated by |
}

func (w wanted) is(subject string, f doctor.Finding) bool {
	if !strings.HasPrefix(subject, w.subject) || w.check != f.Check || w.level != f.Level {
		return false
	}
	said := f.Text + "\n" + f.Repair + "\n" + strings.Join(f.Commands, "\n")
	for word := range strings.SplitSeq(w.words, "|") {
		if !strings.Contains(said, word) {
			return false
		}
	}
	return true
}

// check looks for exactly the failures and warnings that are wanted, each with
// its repair, and for secrets.
func (p *installation) check(want ...wanted) doctor.Report {
	p.t.Helper()
	report := doctor.Run(p.t.Context(), p.options)
	people, programs := written(p.t, report)
	for _, secret := range []string{pageToken, otherToken, ownToken, appSecret, instaSecret, verifyToken} {
		if strings.Contains(people+programs, secret) {
			p.t.Errorf("the output holds the secret %s", secret)
		}
	}
	for _, s := range report.Sections {
		for _, f := range s.Findings {
			if f.Level != doctor.Failure && f.Level != doctor.Warning {
				continue
			}
			if f.Repair == "" {
				p.t.Errorf("%s has no repair", f.Check)
			}
			i := slices.IndexFunc(want, func(w wanted) bool { return w.is(s.Subject, f) })
			if i < 0 {
				p.t.Errorf("found what was not planted: %s, %s: %s", s.Subject, f.Check, f.Text)
				continue
			}
			want = slices.Delete(want, i, i+1)
		}
	}
	if len(want) > 0 {
		p.t.Errorf("not found: %+v", want)
	}
	if p.t.Failed() {
		p.t.Log(people)
	}
	return report
}

// written is a report in both of its forms.
func written(t *testing.T, r doctor.Report) (people, programs string) {
	t.Helper()
	var out strings.Builder
	if err := r.Write(&out); err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return out.String(), string(encoded)
}

// eventually waits until done is true.
func eventually(t *testing.T, done func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	end := time.After(30 * time.Second)
	for !done() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatal("waited 30 s for what did not happen")
		}
	}
}

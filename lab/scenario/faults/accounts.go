package faults

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/protobuf/proto"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/approvals/signin"
	"github.com/privatereply/privatereply/graph"
	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/lab/harness"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/lab/scenario"
)

// accountScenarios kill one kind of process at each step at which it connects accounts,
// renews their tokens, or lets somebody leave.
func accountScenarios() []Scenario {
	return []Scenario{
		{Name: "kill-accounts-desk", About: "kill -9 of the approvals desk, at each step of connecting and disconnecting an account", victim: desk, onFolder: true, Cases: slices.Concat(connectCases(), disconnectCases(), []Case{renewalBeside(), erasureBeside()})},
		{Name: "kill-accounts-worker", About: "kill -9 of the worker, at each step of a token's renewal and of an erasure", victim: worker, onFolder: true, Cases: slices.Concat([]Case{connectBeside()}, renewalCases(), erasureCases())},
		{Name: "kill-accounts-bridge", About: "kill -9 of the bridge while Meta tells it that somebody leaves", victim: bridge, onFolder: true, Cases: slices.Concat([]Case{connectBeside(), renewalBeside(), erasureBeside()}, leaveCases())},
	}
}

// The app at Meta that accounts are connected with.
const (
	facebookAppID  = "240000000000001"
	instagramAppID = "240000000000009"
)

// heldLong is held until the case is over.
const heldLong = "How long is it held?"

const folderRulesYAML = rulesYAML + `  - name: held-long
    when: says(text, "how long")
    reply: "Hi {{username|there}}, not for ever."
    hold: 20m
`

// Each case, and each try of one, takes accounts of its own. The first half waits to be
// connected; Meta knows a token of the others.
const folderAccounts = 120

// tokenLife is Meta's, and renewAge an age at which a token is due.
const (
	tokenLife = 60 * 24 * time.Hour
	renewAge  = tokenLife / 2
)

// folder is what cases share whose accounts stand in a folder.
type folder struct {
	admin       string // token of the desk's admin
	graph       *graph.Client
	unconnected atomic.Int64 // how many accounts of each half are taken
	known       atomic.Int64

	mu     sync.Mutex
	tokens map[string]bool // that were in force
}

// newFolderStack starts a Product whose accounts stand in a folder, which is empty at first,
// with an admin at the desk.
func newFolderStack(ctx context.Context, lab *scenario.Lab) (s *Stack, closeServer func(), err error) {
	binaries, err := lab.Binaries(ctx)
	if err != nil {
		return nil, nil, err
	}
	dir := filepath.Join(lab.Dir, "folder")
	accounts, users := filepath.Join(dir, "accounts"), filepath.Join(dir, "admin.yaml")
	admin, entry, err := signin.NewUser(ana, signin.Admin)
	err = errors.Join(err, os.MkdirAll(accounts, 0o700))
	if err = errors.Join(err, os.WriteFile(users, []byte(entry), 0o600)); err != nil {
		return nil, nil, err
	}
	server, closeServer, err := lab.NewServer(ctx)
	if err != nil {
		return nil, nil, err
	}
	s = &Stack{folder: &folder{admin: admin, tokens: map[string]bool{}}}
	var atMeta []meta.Account
	for n := range folderAccounts {
		a := account{platform: privatereply.Instagram, id: fmt.Sprintf("1784%s%04d", runName, 5000+n)}
		s.accounts = append(s.accounts, a)
		one := meta.Account{
			Platform: a.platform, ID: a.id, Name: "account " + a.id, Login: privatereply.LoginInstagram,
			AppSecret: appSecret, InstagramAppSecret: instagramSecret,
		}
		if one.Unconnected = n < folderAccounts/2; !one.Unconnected {
			one.Token = token + "_" + a.id
		}
		atMeta = append(atMeta, one)
	}
	s.Product, err = harness.New(ctx, harness.Config{
		Dir: dir, Server: server, TaskQueue: "faults-folder-" + runName,
		AccountsFile: accounts, Rules: folderRulesYAML, UsersFile: users,
		Binaries: binaries, Workers: lab.Workers, Bridges: lab.Bridges, Desks: 1, Gated: true, VerifyToken: verifyToken,
		Meta: meta.Config{
			Accounts: atMeta, TokenLife: tokenLife,
			App:             meta.App{FacebookID: facebookAppID, FacebookSecret: appSecret, InstagramID: instagramAppID, InstagramSecret: instagramSecret},
			WebhookSettings: meta.WebhookSettings{Echo: meta.EchoOff},
			Limits:          meta.Limits{PostsPerHour: -1, LivePerSecond: -1, SendsPerSecond: -1},
		},
	})
	if err == nil {
		s.folder.graph, err = graph.New(graph.Options{FacebookURL: s.SandboxURL + "/facebook", InstagramURL: s.SandboxURL + "/instagram"})
		if err = errors.Join(err, s.Start(ctx)); err != nil {
			s.Close()
		}
	}
	if err != nil {
		closeServer()
		return nil, nil, err
	}
	return s, closeServer, nil
}

// toConnect takes an account that waits to be connected.
func (t *caseRun) toConnect() (where int) {
	where = int(t.folder.unconnected.Add(1)) - 1
	if where >= folderAccounts/2 {
		t.fail("no account is left")
	}
	return where
}

// connectedBy takes an account, and writes it into the folder as a login of the person
// does. The token is half its life old. It waits until the worker has taken the account up.
func (t *caseRun) connectedBy(person string) (where int) {
	where = folderAccounts/2 + int(t.folder.known.Add(1)) - 1
	if where >= folderAccounts {
		t.fail("no account is left")
	}
	a := t.accounts[where]
	w, err := t.Accounts.Lock(t.ctx)
	t.must(err)
	issued := time.Now().Add(-renewAge)
	err = w.WriteToken(a.platform, a.id, config.NewToken(token+"_"+a.id, issued, tokenLife))
	if err == nil {
		err = w.WriteAccount(privatereply.Account{Platform: a.platform, ID: a.id, Name: "account " + a.id, Login: privatereply.LoginInstagram}, person, issued)
	}
	w.Unlock()
	t.must(err)
	t.awaitSchedule(where)
	return where
}

// awaitSchedule waits until the worker looks after the account's token.
func (t *caseRun) awaitSchedule(where int) (id string) {
	id, err := privatereply.TokenRenewalID(t.accounts[where].platform, t.accounts[where].id)
	t.must(err)
	t.await("the Schedule of the token", func() (bool, error) {
		is, err := t.Client.ScheduleClient().GetHandle(t.ctx, id).Describe(t.ctx)
		return err == nil && !is.Schedule.State.Paused, err
	})
	return id
}

// files are the kinds of the files that the folder has of an account: yaml, token, or the
// whole name of what should not be there.
func (t *caseRun) files(where int) (kinds []string) {
	a := t.accounts[where]
	path, _ := t.Accounts.Folder()
	entries, err := os.ReadDir(filepath.Join(path, "connected"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.must(err)
	}
	for _, e := range entries {
		if !strings.Contains(e.Name(), a.id) {
			continue
		}
		kind := strings.TrimPrefix(e.Name(), fmt.Sprintf("%s-%s.", a.platform, a.id))
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	return kinds
}

// tokenInForce reads the account's token file. One that is empty or half is an error.
func (t *caseRun) tokenInForce(where int) (config.Token, error) {
	a := t.accounts[where]
	w, err := t.Accounts.Lock(t.ctx)
	if err != nil {
		return config.Token{}, err
	}
	defer w.Unlock()
	is, err := w.ReadToken(a.platform, a.id)
	if err == nil {
		t.folder.mu.Lock()
		t.folder.tokens[string(is.Value)] = true
		t.folder.mu.Unlock()
	}
	return is, err
}

// connection says in words that can be compared what the folder and Meta have of an account.
func (t *caseRun) connection(where int) string {
	a := t.accounts[where]
	subscribed := "not subscribed"
	for _, known := range t.Sandbox.Accounts() {
		if known.ID == a.id && len(known.Fields) > 0 {
			subscribed = "subscribed"
		}
	}
	files := t.files(where)
	if !slices.Contains(files, "token") {
		return fmt.Sprintf("files %v, %s", files, subscribed)
	}
	works := "works"
	if is, err := t.tokenInForce(where); err != nil {
		works = err.Error()
	} else if me, err := t.folder.graph.InstagramProfile(t.ctx, graph.Credentials{
		Account: privatereply.Account{Platform: a.platform, ID: a.id, Login: privatereply.LoginInstagram}, Token: string(is.Value), AppSecret: instagramSecret,
	}); err != nil {
		works = err.Error()
	} else if me.ID != a.id && me.UserID != a.id {
		works = "is another account's"
	}
	return fmt.Sprintf("files %v, token %s, %s", files, works, subscribed)
}

// What connection says of an account that is connected, and of one that is gone.
const (
	wholeConnection = "files [token yaml], token works, subscribed"
	noConnection    = "files [], not subscribed"
)

// folderInvariants are those of the Product whose accounts stand in a folder.
var folderInvariants = []invariant{{"no-token-told", "no token or secret in a history or a log", tokensTold}}

// tokensTold are the workflows and logs that hold a token that was in force, or a secret.
func tokensTold(ctx context.Context, r *Runner) (broken []string) {
	s := r.Stack
	secrets := []string{s.folder.admin, appSecret, instagramSecret, verifyToken, token, "appsecret_proof"}
	for secret := range s.folder.tokens {
		secrets = append(secrets, secret)
	}
	tell := func(data []byte) bool {
		return slices.ContainsFunc(secrets, func(secret string) bool { return bytes.Contains(data, []byte(secret)) })
	}
	logs, _ := filepath.Glob(s.File("*.log")) // the pattern is well-formed
	for _, path := range logs {
		if data, err := os.ReadFile(path); err != nil || tell(data) {
			broken = append(broken, fmt.Sprintf("%s (%v)", filepath.Base(path), err))
		}
	}
	var page []byte
	for {
		list, err := s.Client.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{NextPageToken: page})
		if err != nil {
			return append(broken, err.Error())
		}
		for _, info := range list.GetExecutions() {
			events := s.Client.GetWorkflowHistory(ctx, info.GetExecution().GetWorkflowId(), info.GetExecution().GetRunId(), false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
			for events.HasNext() {
				event, err := events.Next()
				if err != nil {
					break // it was erased
				}
				if data, err := proto.Marshal(event); err != nil || tell(data) {
					broken = append(broken, info.GetExecution().GetWorkflowId())
					break
				}
			}
		}
		if page = list.GetNextPageToken(); len(page) == 0 {
			break
		}
	}
	if len(logs) < 3 {
		broken = append(broken, fmt.Sprintf("there are only %d logs", len(logs)))
	}
	return broken
}

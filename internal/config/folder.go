package config

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/reload"
	"github.com/privatereply/privatereply/internal/temporal/codec"
)

// The files of an accounts folder.
const (
	accountsFile    = "accounts.yaml" // written by people; may be missing
	connectedFolder = "connected"     // written by the product, a YAML and a token file for each account
	accountSuffix   = ".yaml"
	tokenSuffix     = ".token"
	lockFile        = ".lock"
)

// connectedID is the form of an id that can stand in a file's name. All of Meta's have it.
var connectedID = regexp.MustCompile(`^[0-9A-Za-z_-]+$`)

// folder is an accounts folder.
type folder struct {
	path string
	keys *codec.Codec // nil: token files are not encrypted
	apps Connect

	// decoded are the connected accounts of the last load, by path: a change of one file
	// does not have the others decoded again.
	decoded map[string]decodedFile
}

// decodedFile is a connected account with the bytes from which it was decoded.
type decodedFile struct {
	data    []byte
	account writtenAccount
}

// connection is what a connected account's file says of its login.
type connection struct {
	by   string // app-scoped id of the person who logged in
	at   time.Time
	path string // of the YAML
}

func openFolderFromEnv(path string) (*Accounts, error) {
	encryption, err := Read[Encryption]()
	if err != nil {
		return nil, err
	}
	keys, err := codec.ParseKeys(string(encryption.Keys))
	if err != nil {
		return nil, fmt.Errorf("%sENCRYPTION_KEYS: %w", Prefix, err)
	}
	apps, err := Read[Connect]()
	if err != nil {
		return nil, err
	}
	return OpenFolder(path, apps, keys)
}

// OpenFolder reads an accounts folder, which may be empty. The token files of connected
// accounts are encrypted where there are keys, and apps has their app secrets.
func OpenFolder(path string, apps Connect, keys []codec.Key) (*Accounts, error) {
	f := &folder{path: path, apps: apps}
	if len(keys) > 0 {
		var err error
		if f.keys, err = codec.New(keys); err != nil {
			return nil, err
		}
	}
	var last accountSet
	file, err := reload.OpenFolder(path, []string{accountsFile, filepath.Join(connectedFolder, "*"+accountSuffix)},
		func(files []reload.NamedFile) (accountSet, error) {
			set, err := f.load(files)
			if err != nil {
				return accountSet{}, err
			}
			last = set.withRemoved(last, time.Now())
			return last, nil
		}, nil)
	if err != nil {
		return nil, fmt.Errorf("accounts folder %s: %w", path, err)
	}
	return &Accounts{file: file, folder: f}, nil
}

func (f *folder) load(files []reload.NamedFile) (accountSet, error) {
	var all []writtenAccount
	var problems []error
	decoded := make(map[string]decodedFile, len(files))
	for _, file := range files {
		if file.Path == filepath.Join(f.path, accountsFile) {
			written, err := decodeAccounts(file.Path, file.Data)
			problems = append(problems, err)
			for _, account := range written {
				account.place += " of " + file.Path
				all = append(all, account)
			}
			continue
		}
		known, ok := f.decoded[file.Path]
		if !ok || !bytes.Equal(known.data, file.Data) {
			account, err := decodeConnected(file.Path, file.Data)
			if err != nil {
				problems = append(problems, err)
				continue
			}
			known = decodedFile{file.Data, account}
		}
		decoded[file.Path] = known
		all = append(all, known.account)
	}
	f.decoded = decoded
	if err := errors.Join(problems...); err != nil {
		return accountSet{}, err
	}
	return newAccountSet(all)
}

// connectedYAML is one connected account as its file writes it.
type connectedYAML struct {
	Account     accountYAML `yaml:",inline"`
	ConnectedBy string      `yaml:"connected_by"`
	ConnectedAt string      `yaml:"connected_at"`
}

func decodeConnected(path string, data []byte) (writtenAccount, error) {
	var y connectedYAML
	if err := decodeDocument(data, &y); err != nil {
		return writtenAccount{}, fmt.Errorf("%s: %w", path, err)
	}
	at, err := time.Parse(time.RFC3339, y.ConnectedAt)
	name := string(y.Account.Platform) + "-" + y.Account.ID + accountSuffix
	switch {
	case filepath.Base(path) != name:
		return writtenAccount{}, fmt.Errorf("%s: the file of this platform and id is named %s; rename it, or correct platform and id", path, name)
	case err != nil:
		return writtenAccount{}, fmt.Errorf("%s: connected_at: is not a time; write one such as 2026-11-28T12:00:00Z, or connect the account again", path)
	case y.Account.Secrets.TokenFile == "" || y.Account.Secrets.TokenEnv != "":
		return writtenAccount{}, fmt.Errorf("%s: token_file: a connected account has its token in %s", path, strings.TrimSuffix(name, accountSuffix)+tokenSuffix)
	}
	return writtenAccount{
		accountYAML: y.Account, where: path, place: path,
		connection: &connection{by: y.ConnectedBy, at: at.UTC(), path: path},
	}, nil
}

// secrets reads the secrets of a connected account: its token file, and the secret of the
// app that it was connected with, unless its file names another one.
func (f *folder) secrets(entry accountEntry) (Secrets, error) {
	token, err := f.readToken(f.tokenPath(entry))
	if err != nil {
		return Secrets{}, err
	}
	appSecret, err := entry.sources.readAppSecret()
	if err != nil {
		return Secrets{}, err
	}
	if appSecret == "" {
		_, secret := f.apps.App(entry.account.Login)
		appSecret = string(secret)
	}
	return Secrets{Token: string(token.Value), AppSecret: appSecret}, nil
}

// tokenPath is the path of the token file, which the YAML gives relative to its own folder.
func (f *folder) tokenPath(entry accountEntry) string {
	if path := entry.sources.TokenFile; filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(entry.connection.path), entry.sources.TokenFile)
}

// Folder is the path of the accounts folder; ok is false for a plain accounts file, in
// which nothing can be connected.
func (a *Accounts) Folder() (path string, ok bool) {
	if a.folder == nil {
		return "", false
	}
	return a.folder.path, true
}

// TokenFacts say how long a connected account's token lives, and who connected it. They
// hold no secret.
type TokenFacts struct {
	IssuedAt    time.Time     // UTC
	ExpiresAt   time.Time     // UTC; zero: it has no end
	Life        time.Duration // as Meta gave it; 0: it has no end
	Connected   bool          // false: people wrote the account into accounts.yaml, and all else is zero
	ConnectedBy string        // app-scoped id of the person who logged in
	ConnectedAt time.Time     // UTC
}

// Token reads what is known of the account's token. The error says that its file cannot be
// read; then the facts of the connection are there all the same.
func (a *Accounts) Token(p privatereply.Platform, id string) (TokenFacts, error) {
	entry, ok := a.file.Current().entries[accountKey{p, id}]
	if !ok {
		return TokenFacts{}, fmt.Errorf("account %s %s is not in the accounts file", p, id)
	}
	if entry.connection == nil {
		return TokenFacts{}, nil
	}
	facts := TokenFacts{Connected: true, ConnectedBy: entry.connection.by, ConnectedAt: entry.connection.at}
	token, err := a.folder.readToken(a.folder.tokenPath(entry))
	if err != nil {
		return facts, fmt.Errorf("account %s: %w", id, err)
	}
	facts.IssuedAt, facts.ExpiresAt, facts.Life = token.IssuedAt, token.ExpiresAt, token.Life
	return facts, nil
}

// ConnectedBy lists the accounts that a person connected, by the person's app-scoped id.
func (a *Accounts) ConnectedBy(userID string) []privatereply.Account {
	set := a.file.Current()
	var all []privatereply.Account
	for _, account := range set.order {
		c := set.entries[accountKey{account.Platform, account.ID}].connection
		if c != nil && c.by == userID && userID != "" {
			all = append(all, account)
		}
	}
	return all
}

// Unfinished lists what an interrupted connection left in the folder, a sentence each: a
// token without an account.
func (a *Accounts) Unfinished() []string {
	if a.folder == nil {
		return nil
	}
	tokens, _ := filepath.Glob(filepath.Join(a.folder.path, connectedFolder, "*"+tokenSuffix)) // the pattern is well-formed
	var all []string
	for _, path := range tokens {
		account := strings.TrimSuffix(path, tokenSuffix) + accountSuffix
		if _, err := os.Stat(account); errors.Is(err, fs.ErrNotExist) {
			all = append(all, fmt.Sprintf("%s belongs to no account: connecting it was interrupted; connect the account again, or delete the file", path))
		}
	}
	return all
}

// lockInterval is the time between two tries to take the folder's lock.
const lockInterval = 20 * time.Millisecond

// Writer changes the files of connected accounts. It holds the folder's lock: there is one
// at a time, among all programs.
type Writer struct {
	folder *folder
	lock   *flock.Flock
}

// Lock waits for the folder's lock. Unlock the Writer afterwards. The error of a folder that
// cannot be written says what to change.
func (a *Accounts) Lock(ctx context.Context) (*Writer, error) {
	if a.folder == nil {
		return nil, fmt.Errorf("%[1]sACCOUNTS names a file: to connect accounts, make a folder, move the file into it as %[2]s, and let %[1]sACCOUNTS name the folder", Prefix, accountsFile)
	}
	dir := filepath.Join(a.folder.path, connectedFolder)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, a.folder.unwritable(err)
	}
	lock := flock.New(filepath.Join(dir, lockFile), flock.SetPermissions(0o600))
	if ok, err := lock.TryLockContext(ctx, lockInterval); err != nil || !ok {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("the accounts folder %s is locked by another program that connects or renews: try again", a.folder.path)
		}
		return nil, a.folder.unwritable(err)
	}
	return &Writer{a.folder, lock}, nil
}

// Unlock lets the next Writer write.
func (w *Writer) Unlock() { _ = w.lock.Unlock() }

// CheckWritable says why the folder cannot be written, and what to change.
func (a *Accounts) CheckWritable(ctx context.Context) error {
	w, err := a.Lock(ctx)
	if err != nil {
		return err
	}
	defer w.Unlock()
	probe := filepath.Join(w.folder.path, connectedFolder, ".writable")
	if err := replaceFile(probe, nil); err != nil {
		return w.folder.unwritable(err)
	}
	return os.Remove(probe)
}

// unwritable is the error of a write that failed.
func (f *folder) unwritable(err error) error {
	why := err
	var at *fs.PathError
	if errors.As(err, &at) {
		why = at.Err
	}
	return fmt.Errorf("the accounts folder %s cannot be written (%w): give it to the user that the program runs as (here chown -R %d %s), and mount it without :ro",
		f.path, why, os.Getuid(), f.path)
}

// files are the paths of a connected account's YAML and token.
func (f *folder) files(p privatereply.Platform, id string) (account, token string, err error) {
	if !p.Valid() || !connectedID.MatchString(id) {
		return "", "", fmt.Errorf("%q is not an account's id at Meta", privatereply.CutText(id, 60))
	}
	base := filepath.Join(f.path, connectedFolder, string(p)+"-"+id)
	return base + accountSuffix, base + tokenSuffix, nil
}

// Remove removes the files of a connected account: first the YAML, so that no program
// misses a token. It may be repeated.
func (w *Writer) Remove(p privatereply.Platform, id string) error {
	account, token, err := w.folder.files(p, id)
	if err != nil {
		return err
	}
	for _, path := range append([]string{account, token}, slices.Concat(unfinished(account), unfinished(token))...) {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return w.folder.unwritable(err)
		}
	}
	return nil
}

// replaceFile writes a file in one step: whoever reads it, whatever breaks off, sees the old
// bytes or the new ones.
func replaceFile(path string, data []byte) (err error) {
	for _, left := range unfinished(path) {
		_ = os.Remove(left) // of a program that was killed; the lock is ours
	}
	dir, base := filepath.Split(path)
	temp, err := os.CreateTemp(dir, "."+base+".*.tmp") // 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(temp.Name())
		}
	}()
	_, err = temp.Write(data)
	if err = errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return err
	}
	if err = os.Rename(temp.Name(), path); err != nil {
		return err
	}
	return syncFolder(dir)
}

// unfinished lists the temporary files of a replaceFile that was killed.
func unfinished(path string) []string {
	dir, base := filepath.Split(path)
	found, _ := filepath.Glob(filepath.Join(dir, "."+base+".*.tmp")) // the ids hold no wildcard
	return found
}

func syncFolder(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

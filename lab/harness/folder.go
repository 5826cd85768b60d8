package harness

import (
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/privatereply/privatereply/internal/config"
)

// The state folder holds these beside the files that config names.
const (
	databaseFile    = "temporal.db"
	serverLogFile   = "temporal.log"
	productLogFile  = "product.log"
	lockFile        = ".lock"
	secretsFolder   = "secrets"
	verifyToken     = "verify-token"
	appSecret       = "app-secret"
	instagramSecret = "instagram-app-secret" // apps with Instagram Login have a second one
	encryptionKeys  = "encryption-keys"      // only in a folder that is encrypted
)

var (
	//go:embed accounts.yaml
	accountsTemplate string
	//go:embed rules.yaml
	rulesTemplate string
)

// tokens are the accounts' access tokens, with the beginnings that Meta's have.
var tokens = map[string]string{"page-token": "EAA", "instagram-token": "IGAA"}

// folder is the state folder, as an absolute path: files in it name each other.
type folder string

// openFolder makes the folder and whatever is missing in it.
func openFolder(path string) (folder, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	f := folder(abs)
	if err := os.MkdirAll(f.path(secretsFolder), 0o700); err != nil {
		return "", fmt.Errorf("state folder: %w", err)
	}
	secrets := map[string]string{verifyToken: "", appSecret: "", instagramSecret: ""}
	maps.Copy(secrets, tokens)
	for name, prefix := range secrets {
		if err := writeOnce(f.path(secretsFolder, name), prefix+rand.Text()+"\n", 0o600); err != nil {
			return "", err
		}
	}
	accounts := strings.ReplaceAll(accountsTemplate, "SECRETS", filepath.ToSlash(f.path(secretsFolder)))
	if err := writeOnce(f.path(config.DevAccountsFile), accounts, 0o644); err != nil {
		return "", err
	}
	return f, writeOnce(f.path(config.DevRulesFile), rulesTemplate, 0o644)
}

func (f folder) path(names ...string) string {
	return filepath.Join(append([]string{string(f)}, names...)...)
}

func (f folder) secret(name string) (string, error) {
	b, err := os.ReadFile(f.path(secretsFolder, name))
	return strings.TrimSpace(string(b)), err
}

// writeOnce writes a file unless it exists.
func writeOnce(path, content string, mode os.FileMode) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("state folder: %w", err)
	}
	_, err = file.WriteString(content)
	return errors.Join(err, file.Close())
}

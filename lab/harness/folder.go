package harness

import (
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/internal/temporal/codec"
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
	for _, name := range []string{secretsFolder, config.DevAccountsFolder} {
		if err := os.MkdirAll(f.path(name), 0o700); err != nil {
			return "", fmt.Errorf("state folder: %w", err)
		}
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

// openKeys reads the keys with which Temporal's payloads are encrypted: those of the
// environment, else the folder's own. A folder that has keys stays encrypted: without
// them nobody could go on with what runs in it.
func (d *Dev) openKeys() error {
	settings, err := config.Read[config.Encryption]()
	if err != nil {
		return err
	}
	from := variable("ENCRYPTION_KEYS")
	if d.keys = string(settings.Keys); d.keys == "" {
		from = d.folder.path(secretsFolder, encryptionKeys)
		if d.keys, err = d.folder.encryptionKeys(d.opts.Encrypt); err != nil {
			return err
		}
	}
	keys, err := codec.ParseKeys(d.keys)
	if err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	if len(keys) > 0 {
		d.encryption = keys
		d.codec, err = codec.New(keys)
	}
	return err
}

// encryptionKeys reads the folder's keys, and makes one first where it should and none is.
func (f folder) encryptionKeys(generate bool) (string, error) {
	if generate {
		if err := writeOnce(f.path(secretsFolder, encryptionKeys), "dev:"+codec.NewSecret()+"\n", 0o600); err != nil {
			return "", err
		}
	}
	keys, err := f.secret(encryptionKeys)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return keys, err
}

// env are the settings with which other programs work with this Product.
func (d *Dev) env() map[string]string {
	vars := map[string]string{
		"TEMPORAL_ADDRESS":              d.Server.Address,
		"TEMPORAL_NAMESPACE":            d.Server.Namespace,
		variable("ACCOUNTS"):            d.folder.path(config.DevAccountsFolder),
		variable("RULES"):               d.folder.path(config.DevRulesFile),
		variable("SAVED_REPLIES"):       d.folder.path(config.DevSavedRepliesFile),
		variable("TASK_QUEUE"):          TaskQueue,
		variable("VERIFY_TOKEN"):        d.config.VerifyToken,
		variable("APP_SECRETS"):         d.appSecrets(),
		variable("WEBHOOK_ADDR"):        address(d.opts.Ports.Bridge),
		variable("APPROVALS_ADDR"):      address(d.opts.Ports.Approvals),
		variable("GRAPH_FACEBOOK_URL"):  d.SandboxURL + "/facebook",
		variable("GRAPH_INSTAGRAM_URL"): d.SandboxURL + "/instagram",
		variable("WEB_UI_URL"):          d.Server.UIURL,
	}
	for name, value := range loginSettings(d.config.Meta.App, d.SandboxURL) {
		vars[variable(name)] = value
	}
	if d.codec != nil {
		vars[variable("ENCRYPTION_KEYS")] = d.keys
		vars[variable("CODEC_ORIGIN")] = d.Server.UIURL
		vars["TEMPORAL_CODEC_ENDPOINT"] = d.CodecURL()
	}
	return vars
}

// writeEnv writes the settings with which any program of the product, and the
// Temporal CLI, works with it: `set -a; . .dev/env; set +a`.
func (f folder) writeEnv(vars map[string]string) error {
	var b strings.Builder
	b.WriteString("# Written by `starter dev` at each start. It holds secrets of the sandbox, and the encryption keyd.\n")
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		fmt.Fprintf(&b, "%s='%s'\n", name, strings.ReplaceAll(vars[name], "'", `'\''`))
	}
	return os.WriteFile(f.path(config.DevEnvFile), []byte(b.String()), 0o600)
}

// variable is the full name of one of the product's settingd.
func variable(name string) string { return config.Prefix + name }

// openLog makes the logger that writes to the file at path.
func openLog(path string) (log *zap.Logger, closeLog func() error, err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, nil, err
	}
	format := zap.NewProductionEncoderConfig()
	format.TimeKey, format.EncodeTime = "time", zapcore.RFC3339NanoTimeEncoder
	return zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(format), zapcore.Lock(file), zap.InfoLevel)), file.Close, nil
}

// withWarnings makes log write warnings to w as well, in a form for people.
func withWarnings(log *zap.Logger, w io.Writer) *zap.Logger {
	format := zap.NewDevelopmentEncoderConfig()
	format.EncodeTime = zapcore.TimeEncoderOfLayout("15:04:05")
	short := zapcore.NewCore(zapcore.NewConsoleEncoder(format), zapcore.Lock(zapcore.AddSync(w)), zap.WarnLevel)
	return log.WithOptions(zap.WrapCore(func(c zapcore.Core) zapcore.Core { return zapcore.NewTee(c, short) }))
}

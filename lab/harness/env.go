package harness

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/privatereply/privatereply/internal/config"
)

// env are the settings with which other programs work with this stack.
func (s *Stack) env() (map[string]string, error) {
	settings, err := s.bridgeSettings()
	vars := map[string]string{
		"TEMPORAL_ADDRESS":              s.Server.Address,
		"TEMPORAL_NAMESPACE":            s.Server.Namespace,
		variable("ACCOUNTS"):            s.folder.path(config.DevAccountsFile),
		variable("RULES"):               s.folder.path(config.DevRulesFile),
		variable("TASK_QUEUE"):          TaskQueue,
		variable("VERIFY_TOKEN"):        string(settings.VerifyToken),
		variable("APP_SECRETS"):         strings.Join(settings.AppSecrets, ","),
		variable("WEBHOOK_ADDR"):        settings.WebhookAddr,
		variable("APPROVALS_ADDR"):      address(s.opts.Ports.Approvals),
		variable("GRAPH_FACEBOOK_URL"):  s.SandboxURL + "/facebook",
		variable("GRAPH_INSTAGRAM_URL"): s.SandboxURL + "/instagram",
		variable("WEB_UI_URL"):          s.Server.UIURL,
	}
	if s.codec != nil {
		vars[variable("ENCRYPTION_KEYS")] = s.keys
		vars[variable("CODEC_ORIGIN")] = s.Server.UIURL
		vars["TEMPORAL_CODEC_ENDPOINT"] = s.CodecURL()
	}
	return vars, err
}

// writeEnv writes the settings with which any program of the product, and the
// Temporal CLI, works with this stack: `set -a; . .dev/env; set +a`.
func (f folder) writeEnv(vars map[string]string) error {
	var b strings.Builder
	b.WriteString("# Written by `starter dev` at each start. It holds secrets of the sandbox, and the encryption keys.\n")
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		fmt.Fprintf(&b, "%s='%s'\n", name, strings.ReplaceAll(vars[name], "'", `'\''`))
	}
	return os.WriteFile(f.path(config.DevEnvFile), []byte(b.String()), 0o600)
}

// variable is the full name of one of the product's settings.
func variable(name string) string { return config.Prefix + name }

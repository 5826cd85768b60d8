package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/privatereply/privatereply/internal/config"
)

// useDevSettings lets a command work on what `starter dev` runs in this folder, with
// nothing configured: where there is no accounts file of one's own, the settings
// that `starter dev` wrote fill in for variables that are not set.
func useDevSettings(told io.Writer) error {
	const accounts = config.Prefix + "ACCOUNTS"
	if os.Getenv(accounts) != "" {
		return nil
	}
	if _, err := os.Stat("accounts.yaml"); !errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if _, err := os.Stat(filepath.Join(config.DevFolder, config.DevAccountsFile)); err != nil {
		return nil
	}
	vars, err := config.ReadDevEnv(config.DevFolder)
	if err != nil {
		return err
	}
	for name, value := range vars {
		if os.Getenv(name) != "" {
			continue
		}
		if err := os.Setenv(name, value); err != nil {
			return err
		}
	}
	fmt.Fprintf(told, "starter: there is no accounts.yaml here; using the files of `starter dev` in %s\n", config.DevFolder)
	return nil
}

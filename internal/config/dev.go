package config

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The state folder of `starter dev`, and the files in it that other commands read.
const (
	DevFolder         = ".dev"                   // the default, in the working directory
	DevAccountsFolder = "accounts"               // what is connected comes in here
	DevAccountsFile   = "accounts/accounts.yaml" // written once, then edited by people
	DevRulesFile      = "rules.yaml"             // written once, then edited by people
	// DevSavedRepliesFile has the team's saved replies, which the desk writes.
	DevSavedRepliesFile = "saved-replies.yaml"
	DevEnvFile          = "env" // variables of the product that runs, or ran last
)

// ReadDevEnv reads the variables of the product that runs in a state folder, or ran
// there last. The file is shell text: each line is NAME='value'.
func ReadDevEnv(folder string) (map[string]string, error) {
	file, err := os.Open(filepath.Join(folder, DevEnvFile))
	if err != nil {
		return nil, fmt.Errorf("the files of `starter dev`: %w; start it once", err)
	}
	defer file.Close()
	vars := map[string]string{}
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		name, value, ok := strings.Cut(lines.Text(), "=")
		if !ok || strings.HasPrefix(name, "#") {
			continue
		}
		value = strings.TrimSuffix(strings.TrimPrefix(value, "'"), "'")
		vars[name] = strings.ReplaceAll(value, `'\''`, "'")
	}
	return vars, lines.Err()
}

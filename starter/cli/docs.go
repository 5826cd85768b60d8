package cli

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/privatereply/privatereply/internal/version"
)

// newDocs makes the hidden command that writes the man pages and the completions of shells,
// for packages.
func newDocs() *cobra.Command {
	return &cobra.Command{
		Use:   "docs DIR",
		Short: "Write man pages and shell completions into a folder",
		Long: `Write the man page of each command, and the completions of bash, zsh and fish,
into a folder, for packages.`,
		Example: "  starter docs build/docs",
		Hidden:  true,
		GroupID: GroupOperate,
		Args:    Args(1, 1, "the folder"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return writeDocs(cmd.Root(), args[0])
		},
	}
}

func writeDocs(root *cobra.Command, dir string) error {
	man, completion := filepath.Join(dir, "man"), filepath.Join(dir, "completion")
	for _, d := range []string{man, completion} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	at := version.Get().CommittedAt // and not now, so that the same commit gives the same pages
	if at.IsZero() {
		at = time.Unix(0, 0)
	}
	root.DisableAutoGenTag = true
	return errors.Join(
		doc.GenManTree(root, &doc.GenManHeader{Section: "1", Source: "Private replies", Manual: "Private replies", Date: &at}, man),
		root.GenBashCompletionFileV2(filepath.Join(completion, "starter.bash"), true),
		root.GenZshCompletionFile(filepath.Join(completion, "starter.zsh")),
		root.GenFishCompletionFile(filepath.Join(completion, "starter.fish"), true),
	)
}

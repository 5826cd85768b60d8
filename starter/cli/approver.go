package cli

import (
	"errors"
	"os/user"

	"github.com/spf13/cobra"
)

// approverFlag adds the flag that says who acts.
func approverFlag(cmd *cobra.Command) *string {
	return cmd.Flags().String("approver", "", "who decides (default: PRIVATEREPLY_APPROVER, else your user name)")
}

// approver is who acts: the flag, the setting, or the user of this machine.
func (s *Session) approver(flag string) (string, error) {
	if flag != "" {
		return flag, nil
	}
	if s.settings.Approver != "" {
		return s.settings.Approver, nil
	}
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username, nil
	}
	return "", errors.New("nobody knows who you are: say it with --approver, or set PRIVATEREPLY_APPROVER")
}

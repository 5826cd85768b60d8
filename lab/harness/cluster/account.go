package cluster

import (
	"fmt"
	"os"
	"os/user"
	"strconv"
)

// account is a user of this machine. A nil account is the one that runs this process.
type account struct{ uid, gid int }

// databaseOwner is who runs Postgres, which refuses to run as root: then it is the
// account that Debian's package makes for it.
func databaseOwner() (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("Postgres does not run as root, and its own account is missing: %w", err)
	}
	var a account
	if a.uid, err = strconv.Atoi(u.Uid); err != nil {
		return nil, err
	}
	if a.gid, err = strconv.Atoi(u.Gid); err != nil {
		return nil, err
	}
	return &a, nil
}

// own gives a file to the account.
func (a *account) own(path string) error {
	if a == nil {
		return nil
	}
	return os.Chown(path, a.uid, a.gid)
}

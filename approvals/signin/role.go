// Package signin says who sits at the approvals desk: people with a named token,
// or users that a trusted proxy names. It keeps sessions, and knows nothing of
// replies.
package signin

import (
	"fmt"
	"slices"
)

// Role is what a user may do. Each role may do what the one before it may.
type Role string

// The roles: look, decide, and end other people's sessions.
const (
	Viewer   Role = "viewer"
	Approver Role = "approver"
	Admin    Role = "admin"
)

var roles = []Role{Viewer, Approver, Admin}

// UnmarshalText reads a role.
func (r *Role) UnmarshalText(text []byte) error {
	if !slices.Contains(roles, Role(text)) {
		return fmt.Errorf("%q is not a role; write viewer, approver or admin", text)
	}
	*r = Role(text)
	return nil
}

// MarshalText writes a role.
func (r Role) MarshalText() ([]byte, error) { return []byte(r), nil }

// User is somebody who signed in. Name is the approver in the history of what they
// decide.
type User struct {
	Name string
	Role Role
}

// May reports whether the user may do what role may.
func (u User) May(role Role) bool { return slices.Index(roles, u.Role) >= slices.Index(roles, role) }

// CanDecide reports whether the user may approve, reject and write.
func (u User) CanDecide() bool { return u.May(Approver) }

// IsAdmin reports whether the user may end other people's sessions.
func (u User) IsAdmin() bool { return u.May(Admin) }

// Package visibility writes queries for Temporal's visibility store. Every value is
// escaped, so that an id or a rule's name cannot change what a query means.
package visibility

import (
	"strings"
	"time"
)

// Attribute is what a query asks about: a search attribute of the product, such as
// workflows.AccountID, or one of Temporal's own.
type Attribute interface{ GetName() string }

type systemAttribute string

func (a systemAttribute) GetName() string { return string(a) }

// Temporal's own attributes.
const (
	WorkflowType systemAttribute = "WorkflowType"
	WorkflowID   systemAttribute = "WorkflowId"
	RunID        systemAttribute = "RunId"
	StartTime    systemAttribute = "StartTime"
)

// Condition is a query, or a part of one.
type Condition string

// String is the query as Temporal takes it.
func (c Condition) String() string { return string(c) }

// The states of a workflow that queries ask for.
const (
	Running   Condition = `ExecutionStatus = "Running"`
	Completed Condition = `ExecutionStatus = "Completed"`
)

// And holds where all conditions hold.
func And(conditions ...Condition) Condition {
	parts := make([]string, len(conditions))
	for i, c := range conditions {
		parts[i] = string(c)
	}
	return Condition(strings.Join(parts, " AND "))
}

// Equals holds for one value.
func Equals[T ~string](a Attribute, value T) Condition {
	return compare(a, "=", string(value))
}

// NotEquals holds for every other value, and where the attribute is missing, which !=
// alone does not.
func NotEquals[T ~string](a Attribute, value T) Condition {
	return "(" + compare(a, "!=", string(value)) + " OR " + Condition(a.GetName()) + " IS NULL)"
}

// In holds for any of some values. There must be at least one: the server refuses an
// empty list.
func In[T ~string](a Attribute, values ...T) Condition {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = quote(string(v))
	}
	return Condition(a.GetName() + " IN (" + strings.Join(quoted, ", ") + ")")
}

// NotIn holds for every other value of an attribute that is never missing. There must be at
// least one, as for In.
func NotIn[T ~string](a Attribute, values ...T) Condition {
	return "NOT " + In(a, values...)
}

// HasPrefix holds for values that begin with prefix.
func HasPrefix(a Attribute, prefix string) Condition { return compare(a, "STARTS_WITH", prefix) }

// Between holds for values from first to last, both included, in the order of their
// bytes. It uses an index where HasPrefix does not.
func Between(a Attribute, first, last string) Condition {
	return Condition(a.GetName() + " BETWEEN " + quote(first) + " AND " + quote(last))
}

// From holds at t and later, to the second.
func From(a Attribute, t time.Time) Condition { return compare(a, ">=", stamp(t)) }

// Before holds until t, to the second.
func Before(a Attribute, t time.Time) Condition { return compare(a, "<", stamp(t)) }

func compare(a Attribute, operator, value string) Condition {
	return Condition(a.GetName() + " " + operator + " " + quote(value))
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// quote writes a value as the server reads it: with its own escapes, which are not
// those of Go's %q.
func quote(value string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
}

// Package rules decides what happens to a comment. It reads the rules file,
// refuses one that could go wrong later, evaluates it and explains its decisions.
//
// The file lists rules; the first whose condition holds decides, and a default
// decides for the rest. Conditions are CEL expressions over a few variables, so
// that a rule can neither change anything nor run for long. A rules file is
// trusted to say what the business wants, a comment is not trusted at all.
package rules

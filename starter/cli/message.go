package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/privatereply/privatereply"
)

// messageFlags say what a message has beside its text. --no-… flags are there where a
// proposal may have something that shall not go out.
type messageFlags struct {
	buttons, quickReplies []string
	noButtons, noQuick    bool
	public                string
	noPublic              bool
	cmd                   *cobra.Command
}

// messageHelp tells in a command's help how buttons and quick replies are written.
const messageHelp = `--button and --quick-reply are written TITLE=WHAT, and may be given several times. What
begins with an address (https://…) is a link to it; anything else is the text that a tap
sends by itself. A quick reply may be a title alone: then somebody reads the answer. A
message has at most 3 buttons or 13 quick replies with titles of 20 characters, on
Instagram not both; with buttons the text has at most 640 characters.`

// tappableFlags adds the flags of buttons and quick replies.
func tappableFlags(cmd *cobra.Command) *messageFlags {
	f := &messageFlags{cmd: cmd}
	cmd.Flags().StringArrayVar(&f.buttons, "button", nil, `a button under the text: "TITLE=https://…" or "TITLE=TEXT"`)
	cmd.Flags().StringArrayVar(&f.quickReplies, "quick-reply", nil, `an answer that the person can tap: "TITLE" or "TITLE=TEXT"`)
	return f
}

// publicFlag adds the flag of the public reply.
func (f *messageFlags) publicFlag() *messageFlags {
	f.cmd.Flags().StringVar(&f.public, "public", "", "post this under the comment once the private reply is sent")
	return f
}

// replacingFlags are all flags of a message that takes the place of a proposed one.
func replacingFlags(cmd *cobra.Command) *messageFlags {
	f := tappableFlags(cmd).publicFlag()
	cmd.Flags().BoolVar(&f.noButtons, "no-buttons", false, "leave out the proposed buttons")
	cmd.Flags().BoolVar(&f.noQuick, "no-quick-replies", false, "leave out the proposed quick replies")
	cmd.Flags().BoolVar(&f.noPublic, "no-public", false, "post nothing under the comment")
	return f
}

// messageParts are what the flags ask for. What is nil stays as it is proposed; what is
// empty is left out.
type messageParts struct {
	buttons      []privatereply.Button
	quickReplies []privatereply.QuickReply
	public       *string
}

// any reports whether a flag was given.
func (p messageParts) any() bool { return p.buttons != nil || p.quickReplies != nil || p.public != nil }

// read reads the flags. How long and how many is judged by whoever knows the platform.
func (f *messageFlags) read() (p messageParts, err error) {
	changed := f.cmd.Flags().Changed
	switch {
	case f.noButtons && len(f.buttons) > 0:
		return p, errors.New("--no-buttons: there is a --button too; leave one of them out")
	case f.noQuick && len(f.quickReplies) > 0:
		return p, errors.New("--no-quick-replies: there is a --quick-reply too; leave one of them out")
	case f.noPublic && changed("public"):
		return p, errors.New("--no-public: there is --public too; leave one of them out")
	case changed("public") && strings.TrimSpace(f.public) == "":
		return p, errors.New("--public is empty; say what to post under the comment, or leave it out")
	}
	if f.noButtons {
		p.buttons = []privatereply.Button{}
	}
	for _, given := range f.buttons {
		b, err := parseButton(given)
		if err != nil {
			return p, fmt.Errorf("--button: %w", err)
		}
		p.buttons = append(p.buttons, b)
	}
	if f.noQuick {
		p.quickReplies = []privatereply.QuickReply{}
	}
	for _, given := range f.quickReplies {
		q, err := parseQuickReply(given)
		if err != nil {
			return p, fmt.Errorf("--quick-reply: %w", err)
		}
		p.quickReplies = append(p.quickReplies, q)
	}
	if f.noPublic || changed("public") {
		p.public = &f.public
	}
	return p, nil
}

// publicText is the public reply of a message of which nothing was proposed.
func (p messageParts) publicText() string {
	if p.public == nil {
		return ""
	}
	return *p.public
}

// remark says on errOut what people must know who choose quick replies for what id names.
func (p messageParts) remark(errOut io.Writer, id string) {
	if named, ok := privatereply.ParseID(id); ok && named.Platform == privatereply.Instagram && len(p.quickReplies) > 0 {
		fmt.Fprintln(errOut, privatereply.MessageRequestsRemark)
	}
}

func parseButton(given string) (b privatereply.Button, err error) {
	title, what, _ := strings.Cut(given, "=")
	b.Title = strings.TrimSpace(title)
	switch what = strings.TrimSpace(what); {
	case b.Title == "":
		return b, fmt.Errorf(`%q has no title; write what the person reads on it, as in "Open shop=https://example.com"`, given)
	case what == "":
		return b, fmt.Errorf(`%q does nothing; write "%s=https://…" for a link, or "%s=TEXT" for the text that a tap sends`, given, b.Title, b.Title)
	case isAddress(what):
		b.URL = what
	default:
		b.Then = what
	}
	return b, nil
}

func parseQuickReply(given string) (q privatereply.QuickReply, err error) {
	title, then, more := strings.Cut(given, "=")
	q.Title, q.Then = strings.TrimSpace(title), strings.TrimSpace(then)
	switch {
	case q.Title == "":
		return q, fmt.Errorf(`%q has no title; write what the person reads on it, as in "Small=It ships on Monday."`, given)
	case more && q.Then == "":
		return q, fmt.Errorf(`%q has no text after the =; write %q alone if somebody reads the answer`, given, q.Title)
	}
	return q, nil
}

// isAddress reports whether s is one word that begins with a scheme, be it one that a button
// may not open: then that is said, rather than sent as a text.
func isAddress(s string) bool {
	scheme, _, ok := strings.Cut(s, "://")
	return ok && !strings.ContainsAny(s, " \t\n") && scheme != "" &&
		strings.Trim(strings.ToLower(scheme), "abcdefghijklmnopqrstuvwxyz") == ""
}

// explainFields names the flag beside the field of a decision.
func explainFields(err error) error {
	words := strings.TrimPrefix(err.Error(), "decision.")
	for field, flag := range map[string]string{"buttons": "--button", "quick_replies": "--quick-reply", "public_text": "--public", "text": "--reply", "hide": "--hide"} {
		if strings.HasPrefix(words, field) {
			return fmt.Errorf("%s: %s", flag, words)
		}
	}
	return err
}

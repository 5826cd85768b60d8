package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/temporal"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/rules"
	"github.com/privatereply/privatereply/workflows"
)

// commentFlags describe a comment that no webhook brought.
type commentFlags struct {
	account, id, text, person, username, source, media, created string
	reply                                                       string
	post, auto, hide                                            bool
	message                                                     *messageFlags // beside reply
}

func newComment() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "comment --account ACCOUNT --id ID [--post]",
		Short: "Start the reply to a comment by hand",
		Long: `Start the reply to a comment, or with --post to a post that a visitor wrote on a
Facebook Page. The rules decide about it, unless --reply says what to answer: then a
person must approve it, or with --auto it is sent at once. A comment has one reply: for
one that has it already nothing happens, and that is said.

` + messageHelp,
		Example: `  starter comment --account 17841400000000001 --id 18000000000000001 --text "How much is it?" --username lena
  starter comment --account 17841400000000001 --id 18000000000000001 --reply "Hi! It is 12 euros." --auto
  starter comment --account 17841400000000001 --id 18000000000000001 --reply "Shall we send the list?" --button "Yes, please=Here it is: https://example.com/list" --public "Look into your messages."
  starter comment --account 100000000000002 --id 100000000000002_200000000000001 --post --text "Are you open on Sunday?"`,
		Args:    Args(0, 0, ""),
		GroupID: GroupOperate,
	}
	var f commentFlags
	flags := cmd.Flags()
	flags.StringVar(&f.account, "account", "", "the account's id, or its name in the accounts file (required)")
	flags.StringVar(&f.id, "id", "", "the comment's id as Meta gives it, or with --post the post's (required)")
	flags.BoolVar(&f.post, "post", false, "it is a post that a visitor wrote on a Page")
	flags.StringVar(&f.text, "text", "", "what the person wrote")
	flags.StringVar(&f.person, "person", "", "the person's id")
	flags.StringVar(&f.username, "username", "", "the person's name, for rules and texts")
	flags.StringVar(&f.source, "source", "", "what was commented on: post, reel, ad, live, story or other (default post)")
	flags.StringVar(&f.media, "media", "", "the id of what was commented on")
	flags.StringVar(&f.created, "created", "", "when it was written, as in 2026-01-02T15:04:05Z (default: unknown; then the deadline counts from now)")
	flags.StringVar(&f.reply, "reply", "", "propose this text instead of asking the rules")
	flags.BoolVar(&f.auto, "auto", false, "with --reply: send it without asking anybody")
	flags.BoolVar(&f.hide, "hide", false, "with --reply: hide the comment once it is decided")
	f.message = tappableFlags(cmd).publicFlag()
	asJSON := JSONFlag(cmd)
	cmd.RunE = WithSession(func(ctx context.Context, s *Session, cmd *cobra.Command, _ []string) error {
		in, err := s.manualInput(f, time.Now().UTC())
		if err != nil {
			return err
		}
		result, err := s.start(ctx, in)
		if err != nil {
			return err
		}
		messageParts{quickReplies: in.Decision.QuickReplies}.remark(cmd.ErrOrStderr(), result.ID)
		if *asJSON {
			return WriteJSON(cmd.OutOrStdout(), result)
		}
		fmt.Fprintln(cmd.OutOrStdout(), result)
		return nil
	})
	return cmd
}

// manualInput makes the workflow's input of the flags.
func (s *Session) manualInput(f commentFlags, now time.Time) (workflows.PrivateReplyInput, error) {
	switch {
	case f.account == "":
		return workflows.PrivateReplyInput{}, errors.New("--account is missing: say whose comment it is")
	case f.id == "":
		return workflows.PrivateReplyInput{}, errors.New("--id is missing: give the comment's id as Meta gives it")
	case f.auto && f.reply == "":
		return workflows.PrivateReplyInput{}, errors.New(`--auto needs --reply: say what to send, as in --reply "Hi!"`)
	case f.hide && f.reply == "":
		return workflows.PrivateReplyInput{}, errors.New("--hide needs --reply; a comment that has its reply already is hidden with `starter hide`")
	}
	account, err := s.account(f.account)
	if err != nil {
		return workflows.PrivateReplyInput{}, err
	}
	c := privatereply.Comment{
		Platform: account.Platform, Account: account.ID, CommentID: f.id,
		MediaID: f.media, Source: privatereply.Source(f.source),
		PersonID: f.person, Username: f.username, Text: f.text,
		ReceivedAt: now, Via: privatereply.ViaHand,
	}
	if c.Source == "" {
		c.Source = privatereply.SourcePost
	}
	if f.post {
		c.CommentID, c.PostID, c.Source = "", f.id, privatereply.SourceVisitorPost
	}
	if f.created != "" {
		if c.CreatedAt, err = time.Parse(time.RFC3339, f.created); err != nil {
			return workflows.PrivateReplyInput{}, fmt.Errorf("--created: %q is not a time; write it as in 2026-01-02T15:04:05Z", f.created)
		}
		c.CreatedAt = c.CreatedAt.UTC()
	}
	if err := c.Validate(); err != nil {
		return workflows.PrivateReplyInput{}, err
	}
	decision, err := s.manualDecision(f, c, account, now)
	return workflows.PrivateReplyInput{Comment: c, Decision: decision}, err
}

func (s *Session) manualDecision(f commentFlags, c privatereply.Comment, a privatereply.Account, now time.Time) (privatereply.Decision, error) {
	parts, err := f.message.read()
	if err != nil {
		return privatereply.Decision{}, err
	}
	if f.reply != "" {
		return f.decision(parts, a.Platform)
	}
	if parts.any() {
		return privatereply.Decision{}, errors.New(`--reply is missing: buttons, quick replies and a public reply go with it, as in --reply "Hi!"; without it the rules decide`)
	}
	set, err := rules.Load(s.settings.Rules)
	if err != nil {
		return privatereply.Decision{}, fmt.Errorf(`%w; or say yourself what to answer, with --reply "…"`, err)
	}
	return set.Decide(rules.Input{Comment: c, AccountName: a.Name, Now: now, AutomaticPaused: a.AutomaticPaused, TimeZone: a.TimeZone}), nil
}

// decision is what the flags answer, if --reply is one of them.
func (f commentFlags) decision(parts messageParts, p privatereply.Platform) (privatereply.Decision, error) {
	d := privatereply.Decision{
		Action: privatereply.ActionAsk, Text: f.reply, Reason: privatereply.DecidedByHand,
		Buttons: parts.buttons, QuickReplies: parts.quickReplies, PublicText: parts.publicText(), Hide: f.hide,
	}
	if f.auto {
		d.Action = privatereply.ActionAuto
	}
	if err := privatereply.CheckText(p, f.reply); err != nil {
		return d, fmt.Errorf("--reply: %w", err)
	}
	if err := d.Validate(p); err != nil {
		return d, explainFields(err)
	}
	return d, nil
}

// startReport is the outcome of a start.
type startReport struct {
	ID        string                `json:"id"`
	Started   bool                  `json:"started"`
	Duplicate bool                  `json:"duplicate"` // the comment has its reply already
	Decision  privatereply.Decision `json:"decision"`
}

func (s *Session) start(ctx context.Context, in workflows.PrivateReplyInput) (startReport, error) {
	opts, in, err := workflows.PrivateReplyOptions(in, s.settings.TaskQueue, time.Now())
	if err != nil {
		return startReport{}, err
	}
	in.InitialState.Events = s.settings.EventScope()
	s.keys.Set(&opts, in.Comment)
	_, err = s.ExecuteWorkflow(ctx, opts, workflows.PrivateReplyType, in)
	switch {
	case temporal.IsWorkflowExecutionAlreadyStartedError(err):
		return startReport{ID: opts.ID, Duplicate: true, Decision: in.Decision}, nil
	case err != nil:
		return startReport{}, fmt.Errorf("start %s: %w", opts.ID, err)
	}
	return startReport{ID: opts.ID, Started: true, Decision: in.Decision}, nil
}

func (r startReport) String() string {
	if r.Duplicate {
		return r.ID + ": this comment has its reply already; see `starter show`"
	}
	return fmt.Sprintf("%s: started; %s, by %s", r.ID, describeAction(r.Decision), describeSource(r.Decision))
}

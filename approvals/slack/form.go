package slack

import (
	"context"
	"encoding/json"
	"strings"

	slackapi "github.com/slack-go/slack"
	"go.uber.org/zap"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/workflows"
)

// The ids of the forms and of their fields, which are blocks with one action each.
const (
	formEdit   = "edit"
	formReject = "reject"

	fieldText   = "text"
	fieldPublic = "public"
	fieldReason = "reason"
	fieldOther  = "other"
)

// maxReason is the longest reason of a rejection.
const maxReason = 500

// reasons are those that people choose from, as at the desk.
var reasons = []string{"spam", "not a question", "answered in public", "abusive"}

// metadata is what a form brings back: where it was opened, and what its message showed.
func metadata(from origin) string {
	b, err := json.Marshal(from)
	if err != nil { // never, for strings
		return ""
	}
	return string(b)
}

func form(id, title, submit string, from origin, blocks ...slackapi.Block) slackapi.ModalViewRequest {
	return slackapi.ModalViewRequest{
		Type: slackapi.VTModal, CallbackID: id, PrivateMetadata: metadata(from),
		Title: plain(title), Submit: plain(submit), Close: plain("Cancel"),
		Blocks: slackapi.Blocks{BlockSet: blocks},
	}
}

// openEdit opens the form in which the proposal is edited. It names the words that it shows,
// which may be newer than those of the message.
func (h *Interactions) openEdit(ctx context.Context, trigger string, from origin) {
	reading, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	i, err := h.renderer.read(reading, from.Reply)
	switch {
	case err != nil:
		h.say(ctx, from, "The reply cannot be read just now. Try again in a moment, or open it at the desk.")
		return
	case i.unknown:
		h.say(ctx, from, "This reply is no longer kept.")
		return
	case i.state != privatereply.AwaitingApproval:
		h.say(ctx, from, "There is nothing to decide any more. "+outcome(i.status))
		return
	case !i.fits():
		h.say(ctx, from, "This is too long for Slack: open it at the desk.")
		return
	}
	m, public := i.status.Message(), i.status.PublicText
	from.CommentSHA256, from.TextSHA256 = privatereply.TextSHA256(i.status.Comment.Text), replies.ProposalSHA256(*i.status)
	from.Beside = !m.Plain()
	field := slackapi.NewPlainTextInputBlockElement(nil, fieldText).WithMultiline(true).WithMaxLength(maxSection)
	if i.status.Text != "" {
		field = field.WithInitialValue(i.status.Text)
	}
	blocks := []slackapi.Block{
		section(blockComment, i.id, "They wrote:\n", wordsOf(i.status.Comment)),
		slackapi.NewInputBlock(fieldText, plain("What to send"), nil, field),
	}
	if from.Beside { // changed at the desk alone
		m.Text = "Under the text:"
		blocks = append(blocks, section(blockText, i.id, "", messageWords(m, i.status.Comment.Platform)))
	}
	if !i.status.Comment.OnLive() && !i.status.Decision.Hide {
		field := slackapi.NewPlainTextInputBlockElement(nil, fieldPublic).WithMultiline(true).WithMaxLength(maxSection)
		if public != "" {
			field = field.WithInitialValue(public)
		}
		blocks = append(blocks, slackapi.NewInputBlock(fieldPublic, plain("In public, under the comment (empty: nothing)"), nil, field).WithOptional(true))
	}
	h.open(ctx, trigger, from, form(formEdit, "Edit and approve", "Approve", from, blocks...))
}

// rejectForm asks why a reply is never to be sent.
func rejectForm(from origin) slackapi.ModalViewRequest {
	var options []*slackapi.OptionBlockObject
	for _, reason := range reasons {
		options = append(options, slackapi.NewOptionBlockObject(reason, plain(reason), nil))
	}
	choice := slackapi.NewInputBlock(fieldReason, plain("Why"), nil,
		slackapi.NewOptionsSelectBlockElement(slackapi.OptTypeStatic, plain("Choose a reason"), fieldReason, options...)).WithOptional(true)
	other := slackapi.NewInputBlock(fieldOther, plain("Or in your words"), nil,
		slackapi.NewPlainTextInputBlockElement(nil, fieldOther).WithMaxLength(maxReason)).WithOptional(true)
	return form(formReject, "Never send it", "Reject", from, choice, other)
}

// open opens a form.
func (h *Interactions) open(ctx context.Context, trigger string, from origin, view slackapi.ModalViewRequest) {
	if _, err := h.slack.OpenViewContext(ctx, trigger, view); err != nil {
		h.log.Warn("cannot open a form in Slack", zap.Error(withoutURL(err)))
		h.say(ctx, from, "The form could not be opened. Tap again, or open the reply at the desk.")
	}
}

// input is what somebody has put into a field of a form.
func input(in slackapi.InteractionCallback, field string) string {
	if in.View.State == nil {
		return ""
	}
	v := in.View.State.Values[field][field]
	if v.SelectedOption.Value != "" {
		return v.SelectedOption.Value
	}
	return strings.ReplaceAll(v.Value, "\r\n", "\n")
}

// reasonOf is why a reply is rejected.
func reasonOf(in slackapi.InteractionCallback) string {
	if other := strings.TrimSpace(input(in, fieldOther)); other != "" {
		return other
	}
	return input(in, fieldReason)
}

// formOrigin is what a form brings back.
func formOrigin(in slackapi.InteractionCallback) (from origin, ok bool) {
	err := json.Unmarshal([]byte(in.View.PrivateMetadata), &from)
	from.User = in.User.ID
	return from, err == nil && from.Reply != ""
}

// checkForm says what is wrong with a form, by its fields; nil: nothing. Slack shows it in
// the form, which stays open.
func (h *Interactions) checkForm(in slackapi.InteractionCallback) map[string]string {
	from, ok := formOrigin(in)
	first := fieldText
	if in.View.CallbackID == formReject {
		first = fieldReason
	}
	if !ok {
		return map[string]string{first: "This form is of an older release. Close it and tap again."}
	}
	if _, refused := h.authorize(in, from.Reply); refused != "" {
		return map[string]string{first: refused}
	}
	switch in.View.CallbackID {
	case formEdit:
		parsed, _ := privatereply.ParseID(from.Reply)
		if err := privatereply.CheckText(parsed.Platform, input(in, fieldText)); err != nil {
			return map[string]string{fieldText: err.Error()}
		}
		if err := privatereply.CheckPublicText(parsed.Platform, strings.TrimSpace(input(in, fieldPublic))); err != nil {
			return map[string]string{fieldPublic: err.Error()}
		}
	case formReject:
		if reasonOf(in) == "" {
			return map[string]string{fieldReason: "Choose a reason, or write one."}
		}
	}
	return nil
}

// submit carries out what a form says.
func (h *Interactions) submit(ctx context.Context, in slackapi.InteractionCallback) {
	from, ok := formOrigin(in)
	user, refused := h.authorize(in, from.Reply)
	if !ok || refused != "" { // checkForm has said so
		return
	}
	// The form does not know what else its message has: the desk brings it up to date.
	switch in.View.CallbackID {
	case formEdit:
		m := workflows.Approve{Approver: user.Name, Text: input(in, fieldText), CommentSHA256: from.CommentSHA256}
		if from.Beside { // what can be tapped goes out as the form has shown it, or not at all
			m.TextSHA256 = from.TextSHA256
		}
		if _, asked := in.View.State.Values[fieldPublic]; asked {
			public := strings.TrimSpace(input(in, fieldPublic))
			m.PublicText = &public
		}
		result, err := h.Replies.Approve(ctx, from.Reply, updateID(from, user, formEdit, in.View.ID+privatereply.TextSHA256(m.Text+"\n"+input(in, fieldPublic))), m)
		h.finish(ctx, from, err, result, nil)
	case formReject:
		result, err := h.Replies.Reject(ctx, from.Reply, updateID(from, user, formReject, in.View.ID+reasonOf(in)), workflows.Reject{
			Approver: user.Name, Reason: reasonOf(in),
		})
		h.finish(ctx, from, err, result, nil)
	}
}

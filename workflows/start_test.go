package workflows

import (
	"strconv"
	"strings"
	"testing"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/temporal/codec"
)

// Guards: the largest memo that a reply can come to have, encrypted, stays below the
// 2 KiB at which the server begins to warn.
func TestEncryptedMemoIsSmall(t *testing.T) {
	keys, err := codec.ParseKeys("2026-01:" + codec.NewSecret())
	if err != nil {
		t.Fatal(err)
	}
	encryption, err := codec.New(keys)
	if err != nil {
		t.Fatal(err)
	}
	data := converter.NewCodecDataConverter(converter.GetDefaultDataConverter(), encryption)

	c := OnFacebook(TestComment())
	c.Username = strings.Repeat("ö", 25) // Meta's limit of a name is 50 characters
	c.MediaID = "100000000000002_1220000000000000001"
	c.Text = strings.Repeat(`"<é値🔥`, 500)
	c.Attachment.Kind = privatereply.Sticker
	c.ParentID = "100000000000002_1220000000000000002"
	name := strings.Repeat("ö", 100)
	in := PrivateReplyInput{Comment: c, Decision: privatereply.Decision{Rule: "questions-about-the-price"}}
	message := privatereply.Message{Text: c.Text}
	for i := range privatereply.MaxQuickReplies {
		title := strings.Repeat("ö", privatereply.MaxTitleChars-2) + strconv.Itoa(i)
		message.QuickReplies = append(message.QuickReplies, privatereply.QuickReply{Title: title})
		if i < privatereply.MaxButtons {
			message.Buttons = append(message.Buttons, privatereply.Button{Title: title, Then: "…"})
		}
	}
	fields := newMemo(in, message, "Thanks!", TeamMemo{Assignee: name, ProposedBy: name, Approver: name, DecidedAt: time.Unix(1.8e9, 0).UTC(), Edited: true})
	at := time.Date(2026, 11, 22, 10, 0, 0, 123456789, time.UTC)
	fields[MemoEdited], fields[MemoNextTry] = at, at

	memo := &commonpb.Memo{Fields: map[string]*commonpb.Payload{}}
	for key, value := range fields {
		if memo.Fields[key], err = data.ToPayload(value); err != nil {
			t.Fatal(err)
		}
	}
	if size := memo.Size(); size >= 2048 || size < 1024 {
		t.Errorf("the memo has %d bytes", size)
	}
}

// Guards: a text is cut only where the two do not fit together, always with the mark,
// and the hash is that of the whole comment.
func TestMemoTexts(t *testing.T) {
	short, long, quotes := "How much is it?", strings.Repeat("wörter ", 200), strings.Repeat(`"<`, 400)
	for name, tt := range map[string]struct {
		comment, text       string
		commentCut, textCut bool
		commentMin, textMin int
	}{
		"both short":       {short, short, false, false, 0, 0},
		"a long proposal":  {short, strings.Repeat("x", 550), false, false, 0, 0},
		"a longer one":     {short, long, false, true, 0, 550},
		"a long comment":   {long, short, true, false, 550, 0},
		"both long":        {long, long, true, true, 280, 280},
		"no text":          {"", long, false, true, 0, 580},
		"costly in JSON":   {quotes, short, true, false, 100, 0},
		"both are so":      {quotes, quotes, true, true, 50, 50},
		"neither is there": {"", "", false, false, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMemo(PrivateReplyInput{Comment: privatereply.Comment{Text: tt.comment}}, privatereply.Message{Text: tt.text}, "", TeamMemo{})
			comment, _ := m[MemoComment].(string)
			text, _ := m[MemoText].(string)
			if cut := comment != tt.comment; cut != tt.commentCut || cut != strings.HasSuffix(comment, privatereply.CutMark) || len(comment) < tt.commentMin {
				t.Errorf("the comment has %d of %d bytes: %s", len(comment), len(tt.comment), comment)
			}
			if cut := text != tt.text; cut != tt.textCut || cut != strings.HasSuffix(text, privatereply.CutMark) || len(text) < tt.textMin {
				t.Errorf("the text has %d of %d bytes: %s", len(text), len(tt.text), text)
			}
			if n := jsonBytes(comment) + jsonBytes(text); n > memoTextBytes {
				t.Errorf("together they have %d bytes", n)
			}
			if m[MemoCommentSHA256] != privatereply.TextSHA256(tt.comment) {
				t.Errorf("the hash is %v", m[MemoCommentSHA256])
			}
		})
	}
}

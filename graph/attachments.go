package graph

import (
	"cmp"
	"encoding/json"
	"strings"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/metajson"
)

// The kinds of what is attached to a message, beside those of a comment's attachment.
const (
	AudioAttachment privatereply.AttachmentKind = "audio"
	FileAttachment  privatereply.AttachmentKind = "file"
	SharedPost      privatereply.AttachmentKind = "shared post"
	SharedStory     privatereply.AttachmentKind = "story"
)

// MessageAttachment is what a message carries beside its text: a picture, a video, a
// file, or a post or story that was shared. Its addresses expire within days, may be
// empty, and are foreign input, as its name is.
type MessageAttachment struct {
	Kind       privatereply.AttachmentKind
	URL        string
	PictureURL string // a still picture of it; of a photo the photo itself
	Name       string // of a file
}

// maxAttachments bounds the attachments of one message.
const maxAttachments = 30

// attachedFields are the fields of a message with what it carries, from most to least:
// Meta refuses a list for one field that an account's messages do not have.
func attachedFields(p privatereply.Platform) []string {
	const attached = messageFields + ",attachments{mime_type,name,image_data,video_data,file_url}"
	if p == privatereply.Instagram {
		return []string{attached + ",shares{link,name},story", attached, messageFields}
	}
	return []string{
		messageFields + ",attachments{mime_type,name,image_data,video_data,file_url,generic_template},sticker,shares{link,name}",
		attached + ",sticker,shares{link,name}", attached, messageFields,
	}
}

// linkedConversation are the fields of a conversation beside each of attachedFields.
func linkedConversation(p privatereply.Platform) []string {
	const basic = "id,updated_time,participants"
	if p == privatereply.Instagram {
		return []string{basic, basic, basic}
	}
	return []string{basic + ",link", basic + ",link", basic + ",link", basic}
}

// messageContent is what a message carries beside its text.
type messageContent struct {
	Attached lenient[struct {
		Data []lenient[attachedNode] `json:"data"`
	}] `json:"attachments"`
	Sticker metajson.Text `json:"sticker"` // its address
	Shares  lenient[struct {
		Data []lenient[linkNode] `json:"data"`
	}] `json:"shares"`
	Story lenient[struct {
		Mention linkNode `json:"mention"`
		ReplyTo linkNode `json:"reply_to"`
	}] `json:"story"`
}

// lenient is a value that reads as none where it does not have the expected form: what is
// attached cannot make a message unreadable.
type lenient[T any] struct{ value T }

func (l *lenient[T]) UnmarshalJSON(b []byte) error {
	var v T
	if json.Unmarshal(b, &v) == nil {
		l.value = v
	}
	return nil
}

type linkNode struct {
	Link metajson.Text `json:"link"`
	Name metajson.Text `json:"name"`
}

type attachedNode struct {
	MIMEType metajson.Text `json:"mime_type"`
	Name     metajson.Text `json:"name"`
	FileURL  metajson.Text `json:"file_url"`
	Image    struct {
		URL      metajson.Text `json:"url"`
		Preview  metajson.Text `json:"preview_url"`
		Animated metajson.Text `json:"animated_gif_url"`
		Sticker  metajson.Bool `json:"render_as_sticker"`
	} `json:"image_data"`
	Video struct {
		URL     metajson.Text `json:"url"`
		Preview metajson.Text `json:"preview_url"`
	} `json:"video_data"`
	Template *struct {
		Title metajson.Text `json:"title"`
	} `json:"generic_template"`
}

func (n attachedNode) toAttachment() MessageAttachment {
	a := MessageAttachment{Kind: FileAttachment, URL: string(n.FileURL), Name: string(n.Name)}
	picture := cmp.Or(n.Image.Animated, n.Image.URL, n.Image.Preview)
	switch {
	case n.Video.URL != "" || n.Video.Preview != "":
		a.Kind, a.URL, a.PictureURL = privatereply.Video, string(n.Video.URL), string(n.Video.Preview)
	case picture != "":
		a.Kind, a.URL, a.PictureURL = privatereply.Photo, string(picture), string(picture)
		switch {
		case n.Image.Sticker == metajson.True:
			a.Kind = privatereply.Sticker
		case n.Image.Animated != "" || n.MIMEType == "image/gif":
			a.Kind = privatereply.GIF
		}
	case strings.HasPrefix(string(n.MIMEType), "audio/"):
		a.Kind = AudioAttachment
	}
	return a
}

// attachments leaves out what Meta shows nothing of, as of buttons on Instagram.
func (n messageContent) attachments() []MessageAttachment {
	var all []MessageAttachment
	for _, a := range n.Attached.value.Data {
		if a.value != (attachedNode{}) && a.value.Template == nil {
			all = append(all, a.value.toAttachment())
		}
	}
	if n.Sticker != "" && len(all) == 0 {
		all = append(all, MessageAttachment{Kind: privatereply.Sticker, URL: string(n.Sticker), PictureURL: string(n.Sticker)})
	}
	for _, s := range n.Shares.value.Data {
		all = append(all, MessageAttachment{Kind: SharedPost, URL: string(s.value.Link), Name: string(s.value.Name)})
	}
	if link := cmp.Or(n.Story.value.ReplyTo.Link, n.Story.value.Mention.Link); link != "" {
		all = append(all, MessageAttachment{Kind: SharedStory, URL: string(link)})
	}
	return all[:min(len(all), maxAttachments)]
}

// templateText is the text of a message with buttons, which Facebook shows as the title of
// a template, and not as the message's own.
func (n messageContent) templateText() string {
	for _, a := range n.Attached.value.Data {
		if t := a.value.Template; t != nil {
			return string(t.Title)
		}
	}
	return ""
}

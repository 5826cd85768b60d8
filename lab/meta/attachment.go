package meta

// attachmentTypes are Facebook's names of what a comment can show beside its text,
// and how its file ends.
var attachmentTypes = map[string]struct{ name, ending string }{
	"photo":   {"photo", ".jpg"},
	"video":   {"video_inline", ".mp4"},
	"sticker": {"sticker", ".png"},
	"gif":     {"animated_image_share", ".gif"},
}

func (c *comment) attachmentURL() string {
	return "https://www.example.com/attachments/" + c.number + attachmentTypes[c.attached].ending
}

// attachment is how a Page's comments are read: a video has a picture as well.
func (c *comment) attachment() object {
	media := object{"image": object{"src": c.attachmentURL(), "width": 720, "height": 720}}
	if c.attached == "video" {
		media = object{"image": object{"src": c.attachmentURL() + ".jpg"}, "source": c.attachmentURL()}
	}
	return object{
		"type": attachmentTypes[c.attached].name, "url": "https://www.facebook.com/photo.php?fbid=" + c.number,
		"title": "", "media": media, "target": object{"id": c.number},
	}
}

// picked is what was asked for of o; nothing in particular is everything.
func picked(o object, want []field) object {
	if len(want) == 0 {
		return o
	}
	out := object{}
	for _, f := range want {
		switch v := o[f.name].(type) {
		case nil:
		case object:
			out[f.name] = picked(v, f.sub)
		default:
			out[f.name] = v
		}
	}
	return out
}

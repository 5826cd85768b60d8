package meta_test

import (
	"bytes"
	"image/png"
	"net/http"
	"strings"
	"testing"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/meta"
)

// What people see of a post, a comment and a message is read with pictures that the sandbox
// itself serves, and what Meta leaves out is left out.
func TestPicturesAndFiles(t *testing.T) {
	e := start(t)
	publish := func(n meta.NewPost) string {
		t.Helper()
		id, err := e.PublishPost(n)
		must(t, err)
		return id
	}
	shown := func(address any) {
		t.Helper()
		path, own := strings.CutPrefix(address.(string), e.url)
		if !own {
			t.Fatalf("%v is not the sandbox's", address)
		}
		got := e.get(path, "")
		if _, err := png.Decode(bytes.NewReader([]byte(got.body))); err != nil || got.header.Get("Content-Type") != "image/png" {
			t.Errorf("%s: %d %v", path, got.status, err)
		}
	}
	const mediaFields = "caption,media_type,media_product_type,media_url,thumbnail_url,permalink,timestamp,children"
	media := func(id string) map[string]any {
		t.Helper()
		return e.get("/instagram/v26.0/"+id, ownToken, "fields", mediaFields).json
	}
	photo := media(publish(meta.NewPost{Account: ownLoginID, Caption: "Oak"}))
	shown(photo["media_url"])
	if photo["caption"] != "Oak" || photo["media_type"] != "IMAGE" || photo["thumbnail_url"] != nil || photo["permalink"] == "" {
		t.Errorf("photo: %v", photo)
	}
	reel := media(publish(meta.NewPost{Account: ownLoginID, Source: privatereply.SourceReel, NoPicture: true}))
	shown(reel["thumbnail_url"])
	if _, has := reel["caption"]; has || reel["media_url"] != nil || reel["media_product_type"] != "REELS" {
		t.Errorf("reel without a caption, with somebody's music: %v", reel)
	}
	live := e.live(ownLoginID)
	if got := media(live); got["media_type"] != "BROADCAST" {
		t.Errorf("on the air: %v", got)
	}
	must(t, e.EndLive(live))
	if got := e.get("/instagram/v26.0/"+live, ownToken); got.code() != [2]int{100, 33} {
		t.Errorf("off the air: %s", got.body)
	}

	post := e.get("/facebook/v26.0/"+publish(meta.NewPost{Account: pageID, Caption: "Ash"}), pageToken,
		"fields", "message,story,permalink_url,full_picture,created_time,attachments{media_type,media{image{src}}}").json
	shown(post["full_picture"])
	if post["message"] != "Ash" || post["story"] != nil || !strings.Contains(e.get("/facebook/v26.0/"+post["id"].(string), pageToken, "fields", "attachments").body, `"media_type":"photo"`) {
		t.Errorf("post: %v", post)
	}

	comment := e.comment(meta.NewComment{Account: pageID, Attachment: "photo"})
	shown(e.get("/facebook/v26.0/"+comment, pageToken, "fields", "attachment").json["attachment"].(map[string]any)["media"].(map[string]any)["image"].(map[string]any)["src"])

	e.say(meta.NewMessage{Account: pageID, Username: "Kim", Text: "Here it is", Attachment: "photo"})
	e.say(meta.NewMessage{Account: pageID, Username: "Kim", Attachment: "file"})
	if box := e.Inbox(meta.Person{Account: pageID, Username: "Kim"}); len(box) != 3 || box[0].Text != "Here it is" || box[1].Picture == "" || box[2].Picture != "" {
		t.Fatalf("words and a picture are two messages: %+v", box)
	}
	thread := e.get("/facebook/v26.0/"+pageID+"/conversations", pageToken, "user_id", e.personID(pageID, "Kim"), "fields", "messages{message,attachments{image_data,file_url,mime_type},sticker}").json
	messages := thread["data"].([]any)[0].(map[string]any)["messages"].(map[string]any)["data"].([]any)
	attached := func(i int) map[string]any {
		return messages[i].(map[string]any)["attachments"].(map[string]any)["data"].([]any)[0].(map[string]any)
	}
	shown(attached(1)["image_data"].(map[string]any)["url"])
	if attached(0)["mime_type"] != "application/pdf" || attached(0)["file_url"] == "" || messages[2].(map[string]any)["attachments"] != nil {
		t.Errorf("messages: %v", messages)
	}
	if _, err := e.WriteMessage(meta.NewMessage{Account: pageID, Attachment: "hologram"}); err == nil {
		t.Error("a hologram was sent")
	}
	if got := e.get("/pictures/large/video.mp4", ""); got.status != http.StatusNotFound {
		t.Errorf("a video: %d", got.status)
	}
}

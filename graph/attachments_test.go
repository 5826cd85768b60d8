package graph

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/privatereply/privatereply"
)

// Guards what people read of a conversation: each kind of attachment with its addresses,
// and that no odd one hides a message.
func TestConversationAttachments(t *testing.T) {
	m := newMeta(t, respondWith(200, `{"data":[{"id":"t_1","link":"/1/inbox/2/","messages":{"data":[
		{"id":"photo","message":"","from":{"id":"7"},"created_time":"`+noonText+`","attachments":{"data":[{"mime_type":"image/jpeg","name":"a.jpg","image_data":{"url":"https://cdn/1","preview_url":"https://cdn/2"}}]}},
		{"id":"sticker","attachments":{"data":[{"image_data":{"url":"https://cdn/3","render_as_sticker":true}}]},"sticker":"https://cdn/3"},
		{"id":"gif","attachments":{"data":[{"image_data":{"url":"https://cdn/4","animated_gif_url":"https://cdn/5"}}]}},
		{"id":"video","attachments":{"data":[{"video_data":{"url":"https://cdn/6","preview_url":"https://cdn/7"}}]}},
		{"id":"voice and file","attachments":{"data":[{"mime_type":"audio/mp4","file_url":"https://cdn/8"},{"mime_type":"application/pdf","name":"bill.pdf","file_url":"https://cdn/9"}]}},
		{"id":"old sticker","sticker":"https://cdn/10"},
		{"id":"shared","shares":{"data":[{"link":"https://example.com/p","name":"Our post"}]}},
		{"id":"story","story":{"reply_to":{"id":"17","link":"https://cdn/11"}}},
		{"id":"odd","message":"still readable","attachments":{"data":[3,{"image_data":[]},{"image_data":{"url":{"a":1}}}]},"shares":"none","story":7,"sticker":{"id":"1"}}]}}]}`))
	var got []Conversation
	for c, err := range m.Conversations(t.Context(), credentials(pageAccount), ConversationQuery{PersonID: "7", Attachments: true}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, c)
	}
	if len(got) != 1 || got[0].Link != "/1/inbox/2/" {
		t.Fatalf("%+v", got)
	}
	attached := map[string][]MessageAttachment{}
	for _, message := range got[0].Messages {
		attached[message.ID] = message.Attachments
		if message.ID == "odd" && message.Text != "still readable" {
			t.Errorf("%+v", message)
		}
	}
	want := map[string][]MessageAttachment{
		"photo":          {{Kind: privatereply.Photo, URL: "https://cdn/1", PictureURL: "https://cdn/1", Name: "a.jpg"}},
		"sticker":        {{Kind: privatereply.Sticker, URL: "https://cdn/3", PictureURL: "https://cdn/3"}},
		"gif":            {{Kind: privatereply.GIF, URL: "https://cdn/5", PictureURL: "https://cdn/5"}},
		"video":          {{Kind: privatereply.Video, URL: "https://cdn/6", PictureURL: "https://cdn/7"}},
		"voice and file": {{Kind: AudioAttachment, URL: "https://cdn/8"}, {Kind: FileAttachment, URL: "https://cdn/9", Name: "bill.pdf"}},
		"old sticker":    {{Kind: privatereply.Sticker, URL: "https://cdn/10", PictureURL: "https://cdn/10"}},
		"shared":         {{Kind: SharedPost, URL: "https://example.com/p", Name: "Our post"}},
		"story":          {{Kind: SharedStory, URL: "https://cdn/11"}},
		"odd":            nil,
	}
	if diff := cmp.Diff(want, attached); diff != "" {
		t.Error(diff)
	}
}

// refuseFields answers 100 as long as a call asks for one of the names.
func refuseFields(body string, names ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for _, name := range names {
			if strings.Contains(r.URL.Query().Get("fields"), name) {
				respondWith(400, `{"error":{"code":100,"type":"OAuthException"}}`)(w, r)
				return
			}
		}
		respondWith(200, body)(w, r)
	}
}

// Guards reads for people against one field that a token may not see: less is asked for,
// down to the words.
func TestReadsForPeopleDegrade(t *testing.T) {
	m := newMeta(t, refuseFields(`{"data":[{"id":"t_1","messages":{"data":[{"id":"m","message":"hi"}]}}]}`, "attachments"))
	for c, err := range m.Conversations(t.Context(), credentials(igAccount), ConversationQuery{Attachments: true, MessageLimit: 5}) {
		if err != nil || c.Messages[0].Text != "hi" {
			t.Fatalf("%+v, %v", c, err)
		}
	}
	calls := m.received()
	if len(calls) != 3 || calls[2].query(t).Get("fields") != "id,updated_time,participants,messages.limit(5){id,message,from,created_time}" || calls[2].query(t).Get("limit") != "50" {
		t.Errorf("calls: %+v", calls)
	}

	for _, tc := range []struct {
		name    string
		account privatereply.Account
		refused []string
		answer  string
		want    Publication
	}{
		{"media", igAccount, nil, `{"caption":"Oak","media_type":"IMAGE","media_product_type":"FEED","media_url":"https://cdn/1","permalink":"https://ig/p/1/","timestamp":"` + noonText + `"}`,
			Publication{Kind: "photo", Text: "Oak", Permalink: "https://ig/p/1/", PictureURL: "https://cdn/1", CreatedAt: noon}},
		{"reel with music", igAccount, nil, `{"media_type":"VIDEO","media_product_type":"REELS","thumbnail_url":"https://cdn/t"}`, Publication{Kind: "reel", PictureURL: "https://cdn/t"}},
		{"a video's media_url is no picture", igAccount, nil, `{"media_type":"VIDEO","media_url":"https://cdn/v.mp4"}`, Publication{Kind: "video"}},
		{"album", igByPage, nil, `{"media_type":"CAROUSEL_ALBUM","children":{"data":[{"media_type":"VIDEO","thumbnail_url":"https://cdn/c"}]}}`, Publication{Kind: "album", PictureURL: "https://cdn/c"}},
		{"media, few fields", igByPage, []string{"children", "thumbnail_url"}, `{"caption":"Oak"}`, Publication{Text: "Oak"}},
		{"post", pageAccount, nil, `{"message":"Ash","permalink_url":"https://fb/1","full_picture":"https://cdn/p","created_time":"` + noonText + `","attachments":{"data":[{"media_type":"photo"}]}}`,
			Publication{Kind: "photo", Text: "Ash", Permalink: "https://fb/1", PictureURL: "https://cdn/p", CreatedAt: noon}},
		{"post without words", pageAccount, []string{"attachments"}, `{"story":"Clean Slate updated its cover photo."}`, Publication{Text: "Clean Slate updated its cover photo."}},
		{"post, odd", pageAccount, nil, `{"message":{"a":1},"attachments":[3],"full_picture":7}`, Publication{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := newMeta(t, refuseFields(tc.answer, tc.refused...))
			got, err := m.Publication(t.Context(), credentials(tc.account), "1")
			if diff := cmp.Diff(tc.want, got); err != nil || diff != "" {
				t.Errorf("%v %s", err, diff)
			}
			if calls := m.received(); len(tc.refused) > 0 == (len(calls) == 1) {
				t.Errorf("%d calls", len(calls))
			}
		})
	}
	m = newMeta(t, refuseFields(`{"id":"1_2","message":"Is it sturdy?","created_time":"`+noonText+`"}`, "attachment", "from"))
	c, err := m.CommentContent(t.Context(), credentials(pageAccount), "1_2")
	if err != nil || c.Text != "Is it sturdy?" || !c.CreatedAt.Equal(noon) {
		t.Errorf("%+v, %v", c, err)
	}
	for account, answer := range map[privatereply.Account]string{pageAccount: `{"is_hidden":true}`, igAccount: `{"hidden":true}`} {
		if c, err := newMeta(t, respondWith(200, answer)).CommentContent(t.Context(), credentials(account), "1"); err != nil || c.Hidden == nil || !*c.Hidden {
			t.Errorf("%s: hidden %v, %v", answer, c.Hidden, err)
		}
	}
	if c, err := newMeta(t, refuseFields(`{"text":"hi"}`, "hidden")).CommentContent(t.Context(), credentials(igAccount), "1"); err != nil || c.Hidden != nil || c.Text != "hi" {
		t.Errorf("without the field: %+v, %v", c, err)
	}
	m = newMeta(t, respondWith(400, `{"error":{"code":100,"error_subcode":33}}`))
	if _, err := m.Publication(t.Context(), credentials(pageAccount), "1"); asGraphError(t, err).Reason != privatereply.CommentNotFound {
		t.Errorf("gone: %v", err)
	}
	m.only(t)
}

// Guards the texts of messages with buttons: Facebook shows them as the title of a template,
// which is no attachment, on the first page of a conversation and on older ones.
func TestTemplateTexts(t *testing.T) {
	message := func(id, attached string) string {
		return `{"id":"` + id + `","message":"","from":{"id":"1"},"created_time":"` + noonText + `","attachments":{"data":[` + attached + `]}}`
	}
	newest := message("m_2", `{"generic_template":{"title":"Which size?","cta":[{"title":"Small","type":"postback"}]}}`)
	older := message("m_1", `{"generic_template":{"title":"Hello"}}`)
	m := newMeta(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/messages") {
			respondWith(200, `{"data":[`+older+`]}`)(w, r)
			return
		}
		respondWith(200, `{"data":[{"id":"t_1","messages":{"data":[`+newest+`],"paging":{"cursors":{"after":"q"},"next":"https://x/"}}}]}`)(w, r)
	})
	for c, err := range m.Conversations(t.Context(), credentials(pageAccount), ConversationQuery{Attachments: true, Since: noon}) {
		if err != nil || len(c.Messages) != 2 {
			t.Fatalf("%+v, %v", c, err)
		}
		for i, want := range []string{"Which size?", "Hello"} {
			if got := c.Messages[i]; got.Text != want || !got.Template || len(got.Attachments) != 0 {
				t.Errorf("%+v, want %q", got, want)
			}
		}
	}
	if got := m.received(); len(got) != 2 || !strings.Contains(got[1].query(t).Get("fields"), "generic_template") {
		t.Errorf("asked for %+v", got)
	}
}

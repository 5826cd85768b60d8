package desk_test

import (
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/workflows"
)

// campaignMessage is what a campaign's reply sends: a text with buttons.
func campaignMessage() privatereply.Message {
	return privatereply.Message{Text: "Hi lena! Shall we send you the list?", Buttons: []privatereply.Button{
		{Title: "Yes, please", Then: "Here it is: https://example.com/list"}, {Title: "Open the shop", URL: "https://example.com/shop"},
	}}
}

const campaignPublic = "We have sent you a message, lena!"

// newCampaignDesk has one reply that waits, with buttons and a public reply.
func newCampaignDesk(t *testing.T) (c *fakeDesk, id string) {
	t.Helper()
	m := campaignMessage()
	row := waitingRow(1, "list", m.Text)
	c = newFakeDesk(t, row)
	c.fake.decides = true
	c.fake.propose(row.ID, m, campaignPublic)
	return c, row.ID
}

// propose changes what is proposed in a reply.
func (f *fakeReplies) propose(id string, m privatereply.Message, public string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.status[id]
	s.Text = m.Text
	s.Buttons, s.QuickReplies, s.PublicText = m.Buttons, m.QuickReplies, public
	f.change(id, s)
}

// campaignForm is the form of a reply's page as a browser without script sends it.
func campaignForm() url.Values {
	return url.Values{
		"click": {"click-0001"}, "text": {"Hi lena! The list?"}, "parts": {"reply"},
		"button_title": {"Yes, please", "", "Open the shop"}, "button_does": {"sends", "opens", "opens"},
		"button_follows": {"Here it is:\r\nhttps://example.com/list", "", "https://example.com/shop"},
		"quick_title":    {"", ""}, "quick_then": {"", ""},
		"public": {"true"}, "public_text": {"Look into your messages!"},
	}
}

// What a form has written is what is sent: rows that nobody filled are left out, and a
// switched off public reply is none.
func TestFormOfParts(t *testing.T) {
	buttons := []privatereply.Button{{Title: "Yes, please", Then: "Here it is:\nhttps://example.com/list"}, {Title: "Open the shop", URL: "https://example.com/shop"}}
	none := []privatereply.QuickReply{}
	public, off := "Look into your messages!", ""
	for name, tt := range map[string]struct {
		change func(url.Values)
		want   workflows.Approve
	}{
		"as written": {func(url.Values) {}, workflows.Approve{Buttons: buttons, QuickReplies: none, PublicText: &public}},
		"no public reply": {func(f url.Values) { f.Del("public") },
			workflows.Approve{Buttons: buttons, QuickReplies: none, PublicText: &off}},
		"nothing to tap": {func(f url.Values) { f.Del("button_title"); f.Del("quick_title"); f.Del("public") },
			workflows.Approve{Buttons: []privatereply.Button{}, QuickReplies: none, PublicText: &off}},
		"quick replies": {func(f url.Values) {
			f.Del("button_title")
			f["quick_title"], f["quick_then"] = []string{"Small", "", "Large"}, []string{"", "", "It is 20 euros."}
		},
			workflows.Approve{Buttons: []privatereply.Button{}, QuickReplies: []privatereply.QuickReply{{Title: "Small"}, {Title: "Large", Then: "It is 20 euros."}}, PublicText: &public}},
		"a form without parts": {func(f url.Values) { f.Del("parts") }, workflows.Approve{}},
	} {
		t.Run(name, func(t *testing.T) {
			c, id := newCampaignDesk(t)
			form := campaignForm()
			tt.change(form)
			resp, page := c.do(c.signedIn("ana"), http.MethodPost, "/replies/"+url.PathEscape(id)+"/approve", form.Encode(), asForm)
			if resp.StatusCode != http.StatusSeeOther {
				t.Fatalf("%s: %s", resp.Status, page)
			}
			tt.want.Approver, tt.want.Text = "ana", "Hi lena! The list?"
			if got := c.approvals()[0]; !reflect.DeepEqual(got, tt.want) {
				t.Errorf("approved %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

// What Meta would refuse is refused before anything is asked of the reply, by its field and
// with the words of the domain, and what was written is still there.
func TestRefusedParts(t *testing.T) {
	for name, tt := range map[string]struct {
		change      func(url.Values)
		field, want string
	}{
		"a long title": {func(f url.Values) { f["button_title"][0] = strings.Repeat("x", 21) }, "buttons[0].title", "Button 1, title: message cannot be sent: &#34;xxxxxxxxxxxxxxxxxxxxx&#34; has 21 characters; at most 20."},
		// The row before it is empty, so it is the second button.
		"a bad address":           {func(f url.Values) { f["button_follows"][2] = "http://example.com" }, "buttons[1].url", "Button 2, address: message cannot be sent"},
		"nothing follows":         {func(f url.Values) { f["button_follows"][0] = " " }, "buttons[0]", "Button 1: message cannot be sent: give it either a url to open or then"},
		"both on Instagram":       {func(f url.Values) { f["quick_title"][0] = "Small" }, "quick_replies", "Quick replies: message cannot be sent: Instagram shows buttons or quick replies, not both"},
		"a long text":             {func(f url.Values) { f.Set("text", strings.Repeat("x", 641)) }, "text", "Text: text cannot be sent: it has 641 characters; with buttons at most 640."},
		"an empty public reply":   {func(f url.Values) { f.Set("public_text", " ") }, "public_text", "Public reply: it is empty; write what everybody will read"},
		"a public reply too long": {func(f url.Values) { f.Set("public_text", strings.Repeat("x", 2201)) }, "public_text", "Public reply: text cannot be sent: it has 2201 characters"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, verb := range []string{"approve", "propose"} {
				c, id := newCampaignDesk(t)
				form := campaignForm()
				tt.change(form)
				resp, page := c.do(c.signedIn("ana"), http.MethodPost, "/replies/"+url.PathEscape(id)+"/"+verb, form.Encode(), asForm)
				if resp.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(page, tt.want) {
					t.Errorf("%s: %s: no %q in %s", verb, resp.Status, tt.want, page)
				}
				if !strings.Contains(page, `value="Yes, please"`) && tt.field != "buttons[0].title" {
					t.Error("what was written is gone")
				}
				if len(c.approvals()) != 0 || c.fake.status[id].ProposedBy != "" {
					t.Errorf("%s: it was asked of the reply", verb)
				}
			}
		})
	}
	c, id := newCampaignDesk(t)
	resp, answer := c.do(c.signedIn("ana"), http.MethodPost, "/api/replies/"+url.PathEscape(id)+"/approve", `{"text":"Hi","buttons":[{"title":"Go","url":"example.com"}]}`, asJSON)
	if resp.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(answer, `"field":"buttons[0].url"`) {
		t.Errorf("%s: %s", resp.Status, answer)
	}
	resp, answer = c.do(c.signedIn("ana"), http.MethodPost, "/api/replies/"+url.PathEscape(id)+"/approve", `{"text":"Hi","button":[]}`, asJSON)
	if resp.StatusCode != http.StatusBadRequest || !strings.Contains(answer, "button") {
		t.Errorf("a mistyped field: %s: %s", resp.Status, answer)
	}
}

// An approval of a proposal carries the hash of all of it, and one that changed beside the
// text is not sent unread.
func TestApprovalOfWholeProposal(t *testing.T) {
	c, id := newCampaignDesk(t)
	ana, path := c.signedIn("ana"), "/replies/"+url.PathEscape(id)
	hash := privatereply.ProposalSHA256(campaignMessage(), campaignPublic)
	_, page := c.do(ana, http.MethodGet, path, "", nil)
	for _, want := range []string{`data-text="` + hash + `"`, "Yes, please", "https://example.com/shop", "Here it is: https://example.com/list", campaignPublic, "Clean Slate"} {
		if !strings.Contains(page, want) {
			t.Errorf("the reply's page has no %q", want)
		}
	}
	_, part := c.do(ana, http.MethodGet, path+"?part=message", "", nil)
	if !strings.Contains(part, `data-text="`+hash+`"`) || !strings.Contains(part, "https://example.com/shop") || strings.Contains(part, "<html") {
		t.Errorf("the part is %s", part)
	}
	m := campaignMessage()
	m.Buttons[0].Then = "Here it is: https://example.com/other"
	c.fake.propose(id, m, campaignPublic)
	resp, answer := c.do(ana, http.MethodPost, "/api"+path+"/approve", `{"text_sha256":"`+hash+`"}`, asJSON)
	if resp.StatusCode != http.StatusConflict || !strings.Contains(answer, `"code":"proposed"`) || !strings.Contains(answer, `"beside":true`) {
		t.Errorf("%s: %s", resp.Status, answer)
	}
	resp, answer = c.do(ana, http.MethodPost, "/api"+path+"/approve", `{"text_sha256":"`+privatereply.ProposalSHA256(m, campaignPublic)+`"}`, asJSON)
	if resp.StatusCode != http.StatusOK || len(c.approvals()) != 1 || c.approvals()[0].Buttons != nil {
		t.Errorf("%s: %s: %+v", resp.Status, answer, c.approvals())
	}
}

// A draft keeps what can be tapped, and a follow-up brings it.
func TestProposedAndFollowedUpParts(t *testing.T) {
	c, id := newCampaignDesk(t)
	path := "/api/replies/" + url.PathEscape(id)
	resp, answer := c.do(c.signedIn("wim"), http.MethodPost, path+"/propose", `{"text":"Hi","quick_replies":[{"title":"Small","then":""}],"buttons":[],"public_text":""}`, asJSON)
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", resp.Status, answer)
	}
	if got := c.fake.proposed; len(got) != 1 || !slices.Equal(got[0].QuickReplies, []privatereply.QuickReply{{Title: "Small"}}) || got[0].Buttons == nil || *got[0].PublicText != "" {
		t.Errorf("proposed %+v", got)
	}
	s := c.fake.status[id]
	s.State, s.Send = privatereply.Responded, &workflows.SendStatus{RecipientID: "2"}
	c.fake.status[id] = s
	resp, answer = c.do(c.signedIn("ana"), http.MethodPost, path+"/follow-up", `{"text":"Which one?","buttons":[{"title":"Oak","then":"It is 20 euros."}],"quick_replies":[]}`, asJSON)
	if got := c.fake.followed; len(got) != 1 || !slices.Equal(got[0].Buttons, []privatereply.Button{{Title: "Oak", Then: "It is 20 euros."}}) {
		t.Errorf("%s: %s: written %+v", resp.Status, answer, got)
	}
	resp, answer = c.do(c.signedIn("ana"), http.MethodPost, path+"/follow-up", `{"text":"Which one?","buttons":[{"title":"","then":"It is 20 euros."}]}`, asJSON)
	if resp.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(answer, "Button 1, title") || len(c.fake.followed) != 1 {
		t.Errorf("%s: %s", resp.Status, answer)
	}
}

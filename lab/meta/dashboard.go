package meta

import "fmt"

// SendTestWebhook delivers what the "Test" button of Meta's dashboard does: an event
// of nobody's, with entry.id "0", the official sample values, and messages inside
// changes[] with a timestamp in text.
func (s *Sandbox) SendTestWebhook(accountID, field string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.account(accountID)
	if err != nil {
		return err
	}
	var value any
	switch {
	case a.instagram() && (field == "comments" || field == "live_comments"):
		value = &igComment{
			From:  &actor{ID: "232323232", Username: "test", SelfID: "232323232"},
			Media: &igMedia{ID: "123123123", ProductType: map[string]string{"comments": "FEED", "live_comments": "LIVE"}[field]},
			ID:    "17860000000000009", Text: "This is an example.",
		}
	case field == "messages":
		value = object{
			"sender": party{"12334"}, "recipient": party{"23245"}, "timestamp": "1527459824",
			"message": messageBody{MID: "random_mid", Text: "random_text"},
		}
	case !a.instagram() && field == "feed":
		value = object{
			"item": "status", "post_id": "44444444_444444444", "verb": "add", "published": 1,
			"created_time": 1527459824, "message": "Example post content.", "from": actor{ID: "100000000000099", Name: "Test Page"},
		}
	default:
		return fmt.Errorf("field: %q has no test event; write messages, comments or live_comments (Instagram), feed (Facebook)", field)
	}
	it := s.item(a, field, "0", field, value)
	it.account = "0"
	s.outbox.add(it)
	s.note("webhook", a.ID, "0", "Dashboard test of %s", field)
	return nil
}

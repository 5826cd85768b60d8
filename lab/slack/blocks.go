package slack

import (
	"encoding/json"
	"strings"
	"unicode/utf16"
)

// Slack's limits for blocks, in characters.
const (
	maxID            = 255
	maxSection       = 3000
	maxHeader        = 150
	maxActions       = 25
	maxContext       = 10
	maxButtonText    = 75
	maxValue         = 2000
	maxTitle         = 24
	maxViewBlocks    = 100
	maxPrivateData   = 3000
	maxInitialValue  = 3000
	maxOptions       = 100
	maxOptionText    = 75
	maxInputLabel    = 2000
	maxButtonURL     = 3000
	maxPlaceholder   = 150
	invalidBlocks    = "invalid_blocks"
	invalidArguments = "invalid_arguments"
)

// checkBlocks says what Slack would say of blocks; empty: it takes them.
func checkBlocks(blocks []map[string]any, most int) (code string) {
	if len(blocks) == 0 || len(blocks) > most {
		return invalidBlocks
	}
	ids := map[string]bool{}
	for _, b := range blocks {
		id, _ := b["block_id"].(string)
		if length(id) > maxID || id != "" && ids[id] {
			return invalidBlocks
		}
		ids[id] = true
		if !checkBlock(b) {
			return invalidBlocks
		}
	}
	return ""
}

func checkBlock(b map[string]any) bool {
	switch b["type"] {
	case "divider":
		return true
	case "section":
		return textOK(b["text"], maxSection)
	case "header":
		return textOK(b["text"], maxHeader)
	case "context":
		all, _ := b["elements"].([]any)
		for _, e := range all {
			if !textOK(e, maxSection) {
				return false
			}
		}
		return len(all) > 0 && len(all) <= maxContext
	case "actions":
		all, _ := b["elements"].([]any)
		actions := map[any]bool{}
		for _, e := range all {
			button, _ := e.(map[string]any)
			if !buttonOK(button) || actions[button["action_id"]] {
				return false
			}
			actions[button["action_id"]] = true
		}
		return len(all) > 0 && len(all) <= maxActions
	case "input":
		element, _ := b["element"].(map[string]any)
		return textOK(b["label"], maxInputLabel) && inputOK(element)
	}
	return false
}

func buttonOK(b map[string]any) bool {
	action, _ := b["action_id"].(string)
	value, _ := b["value"].(string)
	address, _ := b["url"].(string)
	return b["type"] == "button" && textOK(b["text"], maxButtonText) && action != "" && length(action) <= maxID && length(value) <= maxValue && length(address) <= maxButtonURL
}

func inputOK(e map[string]any) bool {
	initial, _ := e["initial_value"].(string)
	if length(initial) > maxInitialValue || e["placeholder"] != nil && !textOK(e["placeholder"], maxPlaceholder) {
		return false
	}
	options, _ := e["options"].([]any)
	for _, o := range options {
		option, _ := o.(map[string]any)
		if !textOK(option["text"], maxOptionText) {
			return false
		}
	}
	return e["type"] == "plain_text_input" || e["type"] == "static_select" && len(options) > 0 && len(options) <= maxOptions
}

// textOK reports whether Slack takes a text object.
func textOK(o any, most int) bool {
	object, _ := o.(map[string]any)
	text, _ := object["text"].(string)
	return (object["type"] == "plain_text" || object["type"] == "mrkdwn") && text != "" && length(text) <= most
}

// length is the number of UTF-16 units of a text: no count is larger.
func length(text string) int { return len(utf16.Encode([]rune(text))) }

// checkView says what Slack would say of a form.
func checkView(v map[string]any) (code string) {
	data, _ := v["private_metadata"].(string)
	blocks := []map[string]any{}
	raw, err := json.Marshal(v["blocks"])
	if err == nil {
		err = json.Unmarshal(raw, &blocks)
	}
	if err != nil || v["type"] != "modal" || length(data) > maxPrivateData || !textOK(v["title"], maxTitle) || !textOK(v["submit"], maxTitle) {
		return invalidArguments
	}
	return checkBlocks(blocks, maxViewBlocks)
}

// findButton finds the button of an action of one reply: its value names it.
func findButton(blocks []map[string]any, reply, action string) map[string]any {
	for _, b := range blocks {
		all, _ := b["elements"].([]any)
		for _, e := range all {
			button, _ := e.(map[string]any)
			if value, _ := button["value"].(string); button["action_id"] == action && strings.Contains(value, reply) {
				return map[string]any{"block_id": b["block_id"], "value": button["value"]}
			}
		}
	}
	return nil
}

// escaped are blocks as Slack gives them back: the three characters of its markup are
// entities.
func escaped(blocks []map[string]any) []map[string]any {
	b, err := json.Marshal(blocks) // writes & < > as Unicode escapes
	if err != nil {
		return nil
	}
	text := strings.NewReplacer(`\u0026`, "&amp;", `\u003c`, "&lt;", `\u003e`, "&gt;").Replace(string(b))
	var all []map[string]any
	if json.Unmarshal([]byte(text), &all) != nil {
		return nil
	}
	return all
}

// Words are all texts of a message, one a line.
func (m Message) Words() string {
	var all []string
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if text, ok := v["text"].(string); ok {
				all = append(all, text)
			}
			for _, inner := range v {
				walk(inner)
			}
		case []any:
			for _, inner := range v {
				walk(inner)
			}
		}
	}
	for _, b := range m.Blocks {
		walk(b)
	}
	return strings.Join(all, "\n")
}

// Offers reports whether a message has a button for an action of a reply.
func (m Message) Offers(reply, action string) bool { return findButton(m.Blocks, reply, action) != nil }

// Check says what Slack would say of the blocks of a message; empty: it takes them.
func Check(blocks []map[string]any) string { return checkBlocks(blocks, 50) }

package meta

import (
	"bytes"
	"encoding/json"
	"time"
)

// envelope is the body of one webhook: meta-platform.md §2.
type envelope struct {
	Object string  `json:"object"`
	Entry  []entry `json:"entry"`
}

type entry struct {
	ID        string   `json:"id"`
	Time      int64    `json:"time"` // seconds for changes, milliseconds for messages
	Changes   []change `json:"changes,omitempty"`
	Messaging []any    `json:"messaging,omitempty"`
	Standby   []any    `json:"standby,omitempty"`
	Field     string   `json:"field,omitempty"` // the flat shape of Instagram Login's documentation
	Value     any      `json:"value,omitempty"`
}

type change struct {
	Field string `json:"field"`
	Value any    `json:"value"`
}

// placement is where in an entry an item stands.
type placement int

const (
	inChanges placement = iota
	inMessaging
	inStandby
)

// webhookItem is one update, before it is put into a delivery.
type webhookItem struct {
	account string // entry.id
	object  string
	secret  string
	field   string // what it has to be subscribed to
	subject string // the comment, person or post that it is about
	order   string // items of the same word are delivered in order
	place   placement
	flat    bool
	value   any
}

// encode builds the body of one delivery. All items have the same object.
func encode(items []webhookItem, now time.Time) []byte {
	e := envelope{Object: items[0].object}
	last := map[string]int{} // by account and placement: the entry that gathers such items
	for _, it := range items {
		at := now.Unix()
		if it.place != inChanges {
			at = now.UnixMilli()
		}
		if it.flat {
			e.Entry = append(e.Entry, entry{ID: it.account, Time: at, Field: it.field, Value: it.value})
			continue
		}
		key := it.account + string(rune('0'+it.place))
		i, open := last[key]
		if !open {
			i = len(e.Entry)
			last[key] = i
			e.Entry = append(e.Entry, entry{ID: it.account, Time: at})
		}
		switch it.place {
		case inChanges:
			e.Entry[i].Changes = append(e.Entry[i].Changes, change{it.field, it.value})
		case inMessaging:
			e.Entry[i].Messaging = append(e.Entry[i].Messaging, it.value)
		case inStandby:
			e.Entry[i].Standby = append(e.Entry[i].Standby, it.value)
		}
	}
	return escapeJSON(e)
}

// escapeJSON writes v as Meta does. What goes in are values of this package,
// which always encode.
func escapeJSON(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err)
	}
	return escape(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}

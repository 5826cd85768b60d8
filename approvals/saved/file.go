package saved

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"go.uber.org/zap"

	"github.com/privatereply/privatereply/internal/reload"
	"github.com/privatereply/privatereply/internal/versions"
)

// File is the file of saved replies, read again when it changes. A missing file has none.
type File struct {
	*versions.File
	watched *reload.File[[]Reply]
}

// Open opens the file at path. One that does not load at first has no replies; Err says why.
func Open(path string, logger *zap.Logger) *File {
	name := filepath.Base(path)
	f := &File{File: versions.New(path, func(data []byte) error {
		_, err := Parse(name, data)
		return err
	})}
	f.watched = reload.OpenOptional(path, func(_ string, data []byte) ([]Reply, error) { return Parse(name, data) },
		func(_ []Reply, err error) {
			if err != nil {
				logger.Error("The changed file of saved replies is not in force; the earlier one still is", zap.Error(err))
			}
		})
	return f
}

// All lists the saved replies in the order of the file.
func (f *File) All() []Reply { return f.watched.Current() }

// Err says why the newest version of the file is not in force.
func (f *File) Err() error { return f.watched.Err() }

// ErrGone is the refusal of a change to a reply that is not there any more.
var ErrGone = errors.New("somebody deleted or renamed this reply meanwhile")

// ChangedError is the refusal of a change to a reply that somebody else has changed.
type ChangedError struct{ Now Reply }

func (*ChangedError) Error() string { return "somebody changed this reply meanwhile" }

// Put adds a reply, or changes the one that was called name. Was is the SHA256 of that one as
// the person saw it; both are empty for a new reply.
func (f *File) Put(ctx context.Context, by, name, was string, r Reply) error {
	why := "add " + r.Name
	if name != "" {
		why = "change " + name
	}
	return f.edit(ctx, by, why, func(data []byte, list []entry) ([]byte, []entry, error) {
		if name == "" {
			return appendEntry(data, render(r)), append(list, entry{Reply: r}), nil
		}
		i, err := find(list, name, was)
		if err != nil {
			return nil, nil, err
		}
		changed := replaceEntry(data, list, i, render(r))
		list[i].Reply = r
		return changed, list, nil
	})
}

// Delete removes the reply of a name, as the person saw it.
func (f *File) Delete(ctx context.Context, by, name, was string) error {
	return f.edit(ctx, by, "delete "+name, func(data []byte, list []entry) ([]byte, []entry, error) {
		i, err := find(list, name, was)
		if err != nil {
			return nil, nil, err
		}
		return replaceEntry(data, list, i, ""), slices.Delete(list, i, i+1), nil
	})
}

func find(list []entry, name, was string) (int, error) {
	i := slices.IndexFunc(list, func(e entry) bool { return e.Name == name })
	switch {
	case i < 0:
		return 0, ErrGone
	case list[i].SHA256() != was:
		return 0, &ChangedError{list[i].Reply}
	}
	return i, nil
}

// edit changes lines of the file, so that what people wrote between them stays. Where that
// does not give the wanted list, because the file is written in another way, it is written
// anew. The change is in force when it returns.
func (f *File) edit(ctx context.Context, by, why string, change func([]byte, []entry) ([]byte, []entry, error)) error {
	name := filepath.Base(f.Path())
	err := f.Edit(ctx, by, why, func(data []byte) ([]byte, error) {
		list, err := parse(name, data)
		if err != nil {
			return nil, fmt.Errorf("the file of saved replies does not load, so that it is not changed here: %w", err)
		}
		changed, want, err := change(data, list)
		if err != nil {
			return nil, err
		}
		got, err := Parse(name, changed)
		if err == nil && slices.EqualFunc(got, want, func(r Reply, e entry) bool { return r.Equal(e.Reply) }) {
			return changed, nil
		}
		var whole strings.Builder
		for _, e := range want {
			whole.WriteString(render(e.Reply))
		}
		return []byte(whole.String()), nil
	})
	if errors.Is(err, versions.ErrSame) {
		err = nil
	}
	// A change counts when two reads gave it.
	f.watched.Poll()
	f.watched.Poll()
	return err
}

// appendEntry adds an entry at the end.
func appendEntry(data []byte, entry string) []byte {
	text := string(data)
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return []byte(text + entry)
}

// replaceEntry puts other lines in the place of an entry. Comments and empty lines above the
// next entry belong to that one.
func replaceEntry(data []byte, list []entry, i int, with string) []byte {
	lines := strings.SplitAfter(string(data), "\n")
	from, to := min(list[i].line-1, len(lines)), len(lines)
	if i+1 < len(list) {
		to = min(list[i+1].line-1, len(lines))
	}
	for to > from+1 {
		if above := strings.TrimSpace(lines[to-1]); above != "" && !strings.HasPrefix(above, "#") {
			break
		}
		to--
	}
	return []byte(strings.Join(lines[:from], "") + with + strings.Join(lines[to:], ""))
}

// render writes an entry of the file. A text of several lines stands in lines where YAML
// gives it back as it is.
func render(r Reply) string {
	if strings.Contains(r.Text, "\n") {
		data, err := yaml.MarshalWithOptions([]Reply{r}, yaml.UseLiteralStyleIfMultiline(true))
		if err == nil {
			if back, err := Parse("", data); err == nil && len(back) == 1 && back[0].Equal(r) {
				return string(data)
			}
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "- name: %s\n  text: %s\n", quote(r.Name), quote(r.Text))
	if len(r.Accounts) > 0 {
		quoted := make([]string, len(r.Accounts))
		for i, a := range r.Accounts {
			quoted[i] = quote(a)
		}
		fmt.Fprintf(&b, "  accounts: [%s]\n", strings.Join(quoted, ", "))
	}
	if r.Language != "" {
		fmt.Fprintf(&b, "  language: %s\n", quote(r.Language))
	}
	return b.String()
}

// quote writes a text as JSON does, which YAML reads.
func quote(s string) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string
	return strings.TrimSuffix(b.String(), "\n")
}

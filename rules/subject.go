package rules

import (
	"fmt"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"github.com/privatereply/privatereply"
)

// Input is a comment to decide on and what else the conditions may look at.
type Input struct {
	Comment      privatereply.Comment
	AccountName  string // the account's name in the accounts file
	Now          time.Time
	FoundBySweep bool
}

// variables are what conditions see, in the order that people expect to read them.
var variables = []struct {
	name  string
	kind  *cel.Type
	value func(Input) any
}{
	{"platform", cel.StringType, func(in Input) any { return string(in.Comment.Platform) }},
	{"source", cel.StringType, func(in Input) any { return string(in.Comment.Source) }},
	{"text", cel.StringType, func(in Input) any { return in.Comment.Text }},
	{"username", cel.StringType, func(in Input) any { return in.Comment.Username }},
	{"media_id", cel.StringType, func(in Input) any { return mediaID(in.Comment) }},
	{"ad_id", cel.StringType, func(in Input) any { return in.Comment.AdID }},
	{"ad_title", cel.StringType, func(in Input) any { return in.Comment.AdTitle }},
	// A GIF is neither, nor is a sticker: people use them as they do emoji.
	{"has_photo", cel.BoolType, func(in Input) any { return in.Comment.Attachment.Kind == privatereply.Photo }},
	{"has_video", cel.BoolType, func(in Input) any { return in.Comment.Attachment.Kind == privatereply.Video }},
	{"is_reply", cel.BoolType, func(in Input) any { return isReply(in.Comment) }},
	{"account", cel.StringType, func(in Input) any { return in.AccountName }},
	{"age", cel.DurationType, func(in Input) any { return age(in) }},
	{"found_by_sweep", cel.BoolType, func(in Input) any { return in.FoundBySweep }},
}

// mediaID is the post that people see. An ad is a copy of it with an id of its own.
func mediaID(c privatereply.Comment) string {
	if c.OriginalMediaID != "" {
		return c.OriginalMediaID
	}
	return c.MediaID
}

// isReply reports whether c stands under another comment. Facebook names a parent
// for every comment: of a first one it is the post, whose id it writes with
// different prefixes.
func isReply(c privatereply.Comment) bool {
	if c.Platform != privatereply.Facebook {
		return c.ParentID != ""
	}
	return c.ParentID != "" && afterPrefix(c.ParentID) != afterPrefix(c.MediaID)
}

func afterPrefix(id string) string { return id[strings.LastIndexByte(id, '_')+1:] }

// age is the time since the comment, by its best clock. A clock that is ahead, or
// a comment without any, gives none.
func age(in Input) time.Duration {
	written := in.Comment.CreatedAt
	if written.IsZero() {
		written = in.Comment.ReceivedAt
		if entry := in.Comment.EntryAt; !entry.IsZero() && (written.IsZero() || entry.Before(written)) {
			written = entry
		}
	}
	if written.IsZero() {
		return 0
	}
	return max(0, in.Now.Sub(written))
}

// evaluation is an Input as conditions see it. It serves one decision; it is not
// safe for use by several goroutines.
type evaluation struct {
	activation cel.Activation
	terms      map[string][]term // of the texts that says was asked about
	words      map[string][]term // of the constants in the conditions
	unusable   error             // why no condition can look at it
}

func newEvaluation(in Input, words map[string][]term) *evaluation {
	s := &evaluation{terms: map[string][]term{}, words: words}
	values := make(map[string]any, len(variables))
	for _, v := range variables {
		value := v.value(in)
		if text, ok := value.(string); ok && len(text) > maxBytes(v.name) {
			s.unusable = fmt.Errorf("%s has %d bytes; conditions look at no more than %d", v.name, len(text), maxBytes(v.name))
		}
		values[v.name] = value
	}
	activation, err := cel.FunctionVars(values, map[string]cel.LateBoundFunction{"says": s.says})
	if err != nil {
		s.unusable = err
	}
	s.activation = activation
	return s
}

// says is the function of conditions.
func (s *evaluation) says(_ string, args ...ref.Val) ref.Val {
	text, ok := args[0].(types.String)
	if !ok {
		return types.MaybeNoSuchOverloadErr(args[0])
	}
	terms, ok := s.terms[string(text)]
	if !ok {
		terms = termsOf(string(text))
		s.terms[string(text)] = terms
	}
	list, ok := args[1].(traits.Lister)
	if !ok {
		return s.saysWord(terms, args[1])
	}
	for it := list.Iterator(); it.HasNext() == types.True; {
		if found := s.saysWord(terms, it.Next()); found != types.False {
			return found
		}
	}
	return types.False
}

func (s *evaluation) saysWord(text []term, word ref.Val) ref.Val {
	w, ok := word.(types.String)
	if !ok {
		return types.MaybeNoSuchOverloadErr(word)
	}
	phrase, ok := s.words[string(w)]
	if !ok {
		phrase = termsOf(string(w))
	}
	return types.Bool(says(text, phrase))
}

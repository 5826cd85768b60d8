package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
)

// weekdays are the values of weekday, from Sunday as time.Weekday counts.
var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// written is when the comment was written, by its best clock: Meta's time of the comment,
// else of the notification, else of its receipt here. It is zero when none is known.
func written(in Input) time.Time {
	if at := in.Comment.CreatedAt; !at.IsZero() {
		return at
	}
	at := in.Comment.ReceivedAt
	if entry := in.Comment.EntryAt; !entry.IsZero() && (at.IsZero() || entry.Before(at)) {
		return entry
	}
	return at
}

// moment is when the comment was written, as clocks at the account show it: what hour,
// weekday and date say. A comment that a sweep finds later is decided as of then.
func moment(in Input) time.Time {
	at := written(in)
	if at.IsZero() {
		at = in.Now
	}
	if in.TimeZone == nil {
		return at.UTC()
	}
	return at.In(in.TimeZone)
}

// checkMoment refuses to compare hour, weekday and date with something they never are.
func checkMoment(operator string, variable, value ast.Expr) error {
	ordered := operator != operators.Equals && operator != operators.NotEquals && operator != operators.In
	text, isText := constantString(value)
	switch {
	case isVariable(variable, "hour") && value.Kind() == ast.LiteralKind:
		if n, ok := value.AsLiteral().Value().(int64); ok && (n < 0 || n > 23) {
			return fmt.Errorf("hour is never %d; it is 0 to 23, and midnight is 0", n)
		}
	case isVariable(variable, "weekday") && ordered:
		return fmt.Errorf(`weekdays are texts, which compare by the alphabet; write weekday in ["sat", "sun"]`)
	case isVariable(variable, "weekday") && isText && !slices.Contains(weekdays, text):
		return fmt.Errorf("weekday is never %q; %s", text, weekdayHelp(text))
	case isVariable(variable, "date") && isText && !isDate(text):
		return fmt.Errorf("date is never %q; %s", text, dateHelp(text))
	}
	return nil
}

// weekdayHelp says what to write instead of text.
func weekdayHelp(text string) string {
	folded := strings.ToLower(text)
	for _, day := range weekdays {
		if strings.HasPrefix(folded, day) {
			return fmt.Sprintf("write %q", day)
		}
	}
	return "it is one of mon, tue, wed, thu, fri, sat, sun"
}

func isDate(text string) bool {
	_, err := time.Parse(time.DateOnly, text)
	return err == nil
}

// dateHelp says what to write instead of text. Of 3/4/2026 nobody knows which is the month.
func dateHelp(text string) string {
	for _, layout := range []string{"2.1.2006", "2006-1-2", "2006/1/2", "20060102", "2 January 2006", "January 2, 2006"} {
		if at, err := time.Parse(layout, text); err == nil {
			return fmt.Sprintf("write %q", at.Format(time.DateOnly))
		}
	}
	if at, err := time.Parse("2006-01", text); err == nil {
		return fmt.Sprintf("for a month write date.startsWith(%q)", at.Format("2006-01-"))
	}
	return `write a day of the calendar as in "2026-11-28"`
}

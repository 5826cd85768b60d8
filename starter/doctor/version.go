package doctor

import (
	"fmt"
	"time"
)

// newestVersion of the Graph API, released on 29 July 2026, has no end yet.
const newestVersion = "v26.0"

// versionEnds says until when Meta serves a version of the Graph API: see its
// changelog. What is older than all of these has ended.
var versionEnds = map[int]time.Time{
	25: day(2028, time.July, 29),
	24: day(2028, time.February, 18),
	23: day(2027, time.October, 8),
	22: day(2027, time.May, 20),
	21: day(2027, time.January, 21),
	20: day(2026, time.September, 24),
}

// versionWarning is how long before its end a version is worth a warning: a new
// one wants a trial first.
const versionWarning = 90 * 24 * time.Hour

// assessVersion says how a version of the Graph API stands.
func assessVersion(v string, now time.Time) (text string, level Level) {
	major, newest := majorOf(v), majorOf(newestVersion)
	end, known := versionEnds[major]
	switch {
	case major == newest:
		return v + " is the newest known", OK
	case major > newest:
		return fmt.Sprintf("%s is newer than %s, the newest that this program knows", v, newestVersion), OK
	case !known:
		return v + " has expired: Meta answers in another version's way", Failure
	case !now.Before(end):
		return fmt.Sprintf("%s expired on %s: Meta answers in another version's way", v, date(end)), Failure
	case end.Sub(now) <= versionWarning:
		return fmt.Sprintf("%s expires on %s", v, date(end)), Warning
	}
	return fmt.Sprintf("%s is older than %s; it expires on %s", v, newestVersion, date(end)), Warning
}

// majorOf reads the first number of a version that was checked before.
func majorOf(v string) int {
	var major int
	_, _ = fmt.Sscanf(v, "v%d.", &major)
	return major
}

func day(year int, month time.Month, day int) time.Time {
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}

func date(t time.Time) string { return t.UTC().Format("2 January 2006") }

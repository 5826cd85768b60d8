package desk

import (
	"context"
	"net/http"
	"regexp"
	"sync"
	"time"
	_ "time/tzdata" // the image of the desk has no zones
)

// zoneCookie has the IANA name of the reader's time zone. The pages' script sets it;
// templates need none, because the script writes their times in the reader's zone itself.
const zoneCookie = "zone"

// maxZoneName is longer than the name of any zone.
const maxZoneName = 64

// zones has the zones that were loaded, by name: a few hundred at most.
var zones sync.Map

// zoneOf is the time zone of a request's reader; nil if it is not known.
func zoneOf(r *http.Request) *time.Location {
	c, err := r.Cookie(zoneCookie)
	if err != nil || c.Value == "" || c.Value == "Local" || len(c.Value) > maxZoneName {
		return nil
	}
	if known, ok := zones.Load(c.Value); ok {
		return known.(*time.Location)
	}
	zone, err := time.LoadLocation(c.Value)
	if err != nil {
		return nil
	}
	zones.Store(c.Value, zone)
	return zone
}

type zoneKey struct{}

// withZone keeps the reader's zone for the sentences that are made for the request.
func withZone(ctx context.Context, r *http.Request) context.Context {
	return context.WithValue(ctx, zoneKey{}, zoneOf(r))
}

// zoneFrom is the zone of withZone; nil if it is not known.
func zoneFrom(ctx context.Context) *time.Location {
	zone, _ := ctx.Value(zoneKey{}).(*time.Location)
	return zone
}

// sentenceTime is how sentences tell a time, those of the workflows, too.
const sentenceTime = "15:04:05 UTC on 2 Jan 2006"

var sentenceTimePattern = regexp.MustCompile(`\b\d{2}:\d{2}:\d{2} UTC on \d{1,2} [A-Z][a-z]{2} \d{4}\b`)

// inZone writes the times of a sentence in the reader's zone, without the day if it is
// today. Where the zone is not known they stay in UTC, and say so.
func (d *Desk) inZone(ctx context.Context, sentence string) string {
	zone := zoneFrom(ctx)
	if zone == nil {
		return sentence
	}
	today := d.now().In(zone).Format(time.DateOnly)
	return sentenceTimePattern.ReplaceAllStringFunc(sentence, func(s string) string {
		at, err := time.Parse(sentenceTime, s)
		if err != nil {
			return s
		}
		if at = at.In(zone); at.Format(time.DateOnly) == today {
			return at.Format(time.TimeOnly)
		}
		return at.Format("15:04:05 on 2 Jan 2006")
	})
}

// midnight is the beginning of a day in the reader's zone, some days from today; in UTC where
// the zone is not known.
func midnight(now time.Time, zone *time.Location, days int) time.Time {
	if zone == nil {
		zone = time.UTC
	}
	year, month, day := now.In(zone).Date()
	return time.Date(year, month, day+days, 0, 0, 0, 0, zone)
}

package slack

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	slackapi "github.com/slack-go/slack"
	"go.uber.org/zap"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/approvals/queue"
	"github.com/privatereply/privatereply/internal/replies"
)

const (
	// pollInterval is the time between two reads of the queue, which is in memory.
	pollInterval = 2 * time.Second
	// gather is how long after the first new reply a message waits for others.
	gather = 5 * time.Second
	// maxOpen is how many replies that wait are in the channel at once; those with the
	// earliest deadlines. The others follow when these are decided.
	maxOpen = 30
	// searchAge and searchPages bound what is read of the channel at the start, at 100
	// messages a page.
	searchAge   = 7 * 24 * time.Hour
	searchPages = 5
	// maxBackoff is the longest pause after a failure.
	maxBackoff = time.Minute
	// maxMessages is how many messages are kept up to date, the newest.
	maxMessages = 100
)

// Queue is the queue of what waits; *queue.Queue in production.
type Queue interface {
	View(ctx context.Context) *queue.View
}

// Poster posts what waits, and keeps the messages up to date. One runs in a deployment: the
// desk has it. Nothing waits for it.
type Poster struct {
	renderer
	queue    Queue
	slack    *client
	log      *zap.Logger
	interval time.Duration
	gather   time.Duration

	found    bool // the messages of an earlier desk
	posted   []*postedMessage
	newSince time.Time
	failures int
	retryAt  time.Time
}

// postedMessage is a message in the channel in which something can still be decided.
type postedMessage struct {
	ts    string
	items []item
	shown string // message.same of what it shows; empty: not known
}

// NewPoster returns a poster of q. It does nothing before Run.
func NewPoster(c Config, q Queue, log *zap.Logger) *Poster {
	return &Poster{renderer: renderer{Config: c, now: time.Now}, queue: q, slack: newClient(c), log: log, interval: pollInterval, gather: gather}
}

// Run posts until ctx is done.
func (p *Poster) Run(ctx context.Context) {
	ticks := time.NewTicker(p.interval)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		if p.now().Before(p.retryAt) {
			continue
		}
		err := p.step(ctx)
		switch {
		case err == nil:
			p.failures = 0
		case ctx.Err() == nil:
			p.failures++
			wait := max(retryAfter(err), min(maxBackoff, time.Second<<min(p.failures, 10)))
			p.retryAt = p.now().Add(wait)
			p.log.Warn("Slack is behind what waits", zap.Error(err), zap.Int("tries", p.failures))
		}
	}
}

// step brings the channel up to date with the queue.
func (p *Poster) step(ctx context.Context) error {
	if !p.found {
		if err := p.search(ctx); err != nil {
			return err
		}
		p.found = true
	}
	view := p.queue.View(ctx)
	if view.Err != nil {
		return nil // an old view: a reply that is missing there may be waiting
	}
	for _, m := range slices.Clone(p.posted) {
		if err := p.bringUpToDate(ctx, m, view); err != nil {
			return err
		}
	}
	return p.postNew(ctx, view)
}

// search finds the messages of an earlier desk in which something can still be decided.
func (p *Poster) search(ctx context.Context) error {
	me, err := p.slack.AuthTestContext(ctx)
	if err != nil {
		return withoutURL(err)
	}
	known := map[string]bool{}
	for _, m := range p.posted {
		known[m.ts] = true
	}
	params := slackapi.GetConversationHistoryParameters{
		ChannelID: p.Channel, Limit: 100, IncludeAllMetadata: true, Oldest: formatTS(p.now().Add(-searchAge)),
	}
	for range searchPages {
		page, err := p.slack.GetConversationHistoryContext(ctx, &params)
		if err != nil {
			return withoutURL(err)
		}
		for _, m := range page.Messages {
			// What another app has posted cannot be updated, whatever its metadata say.
			mine := m.BotID != "" && m.BotID == me.BotID || m.User != "" && m.User == me.UserID
			open, _ := m.Metadata.EventPayload[openReplies].([]any)
			if !mine || m.Metadata.EventType != eventType || len(open) == 0 || known[m.Timestamp] {
				continue
			}
			found := &postedMessage{ts: m.Timestamp}
			for _, id := range idsOf(m.Blocks.BlockSet) {
				found.items = append(found.items, item{id: id, state: privatereply.AwaitingApproval})
			}
			if len(found.items) > 0 {
				p.posted = append(p.posted, found)
			}
		}
		if params.Cursor = page.ResponseMetaData.NextCursor; !page.HasMore || params.Cursor == "" {
			break
		}
	}
	return nil
}

// formatTS is t as Slack names its messages.
func formatTS(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) + ".000000" }

// bringUpToDate updates a message if one of its replies has changed or was decided.
func (p *Poster) bringUpToDate(ctx context.Context, m *postedMessage, view *queue.View) error {
	for n := range m.items {
		i := &m.items[n]
		row, waits := view.Row(i.id)
		waits = waits && row.State == privatereply.AwaitingApproval
		if i.unknown || i.status != nil && (waits && sameRow(row, i.row) || !waits && i.ended()) {
			continue // as it is known
		}
		read, err := p.read(ctx, i.id)
		if err != nil {
			return err
		}
		if read.row = row; read.state == privatereply.Sending {
			read.looks = i.looks + 1
		}
		*i = read
	}
	now := p.message(m.items)
	if now.same() != m.shown {
		err := p.slack.update(ctx, p.Channel, m.ts, now)
		if isGone(err) {
			p.forget(m)
			return nil
		}
		if err != nil {
			return err
		}
		m.shown = now.same()
	}
	if !slices.ContainsFunc(m.items, func(i item) bool { return !i.ended() }) {
		p.forget(m)
	}
	return nil
}

// maxLooks is how often a reply on its way is looked at, so that its message says that it was
// delivered. One that waits for its next try is left at that.
const maxLooks = 10

// ended reports whether the message of a reply is not kept up to date any more.
func (i item) ended() bool {
	return i.unknown || i.state != privatereply.AwaitingApproval && (i.state != privatereply.Sending || i.looks >= maxLooks)
}

func (p *Poster) forget(m *postedMessage) {
	p.posted = slices.DeleteFunc(p.posted, func(o *postedMessage) bool { return o == m })
}

// sameRow reports whether nothing of a reply has changed that its message shows.
func sameRow(a, b replies.Row) bool {
	return a.State == b.State && a.Deadline.Equal(b.Deadline) && a.EditedAt.Equal(b.EditedAt) && a.Text == b.Text && a.CommentSHA256 == b.CommentSHA256
}

// postNew posts the replies that are in no message yet, gathered.
func (p *Poster) postNew(ctx context.Context, view *queue.View) error {
	known, open := map[string]bool{}, 0
	for _, m := range p.posted {
		for _, i := range m.items {
			known[i.id] = true
			if i.state == privatereply.AwaitingApproval {
				open++
			}
		}
	}
	var fresh []replies.Row
	for _, row := range view.Rows {
		if open+len(fresh) >= maxOpen {
			break
		}
		if row.State == privatereply.AwaitingApproval && !known[row.ID] {
			fresh = append(fresh, row)
		}
	}
	if len(fresh) == 0 {
		p.newSince = time.Time{}
		return nil
	}
	if p.newSince.IsZero() {
		p.newSince = p.now()
	}
	if len(fresh) < maxReplies && p.now().Sub(p.newSince) < p.gather {
		return nil
	}
	for len(fresh) > 0 {
		next, left, err := p.take(ctx, fresh)
		if err != nil {
			return err
		}
		if fresh = left; len(next.items) == 0 {
			continue // decided meanwhile
		}
		m := p.message(next.items)
		if next.ts, err = p.slack.post(ctx, m); err != nil {
			// It may have arrived: then the channel is asked before it is posted again.
			if ambiguous(err) {
				p.found = false
			}
			return err
		}
		next.shown = m.same()
		p.posted = append(p.posted, next)
		p.posted = p.posted[max(0, len(p.posted)-maxMessages):]
	}
	p.newSince = time.Time{}
	return nil
}

// ambiguous reports whether a message may have been posted although there was an error.
func ambiguous(err error) bool {
	var refused slackapi.SlackErrorResponse
	return retryAfter(err) == 0 && !errors.As(err, &refused)
}

// take makes a message of the first rows: as many as fit.
func (p *Poster) take(ctx context.Context, rows []replies.Row) (*postedMessage, []replies.Row, error) {
	m, size := &postedMessage{}, 0
	for n, row := range rows {
		i, err := p.read(ctx, row.ID)
		if err != nil {
			return nil, nil, err
		}
		if i.state != privatereply.AwaitingApproval {
			continue
		}
		if len(m.items) == maxReplies || len(m.items) > 0 && size+i.size() > maxMessage {
			return m, rows[n:], nil
		}
		i.row = row
		m.items, size = append(m.items, i), size+i.size()
	}
	return m, nil, nil
}

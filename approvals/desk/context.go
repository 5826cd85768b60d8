package desk

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/lookup"
	"github.com/privatereply/privatereply/internal/replies"
)

const (
	// maxContexts limits the cards of one request; a page asks for those in view.
	maxContexts = 50
	// contextPatience is how long a request waits for Meta. What comes later is in the cache
	// when the page asks again.
	contextPatience  = 2500 * time.Millisecond
	contextsParallel = 8
)

// cardContext is what stands around a comment: its post, the comment above it, and what else
// the person has written.
type cardContext struct {
	ID       string // of the reply
	Post     *lookup.Post
	Picture  string // its path at the desk; empty: there is none
	Parent   *lookup.Comment
	Person   string // in words; empty: not known
	HasAbove bool   // it is a comment under a comment
	Later    bool   // Meta has not answered yet: ask again
}

// ElementID is the id of the card that it belongs to.
func (c cardContext) ElementID() string { return elementID(c.ID) }

// HasContext reports that there is something to ask for.
func (c card) HasContext() bool { return c.Media != "" || c.PersonKey != "" || c.Above() != "" }

// Above is the id of the comment that the comment answers; empty: it answers the post.
func (c card) Above() string { return above(c.Row) }

func above(row replies.Row) string {
	if row.ParentID == replies.Encrypted {
		return ""
	}
	return privatereply.Comment{Platform: row.Platform, MediaID: row.Media, ParentID: row.ParentID}.ParentComment()
}

// contextPart has the contexts of the cards in view, by id in the query. Cards of one post
// are one read from Meta and one picture.
func (d *Desk) contextPart(w http.ResponseWriter, r *http.Request) {
	ids := r.URL.Query()["reply"]
	ids = ids[:min(len(ids), maxContexts)]
	rows := make([]replies.Row, len(ids))
	var finding errgroup.Group
	finding.SetLimit(contextsParallel)
	view := d.view(r.Context())
	for i, id := range ids {
		if row, ok := view.Row(id); ok {
			rows[i] = row
			continue
		}
		finding.Go(func() error {
			rows[i], _ = d.Replies.Row(r.Context(), id) // what is gone has no context
			return nil
		})
	}
	_ = finding.Wait()
	rows = slices.DeleteFunc(rows, func(row replies.Row) bool { return row.ID == "" })
	d.render(w, http.StatusOK, "error", "contexts", d.contexts(r.Context(), rows, firstOfPosts(view.Rows)))
}

// post names a post of an account.
type post struct {
	platform privatereply.Platform
	account  string
	media    string
}

func postOf(row replies.Row) post { return post{row.Platform, row.Account, row.Media} }

// firstOfPosts is the first reply under each post: its picture is that of all, so that a
// browser fetches it once.
func firstOfPosts(rows []replies.Row) map[post]string {
	first := map[post]string{}
	for _, row := range rows {
		if _, known := first[postOf(row)]; !known && row.Media != "" {
			first[postOf(row)] = row.ID
		}
	}
	return first
}

func (d *Desk) contexts(ctx context.Context, rows []replies.Row, first map[post]string) []cardContext {
	all := make([]cardContext, len(rows))
	ctx, cancel := context.WithTimeout(ctx, contextPatience)
	defer cancel()
	var reading errgroup.Group
	reading.SetLimit(contextsParallel)
	var tallied map[string]tally
	reading.Go(func() error { tallied = d.tally(ctx, rows); return nil })
	for i, row := range rows {
		all[i] = cardContext{ID: row.ID, HasAbove: above(row) != ""}
		if d.Lookup == nil {
			continue
		}
		reading.Go(func() error { d.readContext(ctx, row, cmp.Or(first[postOf(row)], row.ID), &all[i]); return nil })
	}
	_ = reading.Wait() // what is missing is left out
	for i, row := range rows {
		if t, ok := tallied[row.PersonKey]; ok && row.PersonKey != "" {
			all[i].Person = t.Words(row.StartedAt)
		}
	}
	return all
}

// readContext reads the post and the comment above through lookup, which joins and paces.
func (d *Desk) readContext(ctx context.Context, row replies.Row, pictured string, c *cardContext) {
	later := func(err error) bool { return err != nil && (ctx.Err() != nil || err == lookup.ErrBusy) }
	if row.Media != "" && row.Source != privatereply.SourceVisitorPost {
		found, err := d.Lookup.Post(ctx, privatereply.Comment{Platform: row.Platform, Account: row.Account, MediaID: row.Media, Source: row.Source})
		if err == nil {
			c.Post = &found
			if found.PictureURL != "" {
				c.Picture = pictureURL(pictured, "post")
			}
		}
		c.Later = later(err)
	}
	if id := above(row); id != "" {
		found, err := d.Lookup.Comment(ctx, privatereply.Account{Platform: row.Platform, ID: row.Account}, id)
		if err == nil {
			c.Parent = &found
		}
		c.Later = c.Later || later(err)
	}
}

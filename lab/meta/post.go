package meta

import (
	"fmt"
	"slices"
	"time"

	"github.com/privatereply/privatereply"
)

// post is anything that can be commented on: an Instagram media or a Page's post.
type post struct {
	account    *account
	id         string // as webhooks write it: <page>_<number> on a Page
	number     string // Page: the part of id that comment ids start with
	videoID    string // Page reel: the prefix that reading uses in its comments' ids
	adID       string
	source     privatereply.Source
	caption    string
	createdAt  time.Time
	original   *post    // the organic post of an ad
	visitor    *comment // set for a post that a visitor wrote: what a private reply answers
	comments   []*comment
	everything []*comment // comments and the answers to them
	live       bool
	removed    bool
}

// NewPost describes a post that the account publishes.
type NewPost struct {
	Account string              `json:"account"`
	Source  privatereply.Source `json:"source"` // post, reel, ad or story; empty is post
	Caption string              `json:"caption"`
}

// PublishPost publishes a post and returns its id. A live is started with StartLive, and
// a visitor's post is written with Comment.
func (s *Sandbox) PublishPost(n NewPost) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.account(n.Account)
	if err != nil {
		return "", err
	}
	switch n.Source {
	case "":
		n.Source = privatereply.SourcePost
	case privatereply.SourcePost, privatereply.SourceReel, privatereply.SourceAd, privatereply.SourceStory:
	default:
		return "", fmt.Errorf("source: %q cannot be published like this; write post, reel, ad or story", n.Source)
	}
	original := a.newest[privatereply.SourcePost]
	p := s.addPost(a, n.Source, n.Caption, s.now())
	if n.Source == privatereply.SourceAd {
		p.original = original
	}
	s.note("post", a.ID, p.id, "The account published a %s", p.source)
	return p.id, nil
}

func (s *Sandbox) addPost(a *account, source privatereply.Source, caption string, at time.Time) *post {
	p := &post{account: a, source: source, caption: caption, createdAt: at}
	if a.instagram() {
		p.id = s.mediaID()
	} else {
		p.number = s.postNumber()
		p.id = a.ID + "_" + p.number
	}
	if source == privatereply.SourceReel && !a.instagram() {
		p.videoID = s.videoID()
		s.posts[p.videoID] = p
	}
	if source == privatereply.SourceAd {
		p.adID = s.adID()
	}
	s.posts[p.id] = p
	a.newest[source] = p
	if source != privatereply.SourceVisitorPost {
		a.published = append(a.published, p)
	}
	// Ads, stories and lives are in no feed and no media list.
	if source == privatereply.SourcePost || source == privatereply.SourceReel || source == privatereply.SourceVisitorPost {
		a.posts = insertByTime(a.posts, p, func(p *post) time.Time { return p.createdAt })
	}
	return p
}

// insertByTime keeps list in the order of time; something new goes to its end.
func insertByTime[T any](list []T, v T, at func(T) time.Time) []T {
	i := len(list)
	for i > 0 && at(list[i-1]).After(at(v)) {
		i--
	}
	return slices.Insert(list, i, v)
}

// RemovePost takes a post away, and its comments with it. A Page's webhook tells;
// Instagram has none for it.
func (s *Sandbox) RemovePost(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.posts[id]
	if p == nil {
		return fmt.Errorf("post: %q is %w", id, ErrUnknown)
	}
	p.removed, p.live = true, false
	if p.visitor != nil {
		p.visitor.removed = true
	}
	a := p.account
	a.lives = slices.DeleteFunc(a.lives, func(live *post) bool { return live == p })
	s.note("post", a.ID, p.id, "The %s was removed", p.source)
	if !a.instagram() {
		s.publish(s.postRemovedItem(p))
	}
	return nil
}

// StartLive starts a broadcast of an account and returns its media id.
func (s *Sandbox) StartLive(accountID string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.account(accountID)
	if err != nil {
		return "", err
	}
	p := s.addPost(a, privatereply.SourceLive, "Live from the workshop", s.now())
	p.live = true
	a.lives = append(a.lives, p)
	s.note("live", a.ID, p.id, "A broadcast started")
	if !a.instagram() {
		s.publish(s.liveVideoItem(p, "live"))
	}
	return p.id, nil
}

// EndLive ends a broadcast. Instagram's webhooks say nothing about it.
func (s *Sandbox) EndLive(mediaID string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.posts[mediaID]
	if p == nil || p.source != privatereply.SourceLive {
		return fmt.Errorf("live: %q is %w", mediaID, ErrUnknown)
	}
	a := p.account
	p.live = false
	a.lives = slices.DeleteFunc(a.lives, func(live *post) bool { return live == p })
	s.note("live", a.ID, p.id, "The broadcast ended")
	if !a.instagram() {
		s.publish(s.liveVideoItem(p, "live_stopped"), s.liveVideoItem(p, "vod"))
	}
	return nil
}

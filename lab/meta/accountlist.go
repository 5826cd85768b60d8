package meta

import "github.com/privatereply/privatereply"

// AccountInfo is an account with its posts, without its secrets.
type AccountInfo struct {
	Platform privatereply.Platform `json:"platform"`
	ID       string                `json:"id"`
	Name     string                `json:"name"`
	Login    privatereply.Login    `json:"login,omitempty"`
	PageID   string                `json:"page_id,omitempty"`
	Posts    []PostInfo            `json:"posts"`
}

// PostInfo is a post that comments can be written to.
type PostInfo struct {
	ID      string              `json:"id"`
	Source  privatereply.Source `json:"source"`
	Caption string              `json:"caption"`
	Live    bool                `json:"live,omitempty"`
}

// Accounts is every account with what can be commented on now, newest first.
func (s *Sandbox) Accounts() []AccountInfo {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []AccountInfo{}
	for _, a := range s.accounts {
		info := AccountInfo{Platform: a.Platform, ID: a.ID, Name: a.Name, Login: a.Login, PageID: a.PageID, Posts: []PostInfo{}}
		for i := len(a.published) - 1; i >= 0 && len(info.Posts) < postsListed; i-- {
			if p := a.published[i]; p.commentable() {
				info.Posts = append(info.Posts, PostInfo{ID: p.id, Source: p.source, Caption: p.caption, Live: p.live})
			}
		}
		list = append(list, info)
	}
	return list
}

// postsListed bounds the list: the page offers it as a choice.
const postsListed = 20

// commentable reports whether somebody could write under p now.
func (p *post) commentable() bool {
	over := p.source == privatereply.SourceLive && !p.live && p.account.instagram()
	return !p.removed && !over
}

package notify

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/privatereply/privatereply"
)

// maxAccounts is how many accounts a message names.
const maxAccounts = 10

// group is what a message says of one account.
type group struct {
	platform privatereply.Platform
	account  string
	name     string
	notices  []*notice
}

// text writes a message: a line for each account, what is worst first, and a link to its
// part of the desk.
func (n *Notifier) text(message []*notice, now time.Time) string {
	byAccount := map[string]*group{}
	for _, about := range message {
		key := string(about.platform) + " " + about.account
		g := byAccount[key]
		if g == nil {
			g = &group{platform: about.platform, account: about.account, name: n.accountName(about.platform, about.account)}
			byAccount[key] = g
		}
		g.notices = append(g.notices, about)
	}
	groups := make([]*group, 0, len(byAccount))
	for _, g := range byAccount {
		groups = append(groups, g)
	}
	slices.SortFunc(groups, func(a, b *group) int {
		return cmp.Or(cmp.Compare(a.worst(), b.worst()), strings.Compare(a.name, b.name), strings.Compare(a.account, b.account))
	})
	var lines []string
	for _, g := range groups[:min(len(groups), maxAccounts)] {
		lines = append(lines, escape(g.name)+": "+strings.Join(g.sentences(now), " ")+" "+n.link(g))
	}
	if more := len(groups) - maxAccounts; more > 0 {
		lines = append(lines, fmt.Sprintf("And %s: %s", plural(more, "more account", "more accounts"), n.Desk))
	}
	return strings.Join(lines, "\n")
}

func (n *Notifier) accountName(p privatereply.Platform, id string) string {
	if a, ok := n.Accounts.Get(p, id); ok && a.Name != "" {
		return a.Name
	}
	return string(p) + " " + id
}

// escape keeps an account's name from being read as markup, in one line.
func escape(name string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "\n", " ", "\r", " ").Replace(name)
}

// link leads to the part of the desk that the worst is on.
func (n *Notifier) link(g *group) string {
	path := "/"
	switch g.worst() {
	case closing:
		path = "/answered"
	case unknown:
		path = "/unknown"
	}
	return n.Desk + path + "?account=" + url.QueryEscape(g.account)
}

func (g *group) worst() kind {
	return slices.MinFunc(g.notices, func(a, b *notice) int { return cmp.Compare(a.kind, b.kind) }).kind
}

func (g *group) of(k kind) []*notice {
	var all []*notice
	for _, about := range g.notices {
		if about.kind == k {
			all = append(all, about)
		}
	}
	return all
}

// sentences say what there is, the worst first. They hold no word of a stranger.
func (g *group) sentences(now time.Time) []string {
	var all []string
	for _, about := range g.of(broken) {
		text := ":rotating_light: " + about.problem.Text
		if s := about.problem.Standing; s > 0 {
			text += " " + plural(s, "reply stands still.", "replies stand still.")
		}
		all = append(all, text)
	}
	if list := g.of(urgent); len(list) > 0 {
		all = append(all, fmt.Sprintf(":hourglass: %s out of time: the earliest deadline is %s.", plural(len(list), "reply runs", "replies run"), timeLeft(list, now)))
	}
	if list := g.of(closing); len(list) > 0 {
		all = append(all, fmt.Sprintf(":speech_balloon: %s for your words: the first window closes %s.", plural(len(list), "person waits", "people wait"), timeLeft(list, now)))
	}
	if list := g.of(fresh); len(list) > 0 {
		line := plural(len(list), "new reply waits", "new replies wait") + " for a decision"
		if live := countLive(list); live > 0 {
			line += fmt.Sprintf(", %d of a live broadcast", live)
		}
		all = append(all, line+". Earliest deadline "+timeLeft(list, now)+".")
	}
	if list := g.of(unknown); len(list) > 0 {
		all = append(all, plural(len(list), "delivery is", "deliveries are")+" unknown: look whether the message arrived.")
	}
	return all
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func countLive(all []*notice) int {
	n := 0
	for _, about := range all {
		if about.live {
			n++
		}
	}
	return n
}

func timeLeft(all []*notice, now time.Time) string {
	first := all[0].until
	for _, about := range all {
		first = earlier(first, about.until)
	}
	switch left := first.Sub(now).Round(time.Minute); {
	case left < time.Minute:
		return "in less than a minute"
	case left < 2*time.Hour:
		return fmt.Sprintf("in %d minutes", int(left.Minutes()))
	case left < 48*time.Hour:
		return fmt.Sprintf("in %d hours", int(left.Hours()))
	default:
		return fmt.Sprintf("in %d days", int(left.Hours())/24)
	}
}

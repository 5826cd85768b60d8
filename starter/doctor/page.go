package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// checkPage looks whether the Page is fit to send: published, with a person who may
// write messages, and linked to the Instagram account that it sends for.
func (e *accountChecker) checkPage(ctx context.Context) []Finding {
	if e.usesInstagramLogin() {
		return nil
	}
	page, err := e.meta.Page(ctx, e.cred)
	if err != nil {
		return []Finding{unknown("Page", "Meta does not show the Page to this token: %s", describeError(err))}
	}
	var found []Finding
	switch {
	case page.Published == nil:
		found = append(found, unknown("Page", "Meta does not tell whether the Page is published; only a published one can send private replies"))
	case !*page.Published:
		found = append(found, failure("Page", fmt.Sprintf("%s is not published, so it cannot send private replies", page.Name),
			"publish it: in the Page's settings, Page visibility"))
	default:
		found = append(found, ok("Page", "%s is published", page.Name))
	}
	switch {
	case page.Tasks == nil:
		found = append(found, unknown("tasks", "Meta does not tell this token the tasks of its person, who needs MESSAGING on the Page"))
	case !slices.Contains(page.Tasks, "MESSAGING"):
		found = append(found, failure("tasks", fmt.Sprintf("the token's person has no MESSAGING task on the Page (but %s)", orNone(page.Tasks)),
			"in the Page's settings, Page access, give the person messages, or use the token of somebody who has them"))
	default:
		found = append(found, ok("tasks", "the token's person has the MESSAGING task"))
	}
	return append(found, e.checkLink(page.InstagramID)...)
}

func (e *accountChecker) checkLink(linked string) []Finding {
	const repair = "link the two: in the Page's settings, Linked accounts, Instagram (it must be a professional account)"
	switch {
	case !e.sendsByPage():
		return nil
	case linked == "":
		return []Finding{failure("link", "the Page is not linked to an Instagram account", repair)}
	case linked != e.account.ID:
		return []Finding{failure("link", fmt.Sprintf("the Page is linked to another Instagram account, %s", linked),
			fmt.Sprintf("write id: %q in the accounts file, or %s", linked, repair))}
	}
	return []Finding{ok("link", "the Page is linked to this Instagram account")}
}

func orNone(list []string) string {
	if len(list) == 0 {
		return "none at all"
	}
	return strings.Join(list, ", ")
}

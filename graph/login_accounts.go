package graph

import (
	"context"
	"errors"
	"net/url"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/metajson"
)

// LoginPage is a Page that a login reaches, with its token. It must not be printed.
type LoginPage struct {
	ID        string
	Name      string
	Picture   string // a signed address, which ends after days
	Token     string
	Tasks     []string          // what the person may do on it; nil if Meta did not say
	Instagram *InstagramProfile // the professional account linked to it; nil: none, or instagram_basic is missing
}

// InstagramProfile is a professional account.
type InstagramProfile struct {
	ID       string // as its webhooks have it
	UserID   string // Instagram Login only: app-scoped id of the person who logged in
	Username string
	Picture  string // a signed address, which ends after days
}

// pageFields are asked for less where the login lacks instagram_basic.
var pageFields = []func(int) string{
	func(int) string {
		return "id,name,access_token,tasks,picture{url},instagram_business_account{id,username,profile_picture_url}"
	},
	func(int) string { return "id,name,access_token,tasks,picture{url}" },
}

type pageNode struct {
	profile
	Token   metajson.Text `json:"access_token"`
	Tasks   []string      `json:"tasks"`
	Picture struct {
		Data struct {
			URL metajson.Text `json:"url"`
		} `json:"data"`
	} `json:"picture"`
	Instagram *instagramNode `json:"instagram_business_account"`
}

func (n pageNode) itemID() metajson.String { return n.ID }

type instagramNode struct {
	profile
	Picture metajson.Text `json:"profile_picture_url"`
}

func (n pageNode) page() LoginPage {
	p := LoginPage{ID: string(n.ID), Name: string(n.Name), Picture: string(n.Picture.Data.URL), Token: string(n.Token), Tasks: n.Tasks}
	if n.Instagram != nil && n.Instagram.ID != "" {
		p.Instagram = &InstagramProfile{ID: string(n.Instagram.ID), Username: n.Instagram.name(), Picture: string(n.Instagram.Picture)}
	}
	return p
}

// LoginPages lists the Pages of a person who logged in to the app, with the long-lived token
// of cred: only then do the Pages' tokens have no end. Meta does not list Pages that a
// business owns: where it lists none, those of the person's businesses are listed, and where
// the app may not ask for them those that the person chose at the login.
func (c *Client) LoginPages(ctx context.Context, app LoginApp, cred Credentials) ([]LoginPage, error) {
	for _, list := range []func() ([]LoginPage, error){
		func() ([]LoginPage, error) { return c.pagesOf(ctx, cred, "list the Pages", "me", "accounts") },
		func() ([]LoginPage, error) { return c.businessPages(ctx, cred) },
		func() ([]LoginPage, error) { return c.chosenPages(ctx, app, cred) },
	} {
		if pages, err := list(); err != nil || len(pages) > 0 {
			return pages, err
		}
	}
	return nil, nil
}

// businessPages lists the Pages of the person's businesses.
func (c *Client) businessPages(ctx context.Context, cred Credentials) ([]LoginPage, error) {
	businesses := readPages[object](ctx, c, cred, call{op: "list the businesses", path: []string{"me", "businesses"}, query: url.Values{"fields": {"id"}}}, pageRequest{sizes: []int{100, 25}}, cycleDetector{})
	var pages []LoginPage
	seen := map[string]bool{}
	for p, err := range businesses {
		if notPermitted(err) {
			return nil, nil // business_management is not asked for by everybody
		}
		if err != nil {
			return nil, err
		}
		for _, business := range p.Data {
			for _, edge := range []string{"owned_pages", "client_pages"} {
				found, err := c.pagesOf(ctx, cred, "list the Pages of a business", string(business.ID), edge)
				if err != nil && !notPermitted(err) {
					return nil, err
				}
				for _, page := range found {
					if !seen[page.ID] {
						seen[page.ID] = true
						pages = append(pages, page)
					}
				}
			}
		}
	}
	return pages, nil
}

// chosenPages reads the Pages that the token itself names.
func (c *Client) chosenPages(ctx context.Context, app LoginApp, cred Credentials) ([]LoginPage, error) {
	info, err := c.InspectToken(ctx, app, cred.Token)
	if notPermitted(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var pages []LoginPage
	for _, id := range info.PageIDs {
		var n pageNode
		var err error
		for _, fields := range pageFields {
			if _, err = c.readNode(ctx, cred, "read a Page", id, fields(0), &n); !notPermitted(err) {
				break
			}
		}
		if err != nil {
			return nil, err
		}
		pages = append(pages, n.page())
	}
	return pages, nil
}

func (o object) itemID() metajson.String { return o.ID }

func notPermitted(err error) bool {
	var e *Error
	return errors.As(err, &e) && (e.Reason == privatereply.NotPermitted || e.Code == 100)
}

func (c *Client) pagesOf(ctx context.Context, cred Credentials, op, node, edge string) ([]LoginPage, error) {
	var all []LoginPage
	pages := readPages[pageNode](ctx, c, cred, call{op: op, path: []string{node, edge}}, pageRequest{fields: pageFields, sizes: []int{100, 25, 5}}, cycleDetector{})
	for p, err := range pages {
		if err != nil {
			return nil, err
		}
		for _, n := range p.Data {
			all = append(all, n.page())
		}
	}
	return all, nil
}

// InstagramProfile reads the account of a login to Instagram, cred. Some kinds of account
// have no user_id: then the id is the account's.
func (c *Client) InstagramProfile(ctx context.Context, cred Credentials) (InstagramProfile, error) {
	var n struct {
		instagramNode
		UserID metajson.String `json:"user_id"`
	}
	const op = "ask whose token it is"
	_, err := c.readNode(ctx, cred, op, "me", "id,user_id,username,name,profile_picture_url", &n)
	var e *Error
	if errors.As(err, &e) && e.Code == 100 {
		_, err = c.readNode(ctx, cred, op, "me", "id,username", &n)
	}
	if err != nil {
		return InstagramProfile{}, err
	}
	p := InstagramProfile{ID: string(n.UserID), UserID: string(n.ID), Username: n.name(), Picture: string(n.Picture)}
	if p.ID == "" {
		p.ID = p.UserID
	}
	return p, nil
}

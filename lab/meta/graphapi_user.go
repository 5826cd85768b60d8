package meta

import (
	"net/http"
	"slices"
)

// errPageToken is Meta's error for a person's token where a Page's is needed.
var errPageToken = &graphError{code: 210, topic: topicToken, text: "(#210) A page access token is required to request this resource."}

// accounts are those that a call's token can be used for.
func (c *call) accounts() []*account {
	if c.owner != nil {
		return c.owner.accounts()
	}
	var list []*account
	if c.user != nil {
		for _, o := range c.user.pages {
			list = append(list, o.accounts()...)
		}
	}
	return list
}

// chargedAccount is the account that a call without an account of its own counts for.
func (c *call) chargedAccount() *account {
	if c.owner != nil {
		return c.owner.chargedAccount()
	}
	return c.sandbox.nobody
}

// routeUser finds the endpoint of a call with the token of a person who logged in with
// Facebook. Of a Page such a token reads little: its lists are empty.
func (s *Sandbox) routeUser(c *call, key string) endpoint {
	u, id := c.user, c.path[0]
	endpointOf := func(op Operation, run func() (any, *graphError)) endpoint {
		return endpoint{op: op, account: s.nobody, withoutPermission: true, run: run}
	}
	if id == "me" || id == u.id {
		switch key {
		case "GET ":
			return endpointOf(OpAccount, func() (any, *graphError) { return selectFields(u, c.fields, []string{"name", "id"}, c.userField) })
		case "GET accounts":
			return endpointOf(OpPages, func() (any, *graphError) { return c.listPages("me/accounts", c.ownPages()) })
		case "GET businesses":
			return endpointOf(OpPages, c.listBusinesses)
		case "GET permissions":
			return endpointOf(OpPermissions, func() (any, *graphError) { return c.listUserPermissions(), nil })
		case "DELETE permissions":
			return endpointOf(OpPermissions, c.takePermissionsBack)
		}
		return s.routeNotFound(c)
	}
	if name := c.business(id); name != "" && (key == "GET owned_pages" || key == "GET client_pages") {
		return endpointOf(OpPages, func() (any, *graphError) {
			if !u.has("business_management") {
				return nil, errPermission
			}
			var pages []*owner
			if key == "GET owned_pages" {
				pages = slices.DeleteFunc(slices.Clone(u.pages), func(o *owner) bool { return o.business() != name })
			}
			return c.listPages(id+"/"+c.edge(), pages)
		})
	}
	for _, o := range u.pages {
		switch {
		case id == o.id && key == "GET ":
			return endpointOf(OpPages, func() (any, *graphError) { return selectFields(o, c.fields, []string{"name", "id"}, c.ownerField) })
		case id == o.id && (c.method != http.MethodGet || c.edge() == "subscribed_apps"):
			return endpointOf(OpSubscription, func() (any, *graphError) { return nil, errPageToken })
		case id == o.id:
			return endpointOf(OpFeed, emptyList)
		case o.instagram != nil && id == o.instagram.ID && key == "GET " && u.has("instagram_basic"):
			return endpointOf(OpPages, func() (any, *graphError) {
				return selectFields(o.instagram, c.fields, []string{"username", "id"}, c.instagramField)
			})
		}
	}
	if p := s.posts[id]; p != nil && slices.Contains(u.pages, p.account.owner) && key == "GET comments" {
		return endpointOf(OpFeed, emptyList)
	}
	return s.routeNotFound(c)
}

func emptyList() (any, *graphError) { return object{"data": []object{}}, nil }

func (c *call) userField(u *appUser, f field) (any, *graphError) {
	switch f.name {
	case "id":
		return u.id, nil
	case "name":
		return u.name, nil
	case "picture":
		return c.picture(u.id), nil
	}
	return nil, errNoField(f.name, "User")
}

// business is the name of the portfolio that owns the Page; empty: the person owns it.
func (o *owner) business() string {
	for _, a := range o.accounts() {
		if a.Business != "" {
			return a.Business
		}
	}
	return ""
}

func businessID(name string) string { return scopedID("3", "business", name) }

// business finds the name of a portfolio that owns one of the person's Pages.
func (c *call) business(id string) string {
	for _, o := range c.user.pages {
		if name := o.business(); name != "" && businessID(name) == id {
			return name
		}
	}
	return ""
}

// ownPages are the Pages of /me/accounts: Meta leaves out those of a business portfolio.
func (c *call) ownPages() []*owner {
	if !c.user.has("pages_show_list") {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(c.user.pages), func(o *owner) bool { return o.business() != "" })
}

// listPages lists Pages with their tokens.
func (c *call) listPages(path string, pages []*owner) (any, *graphError) {
	return listing[*owner]{
		path: path, defaultLimit: defaultPageSize, maxLimit: maxPageSize, iterate: byIndex(pages, false),
		visible: func(*owner) bool { return true },
		read: func(o *owner, fields []field) (object, *graphError) {
			return selectFields(o, fields, []string{"access_token", "name", "tasks"}, c.ownerField)
		},
	}.page(c, c.edgeRequest())
}

func (c *call) listBusinesses() (any, *graphError) {
	if !c.user.has("business_management") {
		return nil, errPermission
	}
	var names []string
	for _, o := range c.user.pages {
		if name := o.business(); name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return listing[string]{
		path: "me/businesses", defaultLimit: defaultPageSize, maxLimit: maxPageSize, iterate: byIndex(names, false),
		visible: func(string) bool { return true },
		read: func(name string, _ []field) (object, *graphError) {
			return object{"id": businessID(name), "name": name}, nil
		},
	}.page(c, c.edgeRequest())
}

func (c *call) listUserPermissions() object {
	data := []object{}
	for _, p := range c.user.permissions {
		data = append(data, object{"permission": p.name, "status": p.status})
	}
	return object{"data": data}
}

// takePermissionsBack takes one permission back, or all of them, which removes the app
// for every Page of the person.
func (c *call) takePermissionsBack() (any, *graphError) {
	s, u := c.sandbox, c.user
	if len(c.path) < 3 {
		s.removeApp(u)
		s.logEvent("account", "", "", "The app gave back everything that %s had granted", u.name)
		return object{"success": true}, nil
	}
	name := c.path[2]
	if !u.has(name) {
		return nil, errParameter("Invalid permission: " + name)
	}
	u.setPermission(name, statusDeclined)
	for _, o := range u.pages {
		o.permissions = slices.DeleteFunc(slices.Clone(o.permissions), func(p string) bool { return p == name })
	}
	s.logEvent("account", "", "", "The app gave back %s", name)
	return object{"success": true}, nil
}

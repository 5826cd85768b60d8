package meta

// readableMessages is how many of a conversation's newest messages Instagram
// gives details of; older ones answer 9000001.
const readableMessages = 20

// routeConversations finds out whose conversations are asked for: a Page has
// Messenger's and, with platform=instagram, those of its Instagram account.
func (s *Sandbox) routeConversations(c *call) endpoint {
	a := c.owner.page
	if c.owner.ownLogin || c.params["platform"] == "instagram" {
		a = c.owner.instagram
	}
	if a == nil {
		return s.missing(c)
	}
	return endpoint{op: OpConversations, account: a, run: func() (any, *refusal) { return c.conversations(a) }}
}

func (s *Sandbox) routeThread(c *call, p *person, key string) endpoint {
	e := endpoint{op: OpConversations, account: p.account}
	switch key {
	case "GET ":
		e.run = func() (any, *refusal) { return c.thread(p, c.fields) }
	case "GET messages":
		e.run = func() (any, *refusal) { return c.threadMessages(p, c.edgeRequest()) }
	case "POST messages":
		if p.account.instagram() {
			return s.missing(c)
		}
		e.op, e.run = OpThreadReply, func() (any, *refusal) { return s.threadReply(c, p) }
	default:
		return s.missing(c)
	}
	return e
}

// conversations lists them by their newest message, or the one with user_id.
func (c *call) conversations(a *account) (any, *refusal) {
	if id := c.params["user_id"]; id != "" {
		p := a.byMessaging[id]
		if p == nil || p.threadID == "" {
			return object{"data": []object{}}, nil
		}
		o, refused := c.thread(p, c.fields)
		if refused != nil {
			return nil, refused
		}
		return object{"data": []object{o}, "paging": object{"cursors": object{"before": p.threadID, "after": p.threadID}}}, nil
	}
	return edge[*person]{
		path: c.owner.id + "/conversations", usual: usualPage, most: mostPosts,
		after: c.sandbox.byThread(a),
		show:  func(*person) bool { return true },
		item:  c.thread,
	}.list(c, c.edgeRequest())
}

func (c *call) thread(p *person, want []field) (object, *refusal) {
	return project(p, want, []string{"updated_time", "link"}, func(p *person, f field) (any, *refusal) {
		switch f.name {
		case "id":
			return p.threadID, nil
		case "updated_time":
			return inGraph(p.messages[len(p.messages)-1].at), nil
		case "link":
			return "/" + p.account.owner.id + "/inbox/" + p.threadID + "/", nil
		case "message_count":
			return len(p.messages), nil
		case "participants":
			return object{"data": []object{p.named(), p.account.named()}}, nil
		case "can_reply":
			return c.sandbox.windowVerdict(p, false) == nil, nil
		case "messages":
			return c.threadMessages(p, nestedRequest(f))
		}
		return nil, noField(f.name, "UnifiedThread")
	})
}

// threadMessages lists a conversation's messages, newest first.
func (c *call) threadMessages(p *person, r request) (any, *refusal) {
	return edge[*message]{
		path: p.threadID + "/messages", usual: usualPage, most: mostPosts,
		after: inOrder(p.messages, true),
		show:  func(*message) bool { return true },
		item: func(m *message, want []field) (object, *refusal) {
			if m.tooOld() {
				want = []field{{name: "id"}}
			}
			return c.message(m, want)
		},
	}.list(c, r)
}

func (m *message) tooOld() bool {
	return m.person.account.instagram() && m.place < len(m.person.messages)-readableMessages
}

func (c *call) message(m *message, want []field) (object, *refusal) {
	if m.tooOld() && (len(want) != 1 || want[0].name != "id") {
		return nil, errOldMessage
	}
	return project(m, want, []string{"created_time"}, func(m *message, f field) (any, *refusal) {
		sender, recipient := m.person.account.named(), m.person.named()
		if m.by == SenderPerson {
			sender, recipient = recipient, sender
		}
		switch f.name {
		case "id":
			return m.id, nil
		case "created_time":
			return inGraph(m.at), nil
		case "message":
			return m.text, nil
		case "from":
			return sender, nil
		case "to":
			return object{"data": []object{recipient}}, nil
		}
		return nil, noField(f.name, "Message")
	})
}

// named is how conversations name somebody.
func (p *person) named() object {
	if p.account.instagram() {
		return object{"id": p.messagingID, "username": p.username}
	}
	return object{"id": p.messagingID, "name": p.username}
}

func (a *account) named() object {
	if a.instagram() {
		return object{"id": a.ID, "username": a.Name}
	}
	return object{"id": a.ID, "name": a.Name}
}

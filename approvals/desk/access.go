package desk

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/approvals/queue"
	"github.com/privatereply/privatereply/approvals/signin"
	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/workflows"
)

// sees reports whether the user of a request sees an account.
func (d *Desk) sees(r *http.Request, account string) bool { return d.seesIn(r.Context(), account) }

// seesIn is sees for a context. Nobody sees nothing.
func (d *Desk) seesIn(ctx context.Context, account string) bool {
	user := signin.UserFrom(ctx)
	return user.Name != "" && user.Sees(account, d.accountName(account))
}

// seesReply reports whether the user of a context sees the account of a workflow.
func (d *Desk) seesReply(ctx context.Context, id string) bool {
	parsed, ok := privatereply.ParseID(id)
	return ok && d.seesIn(ctx, parsed.Account)
}

// seenAccounts lists the ids of the accounts that the user of a context sees; nil means all.
// An account that is no longer in the accounts file is there if the users file has its id.
func (d *Desk) seenAccounts(ctx context.Context) []string {
	user := signin.UserFrom(ctx)
	if len(user.Accounts) == 0 {
		return nil
	}
	ids := slices.Clone(user.Accounts)
	for _, a := range d.Accounts.All() {
		if user.Sees(a.ID, a.Name) {
			ids = append(ids, a.ID)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// seesAmong is seesIn for many questions: it reads the accounts file once.
func (d *Desk) seesAmong(ctx context.Context) func(account string) bool {
	user := signin.UserFrom(ctx)
	all := user.Name != "" && len(user.Accounts) == 0
	seen := map[string]bool{}
	for _, id := range d.seenAccounts(ctx) {
		seen[id] = true
	}
	return func(account string) bool { return all || seen[account] }
}

// onlySeen drops the accounts that the user of a request does not see.
func (d *Desk) onlySeen(r *http.Request, accounts []privatereply.Account) []privatereply.Account {
	return slices.DeleteFunc(slices.Clone(accounts), func(a privatereply.Account) bool { return !d.sees(r, a.ID) })
}

// view is the part of the queue that the user of a context sees.
func (d *Desk) view(ctx context.Context) *queue.View { return d.seenOf(ctx, d.Queue.View(ctx)) }

func (d *Desk) seenOf(ctx context.Context, v *queue.View) *queue.View {
	if user := signin.UserFrom(ctx); user.Name != "" && len(user.Accounts) == 0 {
		return v
	}
	return v.Only(d.seesAmong(ctx))
}

// seenReplies is a client of replies for which only those exist that the user of the context
// sees. Every call of the desk goes through it, so that no page can forget to ask.
type seenReplies struct {
	all  Replies
	desk *Desk
}

// restrict narrows a filter to what the user sees; ok is false if that is nothing.
func (s seenReplies) restrict(ctx context.Context, f replies.Filter) (_ replies.Filter, ok bool) {
	if signin.UserFrom(ctx).Name == "" || f.Account != "" && !s.desk.seesIn(ctx, f.Account) {
		return f, false
	}
	if f.Account == "" {
		if seen := s.desk.seenAccounts(ctx); len(f.Accounts) == 0 {
			f.Accounts = seen
		} else if seen != nil {
			f.Accounts = slices.DeleteFunc(slices.Clone(f.Accounts), func(id string) bool { return !slices.Contains(seen, id) })
			return f, len(f.Accounts) > 0
		}
	}
	return f, true
}

func (s seenReplies) Count(ctx context.Context, f replies.Filter) (int64, error) {
	f, ok := s.restrict(ctx, f)
	if !ok {
		return 0, nil
	}
	return s.all.Count(ctx, f)
}

func (s seenReplies) Earliest(ctx context.Context, f replies.Filter, limit int) ([]replies.Row, error) {
	f, ok := s.restrict(ctx, f)
	if !ok {
		return nil, nil
	}
	return s.all.Earliest(ctx, f, limit)
}

func (s seenReplies) Page(ctx context.Context, f replies.Filter, size int, token []byte) ([]replies.Row, []byte, error) {
	f, ok := s.restrict(ctx, f)
	if !ok {
		return nil, nil, nil
	}
	return s.all.Page(ctx, f, size, token)
}

func (s seenReplies) Newest(ctx context.Context, f replies.Filter, after replies.Cursor, limit int) ([]replies.Row, replies.Cursor, error) {
	f, ok := s.restrict(ctx, f)
	if !ok {
		return nil, replies.Cursor{}, nil
	}
	return s.all.Newest(ctx, f, after, limit)
}

func (s seenReplies) Row(ctx context.Context, id string) (row replies.Row, err error) {
	if !s.desk.seesReply(ctx, id) {
		return row, replies.NotFoundError(id)
	}
	return s.all.Row(ctx, id)
}

func (s seenReplies) Status(ctx context.Context, id string) (status workflows.PrivateReplyStatus, err error) {
	if !s.desk.seesReply(ctx, id) {
		return status, replies.NotFoundError(id)
	}
	return s.all.Status(ctx, id)
}

func (s seenReplies) History(ctx context.Context, id string) (history replies.History, err error) {
	if !s.desk.seesReply(ctx, id) {
		return history, replies.NotFoundError(id)
	}
	return s.all.History(ctx, id)
}

func (s seenReplies) Conversation(ctx context.Context, id string) (conversation replies.Conversation, err error) {
	if !s.desk.seesReply(ctx, id) {
		return conversation, replies.NotFoundError(id)
	}
	return s.all.Conversation(ctx, id)
}

func (s seenReplies) Follow(ctx context.Context, id string, changed func()) error {
	if !s.desk.seesReply(ctx, id) {
		return replies.NotFoundError(id)
	}
	return s.all.Follow(ctx, id, changed)
}

func (s seenReplies) SetHidden(ctx context.Context, comment privatereply.Comment, hidden bool, by string) (status workflows.HideStatus, err error) {
	if id, err := privatereply.ReplyID(comment); err != nil || !s.desk.seesReply(ctx, id) {
		return status, replies.NotFoundError(id)
	}
	return s.all.SetHidden(ctx, comment, hidden, by)
}

func (s seenReplies) Visibility(ctx context.Context, comment privatereply.Comment) (*workflows.HideStatus, error) {
	if id, err := privatereply.ReplyID(comment); err != nil || !s.desk.seesReply(ctx, id) {
		return nil, replies.NotFoundError(id)
	}
	return s.all.Visibility(ctx, comment)
}

func (s seenReplies) PersonKeys(p privatereply.Platform, account, person string) []string {
	return s.all.PersonKeys(p, account, person)
}

func (s seenReplies) Retention(ctx context.Context) (kept time.Duration, err error) {
	return s.all.Retention(ctx)
}

func (s seenReplies) Approve(ctx context.Context, id, updateID string, m workflows.Approve) (result workflows.DecisionResult, err error) {
	if !s.desk.seesReply(ctx, id) {
		return result, replies.NotFoundError(id)
	}
	return s.all.Approve(ctx, id, updateID, m)
}

func (s seenReplies) Reject(ctx context.Context, id, updateID string, m workflows.Reject) (result workflows.DecisionResult, err error) {
	if !s.desk.seesReply(ctx, id) {
		return result, replies.NotFoundError(id)
	}
	return s.all.Reject(ctx, id, updateID, m)
}

func (s seenReplies) Resolve(ctx context.Context, id, updateID string, m workflows.Resolve) (result workflows.DecisionResult, err error) {
	if !s.desk.seesReply(ctx, id) {
		return result, replies.NotFoundError(id)
	}
	return s.all.Resolve(ctx, id, updateID, m)
}

func (s seenReplies) Reopen(ctx context.Context, id, by, reason string) error {
	if !s.desk.seesReply(ctx, id) {
		return replies.NotFoundError(id)
	}
	return s.all.Reopen(ctx, id, by, reason)
}

func (s seenReplies) Propose(ctx context.Context, id, updateID string, m workflows.Propose) (result workflows.DecisionResult, err error) {
	if !s.desk.seesReply(ctx, id) {
		return result, replies.NotFoundError(id)
	}
	return s.all.Propose(ctx, id, updateID, m)
}

func (s seenReplies) Note(ctx context.Context, id, updateID string, m workflows.Note) (result workflows.DecisionResult, err error) {
	if !s.desk.seesReply(ctx, id) {
		return result, replies.NotFoundError(id)
	}
	return s.all.Note(ctx, id, updateID, m)
}

func (s seenReplies) Assign(ctx context.Context, id, updateID string, m workflows.Assign) (result workflows.DecisionResult, err error) {
	if !s.desk.seesReply(ctx, id) {
		return result, replies.NotFoundError(id)
	}
	return s.all.Assign(ctx, id, updateID, m)
}

func (s seenReplies) FollowUp(ctx context.Context, id, updateID string, m workflows.FollowUp) (result workflows.FollowUpResult, err error) {
	if !s.desk.seesReply(ctx, id) {
		return result, replies.NotFoundError(id)
	}
	return s.all.FollowUp(ctx, id, updateID, m)
}

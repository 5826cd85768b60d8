package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"go.temporal.io/api/serviceerror"
	"golang.org/x/sync/errgroup"

	"github.com/privatereply/privatereply"
)

// maxLookups is how many possible ids are asked for at the same time.
const maxLookups = 8

// replyID finds the workflow that arg means: a whole workflow id is taken as it
// is, a bare comment id is tried against each account.
func (s *Session) replyID(ctx context.Context, arg string) (string, error) {
	if id, ok := privatereply.ParseID(arg); ok {
		if id.Kind != "reply" {
			return "", fmt.Errorf("%s is the id of a %s; give a reply's", arg, id.Kind)
		}
		return arg, nil
	}
	if strings.HasPrefix(arg, "reply:") {
		return "", fmt.Errorf("%q is not a whole workflow id, which is reply:<platform>:<account>:<comment>", arg)
	}
	accounts, err := s.accounts()
	if err != nil {
		return "", fmt.Errorf("%q is not a whole workflow id (reply:<platform>:<account>:<comment>), and cannot be tried against each account: %w", arg, err)
	}
	candidates, err := candidateIDs(accounts.All(), arg)
	if err != nil {
		return "", err
	}
	found, err := s.existingWorkflows(ctx, candidates)
	switch {
	case err != nil:
		return "", err
	case len(found) == 0:
		return "", fmt.Errorf("no reply to a comment %s exists in the %d accounts of %s; `starter list` shows the replies", arg, len(accounts.All()), s.settings.Accounts)
	case len(found) > 1:
		return "", fmt.Errorf("%s means several replies; give the whole id of one:\n  %s", arg, strings.Join(found, "\n  "))
	}
	return found[0], nil
}

// candidateIDs are the workflow ids that a bare comment id can mean: one for each
// account, and one more on Facebook, where it may be a visitor's post.
func candidateIDs(accounts []privatereply.Account, arg string) ([]string, error) {
	var ids []string
	var problem error
	add := func(c privatereply.Comment) {
		id, err := privatereply.ReplyID(c)
		if err != nil {
			problem = err
			return
		}
		ids = append(ids, id)
	}
	for _, a := range accounts {
		add(privatereply.Comment{Platform: a.Platform, Account: a.ID, CommentID: arg})
		if a.Platform.Facts().VisitorPosts {
			add(privatereply.Comment{Platform: a.Platform, Account: a.ID, PostID: arg})
		}
	}
	if len(ids) == 0 && problem != nil {
		return nil, fmt.Errorf("%q cannot be a comment's id: %w", arg, problem)
	}
	return ids, nil
}

// existingWorkflows keeps the ids that workflows have, in their order.
func (s *Session) existingWorkflows(ctx context.Context, ids []string) ([]string, error) {
	var mu sync.Mutex
	exists := map[string]bool{}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxLookups)
	for _, id := range ids {
		group.Go(func() error {
			_, err := s.DescribeWorkflowExecution(ctx, id, "")
			if isNotFound(err) {
				return nil
			}
			if err != nil {
				return fmt.Errorf("look for %s: %w", id, err)
			}
			mu.Lock()
			defer mu.Unlock()
			exists[id] = true
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !exists[id] }), nil
}

func isNotFound(err error) bool {
	var notFound *serviceerror.NotFound
	return errors.As(err, &notFound)
}

package devstack

import (
	"context"

	"github.com/privatereply/privatereply/graph"
	"github.com/privatereply/privatereply/rules"
	"github.com/privatereply/privatereply/worker/replyworker"
	"github.com/privatereply/privatereply/workflows"
)

func (s *Stack) startWorker(ctx context.Context) (stop func() error, err error) {
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	defer func() {
		if stop == nil {
			end()
		}
	}()
	watched, err := rules.Watch(life, s.folder.path(RulesFile), s.log.Named("worker"))
	if err != nil {
		return nil, err
	}
	meta, err := graph.New(graph.Options{
		FacebookURL:  s.SandboxURL + "/facebook",
		InstagramURL: s.SandboxURL + "/instagram",
		Timeout:      workflows.HTTPTimeout,
	})
	if err != nil {
		return nil, err
	}
	w := replyworker.New(replyworker.Config{
		Client:    s.Client,
		Namespace: s.Server.Namespace,
		TaskQueue: TaskQueue,
		Accounts:  s.Accounts,
		Rules:     watched,
		Graph:     meta,
		Logger:    s.log.Named("worker"),
		Fatal:     func(err error) { s.die("worker", err) },
	})
	if err := w.Start(); err != nil {
		return nil, err
	}
	return func() error {
		w.Stop()
		end()
		return nil
	}, nil
}

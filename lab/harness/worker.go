package harness

import (
	"context"

	"github.com/privatereply/privatereply/graph"
	"github.com/privatereply/privatereply/worker/replyworker"
	"github.com/privatereply/privatereply/workflows"
)

func (s *Stack) startWorker(context.Context) (stop func() error, err error) {
	meta, err := graph.New(graph.Options{
		FacebookURL:  s.SandboxURL + "/facebook",
		InstagramURL: s.SandboxURL + "/instagram",
		Timeout:      workflows.HTTPTimeout,
	})
	if err != nil {
		return nil, err
	}
	w := replyworker.New(replyworker.Config{
		Client:        s.Client,
		Namespace:     s.Server.Namespace,
		DataConverter: s.data,
		TaskQueue:     TaskQueue,
		Accounts:      s.Accounts,
		Rules:         s.rules,
		Graph:         meta,
		Logger:        s.log.Named("worker"),
		Fatal:         func(err error) { s.die("worker", err) },
	})
	if err := w.Start(); err != nil {
		return nil, err
	}
	return func() error {
		w.Stop()
		return nil
	}, nil
}

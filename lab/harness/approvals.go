package harness

import (
	"context"
	"net"

	"go.temporal.io/sdk/converter"
	"golang.org/x/sync/errgroup"

	"github.com/privatereply/privatereply/approvals/desk"
	"github.com/privatereply/privatereply/approvals/queue"
	"github.com/privatereply/privatereply/approvals/signin"
	"github.com/privatereply/privatereply/internal/replies"
)

// devUser is who everybody on this machine is at the desk, without signing in.
const devUser = "you"

// startApprovals starts the approvals desk.
func (s *Stack) startApprovals(ctx context.Context) (stop func() error, err error) {
	guard, err := signin.NewAuthenticator(signin.Options{DevUser: devUser})
	if err != nil {
		return nil, err
	}
	ln, err := net.Listen("tcp", address(s.opts.Ports.Approvals))
	if err != nil {
		return nil, err
	}
	s.ApprovalsURL = "http://" + ln.Addr().String()
	data := s.data
	if data == nil {
		data = converter.GetDefaultDataConverter()
	}
	all := replies.New(s.Client, s.Server.Namespace, TaskQueue, data)
	log := s.log.Named("approvals")
	waiting := queue.New(all, log)
	d := desk.New(desk.Config{
		Replies: all, Queue: waiting, Authenticator: guard, Accounts: s.Accounts,
		WebUI: s.Server.UIURL, Namespace: s.Server.Namespace, Logger: log,
		Codec: s.codec, CodecOrigin: s.Server.UIURL,
	})
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	var running errgroup.Group
	running.Go(func() error { waiting.Run(life); return nil })
	running.Go(func() error {
		if err := d.Run(life, ln); err != nil {
			s.die("approvals desk", err)
		}
		return nil
	})
	return func() error {
		end()
		return running.Wait()
	}, nil
}

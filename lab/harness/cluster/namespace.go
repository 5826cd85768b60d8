package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"google.golang.org/protobuf/types/known/durationpb"
)

// usableTimeout is how long the parts of a server may take to learn of a namespace:
// they look every two seconds.
const usableTimeout = 30 * time.Second

// CreateNamespace makes a namespace on the server at address and waits until it can
// be used.
func CreateNamespace(ctx context.Context, address, name string, retention time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, usableTimeout)
	defer cancel()
	c, err := dial(ctx, address)
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.WorkflowService().RegisterNamespace(ctx, &workflowservice.RegisterNamespaceRequest{
		Namespace: name, WorkflowExecutionRetentionPeriod: durationpb.New(retention),
	})
	if err != nil {
		return fmt.Errorf("create the namespace %s: %w", name, err)
	}
	tick := time.NewTicker(askInterval)
	defer tick.Stop()
	for {
		_, err := c.WorkflowService().CountWorkflowExecutions(ctx, &workflowservice.CountWorkflowExecutionsRequest{Namespace: name})
		var unknown *serviceerror.NamespaceNotFound
		if err == nil || !errors.As(err, &unknown) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the namespace %s cannot be used: %w", name, err)
		case <-tick.C:
		}
	}
}

func dial(ctx context.Context, address string) (client.Client, error) {
	return client.DialContext(ctx, client.Options{HostPort: address, Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler))})
}

package main

import (
	"context"
	"errors"
	"slices"

	"github.com/privatereply/privatereply/internal/temporal/setup"
	"github.com/privatereply/privatereply/lab/harness/cluster"
	"github.com/privatereply/privatereply/lab/harness/devserver"
)

// existing is a Temporal server that is there already. Each step gets a namespace of
// its own on it instead of a server of its own.
type existing struct {
	address string
	copies  int // of the worker, and of the bridge
}

// onExisting are the steps that run there. The others kill the server, or need none.
var onExisting = []string{"starts", "quiet", "single", "batch", "auto", "memory"}

func (e existing) check(chosen []step) error {
	switch {
	case e.copies < 1:
		return errors.New("-copies is less than 1")
	case e.address == "" && e.copies > 1:
		return errors.New("-copies needs -temporal: several workers share a server that is there already")
	case e.address == "":
		return nil
	}
	for _, s := range chosen {
		if !slices.Contains(onExisting, s.Name) {
			return errors.New("the step " + s.Name + " does not run with -temporal")
		}
	}
	return nil
}

// namespace makes a namespace for a step.
func (e existing) namespace(ctx context.Context, name string) (*devserver.Server, error) {
	if err := cluster.CreateNamespace(ctx, e.address, name, setup.Retention); err != nil {
		return nil, err
	}
	return &devserver.Server{Address: e.address, Namespace: name}, nil
}

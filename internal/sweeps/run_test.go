package sweeps

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/mocks"
	"go.uber.org/zap"

	"github.com/privatereply/privatereply"
)

type changing struct {
	atomic.Pointer[[]privatereply.Account]
}

func (c *changing) All() []privatereply.Account { return *c.Load() }

// The Schedules are brought up to date again after a failure, and when the accounts
// file has changed, and not otherwise.
func TestSchedulesRun(t *testing.T) {
	account := privatereply.Account{Platform: privatereply.Facebook, ID: "100000000000001", SweepEvery: time.Hour}
	accounts := &changing{}
	accounts.Store(&[]privatereply.Account{account})

	created := make(chan client.ScheduleOptions)
	outage := errors.New("no server")
	schedules := mocks.NewScheduleClient(t)
	schedules.On("Create", mock.Anything, mock.Anything).Return(func(_ context.Context, o client.ScheduleOptions) (client.ScheduleHandle, error) {
		created <- o
		err := outage
		outage = nil
		return nil, err
	})
	none := mocks.NewScheduleListIterator(t)
	none.On("HasNext").Return(false)
	listed := make(chan struct{}, 10)
	schedules.On("List", mock.Anything, mock.Anything).Run(func(mock.Arguments) { listed <- struct{}{} }).Return(none, nil)
	c := mocks.NewClient(t)
	c.On("ScheduleClient").Return(schedules)

	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		Schedules{Client: c, Accounts: accounts, TaskQueue: "q", Logger: zap.NewNop()}.set().Run(ctx, time.Millisecond)
	}()
	every := func(want time.Duration) {
		t.Helper()
		if o := <-created; o.Spec.Intervals[0].Every != want {
			t.Errorf("scheduled every %v, want %v", o.Spec.Intervals[0].Every, want)
		}
		<-listed
	}
	every(time.Hour)
	every(time.Hour) // after the outage
	account.SweepEvery = 2 * time.Hour
	accounts.Store(&[]privatereply.Account{account})
	every(2 * time.Hour) // an hour would mean that it was written without need
	stop()
	<-ended
}

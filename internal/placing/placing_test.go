package placing

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/mocks"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/workflows"
)

// Every event is placed even when only one may be at a time and many workflows have
// several: who waits for a turn must not hold up who has one.
func TestPlaceOneAtATime(t *testing.T) {
	const people, each, calls = 20, 20, 8
	var arrivals []workflows.Arrival
	for n := range people * each {
		arrivals = append(arrivals, workflows.Arrival{Event: privatereply.Event{Message: &privatereply.PersonMessage{
			Platform: privatereply.Instagram, Account: "17841400000000001",
			PersonID: fmt.Sprint("600000000000", n%people), MessageID: fmt.Sprint(n), At: time.Now(),
		}}})
	}
	synctest.Test(t, func(t *testing.T) {
		temporal := mocks.NewClient(t)
		temporal.On("SignalWithStartWorkflow", mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything).
			Run(func(mock.Arguments) { time.Sleep(time.Millisecond) }).Return(nil, nil)
		one := make(chan struct{}, 1)
		place := New(temporal, "default", "queue", time.Now).InTurn(func(context.Context) (func(), error) {
			one <- struct{}{}
			return func() { <-one }, nil
		})
		placed := map[int]int{}
		last := map[string]int{}
		err := place.Place(t.Context(), arrivals, calls, func(n int, _ Effect) {
			placed[n]++
			person := arrivals[n].Message.PersonID
			if was, ok := last[person]; ok && was > n {
				t.Errorf("message %d of person %s was placed after message %d", n, person, was)
			}
			last[person] = n
		})
		if err != nil {
			t.Fatal(err)
		}
		for n := range arrivals {
			if placed[n] != 1 {
				t.Errorf("event %d was placed %d times", n, placed[n])
			}
		}
	})
}

// Package canary has what workflow code must never do. The determinism check has
// to find each of these, or it is not looking.
package canary

import (
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/workflow"
)

func ReadsTheClock(workflow.Context) (time.Time, error) { return time.Now(), nil }

func Sleeps(workflow.Context) error {
	time.Sleep(time.Second)
	return nil
}

func MakesAnID(workflow.Context) (string, error) { return uuid.NewString(), nil }

func Rolls(workflow.Context) (int, error) { return rand.IntN(6), nil }

func RangesOverAMap(_ workflow.Context, m map[string]int) (string, error) {
	for k := range m {
		return k, nil
	}
	return "", nil
}

func StartsAGoroutine(workflow.Context) error {
	go func() {}()
	return nil
}

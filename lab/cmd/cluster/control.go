package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/privatereply/privatereply/lab/scenario"
)

// controlEvery is how often the control file is read.
const controlEvery = 20 * time.Millisecond

// control lets another program kill the Temporal server, and start it again, with
// shell commands: they write into a file what they want, and wait until it is empty.
// Until stop is called.
func (r *run) control(ctx context.Context) (kill, start string, stop func()) {
	file, failed := filepath.Join(r.dir, "control"), filepath.Join(r.dir, "control-failed")
	command := func(want string) string {
		return fmt.Sprintf("echo %s > '%s'; while [ -s '%s' ]; do sleep 0.05; done; test ! -e '%s'", want, file, file, failed)
	}
	ctx, cancel := context.WithCancel(ctx)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for scenario.Sleep(ctx, controlEvery) {
			want, err := os.ReadFile(file)
			if err != nil || len(want) == 0 {
				continue
			}
			switch string(want) {
			case "kill\n":
				r.cluster.Server.Kill()
			case "start\n":
				err = r.cluster.Server.Start(ctx)
			default:
				continue // half of a word
			}
			if err != nil {
				tell("start the Temporal server again: %v", err)
				err = os.WriteFile(failed, nil, 0o600)
			}
			if err == nil {
				err = os.Truncate(file, 0)
			}
			if err != nil {
				tell("answer %s: %v", want, err)
				return
			}
		}
	}()
	return command("kill"), command("start"), func() {
		cancel()
		<-stopped
	}
}

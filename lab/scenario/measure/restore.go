package measure

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/harness"
	"github.com/privatereply/privatereply/lab/harness/cluster"
	"github.com/privatereply/privatereply/lab/scenario"
)

const (
	restoreComments = 30 // of each kind
	restoreLimit    = 5 * time.Minute
	// backupScript is the compose file's, from the project's folder, where lab runs.
	backupScript = "deploy/backup/backup.sh"
)

var dumpedDay = regexp.MustCompile(`dumped (\S+)`)

// restore dumps the databases while replies wait, answers more comments, loses Postgres and
// plays the dump back. What waited must go on, and what was answered since must not be
// answered again when Meta delivers it once more.
func restore(ctx context.Context, l *lab) ([]scenario.Row, error) {
	ctx, cancel := context.WithTimeout(ctx, restoreLimit)
	defer cancel()
	p, err := l.newProduct(ctx)
	if err != nil {
		return nil, err
	}
	defer p.close()
	if err := p.Start(ctx); err != nil {
		return nil, err
	}
	waiting, err1 := p.writeComments("waiting", "Do you ship to Norway?", restoreComments)
	before, err2 := p.writeComments("before", harness.AnsweredText, restoreComments)
	since, err3 := p.writeComments("since", harness.AnsweredText, restoreComments)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	if err := p.deliver(ctx, deliveriesOf(slices.Concat(waiting, before))); err != nil {
		return nil, err
	}
	if err := errors.Join(p.awaitState(ctx, privatereply.AwaitingApproval, len(waiting)), p.awaitState(ctx, privatereply.Sent, len(before))); err != nil {
		return nil, err
	}
	backups, err := os.MkdirTemp(l.Dir, "backups-")
	if err != nil {
		return nil, err
	}
	out, err := p.backup(ctx, backups, "dump")
	if err != nil {
		return nil, err
	}
	day := dumpedDay.FindStringSubmatch(out)
	if day == nil {
		return nil, fmt.Errorf("backup.sh dump does not say what it dumped: %s", out)
	}
	if _, err := p.backup(ctx, backups, "fresh"); err != nil {
		return nil, err
	}

	if err := p.deliver(ctx, deliveriesOf(since)); err != nil {
		return nil, err
	}
	if err := p.awaitState(ctx, privatereply.Sent, len(before)+len(since)); err != nil {
		return nil, err
	}
	began := time.Now()
	if err := p.loseDatabases(ctx); err != nil {
		return nil, err
	}
	if _, err := p.backup(ctx, backups, "restore", day[1]); err != nil {
		return nil, err
	}
	if err := errors.Join(p.Server.Start(ctx), p.Workers.Start(ctx), p.Bridges.Start(ctx)); err != nil {
		return nil, err
	}
	took := time.Since(began)

	for _, c := range waiting {
		if err := p.approve(ctx, c); err != nil {
			return nil, err
		}
	}
	if err := p.deliver(ctx, deliveriesOf(since)); err != nil {
		return nil, err
	}
	all := slices.Concat(waiting, before, since)
	err = errors.Join(p.awaitState(ctx, privatereply.Sent, len(waiting)+len(before)), p.awaitEnd(ctx, since))
	none, more := p.countReplies(all)
	if none+more > 0 {
		err = errors.Join(err, fmt.Errorf("%d received nothing, %d more than one", none, more))
	}
	return []scenario.Row{{
		What:     "Postgres lost, the dump of a moment before played back: comments answered before it, waiting in it, answered since",
		Measured: fmt.Sprintf("%d of %d answered once; %d none, %d more than one; away for %.1f s", len(all)-none-more, len(all), none, more, took.Seconds()),
		Goal:     "all, none twice", Passed: scenario.PassedWord(err == nil),
	}}, err
}

// loseDatabases stops all programs and the Temporal server, and leaves an empty Postgres.
func (p *product) loseDatabases(ctx context.Context) error {
	if err := errors.Join(p.Bridges.Stop(), p.Workers.Stop(), p.Server.Kill(ctx)); err != nil {
		return err
	}
	for _, db := range []string{cluster.MainDB, cluster.VisibilityDB} {
		if _, err := p.cluster.DB.Query(ctx, "postgres", "DROP DATABASE "+db+" WITH (FORCE)"); err != nil {
			return err
		}
	}
	return nil
}

// backup runs the backup script against the cluster's Postgres.
func (p *product) backup(ctx context.Context, folder string, args ...string) (out string, err error) {
	cmd := exec.CommandContext(ctx, "sh", slices.Concat([]string{filepath.FromSlash(backupScript)}, args)...)
	cmd.Env = append(p.cluster.DB.Environment(), "BACKUP_DIR="+folder)
	said, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("backup.sh %v: %w\n%s", args, err, said)
	}
	return string(said), nil
}

// awaitEnd waits until each reply was sent, or Meta refused the second one.
func (p *product) awaitEnd(ctx context.Context, comments []comment) error {
	for _, c := range comments {
		id, err := c.workflowID()
		if err != nil {
			return err
		}
		for {
			row, err := p.Replies.Row(ctx, id)
			if err == nil && (row.State == privatereply.Sent || row.State == privatereply.Undeliverable) {
				break
			}
			if !scenario.Sleep(ctx, pollInterval) {
				return fmt.Errorf("%s is %s: %w", id, row.State, errors.Join(err, context.Cause(ctx)))
			}
		}
	}
	return nil
}

package cluster

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// plugin is the server's driver for Postgres 12 and newer.
const plugin = "postgres12"

// createTables makes both databases with the tool that has the server's own schema.
func createTables(ctx context.Context, tool string, db *Postgres) error {
	for _, of := range []struct{ database, schema string }{
		{MainDB, "postgresql/v12/temporal"},
		{VisibilityDB, "postgresql/v12/visibility"},
	} {
		for _, command := range []string{
			"create-database",
			"setup-schema --version 0.0",
			"update-schema --schema-name " + of.schema,
		} {
			cmd := exec.CommandContext(ctx, tool, strings.Fields(command)...)
			cmd.Env = append(os.Environ(), "SQL_PLUGIN="+plugin, "SQL_HOST=127.0.0.1", "SQL_PORT="+strconv.Itoa(db.port),
				"SQL_USER="+dbUser, "SQL_PASSWORD="+db.password, "SQL_DATABASE="+of.database)
			if out, err := cmd.CombinedOutput(); err != nil {
				return fmt.Errorf("temporal-sql-tool %s for %s: %w\n%s", command, of.database, err, out)
			}
		}
	}
	return nil
}

package measure

import "fmt"

// The size that docs/development/scale.md works out: a million comments an hour over ten
// thousand accounts.
const (
	scalePerHour = 1e6
	scalePerSec  = scalePerHour / 3600

	monthHours     = 730
	retentionHours = 240 // setup.Retention
	unansweredFor  = 7 * 24
	windowFor      = 24
)

// Temporal Cloud's list prices in dollars, as of November 2026:
// https://docs.temporal.io/cloud/pricing. Above the last tier one has to ask; that
// tier's price stands in for the answer, which is lower.
var actionTiers = []struct{ upTo, perMillion float64 }{
	{5, 50}, {10, 45}, {20, 40}, {50, 35}, {100, 30}, {200, 25},
}

const (
	activePerGBh   = 0.042
	retainedPerGBh = 0.00105
	gigabyte       = 1e9
)

// actionPrice is what a number of actions in a month costs, in dollars.
func actionPrice(actions float64) float64 {
	millions, price, from := actions/1e6, 0.0, 0.0
	for i, tier := range actionTiers {
		upTo := tier.upTo
		if i == len(actionTiers)-1 {
			upTo = max(upTo, millions)
		}
		price += max(0, min(millions, upTo)-from) * tier.perMillion
		from = upTo
	}
	return price
}

// storagePrice is what histories cost in a month, in dollars: bytes of each of
// perHour workflows, which are open for some hours and retained after that.
func storagePrice(bytes, perHour, openHours float64) float64 {
	gb := bytes / gigabyte * perHour
	return monthHours * gb * (openHours*activePerGBh + retentionHours*retainedPerGBh)
}

var scaleHeads = []string{
	"path, for every comment", "actions/s", "requests/s", "transactions/s", "log", "Postgres, at any time",
	"cores: server", "Postgres", "workers", "bridges", "Temporal Cloud a month: actions", "histories",
}

// scale is the line of a path in the table of a million comments an hour.
func scale(path path, used [meters]float64, stored, history float64) []string {
	cores := func(m meter) string { return fmt.Sprintf("%.1f", used[m]/1000*scalePerSec) }
	monthly := used[actions] * scalePerHour * monthHours
	return []string{
		path.name, atScale(used, actions), atScale(used, requests), atScale(used, transactions),
		fmt.Sprintf("%.1f MB/s", used[wal]*scalePerSec/1e6),
		fmt.Sprintf("%.1f TB", stored*scalePerHour*(path.openHours+retentionHours)/1e12),
		cores(serverCPU), cores(postgresCPU), cores(workerCPU), cores(bridgeCPU),
		fmt.Sprintf("%.2f billion, $%.0f", monthly/1e9, actionPrice(monthly)),
		fmt.Sprintf("$%.0f", storagePrice(history, scalePerHour, path.openHours)),
	}
}

func atScale(used [meters]float64, m meter) string { return fmt.Sprintf("%.0f", used[m]*scalePerSec) }

var partHeads = []string{
	"path, for every comment", "writes of state/s", "each takes", "shards that are always busy",
	"requests/s: frontend", "history", "matching", "to the database/s: frontend", "history", "matching",
}

// serverParts is the load of the server's parts on a path, at a million comments an hour.
func serverParts(path path, used [meters]float64) []string {
	cells := []string{
		path.name, atScale(used, writes), fmt.Sprintf("%.1f ms", used[writing]/used[writes]),
		fmt.Sprintf("%.0f", used[writing]/1000*scalePerSec),
	}
	for _, m := range []meter{requests, toHistory, toMatching, frontendStore, historyStore, matchingStore} {
		cells = append(cells, atScale(used, m))
	}
	return cells
}

#!/usr/bin/env bash
# The product on a real Temporal server: Postgres from Debian, the server from its Go
# module, two workers and two bridges, all as processes of this machine; and the load
# and fault sets against them. It needs Go and apt, nothing else, and ends everything
# that it started.
#
#   scripts/cluster.sh                # all, in about twenty minutes after the builds
#   scripts/cluster.sh cost,kill      # a part of it; the steps are cost, load, kill, restore, faults and accounts,
#                                     and every scenario that `go run ./lab/cmd/lab list` names
#
# The server is built once, which takes some minutes, and kept in the cache.
set -euo pipefail
cd "$(dirname "$0")/.."
steps="${1:-cost,load,kill,faults,accounts}"

# Newer servers need a newer Go than go.mod asks for.
server_version=v1.32.1
cache="${XDG_CACHE_HOME:-$HOME/.cache}/private-replies/temporal-server-$server_version"

# Postgres's own programs; Debian does not put initdb on PATH.
postgres_bin() { ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1; }

as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

if [ ! -x "$(postgres_bin)/initdb" ]; then
	echo "installing Postgres with apt-get" >&2
	as_root apt-get update -q >&2
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends postgresql >&2
fi
postgres="$(postgres_bin)"

if [ ! -x "$cache/server" ] || [ ! -x "$cache/sql" ]; then
	echo "building the Temporal server $server_version (once; it takes some minutes)" >&2
	# Outside of this module, where nothing can change what is built. No C compiler.
	(cd / && GOBIN="$cache" GOFLAGS= GOWORK=off CGO_ENABLED=0 go install \
		"go.temporal.io/server/cmd/server@$server_version" "go.temporal.io/server/cmd/tools/sql@$server_version")
fi

logs="$(mktemp -d "${TMPDIR:-/tmp}/private-replies-cluster-logs-XXXXXX")"
work="$(mktemp -d "${TMPDIR:-/tmp}/private-replies-cluster-XXXXXX")"
chmod 711 "$work" # the account that runs Postgres must get through
pid=
end() {
	status=$?
	trap - EXIT
	if [ -n "$pid" ]; then
		kill -KILL -- "-$pid" 2>/dev/null || true # what is left of its process group
	fi
	rm -rf "$work"
	if [ $status = 0 ]; then
		rm -rf "$logs"
	elif ! rmdir "$logs" 2>/dev/null; then
		echo "the logs are in $logs" >&2
	fi
	exit $status
}
trap end EXIT

# A process group of its own: Ctrl-C must reach the programs in the right order, and
# what the program leaves behind can be ended.
go build -o "$work/lab" ./lab/cmd/lab
scenarios=()
for step in ${steps//,/ }; do
	case "$step" in
	load) scenarios+=(starts quiet single batch auto) ;;
	*) scenarios+=("$step") ;;
	esac
done
set -m
TMPDIR="$work" "$work/lab" run -copies 2 -postgres "$postgres" -server "$cache/server" -sql-tool "$cache/sql" -logs "$logs" "${scenarios[@]}" &
pid=$!
trap 'kill -INT "$pid" 2>/dev/null' INT TERM
# wait returns at a signal too; what counts is how the program ends.
while :; do
	status=0
	wait "$pid" || status=$?
	kill -0 "$pid" 2>/dev/null || exit "$status"
done

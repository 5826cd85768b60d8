#!/usr/bin/env bash
# Tries each part of the release that `make release` has made in dist/:
#
#   programs   static, of both architectures, the same bytes when they are built again
#   checksums, bills of materials, man pages, completions
#   the Debian package   installed into a clean Debian, its units read by systemd, its
#                        programs started against a real Temporal server
#   the Helm chart       rendered for three sets of values and checked against the programs
#   the alerts' routes
#   a rollout of a new version over running replies, as the units and the chart do it
#   a backup, played back into an empty Postgres
#
# It needs Go, root and Debian's apt. What it installs beside packages goes into a folder that
# it removes.
set -euo pipefail
cd "$(dirname "$0")/.."
TEMPORAL=${TEMPORAL_CLI_PATH:?say where the Temporal CLI is: TEMPORAL_CLI_PATH}
work=$(mktemp -d)
pids=()
end() {
	for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
	for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
	if mountpoint -q "$work/root/proc"; then umount -l "$work/root/proc"; fi
	rm -rf "$work"
}
trap end EXIT
say() { printf '\n== %s\n' "$*"; }
fail() { printf 'FAIL: %s\n' "$*" >&2; exit 1; }
for tool in debootstrap file curl; do
	command -v "$tool" >/dev/null || { apt-get update -qq && apt-get install -y -qq "$tool" >/dev/null; }
done

say "archives, checksums, bills of materials"
version=$(sed -n 's/.*"version":"\([^"]*\)".*/\1/p' dist/metadata.json)
(cd dist && sha256sum --quiet --check SHA256SUMS)
for arch in amd64 arm64; do
	tar -tzf "dist/private-replies_${version}_linux_$arch.tar.gz" >"$work/list"
	for file in worker webhookbridge approvals starter LICENSE man/starter-approve.1 completion/starter.bash systemd/private-replies-worker.service; do
		grep -q "/$file\$" "$work/list" || fail "the archive for $arch has no $file"
	done
done
for bill in dist/*.cdx.json; do
	grep -q go.temporal.io/sdk "$bill" || fail "$bill does not name Temporal's SDK"
done
[ "$(ls dist/*.cdx.json | wc -l)" = 8 ] || fail "there is not one bill of materials for each program"

say "the same bytes again"
again="$work/again"
git clone -q . "$again"
git -C "$again" checkout -q "$(git rev-parse HEAD)"
flags=$(go version -m dist/worker_linux_amd64*/worker | sed -n 's/.*-ldflags=//p')
(cd "$again" && CGO_ENABLED=0 GOOS=linux GOARCH=amd64 GOAMD64=v1 go build -trimpath -buildvcs=false \
	-ldflags "-s -w -X github.com/privatereply/privatereply/internal/version.release=v$version -X github.com/privatereply/privatereply/internal/version.commit=$(git rev-parse HEAD)" -o "$work/worker" ./worker)
cmp "$work/worker" dist/worker_linux_amd64*/worker || fail "the worker was built with $flags and has other bytes"
file -L dist/worker_linux_amd64*/worker | grep -q 'statically linked' || fail "the worker is not static"

say "the package in a clean Debian"
debootstrap --variant=minbase --include=systemd,ca-certificates bookworm "$work/root" >"$work/debootstrap.log" || { tail "$work/debootstrap.log"; fail debootstrap; }
mount -t proc proc "$work/root/proc"
cp dist/private-replies_*_amd64.deb "$work/root/package.deb"
in_root() { chroot "$work/root" "$@"; }
in_root dpkg -i /package.deb
in_root starter version | grep -q "v$version" || fail "starter is not of v$version"
for unit in setup worker bridge desk; do
	in_root systemd-analyze verify "/usr/lib/systemd/system/private-replies-$unit.service"
	in_root systemd-analyze security --offline=true --threshold=20 "/usr/lib/systemd/system/private-replies-$unit.service" >"$work/security" ||
		{ cat "$work/security"; fail "$unit is not closed enough"; }
	tail -n 1 "$work/security"
done
[ "$(in_root stat -c '%a %U:%G' /etc/private-replies/secrets/encryption_keys)" = "640 root:private-replies" ] || fail "others may read the encryption key"

say "its programs against a real server"
port() { python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])'; }
temporal_port=$(port)
"$TEMPORAL" server start-dev --headless --port "$temporal_port" --http-port "$(port)" --log-level error &
pids+=($!)
for _ in $(seq 100); do "$TEMPORAL" operator cluster health --address "127.0.0.1:$temporal_port" >/dev/null 2>&1 && break; sleep 0.3; done
echo test-app-secret >"$work/root/etc/private-replies/secrets/app_secrets"
{
	echo "TEMPORAL_ADDRESS=127.0.0.1:$temporal_port"
	echo "PRIVATEREPLY_WEBHOOK_ADDR=127.0.0.1:$(port)"
	echo "PRIVATEREPLY_APPROVALS_ADDR=127.0.0.1:$(port)"
} >>"$work/root/etc/private-replies/private-replies.env"
in_root /usr/lib/private-replies/approvals user ana --role admin 2>/dev/null >"$work/root/etc/private-replies/users.yaml"
# What systemd would do: the unit's settings, its user.
run_unit() { # further settings, program
	local settings=()
	while read -r line; do settings+=("$line"); done < <(grep -v '^#' "$work/root/etc/private-replies/private-replies.env" | grep .)
	exec chroot --userspec=private-replies:private-replies "$work/root" env -i "${settings[@]}" "$@"
}
program_of() { sed -n 's/^ExecStart=//p' "$work/root/usr/lib/systemd/system/private-replies-$1.service"; }
(run_unit $(program_of setup)) || fail "the set-up"
for unit in worker bridge desk; do
	ops=$(port)
	(run_unit "PRIVATEREPLY_OPS_ADDR=127.0.0.1:$ops" $(program_of $unit)) >"$work/$unit.log" 2>&1 &
	pids+=($!)
	ready=no
	for _ in $(seq 100); do
		curl -fsS "http://127.0.0.1:$ops/readyz" >"$work/ready" 2>/dev/null && { ready=yes; break; }
		sleep 0.3
	done
	[ $ready = yes ] || { cat "$work/$unit.log"; fail "$unit does not become ready"; }
	curl -fsS "http://127.0.0.1:$ops/metrics" | grep "privatereply_build_info{.*version=\"v$version\"" || fail "$unit does not say its version"
done

say "the chart"
(cd deploy/helm/check && go vet ./... && go test -count 1 ./...)

say "the alerts' routes"
(cd "$work" && apt-get download -qq prometheus-alertmanager && dpkg -x prometheus-alertmanager_*.deb alertmanager)
"$work/alertmanager/usr/bin/amtool" check-config deploy/prometheus/alertmanager.yml

say "a rollout over running replies"
go run ./lab/cmd/lab run rollout

say "a backup, played back"
scripts/cluster.sh restore

say "all of it works"

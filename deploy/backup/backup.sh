#!/bin/sh
# Dumps Temporal's databases, and plays a dump back.
#
#   backup.sh daily          dump every BACKUP_EVERY seconds, remove what is older than BACKUP_KEEP days
#   backup.sh dump           dump once
#   backup.sh fresh          is the newest dump at most two of these periods old?
#   backup.sh restore DAY    play back the dump of DAY, such as 2026-01-31T0300Z; Temporal must be stopped
#
# It speaks to the Postgres that PGHOST, PGPORT and PGUSER name.
set -eu
dir="${BACKUP_DIR:-/backups}"
every="${BACKUP_EVERY:-86400}"
keep="${BACKUP_KEEP:-14}"
databases="temporal temporal_visibility"
if [ -n "${PGPASSWORD_FILE:-}" ]; then
	PGPASSWORD="$(cat "$PGPASSWORD_FILE")"
	export PGPASSWORD
fi

# Both databases of one moment have one name; a dump that was cut off never has it.
dump() {
	day="$(date -u +%Y-%m-%dT%H%MZ)"
	for db in $databases; do
		pg_dump -Fc --file "$dir/.$db-$day.part" "$db"
	done
	for db in $databases; do
		mv "$dir/.$db-$day.part" "$dir/$db-$day.dump"
	done
	echo "dumped $day"
}

fresh() {
	[ -n "$(find "$dir" -name 'temporal-*.dump' -mmin "-$((every * 2 / 60 + 1))" | head -n 1)" ] || {
		echo "the newest dump in $dir is older than $((every * 2)) seconds"
		exit 1
	}
}

restore() {
	for db in $databases; do
		[ -r "$dir/$db-$1.dump" ] || {
			echo "there is no $dir/$db-$1.dump; there are:"
			ls "$dir"
			exit 1
		}
	done
	for db in $databases; do
		pg_restore -d postgres --clean --if-exists --create --exit-on-error "$dir/$db-$1.dump"
	done
	echo "restored $1"
}

case "${1:-}" in
daily)
	while true; do
		if dump; then
			find "$dir" -name 'temporal*.dump' -mtime "+$keep" -delete
		fi
		rm -f "$dir"/.temporal*.part
		sleep "$every" &
		wait $! # so that SIGTERM ends it at once
	done
	;;
dump) dump ;;
fresh) fresh ;;
restore) restore "${2:?say which: backup.sh restore 2026-01-31T0300Z}" ;;
*)
	sed -n '2,9s/^# \{0,1\}//p' "$0"
	exit 2
	;;
esac

#!/bin/bash
# down.sh STATE [--wipe]: stops the lab, and removes STATE with --wipe.
set -euo pipefail
. "$(dirname "$0")/common.sh"
. "$LAB/hosts.sh"
. "$LAB/node.sh"

[ $# = 1 ] || [ "$*" = "$1 --wipe" ] || die "usage: down.sh STATE [--wipe]"
[ -d "$1" ] || exit 0
STATE=$(cd "$1" && pwd)
exec 8>"$STATE/up.lock"
flock 8

rm -f "$STATE/run/ready"
BASE=$(cat "$STATE/port-base" 2>/dev/null) || BASE=0
node_names
hosts_down
for file in "$STATE"/run/*.pid; do
	stop "$(basename "$file" .pid)" KILL
done
if [ "${2:-}" = --wipe ]; then
	for file in "$STATE"/*/data-folder; do
		[ ! -e "$file" ] || rm -rf "$(cat "$file")"
	done
	rm -rf "$STATE"
fi

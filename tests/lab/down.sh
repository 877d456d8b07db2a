#!/bin/bash
# down.sh STATE [--wipe]: stops the lab, and removes STATE with --wipe.
set -euo pipefail
. "$(dirname "$0")/common.sh"
. "$LAB/process.sh"

[ $# = 1 ] || [ "$*" = "$1 --wipe" ] || die "usage: down.sh STATE [--wipe]"
[ -d "$1" ] || exit 0
STATE=$(cd "$1" && pwd)
exec 8>"$STATE/up.lock"
flock 8

# Only the databases have to be left in order.
rm -f "$STATE/run/ready"
for file in "$STATE"/run/*.pid; do
	name=$(basename "$file" .pid)
	[ "$name" = mariadb ] || stop "$name" KILL
done
stop mariadb TERM
if [ "${2:-}" = --wipe ]; then
	bash "$LAB/kubernetes/down.sh" "$STATE/kubernetes" --wipe # it lies in there
	rm -rf "$STATE"
fi

#!/bin/bash
# down.sh STATE [--wipe]: stops the lab, and removes STATE with --wipe.
set -euo pipefail
. "$(dirname "$0")/common.sh"

[ $# = 1 ] || [ "$*" = "$1 --wipe" ] || die "usage: down.sh STATE [--wipe]"
[ -d "$1" ] || exit 0
STATE=$(cd "$1" && pwd)
exec 8>"$STATE/up.lock"
flock 8

# stop NAME SIGNAL: sends it to the process group, and waits
stop()
{
	local group
	! alive "$1" || {
		read -r group _ <"$STATE/run/$1.pid"
		kill "-$2" -- "-$group"
		retry 30 eval "! alive $1" || die "$1 does not stop"
	}
	rm -f "$STATE/run/$1.pid"
}

# Only the databases have to be left in order.
rm -f "$STATE/run/ready"
for file in "$STATE"/run/*.pid; do
	name=$(basename "$file" .pid)
	[ "$name" = mariadb ] || stop "$name" KILL
done
stop mariadb TERM
[ "${2:-}" != --wipe ] || rm -rf "$STATE"

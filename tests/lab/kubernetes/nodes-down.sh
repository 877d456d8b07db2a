#!/bin/bash
# nodes-down.sh DIR [--wipe | NAME...]: stops all hosts of DIR, and removes DIR with --wipe; or stops
# and removes those named.
set -euo pipefail
. "$(dirname "$0")/common.sh"
. "$LAB/hosts.sh"

[ $# -ge 1 ] || die "usage: nodes-down.sh DIR [--wipe | NAME...]"
[ -d "$1" ] || exit 0
STATE=$(cd "$1" && pwd)
HOSTS=$STATE
exec 8>"$STATE/up.lock"
flock 8

BASE=$(cat "$STATE/port-base" 2>/dev/null) || BASE=0
hosts_names
case ${2:-} in
'') hosts_down ;;
--wipe)
	hosts_down
	rm -rf "$STATE"
	;;
*)
	for name in "${@:2}"; do
		host_down "$name"
		rm -rf "${HOSTS:?}/$name"
	done
	hosts_ssh
	;;
esac

#!/bin/bash
# down.sh STATE [--wipe]: stops the lab, and removes STATE with --wipe.
set -euo pipefail
. "${BASH_SOURCE%/*}/common.sh"

[ $# = 1 ] || [ "$*" = "$1 --wipe" ] || die "usage: down.sh STATE [--wipe]"
[ -d "$1" ] || exit 0
STATE=$(cd "$1" && pwd)
mkdir -p "$STATE/run"
exec 8>"$STATE/up.lock"
flock 8

# groups NAME...: the process groups of those that run
groups()
{
	local name
	for name; do
		! alive "$name" || cut -d' ' -f1 "$STATE/run/$name.pid"
	done
}

gone()
{
	[ -z "$(groups "$@")" ]
}

# signal NAME NAME...: sends it to their process groups
signal()
{
	local name=$1 group
	shift
	for group in $(groups "$@"); do
		kill "-$name" -- "-$group" 2>/dev/null || true
	done
}

# stop NAME...: asks, waits up to 5 s, forces
stop()
{
	signal TERM "$@"
	retry 5 gone "$@" || signal KILL "$@"
}

servers=()
for file in "$STATE"/run/*.pid; do
	name=${file##*/}
	servers+=("${name%.pid}")
done
# First what talks to the others.
others=()
for name in "${servers[@]}"; do
	case $name in mariadb | memcached | rabbitmq | epmd) ;; *) others+=("$name") ;; esac
done
if [ "${2:-}" = --wipe ]; then
	signal KILL "${servers[@]}"
	retry 5 gone "${servers[@]}"
	rm -rf "$STATE"
else
	stop "${others[@]}"
	stop mariadb memcached rabbitmq epmd
	rm -f "$STATE"/run/*.pid "$STATE/run/ready"
fi

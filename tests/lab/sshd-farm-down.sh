#!/bin/bash
# sshd-farm-down.sh DIR [--wipe]: stops the hosts of sshd-farm.sh, and removes DIR with --wipe.
set -euo pipefail
. "$(dirname "$0")/common.sh"
. "$LAB/process.sh"

[ $# = 1 ] || [ $# = 2 ] || die "usage: sshd-farm-down.sh DIR [--wipe]"
[ -d "$1" ] || exit 0
STATE=$(cd "$1" && pwd)
space=lab-$(cat "$STATE/port-base")
stop farm KILL
ip link del "$space" 2>/dev/null || true
ip netns del "$space" 2>/dev/null || true
[ "${2:-}" != --wipe ] || rm -rf "$STATE"

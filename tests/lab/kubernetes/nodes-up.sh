#!/bin/bash
# nodes-up.sh DIR N | NAME=ADDRESS/PREFIX...: starts hosts h1 to hN, or those named, such as a cluster
# is made of: bare ones, on a network of their own. Those that run stay as they are.
# README.md tells what is in DIR then.
set -euo pipefail
. "$(dirname "$0")/common.sh"
. "$LAB/hosts.sh"

[ $# -ge 2 ] || die "usage: nodes-up.sh DIR N | NAME=ADDRESS/PREFIX..."
mkdir -p "$1"/{log,run}
STATE=$(cd "$1" && pwd)
HOSTS=$STATE
exec 8>"$STATE/up.lock"
flock 8

obstacle=$(hosts_obstacle "$HOSTS")
[ -z "$obstacle" ] || die "LEFT OUT: hosts: $obstacle"
bash "$LAB/install.sh"
choose_ports "${NODES_PORT_BASE:-}" 40000
hosts_names
hosts_prepare

wanted=("${@:2}")
if [[ "$*" =~ \ ([0-9]+)$ ]]; then
	wanted=()
	for ((i = 1; i <= BASH_REMATCH[1]; i++)); do
		wanted+=("h$i=$NET.$((10 + i))/24")
	done
fi
for host in "${wanted[@]}"; do
	[ -e "$HOSTS/${host%%=*}/number" ] || host_files "${host%%=*}" "${host#*=}"
	host_start "${host%%=*}"
	[ -z "${FLOATING:-}" ] || host_floating "${host%%=*}"
done
hosts_ssh
for host in "${wanted[@]}"; do
	retry 120 in_host "${host%%=*}" true || die "${host%%=*} does not answer: see $STATE/log/${host%%=*}.log"
done
echo "tests/lab/kubernetes: hosts up after $SECONDS s: ssh -F $STATE/ssh/config ${wanted[*]%%=*}" >&2

#!/bin/bash
# match.sh STATE CLOUD DIR: for each server that runs in CLOUD of the lab in STATE, a host in DIR with its
# name, its fixed address and its key, which is to be reached from here at this address: the fake
# hypervisor's servers are nowhere. Hosts whose servers are gone go. Needs root.
set -euo pipefail
. "$(dirname "$0")/common.sh"

[ $# = 3 ] || die "usage: match.sh STATE CLOUD DIR"
mkdir -p "$3"
servers=$(OS_CLIENT_CONFIG_FILE=$1/clouds.yaml "$VENV/bin/python" "$LAB/match.py" "$2")
keys=$(mktemp)
trap 'rm -f "$keys"' EXIT
for number in "$3"/*/number; do
	name=$(basename "${number%/number}")
	if [ -e "$number" ] && ! grep -qF "$name $(cat "$3/$name/address") " <<<"$servers"; then
		"$LAB/kubernetes/nodes-down.sh" "$3" "$name"
	fi
done
while read -r name address key; do
	[ -n "$name" ] || continue
	echo "$key" >"$keys"
	AUTHORIZED_KEYS=$keys "$LAB/kubernetes/nodes-up.sh" "$3" "$name=$address" </dev/null
done <<<"$servers"

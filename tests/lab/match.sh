#!/bin/bash
# match.sh STATE CLOUD DIR: for each server that runs in CLOUD of the lab in STATE, a host in DIR with its name, its
# addresses, and the keys that it was given, which is to be reached from here at these addresses: the fake
# hypervisor's servers are nowhere. Hosts whose servers are gone go. Needs root.
set -euo pipefail
. "$(dirname "$0")/common.sh"

[ $# = 3 ] || die "usage: match.sh STATE CLOUD DIR"
mkdir -p "$3"
servers=$(mktemp -d)
trap 'rm -rf "$servers"' EXIT
OS_CLIENT_CONFIG_FILE=$1/clouds.yaml "$VENV/bin/python" "$LAB/match.py" "$2" "$servers"
NETWORKS=$servers/networks "$LAB/kubernetes/nodes-up.sh" "$3" 0
for number in "$3"/*/number; do
	name=$(basename "${number%/number}")
	if [ -e "$number" ] && ! cmp -s "$servers/$name/id" "$3/$name/server"; then
		"$LAB/kubernetes/nodes-down.sh" "$3" "$name"
	fi
done
for server in "$servers"/*/; do
	[ -d "$server" ] || continue
	name=$(basename "$server")
	AUTHORIZED_KEYS=$server/keys HOST_KEY=$server/host_key FLOATING=$server/floating \
		"$LAB/kubernetes/nodes-up.sh" "$3" "$name=$(cat "$server/address")"
	cp "$server/id" "$3/$name/server"
done

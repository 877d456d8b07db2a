#!/bin/bash
# sshd-farm.sh DIR N: starts N hosts s1 to sN that are but an sshd each, in one network of their own,
# for what is to be seen with many. Needs root. README.md tells what is in DIR then.
# MAX_STARTUPS (10:30:100, as sshd's own) is theirs.
set -euo pipefail
. "$(dirname "$0")/common.sh"
. "$LAB/process.sh"

[ $# = 2 ] || die "usage: sshd-farm.sh DIR N"
mkdir -p "$1"/{log,run,hosts,ssh}
STATE=$(cd "$1" && pwd)
exec 8>"$STATE/up.lock"
flock 8
! alive farm || die "$STATE: a farm runs there: take it down first"

bash "$LAB/packages.sh" iproute2 openssh-client openssh-server util-linux
choose_ports "${FARM_PORT_BASE:-}" 60000
SPACE=lab-$BASE
NET=10.$((BASE / 1000))
"$LAB/sshd-farm-down.sh" "$STATE" # what is left of an earlier one

# All addresses are in the space, but for some that no host has.
network()
{
	ip netns add "$SPACE"
	ip link add "$SPACE" type veth peer name eth0 netns "$SPACE"
	ip addr add "$NET.0.1/30" dev "$SPACE"
	ip link set "$SPACE" up
	ip -n "$SPACE" addr add "$NET.0.2/30" dev eth0
	ip -n "$SPACE" link set lo up
	ip -n "$SPACE" link set eth0 up
	ip -n "$SPACE" route add default via "$NET.0.1"
	ip -n "$SPACE" route add local "$NET.0.0/16" dev lo table main
	ip -n "$SPACE" route add blackhole "$NET.255.1"
	ip -n "$SPACE" route add unreachable "$NET.255.3"
	nsenter "--net=/run/netns/$SPACE" sysctl -qw net.ipv4.ip_forward=1
	ip route add "$NET.0.0/16" via "$NET.0.2"
}

network
[ -e "$STATE/ssh/id" ] || ssh-keygen -q -t ed25519 -N '' -C lab -f "$STATE/ssh/id"
cat >"$STATE/ssh/sshd_config" <<END
AuthorizedKeysFile /run/farm/id.pub
PermitRootLogin prohibit-password
PasswordAuthentication no
UseDNS no
PidFile none
MaxStartups ${MAX_STARTUPS:-10:30:100}
Subsystem sftp internal-sftp
END
printf '%s\n' "blackhole $NET.255.1" "refuses $NET.255.2" "unreachable $NET.255.3" >"$STATE/faulty"
rm -f "$STATE/ready"
start farm nsenter "--net=/run/netns/$SPACE" unshare --mount --pid --fork --kill-child --mount-proc \
	--propagation private "$PYTHON" "$LAB/farm/farm.py" "$STATE" "$NET" "$2"
# shellcheck disable=SC2016
retry 900 eval '[ -e "$STATE/ready" ] || ! alive farm'
[ -e "$STATE/ready" ] || die "see $STATE/log/farm.log"
echo "tests/lab: $2 hosts up after $SECONDS s: ssh -F $STATE/ssh/config s1" >&2

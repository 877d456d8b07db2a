#!/bin/bash
# kubeadm-up.sh DIR CONTROL_PLANES WORKERS [VERSION]: makes a cluster of the hosts h1, h2... of DIR, by a
# shell script; and DIR/kubeconfig. Tells the seconds that each step took.
set -euo pipefail
. "$(dirname "$0")/common.sh"
. "$LAB/hosts.sh"
. "$LAB/kubeadm.sh"

[ $# = 3 ] || [ $# = 4 ] || die "usage: kubeadm-up.sh DIR CONTROL_PLANES WORKERS [VERSION]"
HOSTS=$(cd "$1" && pwd)
PATH=$KUBE:$PATH
version=${4:-$VERSION}
nodes=()
for ((i = 1; i <= $2 + $3; i++)); do
	nodes+=("h$i")
done

lap()
{
	local now
	now=$(date +%s%N)
	printf '%-24s %6.1f s\n' "$1" "$(((now - then) / 100000000))e-1"
	then=$now
}

# join HOST [ARGUMENT...]
join()
{
	# shellcheck disable=SC2086
	in_host "$1" $command "${@:2}" >"$HOSTS/$1.log" 2>&1 || die "see $HOSTS/$1.log"
}

began=$(date +%s%N) then=$began working=()
for node in "${nodes[@]}"; do
	node_prepare "$node" "$version" >"$HOSTS/$node.log" 2>&1 &
	working+=($!)
done
for node in "${nodes[@]}"; do
	wait "${working[0]}" || die "see $HOSTS/$node.log"
	working=("${working[@]:1}")
done
lap packages,images
more=()
[ "$2" = 1 ] || more=(--upload-certs)
cluster_init h1 "$version" "${more[@]}" >"$HOSTS/h1.log" 2>&1 || die "see $HOSTS/h1.log"
lap init
(umask 077 && cluster_kubeconfig h1 >"$HOSTS/kubeconfig")
[ "$3" = 0 ] || kubectl --kubeconfig "$HOSTS/kubeconfig" taint node h1 node-role.kubernetes.io/control-plane:NoSchedule >/dev/null
command=$(in_host h1 kubeadm token create --print-join-command)
for ((i = 2; i <= $2; i++)); do
	key=$(sed -n 's/.*--certificate-key \([0-9a-f]*\).*/\1/p' "$HOSTS/h1.log")
	join "h$i" --control-plane --certificate-key "$key"
	lap "join h$i"
done
working=()
for ((i = $2 + 1; i <= $2 + $3; i++)); do
	join "h$i" &
	working+=($!)
done
for process in "${working[@]}"; do
	wait "$process"
done
[ "$3" = 0 ] || lap 'join workers'
pods_network "$HOSTS/kubeconfig" "${nodes[@]}"
kubectl --kubeconfig "$HOSTS/kubeconfig" wait --for=condition=Ready --timeout=120s "${nodes[@]/#/node/}" >/dev/null
lap 'network, Ready'
then=$began
lap all

#!/bin/bash
# up.sh STATE: starts the lab, or what is missing of it, and returns when all of it answers.
# README.md tells what is in STATE then.
set -euo pipefail
. "$(dirname "$0")/common.sh"
. "$LAB/hosts.sh"
. "$LAB/kubeadm.sh"
. "$LAB/node.sh"

# make_access NAME: keys and certificates, and kubeconfigs of all who come to the cluster
make_access()
{
	local name=$1 dir=$STATE/$1.new who
	rm -rf "$dir"
	mkdir "$dir"
	sed -e "s|@NAME@|$name|; s|@VERSION@|$VERSION|; s|@PORT@|$API|; s|@DIR@|$dir|" \
		"$LAB/conf/cluster.yaml" >"$dir/kubeadm.yaml"
	kubeadm init phase certs all --config "$dir/kubeadm.yaml"
	for who in "admin-$name system:masters" "ordinary" "throttled" \
		"system:kube-controller-manager" "system:kube-scheduler"; do
		# shellcheck disable=SC2086
		set -- $who
		kubeadm kubeconfig user --config "$dir/kubeadm.yaml" --validity-period 87600h \
			--client-name "$1" ${2:+--org "$2"} >"$dir/${1#system:}.kubeconfig"
	done
	mv "$dir/admin-$name.kubeconfig" "$dir/kubeconfig"
	kubectl --kubeconfig "$dir/kubeconfig" config rename-context "admin-$name@$name" "$name"
	mv "$dir" "$STATE/$name"
}

# Nothing in there has to survive the machine: in memory, if there is enough of it.
data_folder()
{
	local free
	free=$(df --output=avail /dev/shm 2>/dev/null | tail -n 1) || free=0
	if [ "${free:-0}" -gt 2000000 ] && [ -w /dev/shm ]; then
		mktemp -d "/dev/shm/treenail-lab.XXXXXX"
	else
		mkdir -p "$STATE/$1/data"
		echo "$STATE/$1/data"
	fi
}

start_etcd()
{
	local name=$1 dir=$STATE/$1 url=http://127.0.0.1:$((API + 1)) peers=http://127.0.0.1:$((API + 2))
	if ! [ -d "$(cat "$dir/data-folder" 2>/dev/null)" ]; then # the machine was restarted
		for program in kwok kube-scheduler kube-controller-manager kube-apiserver etcd; do
			stop "$name-$program" KILL
		done
		data_folder "$name" >"$dir/data-folder"
	fi
	start "$name-etcd" etcd --data-dir "$(cat "$dir/data-folder")" --unsafe-no-fsync \
		--listen-client-urls "$url" --advertise-client-urls "$url" --listen-peer-urls "$peers" \
		--initial-advertise-peer-urls "$peers" --initial-cluster "default=$peers" \
		--quota-backend-bytes $((2 << 30)) --auto-compaction-retention 5m
}

start_apiserver()
{
	local name=$1 pki=$STATE/$1/pki
	start "$name-kube-apiserver" kube-apiserver --etcd-servers="http://127.0.0.1:$((API + 1))" \
		--bind-address=127.0.0.1 --secure-port="$API" --endpoint-reconciler-type=none \
		--service-cluster-ip-range=10.96.0.0/16 --allow-privileged=true \
		--authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction \
		--client-ca-file="$pki/ca.crt" \
		--tls-cert-file="$pki/apiserver.crt" --tls-private-key-file="$pki/apiserver.key" \
		--kubelet-client-certificate="$pki/apiserver-kubelet-client.crt" \
		--kubelet-client-key="$pki/apiserver-kubelet-client.key" \
		--service-account-issuer=https://kubernetes.default.svc.cluster.local \
		--service-account-key-file="$pki/sa.pub" --service-account-signing-key-file="$pki/sa.key" \
		--requestheader-client-ca-file="$pki/front-proxy-ca.crt" \
		--requestheader-allowed-names=front-proxy-client \
		--requestheader-extra-headers-prefix=X-Remote-Extra- \
		--requestheader-group-headers=X-Remote-Group \
		--requestheader-username-headers=X-Remote-User \
		--proxy-client-cert-file="$pki/front-proxy-client.crt" \
		--proxy-client-key-file="$pki/front-proxy-client.key" --enable-aggregator-routing=true
}

start_controllers()
{
	local name=$1 dir=$STATE/$1
	local often=(--leader-elect=false --kube-api-qps=200 --kube-api-burst=400 --secure-port=0)
	start "$name-kube-controller-manager" kube-controller-manager "${often[@]}" \
		--kubeconfig="$dir/kube-controller-manager.kubeconfig" \
		--use-service-account-credentials=true --root-ca-file="$dir/pki/ca.crt" \
		--service-account-private-key-file="$dir/pki/sa.key" \
		--cluster-signing-cert-file="$dir/pki/ca.crt" --cluster-signing-key-file="$dir/pki/ca.key" \
		--node-monitor-grace-period=24h # kwok tells less often than a kubelet that its nodes live
	start "$name-kube-scheduler" kube-scheduler "${often[@]}" \
		--kubeconfig="$dir/kube-scheduler.kubeconfig"
	start "$name-kwok" kwok --kubeconfig="$dir/kubeconfig" --manage-all-nodes=true \
		--cidr=10.244.0.0/16 --node-ip=10.0.0.1
}

# await SECONDS NAME WHAT COMMAND...: until it succeeds, as long as WHAT runs
await()
{
	local end=$((SECONDS + $1)) name=$2-$3
	shift 3
	until "$@" >/dev/null 2>&1; do
		if ! alive "$name" || [ $SECONDS -ge $end ]; then
			die "$name does not answer: see $STATE/log/$name.log"
		fi
		sleep 0.05
	done
}

# in_cluster NAME ARGUMENT...: kubectl, as the administrator
in_cluster()
{
	local name=$1
	shift
	kubectl --kubeconfig "$STATE/$name/kubeconfig" "$@"
}

# Pods are refused before their namespace has its service account.
fill()
{
	local name=$1
	await 60 "$name" kube-controller-manager in_cluster "$name" get serviceaccount default
	in_cluster "$name" apply -f "$LAB/conf/objects.yaml"
	in_cluster "$name" wait --for=condition=Ready --timeout=60s node --all
	in_cluster "$name" -n lab create token ordinary --duration 8760h >"$STATE/$name/token"
}

# each FUNCTION: with the name of each of the clusters, and the first of its ports in API
each()
{
	# shellcheck disable=SC2153
	API=$BASE
	for name in one two; do
		"$1" "$name"
		API=$((API + 10))
	done
}

prepare()
{
	[ -d "$STATE/$1" ] || make_access "$1" >"$STATE/log/$1-access.log" 2>&1 ||
		die "no keys for $1: see $STATE/log/$1-access.log"
	sed -i "s|server: .*|server: https://127.0.0.1:$API|" "$STATE/$1"/*kubeconfig
}

answers()
{
	await 120 "$1" kube-apiserver in_cluster "$1" get --raw /readyz
}

[ $# = 1 ] || die "usage: up.sh STATE"
mkdir -p "$1"/{log,run}
STATE=$(cd "$1" && pwd)
exec 8>"$STATE/up.lock"
flock 8

bash "$LAB/install.sh"
PATH=$KUBE:$PATH
ln -sfn "$KUBE" "$STATE/bin"
export HOME=$STATE # of kubectl's caches
choose_ports "${KUBERNETES_LAB_PORT_BASE:-}" 17000 {0..2} {10..12}
node_start
node=
[ -e "$STATE/run/ready" ] || { node_finish & node=$!; }
[ -e "$STATE/run/ready" ] || each prepare
each start_etcd
each start_apiserver
[ -e "$STATE/run/ready" ] || each answers
each start_controllers
if ! [ -e "$STATE/run/ready" ]; then
	each fill >"$STATE/log/fill.log" 2>&1 || die "see $STATE/log/fill.log"
	KUBECONFIG=$STATE/one/kubeconfig:$STATE/two/kubeconfig kubectl config view --flatten >"$STATE/kubeconfig.new"
	mv "$STATE/kubeconfig.new" "$STATE/kubeconfig"
	[ -z "$node" ] || wait "$node" || exit 1
	touch "$STATE/run/ready"
fi
echo "tests/lab/kubernetes: up after $SECONDS s: $STATE/kubeconfig" >&2

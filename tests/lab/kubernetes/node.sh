# Sourced by up.sh and down.sh: the real node, a host with a cluster of its own that an ordinary kubeadm
# sets up on it. STATE/node has it.
# shellcheck shell=bash disable=SC2153

node_names()
{
	HOSTS=$STATE/node
	hosts_names
}

node_start()
{
	local obstacle
	node_names
	if [ "$(cat "$HOSTS/node/made" 2>/dev/null)" = "$NET" ]; then
		! alive node || return 0
		hosts_down # what is left of it
	else
		stop node KILL
		hosts_down
		rm -rf "$HOSTS"
		mkdir -p "$HOSTS"
		obstacle=$(hosts_obstacle "$HOSTS")
		[ "${KUBERNETES_LAB_NODE:-yes}" = yes ] || obstacle="KUBERNETES_LAB_NODE=$KUBERNETES_LAB_NODE"
		if [ -n "$obstacle" ]; then
			rm -rf "$HOSTS"
			echo "LEFT OUT: the real node: $obstacle" >&2
			return 0
		fi
		hosts_prepare
		host_files node "$NET.2/24"
		hosts_ssh
	fi
	hosts_prepare
	host_start node
}

node_ready()
{
	local kubectl=(kubectl --kubeconfig "$HOSTS/kubeconfig")
	"${kubectl[@]}" wait --for=condition=Ready --timeout=1s node/node &&
		"${kubectl[@]}" get serviceaccount default
}

node_make()
{
	node_prepare node "$VERSION" && cluster_init node "$VERSION" --skip-phases=addon/coredns
}

# After node_start. Until it ends well it is done anew, from nothing.
node_finish()
{
	[ -d "$HOSTS" ] || return 0
	retry 60 in_host node true || die "the node does not start: see $STATE/log/node.log"
	[ -e "$HOSTS/node/made" ] || node_make >"$STATE/log/kubeadm.log" 2>&1 || die "see $STATE/log/kubeadm.log"
	cluster_kubeconfig node >"$HOSTS/kubeconfig.new"
	kubectl --kubeconfig "$HOSTS/kubeconfig.new" config rename-context \
		kubernetes-super-admin@node node >/dev/null
	mv "$HOSTS/kubeconfig.new" "$HOSTS/kubeconfig"
	pods_network "$HOSTS/kubeconfig" node
	echo "$NET" >"$HOSTS/node/made"
	retry 120 node_ready || die "the node does not get ready: see $STATE/log/kubeadm.log"
}

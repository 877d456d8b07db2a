# Sourced by up.sh and down.sh: the real node, a host of its own on this machine, with a cluster that
# an ordinary kubeadm sets up on it. STATE/node has its root and its data.
# shellcheck shell=bash disable=SC2153

# Names and addresses in the machine are those of this lab's ports.
node_names()
{
	NODE=$STATE/node
	NODE_SPACE=lab-$BASE # of the network, and the group of its processes
	NODE_NET=10.77.$((BASE / 1000))
	NODE_ADDRESS=$NODE_NET.2
}

# Says why there can be no such host here, if so.
node_obstacle()
{
	[ "$(id -u)" = 0 ] || { echo "needs root" && return; }
	mountpoint -q /sys/fs/cgroup/memory || { echo "needs cgroups of version 1" && return; }
	mkdir -p "$NODE"/{upper,work,root}
	# shellcheck disable=SC2016
	unshare --mount --net --pid --uts --ipc --cgroup --fork bash -euc '
		mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
		mount -t proc proc "$1/root/proc"
		ip link add name try0 type veth peer name try1
		mkdir -p /sys/fs/cgroup/memory/lab-try
		rmdir /sys/fs/cgroup/memory/lab-try' - "$NODE" >"$STATE/log/node-try.log" 2>&1 ||
		echo "needs namespaces, an overlay and cgroups: see $STATE/log/node-try.log"
}

in_node()
{
	ssh -F "$NODE/ssh/config" node "$@"
}

node_network()
{
	ip netns add "$NODE_SPACE" 2>/dev/null || true
	if ! ip link show "$NODE_SPACE" >/dev/null 2>&1; then
		ip link add "$NODE_SPACE" type veth peer name eth0 netns "$NODE_SPACE"
		ip addr add "$NODE_NET.1/30" dev "$NODE_SPACE"
		ip link set "$NODE_SPACE" up
		ip -n "$NODE_SPACE" addr add "$NODE_ADDRESS/30" dev eth0
		ip -n "$NODE_SPACE" link set lo up
		ip -n "$NODE_SPACE" link set eth0 up
		ip -n "$NODE_SPACE" route add default via "$NODE_NET.1"
	fi
	nsenter "--net=/run/netns/$NODE_SPACE" sysctl -qw net.ipv4.ip_forward=1
}

# Files of the host that are not as on this machine.
node_files()
{
	local upper=$NODE/upper unit
	mkdir -p "$NODE"/{root,work,data,ssh} "$upper/root/.ssh"
	chmod 755 "$NODE" "$upper" # the host's root folder
	cp -r "$LAB/node/root/." "$upper/"
	ssh-keygen -q -t ed25519 -N '' -f "$NODE/ssh/id"
	ssh-keygen -q -t ed25519 -N '' -f "$upper/etc/ssh/ssh_host_ed25519_key"
	cp "$NODE/ssh/id.pub" "$upper/root/.ssh/authorized_keys"
	tr -d - </proc/sys/kernel/random/uuid >"$upper/etc/machine-id"
	echo node >"$upper/etc/hostname"
	printf '%s\n' '127.0.0.1 localhost' "$NODE_ADDRESS node" >"$upper/etc/hosts"
	echo "nameserver $NODE_NET.1" >"$upper/etc/resolv.conf"
	: >"$upper/etc/fstab"
	: >"$upper/root/.bashrc" # who works on this machine may have much to be done at each log-in
	for unit in sysctl random-seed modules-load binfmt hwdb-update pcrphase pcrphase-sysinit \
		timesyncd networkd resolved; do
		ln -s /dev/null "$upper/etc/systemd/system/systemd-$unit.service"
	done
	find "$upper/etc" -type d -exec chmod 755 {} +
	find "$upper/etc" -type f ! -name '*_key' -exec chmod 644 {} +
	sed -e "s|@VERSION@|$VERSION|; s|@ADDRESS@|$NODE_ADDRESS|" "$LAB/conf/node.yaml" >"$upper/root/kubeadm.yaml"
	printf '%s\n' 'Host node' "HostName $NODE_ADDRESS" 'User root' "IdentityFile $NODE/ssh/id" \
		"UserKnownHostsFile $NODE/ssh/known_hosts" 'StrictHostKeyChecking accept-new' \
		'BatchMode yes' 'ConnectTimeout 2' 'LogLevel ERROR' >"$NODE/ssh/config"
}

# image NAME PATH...: see image.py
image()
{
	"$PYTHON" "$LAB/node/image.py" "lab.invalid/$1" "${@:2}" | in_node ctr -n k8s.io images import -
}

# One image has all of Kubernetes, as its pods name the program that they want.
node_images()
{
	local name links=() kube
	gcc -O2 -static -s -o "$NODE/pause" "$LAB/node/pause.c"
	image pause:3.10 "/pause=$NODE/pause"
	for name in $(busybox --list | grep -vx busybox); do
		links+=("/bin/$name@busybox")
	done
	image busybox:1 /bin/busybox=/bin/busybox "${links[@]}"
	links=()
	for name in etcd kube-{apiserver,controller-manager,proxy,scheduler}; do
		links+=("/usr/local/bin/$name@kube")
	done
	kube=lab.invalid/kube:$VERSION
	image "kube:$VERSION" "/usr/local/bin/kube=$KUBE/kube" /usr/sbin/nft=/usr/sbin/nft \
		/usr/sbin/conntrack=/usr/sbin/conntrack "${links[@]}"
	in_node "kubeadm config images list --config kubeadm.yaml | grep -v -e coredns -e pause |
		xargs -n 1 ctr -n k8s.io images tag $kube"
}

node_init()
{
	node_images
	in_node systemctl enable -q kubelet
	in_node kubeadm init --config kubeadm.yaml --skip-phases=addon/coredns
}

node_start()
{
	local obstacle
	node_names
	if [ "$(cat "$NODE/made" 2>/dev/null)" = "$NODE_NET" ]; then
		! alive node || return 0
		node_down # what is left of it
	else
		node_down
		rm -rf "$NODE"
		obstacle=$(node_obstacle)
		[ "${KUBERNETES_LAB_NODE:-yes}" = yes ] || obstacle="KUBERNETES_LAB_NODE=$KUBERNETES_LAB_NODE"
		if [ -n "$obstacle" ]; then
			rm -rf "$NODE"
			echo "LEFT OUT: the real node: $obstacle" >&2
			return 0
		fi
		node_files
	fi
	node_network
	start node nsenter "--net=/run/netns/$NODE_SPACE" "$LAB/node/enter.sh" "$NODE" "$NODE_SPACE" "$KUBE"
}

node_ready()
{
	local kubectl=(kubectl --kubeconfig "$NODE/kubeconfig")
	"${kubectl[@]}" wait --for=condition=Ready --timeout=1s node/node &&
		"${kubectl[@]}" get serviceaccount default
}

# After node_start. Until it ends well it is done anew, from nothing.
node_finish()
{
	[ -d "$NODE" ] || return 0
	retry 60 in_node true || die "the node does not start: see $STATE/log/node.log"
	if ! [ -e "$NODE/made" ]; then
		node_init >"$STATE/log/kubeadm.log" 2>&1 || die "see $STATE/log/kubeadm.log"
		echo "$NODE_NET" >"$NODE/made"
	fi
	in_node cat /etc/kubernetes/super-admin.conf >"$NODE/kubeconfig.new"
	kubectl --kubeconfig "$NODE/kubeconfig.new" config rename-context \
		kubernetes-super-admin@node node >/dev/null
	mv "$NODE/kubeconfig.new" "$NODE/kubeconfig"
	retry 120 node_ready || die "the node does not get ready: see $STATE/log/kubeadm.log"
}

node_gone()
{
	find /sys/fs/cgroup/*/"$NODE_SPACE" -depth -type d -exec rmdir {} +
	! ls -d /sys/fs/cgroup/*/"$NODE_SPACE"
}

node_down()
{
	stop node KILL # and systemd with it, and all that it has
	[ "$(id -u)" = 0 ] || return 0
	ip link del "$NODE_SPACE" 2>/dev/null || true
	ip netns del "$NODE_SPACE" 2>/dev/null || true
	retry 30 node_gone || die "processes of the node do not end"
}

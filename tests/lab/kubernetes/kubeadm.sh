# Sourced: makes a cluster of hosts with packages and kubeadm, as people do who have but a shell. HOSTS
# has the hosts, of hosts.sh.
# shellcheck shell=bash disable=SC2153

# node_prepare NAME VERSION: all that a host needs before it is part of a cluster
node_prepare()
{
	tar -C "$LAB/node/root" -c . | in_host "$1" tar -C / -x --no-same-owner --no-overwrite-dir &&
		in_host "$1" bash -euo pipefail -s "$2" <<-'END'
		export DEBIAN_FRONTEND=noninteractive
		source='[signed-by=/srv/lab/kubernetes/Release.key] file:/srv/lab/kubernetes ./'
		echo "deb $source" >/etc/apt/sources.list.d/kubernetes.list
		kubernetes=${1#v}-1.1
		apt-get -qq update
		apt-get -qq -y --no-install-recommends -o Dpkg::Options::=--force-confold install \
			containerd "kubelet=$kubernetes" "kubeadm=$kubernetes" "kubectl=$kubernetes" </dev/null >/dev/null
		apt-mark hold kubelet kubeadm kubectl
		modprobe -a overlay br_netfilter
		sysctl -q --load /etc/sysctl.d/kubernetes.conf
		systemctl restart containerd
		for image in pause etcd coredns busybox "kubernetes-$1"; do
			ctr -n k8s.io images import "/srv/lab/images/$image.tar"
		done
	END
}

# cluster_init NAME VERSION [KUBEADM ARGUMENT...]: makes it the first control plane
cluster_init()
{
	local address
	address=$(cut -d/ -f1 "$HOSTS/$1/address")
	sed -e "s|@VERSION@|$2|; s|@ADDRESS@|$address|; s|@NAME@|$1|" "$LAB/conf/node.yaml" |
		in_host "$1" tee /root/kubeadm.yaml >/dev/null
	in_host "$1" kubeadm init --config /root/kubeadm.yaml "${@:3}"
}

# cluster_kubeconfig NAME: what the administrator has at the control plane NAME
cluster_kubeconfig()
{
	in_host "$1" cat /etc/kubernetes/super-admin.conf
}

# pods_network KUBECONFIG NAME...: connects the pods of these nodes, which are all there are
pods_network()
{
	local kubeconfig=$1 name other
	declare -A of
	shift
	for name; do
		retry 60 eval "of[$name]=\$(kubectl --kubeconfig '$kubeconfig' get node '$name' -o 'jsonpath={.spec.podCIDR}') &&
			[ -n \"\${of[$name]}\" ]" || die "$name has no addresses for pods"
	done
	for name; do
		for other; do
			[ "$name" = "$other" ] || echo "ip route replace ${of[$other]} via $(cut -d/ -f1 "$HOSTS/$other/address")"
		done | in_host "$name" sh -e
		sed "s|@PODS@|${of[$name]}|" "$LAB/conf/lab.conflist" |
			in_host "$name" 'mkdir -p /etc/cni/net.d && cat >/etc/cni/net.d/lab.conflist'
	done
}

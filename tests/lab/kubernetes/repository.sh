#!/bin/bash
# repository.sh: makes what hosts get of Kubernetes, in both versions: a signed repository of apt, laid
# out as Kubernetes' own packages are, and its images as archives.
set -euo pipefail
. "$(dirname "$0")/common.sh"
umask 022

ARCH=$(dpkg --print-architecture)

# package NAME VERSION DEPENDS < DESCRIPTION: of the files in $new/root, with the scripts in $new/root/DEBIAN
package()
{
	mkdir -p "$new/root/DEBIAN"
	printf '%s\n' "Package: $1" "Version: $2" "Architecture: $ARCH" 'Maintainer: lab <lab@lab.invalid>' \
		${3:+"Depends: $3"} "Description: $(cat)" >"$new/root/DEBIAN/control"
	dpkg-deb --root-owner-group --uniform-compression -Z gzip --build "$new/root" \
		"$new/kubernetes/$1_$2_$ARCH.deb" >/dev/null
	rm -rf "$new/root"
}

# program NAME VERSION: its file is too large to have it on the disk of each host
program()
{
	mkdir -p "$new/root/usr/bin"
	ln -s "/srv/lab/$2/$1" "$new/root/usr/bin/$1"
}

# packages VERSION
packages()
{
	local version=${1#v}-1.1 root=$new/root
	program kubectl "$1"
	package kubectl "$version" '' <<<'Command-line client of Kubernetes'

	program kubelet "$1"
	mkdir -p "$root"/{etc/default,etc/kubernetes/manifests,usr/lib/systemd/system,var/lib/kubelet,DEBIAN}
	touch "$root"/{etc/kubernetes/manifests,var/lib/kubelet}/.kubelet-keep
	echo KUBELET_EXTRA_ARGS= >"$root/etc/default/kubelet"
	echo /etc/default/kubelet >"$root/DEBIAN/conffiles"
	cp "$LAB/conf/kubelet.service" "$root/usr/lib/systemd/system/"
	cat >"$root/DEBIAN/postinst" <<-'END'
		#!/bin/sh
		# Enabled when it is new, but never started.
		[ "$1" != configure ] || [ -n "$2" ] || deb-systemd-helper enable kubelet.service
		[ ! -d /run/systemd/system ] || systemctl daemon-reload
	END
	chmod 755 "$root/DEBIAN/postinst"
	package kubelet "$version" 'conntrack, ethtool, iproute2, iptables, kubernetes-cni (>= 1.2.0), mount, util-linux' \
		<<<'Node agent of Kubernetes'

	program kubeadm "$1"
	mkdir -p "$root/usr/lib/systemd/system/kubelet.service.d"
	cp "$LAB/conf/10-kubeadm.conf" "$root/usr/lib/systemd/system/kubelet.service.d/"
	package kubeadm "$version" 'kubelet (>= 1.19.0), kubectl (>= 1.19.0), kubernetes-cni (>= 1.2.0)' \
		<<<'Makes clusters of Kubernetes'
}

# Debian's, in the place where Kubernetes' own package has them.
plugins()
{
	local name root=$new/root
	mkdir -p "$root"/{opt/cni/bin,etc/cni/net.d}
	touch "$root/etc/cni/net.d/.kubernetes-cni-keep"
	for name in bandwidth bridge dhcp firewall host-device host-local ipvlan loopback macvlan portmap ptp sbr \
		static tuning vlan vrf; do
		ln -s "/usr/lib/cni/$name" "$root/opt/cni/bin/"
	done
	package kubernetes-cni 1.6.0-1.1 containernetworking-plugins <<<'Plugins for the networks of pods'
}

# Signed with a key that is thrown away.
sign()
{
	local key=(gpg -q --batch --homedir "$new/gnupg")
	mkdir -m 700 "$new/gnupg"
	"${key[@]}" --passphrase '' --quick-generate-key lab@lab.invalid ed25519 sign never
	"${key[@]}" --armor --export >"$1/Release.key"
	printf '%s\n' 'Origin: lab' 'Suite: stable' "Date: $(LC_ALL=C date -uR)" "Architectures: $ARCH" 'SHA256:' \
		" $(sha256sum <"$1/Packages" | cut -d' ' -f1) $(stat -c %s "$1/Packages") Packages" >"$1/Release"
	"${key[@]}" --clearsign --output "$1/InRelease" "$1/Release"
	gpgconf --homedir "$new/gnupg" --kill all
	rm -rf "$new/gnupg"
}

# image FILE NAME... -- PATH...: see image.py
image()
{
	"$PYTHON" "$LAB/node/image.py" "${@:2}" >"$new/images/$1.tar"
}

# images VERSION: of control planes, and kube-proxy's. One has all, as their pods name the program that they want.
images()
{
	local name names=() links=()
	for name in kube-{apiserver,controller-manager,proxy,scheduler}; do
		names+=("registry.k8s.io/$name:$1")
		links+=("/usr/local/bin/$name@kube")
	done
	image "kubernetes-$1" "${names[@]}" -- "/usr/local/bin/kube=$BUILT/$1/kube" /usr/sbin/nft=/usr/sbin/nft \
		/usr/sbin/conntrack=/usr/sbin/conntrack "${links[@]}"
}

other_images()
{
	local name links=() wanted
	# shellcheck disable=SC2153
	wanted=$("$KUBE/kubeadm" config images list --kubernetes-version "$VERSION")
	gcc -O2 -static -s -o "$new/pause" "$LAB/node/pause.c"
	image pause "$(grep /pause: <<<"$wanted")" -- "/pause=$new/pause"
	rm "$new/pause"
	image etcd "$(grep /etcd: <<<"$wanted")" -- "/usr/local/bin/etcd=$BUILT/etcd/etcd" \
		/usr/local/bin/etcdctl@etcd /usr/local/bin/etcdutl@etcd
	image coredns "$(grep /coredns: <<<"$wanted")" -- "/coredns=$BUILT/coredns"
	for name in $(busybox --list | grep -vx busybox); do
		links+=("/bin/$name@busybox")
	done
	image busybox lab.invalid/busybox:1 -- /bin/busybox=/bin/busybox "${links[@]}"
}

new=$REPOSITORY.new
rm -rf "$new"
mkdir -p "$new"/{kubernetes,images}
for each in "$OLDER" "$VERSION"; do
	packages "$each"
	images "$each"
done
plugins
other_images
(cd "$new/kubernetes" && packages_index .)
sign "$new/kubernetes"
mv "$new" "$REPOSITORY"

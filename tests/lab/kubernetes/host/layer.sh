#!/bin/bash
# layer.sh: makes what lies between this machine's root and the files of a single host: it takes away
# what a bare Debian has not, and puts sudo, users and host/root there. Beside it, as a repository of
# apt, what hosts install from Debian, with all that it needs here.
set -euo pipefail
. "$(dirname "$0")/../common.sh"
umask 022

# in_layer FOLDER: runs the script on its input as root of FOLDER/root
in_layer()
{
	# shellcheck disable=SC2016
	unshare --mount --pid --fork --kill-child --propagation private bash -euc '
		mount -t overlay overlay -o "lowerdir=/,upperdir=$1/layer,workdir=$1/work" "$1/root"
		mount -t proc proc "$1/root/proc"
		mount --rbind /dev "$1/root/dev"
		mount -t tmpfs -o mode=755 tmpfs "$1/root/run"
		mount -t tmpfs -o mode=1777 tmpfs "$1/root/tmp"
		mkdir -p "$1"/root/srv/lab "$1/root/run/"{debian,host}
		mount --bind "$1/debian" "$1/root/run/debian"
		mount --bind "$2" "$1/root/run/host"
		exec chroot "$1/root" bash -euo pipefail -s "${@:3}"' - "$1" "$LAB/host/root" "${@:2}"
}

new=$BARE.new
rm -rf "$new"
mkdir -p "$new"/{layer,work,root,debian}
"$PYTHON" - "$new/layer" <<-'END'
	import os, sys
	for path in 'root', 'home', 'opt', 'usr/local', 'var/log/journal':
	    path = os.path.join(sys.argv[1], path)
	    os.makedirs(path)
	    os.setxattr(path, 'trusted.overlay.opaque', b'y') # what is in this machine's is not there
END
echo "tests/lab: making the root of bare hosts, once" >&2
in_layer "$new" "${INSTALLED[@]}" <<-'END'
	export DEBIAN_FRONTEND=noninteractive
	printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
	chmod 755 /usr/sbin/policy-rc.d
	get()
	{
		apt-get -qq -y --no-install-recommends -o Dpkg::Options::=--force-unsafe-io "$@" </dev/null >/dev/null
	}
	for name in "$@" kubeadm kubectl kubelet kubernetes-cni cri-tools docker.io docker-ce{,-cli}; do
		! dpkg -s "$name" >/dev/null 2>&1 || gone+=("$name")
	done
	[ -z "${gone:-}" ] || get --allow-change-held-packages purge "${gone[@]}"
	fetch()
	{
		get install sudo && get -o Dir::Cache::archives=/run/debian --download-only install "$@"
	}
	fetch "$@" || { get update && fetch "$@"; }
	rm -rf /run/debian/{lock,partial} /etc/systemd/system/*.wants /etc/rc?.d /etc/apt/sources.list* /var/lib/apt/lists
	mkdir -p /etc/systemd/system/multi-user.target.wants /etc/rc{0,1,2,3,4,5,6,S}.d /var/lib/apt/lists/partial

	cp -r --no-preserve=ownership /run/host/. /
	chmod 440 /etc/sudoers.d/lab
	chmod 700 /root
	for user in ops asks guest stale; do
		useradd --create-home --shell /bin/bash "$user"
	done
	passwd -q --expire stale
	for unit in random-seed binfmt hwdb-update pcrphase pcrphase-sysinit timesyncd networkd resolved; do
		ln -sf /dev/null "/etc/systemd/system/systemd-$unit.service"
	done
	ln -s /dev/null /etc/systemd/system/console-getty.service
	ln -s /lib/systemd/system/ssh.service /etc/systemd/system/multi-user.target.wants/ssh.service
	sed -i '/pam_systemd/d' /etc/pam.d/common-session # sessions without a systemd of their own
	rm -f /var/lib/man-db/auto-update # pages of manuals are indexed by a trigger, which takes seconds
	: >/etc/fstab
	rm -f /etc/ssh/ssh_host_* /usr/sbin/policy-rc.d

	# What the kernel has built in, modprobe is to find.
	modules=/lib/modules/$(uname -r)
	if ! [ -d "$modules" ]; then
		mkdir -p "$modules"
		config=$(zcat /proc/config.gz || true)
		for module in BRIDGE_NETFILTER:net/bridge/br_netfilter OVERLAY_FS:fs/overlayfs/overlay \
			NF_CONNTRACK:net/netfilter/nf_conntrack VXLAN:drivers/net/vxlan/vxlan; do
			! grep -xq "CONFIG_${module%:*}=y" <<<"$config" || echo "kernel/${module#*:}.ko"
		done >"$modules/modules.builtin"
		touch "$modules"/modules.{order,builtin.modinfo}
		depmod
	fi
END
rm -rf "$new"/{work,root}
(cd "$new/debian" && packages_index .)
mv "$new" "$BARE"

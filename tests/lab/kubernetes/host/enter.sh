#!/bin/bash
# enter.sh DIR GROUP NAME=FOLDER...: becomes a host of its own, of which systemd is the first process,
# and stays with it when it reboots. Its root is this machine's, with DIR/upper laid over it; FOLDER is
# its /srv/lab/NAME. Called in the network namespace that the host is to have.
set -euo pipefail
umask 022

DIR=$1 GROUP=$2 root=$1/root

# The group that we are in becomes the root of the host's groups.
if [ "${INSIDE:-}" != yes ]; then
	for group in /sys/fs/cgroup/*; do
		group=$group/$GROUP
		mkdir -p "$group"
		if [ -e "$group/cpuset.cpus" ]; then
			cat "${group%/*}/cpuset.cpus" >"$group/cpuset.cpus"
			cat "${group%/*}/cpuset.mems" >"$group/cpuset.mems"
			echo 1 >"$group/cgroup.clone_children"
		fi
		echo $$ >"$group/cgroup.procs"
	done
	ended=129 # by SIGHUP, as the kernel ends the first process when a host reboots
	while [ $ended = 129 ]; do
		ended=0
		INSIDE=yes unshare --mount --uts --ipc --pid --cgroup --fork --kill-child --propagation private -- \
			"$0" "$@" || ended=$?
	done
	exit $ended
fi

# memory FOLDER MODE: makes it one of the host that is in memory
memory()
{
	mkdir -p "$root$1"
	mount -t tmpfs -o "mode=$2" tmpfs "$root$1"
}

# show FILE PATH: that the host sees FILE at PATH
show()
{
	mount --bind "$1" "$root$2"
}

mount -t overlay overlay -o "lowerdir=/,upperdir=$DIR/upper,workdir=$DIR/work" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
memory /run 755
memory /tmp 1777
memory /dev 755
mkdir "$root"/dev/{pts,mqueue}
memory /dev/shm 1777
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$root/dev/pts"
mount -t mqueue mqueue "$root/dev/mqueue"
for device in null:3 zero:5 full:7 random:8 urandom:9 kmsg:11; do
	mknod -m 666 "$root/dev/${device%:*}" c 1 "${device#*:}"
done
mknod -m 666 "$root/dev/tty" c 5 0
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
for i in 0:stdin 1:stdout 2:stderr; do
	ln -s "/proc/self/fd/${i%:*}" "$root/dev/${i#*:}"
done
touch "$root/dev/console"
show /dev/null /dev/console
# The kubelet looks only whether the device of its disk is there.
disk=$(findmnt -no SOURCE -T "$DIR")
case $disk in /dev/*) mkdir -p "$root${disk%/*}" && touch "$root$disk" ;; esac

memory /sys/fs/cgroup 755
for i in cpu cpuacct cpuset memory devices freezer blkio pids; do
	mkdir "$root/sys/fs/cgroup/$i"
	mount -t cgroup -o "$i" cgroup "$root/sys/fs/cgroup/$i"
done
mkdir "$root"/sys/fs/cgroup/{systemd,unified}
mount -t cgroup -o none,name=systemd cgroup "$root/sys/fs/cgroup/systemd"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup/unified"

# An overlay cannot lie on another one.
for i in lib/containerd lib/docker lib/kubelet lib/etcd log/pods; do
	mkdir -p "$DIR/data/$i" "$root/var/$i"
	show "$DIR/data/$i" "/var/$i"
done
for i in "${@:3}"; do
	mkdir -p "$root/srv/lab/${i%%=*}"
	show "${i#*=}" "/srv/lab/${i%%=*}"
	mount -o remount,bind,ro "$root/srv/lab/${i%%=*}"
done

# What the kubelet would set is the whole machine's: it finds all as it wants it, and may set only
# what each network namespace has of its own.
show "$root/proc/sys" /proc/sys
mount -o remount,bind,ro "$root/proc/sys"
show "$root/proc/sys/net" /proc/sys/net
mount -o remount,bind,rw "$root/proc/sys/net"
for i in vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1 \
	kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000; do
	echo "${i#*=}" >"$root/run/lab.sysctl.${i//[\/=]/.}"
	show "$root/run/lab.sysctl.${i//[\/=]/.}" "/proc/sys/${i%=*}"
done

# A boot of its own, which the kernel has not.
cat /proc/sys/kernel/random/uuid >"$root/run/lab.boot_id"
show "$root/run/lab.boot_id" /proc/sys/kernel/random/boot_id

hostname "$(cat "$root/etc/hostname")"
mkdir -p "$root/mnt/machine"
cd "$root"
pivot_root . mnt/machine
umount -l /mnt/machine
mount --make-rshared /
# The clock is the machine's.
exec env -i container=lab LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
	setpriv --bounding-set -sys_time \
	/lib/systemd/systemd --unit=multi-user.target --log-target=console --show-status=0

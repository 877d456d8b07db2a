#!/bin/bash
# install.sh: everything the lab needs that stays the same from run to run: packages of Debian, and
# all programs of Kubernetes, compiled as one. Finds out in a moment when all is there. Only whole
# things get their final name, and one run works at a time.
set -euo pipefail
. "$(dirname "$0")/common.sh"
. "$LAB/hosts.sh"

PACKAGES=(curl openssl)
# For hosts, which only root can have: what they come with.
NODE_PACKAGES=(busybox-static conntrack containerd containernetworking-plugins dbus ethtool gcc gpg iproute2
	iptables kmod libc6-dev nftables runc
	openssh-client openssh-server procps systemd util-linux)

[ "$(id -u)" != 0 ] || PACKAGES+=("${NODE_PACKAGES[@]}")
bash "$LAB/../packages.sh" "${PACKAGES[@]}"
mkdir -p "$CACHE"
exec 9>"$CACHE/lab-kube.lock"
flock 9
[ -d "$BUILT" ] || bash "$LAB/kube/build.sh"
[ -z "$(hosts_obstacle "$CACHE")" ] || exit 0
[ -d "$BARE" ] || bash "$LAB/host/layer.sh"
[ -d "$REPOSITORY" ] || bash "$LAB/repository.sh"

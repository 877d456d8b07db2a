#!/bin/bash
# build.sh: compiles all programs of Kubernetes into the cache.
set -euo pipefail
. "$(dirname "$0")/../common.sh"

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

new=$KUBE.new number=${VERSION#v} flags='-s -w'
# The components refuse each other's company unless they know their version.
for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
	flags+=" -X $package.gitVersion=$VERSION -X $package.gitMajor=${number%%.*}"
	flags+=" -X $package.gitMinor=$(cut -d. -f2 <<<"$number") -X $package.gitTreeState=clean"
	flags+=" -X $package.gitCommit=$(printf %040d 0) -X $package.buildDate=1970-01-01T00:00:00Z"
done
[ -z "$GO_VENV" ] || [ -d "$GO_VENV" ] || install_go
PATH=${GO_VENV:+$GO_VENV/bin:}$PATH
rm -rf "$new"
mkdir "$new"
echo "tests/lab: compiling Kubernetes $VERSION, once: ten minutes on two idle cores" >&2
(cd "$LAB/kube" && CGO_ENABLED=0 nice -n 10 \
	go build -buildvcs=false -p 2 -trimpath -ldflags "$flags" -o "$new/kube" .)
for program in etcd kube-{apiserver,controller-manager,proxy,scheduler} kubeadm kubectl kubelet kwok; do
	ln -s kube "$new/$program"
done
mv "$new" "$KUBE"

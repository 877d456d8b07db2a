#!/bin/bash
# Makes a Python environment once and prints its path.
#
#   venv.sh core-2.16     ansible-core 2.16, the oldest we promise    (Python 3.11)
#   venv.sh core-2.19     the newest for Debian 12                    (Python 3.11)
#   venv.sh core-newest   the newest for any Python that is found here
#   venv.sh peer          core-2.19, openstacksdk and the collection openstack.cloud: for benchmarks
#   venv.sh peer-kubernetes  core-2.19, the Kubernetes client and the collection kubernetes.core: for benchmarks
#   venv.sh lock          renews the lock files *.txt from *.in; commit them
#
# An environment lies in the cache (TREENAIL_BUILD_CACHE) under the digest of all that went into it; it appears there
# by a rename, so it is whole or absent. PYTHONS names further interpreters, or folders of them, separated by colons.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")"
cache=${TREENAIL_BUILD_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/treenail-build}/venv
export UV_CACHE_DIR=$cache/uv UV_NO_CONFIG=1 UV_PYTHON_DOWNLOADS=never PIP_DISABLE_PIP_VERSION_CHECK=1
mkdir -p "$cache"

die() { echo "venv.sh: $*" >&2; exit 1; }

# python VERSION: the path of a working interpreter of just this version
python() {
	local dirs=() try d
	IFS=: read -r -a dirs <<<"${PYTHONS:-}:/usr/bin:$PATH"
	for d in "${dirs[@]}" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$1".*/bin; do
		[ -n "$d" ] || continue
		if [ -d "$d" ]; then try=$d/python$1; else try=$d; fi
		"$try" -c 'import ssl, sys; v = "%d.%d" % sys.version_info[:2]; v == sys.argv[1] or exit(1)
print(sys.executable)' "$1" 2>/dev/null && return
	done
	return 1
}

# make FUNCTION PYTHON LOCK...: prints the environment that FUNCTION fills, made now unless it is there already
make() {
	local fill=$1 py=$2 digest path lock
	shift 2
	digest=$({ "$py" -VV; echo "$py"; cat venv.sh "$@"; } | sha256sum)
	path=$cache/${1%.txt}-${digest::16}
	if [ ! -d "$path" ]; then
		exec {lock}>"$path.lock"
		flock "$lock"
		if [ ! -d "$path" ]; then
			rm -rf "$path.new"
			"$fill" "$py" "$path.new" "$@" >&2 || die "cannot make $path (see above)"
			mv -T "$path.new" "$path"
		fi
		exec {lock}>&-
	fi
	echo "$path"
}

fill_uv() {
	"$1" -c 'import ensurepip' 2>/dev/null ||
		{ apt-get update -qq && apt-get install -y -qq --no-install-recommends python3.11-venv; } || return
	"$1" -m venv "$2" &&
		"$2/bin/python" -m pip install -q --require-hashes --no-deps --only-binary :all: -r "$3"
}

fill_core() {
	"$uv/bin/uv" venv -q --relocatable -p "$1" "$2" &&
		"$uv/bin/uv" pip install -q -p "$2" --require-hashes --no-deps --only-binary :all: --compile-bytecode -r "$3"
}

# collection NAMESPACE NAME VERSION: a collection out of the package `ansible`, which carries a hundred others.
fill_peer() { collection openstack cloud 2.6.0 "$@"; }
fill_peer_kubernetes() { collection kubernetes core 6.6.0 "$@"; }
collection() {
	local namespace=$1 name=$2 version=$3
	shift 3
	fill_core "$@" &&
		"$uv/bin/python" -m pip download -q --require-hashes --no-deps --only-binary :all: \
			--ignore-requires-python -d "$2/wheel" -r "$4" &&
		"$2/bin/python" - "$2"/wheel/*.whl "$2"/lib/python3*/site-packages \
			"$namespace/$name" "$version" <<-'END' && rm -r "$2/wheel"
			import json, sys, zipfile
			archive, target, name, wanted = sys.argv[1:]
			part = "ansible_collections/%s/" % name
			with zipfile.ZipFile(archive) as wheel:
			    version = json.loads(wheel.read(part + "MANIFEST.json"))["collection_info"]["version"]
			    if version != wanted:
			        sys.exit("%s is %s, wanted %s" % (name, version, wanted))
			    wheel.extractall(target, [n for n in wheel.namelist() if n.startswith(part)])
		END
}

lock() {
	local name how
	for name in *.in; do
		case $name in
		core-2.21.in) how=(--python-version 3.12) ;;
		peer-collection.in) how=(--python-version 3.12 --no-deps) ;;
		*) how=(--python-version 3.11) ;;
		esac
		"$uv/bin/uv" pip compile -q -U --universal --generate-hashes --no-header "${how[@]}" \
			-o "${name%.in}.txt" "$name"
	done
}

py=$(python 3.11) || die "Python 3.11 is not here: install Debian's python3.11, or name one in PYTHONS"
uv=$(make fill_uv "$py" uv.txt)
case ${1:-} in
core-2.16 | core-2.19) make fill_core "$py" "$1.txt" ;;
peer) make fill_peer "$py" peer.txt peer-collection.txt ;;
peer-kubernetes) make fill_peer_kubernetes "$py" peer-kubernetes.txt peer-collection.txt ;;
core-newest)
	if new=$(python 3.14 || python 3.13 || python 3.12); then
		make fill_core "$new" core-2.21.txt
	else
		echo "venv.sh: no Python 3.12 or newer here: core-newest is core-2.19 (see PYTHONS)" >&2
		make fill_core "$py" core-2.19.txt
	fi
	;;
lock) lock ;;
*) die "usage: venv.sh core-2.16 | core-2.19 | core-newest | peer | peer-kubernetes | lock" ;;
esac

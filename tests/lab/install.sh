#!/bin/bash
# install.sh: everything the lab needs that stays the same from run to run: packages of Debian,
# a virtualenv with the services, and their databases as the migrations leave them. Finds out in
# a moment when all is there. Only whole things get their final name, and one run works at a time.
set -euo pipefail
. "$(dirname "$0")/common.sh"

PACKAGES=(curl mariadb-client-core mariadb-server-core memcached nginx openssl python3.11-venv
	rabbitmq-server)

install_packages()
{
	local name missing=() root=()
	for name in "${PACKAGES[@]}"; do
		dpkg -s "$name" >/dev/null 2>&1 || missing+=("$name")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	if [ "$(id -u)" != 0 ]; then
		sudo -n true 2>/dev/null || die "as root, install first: ${missing[*]}"
		root=(sudo -n)
	fi
	"${root[@]}" bash -euo pipefail -s -- "${missing[@]}" <<-'END'
	export DEBIAN_FRONTEND=noninteractive
	policy=/usr/sbin/policy-rc.d
	if ! [ -e $policy ]; then # the lab starts its own: keep Debian from starting any
		trap 'rm -f $policy' EXIT
		printf '#!/bin/sh\nexit 101\n' >$policy
		chmod 755 $policy
	fi
	wait=(-o DPkg::Lock::Timeout=900)
	apt-get "${wait[@]}" -qq update
	apt-get "${wait[@]}" -qq -y --no-install-recommends install "$@" </dev/null >/dev/null
	END
}

# The virtualenv holds uv too, which installs the rest of it.
install_venv()
{
	local new=$VENV.new
	rm -rf "$new"
	"$PYTHON" -m venv "$new"
	echo 'relocatable = true' >>"$new/pyvenv.cfg"
	awk '/^[^ ]/ { on = /^uv==/ } on' "$LAB/requirements.lock" >"$new/uv.lock"
	"$new/bin/pip" install -q --require-hashes -r "$new/uv.lock"
	UV_CACHE_DIR=$new/cache "$new/bin/uv" pip install -q --python "$new/bin/python" \
		--no-deps --require-hashes --require-build-hashes --compile-bytecode \
		--build-constraints "$LAB/requirements.lock" -r "$LAB/requirements.lock"
	rm -rf "$new/cache"
	mv "$new" "$VENV"
}

mkdir -p "$CACHE"
exec 9>"$CACHE/lab.lock"
flock 9
renice -n 5 -p $$ >/dev/null
install_packages
[ -d "$VENV" ] || install_venv
[ -d "$DATABASES" ] || bash "$LAB/databases.sh"

#!/bin/bash
# install.sh: everything the lab needs that stays the same from run to run: packages of Debian,
# a virtualenv with the services, and their databases as the migrations leave them. Finds out in
# a moment when all is there. Only whole things get their final name, and one run works at a time.
set -euo pipefail
. "$(dirname "$0")/common.sh"

PACKAGES=(curl mariadb-client-core mariadb-server-core memcached nginx openssl python3.11-venv
	rabbitmq-server)

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
bash "$LAB/packages.sh" "${PACKAGES[@]}"
[ -d "$VENV" ] || install_venv
[ -d "$DATABASES" ] || bash "$LAB/databases.sh"

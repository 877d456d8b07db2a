#!/bin/bash
# packages.sh NAME...: installs those packages of Debian that are missing.
set -euo pipefail
. "$(dirname "$0")/common.sh"

missing=() root=()
for name; do
	dpkg -s "$name" >/dev/null 2>&1 || missing+=("$name")
done
[ ${#missing[@]} -gt 0 ] || exit 0
if [ "$(id -u)" != 0 ]; then
	sudo -n true 2>/dev/null || die "as root, install first: ${missing[*]}"
	root=(sudo -n)
fi
mkdir -p "$CACHE"
exec 9>"$CACHE/packages.lock"
flock 9
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

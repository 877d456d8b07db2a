#!/bin/bash
# Installs the Debian packages that building and testing need, where they are missing.
set -euo pipefail

build=(gcc make pkg-config libc6-dev libcurl4-openssl-dev libjson-c-dev libnghttp2-dev libprotobuf-c-dev libssh2-1-dev libssl-dev libyaml-dev
	protobuf-c-compiler zlib1g-dev)
tests=(check clang-14 libclang-rt-14-dev clang-format-14 clang-tidy-14 codespell openssh-client openssh-server openssl procps
	git ca-certificates curl default-jre-headless maven python3 python3.11 python3.11-venv shellcheck sudo)

command -v "${TERRAFORM:-terraform}" tofu >/dev/null ||
	echo "setup: there is no terraform or tofu on PATH, nor in Debian: their tests are left out" >&2

missing=()
for package in "${build[@]}" "${tests[@]}"; do
	[ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null)" = 'ii ' ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

root=()
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null || {
		echo "setup: as root, install: ${missing[*]}" >&2
		exit 1
	}
	root=(sudo)
fi
echo "setup: installing ${missing[*]}" >&2
"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=900 -qq update
"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=900 -qq -y \
	--no-install-recommends install "${missing[@]}" >/dev/null

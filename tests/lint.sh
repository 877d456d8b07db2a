#!/bin/bash
# make lint: what a tool can say about style. `lint.sh quick` leaves out what takes minutes.
set -euo pipefail
cd "$(dirname "$0")/.."

mapfile -t sources < <(git ls-files '*.c' '*.h')
mapfile -t scripts < <(git ls-files '*.sh')
failed=0

complain()
{
	echo "lint: $*" >&2
	failed=1
}

clang-format-14 --dry-run -Werror "${sources[@]}" || complain "clang-format-14 -i FILE mends it"

# What the house does without: unbounded, locale-bound, or without a way to say that it failed.
banned='sprintf|vsprintf|strcpy|strcat|strtok|atoi|atol|sscanf|gmtime|localtime|rand|system|popen|mktemp|tmpnam'
if grep -nE "(^|[^_a-zA-Z0-9>.])($banned)\(" "${sources[@]}"; then
	complain "banned functions"
fi
mapfile -t product < <(git ls-files 'lib/*.c' 'ansible_modules/*.c' 'providers/*.c' ':!lib/clock.c')
if grep -nE '(^|[^_a-zA-Z0-9])(usleep|sleep|nanosleep)\(' "${product[@]}"; then
	complain "only lib/clock.c sleeps"
fi
mapfile -t library < <(git ls-files 'lib/*.c' ':!lib/mem.c' ':!lib/emit.c')
if grep -nE '^[^*]*\bprintf\(|\bexit\(' "${library[@]}"; then
	complain "lib/ neither prints nor exits"
fi

mapfile -t texts < <(git ls-files ':!*.txt' ':!*.lock' ':!*go.sum' ':!LICENSE' ':!tests/fuzz/corpus')
codespell -q 3 -L 'te,fo,ro,uint,wit,hel,keypair,keypairs,netwrok,nmae' "${texts[@]}" || complain "spelling"
shellcheck -x -P SCRIPTDIR "${scripts[@]}" || complain "scripts"

if [ "${1-}" != quick ]; then
	make -s build/obj/protocol/tfplugin6.pb-c.h
	flags="-std=gnu11 -D_GNU_SOURCE -Iinclude -Iansible_modules -Itests -Iproviders/external -Iproviders/terraform -Iproviders/terraform/server -Iproviders/terraform/protocol -isystem build/obj/protocol $(pkg-config --cflags libcurl json-c openssl yaml-0.1 zlib libnghttp2 libprotobuf-c libssh2 check)"
	# shellcheck disable=SC2086
	printf '%s\n' "${sources[@]}" | grep '\.c$' | grep -v '^tests/' |
		xargs -P 2 -n 4 sh -c 'clang-tidy-14 --quiet "$@" -- -DVERSION=\"0\" '"$flags" lint || complain "clang-tidy"
fi
exit $failed

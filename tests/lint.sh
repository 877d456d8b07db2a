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

clang-format-14 --dry-run -Werror "${sources[@]}" || complain "make format"

# What the house does without: unbounded, locale-bound, or without a way to say that it failed.
banned='sprintf|vsprintf|strcpy|strcat|strtok|atoi|atol|sscanf|gmtime|localtime|rand|system|popen|mktemp|tmpnam'
if grep -nE "(^|[^_a-zA-Z0-9>.])($banned)\(" "${sources[@]}"; then
	complain "banned functions"
fi
if grep -nE '(^|[^_a-zA-Z0-9])(usleep|sleep|nanosleep)\(' $(git ls-files 'lib/*.c' 'ansible_modules/*.c' 'providers/*.c' | grep -v '^lib/clock.c$'); then
	complain "only lib/clock.c sleeps"
fi
if grep -nE '^[^*]*\bprintf\(|\bexit\(' $(git ls-files 'lib/*.c' | grep -vE '^lib/(mem|emit).c$'); then
	complain "lib/ neither prints nor exits"
fi

codespell -q 3 --skip '*.lock,*.txt,./build' -L 'te,fo,ro,uint,wit' $(git ls-files | grep -vE '\.(txt|lock)$|^LICENSE$') || complain "spelling"
shellcheck "${scripts[@]}" || complain "scripts"

if [ "${1-}" != quick ]; then
	flags="-std=gnu11 -D_GNU_SOURCE -DVERSION=\"0\" -Iinclude -Iansible_modules -Itests $(pkg-config --cflags libcurl json-c openssl yaml-0.1 zlib check)"
	# shellcheck disable=SC2086
	printf '%s\n' "${sources[@]}" | grep '\.c$' | grep -v '^tests/' |
		xargs -P 2 -n 4 sh -c 'clang-tidy-14 --quiet "$@" -- '"$flags" lint || complain "clang-tidy"
fi
exit $failed

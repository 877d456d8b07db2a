#!/bin/bash
# make test: all tests, from what takes seconds to what takes minutes. Closes with `N passed, N failed`.
set -uo pipefail
cd "$(dirname "$0")/.." || exit

passed=0 failed=0 wrong=()

# part NAME COMMAND...: counts the command's own closing line, or the command as one test
part()
{
	local name=$1 log=build/test/$1.log began=$SECONDS rc line p=0 f=0
	shift
	printf '== %s\n' "$name"
	"$@" >"$log" 2>&1
	rc=$?
	line=$(grep -oE '^[0-9]+ passed, [0-9]+ failed' "$log" | tail -n 1)
	if [ -n "$line" ]; then
		p=${line%% *}
		f=${line#*, }
		f=${f%% *}
	elif [ $rc = 0 ]; then
		p=1
	fi
	[ $rc = 0 ] || [ "$f" -gt 0 ] || f=1
	passed=$((passed + p))
	failed=$((failed + f))
	printf '   %d passed, %d failed, %d s\n' "$p" "$f" $((SECONDS - began))
	grep 'LEFT OUT' "$log" | tee -a build/test/left-out
	if [ "$f" -gt 0 ]; then
		wrong+=("$name")
		tail -n 60 "$log"
	fi
}

mkdir -p build/test
: >build/test/left-out
export PYTHONDONTWRITEBYTECODE=1
tests/lab/install.sh >build/test/lab-install.log 2>&1 &
lab=$!
tests/lab/kubernetes/install.sh >build/test/kubernetes-install.log 2>&1 &
kubernetes=$!
part build make -j2 all
part units make check
part sanitizers make check-san
part threads make check-tsan
part fuzz make fuzz
part lint tests/lint.sh quick
part collection make collection
wait $lab || tail build/test/lab-install.log
wait $kubernetes || tail build/test/kubernetes-install.log
part lab make lab-up
part integration make integration
part terraform-schema make terraform-schema
part terraform make terraform
part terraform-examples make terraform-examples
for script in tests/system/*; do
	name=${script##*/}
	[ -d "$script" ] || [ ! -x "$script" ] || part "${name%.*}" "$script"
done
part sanitized-programs make san
part kill-sanitized env B=build/san/bin ASAN_OPTIONS=verify_asan_link_order=0 tests/system/kill.py

[ ! -s build/test/left-out ] || { printf 'NOT TESTED:\n' && cat build/test/left-out; }
[ ${#wrong[@]} = 0 ] || printf 'failed: %s\n' "${wrong[*]}"
printf '%d passed, %d failed\n' $passed $failed
[ $failed = 0 ]

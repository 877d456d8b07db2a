#!/bin/bash
# make test: all tests. What needs no service runs beside what does. Closes with `N passed, N failed`.
set -uo pipefail
cd "$(dirname "$0")/.." || exit

out=build/test
rm -rf $out/*.log $out/*.tally $out/*.begun $out/left-out
mkdir -p $out
export PYTHONDONTWRITEBYTECODE=1

# part NAME COMMAND...: counts the command's own closing line, or the command as one test
part()
{
	local name=$1 log=$out/$1.log began=$SECONDS rc line p=0 f=0
	shift
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
	echo "$p $f $name" >"$out/$name.tally"
	grep 'LEFT OUT' "$log" >>$out/left-out
	{ # in one piece: two lanes write
		printf '== %s: %d passed, %d failed, %d s\n' "$name" "$p" "$f" $((SECONDS - began))
		[ "$f" = 0 ] || tail -n 60 "$log"
	} >"$log.said"
	cat "$log.said"
	rm "$log.said"
}

# On bare hosts; most of it is waiting. Whoever is free takes the next.
on_hosts()
{
	scripts '^hosts(\.|_[^o])'
}

without_lab()
{
	part units make check
	part sanitizers make check-san
	part threads make check-tsan
	part fuzz make fuzz FUZZ_S=5
	part lint tests/lint.sh quick
	part jenkins make check-jenkins
	part sanitized-programs make san
	wait_for "$1" # they need what the lab of Kubernetes builds
	on_hosts
}

scripts() # those whose names match, and that have not begun
{
	local script name
	for script in tests/system/*; do
		name=${script##*/}
		[[ $name =~ $1 && ! -d $script && -x $script ]] && mkdir "$out/$name.begun" 2>/dev/null && part "${name%.*}" "$script"
	done
}

# Kubernetes takes long to build where nothing is cached.
with_lab()
{
	wait_for "$1"
	part lab tests/lab/up.sh build/lab
	part terraform-schema make terraform-schema
	part terraform make terraform
	part terraform-modules make terraform-modules
	scripts '^(ki|[^hkv])'
	wait_for "$2"
	part kubernetes-lab make kubernetes-lab-up
	part kubernetes-torture make kubernetes-torture & # nearly all of it is waiting
	local torture=$!
	part integration make integration
	part terraform-kubernetes make terraform-kubernetes
	part terraform-examples make terraform-examples
	scripts '^(kubernetes|versions|hosts_openstack)'
	wait $torture
	on_hosts
}

wait_for()
{
	tail --pid="$1" -f /dev/null
}

tests/lab/install.sh >$out/lab-install.log 2>&1 &
openstack=$!
tests/lab/kubernetes/install.sh >$out/kubernetes-install.log 2>&1 &
kubernetes=$!
part build make -j2 all units collection
without_lab $kubernetes &
rest=$!
with_lab $openstack $kubernetes
wait $rest
part kill-sanitized env B=build/san/bin ASAN_OPTIONS=verify_asan_link_order=0 tests/system/kill.py

[ ! -s $out/left-out ] || { printf 'NOT TESTED:\n' && cat $out/left-out; }
awk '{ p += $1; f += $2; if ($2) wrong = wrong " " $3 }
	END { if (wrong) print "failed:" wrong; printf "%d passed, %d failed\n", p, f; exit f > 0 }' $out/*.tally

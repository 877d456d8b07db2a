#!/bin/bash
# What a pipeline does with a root module of Terraform. Nothing here is Jenkins' own but the marks in `detached`.
#
#   terraform.sh plan ROOT OUT           OUT/plan.enc, plan.sha256, plan.txt, plan.xml
#   terraform.sh apply ROOT OUT DIGEST   applies OUT/plan.enc if it is the plan of that digest: OUT/apply.jsonl, apply.xml
#   terraform.sh drift ROOT OUT          OUT/drift.txt, drift.xml; changes nothing, not even a lock
#
# plan and drift end with 0 if nothing is to be done, 2 if something is, 1 if it could not be found out.
# PLAN_KEY names the file whose first line encrypts the plan: a plan holds every secret of the root in plain text,
# so it is in the clear only in a folder of its own, as long as this runs. IGNORE names a file of drift that is known.
set -euo pipefail
umask 077
here=$(dirname "$(readlink -f "$0")")
verb=$1 root=$2 out=$(readlink -m "$3") approved=${4-}
private=$(mktemp -d)
left_to_itself=
trap '[ -n "$left_to_itself" ] || rm -rf "$private"' EXIT
mkdir -p "$out"
export TF_IN_AUTOMATION=1 TF_INPUT=0 CHECKPOINT_DISABLE=1

die()
{
	echo "terraform.sh: $*" >&2
	exit 1
}

init()
{
	local locked=()
	[ ! -e "$root/.terraform.lock.hcl" ] || locked=(-lockfile=readonly)
	terraform -chdir="$root" init -no-color "${locked[@]}"
}

# cipher -e|-d: what comes in, encrypted or decrypted. Whether it is what was approved, its digest says.
cipher()
{
	[ -s "${PLAN_KEY:?names the file with the key of the plan}" ] || die "$PLAN_KEY, the key of the plan, is empty"
	openssl enc "$1" -aes-256-cbc -pbkdf2 -iter 200000 -pass "file:$PLAN_KEY"
}

# plan OPTION...: into $private/plan; its exit status is Terraform's own, 0, 1 or 2
plan()
{
	local status=0
	terraform -chdir="$root" plan -no-color -detailed-exitcode -lock-timeout=5m "$@" -out="$private/plan" || status=$?
	[ $status = 0 ] || [ $status = 2 ] || exit 1
	return $status
}

# show REPORT OPTION...: the plan for people and for Jenkins
show()
{
	terraform -chdir="$root" show -no-color "$private/plan" >"$out/$1.txt"
	terraform -chdir="$root" show -json "$private/plan" | "$here/report.py" "$@" --name "$root" >"$out/$1.xml"
}

# detached COMMAND...: in a session of its own. An aborted job's processes get SIGTERM, known by these variables and
# by their parents, and SIGKILL seconds later: the providers with all that they have begun. What runs in here gets
# neither; ours is to tell Terraform, once, to finish what it has begun and to write its state.
detached()
{
	local events=$out/apply.jsonl
	: >"$events"
	# shellcheck disable=SC2016
	setsid --fork env -u BUILD_ID -u JENKINS_NODE_COOKIE -u JENKINS_SERVER_COOKIE -u HUDSON_SERVER_COOKIE bash -c '
		watcher=$1 private=$2 events=$3
		shift 3
		"$@" >"$events" 2>&1 </dev/null &
		echo "$$ $!" >"$private/pids.new"
		mv "$private/pids.new" "$private/pids"
		status=0
		wait $! || status=$?
		rm -f "$private/plan"
		echo $status >"$private/status.new"
		mv "$private/status.new" "$private/status"
		while kill -0 $watcher && [ -e "$private" ]; do sleep 0.2; done
		rm -rf "$private"' detached $$ "$private" "$events" "$@" </dev/null >/dev/null 2>&1
}

watch()
{
	local runner terraform tail told=''
	left_to_itself=yes
	detached "$@"
	until [ -e "$private/pids" ]; do sleep 0.05; done
	read -r runner terraform <"$private/pids"
	trap '[ -n "$told" ] || kill -TERM $terraform 2>/dev/null || :
		told=yes
		echo "terraform.sh: told to stop: Terraform finishes what it has begun; $out/apply.jsonl has what becomes of it" >&2' TERM INT HUP
	tail -s 0.2 --pid="$terraform" -n +1 -f "$out/apply.jsonl" | "$here/report.py" lines &
	tail=$!
	while [ ! -e "$private/status" ] && kill -0 "$runner" 2>/dev/null; do
		wait $tail || :
		sleep 0.1
	done
	wait $tail || :
	trap - TERM INT HUP
	left_to_itself=
	[ -z "$told" ] || return 1
	return "$(cat "$private/status" 2>/dev/null || echo 1)"
}

case $verb in
plan)
	init
	status=0
	plan || status=$?
	show plan
	sha256sum <"$private/plan" | cut -d ' ' -f 1 >"$out/plan.sha256"
	cipher -e <"$private/plan" >"$out/plan.enc"
	echo "plan $(cat "$out/plan.sha256")"
	exit $status
	;;
apply)
	cipher -d <"$out/plan.enc" >"$private/plan" || die "$out/plan.enc cannot be decrypted"
	[ "$(sha256sum <"$private/plan" | cut -d ' ' -f 1)" = "$approved" ] ||
		die "$out/plan.enc is not the plan that was approved, which is $approved: nothing was applied"
	init
	status=0
	watch terraform -chdir="$root" apply -json -lock-timeout=5m "$private/plan" || status=$?
	"$here/report.py" apply --name "$root" <"$out/apply.jsonl" >"$out/apply.xml"
	exit $status
	;;
drift)
	init
	plan -lock=false || :
	known=()
	[ -z "${IGNORE-}" ] || known=(--ignore "$IGNORE")
	show drift "${known[@]}"
	;;
*) die "plan, apply or drift; not $verb" ;;
esac

#!/bin/bash
# What a pipeline does with a playbook.
#
#   playbook.sh check PLAYBOOK OUT          OUT/changes.txt, what would be changed and how, and its digest changes.sha256
#   playbook.sh run PLAYBOOK OUT DIGEST     runs it if what would be changed is still what that digest is of: OUT/run.xml
#
# check ends with 0 if nothing would be changed, 2 if something would, 1 if it fails. INVENTORY, VAULT_KEY and
# EXTRA_VARS name files: an inventory, what decrypts the vault, and variables.
set -euo pipefail
umask 077
here=$(dirname "$(readlink -f "$0")")
verb=$1 playbook=$2 out=$(readlink -m "$3") approved=${4-}
mkdir -p "$out"
# shellcheck disable=SC2209
export ANSIBLE_NOCOLOR=1 ANSIBLE_FORCE_COLOR=0 ANSIBLE_STDOUT_CALLBACK=default ANSIBLE_DISPLAY_OK_HOSTS=1 \
	ANSIBLE_DISPLAY_FAILED_STDERR=0 ANSIBLE_RETRY_FILES_ENABLED=0

# play OUTPUT OPTION...
play()
{
	local output=$1 options=()
	shift
	[ -z "${INVENTORY-}" ] || options+=(-i "$INVENTORY")
	[ -z "${VAULT_KEY-}" ] || options+=(--vault-password-file "$VAULT_KEY")
	[ -z "${EXTRA_VARS-}" ] || options+=(-e "@$EXTRA_VARS")
	ansible-playbook "$playbook" --diff "${options[@]}" "$@" </dev/null | tee "$output"
}

check()
{
	local played=0 status=0
	play "$out/check.log" --check || played=$?
	"$here/report.py" changes <"$out/check.log" >"$out/changes.txt" || status=$?
	[ $played = 0 ] || status=1
	sha256sum <"$out/changes.txt" | cut -d ' ' -f 1 >"$out/changes.sha256"
	return $status
}

status=0
case $verb in
check)
	check || status=$?
	echo "changes $(cat "$out/changes.sha256")"
	;;
run)
	check || [ $? = 2 ] || exit 1
	[ "$(cat "$out/changes.sha256")" = "$approved" ] || {
		cat "$out/changes.txt"
		echo "playbook.sh: this is no longer what was approved, which is $approved: nothing was changed" >&2
		exit 1
	}
	play "$out/run.log" || status=$?
	"$here/report.py" play --name "$playbook" <"$out/run.log" >"$out/run.xml"
	;;
*)
	echo "playbook.sh: check or run; not $verb" >&2
	exit 1
	;;
esac
exit $status

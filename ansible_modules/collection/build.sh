#!/bin/bash
# Assembles a collection and packs it.
#
#   build.sh OUT SYSTEM MODULES_FILE DOCS_DIR PROGRAM...
#
# OUT           gets ansible_collections/treenail/SYSTEM and the redirecting collection of the peer's name, if there is
#               one, ready for ANSIBLE_COLLECTIONS_PATH, and the archives for ansible-galaxy; what a former call left there is replaced
# SYSTEM        openstack, kubernetes or host: the folder beside this with what differs
# MODULES_FILE  names of modules, one a line
# DOCS_DIR      the documentation of module NAME as NAME.yml
# PROGRAM       treenail-SYSTEM, once for each processor; which one is read from the file
#
# ANSIBLE_GALAXY names ansible-galaxy; if it is set and empty, nothing is packed.
set -euo pipefail

die() { echo "build.sh: $*" >&2; exit 1; }

[ $# -ge 5 ] || die "usage: build.sh OUT SYSTEM MODULES_FILE DOCS_DIR PROGRAM..."
here=$(dirname "$(readlink -f "$0")")
mkdir -p "$1"
out=$(readlink -f "$1") system=$2 own=$here/$2 docs=$4
[ -d "$own" ] || die "there is no $own"
mapfile -t modules < <(grep -v '^$' "$3")
shift 4
UNGROUPED=
# shellcheck source=/dev/null
. "$own/build.conf"
peer() { sed -n "s/^$1: //p" "$own/alias/galaxy.yml"; }
tree=$out/ansible_collections/treenail/$system
alias=
[ ! -d "$own/alias" ] || alias=$out/ansible_collections/$(peer namespace)/$(peer name)

# Ansible calls an architecture what `uname -m` says; ELF keeps it as a number in bytes 18 and 19, low byte first.
architecture() {
	case $(od -An -tu1 -j18 -N2 "$1" | tr -s ' ') in
	' 62 0') echo x86_64 ;;
	' 183 0') echo aarch64 ;;
	' 243 0') echo riscv64 ;;
	' 21 0') echo ppc64le ;;
	' 0 22') echo s390x ;;
	*) die "$1 is no program for an architecture that is known here" ;;
	esac
}

# group: the modules that take the defaults of the action group
group() {
	printf 'action_groups:\n  %s:\n' "$GROUP"
	for m in "${modules[@]}"; do
		[[ " $UNGROUPED " == *" $m "* ]] || printf '    - %s\n' "$m"
	done
}

rm -rf "$tree" ${alias:+"$alias"}
mkdir -p "$tree"/{meta,plugins/action,plugins/modules} ${alias:+"$alias/meta"}
cp "$own"/{galaxy.yml,README.md} "$here/../../LICENSE" "$tree"
cp "$here/plugins/action/treenail.py" "$tree/plugins/action"
[ ! -d "$own/plugins" ] || cp -r "$own/plugins" "$tree"
[ -z "$alias" ] || cp "$own"/alias/* "$here/../../LICENSE" "$alias"
for program; do
	arch=$(architecture "$program")
	install -D -m 755 "$program" "$tree/bin/$arch/treenail-$system"
done
for m in "${modules[@]}"; do
	printf '#!treenail_%s\n<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>\n' "$system" >"$tree/plugins/modules/$m"
	cp "$docs/$m.yml" "$tree/plugins/modules/$m.yml"
done

{
	printf 'requires_ansible: ">=2.16.0"\n'
	group
	printf 'plugin_routing:\n  modules:\n'
	for m in "${modules[@]}"; do
		printf '    %s:\n      action_plugin: treenail.%s.treenail\n' "$m" "$system"
	done
} >"$tree/meta/runtime.yml"
[ -z "$alias" ] || {
	printf 'requires_ansible: ">=2.16.0"\n'
	group
	printf 'plugin_routing:\n  modules:\n'
	for m in "${modules[@]}"; do
		printf '    %s:\n      redirect: treenail.%s.%s\n' "$m" "$system" "$m"
	done
	for f in "$own"/plugins/filter/*.py; do
		[ -f "$f" ] || continue
		f=$(basename "$f" .py)
		printf '  filter:\n    %s:\n      redirect: treenail.%s.%s\n' "$f" "$system" "$f"
	done
} >"$alias/meta/runtime.yml"

galaxy=${ANSIBLE_GALAXY-ansible-galaxy}
[ -n "$galaxy" ] || exit 0
for d in "$tree" ${alias:+"$alias"}; do
	"$galaxy" collection build --force --output-path "$out" "$d" >/dev/null
done

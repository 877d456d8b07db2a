#!/bin/bash
# Assembles the collection and packs it.
#
#   build.sh OUT MODULES_FILE DOCS_DIR PROGRAM...
#
# OUT           gets ansible_collections/{treenail/openstack,openstack/cloud}, ready for ANSIBLE_COLLECTIONS_PATH, and
#               the archives for ansible-galaxy; what a former call left there is replaced
# MODULES_FILE  names of modules, one a line
# DOCS_DIR      the documentation of module NAME as NAME.yml
# PROGRAM       treenail-openstack, once for each processor; which one is read from the file
#
# ANSIBLE_GALAXY names ansible-galaxy; if it is set and empty, nothing is packed.
set -euo pipefail

die() { echo "build.sh: $*" >&2; exit 1; }

[ $# -ge 4 ] || die "usage: build.sh OUT MODULES_FILE DOCS_DIR PROGRAM..."
here=$(dirname "$(readlink -f "$0")")
mkdir -p "$1"
out=$(readlink -f "$1") docs=$3
mapfile -t modules < <(grep -v '^$' "$2")
shift 3
tree=$out/ansible_collections/treenail/openstack
alias=$out/ansible_collections/openstack/cloud

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

rm -rf "$tree" "$alias"
mkdir -p "$tree"/{meta,plugins/action,plugins/modules} "$alias/meta"
cp "$here"/{galaxy.yml,README.md} "$here/../../LICENSE" "$tree"
cp "$here/plugins/action/treenail.py" "$tree/plugins/action"
cp "$here"/alias/* "$here/../../LICENSE" "$alias"
for program; do
	arch=$(architecture "$program")
	install -D -m 755 "$program" "$tree/bin/$arch/treenail-openstack"
done
for m in "${modules[@]}"; do
	printf '#!treenail_openstack\n<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>\n' >"$tree/plugins/modules/$m"
	cp "$docs/$m.yml" "$tree/plugins/modules/$m.yml"
done

while IFS= read -r line; do
	case $line in
	'#'*) ;;
	@MODULES@) printf '    - %s\n' "${modules[@]}" ;;
	@ROUTES@) printf '    %s:\n      action_plugin: treenail.openstack.treenail\n' "${modules[@]}" ;;
	*) printf '%s\n' "$line" ;;
	esac
done <"$here/meta/runtime.yml.in" >"$tree/meta/runtime.yml"
{
	printf 'requires_ansible: ">=2.16.0"\naction_groups:\n  openstack:\n'
	printf '    - %s\n' "${modules[@]}"
	printf 'plugin_routing:\n  modules:\n'
	for m in "${modules[@]}"; do
		printf '    %s:\n      redirect: treenail.openstack.%s\n' "$m" "$m"
	done
} >"$alias/meta/runtime.yml"

galaxy=${ANSIBLE_GALAXY-ansible-galaxy}
[ -n "$galaxy" ] || exit 0
for d in "$tree" "$alias"; do
	"$galaxy" collection build --force --output-path "$out" "$d" >/dev/null
done

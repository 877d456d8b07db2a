#!/bin/bash
# make demo: builds, starts the lab, runs examples/openstack-project on it, and shows what is there then.
set -euo pipefail
cd "$(dirname "$0")/.."

step()
{
	printf '\n== %s (%d s)\n' "$1" $SECONDS
}

step "Building, while the lab is installed"
tests/lab/install.sh &
lab=$!
make -j2 all
make collection
wait $lab
step "Starting OpenStack: Keystone, Glance, Placement, Nova, Neutron, Cinder"
make lab-up

venv=$(tests/env/venv.sh core-2.19)
image=build/demo/disk.raw
mkdir -p build/demo
[ -s $image ] || head -c 1048576 /dev/urandom >$image
export OS_CLIENT_CONFIG_FILE=$PWD/build/lab/clouds.yaml ANSIBLE_COLLECTIONS_PATH=$PWD/build/collection
export ANSIBLE_DISPLAY_SKIPPED_HOSTS=0 ANSIBLE_LOCALHOST_WARNING=0 ANSIBLE_INVENTORY_UNPARSED_WARNING=0
play()
{
	"$venv/bin/ansible-playbook" examples/openstack-project/project.yml \
		-e cloud=demo -e "image_file=$PWD/$image" "$@"
}

step "What would be done: check mode"
play --check --diff
step "Made for real"
play
step "Again: nothing changes"
play | tee build/demo/again.txt
grep -q 'changed=0 ' build/demo/again.txt

step "What exists now, by the program for Terraform's external"
for name in tn-demo-1 tn-demo-2 tn-demo-3; do
	printf '{"cloud":"demo","resource":"server","name":"%s"}' $name |
		build/bin/treenail-external | python3 -c '
import json, sys
r = json.load(sys.stdin)
addresses = [a["addr"] for net in json.loads(r["addresses"]).values() for a in net]
print("server %s: %s, %s" % (r["name"], r["status"], ", ".join(addresses)))'
done
step "Done"
cat <<END
To go on by hand:
  export OS_CLIENT_CONFIG_FILE=$OS_CLIENT_CONFIG_FILE
  export ANSIBLE_COLLECTIONS_PATH=$ANSIBLE_COLLECTIONS_PATH
  export PATH=$PWD/build/bin:$venv/bin:\$PATH
To take away what was made:
  ansible-playbook examples/openstack-project/project.yml -e cloud=demo -e state=absent
To stop the lab:
  make lab-down
END

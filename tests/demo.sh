#!/bin/bash
# make demo: builds, starts the lab, runs the examples on it, by Ansible and Terraform, and shows what is there then.
set -euo pipefail
cd "$(dirname "$0")/.."

step()
{
	printf '\n== %s (%d s)\n' "$1" $SECONDS
}

step "Building, while the lab is installed"
tests/lab/install.sh &
lab=$!
tests/lab/kubernetes/install.sh &
kubernetes=$!
make -j2 all
make collection
make -s providers
wait $lab
wait $kubernetes
step "Starting OpenStack: Keystone, Glance, Placement, Nova, Neutron, Cinder; and two clusters of Kubernetes"
make lab-up

venv=$(tests/env/venv.sh core-2.19)
image=build/demo/disk.raw
mkdir -p build/demo
[ -s $image ] || head -c 1048576 /dev/urandom >$image
export OS_CLIENT_CONFIG_FILE=$PWD/build/lab/clouds.yaml KUBECONFIG=$PWD/build/lab/kubernetes/kubeconfig
export ANSIBLE_COLLECTIONS_PATH=$PWD/build/collection
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

app()
{
	"$venv/bin/ansible-playbook" examples/kubernetes-app/app.yml -e context=one "$@"
}

step "An application on Kubernetes: what would be done"
app --check
step "Made for real"
app
step "Again: nothing changes"
app | tee build/demo/again.txt
grep -q 'changed=0 ' build/demo/again.txt
step "Its next release, and more of it"
app --diff -e release=2 -e replicas=5
step "One of its nodes is emptied"
app -e release=2 -e replicas=5 -e empty=fake-2

terraform=${TERRAFORM:-terraform}
# root NAME ARGUMENT...: one of the examples, in a folder where Terraform may leave its files
root()
{
	local where=(-var cloud=demo)
	[ "$1" != kubernetes-app ] || where=(-var context=two -var "kubeconfig=$KUBECONFIG")
	(
		cd "build/demo/examples/$1"
		shift
		"$terraform" init -input=false -no-color >init.txt || { cat init.txt; exit 1; }
		"$terraform" "$@" -input=false -no-color "${where[@]}"
	)
}

if command -v "$terraform" >/dev/null; then
	export TF_CLI_CONFIG_FILE=$PWD/build/providers/terraform.rc CHECKPOINT_DISABLE=1 PATH=$PWD/build/bin:$PATH
	mkdir -p build/demo/examples
	cp -r examples modules build/demo/
	# The providers' checksums of an earlier build.
	rm -f build/demo/examples/*/.terraform.lock.hcl
	step "What exists now, by Terraform's data \"external\""
	root openstack-project apply -auto-approve
	step "Another project, by the native Terraform provider"
	root openstack-provider apply -auto-approve
	step "Again: nothing changes"
	root openstack-provider plan -detailed-exitcode
	step "The application on the other cluster, by the native Terraform provider"
	root kubernetes-app apply -auto-approve
	step "Again: nothing changes"
	root kubernetes-app plan -detailed-exitcode
else
	step "No $terraform on PATH: the Terraform examples are left out"
fi

hosts=$PWD/build/lab/hosts
cluster()
{
	"$venv/bin/ansible-playbook" examples/cluster-on-hosts/cluster.yml -i build/demo/inventory.json \
		-e @build/demo/site.json "$@"
}
on_h1()
{
	ssh -F "$hosts/ssh/config" h1 KUBECONFIG=/etc/kubernetes/admin.conf "$@"
}

step "Two bare hosts, each with an sshd and nothing else"
tests/lab/kubernetes/nodes-down.sh "$hosts" --wipe
rm -rf build/demo/journal
if tests/lab/kubernetes/nodes-up.sh "$hosts" 2 2>build/demo/hosts.txt; then
	cat build/demo/hosts.txt
	NODES=$hosts PYTHONPATH=tests/system python3 -B -c 'import hosted; hosted.write_site("build/demo")'
	step "A cluster on them, by SSH: what would be done"
	cluster --check --diff
	step "Made for real, and what runs on it"
	cluster
	step "Again: nothing changes"
	cluster | tee build/demo/again.txt
	grep -q 'changed=0 ' build/demo/again.txt
	step "The cluster"
	on_h1 kubectl get nodes,pods --all-namespaces -o wide
	on_h1 kubectl logs --prefix -l app=hello
elif grep 'LEFT OUT' build/demo/hosts.txt; then
	hosts=
else
	cat build/demo/hosts.txt
	exit 1
fi

step "Done"
cat <<END
To go on by hand:
  export OS_CLIENT_CONFIG_FILE=$OS_CLIENT_CONFIG_FILE KUBECONFIG=$KUBECONFIG
  export ANSIBLE_COLLECTIONS_PATH=$ANSIBLE_COLLECTIONS_PATH
  export PATH=$PWD/build/bin:$PWD/build/lab/kubernetes/bin:$venv/bin:\$PATH
  export TF_CLI_CONFIG_FILE=$PWD/build/providers/terraform.rc
To take away what was made:
  ansible-playbook examples/openstack-project/project.yml -e cloud=demo -e state=absent
  ansible-playbook examples/kubernetes-app/app.yml -e context=one -e state=absent
  terraform -chdir=build/demo/examples/openstack-provider destroy -var cloud=demo
  terraform -chdir=build/demo/examples/kubernetes-app destroy -var context=two -var kubeconfig=\$KUBECONFIG
To stop the lab:
  make lab-down
END
[ -z "$hosts" ] || cat <<END
The cluster on hosts:
  ssh -F $hosts/ssh/config h1 KUBECONFIG=/etc/kubernetes/admin.conf kubectl get all --all-namespaces
  ansible-playbook examples/cluster-on-hosts/cluster.yml -i build/demo/inventory.json -e @build/demo/site.json -e state=absent
  tests/lab/kubernetes/nodes-down.sh build/lab/hosts --wipe
END

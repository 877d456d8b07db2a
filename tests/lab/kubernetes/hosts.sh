# Sourced by the scripts that start and stop hosts: machines of their own inside this one, with
# systemd, sshd and an address on a bridge. HOSTS has a folder for each of them; BASE makes their
# names and addresses in the machine those of this lab.
# shellcheck shell=bash disable=SC2153

hosts_names()
{
	BRIDGE=lab-$BASE
	NET=10.77.$((BASE / 1000))
}

# hosts_obstacle DIR: says why there can be no hosts here, if so
hosts_obstacle()
{
	local try=$1/try-hosts said
	[ "$(id -u)" = 0 ] || { echo "needs root" && return; }
	mountpoint -q /sys/fs/cgroup/memory || { echo "needs cgroups of version 1" && return; }
	mkdir -p "$try"/{upper,work,root}
	# shellcheck disable=SC2016
	said=$(unshare --mount --net --pid --uts --ipc --cgroup --fork bash -euc '
		mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
		mount -t proc proc "$1/root/proc"
		ip link add name try0 type veth peer name try1
		mkdir -p /sys/fs/cgroup/memory/lab-try-$2
		rmdir /sys/fs/cgroup/memory/lab-try-$2' - "$try" "$$" 2>&1) ||
		echo "needs namespaces, an overlay and cgroups: $said"
	rm -rf "$try"
}

in_host()
{
	ssh -F "$HOSTS/ssh/config" "$@"
}

# What all of them share: the bridge, the key that lets root and the users in, and their password. And
# the watches of files that the kernel grants to each user of the machine, all root's in all hosts. NETWORKS is a
# file of networks whose addresses hosts will have: until then nobody answers there, not even a gateway that would.
hosts_prepare()
{
	local watches=fs.inotify.max_user_instances network
	[ "$(sysctl -n $watches)" -ge 4096 ] || sysctl -qw $watches=4096
	mkdir -p "$HOSTS/ssh"
	[ -e "$HOSTS/ssh/id" ] || ssh-keygen -q -t ed25519 -N '' -C lab -f "$HOSTS/ssh/id"
	[ -e "$HOSTS/ssh/password" ] || openssl rand -hex 8 >"$HOSTS/ssh/password"
	if ! ip link show "$BRIDGE" >/dev/null 2>&1; then
		ip link add "$BRIDGE" type bridge
		ip addr add "$NET.1/24" dev "$BRIDGE"
		ip link set "$BRIDGE" up
	fi
	while read -r network; do
		ip route add "$network" dev "$BRIDGE" src "$NET.1" 2>/dev/null || true # it may be another lab's, too
	done <"${NETWORKS:-/dev/null}"
}

# host_files NAME ADDRESS/PREFIX: its disk. AUTHORIZED_KEYS is a file of keys that let people in, too, and
# HOST_KEY of the key that it is known by, if that is not empty.
host_files()
{
	local dir=$HOSTS/$1 etc=$HOSTS/$1/upper/etc address=${2%/*} number=1 hash
	while grep -qsx "$number" "$HOSTS"/*/number; do
		number=$((number + 1))
	done
	rm -rf "$dir"
	mkdir -p "$dir"/{root,work,data}
	cp -a "$BARE/layer" "$dir/upper" # as another lower folder it would have to be outside of this machine's root
	chmod 755 "$dir" # the host's root folder
	echo "$2" >"$dir/address"
	rm -f "$etc"/ssh/ssh_host_* # which hides this machine's
	if [ -s "${HOST_KEY:-}" ]; then
		install -m 600 "$HOST_KEY" "$etc/ssh/ssh_host_ed25519_key"
		ssh-keygen -y -f "$HOST_KEY" >"$etc/ssh/ssh_host_ed25519_key.pub"
	else
		ssh-keygen -q -t ed25519 -N '' -C "$1" -f "$etc/ssh/ssh_host_ed25519_key"
	fi
	cat "$HOSTS/ssh/id.pub" ${AUTHORIZED_KEYS:+"$AUTHORIZED_KEYS"} >"$etc/ssh/authorized_keys"
	tr -d - </proc/sys/kernel/random/uuid >"$etc/machine-id"
	echo "$1" >"$etc/hostname"
	printf '%s\n' '127.0.0.1 localhost' "$address $1" >"$etc/hosts"
	echo "nameserver $NET.1" >"$etc/resolv.conf"
	chmod 644 "$etc"/{hostname,hosts,machine-id,resolv.conf,ssh/authorized_keys}
	hash=$(openssl passwd -6 -stdin <"$HOSTS/ssh/password")
	sed -E "s|^(ops\|asks\|guest\|stale):[^:]*:|\1:$hash:|" "$BARE/layer/etc/shadow" >"$etc/shadow"
	echo "$1,$address $(cut -d' ' -f1,2 "$etc/ssh/ssh_host_ed25519_key.pub")" >"$dir/known_host"
	printf '%s\n' "Host $1" "HostName $address" >"$dir/ssh_config"
	echo "$number" >"$dir/number" # it is whole
}

# Written anew as hosts come and go.
hosts_ssh()
{
	cat "$HOSTS"/*/known_host >"$HOSTS/ssh/known_hosts" 2>/dev/null || true
	{
		cat "$HOSTS"/*/ssh_config 2>/dev/null || true
		printf '%s\n' 'Host *' 'User root' "IdentityFile $HOSTS/ssh/id" 'IdentitiesOnly yes' \
			"UserKnownHostsFile $HOSTS/ssh/known_hosts" 'StrictHostKeyChecking yes' \
			'BatchMode yes' 'ConnectTimeout 5' 'LogLevel ERROR'
	} >"$HOSTS/ssh/config"
}

# host_floating NAME: from this machine it is reached at the addresses in the file FLOATING, too, and at none else
host_floating()
{
	local link address
	link=$BRIDGE-$(cat "$HOSTS/$1/number")
	touch "$HOSTS/$1/floating"
	while read -r address; do
		grep -qxF "$address" "$FLOATING" && continue
		ip -n "$link" addr del "$address/32" dev eth0
		ip route del "$address/32" dev "$BRIDGE"
	done <"$HOSTS/$1/floating"
	while read -r address; do
		ip -n "$link" addr replace "$address/32" dev eth0
		ip route replace "$address/32" dev "$BRIDGE" src "$NET.1"
	done <"$FLOATING"
	cp "$FLOATING" "$HOSTS/$1/floating"
}

# host_network NAME: whatever its address is, the others and this machine have it on the bridge
host_network()
{
	local address space link
	address=$(cat "$HOSTS/$1/address")
	link=$BRIDGE-$(cat "$HOSTS/$1/number")
	space=$link
	# Not by grep -q: what it does not wait for fails, and a host that runs would lose its network.
	[[ $(ip -o link show "$link" 2>/dev/null) != *" master $BRIDGE "* ||
		$(ip -n "$space" -o addr show eth0 2>/dev/null) != *" $address "* ]] || return 0
	# What a lab whose folder was deleted has left.
	ip link del "$link" 2>/dev/null || true
	ip netns del "$space" 2>/dev/null || true
	ip netns add "$space"
	ip link add "$link" type veth peer name eth0 netns "$space"
	ip link set "$link" master "$BRIDGE" up
	ip -n "$space" link set lo up
	ip -n "$space" addr add "$address" dev eth0
	ip -n "$space" link set eth0 up
	ip -n "$space" route add 0.0.0.0/1 dev eth0
	ip -n "$space" route add 128.0.0.0/1 dev eth0
	ip -n "$space" route add default via "$NET.1"
	case $address in
	"$NET".*) ;;
	*)
		ip route add "${address%/*}/32" dev "$BRIDGE" src "$NET.1" ||
			die "$1: there is another way to $address here"
		;;
	esac
}

# host_start NAME: until it runs; `in_host NAME true` tells when it answers
host_start()
{
	local link
	link=$BRIDGE-$(cat "$HOSTS/$1/number")
	host_network "$1"
	start "$1" nsenter "--net=/run/netns/$link" "$LAB/host/enter.sh" "$HOSTS/$1" "$link" \
		{"$OLDER=$BUILT/$OLDER","$VERSION=$KUBE"} debian="$BARE/debian" \
		{kubernetes="$REPOSITORY/kubernetes",images="$REPOSITORY/images"}
}

groups_gone()
{
	find /sys/fs/cgroup/*/"$1" -depth -type d -exec rmdir {} +
	! ls -d /sys/fs/cgroup/*/"$1"
}

# host_down NAME: with systemd goes all that it has
host_down()
{
	local link address
	stop "$1" KILL
	[ -e "$HOSTS/$1/number" ] || return 0
	link=$BRIDGE-$(cat "$HOSTS/$1/number")
	while read -r address; do
		ip route del "${address%/*}/32" dev "$BRIDGE" 2>/dev/null || true
	done < <(cat "$HOSTS/$1"/{address,floating} 2>/dev/null)
	ip link del "$link" 2>/dev/null || true
	ip netns del "$link" 2>/dev/null || true
	retry 30 groups_gone "$link" || die "processes of $1 do not end"
}

hosts_down()
{
	local file
	[ "$(id -u)" = 0 ] || return 0
	for file in "$HOSTS"/*/number; do
		[ ! -e "$file" ] || host_down "$(basename "${file%/*}")"
	done
	ip link del "$BRIDGE" 2>/dev/null || true
}

# Sourced by the other scripts: where things are, and what more than one of them does.
# shellcheck shell=bash disable=SC2034,SC2153

LAB=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CACHE=${TREENAIL_BUILD_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/treenail-build}
PYTHON=/usr/bin/python3.11

# Ports, counted from the first one of the lab; behind TLS, a service has its port + TLS.
declare -A PORT=(
	[keystone]=0 [glance]=1 [placement]=2 [nova]=3 [neutron]=4 [cinder]=5
	[rabbitmq]=50 [erlang]=51 [epmd]=52 [memcached]=53
)
TLS=100

PATH=$PATH:/usr/sbin:/sbin
umask 077
unset "${!OS_@}" http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY

# What lies in the cache has in its name a digest of what it was made of.
digest()
{
	sha256sum | cut -c1-16
}

VENV=$CACHE/lab-venv-$(cat "$LAB/requirements.lock" <(uname -m) | digest)
DATABASES=$CACHE/lab-databases-$(cat "$LAB"/{requirements.lock,{common,databases}.sh,conf/*} | digest)

die()
{
	echo "tests/lab: $*" >&2
	exit 1
}

# retry SECONDS COMMAND...: until it succeeds
retry()
{
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.1
	done
}

# configure STATE BASE: makes the folders of a lab, and STATE/etc from conf
configure()
{
	local state=$1 base=$2 edit=() name file
	for name in "${!PORT[@]}"; do
		edit+=(-e "s|@$name@|$((base + PORT[$name]))|g")
		edit+=(-e "s|@$name-tls@|$((base + PORT[$name] + TLS))|g")
	done
	edit+=(-e "s|@STATE@|$state|g" -e "s|@VENV@|$VENV|g")
	mkdir -p "$state"/{etc,lock,log,nginx,nova,run,tls} "$state"/glance/{images,staging,tasks}
	for file in "$LAB"/conf/*; do
		sed -e "/^@AUTH@\$/ { r $LAB/conf/auth" -e 'd }' "$file" |
			sed "${edit[@]}" >"$state/etc/${file##*/}"
	done
	for name in glance-api placement nova neutron cinder; do
		cat "$state/etc/common.conf" >>"$state/etc/$name.conf"
	done
}

# service_environment STATE: for the programs of the virtualenv. They read and write below STATE.
service_environment()
{
	export PATH=$VENV/bin:$PATH HOME=$1 XDG_CACHE_HOME=$1/cache LC_ALL=C.UTF-8
	export PYTHONPATH=$LAB/python PYTHONDONTWRITEBYTECODE=1 PYTHONWARNINGS=ignore
	export OS_KEYSTONE_CONFIG_FILES=$1/etc/keystone.conf OS_GLANCE_CONFIG_DIR=$1/etc
	export OS_PLACEMENT_CONFIG_DIR=$1/etc OS_NOVA_CONFIG_DIR=$1/etc
	export OS_NOVA_CONFIG_FILES="$VENV/etc/nova/api-paste.ini;nova.conf"
	export OS_NEUTRON_CONFIG_DIR=$1/etc OS_NEUTRON_CONFIG_FILES=neutron.conf
}

# mariadb_server STATE: sets MARIADB to its command. Nothing here has to survive a power cut.
mariadb_server()
{
	MARIADB=(mariadbd --no-defaults --user="$(id -un)" --datadir="$1/mysql"
		--socket="$1/run/mysql.sock" --tmpdir="$1/run"
		--skip-networking --skip-grant-tables --skip-log-bin --performance-schema=OFF
		--innodb-flush-log-at-trx-commit=0 --innodb-doublewrite=0 --innodb-flush-method=nosync
		--innodb-buffer-pool-size=128M --innodb-log-file-size=32M
		--max-connections=600 --max-allowed-packet=16M
		--character-set-server=utf8mb3 --collation-server=utf8mb3_general_ci)
}

# sql STATE ...: the client of MariaDB
sql()
{
	local socket=$1/run/mysql.sock
	shift
	mariadb --no-defaults -uroot -S "$socket" "$@"
}

# alive NAME: does this process of STATE run? Its start time tells it from a later one with the
# same number.
alive()
{
	local pid born stat
	read -r pid born 2>/dev/null <"$STATE/run/$1.pid" || return 1
	stat=$(cat "/proc/$pid/stat" 2>/dev/null) || return 1
	read -ra stat <<<"${stat##*) }"
	[ "${stat[0]}" != Z ] && [ "${stat[19]}" = "$born" ]
}

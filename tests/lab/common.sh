# Sourced by the other scripts: where things are, and how to write the configuration.
# shellcheck shell=bash disable=SC2034,SC2153

LAB=$(cd "${BASH_SOURCE%/*}" && pwd)
CACHE=${TREENAIL_BUILD_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/treenail-build}
PYTHON=/usr/bin/python3.11
TLS=100 # from the port of a service to its port behind TLS
declare -A PORT=(
	[keystone]=0 [glance]=1 [placement]=2 [nova]=3 [neutron]=4 [cinder]=5
	[rabbitmq]=50 [erlang]=51 [epmd]=52 [memcached]=53
)
PATH=$PATH:/usr/sbin:/sbin
umask 077

# The environment of the caller must not reach the services.
unset "${!OS_@}" http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY

die()
{
	echo "tests/lab: $*" >&2
	exit 1
}

# The name of a thing in the cache has a digest of what the thing is made of.
digest()
{
	sha256sum | cut -c1-16
}

VENV=$CACHE/lab-venv-$(cat "$LAB/requirements.lock" <(uname -m) | digest)
DATABASES=$CACHE/lab-databases-$(cat "$LAB"/{requirements.lock,{common,databases}.sh,conf/*} | digest)

# configure STATE BASE: conf/* to STATE/etc, for ports from BASE on
configure()
{
	local state=$1 base=$2 edit=() name file
	for name in "${!PORT[@]}"; do
		edit+=(-e "s|@$name@|$((base + PORT[$name]))|g")
		edit+=(-e "s|@$name-tls@|$((base + PORT[$name] + TLS))|g")
	done
	edit+=(-e "s|@STATE@|$state|g" -e "s|@VENV@|$VENV|g")
	mkdir -p "$state"/{etc,keys,lock,log,nginx,nova,run} "$state"/glance/{images,staging,tasks}
	for file in "$LAB"/conf/*; do
		sed -e "/^@AUTH@\$/ { r $LAB/conf/auth" -e 'd }' "$file" |
			sed "${edit[@]}" >"$state/etc/${file##*/}"
	done
	for name in glance-api placement nova neutron cinder; do
		cat "$state/etc/common.conf" >>"$state/etc/$name.conf"
	done
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

# sql STATE ...: the client, as root
sql()
{
	local state=$1
	shift
	mariadb --no-defaults -uroot -S "$state/run/mysql.sock" "$@"
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

# alive NAME: does this server of STATE run? The time of its start tells it from another process with its number.
alive()
{
	local pid born stat
	read -r pid born 2>/dev/null <"$STATE/run/$1.pid" || return 1
	stat=$(cat "/proc/$pid/stat" 2>/dev/null) || return 1
	read -ra stat <<<"${stat##*) }"
	[ "${stat[0]}" != Z ] && [ "${stat[19]}" = "$born" ]
}

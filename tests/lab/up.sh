#!/bin/bash
# up.sh STATE: starts the lab, or what is missing of it, and returns when every service answers.
# STATE/clouds.yaml tells how to reach it.
set -euo pipefail
. "$(dirname "$0")/common.sh"
. "$LAB/process.sh"

make_certificate()
{
	local key=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)
	cd "$STATE/tls"
	openssl req -x509 "${key[@]}" -keyout ca.key -out ca.crt -days 3650 \
		-subj '/CN=CA of the lab' -addext basicConstraints=critical,CA:TRUE \
		-addext keyUsage=critical,keyCertSign,cRLSign
	openssl req "${key[@]}" -keyout server.key -out server.csr -subj /CN=localhost
	printf '%s\n' subjectAltName=DNS:localhost,IP:127.0.0.1 extendedKeyUsage=serverAuth >server.ext
	openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 3650 \
		-extfile server.ext -out server.crt
}

copy_databases()
{
	rm -rf "$STATE"/{keys,mysql.new}
	cp -a "$DATABASES/keys" "$STATE/keys"
	cp -a "$DATABASES/mysql" "$STATE/mysql.new"
	mv "$STATE/mysql.new" "$STATE/mysql"
}

start_rabbitmq()
{
	local rabbitmq=$STATE/rabbitmq
	export ERL_EPMD_ADDRESS=127.0.0.1 ERL_EPMD_PORT=$((BASE + PORT[epmd]))
	start epmd epmd
	alive rabbitmq || rm -rf "$rabbitmq" # the services declare their queues anew
	mkdir -p "$rabbitmq"
	echo '[].' >"$rabbitmq/plugins"
	start rabbitmq env HOME="$rabbitmq" RABBITMQ_NODENAME=lab@localhost \
		RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 RABBITMQ_NODE_PORT=$((BASE + PORT[rabbitmq])) \
		RABBITMQ_DIST_PORT=$((BASE + PORT[erlang])) RABBITMQ_CONF_ENV_FILE=/dev/null \
		RABBITMQ_CONFIG_FILE="$ETC/rabbitmq.conf" RABBITMQ_ENABLED_PLUGINS_FILE="$rabbitmq/plugins" \
		RABBITMQ_MNESIA_BASE="$rabbitmq/mnesia" RABBITMQ_LOG_BASE="$STATE/log" \
		RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1} +S 1:1 +sbwt none' \
		/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server
}

# api NAME MODULE [OPTION...]: a service with an HTTP API. README.md describes the line that it
# logs for each request.
api()
{
	local name=$1 module=$2
	shift 2
	start "$name" uwsgi --http-socket "127.0.0.1:$((BASE + PORT[$name]))" \
		--module "$module:application" --master --processes 1 --threads 6 --lazy-apps \
		--need-app --die-on-term --buffer-size 65535 --add-header 'Connection: close' \
		--req-logger "file:$STATE/log/requests.log" \
		--log-format "%(tmsecs) $name %(method) %(uri) %(status) %(msecs) \"%(uagent)\"" "$@"
}

# await NAME: until its API answers
await()
{
	local end=$((SECONDS + 180))
	until curl -fs -o /dev/null -m 5 "http://127.0.0.1:$((BASE + PORT[$1]))/"; do
		if ! alive "$1" || [ $SECONDS -ge $end ]; then
			die "$1 does not answer: see $STATE/log/$1.log"
		fi
		sleep 0.1
	done
}

# seed PART: see seed.py
seed()
{
	local name ports=()
	for name in "${!PORT[@]}"; do
		ports+=("$name=$((BASE + PORT[$name]))")
	done
	python "$LAB/seed.py" "$1" "tls=$TLS" "${ports[@]}" >>"$STATE/log/seed.log" 2>&1 ||
		die "seed.py failed: see $STATE/log/seed.log"
}

[ $# = 1 ] || die "usage: up.sh STATE"
mkdir -p "$1"
STATE=$(cd "$1" && pwd)
ETC=$STATE/etc
case $STATE in *[!A-Za-z0-9._/+-]*) die "$STATE: the path may only have letters, digits and ._/+-" ;; esac
[ ${#STATE} -le 90 ] || die "$STATE: the path is too long for a socket in it"
exec 8>"$STATE/up.lock"
flock 8

bash "$LAB/install.sh"
tls=()
for port in "${PORT[@]}"; do
	tls+=($((port + TLS)))
done
choose_ports "${LAB_PORT_BASE:-}" 21000 "${PORT[@]}" "${tls[@]}"
configure "$STATE" "$BASE"
service_environment "$STATE"
[ -s "$STATE/tls/server.crt" ] || (make_certificate) >"$STATE/log/tls.log" 2>&1
[ -d "$STATE/mysql" ] || copy_databases

mariadb_server "$STATE"
start mariadb "${MARIADB[@]}"
start memcached memcached -u "$(id -un)" -l 127.0.0.1 -p $((BASE + PORT[memcached])) -U 0
start nginx nginx -p "$STATE" -c "$ETC/nginx.conf" -e "$STATE/log/nginx.log"
start_rabbitmq
retry 180 sql "$STATE" -e 'SELECT 1' || die "MariaDB does not start: see $STATE/log/mariadb.log"
api keystone keystone.wsgi.api
api placement placement.wsgi.api
api neutron neutron.wsgi.api
api glance glance.wsgi.api
await keystone
[ "$(cat "$STATE/seeded" 2>/dev/null)" = "$BASE" ] || seed identity
start nova-conductor nova-conductor --config-file "$ETC/nova.conf"
start cinder-scheduler cinder-scheduler --config-file "$ETC/cinder.conf"
api nova nova.wsgi.osapi_compute
api cinder cinder.wsgi.api --pyargv "--config-file $ETC/cinder.conf"
start nova-scheduler nova-scheduler --config-file "$ETC/nova.conf"
start nova-compute python -m labfake.compute --config-file "$ETC/nova.conf"
start cinder-volume cinder-volume --config-file "$ETC/cinder.conf"
for name in placement neutron glance nova cinder; do
	await "$name"
done
if ! [ -e "$STATE/run/ready" ]; then
	seed rest
	echo "$BASE" >"$STATE/seeded"
	cp "$ETC/clouds.yaml" "$STATE/clouds.yaml"
	touch "$STATE/run/ready"
fi
echo "tests/lab: up after $SECONDS s: $STATE/clouds.yaml" >&2

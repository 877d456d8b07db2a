#!/bin/bash
# databases.sh: makes DATABASES, the databases and the keys of a cloud with nothing in it but the
# administrator. They name no port and no path, so that every lab can start from a copy.
# Called by install.sh, which holds the lock.
set -euo pipefail
. "$(dirname "$0")/common.sh"

NEW=$DATABASES.new
ETC=$NEW/etc

keystone_cinder_glance()
{
	local owner=(--keystone-user "$(id -un)" --keystone-group "$(id -gn)")
	keystone-manage --config-file "$ETC/keystone.conf" fernet_setup "${owner[@]}"
	keystone-manage --config-file "$ETC/keystone.conf" credential_setup "${owner[@]}"
	keystone-manage --config-file "$ETC/keystone.conf" db_sync
	keystone-manage --config-file "$ETC/keystone.conf" bootstrap --bootstrap-password lab
	cinder-manage --config-file "$ETC/cinder.conf" db sync
	glance-manage --config-file "$ETC/glance-api.conf" db_sync
	glance-manage --config-file "$ETC/glance-api.conf" db_load_metadefs "$VENV/etc/glance/metadefs"
}

# The cells take the URLs of nova.conf and put another database in. The only host is entered by
# hand: "discover_hosts" would need it to run.
placement_nova_neutron()
{
	local nova=(nova-manage --config-file "$ETC/nova.conf") url='{scheme}://{username}@{hostname}'
	placement-manage --config-file "$ETC/placement.conf" db sync
	"${nova[@]}" api_db sync
	"${nova[@]}" cell_v2 map_cell0 --database_connection "$url/nova_cell0?{query}"
	"${nova[@]}" cell_v2 create_cell --name cell1 --database_connection "$url/nova?{query}" \
		--transport-url '{scheme}://{username}:{password}@{hostname}:{port}/'
	"${nova[@]}" db sync
	sql "$NEW" nova_api -e "INSERT INTO host_mappings (created_at, cell_id, host)
		SELECT now(), id, 'lab' FROM cell_mappings WHERE name = 'cell1'"
	neutron-db-manage --config-file "$ETC/neutron.conf" upgrade heads
}

rm -rf "$NEW"
# Nothing listens on these ports: what Keystone caches of this cloud must not reach a running lab's memcached.
configure "$NEW" 1
service_environment "$NEW"
mkdir "$NEW/keys"
mariadb-install-db --no-defaults --user="$(id -un)" --datadir="$NEW/mysql" --skip-test-db \
	--auth-root-authentication-method=normal >"$NEW/log/mariadb.log" 2>&1
mariadb_server "$NEW"
"${MARIADB[@]}" >>"$NEW/log/mariadb.log" 2>&1 9>&- &
server=$!
trap 'kill $server' EXIT
retry 180 sql "$NEW" -e 'SELECT 1' || die "MariaDB does not start: see $NEW/log/mariadb.log"
for name in keystone glance placement nova nova_api nova_cell0 neutron cinder; do
	sql "$NEW" -e "CREATE DATABASE $name"
done

(set -e; keystone_cinder_glance) >"$NEW/log/1.log" 2>&1 &
one=$!
(set -e; placement_nova_neutron) >"$NEW/log/2.log" 2>&1 &
two=$!
failed=
wait $one || failed=1
wait $two || failed=2
[ -z $failed ] || die "migration failed: see $NEW/log/$failed.log"

trap - EXIT
kill $server
wait $server
mkdir "$NEW/done"
cp -a --sparse=always "$NEW/mysql" "$NEW/keys" "$NEW/done"
mv "$NEW/done" "$DATABASES"
rm -rf "$NEW"

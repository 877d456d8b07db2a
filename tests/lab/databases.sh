#!/bin/bash
# databases.sh: makes DATABASES, the databases and the keys of a cloud with nothing in it but the
# administrator. They know no port and no path, so that every lab can start from a copy.
# Called by install.sh, which holds the lock.
set -euo pipefail
. "${BASH_SOURCE%/*}/common.sh"

NEW=$DATABASES.new
export PATH=$VENV/bin:$PATH LC_ALL=C.UTF-8 PYTHONWARNINGS=ignore PYTHONPATH=$LAB/python
export PYTHONDONTWRITEBYTECODE=1 HOME=$NEW XDG_CACHE_HOME=$NEW/cache

migrate_core()
{
	local manage=(keystone-manage --config-file "$NEW/etc/keystone.conf")
	local owner=(--keystone-user "$(id -un)" --keystone-group "$(id -gn)")
	"${manage[@]}" fernet_setup "${owner[@]}"
	"${manage[@]}" credential_setup "${owner[@]}"
	"${manage[@]}" db_sync
	"${manage[@]}" bootstrap --bootstrap-password lab
	cinder-manage --config-file "$NEW/etc/cinder.conf" db sync
	glance-manage --config-file "$NEW/etc/glance-api.conf" db_sync
	glance-manage --config-file "$NEW/etc/glance-api.conf" db_load_metadefs "$VENV/etc/glance/metadefs"
}

# The cells get the URLs of nova.conf, with another database. The only host is entered by hand:
# "discover_hosts" would need it to run.
migrate_compute()
{
	local manage=(nova-manage --config-file "$NEW/etc/nova.conf")
	placement-manage --config-file "$NEW/etc/placement.conf" db sync
	"${manage[@]}" api_db sync
	"${manage[@]}" cell_v2 map_cell0 --database_connection '{scheme}://{username}@{hostname}/nova_cell0?{query}'
	"${manage[@]}" cell_v2 create_cell --name cell1 \
		--database_connection '{scheme}://{username}@{hostname}/nova?{query}' \
		--transport-url '{scheme}://{username}:{password}@{hostname}:{port}/'
	"${manage[@]}" db sync
	sql "$NEW" nova_api -e "INSERT INTO host_mappings (created_at, cell_id, host)
		SELECT now(), id, 'lab' FROM cell_mappings WHERE name = 'cell1'"
	neutron-db-manage --config-file "$NEW/etc/neutron.conf" upgrade heads
}

rm -rf "$NEW"
configure "$NEW" 21000
mariadb-install-db --no-defaults --user="$(id -un)" --datadir="$NEW/mysql" --skip-test-db \
	--auth-root-authentication-method=normal >"$NEW/log/mariadb.log" 2>&1
mariadb_server "$NEW"
"${MARIADB[@]}" >>"$NEW/log/mariadb.log" 2>&1 9>&- &
server=$!
trap 'kill $server' EXIT
retry 60 sql "$NEW" -e 'SELECT 1' || die "MariaDB does not start: see $NEW/log/mariadb.log"
for name in keystone glance placement nova nova_api nova_cell0 neutron cinder; do
	sql "$NEW" -e "CREATE DATABASE $name"
done

(set -e; migrate_core) >"$NEW/log/core.log" 2>&1 &
core=$!
(set -e; migrate_compute) >"$NEW/log/compute.log" 2>&1 &
compute=$!
failed=
wait $core || failed=core
wait $compute || failed=compute
[ -z $failed ] || die "migration failed: see $NEW/log/$failed.log"

trap - EXIT
kill $server
wait $server
find "$NEW" -mindepth 1 -maxdepth 1 ! -name mysql ! -name keys -exec rm -rf {} +
mv "$NEW" "$DATABASES"

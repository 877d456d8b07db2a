# Sourced by the scripts that start and stop the processes of a lab. STATE is the lab's folder.
# shellcheck shell=bash disable=SC2153

# ports_free BASE OFFSET...: can they be bound?
ports_free()
{
	"$PYTHON" - "$@" <<-'END' 2>/dev/null
	import socket, sys
	base, *offsets = map(int, sys.argv[1:])
	for offset in offsets:
	    with socket.socket() as s:
	        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
	        s.bind(('127.0.0.1', base + offset))
	END
}

# choose_ports WANTED FIRST OFFSET...: sets BASE, the first port, to WANTED, or if that is empty to
# FIRST or one of the next thousands, so that all of BASE + OFFSET are free. It is kept in STATE, and
# for the labs of other work trees there is a link to STATE in the cache.
choose_ports()
{
	local wanted=$1 first=$2 file owner
	shift 2
	BASE=$(cat "$STATE/port-base" 2>/dev/null) || BASE=
	for file in "$STATE"/run/*.pid; do
		alive "$(basename "$file" .pid)" || continue
		[ "${wanted:-$BASE}" = "$BASE" ] || die "running on port $BASE: take it down first"
		return 0
	done
	exec 9>"$CACHE/lab.ports"
	flock 9
	# shellcheck disable=SC2046
	for BASE in ${wanted:-$BASE $(seq "$first" 1000 $((first + 10000)))}; do
		owner=$(readlink "$CACHE/lab-port-$BASE") || owner=$STATE
		if [ "$owner" != "$STATE" ] && [ "$(cat "$owner/port-base" 2>/dev/null)" = "$BASE" ]; then
			[ -z "$wanted" ] || die "port $BASE belongs to the lab in $owner"
		elif ports_free "$BASE" "$@"; then
			echo "$BASE" >"$STATE/port-base"
			ln -sfn "$STATE" "$CACHE/lab-port-$BASE"
			exec 9>&-
			return 0
		fi
	done
	die "ports from ${wanted:-$first} on are in use: README.md tells how to name others"
}

# start NAME COMMAND...: unless it runs. It leads a process group, so that it can be stopped with
# all that it started.
start()
{
	local name=$1
	shift
	! alive "$name" || return 0
	rm -f "$STATE/run/ready" "$STATE/run/$name.pid"
	# shellcheck disable=SC2016
	setsid bash -c 'read -ra stat </proc/$$/stat; echo "$$ ${stat[21]}" >"$1"; shift; exec "$@"' \
		- "$STATE/run/$name.pid" "$@" >>"$STATE/log/$name.log" 2>&1 </dev/null 8>&- &
	retry 60 test -s "$STATE/run/$name.pid" || die "$name does not start"
}

# stop NAME SIGNAL: sends it to the process group, and waits
stop()
{
	local group
	! alive "$1" || {
		read -r group _ <"$STATE/run/$1.pid"
		kill "-$2" -- "-$group"
		retry 30 eval "! alive $1" || die "$1 does not stop"
	}
	rm -f "$STATE/run/$1.pid"
}

#include "cluster/static_pods.h"

#include <string.h>

#include "text.h"

enum { COMM = 15 };

/*
 * An API server that is told to end takes no more requests, and waits a minute for its watchers: ten seconds are enough for
 * what it had to answer.
 */
static const char script[] =
	"d=/run/treenail; f=$d/static-pods do=$1; shift; pids() { for p in /proc/[0-9]*; do "
	"read -r c 2>/dev/null <$p/comm && "
	"[ \"$c\" = \"$1\" ] && grep -qs kubepods $p/cgroup && echo ${p#/proc/}; done; }; "
	"[ $do = end ] || [ $do = gone ] || { mkdir -p $d && for n; do for p in $(pids $n); do echo $n $p; done; done >$f; }; "
	"[ $do != note ] || exit 0; "
	"i=0; while [ $do = gone ]; do left=; for n; do [ -z \"$(pids $n)\" ] || left=\"$left $n\"; done; "
	"[ \"$left\" ] || exit 0; [ $i != 40 ] || for p in $(pids kube-apiserver); do kill -KILL $p; done; "
	"[ $i -lt 480 ] || { echo \"the kubelet has not ended$left\" >&2; exit 1; }; "
	"i=$((i+1)); sleep 0.25; done; "
	"old() { for p in $(pids $1); do grep -x \"$1 $p\" $f; done; }; "
	"for n; do old $n | while read -r _ p; do kill $p; done; done; i=0; "
	"while [ $i -lt 480 ]; do [ $i != 40 ] || old kube-apiserver | while read -r _ p; do kill -KILL $p; done; "
	"left=; for n; do grep -q \"^$n \" $f || continue; "
	"[ -z \"$(old $n)\" ] && [ \"$(pids $n)\" ] || left=$n; done; "
	"[ \"$left\" ] || exit 0; i=$((i+1)); sleep 0.25; done; "
	"echo \"the kubelet has not started $left again\" >&2; exit 1";

struct json_object *static_pods_argv(const char *what)
{
	const char *const words[] = { "sh", "-c", script, "sh", what };
	struct json_object *argv = json_object_new_array();

	for (size_t i = 0; i < COUNT(words); i++)
		json_object_array_add(argv, json_object_new_string(words[i]));
	return argv;
}

char *static_pods_name(const char *program)
{
	return xstrndup(program, strnlen(program, COMM));
}

#include "agent/facts.h"

#include <math.h>
#include <string.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "agent/child.h"
#include "agent/files.h"
#include "agent/packages.h"

enum { UNKNOWN_US = 16000000, CGROUP2_MAGIC = 0x63677270 };

static struct err *text_fact(const char *s, struct json_object **ret)
{
	*ret = step_text(s, strlen(s));
	return NULL;
}

static struct err *line_fact(const char *path, struct json_object **ret)
{
	AUTO_STR s = file_line(path);

	return text_fact(s, ret);
}

static struct err *kernel(struct step *s, struct json_object **ret)
{
	struct utsname u;

	(void)s;
	return uname(&u) == 0 ? text_fact(u.release, ret) : agent_errno("uname");
}

static struct err *arch(struct step *s, struct json_object **ret)
{
	struct utsname u;

	(void)s;
	return uname(&u) == 0 ? text_fact(u.machine, ret) : agent_errno("uname");
}

static struct err *hostname(struct step *s, struct json_object **ret)
{
	struct utsname u;

	(void)s;
	return uname(&u) == 0 ? text_fact(u.nodename, ret) : agent_errno("uname");
}

static struct err *machine_id(struct step *s, struct json_object **ret)
{
	(void)s;
	return line_fact("/etc/machine-id", ret);
}

static struct err *boot_id(struct step *s, struct json_object **ret)
{
	(void)s;
	return line_fact("/proc/sys/kernel/random/boot_id", ret);
}

bool clock_is_kept(void)
{
	struct timex t = { 0 };

	return adjtimex(&t) >= 0 && t.maxerror < UNKNOWN_US;
}

double clock_offset(const struct agent *a)
{
	return round((a->read_at - a->now) * 1000) / 1000;
}

static struct err *clock_fact(struct step *s, struct json_object **ret)
{
	struct json_object *o = json_object_new_object();

	json_set(o, "now", json_object_new_double(s->agent->read_at));
	if (s->agent->now > 0)
		json_set(o, "offset_s", json_object_new_double(clock_offset(s->agent)));
	json_set(o, "synchronized", json_object_new_boolean(clock_is_kept()));
	*ret = o;
	return NULL;
}

/* Where both are there, the first is what has the controllers. */
static struct err *cgroup(struct step *s, struct json_object **ret)
{
	struct statfs f;
	const bool second = statfs("/sys/fs/cgroup", &f) == 0 && f.f_type == CGROUP2_MAGIC;

	(void)s;
	*ret = json_object_new_int(second ? 2 : 1);
	return NULL;
}

static struct err *installed(struct step *s, struct json_object **ret)
{
	const struct package_manager *m = package_manager();

	return m ? m->installed(s->agent, ret)
		 : err_new(ERR_USAGE, "no package manager that is known here");
}

static struct err *packages(struct step *s, struct json_object **ret)
{
	struct json_object *names = json_at(s->args, "packages"), *some;
	AUTO_JSON all = NULL;
	struct err *e = installed(s, &all);

	if (e)
		return e;
	some = json_object_new_object();
	if (!names) {
		json_object_object_foreach(all, name, v) {
			json_sets(some, name, json_str(v, "version"));
		}
	}
	for (size_t i = 0; i < json_len(names); i++) {
		const char *name = json_object_get_string(json_nth(names, i));

		json_sets(some, name, json_str(json_object_object_get(all, name), "version"));
	}
	*ret = some;
	return NULL;
}

static struct err *held(struct step *s, struct json_object **ret)
{
	AUTO_JSON all = NULL;
	struct err *e = installed(s, &all);

	if (e)
		return e;
	*ret = json_object_new_array();
	json_object_object_foreach(all, name, v) {
		if (json_truth(v, "hold", false))
			json_object_array_add(*ret, json_object_new_string(name));
	}
	return NULL;
}

static struct err *services(struct step *s, struct json_object **ret)
{
	return units_ask(s->agent, json_at(s->args, "services"), ret);
}

static struct err *user(struct step *s, struct json_object **ret)
{
	AUTO_STR name = owner_text(geteuid(), getegid());
	struct json_object *o = json_object_new_object();

	(void)s;
	json_set(o, "uid", json_object_new_int64(geteuid()));
	json_set(o, "name", step_text(name, strcspn(name, ":")));
	*ret = o;
	return NULL;
}

const struct fact facts[] = {
	{ "os", fact_os },
	{ "kernel", kernel },
	{ "arch", arch },
	{ "hostname", hostname },
	{ "machine_id", machine_id },
	{ "boot_id", boot_id },
	{ "cpu", fact_cpu },
	{ "memory", fact_memory },
	{ "mounts", fact_mounts },
	{ "interfaces", fact_interfaces },
	{ "packages", packages },
	{ "held", held },
	{ "services", services, "services" },
	{ "files", fact_files, "files" },
	{ "certificates", fact_certificates, "certificates" },
	{ "clock", clock_fact },
	{ "cgroup", cgroup },
	{ "swap", fact_swap },
	{ "user", user },
	{ 0 },
};

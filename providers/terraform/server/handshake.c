#include "handshake.h"

#include <string.h>
#include <unistd.h>

#include "json.h"

/* The same for all providers and for ever: it keeps people from starting a plugin, nothing else. */
static const char cookie[] = "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2";

bool handshake_cookie_is_right(void)
{
	const char *s = secure_getenv("TF_PLUGIN_MAGIC_COOKIE");

	return s && strcmp(s, cookie) == 0;
}

void handshake_explain(const struct plugin *p, FILE *out)
{
	(void)fprintf(
		out,
		"terraform-provider-%s %s is a provider for Terraform and OpenTofu, which start "
		"it themselves.\n"
		"Name it in a configuration, and run terraform init:\n\n"
		"  terraform {\n"
		"    required_providers {\n"
		"      %s = { source = \"%s\" }\n"
		"    }\n"
		"  }\n\n"
		"To debug it, start it with -debug: it says how Terraform finds it then.\n",
		p->name, VERSION, p->name, p->address);
}

struct err *handshake_check_protocol(const struct plugin *p, const char *versions)
{
	for (const char *v = versions; v && *v; v += strcspn(v, ","), v += *v == ',') {
		char *end;

		if (strtol(v, &end, 10) == p->protocol && end != v && (*end == ',' || !*end))
			return NULL;
	}
	return err_new(ERR_USAGE,
		       "it speaks version %d of the plugin protocol, and what started it offers "
		       "'%.64s': take Terraform 1.0 or later, or OpenTofu",
		       p->protocol, versions ? versions : "");
}

void handshake_line(const struct plugin *p, const char *path, const char *cert, struct buf *ret)
{
	buf_addf(ret, "1|%d|unix|%s|grpc|%s", p->protocol, path, cert);
	/* Whoever asks for several connections in one wants to hear that there are none. */
	if (secure_getenv("PLUGIN_MULTIPLEX_GRPC"))
		buf_adds(ret, "|false");
	buf_adds(ret, "\n");
}

void handshake_by_hand(const struct plugin *p, const char *path, struct buf *ret)
{
	AUTO_JSON all = json_object_new_object();
	struct json_object *one = json_object_new_object();
	struct json_object *at = json_object_new_object();

	json_sets(at, "Network", "unix");
	json_sets(at, "String", path);
	json_sets(one, "Protocol", "grpc");
	json_set(one, "ProtocolVersion", json_object_new_int(p->protocol));
	json_set(one, "Pid", json_object_new_int(getpid()));
	json_set(one, "Test",
		 json_object_new_boolean(true)); /* it outlives the Terraform that uses it */
	json_set(one, "Addr", at);
	json_set(all, p->address, one);
	buf_addf(ret,
		 "Serving until Ctrl-C. In another shell, before running terraform:\n\n"
		 "  export TF_REATTACH_PROVIDERS='%s'\n\n",
		 json_object_to_json_string_ext(all, JSON_C_TO_STRING_PLAIN |
							     JSON_C_TO_STRING_NOSLASHESCAPE));
}

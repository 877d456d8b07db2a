/*
 * The program for Terraform's data source `external`: reads a query, {"key": "text", ...}, on standard
 * input, and answers with one object of a cloud or cluster as a flat map of strings on standard output. Errors
 * are one line on standard error and exit code 1. It changes nothing.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kube.h"
#include "lookup.h"
#include "session/session.h"

enum { QUERY_BYTES = 1 << 20, DEADLINE_S = 900 };

static const char HELP[] =
	"treenail-external looks up one object of an OpenStack cloud, or of a Kubernetes cluster, for Terraform's data source external:\n"
	"\n"
	"  data \"external\" \"net\" {\n"
	"    program = [\"treenail-external\"]\n"
	"    query   = { cloud = \"demo\", resource = \"network\", name = \"web\" }\n"
	"  }\n"
	"\n"
	"data.external.net.result then has its attributes, by the names they have in treenail.openstack:\n"
	"text, numbers and booleans as text, null as \"\", lists and dictionaries as JSON for jsondecode().\n"
	"Beside them: json, the whole object; sha256, a digest of that; warnings.\n"
	"\n"
	"Keys of a query, all of them text:\n"
	"  resource       what to look up, see below\n"
	"  name, id       which one; a name may be an ID as well\n"
	"  ATTRIBUTE      only what has this value; other objects by name or ID\n"
	"  min_ATTRIBUTE  only what has this number at least; of flavors the smallest that fits is taken\n"
	"  most_recent    \"true\": of several, the one that was made last\n"
	"  deadline       seconds until all must be done (900)\n"
	"  cloud          entry of clouds.yaml; else OS_CLOUD or OS_* variables; region_name, interface,\n"
	"                 ca_cert and what else connects is as for the modules; no secrets\n"
	"\n"
	"What is found must be exactly one object. Several at a time, or in parallel, do no harm: the login\n"
	"is shared by a cache. TREENAIL_LOG=debug shows requests, in the file TREENAIL_LOG_FILE if set.\n"
	"\n"
	"A query with the key kind looks up objects of a Kubernetes cluster:\n"
	"  query = { kind = \"Service\", namespace = \"web\", name = \"front\", \"path.port\" = \".spec.ports[0].port\" }\n"
	"treenail-external --help kubernetes lists its keys.\n"
	"\n"
	"treenail-external --help RESOURCE lists all keys of one; --version tells the version. Resources:\n";

static int fail(struct err *e)
{
	for (char *s = e->text; *s; s++)
		if (*s == '\n' || *s == '\r')
			*s = ' ';
	(void)fprintf(stderr, "treenail-external: %s\n", e->text);
	err_free(e);
	return 1;
}

static void on_deadline(int sig)
{
	static const char text[] =
		"treenail-external: the deadline has passed: raise 'deadline', or see what the cloud is busy with\n";

	(void)sig;
	(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
	_exit(1);
}

static struct err *read_query(struct json_object **ret)
{
	AUTO_BUF text = { .s = buf_empty, .max = QUERY_BYTES };
	char part[4096];
	ssize_t n;

	while ((n = read(STDIN_FILENO, part, sizeof(part))) > 0)
		if (!buf_add(&text, part, (size_t)n))
			return err_new(ERR_USAGE, "the query has more than %d bytes", QUERY_BYTES);
	if (n < 0)
		return err_new(ERR_USAGE, "standard input: %s", strerror(errno));
	return err_wrap(json_parse(text.s, text.len, ret), "the query on standard input");
}

static struct err *answer(struct json_object *map)
{
	(void)printf("%s\n", json_object_to_json_string_ext(
				     map, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	return fflush(stdout) == 0 ? NULL
				   : err_new(ERR_USAGE, "standard output: %s", strerror(errno));
}

static struct err *ask_cloud(struct json_object *query)
{
	struct lookup l = { 0 };
	struct session *session = NULL;
	AUTO_JSON map = NULL;
	struct err *e = lookup_parse(query, &l);

	if (!e) {
		(void)alarm((unsigned)l.deadline_s);
		e = session_new(l.want, &session);
	}
	if (!e)
		e = lookup_run(&l, session_api(session), &map);
	if (!e)
		e = answer(map);
	session_free(session);
	lookup_release(&l);
	return e;
}

static struct err *ask_cluster(struct json_object *query)
{
	struct kube_lookup l = { 0 };
	AUTO_JSON map = NULL;
	struct err *e = kube_parse(query, &l);

	if (!e) {
		(void)alarm((unsigned)l.deadline_s);
		e = kube_run(&l, &map);
	}
	if (!e)
		e = answer(map);
	kube_release(&l);
	return e;
}

static int by_hand(int argc, char **argv)
{
	struct err *e = NULL;

	if (strcmp(argv[1], "--version") == 0 && argc == 2) {
		(void)puts("treenail-external " VERSION);
	} else if (strcmp(argv[1], "--help") == 0 && argc == 2) {
		(void)fputs(HELP, stdout);
		lookup_resources(stdout);
	} else if (strcmp(argv[1], "--help") == 0 && argc == 3 &&
		   strcmp(argv[2], "kubernetes") == 0) {
		kube_keys(stdout);
	} else if (strcmp(argv[1], "--help") == 0 && argc == 3) {
		e = lookup_keys(argv[2], stdout);
	} else {
		e = err_new(ERR_USAGE,
			    "'%s' means nothing here: the query comes on standard input; see "
			    "treenail-external --help",
			    argv[argc - 1]);
	}
	return e ? fail(e) : 0;
}

int main(int argc, char **argv)
{
	AUTO_JSON query = NULL;
	struct err *e;

	if (argc > 1)
		return by_hand(argc, argv);
	if (isatty(STDIN_FILENO))
		return fail(
			err_new(ERR_USAGE,
				"the query comes on standard input; see treenail-external --help"));
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGALRM, on_deadline);
	(void)alarm(DEADLINE_S);
	e = read_query(&query);
	if (!e)
		e = kube_is_meant(query) ? ask_cluster(query) : ask_cloud(query);
	return e ? fail(e) : 0;
}

#include "cluster/certificates.h"

#include <arpa/inet.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#include "digest.h"
#include "text.h"

enum {
	PEM_MAX = 1 << 20,
	CERTIFICATES_MAX = 64, /* in one place */
	DAY_S = 86400,
	WARN_DAYS = 30,
	SPARE_S = 2, /* a program's start and a file's time are told in whole seconds */
};

#define CONF    "/etc/kubernetes"
#define PKI     CONF "/pki"
#define KUBELET "/var/lib/kubelet/pki"

/* What kubeadm and the kubelet keep on a node, under kubeadm's names. */
static const struct file_row {
	const char *name, *path;
	const char *by;     /* "renewed_by" */
	const char *reader; /* program that reads it at its start alone; NULL: those read it anew */
} file_rows[] = {
	{ "ca", PKI "/ca.crt" },
	{ "apiserver", PKI "/apiserver.crt", "kubeadm" },
	{ "apiserver-kubelet-client", PKI "/apiserver-kubelet-client.crt", "kubeadm" },
	{ "apiserver-etcd-client", PKI "/apiserver-etcd-client.crt", "kubeadm" },
	{ "front-proxy-ca", PKI "/front-proxy-ca.crt" },
	{ "front-proxy-client", PKI "/front-proxy-client.crt", "kubeadm" },
	{ "etcd-ca", PKI "/etcd/ca.crt" },
	{ "etcd-server", PKI "/etcd/server.crt", "kubeadm" },
	{ "etcd-peer", PKI "/etcd/peer.crt", "kubeadm" },
	{ "etcd-healthcheck-client", PKI "/etcd/healthcheck-client.crt", "kubeadm" },
	{ "admin.conf", CONF "/admin.conf", "kubeadm" },
	{ "super-admin.conf", CONF "/super-admin.conf", "kubeadm" },
	{ "controller-manager.conf", CONF "/controller-manager.conf", "kubeadm",
	  "kube-controller-manager" },
	{ "scheduler.conf", CONF "/scheduler.conf", "kubeadm", "kube-scheduler" },
	{ "kubelet.conf", CONF "/kubelet.conf", "kubelet" },
	{ "kubelet-client", KUBELET "/kubelet-client-current.pem", "kubelet" },
	{ "kubelet-server", KUBELET "/kubelet-server-current.pem", "kubelet" },
	{ "kubelet", KUBELET "/kubelet.crt", "removal" },
};

/* What is served where. `files`: the first of these that is there is where it comes from. */
static const struct served_row {
	const char *name;
	int port; /* 0: the API's */
	bool everywhere, local, etcd;
	const char *files, *program;
} served_rows[] = {
	{ "apiserver", .files = "apiserver", .program = "kube-apiserver" },
	{ "etcd-server", 2379, .etcd = true, .files = "etcd-server", .program = "etcd" },
	{ "etcd-peer", 2380, .etcd = true, .files = "etcd-peer", .program = "etcd" },
	{ "kubelet", 10250, .everywhere = true, .files = "kubelet-server kubelet",
	  .program = "kubelet" },
	{ "controller-manager", 10257, .local = true, .program = "kube-controller-manager" },
	{ "scheduler", 10259, .local = true, .program = "kube-scheduler" },
};

/* ---- what a certificate says ---- */

static void set_time(struct json_object *o, const char *name, const ASN1_TIME *t)
{
	AUTO_STR seconds = xasprintf("%s_s", name);
	struct tm tm = { 0 };
	char text[64] = "";

	if (ASN1_TIME_to_tm(t, &tm) != 1)
		return;
	(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	json_sets(o, name, text);
	json_set(o, seconds, json_object_new_int64((int64_t)timegm(&tm)));
}

static void set_name(struct json_object *o, const char *key, const X509_NAME *name)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *s = NULL;
	long len = 0;

	if (bio && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0)
		len = BIO_get_mem_data(bio, &s);
	AUTO_STR text = xstrndup(s ? s : "", len > 0 ? (size_t)len : 0);
	json_sets(o, key, text);
	(void)BIO_free(bio);
}

static void set_serial(struct json_object *o, X509 *x)
{
	BIGNUM *n = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x), NULL);
	char *hex = n ? BN_bn2hex(n) : NULL;

	for (char *s = hex; s && *s; s++)
		if (*s >= 'A' && *s <= 'F')
			*s += 'a' - 'A';
	json_sets(o, "serial", hex ? hex : "");
	OPENSSL_free(hex);
	BN_free(n);
}

static struct json_object *told(X509 *x)
{
	struct json_object *o = json_object_new_object();
	unsigned char *der = NULL;
	const int len = i2d_X509(x, &der);
	AUTO_STR sum = len > 0 ? digest_text("sha256", (const char *)der, (size_t)len) : NULL;

	set_name(o, "subject", X509_get_subject_name(x));
	set_name(o, "issuer", X509_get_issuer_name(x));
	set_serial(o, x);
	json_sets(o, "sha256", sum);
	set_time(o, "not_before", X509_get0_notBefore(x));
	set_time(o, "not_after", X509_get0_notAfter(x));
	json_set(o, "ca", json_object_new_boolean(X509_check_ca(x) > 0));
	OPENSSL_free(der);
	return o;
}

struct err *certificates_of_pem(const char *pem, struct json_object **ret)
{
	const size_t len = strnlen(pem, PEM_MAX + 1);
	BIO *bio = len > PEM_MAX ? NULL : BIO_new_mem_buf(pem, (int)len);
	AUTO_JSON list = json_object_new_array();
	X509 *x = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;

	while (x && json_len(list) < CERTIFICATES_MAX) {
		(void)json_object_array_add(list, told(x));
		X509_free(x);
		x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	}
	X509_free(x);
	(void)BIO_free(bio);
	ERR_clear_error();
	if (!json_len(list))
		return err_new(ERR_PROTOCOL, "there is no certificate in it");
	*ret = TAKE(list);
	return NULL;
}

/* The first of PEM text, or why there is none. Owned. */
static struct json_object *row(const char *name, const char *where, const char *place,
			       const char *pem, struct err *e)
{
	struct json_object *o = json_object_new_object();
	AUTO_JSON all = NULL;

	json_sets(o, "name", name);
	json_sets(o, "where", where);
	json_sets(o, "place", place);
	if (!e)
		e = certificates_of_pem(pem, &all);
	if (e) {
		json_sets(o, "error", e->text);
		err_free(e);
		return o;
	}
	json_object_object_foreach(json_nth(all, 0), key, v)
		json_set(o, key, json_object_get(v));
	return o;
}

/* ---- files ---- */

struct json_object *certificates_paths(void)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < COUNT(file_rows); i++)
		(void)json_object_array_add(list, json_object_new_string(file_rows[i].path));
	return list;
}

struct json_object *certificates_step(void)
{
	struct json_object *s = json_object_new_object(), *names = json_object_new_array();

	(void)json_object_array_add(names, json_object_new_string("certificates"));
	json_sets(s, "id", "certificates");
	json_sets(s, "do", "facts");
	json_set(s, "names", names);
	json_set(s, "certificates", certificates_paths());
	return s;
}

struct json_object *certificates_of_facts(struct json_object *facts)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < COUNT(file_rows); i++) {
		const struct file_row *f = &file_rows[i];
		struct json_object *pems = NULL, *one;
		const char *first;

		/* A kubeconfig that leads to a file has none of its own. */
		if (!facts || !json_object_object_get_ex(facts, f->path, &pems) || !json_len(pems))
			continue;
		first = json_object_get_string(json_nth(pems, 0));
		one = row(f->name, "file", f->path, first ? first : "", NULL);
		if (f->by)
			json_sets(one, "renewed_by", f->by);
		(void)json_object_array_add(list, one);
	}
	return list;
}

/* ---- times ---- */

/* The kernel knows programs by 15 letters. */
enum { COMM = 15 };

static char *short_name(const char *program)
{
	return xstrndup(program, strnlen(program, COMM));
}

void certificates_of_user(struct json_object *all)
{
	for (size_t i = 0; i < json_len(all); i++)
		if (json_is_str(json_at(json_nth(all, i), "name"), "apiserver-etcd-client"))
			json_sets(json_nth(all, i), "renewed_by", "user");
}

bool certificate_is_others(struct json_object *certificate)
{
	const char *by = json_str(certificate, "renewed_by");

	return by && words_have("kubelet user", by);
}

struct json_object *certificates_times_step(void)
{
	struct json_object *s = json_object_new_object(), *argv = json_object_new_array();
	AUTO_BUF script = BUF_INIT;

	buf_adds(&script, "now=$(date +%s); for f in");
	for (size_t i = 0; i < COUNT(file_rows); i++)
		if (file_rows[i].reader)
			buf_addf(&script, " %s", file_rows[i].path);
	buf_adds(&script, "; do [ ! -e $f ] || stat -c '%Y %n' $f; done; "
			  "ps -eo etimes=,comm= | while read -r s c; do case $c in ''");
	for (size_t i = 0; i < COUNT(file_rows); i++) {
		AUTO_STR name = file_rows[i].reader ? short_name(file_rows[i].reader) : NULL;

		if (name)
			buf_addf(&script, "|%s", name);
	}
	buf_adds(&script, ") echo $((now-s)) $c;; esac; done");
	(void)json_object_array_add(argv, json_object_new_string("sh"));
	(void)json_object_array_add(argv, json_object_new_string("-c"));
	(void)json_object_array_add(argv, json_object_new_string(script.s));
	json_sets(s, "id", "certificates-times");
	json_sets(s, "do", "command");
	json_set(s, "argv", argv);
	json_set(s, "query", json_object_new_boolean(true));
	return s;
}

/* The row that a line is about; *ret_name: under which name it is kept. NULL: none. */
static const char *timed(const char *what, size_t len)
{
	for (size_t i = 0; i < COUNT(file_rows); i++) {
		const struct file_row *f = &file_rows[i];
		AUTO_STR comm = f->reader ? short_name(f->reader) : NULL;

		if (f->reader && strlen(f->path) == len && strncmp(what, f->path, len) == 0)
			return f->path;
		if (comm && strlen(comm) == len && strncmp(what, comm, len) == 0)
			return f->reader;
	}
	return NULL;
}

struct json_object *certificates_times(const char *out)
{
	struct json_object *times = json_object_new_object();

	while (*out) {
		const size_t len = strcspn(out, "\n");
		char *end = NULL;
		const int64_t s = strtoll(out, &end, 10);
		const char *name = end > out && *end == ' '
					   ? timed(end + 1, (size_t)(out + len - end - 1))
					   : NULL;

		/* Of several of a name the youngest: another is about to end. */
		if (name && s > json_int(times, name, 0))
			json_set(times, name, json_object_new_int64(s));
		out += len + (out[len] == '\n');
	}
	return times;
}

/* ---- as served ---- */

static char *place_of(const char *host, int port)
{
	return xasprintf(strchr(host, ':') ? "[%s]:%d" : "%s:%d", host, port);
}

static struct json_object *served(const struct certificates_look *l, const struct served_row *r)
{
	const int port = r->port ? r->port : l->api_port;
	const char *host = r->local ? "127.0.0.1" : l->address, *here = host;
	AUTO_STR place = place_of(host, port);
	int port_here = port;
	struct json_object *one;
	AUTO_STR pem = NULL;
	struct err *e = l->way ? l->way(l->arg, host, port, &here, &port_here) : NULL;

	if (!e)
		e = certificate_served(here, port_here, NULL, l->deadline_ms, &pem);
	one = row(r->name, "served", place, pem, e);
	if (!r->files)
		json_sets(one, "renewed_by", "restart");
	return one;
}

struct json_object *certificates_served(const struct certificates_look *l)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < COUNT(served_rows); i++) {
		const struct served_row *r = &served_rows[i];

		if ((r->everywhere || l->control_plane) && !(r->etcd && l->external_etcd))
			(void)json_object_array_add(list, served(l, r));
	}
	return list;
}

/* ---- the report ---- */

/* From good to bad. */
static const char *const states[] = { "ok", "ends_soon", "unknown", "stale", "expired" };
enum state { OK, ENDS_SOON, UNKNOWN, STALE, EXPIRED };

struct judging {
	const struct certificates_input *in;
	struct json_object *all, *restart;
	enum state worst;
	bool any;
	int64_t days_left;
};

static struct json_object *file_of(const struct judging *j, const char *names)
{
	WORDS_EACH(w, names) {
		for (size_t i = 0; i < json_len(j->in->files); i++) {
			struct json_object *f = json_nth(j->in->files, i);
			const char *name = json_str(f, "name");

			if (name && strlen(name) == words_len(w) &&
			    strncmp(name, w, words_len(w)) == 0)
				return json_has(f, "error") ? NULL : f;
		}
	}
	return NULL;
}

static void restart(struct judging *j, const char *program)
{
	AUTO_JSON name = json_object_new_string(program);

	if (!json_list_has(j->restart, name))
		(void)json_object_array_add(j->restart, json_object_get(name));
}

/* Owned words; NULL: it is not stale. */
static char *stale_served(struct judging *j, struct json_object *c)
{
	const char *name = json_str(c, "name"), *sha256 = json_str(c, "sha256");
	struct json_object *file;

	for (size_t i = 0; name && i < COUNT(served_rows); i++) {
		const struct served_row *r = &served_rows[i];

		if (strcmp(r->name, name) != 0 || !r->files)
			continue;
		file = file_of(j, r->files);
		if (!file || !sha256 || json_is_str(json_at(file, "sha256"), sha256))
			return NULL;
		restart(j, r->program);
		return xasprintf("%s shows another certificate (until %s) than %s has (until %s): "
				 "restart it",
				 r->program, json_str(c, "not_after"), json_str(file, "place"),
				 json_str(file, "not_after"));
	}
	return NULL;
}

static int64_t time_of(const struct judging *j, const char *name)
{
	struct json_object *v = NULL;

	if (!j->in->times || !json_object_object_get_ex(j->in->times, name, &v))
		return 0;
	return json_object_get_int64(v);
}

static char *stale_file(struct judging *j, struct json_object *c)
{
	const char *name = json_str(c, "name");

	for (size_t i = 0; name && i < COUNT(file_rows); i++) {
		const struct file_row *f = &file_rows[i];

		if (!f->reader || strcmp(f->name, name) != 0 || !time_of(j, f->reader) ||
		    time_of(j, f->path) <= time_of(j, f->reader) + SPARE_S)
			continue;
		restart(j, f->reader);
		return xasprintf("%s was started before %s was written: restart it", f->reader,
				 f->path);
	}
	return NULL;
}

/* Downwards: what ended an hour ago has -1 day left. */
static int64_t days(int64_t s)
{
	return s >= 0 ? s / DAY_S : -((-s + DAY_S - 1) / DAY_S);
}

/* Owned words. */
static enum state by_time(struct judging *j, struct json_object *c, char **ret_why)
{
	const int64_t from = json_int(c, "not_before_s", 0), until = json_int(c, "not_after_s", 0);
	const int64_t left = days(until - j->in->now_s);
	const int warn = j->in->warn_days ? j->in->warn_days : WARN_DAYS;

	json_set(c, "days_left", json_object_new_int64(left));
	if (!json_truth(c, "ca", false) && (!j->any || left < j->days_left)) {
		j->days_left = left;
		j->any = true;
	}
	if (until <= j->in->now_s)
		*ret_why = xasprintf("it ended on %s", json_str(c, "not_after"));
	else if (from > j->in->now_s)
		*ret_why = xasprintf("it begins on %s: are the clocks right?",
				     json_str(c, "not_before"));
	else if (left < warn)
		*ret_why = xasprintf("it ends in %lld days, on %s", (long long)left,
				     json_str(c, "not_after"));
	return until <= j->in->now_s || from > j->in->now_s ? EXPIRED
	       : left < warn                                ? ENDS_SOON
							    : OK;
}

static void judge(struct judging *j, struct json_object *given)
{
	struct json_object *c = json_copy(given);
	const char *error = json_str(c, "error");
	AUTO_STR why = NULL;
	AUTO_STR stale = NULL;
	enum state state = UNKNOWN;

	if (error)
		why = xstrdup(error);
	else if (!json_has(c, "not_after_s"))
		why = xstrdup("its dates make no sense");
	else
		state = by_time(j, c, &why);
	if (!error)
		stale = json_is_str(json_at(c, "where"), "served") ? stale_served(j, c)
								   : stale_file(j, c);
	if (stale && state < STALE) {
		state = STALE;
		free(why);
		why = xstrdup(stale);
	}
	json_set(c, "stale", json_object_new_boolean(stale != NULL));
	json_sets(c, "state", states[state]);
	json_sets(c, "why", why ? why : "");
	if (state > j->worst)
		j->worst = state;
	(void)json_object_array_add(j->all, c);
}

struct json_object *certificates_report(const struct certificates_input *in)
{
	struct json_object *o = json_object_new_object();
	struct judging j = { .in = in,
			     .all = json_object_new_array(),
			     .restart = json_object_new_array() };

	for (size_t i = 0; i < json_len(in->files); i++)
		judge(&j, json_nth(in->files, i));
	for (size_t i = 0; i < json_len(in->served); i++)
		judge(&j, json_nth(in->served, i));
	if (!json_len(j.all))
		j.worst = UNKNOWN;
	json_sets(o, "worst", states[j.worst]);
	json_set(o, "days_left", j.any ? json_object_new_int64(j.days_left) : NULL);
	json_set(o, "restart", j.restart);
	json_set(o, "certificates", j.all);
	return o;
}

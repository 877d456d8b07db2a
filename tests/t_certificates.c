/* Certificates in files and as real TLS servers show them, and what is made of both. */
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "cluster/certificates.h"
#include "cluster/pki.h"
#include "kubeadm.h"
#include "oracle.h"
#include "sandbox.h"
#include "unit.h"

enum { DAY_S = 86400, LONG_MS = 120000, SOON_MS = 300 };

static struct pki *authority(void)
{
	struct pki *p = NULL;

	unit_ok(pki_new(&(struct pki_options){ 0 }, &p));
	return p;
}

static struct pki_pair pair_of(const struct pki *p, const char *name, int64_t now_s, int64_t life_s)
{
	struct pki_pair pair = { 0 };

	unit_ok(pki_client(
		p, &(struct pki_client){ .name = name, .now_s = now_s, .life_s = life_s }, &pair));
	return pair;
}

/* ---- servers ---- */

/* Takes one connection after the other until it is stopped. */
struct server {
	int fd, port;
	pthread_t thread;
	SSL_CTX *ctx; /* NULL: it speaks no TLS, but says `text` */
	const char *text;
	bool silent; /* says nothing, and keeps the connection */
};

static void serve_tls(struct server *s, int fd)
{
	SSL *ssl = SSL_new(s->ctx);
	char c;

	(void)SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) == 1)
		(void)SSL_read(ssl, &c, 1);
	SSL_free(ssl);
	ERR_clear_error();
}

static void *serve(void *arg)
{
	struct server *s = arg;
	char c;
	int fd;

	while ((fd = accept(s->fd, NULL, NULL)) >= 0) {
		if (s->ctx)
			serve_tls(s, fd);
		else if (s->silent)
			while (read(fd, &c, 1) > 0)
				;
		else if (s->text)
			(void)!write(fd, s->text, strlen(s->text));
		(void)close(fd);
	}
	return NULL;
}

static void server_start(struct server *s)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);

	(void)signal(SIGPIPE, SIG_IGN); /* of this server; the client has none */
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(s->fd, (struct sockaddr *)&at, len), 0);
	ck_assert_int_eq(listen(s->fd, 8), 0);
	ck_assert_int_eq(getsockname(s->fd, (struct sockaddr *)&at, &len), 0);
	s->port = ntohs(at.sin_port);
	ck_assert_int_eq(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void server_stop(struct server *s)
{
	(void)shutdown(s->fd, SHUT_RDWR);
	(void)pthread_join(s->thread, NULL);
	(void)close(s->fd);
	SSL_CTX_free(s->ctx);
}

static SSL_CTX *tls(const struct pki_pair *pair, int version)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	BIO *cert = BIO_new_mem_buf(pair->cert, -1), *key = BIO_new_mem_buf(pair->key, -1);
	X509 *x = PEM_read_bio_X509(cert, NULL, NULL, NULL);
	EVP_PKEY *k = PEM_read_bio_PrivateKey(key, NULL, NULL, NULL);

	ck_assert_int_eq(SSL_CTX_use_certificate(ctx, x), 1);
	ck_assert_int_eq(SSL_CTX_use_PrivateKey(ctx, k), 1);
	(void)SSL_CTX_set_min_proto_version(ctx, version);
	(void)SSL_CTX_set_max_proto_version(ctx, version);
	X509_free(x);
	EVP_PKEY_free(k);
	(void)BIO_free(cert);
	(void)BIO_free(key);
	return ctx;
}

static void add_chain(SSL_CTX *ctx, const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);

	ck_assert_int_eq(SSL_CTX_add0_chain_cert(ctx, x), 1);
	(void)BIO_free(bio);
}

#define shows(port, pair)                                                                          \
	do {                                                                                       \
		AUTO_STR pem_ = NULL;                                                              \
		unit_ok(certificate_served("127.0.0.1", port, NULL, clock_ms() + LONG_MS, &pem_)); \
		ck_assert_msg(strncmp(pem_, (pair).cert, strlen((pair).cert)) == 0,                \
			      "%s\nis not\n%s", pem_, (pair).cert);                                \
	} while (0)

/* Of each version; of one that wants a certificate, too, and of one whose own has ended long ago. */
START_TEST(is_shown)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	struct pki *p = authority();

	for (size_t i = 0; i < COUNT(versions); i++) {
		for (int wants = 0; wants < 2; wants++) {
			struct pki_pair pair = pair_of(p, "etcd", wants ? 0 : 1000000000, DAY_S);
			struct server s = { .ctx = tls(&pair, versions[i]) };

			if (wants)
				SSL_CTX_set_verify(
					s.ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
					NULL);
			server_start(&s);
			shows(s.port, pair);
			shows(s.port, pair);
			server_stop(&s);
			pki_pair_release(&pair);
		}
	}
	pki_free(p);
}
END_TEST

START_TEST(chain)
{
	struct pki *p = authority();
	struct pki_pair pair = pair_of(p, "kube-apiserver", 0, DAY_S);
	struct server s = { .ctx = tls(&pair, TLS1_3_VERSION) };
	AUTO_JSON all = NULL;
	AUTO_STR pem = NULL;

	add_chain(s.ctx, pki_text(p, PKI_FOLDER "/ca.crt"));
	server_start(&s);
	unit_ok(certificate_served("localhost", s.port, "api.example", clock_ms() + LONG_MS, &pem));
	unit_ok(certificates_of_pem(pem, &all));
	ck_assert_int_eq(json_len(all), 2);
	ck_assert_str_eq(json_str(json_nth(all, 0), "subject"), "CN=kube-apiserver");
	ck_assert_str_eq(json_str(json_nth(all, 0), "issuer"), "CN=kubernetes");
	ck_assert(!json_truth(json_nth(all, 0), "ca", true));
	ck_assert_str_eq(json_str(json_nth(all, 1), "subject"), "CN=kubernetes");
	ck_assert(json_truth(json_nth(all, 1), "ca", false));
	server_stop(&s);
	pki_pair_release(&pair);
	pki_free(p);
}
END_TEST

static const char *wanted_name;

static int by_name(SSL *ssl, int *alert, void *other)
{
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

	(void)alert;
	if (name && strcmp(name, wanted_name) == 0)
		(void)SSL_set_SSL_CTX(ssl, other);
	return SSL_TLSEXT_ERR_OK;
}

START_TEST(by_sni)
{
	struct pki *p = authority();
	struct pki_pair usual = pair_of(p, "usual", 0, DAY_S),
			named = pair_of(p, "named", 0, DAY_S);
	struct server s = { .ctx = tls(&usual, TLS1_2_VERSION) };
	SSL_CTX *other = tls(&named, TLS1_2_VERSION);
	AUTO_STR pem = NULL;

	wanted_name = "api.example";
	(void)SSL_CTX_set_tlsext_servername_callback(s.ctx, by_name);
	(void)SSL_CTX_set_tlsext_servername_arg(s.ctx, other);
	server_start(&s);
	shows(s.port, usual);
	unit_ok(certificate_served("127.0.0.1", s.port, "api.example", clock_ms() + LONG_MS, &pem));
	ck_assert_str_eq(pem, named.cert);
	free(TAKE(pem));
	/* An address is no name to ask for. */
	unit_ok(certificate_served("127.0.0.1", s.port, "127.0.0.1", clock_ms() + LONG_MS, &pem));
	ck_assert_str_eq(pem, usual.cert);
	server_stop(&s);
	SSL_CTX_free(other);
	pki_pair_release(&usual);
	pki_pair_release(&named);
	pki_free(p);
}
END_TEST

START_TEST(not_shown)
{
	struct server ssh = { .text = "SSH-2.0-OpenSSH_9.2\r\n" }, gone = { 0 },
		      mute = { .silent = true };
	int ends[2];
	char *pem = NULL;
	const int64_t long_time = clock_ms() + LONG_MS;

	server_start(&ssh);
	unit_fails(certificate_served("127.0.0.1", ssh.port, NULL, long_time, &pem), ERR_PROTOCOL,
		   "it speaks no TLS");
	server_stop(&ssh);
	unit_fails(certificate_served("127.0.0.1", ssh.port, NULL, long_time, &pem), ERR_NETWORK,
		   "connecting: Connection refused");
	server_start(&mute);
	unit_fails(certificate_served("127.0.0.1", mute.port, NULL, clock_ms() + SOON_MS, &pem),
		   ERR_TIMEOUT, "it did not answer in time");
	server_stop(&mute);
	server_start(&gone);
	{
		AUTO_ERR e = certificate_served("127.0.0.1", gone.port, NULL, long_time, &pem);

		ck_assert_ptr_nonnull(e);
		ck_assert_int_eq(e->kind, ERR_NETWORK);
	}
	server_stop(&gone);
	/* The other side is gone before anything is said: no signal. */
	(void)signal(SIGPIPE, SIG_DFL);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	(void)close(ends[1]);
	unit_fails(certificate_served_fd(ends[0], NULL, long_time, &pem), ERR_NETWORK, "sending: ");
	(void)close(ends[0]);
	ck_assert_ptr_null(pem);
}
END_TEST

/* A server that never ends its first message. */
START_TEST(endless)
{
	/* A handshake record of 16384 bytes: a ServerHello that claims to have 16 MiB. */
	static char record[5 + 16384] = "\x16\x03\x03\x40\x00\x02\xff\xff\xff";
	int ends[2];
	char *pem = NULL;
	pid_t pid;
	struct err *e;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	pid = fork();
	if (!pid) {
		(void)close(ends[0]);
		while (write(ends[1], record, sizeof(record)) > 0)
			;
		_exit(0);
	}
	(void)close(ends[1]);
	e = certificate_served_fd(ends[0], NULL, clock_ms() + LONG_MS, &pem);
	ck_assert_ptr_nonnull(e);
	ck_assert_int_eq(e->kind, ERR_PROTOCOL);
	err_free(e);
	(void)close(ends[0]);
	ck_assert_ptr_null(pem);
}
END_TEST

/* ---- a whole node ---- */

struct ways {
	struct server *api, *kubelet;
	int asked;
};

static struct err *way(void *arg, const char *host, int port, const char **ret_host, int *ret_port)
{
	struct ways *w = arg;

	w->asked++;
	ck_assert_str_eq(host, port == 10257 || port == 10259 ? "127.0.0.1" : "10.0.0.1");
	if (port != 7443 && port != 10250)
		return err_new(ERR_NETWORK, "no way to %d", port);
	*ret_host = "127.0.0.1";
	*ret_port = port == 7443 ? w->api->port : w->kubelet->port;
	return NULL;
}

START_TEST(of_a_node)
{
	struct pki *p = authority();
	struct pki_pair a = pair_of(p, "kube-apiserver", 0, DAY_S), k = pair_of(p, "c1", 0, DAY_S);
	struct server api = { .ctx = tls(&a, TLS1_3_VERSION) },
		      kubelet = { .ctx = tls(&k, TLS1_3_VERSION) };
	struct ways w = { .api = &api, .kubelet = &kubelet };
	struct certificates_look look = { .address = "10.0.0.1",
					  .control_plane = true,
					  .api_port = 7443,
					  .deadline_ms = clock_ms() + LONG_MS,
					  .way = way,
					  .arg = &w };
	AUTO_JSON all = NULL;
	AUTO_JSON fewer = NULL;

	server_start(&api);
	server_start(&kubelet);
	all = certificates_served(&look);
	ck_assert_int_eq(json_len(all), 6);
	ck_assert_str_eq(json_str(json_nth(all, 0), "place"), "10.0.0.1:7443");
	ck_assert_str_eq(json_str(json_nth(all, 0), "subject"), "CN=kube-apiserver");
	unit_same(json_nth(all, 1), "{'name': 'etcd-server', 'where': 'served', "
				    "'place': '10.0.0.1:2379', 'error': 'no way to 2379'}");
	ck_assert_str_eq(json_str(json_nth(all, 3), "subject"), "CN=c1");
	ck_assert_str_eq(json_str(json_nth(all, 4), "place"), "127.0.0.1:10257");
	ck_assert_str_eq(json_str(json_nth(all, 4), "renewed_by"), "restart");
	look.external_etcd = true;
	w.asked = 0;
	json_object_put(certificates_served(&look));
	ck_assert_int_eq(w.asked, 4);
	look.control_plane = false;
	fewer = certificates_served(&look);
	ck_assert_int_eq(json_len(fewer), 1);
	ck_assert_str_eq(json_str(json_nth(fewer, 0), "name"), "kubelet");
	server_stop(&api);
	server_stop(&kubelet);
	pki_pair_release(&a);
	pki_pair_release(&k);
	pki_free(p);
}
END_TEST

/* ---- the report ---- */

static struct json_object *report_of(const char *files, const char *served, const char *times)
{
	AUTO_JSON f = files ? unit_json(files) : NULL;
	AUTO_JSON s = served ? unit_json(served) : NULL;
	AUTO_JSON t = times ? unit_json(times) : NULL;

	return certificates_report(&(struct certificates_input){
		.files = f, .served = s, .times = t, .now_s = (int64_t)1000 * DAY_S });
}

#define CERT(name, where, place, sha, from, until)                                         \
	"{'name': '" name "', 'where': '" where "', 'place': '" place "', 'sha256': '" sha \
	"', 'not_before_s': " from ", 'not_after_s': " until                               \
	", 'not_before': 'BEGIN', 'not_after': 'END " until "', 'ca': false}"

START_TEST(judged)
{
	/* Now is 86400000. */
	static const struct {
		const char *files, *served, *times, *worst, *days, *restart, *state, *why;
	} cases[] = {
		{ NULL, NULL, NULL, "unknown", "null", "[]", NULL, NULL },
		{ "[" CERT("apiserver", "file", "/p", "aa", "1", "89078400") "]", NULL, NULL, "ok",
		  "31", "[]", "ok", "" },
		{ "[" CERT("apiserver", "file", "/p", "aa", "1", "88992000") "]", NULL, NULL, "ok",
		  "30", "[]", "ok", "" },
		{ "[" CERT("apiserver", "file", "/p", "aa", "1", "88991999") "]", NULL, NULL,
		  "ends_soon", "29", "[]", "ends_soon", "it ends in 29 days, on END 88991999" },
		{ "[" CERT("apiserver", "file", "/p", "aa", "1", "86400001") "]", NULL, NULL,
		  "ends_soon", "0", "[]", "ends_soon", "it ends in 0 days" },
		{ "[" CERT("apiserver", "file", "/p", "aa", "1", "86400000") "]", NULL, NULL,
		  "expired", "0", "[]", "expired", "it ended on END 86400000" },
		{ "[" CERT("apiserver", "file", "/p", "aa", "1", "86399999") "]", NULL, NULL,
		  "expired", "-1", "[]", "expired", "it ended on END 86399999" },
		{ "[" CERT("apiserver", "file", "/p", "aa", "86400001", "99999999") "]", NULL, NULL,
		  "expired", "157", "[]", "expired", "it begins on BEGIN: are the clocks right?" },
		/* Renewed in the file, the old one shown. */
		{ "[" CERT("apiserver", "file", "/p", "aa", "1", "99999999") "]",
		  "[" CERT("apiserver", "served", "h:1", "bb", "1", "87264000") "]", NULL, "stale",
		  "10", "['kube-apiserver']", "ok", "" },
		{ "[" CERT("apiserver", "file", "/p", "aa", "1", "99999999") "]",
		  "[" CERT("apiserver", "served", "h:1", "aa", "1", "99999999") "]", NULL, "ok",
		  "157", "[]", "ok", "" },
		/* Of two files the kubelet shows the one that was signed for it. */
		{ "[" CERT("kubelet-server", "file", "/s", "bb", "1", "99999999") ", " CERT(
			  "kubelet", "file", "/k", "aa", "1", "99999999") "]",
		  "[" CERT("kubelet", "served", "h:1", "bb", "1", "99999999") "]", NULL, "ok",
		  "157", "[]", "ok", "" },
		{ "[" CERT("kubelet", "file", "/k", "aa", "1", "99999999") "]",
		  "[" CERT("kubelet", "served", "h:1", "bb", "1", "99999999") "]", NULL, "stale",
		  "157", "['kubelet']", "ok", "" },
		/* In no file. */
		{ "[]", "[" CERT("scheduler", "served", "h:1", "bb", "1", "99999999") "]", NULL,
		  "ok", "157", "[]", "ok", "" },
		{ NULL,
		  "[{'name': 'etcd-peer', 'where': 'served', 'place': 'h:2', 'error': 'refused'}]",
		  NULL, "unknown", "null", "[]", "unknown", "refused" },
		/* Read once, at the start. */
		{ "[" CERT("scheduler.conf", "file", "/c", "aa", "1", "99999999") "]", NULL,
		  "{'kube-scheduler': 1000, '/etc/kubernetes/scheduler.conf': 2000}", "stale",
		  "157", "['kube-scheduler']", "stale",
		  "kube-scheduler was started before /etc/kubernetes/scheduler.conf was written" },
		{ "[" CERT("scheduler.conf", "file", "/c", "aa", "1", "99999999") "]", NULL,
		  "{'kube-scheduler': 2000, '/etc/kubernetes/scheduler.conf': 2001}", "ok", "157",
		  "[]", "ok", "" },
		{ "[" CERT("scheduler.conf", "file", "/c", "aa", "1", "86399999") "]", NULL,
		  "{'kube-scheduler': 1000, '/etc/kubernetes/scheduler.conf': 2000}", "expired",
		  "-1", "['kube-scheduler']", "expired", "it ended on" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO_JSON r = report_of(cases[i].files, cases[i].served, cases[i].times);
		struct json_object *first = json_nth(json_at(r, "certificates"), 0);
		AUTO_STR days = json_text(json_at(r, "days_left"));

		ck_assert_msg(json_is_str(json_at(r, "worst"), cases[i].worst), "case %zu: %s", i,
			      json_object_to_json_string(r));
		ck_assert_msg(strcmp(days, cases[i].days) == 0, "case %zu: %s", i, days);
		unit_same(json_at(r, "restart"), cases[i].restart);
		if (!cases[i].state)
			continue;
		ck_assert_msg(json_is_str(json_at(first, "state"), cases[i].state), "case %zu: %s",
			      i, json_object_to_json_string(first));
		ck_assert_msg(strncmp(json_str(first, "why"), cases[i].why, strlen(cases[i].why)) ==
				      0,
			      "case %zu: %s", i, json_object_to_json_string(first));
	}
}
END_TEST

/* What ends with whom is told, CAs are not among the days that renewals are for. */
START_TEST(words)
{
	AUTO_JSON r = report_of(
		"[" CERT("etcd-peer", "file", "/p", "aa", "1", "99999999") "]",
		"[" CERT("etcd-peer", "served", "h:2380", "bb", "1", "87264000") "]", NULL);
	struct json_object *s = json_nth(json_at(r, "certificates"), 1);
	AUTO_JSON ca = unit_json(
		"[{'name': 'ca', 'where': 'file', 'place': '/p', 'not_before_s': 1, "
		"'not_after_s': 86486400, 'not_after': 'END', 'sha256': 'x', 'ca': true}]");
	AUTO_JSON c = certificates_report(
		&(struct certificates_input){ .files = ca, .now_s = (int64_t)1000 * DAY_S });

	ck_assert_str_eq(json_str(s, "why"), "etcd shows another certificate (until END 87264000) "
					     "than /p has (until END 99999999): restart it");
	ck_assert(json_truth(s, "stale", false));
	ck_assert_str_eq(json_str(c, "worst"), "ends_soon");
	ck_assert_ptr_null(json_at(c, "days_left"));
	ck_assert_int_eq(json_int(json_nth(json_at(c, "certificates"), 0), "days_left", -9), 1);
}
END_TEST

/* ---- times ---- */

START_TEST(times)
{
	AUTO_JSON t =
		certificates_times("100 /etc/kubernetes/scheduler.conf\n"
				   "nonsense\n\n12\n7 \n55 kube-scheduler\n66 kube-scheduler\n"
				   "60 kube-scheduler\n70 kube-controller\n80 bash\n"
				   "99999999999999999999 kube-schedule\n90 /etc/passwd");

	unit_same(t, "{'/etc/kubernetes/scheduler.conf': 100, 'kube-scheduler': 66, "
		     "'kube-controller-manager': 70}");
}
END_TEST

/* The step's script, by the shell, with a program of that name running. */
START_TEST(times_for_real)
{
	AUTO_JSON step = certificates_times_step();
	struct json_object *argv = json_at(step, "argv");
	const int64_t before = (int64_t)time(NULL);
	AUTO_STR out = NULL;
	AUTO_JSON t = NULL;
	int64_t started;
	pid_t pid;

	sandbox_enter();
	free(ORACLE("sh", "-c", "cp \"$(command -v sleep)\" kube-controller-manager"));
	pid = fork();
	if (!pid) {
		(void)execl("./kube-controller-manager", "kube-controller-manager", "100", NULL);
		_exit(1);
	}
	do {
		free(TAKE(out));
		out = ORACLE(json_object_get_string(json_nth(argv, 0)),
			     json_object_get_string(json_nth(argv, 1)),
			     json_object_get_string(json_nth(argv, 2)));
		json_object_put(t);
		t = certificates_times(out);
		started = json_int(t, "kube-controller-manager", 0);
	} while (!started && (int64_t)time(NULL) < before + 60);
	ck_assert_msg(started >= before - 5 && started <= (int64_t)time(NULL) + 5, "%s", out);
	(void)kill(pid, SIGKILL);
	sandbox_leave();
}
END_TEST

/* ---- kubeadm's ---- */

/* As the agent's fact has it: certificates of files, and those within kubeconfig files. */
static void add_fact(struct json_object *facts, const char *path, const char *below)
{
	AUTO_STR from = xasprintf("%s/%s", below, strrchr(path, '/') + 1);
	AUTO_STR deeper = xasprintf("%s/etcd/%s", below, strrchr(path, '/') + 1);
	const char *script =
		"if grep -q client-certificate-data \"$1\"; then sed -n 's/.*client-certificate-data: //p' \"$1\" | "
		"base64 -d; else cat \"$1\"; fi";
	const char *const argv[] = {
		"sh", "-c", script, "sh", strstr(path, "/etcd/") ? deeper : from, NULL
	};
	AUTO_BUF text = BUF_INIT;
	struct json_object *list;

	if (access(argv[4], R_OK) != 0) {
		json_set(facts, path, NULL);
		return;
	}
	ck_assert_int_eq(oracle_run(argv, &text), 0);
	list = json_object_new_array();
	(void)json_object_array_add(list, json_object_new_string(text.s));
	json_set(facts, path, list);
}

/* All that kubeadm makes is told of, with the ends that kubeadm tells. */
START_TEST(of_kubeadm)
{
	AUTO_STR program = kubeadm_find("certificates made by kubeadm");
	AUTO_JSON paths = certificates_paths();
	AUTO_JSON facts = json_object_new_object();
	AUTO_JSON files = NULL;
	AUTO_JSON r = NULL;
	AUTO_JSON told = NULL;
	AUTO_STR text = NULL;
	size_t same = 0;

	if (!program)
		return;
	sandbox_enter();
	free(ORACLE(program, "init", "phase", "certs", "all", "--cert-dir", sandbox_path(),
		    "--apiserver-advertise-address", "10.0.0.1", "--kubernetes-version",
		    "v1.33.0"));
	free(ORACLE(program, "init", "phase", "kubeconfig", "all", "--cert-dir", sandbox_path(),
		    "--kubeconfig-dir", sandbox_path(), "--apiserver-advertise-address", "10.0.0.1",
		    "--kubernetes-version", "v1.33.0", "--node-name", "c1"));
	for (size_t i = 0; i < json_len(paths); i++)
		add_fact(facts, json_object_get_string(json_nth(paths, i)), sandbox_path());
	files = certificates_of_facts(facts);
	r = certificates_report(
		&(struct certificates_input){ .files = files, .now_s = (int64_t)time(NULL) });
	ck_assert_msg(json_len(files) == 15, "%s", json_object_to_json_string(files));
	ck_assert_str_eq(json_str(r, "worst"), "ok");
	ck_assert_int_eq(json_int(r, "days_left", 0), 364);
	text = ORACLE(program, "certs", "check-expiration", "--cert-dir", sandbox_path(), "-o",
		      "json");
	unit_ok(json_parse(text, strlen(text), &told));
	for (size_t i = 0; i < json_len(json_at(told, "certificates")); i++) {
		struct json_object *theirs = json_nth(json_at(told, "certificates"), i);

		for (size_t k = 0; k < json_len(files); k++) {
			struct json_object *ours = json_nth(files, k);

			if (strcmp(json_str(theirs, "name"), json_str(ours, "name")) != 0 ||
			    json_truth(theirs, "missing", false))
				continue;
			ck_assert_str_eq(json_str(theirs, "expirationDate"),
					 json_str(ours, "not_after"));
			same++;
		}
	}
	ck_assert_int_eq(same, 7);
	sandbox_leave();
}
END_TEST

START_TEST(of_nonsense)
{
	AUTO_JSON facts =
		unit_json("{'/etc/kubernetes/pki/ca.crt': ['no PEM'], "
			  "'/etc/kubernetes/pki/apiserver.crt': null, "
			  "'/etc/kubernetes/kubelet.conf': [], "
			  "'/var/lib/kubelet/pki/kubelet.crt': [7], '/etc/passwd': ['x']}");
	AUTO_JSON files = certificates_of_facts(facts);
	struct json_object *all = NULL;

	unit_same(
		files,
		"[{'name': 'ca', 'where': 'file', 'place': '/etc/kubernetes/pki/ca.crt', "
		"'error': 'there is no certificate in it'}, {'name': 'kubelet', 'where': 'file', "
		"'place': '/var/lib/kubelet/pki/kubelet.crt', 'error': 'there is no certificate in it', "
		"'renewed_by': 'removal'}]");
	unit_fails(certificates_of_pem("", &all), ERR_PROTOCOL, "no certificate");
	unit_fails(certificates_of_pem(
			   "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", &all),
		   ERR_PROTOCOL, "no certificate");
}
END_TEST

UNIT_MAIN("certificates", is_shown, chain, by_sni, not_shown, endless, of_a_node, judged, words,
	  times, times_for_real, of_kubeadm, of_nonsense)

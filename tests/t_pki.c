/* The secrets of a cluster: what is made here is what openssl and kubeadm take, and what they made is read. */
#include <time.h>

#include "cluster/encryption.h"
#include "cluster/kubeconfig.h"
#include "cluster/pki.h"
#include "kubeadm.h"
#include "oracle.h"
#include "sandbox.h"
#include "session/config.h"
#include "text.h"
#include "unit.h"
#include "yaml.h"

enum { DAY_S = 86400, TOKENS = 2000 };

static const struct pki_options EC = { .ca_days = 100 };

static struct pki *made(const struct pki_options *o)
{
	struct pki *p = NULL;

	unit_ok(pki_new(o, &p));
	return p;
}

/* What a node would have: its files below the sandbox, without the leading slash. */
static void write_files(const struct pki *p)
{
	for (size_t i = 0; pki_path(p, i); i++)
		if (pki_text(p, pki_path(p, i)))
			sandbox_write(pki_path(p, i) + 1, pki_text(p, pki_path(p, i)));
}

static struct json_object *files_of(const struct pki *p)
{
	struct json_object *files = json_object_new_object();

	for (size_t i = 0; pki_path(p, i); i++)
		if (pki_text(p, pki_path(p, i)))
			json_sets(files, pki_path(p, i), pki_text(p, pki_path(p, i)));
	return files;
}

#define says(text, words) ck_assert_msg(strstr(text, words), "'%s' lacks '%s'", text, words)

/* ---- openssl ---- */

START_TEST(authorities)
{
	static const struct {
		const char *type, *words;
	} types[] = {
		{ NULL, "NIST CURVE: P-256" },
		{ "ecdsa", "NIST CURVE: P-256" },
		{ "rsa", "(2048 bit)" },
		{ "ECDSA-P384", "NIST CURVE: P-384" },
	};

	for (size_t i = 0; i < COUNT(types); i++) {
		struct pki *p = made(&(struct pki_options){ .key_type = types[i].type });
		AUTO_STR text = NULL;

		sandbox_enter();
		write_files(p);
		text = ORACLE("openssl", "x509", "-noout", "-text", "-in",
			      "etc/kubernetes/pki/etcd/ca.crt");
		says(text, types[i].words);
		says(text, "Issuer: CN = etcd-ca");
		says(text, "Subject: CN = etcd-ca");
		says(text, "CA:TRUE");
		says(text, "Digital Signature, Key Encipherment, Certificate Sign");
		says(text, "DNS:etcd-ca");
		sandbox_leave();
		pki_free(p);
	}
}
END_TEST

START_TEST(lifetimes)
{
	const int64_t now = 1800000000; /* 2027-01-15 08:00:00 UTC */
	struct pki *p =
		made(&(struct pki_options){ .ca_days = 36500, .now_s = now, .skew_s = 3600 });
	struct pki_pair pair = { 0 };
	AUTO_STR ca = NULL;
	AUTO_STR client = NULL;

	sandbox_enter();
	write_files(p);
	ca = ORACLE("openssl", "x509", "-noout", "-dates", "-in", "etc/kubernetes/pki/ca.crt");
	ck_assert_str_eq(ca,
			 "notBefore=Jan 15 07:00:00 2027 GMT\nnotAfter=Dec 22 07:00:00 2126 GMT\n");
	unit_ok(pki_client(p, &(struct pki_client){ .name = "x", .life_s = 7200, .now_s = now },
			   &pair));
	sandbox_write("x.crt", pair.cert);
	client = ORACLE("openssl", "x509", "-noout", "-dates", "-in", "x.crt");
	ck_assert_str_eq(client, "notBefore=Jan 15 07:55:00 2027 GMT\n"
				 "notAfter=Jan 15 09:55:00 2027 GMT\n");
	pki_pair_release(&pair);
	sandbox_leave();
	pki_free(p);
}
END_TEST

START_TEST(client)
{
	static const char *const groups[] = { "system:masters", "others", NULL };
	struct pki *p = made(&EC);
	struct pki_pair pair = { 0 };
	AUTO_STR text = NULL;

	sandbox_enter();
	write_files(p);
	unit_ok(pki_client(
		p, &(struct pki_client){ .name = "kubernetes-admin", .organizations = groups },
		&pair));
	sandbox_write("c.crt", pair.cert);
	sandbox_write("c.key", pair.key);
	free(ORACLE("openssl", "verify", "-purpose", "sslclient", "-CAfile",
		    "etc/kubernetes/pki/ca.crt", "c.crt"));
	free(ORACLE("openssl", "pkey", "-noout", "-in", "c.key"));
	text = ORACLE("openssl", "x509", "-noout", "-text", "-in", "c.crt");
	says(text, "O = system:masters, O = others, CN = kubernetes-admin");
	says(text, "TLS Web Client Authentication");
	says(text, "CA:FALSE");
	pki_pair_release(&pair);
	sandbox_leave();
	pki_free(p);
}
END_TEST

/* Never longer than the CA's: asked for a year of one that has 100 days. */
START_TEST(client_ends_with_ca)
{
	struct pki *p = made(&EC);
	struct pki *old = made(&(struct pki_options){
		.ca_days = 1, .now_s = (int64_t)time(NULL) - (int64_t)3 * DAY_S });
	struct pki_pair pair = { 0 };
	AUTO_STR ca = NULL;
	AUTO_STR own = NULL;

	sandbox_enter();
	write_files(p);
	unit_ok(pki_client(p, &(struct pki_client){ .name = "x" }, &pair));
	sandbox_write("c.crt", pair.cert);
	ca = ORACLE("openssl", "x509", "-noout", "-enddate", "-in", "etc/kubernetes/pki/ca.crt");
	own = ORACLE("openssl", "x509", "-noout", "-enddate", "-in", "c.crt");
	ck_assert_str_eq(ca, own);
	pki_pair_release(&pair);
	unit_fails(pki_client(old, &(struct pki_client){ .name = "x" }, &pair), ERR_CONFLICT,
		   "certificate for 'x': the cluster's CA has ended");
	sandbox_leave();
	pki_free(old);
	pki_free(p);
}
END_TEST

/* As kubeadm's documentation tells to compute it. */
START_TEST(pin)
{
	struct pki *p = made(&EC);
	AUTO_STR ours = NULL;
	AUTO_STR theirs = NULL;

	sandbox_enter();
	write_files(p);
	unit_ok(pki_pin(pki_text(p, PKI_FOLDER "/ca.crt"), &ours));
	theirs = ORACLE("sh", "-c",
			"openssl x509 -pubkey -in etc/kubernetes/pki/ca.crt | openssl pkey -pubin "
			"-outform der | sha256sum | sed 's/^/sha256:/; s/ .*//' | tr -d '\\n'");
	ck_assert_str_eq(ours, theirs);
	unit_fails(pki_pin("no PEM", &ours), ERR_PROTOCOL, "it is no certificate in PEM");
	sandbox_leave();
	pki_free(p);
}
END_TEST

/* ---- what comes from outside ---- */

START_TEST(read_back)
{
	for (int external = 0; external < 2; external++) {
		struct pki *p = made(&(struct pki_options){ .external_etcd = external });
		struct pki *other = made(&EC), *again = NULL;
		AUTO_JSON files = NULL;

		if (external) {
			struct pki_pair pair = { 0 };

			unit_ok(pki_client(other, &(struct pki_client){ .name = "etcd" }, &pair));
			unit_ok(pki_put(p, PKI_FOLDER "/etcd/ca.crt",
					pki_text(other, PKI_FOLDER "/etcd/ca.crt")));
			unit_ok(pki_put(p, PKI_FOLDER "/apiserver-etcd-client.crt", pair.cert));
			unit_ok(pki_put(p, PKI_FOLDER "/apiserver-etcd-client.key", pair.key));
			pki_pair_release(&pair);
		}
		files = files_of(p);
		json_sets(files, "/etc/kubernetes/pki/apiserver.crt", "none of ours");
		unit_ok(pki_from_files(files, external, &again));
		for (size_t i = 0; pki_path(p, i); i++)
			if (strcmp(pki_path(p, i), PKI_ENCRYPTION) != 0)
				ck_assert_str_eq(pki_text(p, pki_path(p, i)),
						 pki_text(again, pki_path(p, i)));
		ck_assert_int_eq(json_object_object_length(files), external ? 10 : 9);
		pki_free(again);
		pki_free(other);
		pki_free(p);
	}
}
END_TEST

START_TEST(faults)
{
	static const struct {
		const char *path, *text; /* NULL: it is left out; "@PATH": another's */
		enum err_kind kind;
		const char *words;
	} cases[] = {
		{ "/ca.key", NULL, ERR_NOT_FOUND, "/pki/ca.key is missing" },
		{ "/sa.pub", NULL, ERR_NOT_FOUND, "/pki/sa.pub is missing" },
		{ "/ca.crt", "x", ERR_PROTOCOL, "/pki/ca.crt: it is no certificate in PEM" },
		{ "/ca.key", "", ERR_PROTOCOL, "/pki/ca.key: it is no private key in PEM" },
		{ "/sa.pub", "x", ERR_PROTOCOL, "/pki/sa.pub: it is no public key in PEM" },
		{ "/ca.key", "@/ca.key", ERR_PROTOCOL,
		  "/pki/ca.crt: it does not belong to /etc/kubernetes/pki/ca.key" },
		{ "/sa.pub", "@/sa.pub", ERR_PROTOCOL,
		  "/pki/sa.key: it does not belong to /etc/kubernetes/pki/sa.pub" },
		{ "/encryption.yaml", "secret: {", ERR_PROTOCOL,
		  "/pki/encryption.yaml: it is no EncryptionConfiguration" },
		{ "/front-proxy-ca.crt", "!client", ERR_PROTOCOL,
		  "/pki/front-proxy-ca.crt: it is no certificate of an authority" },
	};
	struct pki *p = made(&EC), *other = made(&EC);
	struct pki_pair pair = { 0 };

	unit_ok(pki_client(p, &(struct pki_client){ .name = "x" }, &pair));
	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO_STR path = xasprintf("%s%s", PKI_FOLDER, cases[i].path);
		AUTO_STR from = NULL;
		AUTO_JSON files = files_of(p);
		const char *text = cases[i].text;
		struct pki *ret = NULL;

		if (text && *text == '@') {
			from = xasprintf("%s%s", PKI_FOLDER, text + 1);
			text = pki_text(other, from);
		} else if (text && *text == '!') {
			text = pair.cert;
		}
		if (text)
			json_sets(files, path, text);
		else
			json_object_object_del(files, path);
		unit_fails(pki_from_files(files, false, &ret), cases[i].kind, cases[i].words);
		ck_assert_ptr_null(ret);
		if (text) {
			/* One refused leaves what was there. */
			AUTO_STR before = xstrdup(pki_text(p, path));
			AUTO_ERR e = pki_put(p, path, text);

			ck_assert_ptr_nonnull(e);
			ck_assert_int_eq(e->kind, cases[i].kind);
			if (before)
				ck_assert_str_eq(pki_text(p, path), before);
		}
	}
	unit_fails(pki_put(p, "/etc/passwd", "x"), ERR_USAGE, "is no file of this PKI");
	unit_fails(pki_put(p, PKI_FOLDER "/apiserver-etcd-client.key", pair.key), ERR_USAGE,
		   "is no file of this PKI");
	unit_fails(pki_new(&(struct pki_options){ .key_type = "dsa" }, &other), ERR_USAGE,
		   "no type of key is called 'dsa' here");
	unit_fails(pki_new(&(struct pki_options){ .ca_days = -1 }, &other), ERR_USAGE,
		   "-1 days are no lifetime");
	pki_pair_release(&pair);
	pki_free(other);
	pki_free(p);
}
END_TEST

/* An encrypted key asks nobody: there may be a terminal. */
START_TEST(encrypted_key)
{
	struct pki *p = made(&EC);
	AUTO_STR coded = NULL;

	sandbox_enter();
	write_files(p);
	coded = ORACLE("openssl", "pkey", "-aes128", "-passout", "pass:x", "-in",
		       "etc/kubernetes/pki/ca.key");
	unit_fails(pki_put(p, PKI_FOLDER "/ca.key", coded), ERR_PROTOCOL,
		   "it is no private key in PEM without a passphrase");
	sandbox_leave();
	pki_free(p);
}
END_TEST

/* ---- steps ---- */

START_TEST(files_as_steps)
{
	struct pki *p = made(&EC);
	AUTO_JSON secrets = unit_json("['secrets']");
	AUTO_JSON steps = NULL;

	unit_ok(pki_encryption(p, "secretbox", "key1", secrets));
	steps = pki_steps(p);
	ck_assert_int_eq(json_len(steps), 2 + 9);
	unit_same(json_nth(steps, 0),
		  "{'id': 'pki-pki', 'do': 'folder', 'path': '/etc/kubernetes/pki', "
		  "'mode': '0755', 'owner': 'root:root'}");
	for (size_t i = 2; i < json_len(steps); i++) {
		struct json_object *s = json_nth(steps, i);
		const char *content = json_str(s, "content");
		const bool cert = strstr(json_str(s, "path"), ".crt") != NULL;

		ck_assert_str_eq(json_str(s, "do"), "file");
		ck_assert_str_eq(json_str(s, "mode"), cert ? "0644" : "0600");
		ck_assert_int_eq(json_truth(s, "secret", false), !cert);
		ck_assert_str_eq(content, pki_text(p, json_str(s, "path")));
		ck_assert(cert || !strstr(content, "CERTIFICATE"));
	}
	json_wipe(steps);
	pki_free(p);
}
END_TEST

/* ---- random text ---- */

START_TEST(tokens)
{
	size_t seen[128] = { 0 };
	AUTO_STR key = NULL;

	for (int i = 0; i < TOKENS; i++) {
		AUTO_STR token = NULL;

		unit_ok(pki_token(&token));
		ck_assert_int_eq(strlen(token), 23);
		ck_assert_int_eq(token[6], '.');
		ck_assert(pki_token_is(token));
		for (const char *s = token; *s; s++)
			seen[(int)*s]++;
	}
	/* 44000 letters, 36 kinds: 1222 of each, with a deviation of 34; 10 of those never happen. */
	for (const char *s = "abcdefghijklmnopqrstuvwxyz0123456789"; *s; s++)
		ck_assert_msg(seen[(int)*s] > 880 && seen[(int)*s] < 1560, "%zu times '%c'",
			      seen[(int)*s], *s);
	unit_ok(pki_certificate_key(&key));
	ck_assert_int_eq(strlen(key), 64);
	ck_assert_int_eq(strspn(key, "0123456789abcdef"), 64);
	ck_assert(!pki_token_is("abcdef.0123456789abcde"));
	ck_assert(!pki_token_is("abcdef.0123456789abcdef0"));
	ck_assert(!pki_token_is("abcdeF.0123456789abcdef"));
	ck_assert(!pki_token_is("abcdef00123456789abcdef"));
	ck_assert(!pki_token_is(""));
}
END_TEST

/* ---- encryption at rest ---- */

static struct json_object *encryption(const struct pki *p)
{
	struct json_object *v = NULL;
	const char *text = pki_text(p, PKI_ENCRYPTION);

	unit_ok(yaml_parse(text, strlen(text), "encryption.yaml", &v));
	return v;
}

START_TEST(encryption_keys)
{
	AUTO_JSON secrets = unit_json("['secrets']");
	AUTO_JSON both = unit_json("['secrets', 'configmaps']");
	AUTO_JSON none = json_object_new_array();
	struct pki *p = made(&EC);
	AUTO_STR first = NULL;
	AUTO_STR key = NULL;
	AUTO_BUF bytes = BUF_INIT;
	AUTO_JSON v = NULL;

	unit_fails(pki_encryption(p, "rot13", "key1", secrets), ERR_USAGE, "not 'rot13'");
	unit_fails(pki_encryption(p, "aesgcm", "key1", none), ERR_USAGE, "wants resources");
	ck_assert_ptr_null(pki_text(p, PKI_ENCRYPTION));
	unit_ok(pki_encryption(p, "secretbox", "key1", secrets));
	first = xstrdup(pki_text(p, PKI_ENCRYPTION));
	unit_ok(pki_encryption(p, "secretbox", "key1", secrets));
	ck_assert_str_eq(first, pki_text(p, PKI_ENCRYPTION));
	v = encryption(p);
	key = xstrdup(json_str(
		json_nth(
			json_at(json_nth(json_at(json_nth(json_at(v, "resources"), 0), "providers"),
					 0),
				"secretbox.keys"),
			0),
		"secret"));
	ck_assert(base64_text(key, strlen(key), &bytes));
	ck_assert_int_eq(bytes.len, 32);

	unit_ok(pki_encryption(p, "aescbc", "key1", both));
	json_object_put(v);
	v = encryption(p);
	{
		struct json_object *one = json_nth(json_at(v, "resources"), 0);
		struct json_object *providers = json_at(one, "providers");

		unit_same(json_at(one, "resources"), "['secrets', 'configmaps']");
		ck_assert_int_eq(json_len(providers), 3);
		ck_assert(json_has(json_nth(providers, 0), "aescbc"));
		ck_assert_str_eq(
			json_str(json_nth(json_at(json_nth(providers, 1), "secretbox.keys"), 0),
				 "secret"),
			key);
		unit_same(json_nth(providers, 2), "{'identity': {}}");
	}
	/* And back: with the key that there was. */
	unit_ok(pki_encryption(p, "secretbox", "key1", secrets));
	ck_assert_ptr_nonnull(strstr(pki_text(p, PKI_ENCRYPTION), key));
	pki_free(p);
}
END_TEST

/* What stands in a text made of keys a (there), b (to be) and others. */
START_TEST(encryption_stages)
{
	static const struct {
		const char *before; /* keys, in order */
		enum encryption_stage stage;
		const char *after;
	} cases[] = {
		{ "a", ENCRYPTION_SECOND, "['aescbc:a', 'secretbox:b']" },
		{ "ac", ENCRYPTION_SECOND, "['aescbc:a', 'secretbox:b', 'aescbc:c']" },
		{ "ab", ENCRYPTION_SECOND, "['aescbc:a', 'secretbox:b']" },
		{ "ba", ENCRYPTION_SECOND, "['secretbox:b', 'aescbc:a']" },
		{ "ab", ENCRYPTION_FIRST, "['secretbox:b', 'aescbc:a']" },
		{ "acb", ENCRYPTION_FIRST, "['secretbox:b', 'aescbc:a', 'aescbc:c']" },
		{ "ba", ENCRYPTION_FIRST, "['secretbox:b', 'aescbc:a']" },
		{ "", ENCRYPTION_SECOND, "['identity', 'secretbox:b']" },
		{ "", ENCRYPTION_FIRST, "['secretbox:b']" },
		{ "ba", ENCRYPTION_ONLY, "['secretbox:b']" },
		{ "b", ENCRYPTION_ONLY, "['secretbox:b']" },
	};
	AUTO_JSON secrets = unit_json("['secrets']");
	AUTO_JSON both = unit_json("['configmaps', 'secrets']");
	struct json_object *b = NULL;

	unit_ok(encryption_key("secretbox", "b", &b));
	for (size_t i = 0; i < COUNT(cases); i++) {
		const bool later = cases[i].stage != ENCRYPTION_SECOND;
		AUTO_BUF text = BUF_INIT;
		AUTO_BUF after = BUF_INIT;
		AUTO_BUF again = BUF_INIT;
		AUTO_JSON shown = NULL;

		/* Each that is put first comes before those there are. */
		for (const char *k = cases[i].before + strlen(cases[i].before);
		     k-- > cases[i].before;) {
			const char name[] = { *k, '\0' };
			AUTO_BUF old = text;
			struct json_object *key = *k == 'b' ? json_object_get(b) : NULL;

			text = (struct buf)BUF_INIT;
			if (!key)
				unit_ok(encryption_key("aescbc", name, &key));
			unit_ok(encryption_with(old.len ? old.s : NULL, key, secrets,
						ENCRYPTION_FIRST, &text));
			json_object_put(key);
		}
		unit_ok(encryption_with(text.len ? text.s : NULL, b, both, cases[i].stage, &after));
		unit_ok(encryption_with(after.s, b, both, cases[i].stage, &again));
		ck_assert_str_eq(after.s, again.s);
		unit_ok(encryption_shown(after.s, &shown));
		unit_same(json_at(shown, "keys"), cases[i].after);
		unit_same(json_at(shown, "resources"), !*cases[i].before
							       ? "['configmaps', 'secrets']"
						       : later ? "['secrets', 'configmaps']"
							       : "['secrets']");
		AUTO_JSON found = encryption_find(after.s, "secretbox:b");
		ck_assert(json_object_equal(found, b));
		ck_assert_ptr_nonnull(strstr(after.s, "identity"));
	}
	/* It begins, and is known everywhere before it encrypts. */
	AUTO_BUF begun = BUF_INIT;
	AUTO_BUF then = BUF_INIT;
	AUTO_JSON shown = NULL;
	unit_ok(encryption_with(NULL, b, secrets, ENCRYPTION_SECOND, &begun));
	unit_ok(encryption_with(begun.s, b, secrets, ENCRYPTION_FIRST, &then));
	/* Whoever was killed then must not be taken for done. */
	unit_ok(encryption_shown(then.s, &shown));
	unit_same(json_at(shown, "keys"), "['secretbox:b', 'secretbox:.unwritten']");
	AUTO_BUF same = BUF_INIT;
	unit_ok(encryption_with(then.s, b, secrets, ENCRYPTION_SECOND, &same));
	ck_assert_str_eq(same.s, then.s);
	AUTO_BUF still = BUF_INIT;
	unit_ok(encryption_with(then.s, b, secrets, ENCRYPTION_FIRST, &still));
	ck_assert_str_eq(still.s, then.s);
	AUTO_BUF only = BUF_INIT;
	AUTO_JSON last = NULL;
	unit_ok(encryption_with(then.s, b, secrets, ENCRYPTION_ONLY, &only));
	unit_ok(encryption_shown(only.s, &last));
	unit_same(json_at(last, "keys"), "['secretbox:b']");
	/* So it is where more is to be encrypted by the same key. */
	AUTO_BUF more = BUF_INIT;
	AUTO_JSON marked = NULL;
	unit_ok(encryption_with(only.s, b, both, ENCRYPTION_FIRST, &more));
	unit_ok(encryption_shown(more.s, &marked));
	unit_same(json_at(marked, "keys"), "['secretbox:b', 'secretbox:.unwritten']");
	json_object_put(b);
}
END_TEST

START_TEST(encryption_of_others)
{
	static const char *const texts[] = {
		"resources: []",
		"resources: [{resources: [secrets], providers: []}]",
		"resources: [{resources: [secrets], providers: [{kms: {name: a}}]}]",
		"resources: [{resources: [secrets], providers: [{aescbc: {keys: []}}]}]",
		"resources: [{resources: [a], providers: [{identity: {}}]}, {resources: [b]}]",
		"secret: {",
	};

	for (size_t i = 0; i < COUNT(texts); i++) {
		struct json_object *shown = NULL;

		unit_fails(encryption_shown(texts[i], &shown), ERR_PROTOCOL,
			   "EncryptionConfiguration: it");
		ck_assert_ptr_null(encryption_find(texts[i], "aescbc:a"));
	}
	/* Several keys of a provider are as many of one each. */
	AUTO_JSON shown = NULL;
	unit_ok(encryption_shown(
		"resources: [{resources: [secrets], providers: [{aescbc: {keys: "
		"[{name: a, secret: x}, {name: b, secret: y}]}}, {identity: {}}]}]",
		&shown));
	unit_same(json_at(shown, "keys"), "['aescbc:a', 'aescbc:b']");
}
END_TEST

/* ---- kubeconfig ---- */

START_TEST(kubeconfigs)
{
	AUTO_BUF b = BUF_INIT;
	AUTO_JSON v = NULL;

	kubeconfig_write(&(struct kubeconfig_parts){ .cluster = "prod",
						     .server = "https://10.0.0.1:6443",
						     .server_name = "kubernetes",
						     .ca = "CA\n",
						     .user = "admin",
						     .cert = "CERT\n",
						     .key = "KEY\n",
						     .ns = "apps" },
			 &b);
	unit_ok(yaml_parse(b.s, b.len, "kubeconfig", &v));
	unit_same(v,
		  "{'apiVersion': 'v1', 'kind': 'Config', "
		  "'clusters': [{'name': 'prod', 'cluster': {'certificate-authority-data': 'Q0EK', "
		  "'server': 'https://10.0.0.1:6443', 'tls-server-name': 'kubernetes'}}], "
		  "'users': [{'name': 'admin', 'user': {'client-certificate-data': 'Q0VSVAo=', "
		  "'client-key-data': 'S0VZCg=='}}], "
		  "'contexts': [{'name': 'admin@prod', 'context': {'cluster': 'prod', "
		  "'user': 'admin', 'namespace': 'apps'}}], 'current-context': 'admin@prod'}");
	buf_wipe(&b);
	json_object_put(v);
	v = NULL;
	kubeconfig_write(&(struct kubeconfig_parts){ .server = "https://[fd00::1]:6443" }, &b);
	unit_ok(yaml_parse(b.s, b.len, "kubeconfig", &v));
	unit_same(
		v,
		"{'apiVersion': 'v1', 'kind': 'Config', "
		"'clusters': [{'name': 'kubernetes', 'cluster': {'server': 'https://[fd00::1]:6443'}}], 'users': [{'name': 'nobody', 'user': {}}], "
		"'contexts': [{'name': 'kubernetes', 'context': {'cluster': 'kubernetes', 'user': 'nobody'}}], "
		"'current-context': 'kubernetes'}");
}
END_TEST

/* ---- kubeadm ---- */

/* kubeadm signs all others with what it finds, makes no CA of its own, and knows the lifetimes. */
START_TEST(kubeadm_takes_it)
{
	static const char *const types[] = { "ecdsa", "rsa" };
	AUTO_STR program = kubeadm_find("a PKI in kubeadm's hands");

	for (size_t i = 0; program && i < COUNT(types); i++) {
		struct pki *p = made(&(struct pki_options){ .key_type = types[i], .ca_days = 100 });
		struct pki *again = NULL;
		AUTO_JSON files = json_object_new_object();
		AUTO_STR dir = NULL;
		AUTO_STR out = NULL;

		sandbox_enter();
		write_files(p);
		dir = xasprintf("%s/etc/kubernetes/pki", sandbox_path());
		free(ORACLE(program, "init", "phase", "certs", "all", "--cert-dir", dir,
			    "--apiserver-advertise-address", "10.0.0.1", "--kubernetes-version",
			    "v1.33.0"));
		free(ORACLE("openssl", "verify", "-CAfile", "etc/kubernetes/pki/ca.crt",
			    "etc/kubernetes/pki/apiserver.crt",
			    "etc/kubernetes/pki/apiserver-kubelet-client.crt"));
		free(ORACLE("openssl", "verify", "-CAfile", "etc/kubernetes/pki/etcd/ca.crt",
			    "etc/kubernetes/pki/etcd/server.crt"));
		free(ORACLE("openssl", "verify", "-CAfile", "etc/kubernetes/pki/front-proxy-ca.crt",
			    "etc/kubernetes/pki/front-proxy-client.crt"));
		for (size_t k = 0; pki_path(p, k); k++) {
			const char *cat[] = { "cat", pki_path(p, k) + 1, NULL };
			AUTO_BUF text = BUF_INIT;

			if (oracle_run(cat, &text) == 0)
				json_sets(files, pki_path(p, k), text.s);
		}
		unit_ok(pki_from_files(files, false, &again));
		for (size_t k = 0; pki_path(p, k); k++)
			if (pki_text(p, pki_path(p, k)))
				ck_assert_str_eq(pki_text(p, pki_path(p, k)),
						 pki_text(again, pki_path(p, k)));
		out = ORACLE(program, "certs", "check-expiration", "--cert-dir", dir);
		says(out, "front-proxy-ca ");
		says(out, " 99d ");
		sandbox_leave();
		pki_free(again);
		pki_free(p);
	}
}
END_TEST

/* And its own, PKCS#1 and SEC 1 as it writes them, are read. */
START_TEST(kubeadm_is_read)
{
	AUTO_STR program = kubeadm_find("a PKI in kubeadm's hands");
	struct pki *p = NULL, *shape = made(&EC);
	AUTO_JSON files = json_object_new_object();
	AUTO_STR dir = NULL;
	struct pki_pair pair = { 0 };

	sandbox_enter();
	dir = xasprintf("%s/etc/kubernetes/pki", sandbox_path());
	if (program) {
		free(ORACLE(program, "init", "phase", "certs", "all", "--cert-dir", dir,
			    "--apiserver-advertise-address", "10.0.0.1", "--kubernetes-version",
			    "v1.33.0"));
		for (size_t i = 0; pki_path(shape, i); i++) {
			const char *cat[] = { "cat", pki_path(shape, i) + 1, NULL };
			AUTO_BUF text = BUF_INIT;

			if (oracle_run(cat, &text) == 0)
				json_sets(files, pki_path(shape, i), text.s);
		}
		unit_ok(pki_from_files(files, false, &p));
		unit_ok(pki_client(p, &(struct pki_client){ .name = "x" }, &pair));
		sandbox_write("c.crt", pair.cert);
		free(ORACLE("openssl", "verify", "-CAfile", "etc/kubernetes/pki/ca.crt", "c.crt"));
	}
	pki_pair_release(&pair);
	sandbox_leave();
	pki_free(shape);
	pki_free(p);
}
END_TEST

UNIT_MAIN("pki", authorities, lifetimes, client, client_ends_with_ca, pin, read_back, faults,
	  encrypted_key, files_as_steps, tokens, encryption_keys, encryption_stages,
	  encryption_of_others, kubeconfigs, kubeadm_takes_it, kubeadm_is_read)

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "ssh/agent.h"
#include "ssh/key.h"
#include "ssh/session.h"
#include "ssh/wire.h"
#include "text.h"

enum {
	OFFERED_MAX = 2000,
	SHA2_FROM = 0x010b00, /* the libssh2 that signs with RSA and SHA-2 as RFC 8332 has it */
	NAME_MAX_SAID = 200,
};

/* A key to be tried: its private half is in `key`, or in the agent. */
struct signer {
	struct ssh_session *s;
	const struct ssh_key *key;
	const struct buf *blob; /* the agent's */
	struct err *fault;      /* the agent's */
};

/* What was tried, for people. */
struct attempts {
	struct buf offered;
};

/* ---- public keys ---- */

/* The packet that is signed names the algorithm (RFC 4252, 7). Owned. */
static char *algorithm_of(const unsigned char *data, size_t len)
{
	struct wire w = wire_of((const char *)data, len);
	const char *s;
	size_t n;

	(void)wire_str(&w, &n); /* the session's id */
	(void)wire_u8(&w);
	(void)wire_str(&w, &n); /* user */
	(void)wire_str(&w, &n); /* service */
	(void)wire_str(&w, &n); /* "publickey" */
	(void)wire_u8(&w);
	s = wire_str(&w, &n);
	return xstrndup(s, n);
}

static LIBSSH2_USERAUTH_PUBLICKEY_SIGN_FUNC(sign)
{
	struct signer *by = *abstract;
	AUTO_STR algorithm = algorithm_of(data, data_len);
	AUTO_BUF out = BUF_INIT;

	(void)session;
	if (by->key && !ssh_key_sign(by->key, algorithm, data, data_len, &out))
		return -1;
	if (!by->key) {
		err_free(by->fault);
		by->fault = agent_sign(by->s, by->s->target->agent, by->blob, algorithm, data,
				       data_len, &out);
		if (by->fault)
			return -1;
	}
	/* libssh2 ends it with free(). */
	*sig_len = out.len;
	*sig = (unsigned char *)buf_take(&out);
	return 0;
}

/*
 * libssh2 1.10 signs by the name at the beginning of the public key, and would so use SHA-1 for RSA, which
 * OpenSSH refuses since 8.8. With the name of the better algorithm there, OpenSSH 7.2 and later read
 * the same key (it knows both names for one type), and others do not.
 */
static const char *rsa_algorithm(const struct ssh_session *s)
{
	static const char openssh[] = "SSH-2.0-OpenSSH_";
	const char *banner = libssh2_session_banner_get(s->ssh);
	const char *version = banner && strncmp(banner, openssh, sizeof(openssh) - 1) == 0
				      ? banner + sizeof(openssh) - 1
				      : NULL;
	char *end;
	long major, minor;

	if (!version || libssh2_version(SHA2_FROM))
		return "ssh-rsa";
	major = strtol(version, &end, 10);
	minor = *end == '.' ? strtol(end + 1, NULL, 10) : 0;
	return major > 7 || (major == 7 && minor >= 2) ? "rsa-sha2-512" : "ssh-rsa";
}

static void rename_blob(const struct ssh_session *s, const struct buf *blob, struct buf *ret)
{
	struct wire w = wire_of(blob->s, blob->len);
	size_t n;
	const char *type = wire_str(&w, &n);

	if (wire_is(type, n, "ssh-rsa"))
		wire_puts(ret, rsa_algorithm(s));
	else
		wire_put(ret, type, n);
	(void)buf_add(ret, w.p, (size_t)(w.end - w.p));
}

static void remember(struct attempts *a, const char *what, const char *name)
{
	if (a->offered.len >= OFFERED_MAX)
		return;
	buf_addf(&a->offered, "%s%s", a->offered.len ? ", " : "", what);
	if (name)
		buf_addf(&a->offered, " '%.*s'", (int)text_cut(name, NAME_MAX_SAID), name);
}

/* *in: the server let us in. */
static struct err *try_key(struct signer *by, const struct buf *blob, bool *in)
{
	struct ssh_session *s = by->s;
	AUTO_BUF sent = BUF_INIT;
	void *arg = by;
	int rc;

	rename_blob(s, blob, &sent);
	do
		rc = libssh2_userauth_publickey(s->ssh, s->target->user,
						(const unsigned char *)sent.s, sent.len, sign,
						&arg);
	while (session_again(s, rc));
	*in = !rc;
	if (s->fault || s->lost)
		return session_fault(s, "authentication");
	return TAKE(by->fault);
}

static bool same_blob(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && memcmp(a->s, b->s, a->len) == 0;
}

static bool is_listed(const struct ssh_target *t, const struct buf *blob)
{
	for (size_t i = 0; i < t->nkeys; i++)
		if (same_blob(ssh_key_blob(t->keys[i]), blob))
			return true;
	return false;
}

static struct err *try_files(struct ssh_session *s, struct attempts *a, bool *in)
{
	struct err *e = NULL;

	for (size_t i = 0; i < s->target->nkeys && !*in && !e; i++) {
		struct signer by = { .s = s, .key = s->target->keys[i] };

		if (!ssh_key_can_sign(by.key))
			continue;
		remember(a, "key", ssh_key_name(by.key));
		e = try_key(&by, ssh_key_blob(by.key), in);
	}
	return e;
}

/* An agent that cannot be asked is no reason not to try the password. */
static struct err *try_agent(struct ssh_session *s, struct attempts *a, bool *in)
{
	struct agent_keys keys = { 0 };
	struct err *e = agent_list(s, s->target->agent, &keys);

	if (e) {
		remember(a, "no key:", e->text);
		err_free(e);
		return NULL;
	}
	for (size_t i = 0; i < keys.n && !*in && !e; i++) {
		struct signer by = { .s = s, .blob = &keys.keys[i].blob };
		const bool listed = is_listed(s->target, by.blob);

		if (s->target->identities_only && !listed)
			continue;
		remember(a, "agent's key", keys.keys[i].comment);
		e = try_key(&by, by.blob, in);
		if (e && !s->fault) { /* it did not sign: the next one */
			remember(a, "no signature:", e->text);
			err_free(TAKE(e));
		}
	}
	agent_keys_release(&keys);
	return e;
}

/* ---- passwords ---- */

static struct err *try_password(struct ssh_session *s, struct attempts *a, bool *in)
{
	const struct ssh_target *t = s->target;
	int rc;

	remember(a, "a password", NULL);
	do
		rc = libssh2_userauth_password_ex(s->ssh, t->user, (unsigned)strlen(t->user),
						  t->password, (unsigned)strlen(t->password), NULL);
	while (session_again(s, rc));
	*in = !rc;
	if (rc == LIBSSH2_ERROR_PASSWORD_EXPIRED)
		return err_new(ERR_AUTH,
			       "the password of '%s' has expired: it has to be changed there first",
			       t->user);
	return s->fault || s->lost ? session_fault(s, "authentication") : NULL;
}

/* The password for the first question that is not to be seen; nothing for all others. */
/* NOLINTNEXTLINE(readability-function-size): the parameters are libssh2's */
static LIBSSH2_USERAUTH_KBDINT_RESPONSE_FUNC(answer)
{
	struct ssh_session *s = *abstract;

	(void)name;
	(void)name_len;
	(void)instruction;
	(void)instruction_len;
	for (int i = 0; i < num_prompts; i++) {
		const bool secret = !prompts[i].echo && !s->answered;
		char *text = xstrdup(secret ? s->target->password : "");

		s->answered = s->answered || secret;
		responses[i].text = text;
		responses[i].length = (unsigned)strlen(text);
	}
}

static struct err *try_keyboard(struct ssh_session *s, struct attempts *a, bool *in)
{
	const char *user = s->target->user;
	int rc;

	remember(a, "a password by keyboard-interactive", NULL);
	s->answered = false;
	do
		rc = libssh2_userauth_keyboard_interactive_ex(s->ssh, user, (unsigned)strlen(user),
							      answer);
	while (session_again(s, rc));
	*in = !rc;
	return s->fault || s->lost ? session_fault(s, "authentication") : NULL;
}

/* ---- all of them ---- */

static bool has_method(const char *methods, const char *name)
{
	const size_t n = strlen(name);

	for (const char *at = methods ? strstr(methods, name) : NULL; at; at = strstr(at + n, name))
		if ((at == methods || at[-1] == ',') && (!at[n] || at[n] == ','))
			return true;
	return false;
}

/* What the server takes: "publickey,password"; NULL and *in: it lets us in as we are. Owned. */
static struct err *ask_methods(struct ssh_session *s, char **ret, bool *in)
{
	const char *user = s->target->user;
	char *list;

	do
		list = libssh2_userauth_list(s->ssh, user, (unsigned)strlen(user));
	while (!list && session_again(s, libssh2_session_last_errno(s->ssh)));
	*in = !list && libssh2_userauth_authenticated(s->ssh);
	if (!list && !*in)
		return session_fault(s, "authentication");
	if (list)
		*ret = xstrdup(list);
	return NULL;
}

static struct err *denied(const struct ssh_session *s, const char *methods,
			  const struct attempts *a)
{
	if (s->doubted && s->target->password)
		return err_new(
			ERR_AUTH,
			"permission denied for user '%s' (%s)%s%s: a password is not sent to a "
			"host whose key is not the known one: mend its line in the known hosts",
			s->target->user, methods, a->offered.len ? ": offered " : "", a->offered.s);
	if (!a->offered.len)
		return err_new(ERR_AUTH,
			       "permission denied for user '%s': the server takes %s, and we have "
			       "none of that to offer",
			       s->target->user, methods);
	return err_new(ERR_AUTH, "permission denied for user '%s' (%s): offered %s",
		       s->target->user, methods, a->offered.s);
}

static struct err *try_passwords(struct ssh_session *s, char **methods, struct attempts *a,
				 bool *in)
{
	struct err *e = NULL;

	/* Some want a password after a key, and say so only then (AuthenticationMethods). */
	if (!has_method(*methods, "password") && !has_method(*methods, "keyboard-interactive")) {
		free(TAKE(*methods));
		e = ask_methods(s, methods, in);
	}
	if (!e && !*in && has_method(*methods, "password"))
		e = try_password(s, a, in);
	if (!e && !*in && has_method(*methods, "keyboard-interactive"))
		e = try_keyboard(s, a, in);
	return e;
}

static struct err *try_all(struct ssh_session *s, char **methods, struct attempts *a)
{
	const bool keys = has_method(*methods, "publickey");
	struct err *e = NULL;
	bool in = false;

	if (keys)
		e = try_files(s, a, &in);
	if (!e && !in && keys && s->target->agent)
		e = try_agent(s, a, &in);
	if (!e && !in && s->target->password && !s->doubted)
		e = try_passwords(s, methods, a, &in);
	return e || in ? e : denied(s, *methods, a);
}

struct err *session_authenticate(struct ssh_session *s)
{
	struct attempts a = { .offered = BUF_INIT };
	AUTO_STR methods = NULL;
	bool in = false;
	struct err *e = ask_methods(s, &methods, &in);

	if (!e && !in)
		e = try_all(s, &methods, &a);
	buf_release(&a.offered);
	return e;
}

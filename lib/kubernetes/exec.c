#include <string.h>

#include "clock.h"
#include "json.h"
#include "kubernetes/socket.h"

enum {
	CHUNK = 32 << 10,
	GRACE_MS = 2000, /* for the goodbye of a server that told the exit code */
	EXPLAIN_MS = 5000,
};

struct run {
	const struct exec *x;
	struct socket *s;
	bool fed;                   /* standard input has ended */
	struct json_object *status; /* how the command ended */
	bool unexplained;           /* what went wrong the state of the container may tell */
	char chunk[CHUNK];
};

static struct err *got(void *arg, int channel, const char *data, size_t n)
{
	struct run *r = arg;
	const struct exec *x = r->x;

	if (channel == CHANNEL_STDOUT && x->out)
		return x->out(x->arg, data, n);
	if (channel == CHANNEL_STDERR && x->err)
		return x->err(x->arg, data, n);
	if (channel == CHANNEL_ERROR && !r->status)
		return err_wrap(json_parse(data, n, &r->status), "how the command ended");
	return NULL;
}

static struct err *feed(void *arg)
{
	static const char end[] = { CHANNEL_STDIN };
	struct run *r = arg;
	struct err *e = NULL;
	ssize_t n;

	if (r->fed || r->status)
		return NULL;
	n = r->x->in(r->x->arg, r->chunk, sizeof(r->chunk), &e);
	if (n > 0)
		return socket_send(r->s, CHANNEL_STDIN, r->chunk, (size_t)n);
	if (n < 0)
		return e;
	r->fed = true;
	return socket_can_close_stdin(r->s) ? socket_send(r->s, CHANNEL_CLOSE, end, sizeof(end))
					    : NULL;
}

static struct err *pump(struct run *r)
{
	const struct socket_user user = { .got = got, .more = r->x->in ? feed : NULL, .arg = r };
	int64_t until = r->x->deadline;
	struct err *e = NULL;
	bool over = false, told = false;

	while (!e && !over && clock_ms() < until) {
		e = socket_step(r->s, &user, until, &over);
		if (r->status && !told) {
			told = true;
			until = clock_ms() + GRACE_MS;
		}
	}
	/* What went wrong with the connection afterwards is no matter. */
	if (r->status && e && e->kind != ERR_USAGE) {
		err_free(e);
		e = NULL;
	}
	if (!e && !r->status && !over) {
		e = err_new(ERR_TIMEOUT, "it did not end in time; it may still be running there");
	} else if (!e && !r->status) {
		r->unexplained = true;
		e = err_new(ERR_NETWORK, "the connection ended before the command did%s%s",
			    *socket_last_words(r->s) ? ": " : "", socket_last_words(r->s));
	}
	if (e)
		e->ambiguous = true;
	return e;
}

/* A Status: success, an exit code, or why it could not be run. */
static struct err *judge(struct run *r, int *code)
{
	struct json_object *status = r->status;
	struct json_object *causes = json_at(status, "details.causes");
	const char *message = json_str(status, "message");

	if (json_is_str(json_at(status, "status"), "Success")) {
		*code = 0;
		return NULL;
	}
	for (size_t i = 0; i < json_len(causes); i++) {
		const char *text = json_str(json_nth(causes, i), "message");
		char *end = NULL;
		const long value = text ? strtol(text, &end, 10) : 0;

		if (json_is_str(json_at(json_nth(causes, i), "reason"), "ExitCode") && text &&
		    end != text && !*end && value >= 0 && value <= UINT8_MAX) {
			*code = (int)value;
			return NULL;
		}
	}
	/* This is what it says of a program that could not be started, where the container itself runs. */
	r->unexplained = !message || !strstr(message, "OCI runtime exec failed");
	return err_new(ERR_REMOTE, "%s", message ? message : "the server does not say why");
}

static char *exec_path(const struct exec *x, const char *container)
{
	AUTO_BUF b = BUF_INIT;

	buf_adds(&b, "/api/v1/namespaces/");
	buf_addurl(&b, x->ns);
	buf_adds(&b, "/pods/");
	buf_addurl(&b, x->pod);
	buf_addf(&b, "/exec?stdout=true&stderr=true%s", x->in ? "&stdin=true" : "");
	buf_adds(&b, "&container=");
	buf_addurl(&b, container);
	for (size_t i = 0; x->argv[i]; i++) {
		buf_adds(&b, "&command=");
		buf_addurl(&b, x->argv[i]);
	}
	return buf_take(&b);
}

/* deadline_ms 0: as usual. */
static struct err *read_pod(const struct exec *x, int64_t deadline_ms, struct json_object **ret)
{
	AUTO_BUF path = BUF_INIT;

	buf_adds(&path, "/api/v1/namespaces/");
	buf_addurl(&path, x->ns);
	buf_adds(&path, "/pods/");
	buf_addurl(&path, x->pod);
	return cluster_call(x->cluster,
			    &(struct kube_request){
				    .method = "GET", .path = path.s, .deadline_ms = deadline_ms },
			    ret);
}

/* The server refuses to choose where there are several. */
struct err *exec_container(const struct exec *x, char **ret)
{
	AUTO_JSON pod = NULL;
	struct err *e = read_pod(x, 0, &pod);

	if (!e && !pod_container(pod))
		e = err_new(ERR_PROTOCOL, "the pod has no container");
	if (!e)
		*ret = xstrdup(pod_container(pod));
	return e;
}

/* Takes e. Of a pod that nobody shows us it stays as it is. */
static struct err *explain(const struct exec *x, const char *container, struct err *e)
{
	AUTO_JSON pod = NULL;
	AUTO_ERR unread = read_pod(x, EXPLAIN_MS, &pod);

	return unread ? e : pod_explain(pod, container, e);
}

static struct err *run(struct run *r, const char *container, int *code)
{
	AUTO_STR path = exec_path(r->x, container);
	struct err *e = socket_open(r->x->cluster, path, r->x->deadline, &r->s);

	r->unexplained = e && e->status >= 400 && e->kind != ERR_AUTH && e->status != 404;
	if (!e && r->x->in && !r->x->bounded && !socket_can_close_stdin(r->s))
		e = err_new(ERR_USAGE,
			    "the server cannot tell the command that its input has ended "
			    "(it speaks v4.channel.k8s.io, not v5)");
	if (!e)
		e = pump(r);
	if (!e)
		e = judge(r, code);
	socket_free(r->s);
	json_object_put(r->status);
	return e;
}

struct err *exec_run(const struct exec *x, int *code)
{
	struct run *r = xcalloc(1, sizeof(*r));
	AUTO_STR container = xstrdup(x->container);
	struct err *e = container ? NULL : exec_container(x, &container);

	r->x = x;
	if (!e)
		e = run(r, container, code);
	if (e && r->unexplained)
		e = explain(x, container, e);
	free(r);
	return err_wrap(e, "running '%s' in %s/%s", x->argv[0], x->ns, x->pod);
}

/* Adds one character, or what quotes hold; NULL: they do not end. */
static const char *take_quoted(const char *s, struct buf *word)
{
	const char quote = *s;

	if (quote == '\\') {
		(void)buf_add(word, s + 1, s[1] ? 1 : 0);
		return s[1] ? s + 2 : NULL;
	}
	if (quote != '\'' && quote != '"') {
		(void)buf_add(word, s, 1);
		return s + 1;
	}
	for (s++; *s && *s != quote; s++) {
		if (quote == '"' && *s == '\\' && (s[1] == '"' || s[1] == '\\'))
			s++;
		(void)buf_add(word, s, 1);
	}
	return *s ? s + 1 : NULL;
}

struct err *command_words(const char *s, struct json_object **ret)
{
	static const char blanks[] = " \t\r\n";
	AUTO_JSON words = json_object_new_array();

	for (s += strspn(s, blanks); s && *s; s += strspn(s, blanks)) {
		AUTO_BUF word = BUF_INIT;

		while (s && *s && !strchr(blanks, *s))
			s = take_quoted(s, &word);
		if (!s)
			return err_new(ERR_USAGE, "a quote in the command does not end");
		json_object_array_add(words, json_object_new_string_len(word.s, (int)word.len));
	}
	if (!json_len(words))
		return err_new(ERR_USAGE, "the command is empty");
	*ret = TAKE(words);
	return NULL;
}

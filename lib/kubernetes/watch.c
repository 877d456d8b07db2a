/* Watching: one long answer after the other, each going on where the one before ended. */
#include <string.h>
#include <sys/random.h>

#include "clock.h"
#include "kubernetes/waits.h"

enum {
	/*
	 * No answer is to last longer. What a proxy or a machine that is gone has cut off without a word is
	 * noticed then, and a watch begun anew costs next to nothing.
	 */
	STREAM_S = 120,
	GRACE_MS = 5000, /* the server ends it by itself within */
	PAUSE_MS = 250,
	PAUSE_MAX_MS = 8000,
	POLL_MS = 2000,  /* where watching is not allowed */
	QUICK_MS = 1000, /* an answer that ends sooner and told nothing */
	RUBBISH_MOST = 3,
	LONGEST_VERSION = 128,
	GONE = 410,
	TOO_MANY = 429,
	SERVER_ERROR = 500,
};

/* ---- the answer ---- */

static bool rubbish(struct watch_stream *s, const char *what)
{
	s->e = err_new(ERR_PROTOCOL, "watching %s: %s", s->w->kind->plural, what);
	return false;
}

/* An event that says why the answer ends. */
static bool on_status(struct watch_stream *s, struct json_object *status)
{
	const int code = (int)json_int(status, "code", SERVER_ERROR);
	const char *message = json_str(status, "message");

	s->expired = code == GONE;
	if (!s->expired) {
		s->e = err_new(ERR_REMOTE, "watching %s: %d %.500s", s->w->kind->plural, code,
			       message ? message : "without a message");
		s->e->status = code;
	}
	return false;
}

static bool on_line(struct watch_stream *s, const char *line, size_t len)
{
	AUTO_JSON event = NULL;
	AUTO_ERR e = NULL;
	struct json_object *object;
	const char *type, *version;

	if (strspn(line, " \t\r") >= len)
		return true;
	e = json_parse(line, len, &event);
	if (e)
		return rubbish(s, e->text);
	type = json_str(event, "type");
	object = json_at(event, "object");
	if (!type || !json_object_is_type(object, json_type_object))
		return rubbish(s, "an event has no type or object");
	if (strcmp(type, "ERROR") == 0)
		return on_status(s, object);
	version = json_str(object, "metadata.resourceVersion");
	if (!version || strlen(version) > LONGEST_VERSION)
		return rubbish(s, "an event has no resourceVersion");
	free(s->w->from);
	s->w->from = xstrdup(version);
	s->events++;
	if (strcmp(type, "ADDED") == 0 || strcmp(type, "MODIFIED") == 0 ||
	    strcmp(type, "DELETED") == 0)
		s->ended = !s->w->on(s->w->arg, type, object);
	return !s->ended;
}

bool watch_piece(void *stream, const char *s, size_t n)
{
	struct watch_stream *w = stream;

	while (n) {
		const char *end = memchr(s, '\n', n);
		const size_t len = end ? (size_t)(end - s) : n;
		const size_t taken = end ? len + 1 : n;
		bool more = true;

		if (w->line.len + len > WATCH_LINE_BYTES)
			return rubbish(w, "an event is longer than 16 MiB");
		/* The parser wants a terminated text. */
		(void)buf_add(&w->line, s, len);
		if (end) {
			more = on_line(w, w->line.s, w->line.len);
			w->line.len = 0;
		}
		if (!more)
			return false;
		s += taken;
		n -= taken;
	}
	return true;
}

/* ---- one answer after the other ---- */

static char *path_of(const struct watch *w, int64_t left_ms)
{
	AUTO_STR collection = kind_path(w->kind, w->ns, NULL, NULL);
	AUTO_BUF path = BUF_INIT;
	const int64_t s = (left_ms + 999) / 1000;

	buf_addf(&path, "%s?watch=true&allowWatchBookmarks=true&timeoutSeconds=%d", collection,
		 s < STREAM_S ? (int)s : STREAM_S);
	if (w->from) {
		buf_adds(&path, "&resourceVersion=");
		buf_addurl(&path, w->from);
	}
	if (w->name) {
		buf_adds(&path, "&fieldSelector=metadata.name%3D");
		buf_addurl(&path, w->name);
	}
	if (w->labels) {
		buf_adds(&path, "&labelSelector=");
		buf_addurl(&path, w->labels);
	}
	return buf_take(&path);
}

static struct err *one_answer(struct watch *w, struct watch_stream *s)
{
	const int64_t left = w->deadline - clock_ms(), most = STREAM_S * 1000 + GRACE_MS;
	AUTO_STR path = path_of(w, left > 0 ? left : 1);
	const struct kube_request req = { .method = "GET",
					  .path = path,
					  .deadline_ms = left < 1      ? 1
							 : left < most ? left
								       : most };
	struct err *e = cluster_stream(w->c, &req, watch_piece, s);

	buf_release(&s->line);
	if (s->e || s->ended || s->expired) {
		err_free(e);
		return TAKE(s->e);
	}
	return e;
}

/* Ever longer, and not all who watch at the same moment. */
static int64_t pause_of(unsigned failures)
{
	const int64_t most = failures < 6 ? (int64_t)PAUSE_MS << failures : PAUSE_MAX_MS;
	unsigned r = 0;

	(void)!getrandom(&r, sizeof(r), GRND_NONBLOCK);
	return most / 2 + r % (unsigned)(most / 2);
}

/* False: the time is over. */
static bool pause_for(const struct watch *w, int64_t ms)
{
	const int64_t left = w->deadline - clock_ms();

	clock_sleep_ms(ms < left ? ms : left);
	return ms < left && !clock_is_cut();
}

bool watch_may_pass(const struct err *e)
{
	return e->kind == ERR_TIMEOUT || e->kind == ERR_NETWORK || e->status == TOO_MANY ||
	       e->status >= SERVER_ERROR;
}

static bool forbidden(const struct err *e)
{
	return e->status == 403 || e->status == 405;
}

/* How it goes. */
struct course {
	unsigned failures; /* one after the other */
	unsigned rubbish;  /* the same */
};

/* Whether to watch on is no use. Notes what the answer says of that. */
static bool is_final(struct course *c, struct watch_stream *s, const struct err *e)
{
	c->rubbish = e && e->kind == ERR_PROTOCOL ? c->rubbish + 1 : 0;
	s->expired = s->expired || (e && e->status == GONE);
	s->w->forbidden = s->w->forbidden || (e && forbidden(e));
	if (!e || s->expired || s->w->forbidden || watch_may_pass(e))
		return false;
	return !c->rubbish || c->rubbish == RUBBISH_MOST;
}

/* Before the next; `useful`: the last one told something, or lasted. False: the time is over. */
static bool breathe(const struct watch *w, struct course *c, bool useful, bool expired)
{
	const bool at_once = useful || (expired && !c->failures);

	/* What we began with was old: that is no reason to wait, but once. */
	c->failures = useful ? 0 : c->failures + 1;
	if (w->forbidden)
		return pause_for(w, POLL_MS);
	return at_once || pause_for(w, pause_of(c->failures - 1));
}

struct err *watch_run_told(struct watch *w, char **trouble)
{
	struct course c = { 0 };

	while (w->deadline > clock_ms() && !clock_is_cut()) {
		struct watch_stream s = { .w = w, .line = BUF_INIT };
		const int64_t began = clock_ms();
		AUTO_ERR e = w->forbidden ? NULL : one_answer(w, &s);

		if (s.ended)
			return NULL;
		if (e && w->deadline <= clock_ms() && e->kind == ERR_TIMEOUT)
			break;
		free(*trouble);
		*trouble = e ? xstrdup(e->text) : NULL;
		if (is_final(&c, &s, e))
			return TAKE(e);
		if (!breathe(w, &c, s.events || (!e && clock_ms() - began >= QUICK_MS), s.expired))
			break;
		if ((s.expired || w->forbidden) && !w->on(w->arg, "RESET", NULL))
			return NULL;
	}
	return err_new(ERR_TIMEOUT, "watching %s: the time is over", w->kind->plural);
}

struct err *watch_run(struct watch *w)
{
	AUTO_STR trouble = NULL;
	struct err *e = watch_run_told(w, &trouble);

	if (!e || e->kind != ERR_TIMEOUT || !trouble)
		return e;
	err_free(e);
	return err_new(ERR_TIMEOUT, "watching %s until the time was over: %s", w->kind->plural,
		       trouble);
}

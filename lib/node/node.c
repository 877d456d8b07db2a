#include "node/node.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "node/install.h"
#include "ssh/session.h"
#include "text.h"

enum {
	REPORT_MAX = JSON_BYTES,
	NOISE_MAX = 2048,     /* of what is said before the agent is */
	SPARE_MS = 3000,      /* of the host's time, for the report of a plan whose own is over */
	BLOB_TURNS = 2,       /* a damaged one is sent again */
	TAIL = 64,            /* of the plan's text, made when it is sent */
	WORDS_SHOWN = 4096,   /* of what a failed step's program said */
	NOT_EXECUTABLE = 126, /* as shells say it */
	NOT_FOUND = 127,
};

/* One run of the agent. */
struct talk {
	const struct node_plan *plan;
	char tail[TAIL];
	size_t tail_at, tail_len; /* tail_len 0: not made yet */
	struct buf line, noise;
	size_t bytes;
	struct json_object *steps; /* of the report */
	struct json_object *last;  /* the line that ends it */
};

/* ---- what is sent ---- */

static void add_truth(struct buf *b, const char *name, bool v)
{
	buf_addf(b, "\"%s\":%s,", name, v ? "true" : "false");
}

static void add_json(struct buf *b, const char *name, struct json_object *v)
{
	buf_addf(b, "\"%s\":", name);
	buf_adds(b, json_object_to_json_string_ext(v, JSON_C_TO_STRING_PLAIN));
	buf_adds(b, ",");
}

static void add_text(struct buf *b, const char *name, const char *s)
{
	AUTO_JSON v = json_object_new_string(s);

	add_json(b, name, v);
}

static int seconds_left(struct ssh_session *s, const struct node_plan *plan)
{
	const int64_t left = (ssh_deadline(s) - clock_ms() - SPARE_MS) / 1000;
	const int64_t own = left > 1 ? left : 1;

	return (int)(plan->deadline_s && plan->deadline_s < own ? plan->deadline_s : own);
}

/* Whom the others are to be told to wait for. */
static void add_by(struct buf *b)
{
	char host[256] = "";

	(void)gethostname(host, sizeof(host) - 1);
	AUTO_STR by = xasprintf("process %d of %s", (int)getpid(), host);
	add_text(b, "by", by);
}

/* All but its end, which tells the time. */
static void plan_text(struct ssh_session *s, const struct node_plan *plan, struct buf *b)
{
	buf_adds(b, "{");
	add_json(b, "steps", plan->steps);
	add_truth(b, "check", plan->check);
	add_truth(b, "diff", plan->diff);
	if (plan->earlier)
		add_json(b, "earlier", plan->earlier);
	if (plan->boot_id)
		add_text(b, "boot_id", plan->boot_id);
	add_by(b);
	buf_addf(b, "\"deadline_s\":%d,\"now\":", seconds_left(s, plan));
}

/* The last bytes are made when they can go: what is on its way by then would be taken for a wrong clock. */
static ssize_t tell_time(void *arg, char *s, size_t n, struct err **e)
{
	struct talk *t = arg;
	struct timespec now;
	size_t left;

	(void)e;
	if (!t->tail_len) {
		(void)clock_gettime(CLOCK_REALTIME, &now);
		(void)snprintf(t->tail, sizeof(t->tail), "%lld.%06ld}\n", (long long)now.tv_sec,
			       now.tv_nsec / 1000);
		t->tail_len = strlen(t->tail);
	}
	left = t->tail_len - t->tail_at;
	n = n < left ? n : left;
	memcpy(s, t->tail + t->tail_at, n);
	t->tail_at += n;
	return (ssize_t)n;
}

/* ---- what comes ---- */

/* A login shell may have something to say before the agent has. */
static bool is_ours(struct json_object *line)
{
	return json_has(line, "done") || json_has(line, "do");
}

static void take_line(struct talk *t)
{
	struct json_object *line = NULL;
	AUTO_ERR e = json_parse(t->line.s, t->line.len, &line);

	if (e || !is_ours(line)) {
		const size_t room = NOISE_MAX - t->noise.len;

		(void)buf_add(&t->noise, t->line.s, t->line.len < room ? t->line.len : room);
		json_object_put(line);
	} else if (json_has(line, "done")) {
		json_object_put(t->last);
		t->last = line;
	} else {
		json_object_array_add(t->steps, line);
		if (t->plan->heard)
			t->plan->heard(t->plan->arg, line);
	}
	t->line.len = 0;
}

static struct err *hear(void *arg, const char *s, size_t n)
{
	struct talk *t = arg;

	t->bytes += n;
	if (t->bytes > REPORT_MAX)
		return err_new(ERR_PROTOCOL, "a report of more than %d bytes", REPORT_MAX);
	while (n) {
		const char *end = memchr(s, '\n', n);
		const size_t part = end ? (size_t)(end - s) : n;

		(void)buf_add(&t->line, s, part);
		if (end)
			take_line(t);
		s += part + (end != NULL);
		n -= part + (end != NULL);
	}
	return NULL;
}

static bool has_begun(const struct talk *t)
{
	return t->last || json_len(t->steps) > 0;
}

/* ---- what became of it ---- */

static enum err_kind kind_of(struct json_object *line)
{
	static const enum err_kind kinds[] = {
#define X(id, name, doc) id,
		ERR_KINDS(X)
#undef X
	};
	const char *name = json_str(line, "kind");

	for (size_t i = 0; name && i < COUNT(kinds); i++)
		if (strcmp(err_kind_name(kinds[i]), name) == 0)
			return kinds[i];
	return ERR_REMOTE;
}

/* What the host said, fit for a terminal. Owned. */
static char *plain(const char *s)
{
	char *text = xstrndup(s ? s : "", text_cut(s ? s : "", WORDS_SHOWN));

	for (char *at = text; *at; at++)
		if (((unsigned char)*at < ' ' && !strchr("\t\n", *at)) || *at == 0x7f)
			*at = '?';
	return text;
}

/* Of a command the message has its words already; of others "err" has those of a unit's journal. */
static struct err *step_failed(struct json_object *line)
{
	const char *id = json_str(line, "id"), *what = json_str(line, "do");
	const bool command = what && strcmp(what, "command") == 0;
	AUTO_STR msg = plain(json_str(line, "msg"));
	AUTO_STR more = plain(command ? NULL : json_str(line, "err"));

	return err_new(kind_of(line), "step %s%s%s (%s): %s%s%s", id ? "'" : "", id ? id : "",
		       id ? "'" : "without a name", what ? what : "?", *msg ? msg : "it failed",
		       *more ? "\n" : "", more);
}

static struct err *failed_step(const struct talk *t)
{
	for (size_t i = 0; i < json_len(t->steps); i++)
		if (!json_truth(json_nth(t->steps, i), "ok", false))
			return step_failed(json_nth(t->steps, i));
	return err_new(ERR_PROTOCOL, "the agent says that it failed, and not at what");
}

static struct err *verdict(const struct talk *t, const struct ssh_result *r)
{
	const char *refused = json_str(t->last, "refused");
	AUTO_STR words = session_words(r->err.s, r->err.len);
	struct err *e;

	if (!t->last) {
		e = err_new(ERR_REMOTE, "the agent ended in the middle (%s%s)%s%s",
			    r->signal ? "signal " : "without a word of it",
			    r->signal ? r->signal : "", *words ? ": " : "", words);
		e->ambiguous = true;
		return e;
	}
	if (refused)
		return err_new(kind_of(t->last), "%s", refused);
	return json_truth(t->last, "ok", false) ? NULL : failed_step(t);
}

static struct json_object *report_of(const struct talk *t)
{
	static const char *const kept[] = { "failed_id", "rebooting" };
	struct json_object *o = json_object_new_object();
	bool changed = false;

	for (size_t i = 0; i < json_len(t->steps); i++)
		changed = changed || json_truth(json_nth(t->steps, i), "changed", false);
	json_set(o, "ok", json_object_new_boolean(json_truth(t->last, "ok", false)));
	json_set(o, "changed", json_object_new_boolean(changed));
	for (size_t i = 0; i < COUNT(kept); i++)
		if (json_has(t->last, kept[i]))
			json_sets(o, kept[i], json_str(t->last, kept[i]));
	json_set(o, "steps", json_object_get(t->steps));
	return o;
}

/* ---- all of it ---- */

static void talk_release(struct talk *t)
{
	buf_wipe(&t->line);
	buf_release(&t->line);
	buf_release(&t->noise);
	json_object_put(t->steps);
	json_object_put(t->last);
}

static struct err *send(struct ssh_session *s, const struct node_place *place, struct talk *t,
			struct ssh_result *r)
{
	AUTO_BUF text = BUF_INIT;
	struct ssh_exec x = { .command = place->command,
			      .more = tell_time,
			      .out = hear,
			      .arg = t,
			      .sudo = place->sudo };
	struct err *e;

	plan_text(s, t->plan, &text);
	x.in = text.s;
	x.in_len = text.len;
	e = ssh_exec(s, &x, r);
	buf_wipe(&text);
	return e;
}

enum next { NEXT_END, NEXT_AGAIN };

/* How often what was done to make it run; each helps only so often. */
struct tries {
	int installed, blobs;
};

static struct err *help(struct ssh_session *s, const struct node_place *place, const struct talk *t,
			const struct ssh_result *r, struct tries *tries, enum next *next)
{
	struct json_object *lacking = json_at(t->last, "lacking");

	*next = NEXT_AGAIN;
	if (lacking && tries->blobs++ < BLOB_TURNS)
		return node_send_blobs(s, place, t->plan, lacking);
	if (!has_begun(t)) {
		/* One that was not there may be by now: another session with the host brings it, too. */
		bool changed = r->status == NOT_FOUND || r->status == NOT_EXECUTABLE;
		struct err *e = tries->installed++ ? NULL : node_install(s, place, &changed);

		if (e || (changed && tries->installed == 1))
			return e;
		return node_not_started(s, place, r, &t->noise);
	}
	*next = NEXT_END;
	return lacking ? err_new(ERR_REMOTE, "the agent does not see the files it was sent")
		       : verdict(t, r);
}

static struct err *turn(struct ssh_session *s, const struct node_place *place,
			const struct node_plan *plan, struct tries *tries, enum next *next,
			struct json_object **report)
{
	struct talk t = { .plan = plan,
			  .line = { .s = buf_empty },
			  .noise = { .s = buf_empty },
			  .steps = json_object_new_array() };
	struct ssh_result r = SSH_RESULT_INIT;
	struct err *e = send(s, place, &t, &r);

	*next = NEXT_END;
	if (!e)
		e = help(s, place, &t, &r, tries, next);
	if (has_begun(&t)) {
		json_object_put(*report);
		*report = report_of(&t);
	}
	ssh_result_release(&r);
	talk_release(&t);
	return e;
}

struct err *node_run(struct ssh_session *s, const struct node_plan *plan,
		     struct json_object **report)
{
	struct node_place place = { 0 };
	struct tries tries = { 0 };
	enum next next = NEXT_AGAIN;
	AUTO_JSON got = NULL;
	struct err *e = node_place_find(s, plan, &place);

	while (!e && next == NEXT_AGAIN)
		e = turn(s, &place, plan, &tries, &next, &got);
	node_place_release(&place);
	if (got)
		*report = TAKE(got);
	return e;
}

struct json_object *node_rest(const struct node_plan *plan, struct json_object *report,
			      struct json_object **earlier)
{
	struct json_object *rest = json_object_new_array(), *lines = json_at(report, "steps");
	struct json_object *done = json_copy(plan->earlier);

	if (!done)
		done = json_object_new_object();
	for (size_t i = 0; i < json_len(lines); i++) {
		const char *id = json_str(json_nth(lines, i), "id");

		if (id)
			json_set(done, id,
				 json_object_new_boolean(
					 json_truth(json_nth(lines, i), "changed", false)));
	}
	for (size_t i = json_len(lines); i < json_len(plan->steps); i++)
		json_object_array_add(rest, json_copy(json_nth(plan->steps, i)));
	*earlier = done;
	return rest;
}

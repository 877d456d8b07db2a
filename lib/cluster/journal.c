#include <errno.h>
#include <fcntl.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cluster/journal.h"
#include "file.h"
#include "text.h"

enum { ERROR_SHOWN = 2000, HOLDER_SHOWN = 200, RUN_BYTES = 4, LONG_BYTES = 1 << 20 };

struct journal {
	char *path;
	int fd, lock;
	char run[2 * RUN_BYTES + 1];
	struct json_object *records;
	pthread_mutex_t mutex; /* around records and the file's end */
};

char *journal_folder(const char *cluster)
{
	const char *state = env_get("XDG_STATE_HOME"), *home = env_get("HOME");

	if (state && *state == '/')
		return xasprintf("%s/treenail/clusters/%s", state, cluster);
	return home ? xasprintf("%s/.local/state/treenail/clusters/%s", home, cluster) : NULL;
}

/* ---- what it says: pure ---- */

static bool is_record(struct json_object *r)
{
	const char *event = json_str(r, "event"), *action = json_str(r, "action");

	if (!event || !words_have("begun ended failed seen gone", event))
		return false;
	return words_have("seen gone", event) ? json_str(r, "node") != NULL : action != NULL;
}

struct err *journal_parse(const char *s, size_t len, struct json_object **ret_records,
			  size_t *ret_whole)
{
	AUTO_JSON records = json_object_new_array();
	const char *from = s, *end;

	for (; (end = memchr(from, '\n', len - (size_t)(from - s))); from = end + 1) {
		AUTO_JSON r = NULL;
		struct err *e = json_parse(from, (size_t)(end - from), &r);

		if (e || !is_record(r)) {
			err_free(e);
			return err_new(ERR_PROTOCOL, "line %zu is no record",
				       json_len(records) + 1);
		}
		json_object_array_add(records, TAKE(r));
	}
	*ret_whole = (size_t)(from - s);
	*ret_records = TAKE(records);
	return NULL;
}

static struct json_object *part(struct json_object *o, const char *key)
{
	struct json_object *p = NULL;

	if (!json_object_object_get_ex(o, key, &p)) {
		p = json_object_new_object();
		json_set(o, key, p);
	}
	return p;
}

/* What a later record of the same action does not say: labels that are still to be given back. */
static void put_open(struct json_object *open, struct json_object *r)
{
	struct json_object *now = json_copy(r), *had = NULL;
	const char *action = json_str(r, "action");

	json_object_object_get_ex(open, action, &had);
	if (json_at(had, "marks") && !json_at(r, "marks"))
		json_set(now, "marks", json_copy(json_at(had, "marks")));
	json_set(open, action, now);
}

/* Of what is forgotten already there is nothing to end. */
static void end_open(struct json_object *of, const char *action)
{
	struct json_object *open = json_at(of, "open");

	if (open)
		json_object_object_del(open, action);
}

struct json_object *journal_state(struct json_object *records)
{
	struct json_object *state = json_object_new_object(), *nodes = part(state, "nodes");

	(void)part(state, "open");
	for (size_t i = 0; i < json_len(records); i++) {
		struct json_object *r = json_nth(records, i), *of = state;
		const char *event = json_str(r, "event"), *node = json_str(r, "node");
		const bool over = strcmp(event, "gone") == 0 || strcmp(event, "ended") == 0;

		if (node && !json_object_object_get_ex(nodes, node, &of) && !over)
			of = part(nodes, node);
		if (strcmp(event, "gone") == 0)
			json_object_object_del(nodes, node);
		else if (over)
			end_open(of, json_str(r, "action"));
		else if (strcmp(event, "seen") == 0)
			json_set(of, "facts", json_copy(json_at(r, "facts")));
		else
			put_open(part(of, "open"), r);
	}
	return state;
}

static void add_part(struct json_object *of, const char *node, struct json_object *ret)
{
	struct json_object *open = json_at(of, "open"), *facts = json_at(of, "facts");

	if (open) {
		json_object_object_foreach(open, action, r) {
			(void)action;
			json_object_array_add(ret, json_copy(r));
		}
	}
	if (facts) {
		struct json_object *r = json_wrap("facts", json_copy(facts));

		json_sets(r, "event", "seen");
		json_sets(r, "node", node);
		json_object_array_add(ret, r);
	}
}

struct json_object *journal_records(struct json_object *state)
{
	struct json_object *ret = json_object_new_array();

	add_part(state, NULL, ret);
	json_object_object_foreach(json_at(state, "nodes"), node, of)
		add_part(of, node, ret);
	return ret;
}

struct json_object *journal_open_action(struct json_object *state, const char *node,
					const char *action)
{
	struct json_object *of = state, *open = NULL, *r = NULL;

	if (node && !json_object_object_get_ex(json_at(state, "nodes"), node, &of))
		return NULL;
	if (json_object_object_get_ex(of, "open", &open))
		json_object_object_get_ex(open, action, &r);
	return r;
}

/* ---- the files ---- */

/* Now, as RFC 3339 has it; owned. */
static char *stamp(void)
{
	struct timespec now;
	struct tm tm;
	char day[32];

	clock_gettime(CLOCK_REALTIME, &now);
	(void)strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", gmtime_r(&now.tv_sec, &tm));
	return xasprintf("%s.%03ldZ", day, now.tv_nsec / 1000000);
}

static struct err *failed(const char *doing, const char *path)
{
	return err_new(ERR_USAGE, "journal: %s '%s': %s", doing, path, strerror(errno));
}

/* One that was there stays as it is, but nobody else may write there. */
static struct err *check_folder(const char *folder)
{
	struct stat st;

	if (stat(folder, &st))
		return failed("looking at", folder);
	if (!S_ISDIR(st.st_mode))
		return err_new(ERR_USAGE, "journal: '%s' is no folder", folder);
	if (st.st_uid == geteuid() && !(st.st_mode & (S_IWGRP | S_IWOTH)))
		return NULL;
	return err_new(
		ERR_USAGE,
		"journal: '%s' is another user's, or others may write there: name a folder of your own",
		folder);
}

/* All folders on the way; those that are made are ours alone. */
static struct err *make_folder(const char *folder)
{
	AUTO_STR path = xstrdup(folder);

	for (char *slash = path + 1;; slash++) {
		slash += strcspn(slash, "/");
		const char was = *slash;

		*slash = '\0';
		if (mkdir(path, 0700) && errno != EEXIST)
			return failed("making folder", path);
		*slash = was;
		if (!was)
			return check_folder(folder);
	}
}

static struct err *take_lock(struct journal *j, const char *folder)
{
	AUTO_STR path = xasprintf("%s/lock", folder);
	char holder[HOLDER_SHOWN + 1] = "", host[256] = "";
	ssize_t n;

	j->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (j->lock < 0)
		return failed("opening", path);
	if (flock(j->lock, LOCK_EX | LOCK_NB)) {
		n = errno == EWOULDBLOCK ? pread(j->lock, holder, HOLDER_SHOWN, 0) : -1;
		if (n < 0)
			return failed("locking", path);
		holder[strcspn(holder, "\n")] = '\0';
		return err_new(ERR_CONFLICT, "journal '%s': another run holds it%s%s", folder,
			       *holder ? ": " : "", holder);
	}
	(void)gethostname(host, sizeof(host) - 1);
	AUTO_STR since = stamp();
	AUTO_STR line = xasprintf("process %ld on %s since %s\n", (long)getpid(), host, since);
	if (ftruncate(j->lock, 0) || pwrite(j->lock, line, strlen(line), 0) < 0)
		return failed("writing", path);
	return NULL;
}

/* A file that is new is on disk when its folder is. */
static struct err *sync_folder(const char *folder)
{
	const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const int rc = fd < 0 ? -1 : fsync(fd);
	struct err *e = rc ? failed("writing to disk", folder) : NULL;

	if (fd >= 0)
		(void)close(fd);
	return e;
}

static struct err *load(struct journal *j)
{
	AUTO_BUF text = BUF_INIT;
	size_t whole = 0;
	struct err *e = file_text(j->path, JOURNAL_BYTES, &text);

	if (!e)
		e = journal_parse(text.s, text.len, &j->records, &whole);
	if (e)
		return err_wrap(e, "journal '%s'", j->path);
	if (whole < text.len && ftruncate(j->fd, (off_t)whole))
		return failed("cutting the torn line off", j->path);
	return NULL;
}

/* In place of the old one at once, or not at all. */
static struct err *replace(const char *path, const char *text, size_t len)
{
	AUTO_STR draft = xasprintf("%s.new", path);
	const int fd = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	size_t done = 0;
	struct err *e = NULL;

	if (fd < 0)
		return failed("making", draft);
	while (done < len && !e) {
		const ssize_t n = write(fd, text + done, len - done);

		if (n > 0)
			done += (size_t)n;
		else if (n == 0 || errno != EINTR)
			e = failed("writing", draft);
	}
	if (!e && (fsync(fd) || rename(draft, path)))
		e = failed("writing to disk", draft);
	(void)close(fd);
	return e;
}

/* A long one becomes what it comes to; with the lock held. */
static struct err *shorten(const char *path)
{
	AUTO_BUF text = BUF_INIT;
	AUTO_BUF less = BUF_INIT;
	AUTO_JSON records = NULL;
	struct stat st;
	size_t whole = 0;
	struct err *e;

	if (lstat(path, &st) || !S_ISREG(st.st_mode) || st.st_size <= LONG_BYTES)
		return NULL;
	e = file_text(path, JOURNAL_BYTES, &text);
	if (!e)
		e = journal_parse(text.s, text.len, &records, &whole);
	if (e)
		return err_wrap(e, "journal '%s'", path);
	AUTO_JSON state = journal_state(records);
	AUTO_JSON kept = journal_records(state);

	for (size_t i = 0; i < json_len(kept); i++)
		buf_addf(&less, "%s\n",
			 json_object_to_json_string_ext(json_nth(kept, i), JSON_C_TO_STRING_PLAIN));
	return replace(path, less.s, less.len);
}

struct err *journal_open(const char *folder, struct journal **ret)
{
	struct journal *j = xcalloc(1, sizeof(*j));
	unsigned char run[RUN_BYTES];
	struct err *e;

	j->fd = j->lock = -1;
	j->path = xasprintf("%s/journal", folder);
	pthread_mutex_init(&j->mutex, NULL);
	e = make_folder(folder);
	if (!e)
		e = take_lock(j, folder);
	if (!e)
		e = shorten(j->path);
	if (!e) {
		j->fd = open(j->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
		e = j->fd < 0 || fchmod(j->fd, 0600) ? failed("opening", j->path) : NULL;
	}
	if (!e)
		e = sync_folder(folder);
	if (!e)
		e = load(j);
	if (!e && RAND_bytes(run, sizeof(run)) != 1)
		e = err_new(ERR_USAGE, "journal: no random numbers are to be had");
	if (e) {
		journal_close(j);
		return e;
	}
	for (size_t i = 0; i < sizeof(run); i++)
		(void)snprintf(j->run + 2 * i, 3, "%02x", run[i]);
	*ret = j;
	return NULL;
}

void journal_close(struct journal *j)
{
	if (!j)
		return;
	if (j->fd >= 0)
		(void)close(j->fd);
	if (j->lock >= 0)
		(void)close(j->lock);
	json_object_put(j->records);
	pthread_mutex_destroy(&j->mutex);
	free(j->path);
	free(j);
}

struct err *journal_read(const char *folder, struct json_object **ret_records)
{
	AUTO_STR path = xasprintf("%s/journal", folder);
	AUTO_BUF text = BUF_INIT;
	size_t whole;
	struct err *e;

	if (access(path, F_OK) && errno == ENOENT) {
		*ret_records = json_object_new_array();
		return NULL;
	}
	e = file_text(path, JOURNAL_BYTES, &text);
	if (!e)
		e = journal_parse(text.s, text.len, ret_records, &whole);
	return err_wrap(e, "journal '%s'", path);
}

/* ---- writing ---- */

static struct json_object *record(const struct journal *j, const char *event, const char *action,
				  const char *node, struct json_object *more)
{
	struct json_object *r = json_object_new_object();
	AUTO_STR at = stamp();

	json_sets(r, "at", at);
	json_sets(r, "run", j->run);
	json_sets(r, "event", event);
	if (action)
		json_sets(r, "action", action);
	if (node)
		json_sets(r, "node", node);
	if (more) {
		json_object_object_foreach(more, key, v)
			json_set(r, key, json_copy(v));
	}
	if (json_str(r, "error")) {
		const char *s = json_str(r, "error");
		AUTO_STR cut = xstrndup(s, text_cut(s, ERROR_SHOWN));

		json_sets(r, "error", cut);
	}
	return r;
}

/* What did not get there whole is taken back: nothing may follow a torn line. */
static struct err *append(struct journal *j, const char *s, size_t len)
{
	const off_t from = lseek(j->fd, 0, SEEK_END);
	size_t done = 0;

	while (done < len) {
		const ssize_t n = write(j->fd, s + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			struct err *e = failed("writing", j->path);

			return from >= 0 && ftruncate(j->fd, from)
				       ? err_wrap(e, "half a line is left")
				       : e;
		}
		done += (size_t)n;
	}
	return fsync(j->fd) ? failed("writing to disk", j->path) : NULL;
}

struct err *journal_write(struct journal *j, const char *event, const char *action,
			  const char *node, struct json_object *more)
{
	AUTO_JSON r = record(j, event, action, node, more);
	AUTO_STR line =
		xasprintf("%s\n", json_object_to_json_string_ext(r, JSON_C_TO_STRING_PLAIN));
	struct err *e;

	pthread_mutex_lock(&j->mutex);
	e = append(j, line, strlen(line));
	if (!e)
		json_object_array_add(j->records, TAKE(r));
	pthread_mutex_unlock(&j->mutex);
	return e;
}

struct json_object *journal_state_now(struct journal *j)
{
	struct json_object *state;

	pthread_mutex_lock(&j->mutex);
	state = journal_state(j->records);
	pthread_mutex_unlock(&j->mutex);
	return state;
}

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "journal.h"
#include "server/log.h"

enum {
	FILE_MOST = 16 << 20,
	KEPT_S = 7 * 24 * 3600,
	LATE_S = 15,    /* a service may take so long to do what was asked for */
	END_MS = 10000, /* and a process that lost its Terraform to end */
	POLL_MS = 20,
	SAME_MOST = 1000,
};

/* What a process that is dead asked for, or this one did and was not answered. */
struct lost {
	char *of, *key, *id;        /* of: its kind; id NULL: the answer never came */
	char *as;                   /* Terraform's ID, if another */
	int64_t since_s, last_s;    /* when it was asked for first, and last */
	struct json_object *others; /* IDs that had its name before; NULL: nobody looked */
	unsigned long number;       /* in our own file */
	struct lost *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct lost *losts;
/* "KIND ID" of what is in the state, of this process, or lost: a port is an interface's ID as well. */
static struct json_object *known;
static struct json_object *met; /* "KIND WHAT", by this process */
static char *path;              /* of our own file; NULL: none yet */
static int file = -1;
static bool looked, broken;
static enum { NOT_YET, HAND_ON, NEVER } handing_on;
static unsigned long entries;
static char *block; /* which provider block the process is for; NULL: not told */

/* ---- where ---- */

static char *directory(void)
{
	const char *data = getenv("TF_DATA_DIR");

	return xasprintf("%s/treenail", data && *data ? data : ".terraform");
}

static char *workspace(void)
{
	const char *name = getenv("TF_WORKSPACE"), *data = getenv("TF_DATA_DIR");
	AUTO_STR file_name = xasprintf("%s/environment", data && *data ? data : ".terraform");
	char line[256] = "default";
	FILE *f = name && *name ? NULL : fopen(file_name, "re");

	if (f) {
		if (!fgets(line, sizeof(line), f) || !*line)
			(void)snprintf(line, sizeof(line), "default");
		(void)fclose(f);
	}
	line[strcspn(line, "/\n")] = '\0';
	return xstrdup(name && *name ? name : line);
}

/* How the names of files begin that are for the same workspace and provider block. */
static char *prefix(void)
{
	AUTO_STR space = workspace();

	return xasprintf("%s.%s.", space, block ? block : "");
}

/* ---- lines ---- */

static void write_line(struct json_object *line)
{
	AUTO_JSON owned = line;
	AUTO_STR text =
		xasprintf("%s\n", json_object_to_json_string_ext(owned, JSON_C_TO_STRING_PLAIN));
	const size_t len = strlen(text);

	if (file < 0 || write(file, text, len) == (ssize_t)len)
		return;
	log_write(LOG_WARN, "the journal cannot be written: a killed run may leave objects behind",
		  "file", path, "reason", strerror(errno), NULL);
	(void)close(file);
	file = -1;
	broken = true;
}

static struct json_object *begun(unsigned long number, const char *of, const char *key,
				 int64_t since_s, int64_t last_s)
{
	struct json_object *line = json_object_new_object();

	json_set(line, "n", json_object_new_int64((int64_t)number));
	json_sets(line, "of", of);
	json_sets(line, "make", key);
	json_set(line, "at", json_object_new_int64(since_s));
	json_set(line, "last", json_object_new_int64(last_s));
	return line;
}

static struct json_object *about(unsigned long number, const char *word, const char *id)
{
	struct json_object *line = json_object_new_object();

	json_set(line, "n", json_object_new_int64((int64_t)number));
	json_sets(line, word, id);
	return line;
}

static struct json_object *others_line(unsigned long number, struct json_object *ids)
{
	struct json_object *line = about(number, "by", NULL);

	json_set(line, "others", json_copy(ids));
	return line;
}

static struct json_object *known_line(const char *name)
{
	struct json_object *line = json_object_new_object();

	json_sets(line, "known", name);
	return line;
}

/* Of which Terraform a process is. */
static struct json_object *parent_line(void)
{
	struct json_object *line = json_object_new_object();

	json_set(line, "parent", json_object_new_int64(getppid()));
	return line;
}

/* ---- our own file ---- */

static void open_file(void)
{
	AUTO_STR dir = directory();
	AUTO_STR begin = prefix();
	AUTO_STR parent = xstrndup(dir, strlen(dir) - strlen("/treenail"));

	if (file >= 0 || broken)
		return;
	(void)mkdir(parent, 0755);
	(void)mkdir(dir, 0700);
	/* In containers the dead had the same ID, and what they left is not read yet. */
	for (unsigned n = 0; file < 0 && n < SAME_MOST; n++) {
		free(path);
		path = xasprintf("%s/%s%d.%u.journal", dir, begin, (int)getpid(), n);
		file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
		if (file < 0 && errno != EEXIST)
			break;
	}
	broken = file < 0 || flock(file, LOCK_EX | LOCK_NB) < 0;
	if (broken)
		log_write(LOG_WARN, "there is no journal: a killed run may leave objects behind",
			  "file", path, "reason", strerror(errno), NULL);
	else
		write_line(parent_line());
}

static bool is_known(const char *of, const char *id)
{
	AUTO_STR name = xasprintf("%s %s", of, id);

	return json_has(known, name);
}

static void add_name(struct json_object **names, const char *name)
{
	if (!*names)
		*names = json_object_new_object();
	json_set(*names, name, json_object_new_boolean(true));
}

static void know_name(const char *name)
{
	add_name(&known, name);
}

static void know(const char *of, const char *id)
{
	AUTO_STR name = xasprintf("%s %s", of, id);

	know_name(name);
}

static void keep(struct lost *l)
{
	l->number = ++entries;
	write_line(begun(l->number, l->of, l->key, l->since_s, l->last_s));
	if (l->id)
		write_line(about(l->number, "id", l->id));
	if (l->as)
		write_line(about(l->number, "as", l->as));
	if (l->others)
		write_line(others_line(l->number, l->others));
}

/* ---- files of the dead ---- */

static void lost_free(struct lost *l)
{
	free(l->of);
	free(l->as);
	free(l->key);
	free(l->id);
	json_object_put(l->others);
	free(l);
}

static void take_line(struct json_object *open, const char *s, size_t len)
{
	AUTO_JSON line = NULL;
	struct err *e = json_parse(s, len, &line);
	AUTO_STR number = e ? NULL : json_text(json_at(line, "n"));

	err_free(e); /* the last line of a process that was killed may be half a line */
	if (json_str(line, "known"))
		know_name(json_str(line, "known"));
	if (!number)
		return;
	if (json_str(line, "make") && json_str(line, "of"))
		json_set(open, number, json_copy(line));
	else if (json_str(line, "id") && json_at(open, number))
		json_set(json_at(open, number), "id", json_copy(json_at(line, "id")));
	else if (json_str(line, "as") && json_at(open, number))
		json_set(json_at(open, number), "as", json_copy(json_at(line, "as")));
	else if (json_object_is_type(json_at(line, "others"), json_type_array) &&
		 json_at(open, number))
		json_set(json_at(open, number), "others", json_copy(json_at(line, "others")));
	else if (json_has(line, "over"))
		json_object_object_del(open, number);
}

/* alive: its process was at work until now. */
static void take_text(const char *text, bool alive)
{
	AUTO_JSON open = json_object_new_object();

	for (const char *s = text; *s;) {
		const size_t len = strcspn(s, "\n");

		take_line(open, s, len);
		s += len + (s[len] == '\n');
	}
	json_object_object_foreach(open, number, one) {
		struct lost *l;

		(void)number;
		if (json_int(one, "at", 0) < (int64_t)time(NULL) - KEPT_S)
			continue;
		l = xcalloc(1, sizeof(*l));
		*l = (struct lost){ .since_s = json_int(one, "at", 0),
				    .last_s = alive ? time(NULL) : json_int(one, "last", 0),
				    .others = json_copy(json_at(one, "others")),
				    .next = losts };
		l->of = xstrdup(json_str(one, "of"));
		l->key = xstrdup(json_str(one, "make"));
		l->id = xstrdup(json_str(one, "id"));
		l->as = xstrdup(json_str(one, "as"));
		/* Nobody who looks for another of the same kind may take it. */
		if (l->id)
			know(l->of, l->id);
		losts = l;
	}
}

static char *read_all(int fd)
{
	struct stat st;
	AUTO_STR text = NULL;
	ssize_t n;

	/* One that is gone was ended in the usual way meanwhile. */
	if (fstat(fd, &st) < 0 || st.st_size > FILE_MOST || !st.st_nlink)
		return NULL;
	text = xcalloc((size_t)st.st_size + 1, 1);
	n = pread(fd, text, (size_t)st.st_size, 0);
	return n == st.st_size ? TAKE(text) : NULL;
}

/* 0: its first line does not say so yet. */
static pid_t parent_of(int fd)
{
	AUTO_STR text = read_all(fd);
	AUTO_JSON line = NULL;

	err_free(text ? json_parse(text, strcspn(text, "\n"), &line) : NULL);
	return (pid_t)json_int(line, "parent", 0);
}

/*
 * A process whose Terraform was killed is at work for a moment yet, and what it makes is lost as well.
 * One of our own Terraform (another provider block) is none of our business.
 */
static bool lock_of_dead(int fd, bool patient, bool *ret_alive)
{
	const int64_t until = clock_ms() + (patient ? END_MS : 0);

	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		*ret_alive = true;
		if (clock_ms() > until || clock_is_cut() || parent_of(fd) == getppid())
			return false;
		clock_sleep_ms(POLL_MS);
	}
	return true;
}

/* Its entries go into our own file before the old one goes away. */
static void take_over(const char *old, bool patient)
{
	const int fd = open(old, O_RDWR | O_CLOEXEC);
	const struct lost *before = losts;
	AUTO_STR text = NULL;
	bool alive = false;

	if (fd < 0)
		return;
	if (lock_of_dead(fd, patient, &alive))
		text = read_all(fd);
	else if (!patient && parent_of(fd) != getppid())
		looked = false; /* whoever makes something looks again */
	if (text) {
		take_text(text, alive);
		if (losts != before)
			open_file();
		for (struct lost *l = losts; l != before; l = l->next)
			keep(l);
		if (losts == before || file >= 0)
			(void)unlink(old);
	}
	(void)close(fd);
}

/* patient: waits for processes that are about to end. */
static void look(bool patient)
{
	AUTO_STR dir_name = directory();
	AUTO_STR begin = prefix();
	DIR *dir = looked ? NULL : opendir(dir_name);
	const struct dirent *entry;

	looked = true;
	while (dir && (entry = readdir(dir))) {
		AUTO_STR old = xasprintf("%s/%s", dir_name, entry->d_name);

		if (strncmp(entry->d_name, begin, strlen(begin)) == 0 &&
		    (!path || strcmp(path, old) != 0))
			take_over(old, patient);
	}
	if (dir)
		(void)closedir(dir);
}

/* ---- what the engine asks ---- */

static void born(const struct keeper *k, struct op *op, const char *id)
{
	const struct journal_entry *entry = k->arg;

	(void)op;
	(void)pthread_mutex_lock(&lock);
	know(entry->of, id);
	write_line(about(entry->number, "id", id));
	(void)pthread_mutex_unlock(&lock);
}

static void before(const struct keeper *k, struct op *op, struct json_object *ids)
{
	struct journal_entry *entry = k->arg;

	(void)op;
	(void)pthread_mutex_lock(&lock);
	entry->keeper.others = json_copy(ids);
	write_line(others_line(entry->number, ids));
	(void)pthread_mutex_unlock(&lock);
}

static bool claim(const struct keeper *k, struct op *op, const char *id)
{
	if (k->id && strcmp(k->id, id) == 0)
		return true;
	(void)pthread_mutex_lock(&lock);
	const bool free_yet = !is_known(op->r->name, id);
	if (free_yet)
		know(op->r->name, id);
	(void)pthread_mutex_unlock(&lock);
	return free_yet;
}

/* ---- what the adapter asks ---- */

/* Of several one that was answered: the others were perhaps never asked for. */
static struct lost *lost_take(const char *key)
{
	struct lost **found = NULL;

	for (struct lost **p = &losts; *p; p = &(*p)->next)
		if (strcmp((*p)->key, key) == 0 && (!found || ((*p)->id && !(*found)->id)))
			found = p;
	struct lost *l = found ? *found : NULL;
	if (l)
		*found = l->next;
	return l;
}

static int64_t late_ms(int64_t ago_s)
{
	return ago_s >= 0 && ago_s < LATE_S ? (LATE_S - ago_s) * 1000 : 0;
}

void journal_for(const char *digest)
{
	(void)pthread_mutex_lock(&lock);
	free(block);
	block = xstrdup(digest);
	(void)pthread_mutex_unlock(&lock);
}

void journal_begin(struct journal_entry *entry, const char *of, const char *what)
{
	struct lost *l;

	(void)pthread_mutex_lock(&lock);
	look(true);
	open_file();
	l = lost_take(what);
	const int64_t now_s = time(NULL);

	*entry = (struct journal_entry){ .of = of, .key = xstrdup(what), .number = ++entries };
	if (l)
		entry->id = xstrdup(l->id);
	entry->keeper = (struct keeper){ .born = born,
					 .claim = claim,
					 .before = before,
					 .others = l ? json_copy(l->others) : NULL,
					 .lost = l != NULL,
					 .id = entry->id,
					 .since_s = l ? l->since_s : now_s,
					 .until_s = l ? l->last_s + LATE_S : 0,
					 .late_ms = l && !l->id ? late_ms(now_s - l->last_s) : 0,
					 .arg = entry };
	write_line(begun(entry->number, of, what, entry->keeper.since_s, now_s));
	if (l && l->id)
		write_line(about(entry->number, "id", l->id));
	if (l && l->others)
		write_line(others_line(entry->number, l->others));
	if (l) {
		write_line(about(l->number, "over", NULL));
		lost_free(l);
	}
	(void)pthread_mutex_unlock(&lock);
}

void journal_forget(struct journal_entry *entry)
{
	(void)pthread_mutex_lock(&lock);
	write_line(about(entry->number, "over", NULL));
	(void)pthread_mutex_unlock(&lock);
}

void journal_named(struct journal_entry *entry, const char *id)
{
	(void)pthread_mutex_lock(&lock);
	write_line(about(entry->number, "as", id));
	(void)pthread_mutex_unlock(&lock);
}

void journal_doubt(const struct journal_entry *entry)
{
	struct lost *l = xcalloc(1, sizeof(*l));

	(void)pthread_mutex_lock(&lock);
	*l = (struct lost){ .of = xstrdup(entry->of),
			    .key = xstrdup(entry->key),
			    .id = xstrdup(entry->id),
			    .since_s = entry->keeper.since_s,
			    .last_s = time(NULL),
			    .others = json_copy(entry->keeper.others),
			    .number = entry->number,
			    .next = losts };
	losts = l;
	(void)pthread_mutex_unlock(&lock);
}

void journal_entry_release(struct journal_entry *entry)
{
	free(entry->key);
	free(entry->id);
	json_object_put(entry->keeper.others);
	*entry = (struct journal_entry){ 0 };
}

/* In Terraform's ID of what is between two objects (SERVER/PORT) the service's own comes last. */
static const char *last_part(const char *id)
{
	const char *slash = strrchr(id, '/');

	return slash ? slash + 1 : id;
}

/* What was lost is in the state. */
static void settle(const char *of, const char *id)
{
	for (struct lost **p = &losts; *p;) {
		struct lost *l = *p;

		if (!l->id || strcmp(l->of, of) != 0 || strcmp(l->as ? l->as : l->id, id) != 0) {
			p = &l->next;
			continue;
		}
		*p = l->next;
		lost_free(l);
	}
}

void journal_seen(const char *of, const char *id)
{
	(void)pthread_mutex_lock(&lock);
	look(false);
	know(of, id);
	know(of, last_part(id));
	settle(of, id);
	(void)pthread_mutex_unlock(&lock);
}

void journal_met(const char *of, const char *what)
{
	AUTO_STR name = xasprintf("%s %s", of, what);

	(void)pthread_mutex_lock(&lock);
	look(false);
	add_name(&met, name);
	settle(of, what);
	(void)pthread_mutex_unlock(&lock);
}

bool journal_knows(const char *of, const char *what)
{
	AUTO_STR name = xasprintf("%s %s", of, what);
	bool found;

	(void)pthread_mutex_lock(&lock);
	look(false);
	found = json_has(met, name);
	for (const struct lost *l = losts; l && !found; l = l->next)
		found = strcmp(l->key, what) == 0;
	(void)pthread_mutex_unlock(&lock);
	return found;
}

void journal_gone(const char *of, const char *id)
{
	AUTO_STR name = xasprintf("%s %s", of, id);
	AUTO_STR last = xasprintf("%s %s", of, last_part(id));

	(void)pthread_mutex_lock(&lock);
	json_object_object_del(known, name);
	json_object_object_del(known, last);
	(void)pthread_mutex_unlock(&lock);
}

/* As in a process that has just begun; the file is free for whoever comes next. */
static void forget_all(void)
{
	while (losts) {
		struct lost *l = losts;

		losts = l->next;
		lost_free(l);
	}
	json_object_put(TAKE(known));
	json_object_put(TAKE(met));
	free(TAKE(path));
	if (file >= 0)
		(void)close(file);
	file = -1;
	looked = broken = false;
	handing_on = NOT_YET;
	entries = 0;
}

void journal_hand_on(bool yes)
{
	(void)pthread_mutex_lock(&lock);
	if (!yes)
		handing_on = NEVER;
	else if (handing_on == NOT_YET)
		handing_on = HAND_ON;
	(void)pthread_mutex_unlock(&lock);
}

bool journal_applies(void)
{
	(void)pthread_mutex_lock(&lock);
	const bool applies = handing_on == NEVER;
	(void)pthread_mutex_unlock(&lock);
	return applies;
}

/* What was found and nobody asked for again is still lost. */
static void keep_all(void)
{
	open_file();
	if (file < 0 || ftruncate(file, 0) < 0)
		return;
	for (struct lost *l = losts; l; l = l->next)
		keep(l);
	if (!known)
		return;
	json_object_object_foreach(known, name, v) {
		(void)v;
		write_line(known_line(name));
	}
}

void journal_end(bool saved)
{
	(void)pthread_mutex_lock(&lock);
	if (saved && (losts || (known && handing_on == HAND_ON)))
		keep_all();
	else if (saved && file >= 0)
		(void)unlink(path);
	forget_all();
	(void)pthread_mutex_unlock(&lock);
}

/* Uploads, imports, and what remains to be done after one that was cut off. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "digest.h"
#include "openstack/image_data.h"
#include "text.h"

enum { TRIES = 3, POLL_MS = 1000, SLOWEST = 64 << 10 /* bytes per second */, GRACE_MS = 60000 };

static const char *status_of(struct op *op)
{
	const char *status = json_str(op->have, "status");

	return status ? status : "";
}

bool image_has_source(struct op *op)
{
	return json_str(op->want, "filename") || json_str(op->want, "uri") ||
	       json_str(op->want, "volume");
}

/* ---- the file ---- */

static struct err *open_file(const char *file, int *fd, int64_t *size)
{
	struct stat st = { 0 };
	const char *why = NULL;

	*fd = open(file, O_RDONLY | O_CLOEXEC);
	if (*fd < 0 || fstat(*fd, &st) < 0)
		why = strerror(errno);
	else if (!S_ISREG(st.st_mode))
		why = "no regular file";
	else if (!st.st_size)
		why = "the file is empty";
	if (!why) {
		*size = st.st_size;
		return NULL;
	}
	if (*fd >= 0)
		(void)close(*fd);
	return err_at(err_new(ERR_USAGE, "filename: %s: %s", file, why), "filename");
}

struct err *image_check_file(struct op *op)
{
	const char *file = json_str(op->want, "filename");
	const char *wanted = json_str(op->want, "wanted_checksum");
	AUTO_STR md5 = NULL;
	int fd = -1;
	int64_t size = 0;
	struct err *e;

	if (!file)
		return NULL;
	e = open_file(file, &fd, &size);
	if (e && op->check) {
		/* An earlier task would have fetched it. */
		op_warn(op, "%s, assumed to be there by then", e->text);
		err_free(e);
		return NULL;
	}
	if (e)
		return e;
	if (wanted)
		e = digest_fd("md5", fd, &md5);
	(void)close(fd);
	if (!e && wanted && strcasecmp(md5, wanted) != 0)
		e = err_at(err_new(ERR_USAGE,
				   "checksum: %s has the MD5 sum %s, not %s: nothing was sent",
				   file, md5, wanted),
			   "checksum");
	return e;
}

/* ---- what Glance stored ---- */

/* An image with the wrong data in it is of no use to anyone, and Glance cannot empty it. */
static struct err *reject(struct op *op, struct err *why)
{
	AUTO_STR tail = xasprintf("/%s", op->id);
	AUTO_ERR e = NULL;

	if (op->out->plan.action != CREATED)
		return err_wrap(why, "delete image %s", op->id);
	e = op_call(op, "DELETE", tail, NULL, NULL);
	if (e)
		return err_wrap(why, "delete image %s (doing that failed: %s)", op->id, e->text);
	json_object_put(TAKE(op->have));
	return err_wrap(why, "the image was deleted again");
}

static struct err *verify_file(struct op *op, int fd, int64_t size, const char *sha512)
{
	const char *algo = json_str(op->have, "hash_algo");
	const char *value = json_str(op->have, "hash_value");
	AUTO_STR sum = NULL;
	struct err *e = NULL;

	if (!json_truth(op->want, "verify_checksum", true))
		return NULL;
	/* Imports may convert the image. */
	if (json_truth(op->want, "use_import", false) && json_int(op->have, "size", size) != size)
		return NULL;
	if (!algo || !value) {
		algo = "md5"; /* before Glance of Rocky */
		value = json_str(op->have, "checksum");
	}
	if (!value)
		return NULL;
	if (sha512 && strcmp(algo, "sha512") == 0)
		sum = xstrdup(sha512);
	else
		e = digest_fd(algo, fd, &sum);
	if (e) {
		op_warn(op, "what Glance stored could not be verified: %s", e->text);
		err_free(e);
		return NULL;
	}
	if (strcasecmp(sum, value) == 0)
		return NULL;
	return reject(op, err_new(ERR_PROTOCOL,
				  "what was sent has the %s sum %s, what Glance stored %s", algo,
				  sum, value));
}

static struct err *verify_import(struct op *op)
{
	const char *wanted = json_str(op->want, "wanted_checksum");
	const char *got = json_str(op->have, "checksum");

	if (!wanted || !got || strcasecmp(wanted, got) == 0)
		return NULL;
	return reject(op, err_new(ERR_PROTOCOL, "what Glance fetched has the MD5 sum %s, not %s",
				  got, wanted));
}

/* ---- waiting ---- */

/* Why the newest of an image's tasks failed; NULL if it did not. Of the list that Glance gives. */
static const char *failure(struct json_object *tasks)
{
	struct json_object *newest = NULL;

	for (size_t i = 0; i < json_len(tasks); i++) {
		struct json_object *task = json_nth(tasks, i);
		const char *when = json_str(task, "created_at");

		if (!newest || (when && strcmp(when, json_str(newest, "created_at")) >= 0))
			newest = task;
	}
	if (!newest || !json_is_str(json_at(newest, "status"), "failure"))
		return NULL;
	return json_str(newest, "message") ? json_str(newest, "message")
					   : "Glance does not say why";
}

/* An import that failed leaves the image as it was before: only its task tells. */
static struct err *import_failed(struct op *op)
{
	AUTO_STR tail = xasprintf("/%s/tasks", op->id);
	AUTO_JSON answer = NULL;
	struct err *e = op_call(op, "GET", tail, NULL, &answer);
	const char *why = failure(json_at(answer, "tasks"));

	err_free(e); /* Glance before Wallaby has no such list: the deadline ends the wait */
	return why ? err_new(ERR_REMOTE, "the import failed: %s", why) : NULL;
}

/* Until the status is none of `while_in`. */
static struct err *await(struct op *op, const char *while_in, bool importing)
{
	for (;;) {
		struct err *e = op_reload(op);
		const char *status = status_of(op);
		int64_t now;

		if (!e && words_have(op->r->wait.failed, status))
			e = err_new(ERR_REMOTE, "image %s went to %s", op->id, status);
		if (!e && !words_have(while_in, status))
			return NULL;
		if (!e && importing &&
		    (strcmp(status, "queued") == 0 || strcmp(status, "uploading") == 0))
			e = import_failed(op);
		if (e)
			return err_wrap(e, "waiting");
		now = op->api->now_ms(op->api);
		if (now >= op->deadline)
			return err_new(ERR_TIMEOUT,
				       "image %s is still %s: raise 'timeout', or look at Glance",
				       op->id, status);
		op->api->sleep_ms(op->api,
				  POLL_MS < op->deadline - now ? POLL_MS : op->deadline - now);
	}
}

/* ---- imports ---- */

static struct err *import_by(struct op *op, struct json_object *method)
{
	AUTO_STR tail = xasprintf("/%s/import", op->id);
	AUTO_JSON body = json_wrap("method", method);
	struct err *e = op_call(op, "POST", tail, body, NULL);

	op->stale = true;
	if (!e && op->wait)
		e = await(op, "queued uploading importing saving", true);
	return e;
}

static struct err *import_uri(struct op *op)
{
	const char *how = json_str(op->want, "import_method");
	const char *uri = json_str(op->want, "uri");
	struct json_object *method = json_object_new_object();
	struct err *e;

	json_sets(method, "name", how);
	if (strcmp(how, "glance-download") == 0) {
		const size_t n = strcspn(uri, "/");
		AUTO_STR region = xstrndup(uri, n);

		json_sets(method, "glance_region", region);
		json_sets(method, "glance_image_id", uri[n] ? uri + n + 1 : "");
	} else {
		json_sets(method, "uri", uri);
	}
	e = import_by(op, method);
	if (!e && op->wait)
		e = verify_import(op);
	return err_wrap(e, "importing %s", uri);
}

/* ---- uploads ---- */

static void show_progress(void *arg, int64_t sent, int64_t size)
{
	(void)dprintf(STDERR_FILENO, "\r%s: %d %% of %lld MiB%s", (const char *)arg,
		      (int)(sent * 100 / size), (long long)(size >> 20), sent == size ? "\n" : "");
}

static struct err *send_once(struct op *op, const char *tail, int fd, int64_t size)
{
	AUTO_STR path = xasprintf("%s/%s/%s", op->r->path, op->id, tail);
	AUTO_STR name = xstrdup(json_str(op->have, "name"));
	const bool watched = isatty(STDERR_FILENO);
	struct request req = {
		.method = "PUT",
		.service = op->r->service,
		.path = path,
		.content_type = "application/octet-stream",
		.upload_fd = fd,
		.upload_size = size,
		.deadline_ms = GRACE_MS + size / SLOWEST * 1000,
		.progress = watched ? show_progress : NULL,
		.progress_arg = name,
	};
	struct err *e;

	(void)lseek(fd, 0, SEEK_SET);
	op->out->changed = true;
	op->stale = true;
	e = op_request(op, &req, NULL);
	if (e && e->status == 415)
		e = err_wrap(e, "is it a %s image, as disk_format says?",
			     json_str(op->have, "disk_format"));
	return e;
}

/*
 * An upload whose answer was lost, or that Glance refuses because it takes an earlier one to be still
 * under way, may have arrived, or has to be sent again. What is stored is verified in any case.
 */
static struct err *send_file(struct op *op, const char *tail, int fd, int64_t size)
{
	const bool stage = strcmp(tail, "stage") == 0;

	for (int try = 1;; try++) {
		struct err *e = send_once(op, tail, fd, size), *e2;

		if (!e || try == TRIES || !(e->ambiguous || e->kind == ERR_CONFLICT))
			return e;
		e2 = await(op, "saving", false);
		if (e2) {
			err_free(e2);
			return e;
		}
		const char *now = status_of(op);
		const bool there =
			strcmp(now, "active") == 0 ||
			(stage && strcmp(now, "uploading") == 0 && json_at(op->have, "size"));
		if (!there && strcmp(now, "queued") != 0)
			return e;
		err_free(e);
		if (there)
			return NULL;
	}
}

/* The sum that Glance makes by default is made here meanwhile. */
struct hasher {
	pthread_t thread;
	bool running;
	int fd;
	char *sha512;
};

static void *make_hash(void *arg)
{
	struct hasher *h = arg;

	err_free(digest_fd("sha512", h->fd, &h->sha512));
	return NULL;
}

static struct err *send_and_finish(struct op *op, int fd, int64_t size)
{
	const bool import = json_truth(op->want, "use_import", false);
	const int64_t began = op->api->now_ms(op->api);
	struct hasher h = { .fd = fd };
	struct err *e;

	h.running = pthread_create(&h.thread, NULL, make_hash, &h) == 0;
	e = send_file(op, import ? "stage" : "file", fd, size);
	if (h.running)
		(void)pthread_join(h.thread, NULL);
	/* Sending is no waiting. */
	op->deadline += op->api->now_ms(op->api) - began;
	if (!e && import) {
		struct json_object *method = json_object_new_object();

		json_sets(method, "name", "glance-direct");
		e = import_by(op, method);
	} else if (!e) {
		e = await(op, "saving", false);
	}
	if (!e && strcmp(status_of(op), "active") == 0)
		e = verify_file(op, fd, size, h.sha512);
	free(h.sha512);
	return e;
}

static struct err *upload(struct op *op)
{
	const char *file = json_str(op->want, "filename");
	int fd = -1;
	int64_t size = 0;
	struct err *e = open_file(file, &fd, &size);

	if (e)
		return e;
	e = err_wrap(send_and_finish(op, fd, size), "uploading %s", file);
	(void)close(fd);
	return e;
}

struct err *image_fill(struct op *op)
{
	const char *status = status_of(op);
	struct err *e = NULL;

	/* Someone else's upload, or one of a killed run that Glance has not given up yet. */
	if (words_have("saving importing", status))
		e = await(op, "saving importing", false);
	status = status_of(op);
	if (!e && strcmp(status, "uploading") == 0 && json_at(op->have, "size")) {
		struct json_object *method = json_object_new_object();

		json_sets(method, "name", "glance-direct");
		return import_by(op, method);
	}
	if (e || strcmp(status, "queued") != 0)
		return e;
	if (json_str(op->want, "filename"))
		return upload(op);
	if (json_str(op->want, "uri"))
		return import_uri(op);
	return op->wait ? await(op, "queued saving", false) : NULL;
}

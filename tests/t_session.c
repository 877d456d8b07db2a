/* The session: logins shared by threads and processes, the cache, versions, errors. */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "pool.h"
#include "sandbox.h"
#include "session/auth.h"
#include "session/cache.h"
#include "session/fault.h"
#include "session/session.h"
#include "unit.h"
#include "wire.h"

#define PASSWORD "canary pass/word+1"
#define TOKENS   "sesame"

/* ---- the clock: long pauses are skipped ---- */

static atomic_llong skipped;

int64_t clock_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 + atomic_load(&skipped);
}

void clock_sleep_ms(int64_t ms)
{
	const struct timespec t = { .tv_nsec = (ms > 20 ? 1 : ms) * 1000000 };

	(void)nanosleep(&t, NULL);
	if (ms > 20)
		atomic_fetch_add(&skipped, ms);
}

/* ---- errors of services ---- */

#define JSON "content-type: application/json"
#define HTML "content-type: text/html; charset=UTF-8"

static const struct {
	int status;
	const char *header, *body, *want;
	enum err_kind kind;
} faults[] = {
	{ 404, JSON,
	  "{\"error\": {\"message\": \"Could not find user: x.\", \"code\": 404, \"title\": \"N\"}}",
	  "404 Could not find user: x.", ERR_NOT_FOUND },
	{ 409, JSON,
	  "{\"NeutronError\": {\"type\": \"OverQuota\", \"message\": \"Quota exceeded for "
	  "resources: ['network'].\", \"detail\": \"\"}}",
	  "409 Quota exceeded for resources: ['network'].", ERR_CONFLICT },
	{ 400, JSON,
	  "{\"NeutronError\": {\"type\": \"T\", \"message\": \"m\", \"detail\": \"why\"}}",
	  "400 m: why", ERR_USAGE },
	{ 400, JSON, "{\"NeutronError\": \"Invalid input\"}", "400 Invalid input", ERR_USAGE },
	{ 403, JSON,
	  "{\"forbidden\": {\"code\": 403, \"message\": \"Quota exceeded for cores: Requested 9\"}}",
	  "403 Quota exceeded for cores: Requested 9", ERR_AUTH },
	{ 400, JSON, "{\"badRequest\": {\"code\": 400, \"message\": \"Bad\\nnetworks  format\"}}",
	  "400 Bad networks format", ERR_USAGE },
	{ 413, JSON "\nretry-after: 7",
	  "{\"overLimit\": {\"code\": 413, \"message\": \"This was rate-limited.\", "
	  "\"details\": \"Only 10 POSTs\", \"retryAfter\": \"7\"}}",
	  "413 This was rate-limited.: Only 10 POSTs; the service asks to wait: 7 s", ERR_USAGE },
	{ 404, JSON,
	  "{\"message\": \"No image found with ID x<br /><br />\\n\\n\\n\", \"code\": \"404 Not Found\"}",
	  "404 No image found with ID x", ERR_NOT_FOUND },
	{ 403, HTML,
	  "<html><head>\n<title>403 Forbidden</title></head><body><h1>403 Forbidden</h1>\n"
	  "Denying attempt to &lt;upload&gt;: quota &amp; all.<br/><br/>\n</body></html>",
	  "403 Denying attempt to <upload>: quota & all.", ERR_AUTH },
	{ 500, HTML, "<html><body>Oops</body></html>", "500 Oops", ERR_REMOTE },
	{ 400, "content-type: text/plain", "400 Bad Request\n\nThe size 1 < 2 is wrong\n",
	  "400 400 Bad Request The size 1 < 2 is wrong", ERR_USAGE },
	{ 409, JSON,
	  "{\"error_message\": \"{\\\"faultstring\\\": \\\"Node is locked\\\", \\\"faultcode\\\": \\\"Client\\\"}\"}",
	  "409 Node is locked", ERR_CONFLICT },
	{ 400, JSON,
	  "{\"faultcode\": \"Client\", \"faultstring\": \"Validation failure: x\", \"debuginfo\": null}",
	  "400 Validation failure: x", ERR_USAGE },
	{ 409, JSON,
	  "{\"errors\": [{\"status\": 409, \"title\": \"Conflict\", \"detail\": \"generation\"}, "
	  "{\"detail\": \"second\"}]}",
	  "409 generation: second", ERR_CONFLICT },
	{ 400, JSON,
	  "{\"code\": 400, \"type\": \"invalid_object\", \"message\": \"Does not match schema\", "
	  "\"errors\": {\"errors\": [{\"message\": \"'x' is not an integer\", \"path\": [\"ttl\"]}]}}",
	  "400 Does not match schema: 'x' is not an integer: ttl", ERR_USAGE },
	{ 404, JSON,
	  "{\"title\": \"Not Found\", \"description\": \"Secret not found.\", \"code\": 404}",
	  "404 Secret not found.", ERR_NOT_FOUND },
	{ 400, JSON,
	  "{\"explanation\": \"The request is malformed\", \"code\": 400, \"error\": {\"type\": \"T\", "
	  "\"message\": \"no template\", \"traceback\": null}, \"title\": \"Bad Request\"}",
	  "400 The request is malformed: no template", ERR_USAGE },
	{ 409, JSON, "{\"strange\": [1, {\"a\": \"b\"}]}", "409 {\"strange\":[1,{\"a\":\"b\"}]}",
	  ERR_CONFLICT },
	{ 502, "", "", "502 Bad Gateway", ERR_REMOTE },
	{ 422, JSON, "{\"title\": \"Only a title\"}", "422 Only a title", ERR_USAGE },
	{ 500, JSON "\nx-compute-request-id: req-2",
	  "{\"computeFault\": {\"message\": \"Unexpected\"}}", "500 Unexpected (request req-2)",
	  ERR_REMOTE },
	{ 500, JSON "\nx-openstack-request-id: req-3",
	  "{\"computeFault\": {\"message\": \"Report req-3\"}}", "500 Report req-3", ERR_REMOTE },
	{ 302, "location: http://other/", "", "302 Found (it points to http://other/)",
	  ERR_PROTOCOL },
	{ 400, JSON, "{\"a\": ", "400 {\"a\":", ERR_USAGE },
	{ 400, JSON, "[]", "400 Bad Request", ERR_USAGE },
};

START_TEST(fault_shapes)
{
	AUTO_STR text = xstrdup(faults[_i].header);
	AUTO_STR body = xstrdup(faults[_i].body);
	char *headers[4] = { 0 };
	struct err *e;
	size_t n = 0;

	for (char *p = text, *next; p && *p; p = next) {
		next = strchr(p, '\n');
		if (next)
			*next++ = '\0';
		headers[n++] = p;
	}
	e = fault_new(&(struct http_answer){ faults[_i].status, body, strlen(body), headers });
	ck_assert_str_eq(e->text, faults[_i].want);
	ck_assert_int_eq(e->kind, faults[_i].kind);
	ck_assert_int_eq(e->status, faults[_i].status);
	ck_assert_int_eq(e->ambiguous, faults[_i].status == 502);
	err_free(e);
}
END_TEST

START_TEST(fault_size)
{
	AUTO_STR body = xcalloc(100001, 1);
	struct err *e;

	memset(body, 'x', 100000);
	e = fault_new(&(struct http_answer){ 500, body, 100000, (char *[]){ NULL } });
	ck_assert_uint_lt(strlen(e->text), 5000);
	ck_assert_ptr_nonnull(strstr(e->text, "xxx... (100000 bytes in all)"));
	err_free(e);
}
END_TEST

START_TEST(scrub)
{
	struct err *e = err_new(ERR_USAGE, "bad value 'hunter22' (hunter22) or abc");

	fault_scrub(e,
		    (const char *const[]){ "hunter22", "abc", NULL }); /* abc: too short to tell */
	ck_assert_str_eq(e->text, "bad value '***' (***) or abc");
	err_free(e);
	fault_scrub(NULL, NULL);
}
END_TEST

/* ---- the cache by itself ---- */

static char *cache_file(void)
{
	AUTO_STR find = xasprintf("%s/cache", sandbox_path());
	return TAKE(find);
}

/* The only file in the cache that is no lock; NULL: there is none. */
static char *entry_path(void)
{
	AUTO_STR dir = cache_file();
	DIR *d = opendir(dir);
	char *path = NULL;

	for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
		if (strlen(e->d_name) != 64)
			continue;
		ck_assert_ptr_null(path);
		path = xasprintf("%s/%s", dir, e->d_name);
	}
	if (d)
		(void)closedir(d);
	return path;
}

static char *slurp(const char *path, size_t *ret_len)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *s = xcalloc(1 << 20, 1);
	ssize_t n;

	ck_assert_int_ge(fd, 0);
	n = read(fd, s, (1 << 20) - 1);
	ck_assert_int_ge(n, 0);
	(void)close(fd);
	*ret_len = (size_t)n;
	return s;
}

static void spill(const char *path, const char *s, size_t len)
{
	const int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, s, len), (ssize_t)len);
	(void)close(fd);
}

static struct cache *cache_new(void)
{
	AUTO_STR dir = cache_file();
	struct cache *c = cache_open(dir, "identity", "secret");

	ck_assert_ptr_nonnull(c);
	return c;
}

static void cache_fill(const struct cache *c)
{
	AUTO_JSON v = unit_json("{'token': 'canary'}");

	cache_write(c, v);
}

static bool cache_hit(const struct cache *c)
{
	AUTO_JSON v = cache_read(c);

	if (v)
		unit_same(v, "{'token': 'canary'}");
	return v != NULL;
}

START_TEST(cache_keeps)
{
	AUTO_STR dir = cache_file();
	struct cache *c = cache_new();
	struct cache *other = cache_open(dir, "identity", "other");
	struct cache *stranger = cache_open(dir, "stranger", "secret");
	struct stat st;

	ck_assert(!cache_hit(c));
	cache_fill(c);
	ck_assert(cache_hit(c));
	ck_assert(!cache_hit(other));
	ck_assert(!cache_hit(stranger));
	AUTO_STR path = entry_path();
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0600);
	ck_assert_int_eq(stat(dir, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0700);
	/* A new secret for the same identity replaces the file. */
	cache_fill(other);
	ck_assert(cache_hit(other));
	ck_assert(!cache_hit(c));
	cache_free(stranger);
	cache_free(other);
	cache_free(c);
}
END_TEST

START_TEST(cache_off)
{
	AUTO_STR dir = cache_file();

	ck_assert_ptr_null(cache_open(NULL, "identity", "secret"));
	ck_assert_ptr_null(cache_open(dir, "identity", ""));
	ck_assert_ptr_null(cache_open("/proc/nix", "identity", "secret"));
	ck_assert_ptr_null(cache_open("/dev/null/x", "identity", "secret"));
	cache_free(NULL);
	cache_unlock(-1);
	ck_assert_int_eq(mkdir(dir, 0700), 0);
	ck_assert_int_eq(chmod(dir, 0770), 0);
	ck_assert_ptr_null(cache_open(dir, "identity", "secret"));
}
END_TEST

/* Every byte changed, every length cut: a miss, and never more than that. */
START_TEST(cache_damage)
{
	struct cache *c = cache_new();
	size_t len = 0;

	cache_fill(c);
	AUTO_STR path = entry_path();
	AUTO_STR s = slurp(path, &len);
	for (size_t i = 0; i < len; i++) {
		s[i] = (char)(s[i] ^ 1);
		spill(path, s, len);
		ck_assert_msg(!cache_hit(c), "byte %zu", i);
		s[i] = (char)(s[i] ^ 1);
		spill(path, s, i);
		ck_assert_msg(!cache_hit(c), "length %zu", i);
	}
	spill(path, s, len);
	ck_assert(cache_hit(c));
	AUTO_STR big = xcalloc(3 << 20, 1);
	memcpy(big, s, len);
	spill(path, big, 3 << 20);
	ck_assert(!cache_hit(c));
	cache_fill(c);
	ck_assert(cache_hit(c));
	cache_free(c);
}
END_TEST

START_TEST(cache_strange_files)
{
	struct cache *c = cache_new();

	cache_fill(c);
	AUTO_STR path = entry_path();
	AUTO_STR aside = xasprintf("%s/aside", sandbox_path());
	ck_assert_int_eq(chmod(path, 0640), 0);
	ck_assert(!cache_hit(c));
	cache_fill(c); /* and it is replaced */
	ck_assert(cache_hit(c));
	if (geteuid() == 0) {
		ck_assert_int_eq(chown(path, 12345, 12345), 0);
		ck_assert(!cache_hit(c));
		cache_fill(c);
		ck_assert(cache_hit(c));
	}
	ck_assert_int_eq(rename(path, aside), 0);
	ck_assert_int_eq(symlink(aside, path), 0);
	ck_assert(!cache_hit(c));
	cache_fill(c);
	ck_assert(cache_hit(c));
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert(!cache_hit(c));
	cache_fill(c);
	ck_assert(cache_hit(c));
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert(!cache_hit(c));
	cache_fill(c);
	ck_assert(!cache_hit(c));
	cache_free(c);
}
END_TEST

/* What could not be written is not there, and neither is what it should have replaced. */
START_TEST(cache_file_limit)
{
	struct cache *c = cache_new();
	struct rlimit old, low;

	cache_fill(c);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
	low = (struct rlimit){ 10, old.rlim_max };
	/* Nothing of Check in between: it writes to a file. */
	if (setrlimit(RLIMIT_FSIZE, &low) != 0)
		abort();
	cache_fill(c);
	if (setrlimit(RLIMIT_FSIZE, &old) != 0)
		abort();
	ck_assert(!cache_hit(c));
	ck_assert_ptr_null(entry_path());
	cache_fill(c);
	ck_assert(cache_hit(c));
	cache_free(c);
}
END_TEST

/* A real full disk, where mounting is allowed. */
START_TEST(cache_full_disk)
{
	AUTO_STR dir = cache_file();
	AUTO_STR rest = xasprintf("%s/rest", dir);
	struct cache *c;
	char block[4096] = { 0 };
	int fd;

	ck_assert_int_eq(mkdir(dir, 0700), 0);
	if (mount("tmpfs", dir, "tmpfs", 0, "size=16k,mode=700") != 0)
		return;
	c = cache_new();
	fd = open(rest, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	while (write(fd, block, sizeof(block)) > 0)
		;
	(void)close(fd);
	cache_fill(c);
	ck_assert(!cache_hit(c));
	ck_assert_ptr_null(entry_path());
	ck_assert_int_eq(unlink(rest), 0);
	cache_fill(c);
	ck_assert(cache_hit(c));
	cache_free(c);
	ck_assert_int_eq(umount2(dir, MNT_DETACH), 0);
}
END_TEST

START_TEST(cache_forgets_the_old)
{
	const struct timespec old[2] = { { .tv_sec = 1000000 }, { .tv_sec = 1000000 } };
	AUTO_STR dir = cache_file();
	struct cache *c = cache_open(dir, "old", "secret");
	struct cache *c2 = cache_new();

	cache_fill(c);
	AUTO_STR path = entry_path();
	ck_assert_int_eq(utimensat(AT_FDCWD, path, old, 0), 0);
	cache_fill(c2);
	ck_assert_int_ne(access(path, F_OK), 0);
	ck_assert(cache_hit(c2));
	cache_free(c);
	cache_free(c2);
}
END_TEST

START_TEST(cache_turns)
{
	struct cache *c = cache_new();
	const int first = cache_lock(c, 1000);

	ck_assert_int_ge(first, 0);
	ck_assert_int_eq(cache_lock(c, 30), -1);
	cache_unlock(first);
	cache_unlock(cache_lock(c, 30));
	cache_free(c);
}
END_TEST

/* ---- logins: life and clocks ---- */

static struct login *login_made(const char *issued, const char *expires)
{
	AUTO_STR body = xasprintf("{\"token\": {\"issued_at\": \"%s\", \"expires_at\": \"%s\","
				  " \"user\": {\"id\": \"u\"}, \"catalog\": []}}",
				  issued, expires);
	char *headers[] = { (char[]){ "x-subject-token: t" }, NULL };
	struct login *l = NULL;

	unit_ok(login_new(&(struct http_answer){ 201, body, strlen(body), headers }, 1000000, &l));
	return l;
}

START_TEST(login_lives)
{
	static const struct {
		const char *issued, *expires;
		int life_s;
	} rows[] = {
		{ "2024-01-01T00:00:00.000000Z", "2024-01-01T01:00:00.000000Z", 3600 },
		{ "2024-01-01T00:00:00Z", "2024-01-01T00:00:05Z", 5 },
		{ "2024-01-01T01:00:00Z", "2024-01-01T00:00:00Z", 0 }, /* nonsense: unknown */
		{ "2024-01-01T00:00:00Z", "2034-01-01T00:00:00Z", 0 },
		{ "soon", "2024-01-01T00:00:00Z", 0 },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct login *l = login_made(rows[i].issued, rows[i].expires);

		ck_assert_int_eq(l->life_s, rows[i].life_s);
		if (!l->life_s)
			ck_assert(l->renew_ms == INT64_MAX);
		login_free(l);
	}
}
END_TEST

/* Whether a cached hour-long login of the second 1000000 still serves. */
START_TEST(login_ages)
{
	static const struct {
		int now_s;
		bool good;
	} rows[] = {
		{ 1000000, true },  { 1000000 + 3539, true }, { 1000000 + 3541, false },
		{ 1003600, false }, { 2000000, false },       { 999999, false },
		{ 0, false },
	};
	struct login *l = login_made("2024-01-01T00:00:00Z", "2024-01-01T01:00:00Z");
	AUTO_JSON v = login_to_json(l);

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct login *back = login_from_json(v, rows[i].now_s);

		ck_assert_msg((back != NULL) == rows[i].good, "at %d", rows[i].now_s);
		login_free(back);
	}
	json_set(v, "life", json_object_new_int64(INT64_MAX));
	ck_assert_ptr_null(login_from_json(v, 1000000));
	json_set(v, "life", json_object_new_int(3600));
	json_set(v, "v", json_object_new_int(2));
	ck_assert_ptr_null(login_from_json(v, 1000000));
	ck_assert_ptr_null(login_from_json(NULL, 1000000));
	login_free(l);
}
END_TEST

/* ---- sessions ---- */

#define NOVA                                                                                \
	"{\"version\": {\"id\": \"v2.1\", \"version\": \"2.90\", \"min_version\": \"2.1\"," \
	" \"links\": [{\"rel\": \"self\", \"href\": \"%s/v2.1/\"}]}}"

static const struct wire_route routes[] = {
	{ "GET /network/v2.0/networks?name=a", 200, NULL, "{\"networks\": []}" },
	{ "POST /network/v2.0/networks", 409,
	  "Content-Type: application/json\r\nx-openstack-request-id: req-9\r\n",
	  "{\"NeutronError\": {\"message\": \"Quota exceeded\", \"type\": \"OverQuota\"}}" },
	{ "DELETE /network/v2.0/networks/1", 204, "" },
	{ "GET /compute/v2.1/", 200, NULL, NOVA },
	{ "GET /compute/v2.1/servers", 200, NULL, "{\"servers\": []}" },
	{ "GET /compute/v2.1/broken", 200, NULL, "{\"servers\": " },
	{ "GET /compute/v2.1/next?marker=1", 200, NULL, "{\"next\": true}" },
	{ "GET /volume/v3/", 300, NULL,
	  "{\"versions\": [{\"id\": \"v3.0\", \"version\": \"3.70\", \"min_version\": \"3.50\","
	  " \"links\": []}]}" },
	{ "GET /volume/v3/p1/volumes", 200, NULL, "{\"volumes\": []}" },
	{ "GET /image/v2/images", 200, NULL, "{\"images\": []}" },
	{ "GET /image/v2/images/1/file", 200, "Content-Type: application/octet-stream\r\n", "raw" },
	{ "PUT /image/v2/images/1/file", 204, "" },
	{ "GET /identity/v3/", 200, NULL, "{}" },
	{ "PUT /identity/v3/users/1", 400, NULL,
	  "{\"error\": {\"message\": \"password hunter2hunter2 is too weak\"}}" },
	{ "GET /placement/", 404, "Content-Type: text/plain\r\n", "nothing here" },
	{ "GET /root/", 200, NULL,
	  "{\"versions\": [{\"id\": \"v2.1\", \"version\": \"2.90\", \"min_version\": \"2.1\","
	  " \"links\": [{\"rel\": \"self\", \"href\": \"http://10.0.0.1/v2.1/\"}]},"
	  " {\"id\": \"v3.0\", \"links\": [{\"rel\": \"self\", \"href\": \"%s/root/v3/\"}]}]}" },
	{ "GET /root/v2.1/servers", 200, NULL, "{\"servers\": [1]}" },
	{ "GET /root/v3/p1/volumes", 200, NULL, "{\"volumes\": [1]}" },
	{ "GET /odd", 300, NULL,
	  "{\"versions\": {\"values\": [{\"id\": \"v3.14\", \"links\": [{\"rel\": \"self\","
	  " \"href\": \"%s/identity/v3/\"}]}]}}",
	  true },
	{ 0 },
};

static struct wire *wire;

static void start(const struct wire_options *o)
{
	struct wire_options with = *o;

	with.routes = routes;
	wire = wire_start(&with);
}

static void enter(void)
{
	sandbox_enter();
	start(&(struct wire_options){ 0 });
}

static void leave(void)
{
	wire_stop(wire);
	sandbox_leave();
}

static void restart(const struct wire_options *o)
{
	wire_stop(wire);
	start(o);
}

/* `more` comes behind the auth dict: ", 'region_name': 'two'". */
static struct session *session_at(const char *url, const char *more)
{
	AUTO_STR text =
		xasprintf("{'cloud': {'auth': {'auth_url': '%s/identity', 'username': 'demo',"
			  " 'password': '" PASSWORD "', 'user_domain_id': 'd',"
			  " 'project_id': 'p1'}%s}}",
			  url, more);
	AUTO_JSON options = unit_json(text);
	struct session *s = NULL;

	unit_ok(session_new(options, &s));
	return s;
}

static struct session *session_made(const char *more)
{
	return session_at(wire_url(wire), more);
}

static struct err *get(struct session *s, const char *service, const char *path,
		       const char *microversion, struct json_object **ret)
{
	struct api *api = session_api(s);

	return api->call(api,
			 &(struct request){ .method = "GET",
					    .service = service,
					    .path = path,
					    .microversion = microversion },
			 ret);
}

static void networks(struct session *s)
{
	AUTO_JSON v = NULL;

	unit_ok(get(s, "network", "/v2.0/networks?name=a", NULL, &v));
	unit_same(v, "{'networks': []}");
}

#define has(text, words)     ck_assert_msg(strcasestr(text, words), "'%s' lacks '%s'", text, words)
#define has_not(text, words) ck_assert_msg(!strcasestr(text, words), "'%s' has '%s'", text, words)

START_TEST(first_call)
{
	struct session *s = session_made("");
	struct json_object *access = NULL;
	const char *token = NULL, *project = NULL;

	ck_assert_int_eq(wire_logins(wire), 0); /* nothing is sent before it is needed */
	networks(s);
	AUTO_STR request = wire_last(wire, 0);
	AUTO_STR login = wire_last(wire, 1);
	has(request, "\r\nX-Auth-Token: token-1-" TOKENS "\r\n");
	has(request, "\r\nAccept: application/json\r\n");
	has(request, "\r\nUser-Agent: treenail/");
	has_not(request, "Content-Type");
	has_not(request, "OpenStack-API-Version");
	has(login, "POST /identity/v3/auth/tokens ");
	has(login, "\r\nContent-Type: application/json\r\n");
	has(login, "{\"auth\":{\"identity\":{\"password\":");
	networks(s);
	unit_ok(session_token(s, &token));
	unit_ok(session_access(s, &access));
	unit_ok(session_api(s)->project(session_api(s), &project));
	ck_assert_str_eq(token, "token-1-" TOKENS);
	ck_assert_str_eq(project, "p1");
	ck_assert_str_eq(json_str(access, "user.name"), "demo");
	ck_assert(!json_has(access, "catalog"));
	ck_assert_int_eq(wire_logins(wire), 1);
	session_free(s);
}
END_TEST

START_TEST(whose_login)
{
	struct session *s = session_made(", 'region_name': 'one'");
	const char *user = NULL;
	AUTO_JSON settings = NULL;

	unit_ok(session_api(s)->user(session_api(s), &user));
	ck_assert_str_eq(user, "u1");
	settings = session_api(s)->settings(session_api(s));
	ck_assert_str_eq(json_str(settings, "region_name"), "one");
	ck_assert_int_eq(json_object_object_length(json_at(settings, "auth")), 1);
	has(json_str(settings, "auth.auth_url"), "/identity");
	has_not(json_object_to_json_string(settings), PASSWORD);
	session_free(s);
}
END_TEST

START_TEST(second_process)
{
	struct session *s = session_made("");
	struct session *s2;
	AUTO_JSON v = NULL;
	const char *project = NULL;

	networks(s);
	unit_ok(get(s, "compute", "/servers", "2.95", &v));
	session_free(s);
	ck_assert_int_eq(wire_requests(wire), 3); /* versions included */
	s2 = session_made("");
	networks(s2);
	unit_ok(get(s2, "compute", "/servers", "2.95", NULL));
	AUTO_STR request = wire_last(wire, 0);
	has(request, "OpenStack-API-Version: compute 2.90\r\n");
	has(request, "X-OpenStack-Nova-API-Version: 2.90\r\n");
	unit_ok(session_api(s2)->project(session_api(s2), &project));
	ck_assert_str_eq(project, "p1");
	ck_assert_int_eq(wire_logins(wire), 1);
	ck_assert_int_eq(wire_requests(wire), 5);
	session_free(s2);
	/* The other region is in the same cache. */
	s2 = session_made(", 'region_name': 'two', 'interface': 'admin'");
	unit_fails(get(s2, "network", "/v2.0/networks?name=a", NULL, NULL), ERR_NOT_FOUND,
		   "no such route");
	AUTO_STR other = wire_last(wire, 0);
	has(other, "GET /two/network/v2.0/networks?name=a ");
	ck_assert_int_eq(wire_logins(wire), 1);
	session_free(s2);
}
END_TEST

/* Neither the token nor the password is in any file, whichever way it is spelled. */
START_TEST(canaries)
{
	static const char *const spelled[] = {
		TOKENS,         "canary",       "Y2FuYXJ5", "NhbmFye", "jYW5hcn",
		"c2VzYW1l",     "Nlc2Ftd",      "zZXNhbW",  "%63",     "word%2B1",
		"63616e617279", "736573616d65", "demo",
	};
	AUTO_STR dir = cache_file();
	struct session *s = session_made("");
	struct dirent *e;
	DIR *d;
	int files = 0;

	networks(s);
	session_free(s);
	d = opendir(dir);
	for (e = readdir(d); e; e = readdir(d)) {
		AUTO_STR path = xasprintf("%s/%s", dir, e->d_name);
		size_t len = 0;

		if (*e->d_name == '.')
			continue;
		AUTO_STR text = slurp(path, &len);
		files += len > 0;
		for (size_t i = 0; i < COUNT(spelled); i++) {
			ck_assert_ptr_null(memmem(text, len, spelled[i], strlen(spelled[i])));
			ck_assert_ptr_null(strstr(e->d_name, spelled[i]));
		}
	}
	(void)closedir(d);
	ck_assert_int_eq(files, 1);
}
END_TEST

START_TEST(no_cache)
{
	struct session *s;

	sandbox_env("TREENAIL_CACHE=off");
	for (int i = 0; i < 2; i++) {
		s = session_made("");
		networks(s);
		networks(s);
		session_free(s);
	}
	ck_assert_int_eq(wire_logins(wire), 2);
	ck_assert_ptr_null(entry_path());
}
END_TEST

/* N processes at once: one of them logs in. They are forked while there are no threads. */
START_TEST(one_login_for_all)
{
	enum { N = 8 };
	pid_t pids[N];
	int ends[2];

	wire_stop(wire);
	ck_assert_int_eq(pipe(ends), 0);
	for (int i = 0; i < N; i++) {
		struct session *s;
		char url[64] = "";

		pids[i] = fork();
		if (pids[i])
			continue;
		if (read(ends[0], url, sizeof(url)) != sizeof(url))
			_exit(1);
		s = session_at(url, "");
		err_free(get(s, "network", "/v2.0/networks?name=a", NULL, NULL));
		_exit(0);
	}
	start(&(struct wire_options){ .login_ms = 300 });
	for (int i = 0; i < N; i++) {
		char url[64] = "";

		(void)snprintf(url, sizeof(url), "%s", wire_url(wire));
		ck_assert_int_eq(write(ends[1], url, sizeof(url)), sizeof(url));
	}
	for (int i = 0; i < N; i++) {
		int status = 0;

		ck_assert_int_eq(waitpid(pids[i], &status, 0), pids[i]);
		ck_assert_int_eq(status, 0);
	}
	(void)close(ends[0]);
	(void)close(ends[1]);
	ck_assert_int_eq(wire_logins(wire), 1);
	ck_assert_int_eq(wire_requests(wire), N);
}
END_TEST

static struct err *errors[16];
static void *crowd_session;

static void one_of_many(void *arg, size_t i)
{
	AUTO_JSON v = NULL;

	(void)arg;
	errors[i] = get(crowd_session, i % 2 ? "network" : "compute",
			i % 2 ? "/v2.0/networks?name=a" : "/servers", i % 2 ? NULL : "2.80", &v);
}

static void crowd(struct session *s)
{
	crowd_session = s;
	memset(errors, 0, sizeof(errors));
	pool_run(COUNT(errors), COUNT(errors), one_of_many, NULL);
}

/* N threads at once: one login, one look at the versions; when the token dies, one more login. */
START_TEST(one_login_for_threads)
{
	struct session *s;

	restart(&(struct wire_options){ .login_ms = 50, .other_ms = 20 });
	s = session_made("");
	for (int round = 1; round <= 3; round++) {
		crowd(s);
		for (size_t i = 0; i < COUNT(errors); i++)
			unit_ok(errors[i]);
		ck_assert_int_eq(wire_logins(wire), round);
		wire_revoke(wire, 0);
	}
	session_free(s);
}
END_TEST

/* One refused login for N threads, and none soon after: accounts get locked. */
START_TEST(refused_login)
{
	const char *const *secrets;
	struct session *s;

	restart(&(struct wire_options){ .login_status = 401, .login_ms = 100 });
	s = session_made("");
	crowd(s);
	for (size_t i = 0; i < COUNT(errors); i++) {
		ck_assert_ptr_nonnull(errors[i]);
		ck_assert_int_eq(errors[i]->kind, ERR_AUTH);
		ck_assert_int_eq(errors[i]->status, 401);
		has(errors[i]->text,
		    "logging in with user 'demo', user domain ID 'd', project ID 'p1'");
		has(errors[i]->text, "/identity/v3/auth/tokens: 401 Who are you? (request req-1)");
		has_not(errors[i]->text, "canary");
		err_free(errors[i]);
	}
	ck_assert_int_eq(wire_logins(wire), 1);
	unit_fails(get(s, "network", "/x", NULL, NULL), ERR_AUTH, "Who are you?");
	ck_assert_int_eq(wire_logins(wire), 1);
	/* Later it is tried again. */
	wire_login_status(wire, 0);
	clock_sleep_ms(11000);
	networks(s);
	ck_assert_int_eq(wire_logins(wire), 2);
	secrets = session_secrets(s);
	ck_assert_str_eq(secrets[0], PASSWORD);
	session_free(s);
}
END_TEST

START_TEST(login_errors)
{
	static const struct {
		int status;
		const char *body, *words;
		enum err_kind kind;
	} rows[] = {
		{ 500, "{\"error\": {\"message\": \"canary pass/word+1 broke\"}}", "500 *** broke",
		  ERR_REMOTE },
		{ 404, "{}", "404 {}", ERR_REMOTE },
		{ 409, "{}", "409 {}", ERR_REMOTE },
		{ 201, "{}", "no token in the answer: is this Keystone?", ERR_PROTOCOL },
		{ 201, "<html>", "no JSON", ERR_PROTOCOL },
		{ 302, "", "302 Found", ERR_PROTOCOL },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct session *s;

		restart(&(struct wire_options){ .login_status = rows[i].status,
						.login_body = rows[i].body });
		s = session_made("");
		unit_fails(get(s, "network", "/x", NULL, NULL), rows[i].kind, rows[i].words);
		session_free(s);
	}
}
END_TEST

/* A lost answer to a login is asked for again: a login changes nothing. */
START_TEST(login_again)
{
	struct session *s;

	restart(&(struct wire_options){ .login_status = 502, .login_body = "" });
	s = session_made("");
	unit_fails(get(s, "network", "/x", NULL, NULL), ERR_REMOTE, "502 Bad Gateway");
	ck_assert_int_eq(wire_logins(wire), 3);
	session_free(s);
}
END_TEST

/* A Keystone whose versions are elsewhere is asked where. */
START_TEST(login_elsewhere)
{
	AUTO_STR text = xasprintf("{'cloud': {'auth': {'auth_url': '%s/odd', 'token': 't0',"
				  " 'project_id': 'p1'}}}",
				  wire_url(wire));
	AUTO_JSON options = unit_json(text);
	struct session *s = NULL;

	unit_ok(session_new(options, &s));
	networks(s);
	ck_assert_int_eq(wire_logins(wire), 1);
	session_free(s);
}
END_TEST

START_TEST(refused_token)
{
	struct session *s = session_made("");
	struct session *other = session_made("");

	networks(s);
	networks(other); /* has the first token, from the cache */
	wire_revoke(wire, 0);
	networks(s);
	ck_assert_int_eq(wire_logins(wire), 2);
	networks(other); /* and the second one */
	ck_assert_int_eq(wire_logins(wire), 2);
	/* What was made in the second of the change is taken back with the rest. */
	const long long before = atomic_load(&skipped);
	wire_revoke(wire, 1);
	networks(s);
	ck_assert_int_eq(wire_logins(wire), 4);
	ck_assert_int_ge(atomic_load(&skipped) - before, 1000);
	/* A service that never likes it: two new logins, two repetitions. */
	wire_refuse(wire);
	unit_fails(
		get(s, "network", "/v2.0/networks?name=a", NULL, NULL), ERR_AUTH,
		"GET network /v2.0/networks: 401 The token is not good; logged in with user 'demo'");
	ck_assert_int_eq(wire_logins(wire), 6);
	wire_login_status(wire, 401);
	unit_fails(get(s, "network", "/v2.0/networks?name=a", NULL, NULL), ERR_AUTH,
		   "the token was refused, and so is a new login: logging in with");
	session_free(s);
	session_free(other);
}
END_TEST

/* Renewed before it dies; and where that fails, what is alive serves on. */
START_TEST(renewal)
{
	struct session *s;

	restart(&(struct wire_options){ .life_s = 3600 });
	s = session_made("");
	networks(s);
	atomic_fetch_add(&skipped, 3500 * 1000LL);
	networks(s);
	ck_assert_int_eq(wire_logins(wire), 1);
	atomic_fetch_add(&skipped, 45 * 1000LL);
	networks(s); /* the cache's is as old by the wall clock: here that one stood still */
	session_free(s);
	sandbox_env("TREENAIL_CACHE=off");
	restart(&(struct wire_options){ .life_s = 3600 });
	s = session_made("");
	networks(s);
	atomic_fetch_add(&skipped, 3545 * 1000LL);
	wire_login_status(wire, 500);
	networks(s);
	networks(s);
	ck_assert_int_eq(wire_logins(wire), 2);
	wire_login_status(wire, 0);
	atomic_fetch_add(&skipped, 11 * 1000LL);
	networks(s);
	ck_assert_int_eq(wire_logins(wire), 3);
	session_free(s);
}
END_TEST

/* Tokens of five seconds, a minute of calls: no failure, and a login every four seconds. */
START_TEST(short_lives)
{
	struct session *s;

	restart(&(struct wire_options){ .life_s = 5 });
	s = session_made("");
	sandbox_env("TREENAIL_CACHE=off");
	for (int i = 0; i < 120; i++) {
		networks(s);
		atomic_fetch_add(&skipped, 500);
	}
	ck_assert_int_ge(wire_logins(wire), 1);
	ck_assert_int_le(wire_logins(wire), 17);
	session_free(s);
}
END_TEST

START_TEST(microversions)
{
	struct session *s = session_made("");
	bool yes = false;

	unit_ok(get(s, "compute", "/servers", "2.26", NULL));
	AUTO_STR low = wire_last(wire, 0);
	has(low, "OpenStack-API-Version: compute 2.26\r\n");
	unit_ok(get(s, "compute", "/servers", NULL, NULL));
	AUTO_STR none = wire_last(wire, 0);
	has_not(none, "API-Version");
	unit_ok(get(s, "block-storage", "/volumes", "3.99", NULL));
	AUTO_STR volume = wire_last(wire, 0);
	has(volume, "OpenStack-API-Version: volume 3.70\r\n");
	unit_fails(
		get(s, "block-storage", "/volumes", "3.43", NULL), ERR_REMOTE,
		"GET block-storage /volumes: the volume service speaks microversions 3.50 to 3.70, and this "
		"program up to 3.43");
	unit_ok(session_api(s)->offers(session_api(s), "compute", "2.90", &yes));
	ck_assert(yes);
	unit_ok(session_api(s)->offers(session_api(s), "compute", "2.91", &yes));
	ck_assert(!yes);
	unit_ok(session_api(s)->offers(session_api(s), "block-storage", "3.49", &yes));
	ck_assert(!yes);
	unit_fails(get(s, "placement", "/x", "1.0", NULL), ERR_REMOTE,
		   "versions of the placement service: GET ");
	wire_revoke(wire, 0);
	session_free(s);
	/* A document that is asked for with a dead token. */
	s = session_made(", 'compute_default_microversion': 2.10");
	unit_ok(session_api(s)->offers(session_api(s), "volumev3", "3.60", &yes));
	ck_assert(yes);
	unit_ok(get(s, "compute", "/servers", NULL, NULL));
	AUTO_STR configured = wire_last(wire, 0);
	has(configured, "OpenStack-API-Version: compute 2.10\r\n");
	session_free(s);
}
END_TEST

/* What is to be refused if somebody else was there in between. */
START_TEST(if_match)
{
	struct session *s = session_made("");
	struct api *api = session_api(s);

	unit_ok(api->call(api,
			  &(struct request){ .method = "GET",
					     .service = "network",
					     .path = "/v2.0/networks?name=a",
					     .if_match = "revision_number=4" },
			  NULL));
	AUTO_STR request = wire_last(wire, 0);
	has(request, "\r\nIf-Match: revision_number=4\r\n");
	networks(s);
	AUTO_STR plain = wire_last(wire, 0);
	has_not(plain, "If-Match");
	session_free(s);
}
END_TEST

/* Published without a version: looked up once, and links that lead elsewhere are not followed. */
START_TEST(unversioned)
{
	AUTO_STR more = xasprintf(", 'compute_endpoint_override': '%s/root',"
				  " 'volume_endpoint_override': '%s/root/',"
				  " 'image_endpoint_override': '%s/image'",
				  wire_url(wire), wire_url(wire), wire_url(wire));
	struct session *s = session_made(more);

	unit_ok(get(s, "compute", "/servers", NULL, NULL));
	AUTO_STR document = wire_last(wire, 1);
	has(document, "GET /root/ ");
	unit_ok(get(s, "compute", "/servers", NULL, NULL));
	unit_ok(get(s, "image", "/v2/images", NULL, NULL));
	ck_assert_int_eq(wire_requests(wire), 4);
	session_free(s);
}
END_TEST

START_TEST(next_links)
{
	AUTO_STR own = xasprintf("%s/compute/v2.1/next?marker=1", wire_url(wire));
	struct session *s = session_made("");

	unit_ok(get(s, "compute", own, NULL, NULL));
	unit_ok(get(s, "compute", "http://10.9.8.7:1/v2.1/next?marker=1", NULL, NULL));
	unit_ok(get(s, "compute", "https://127.0.0.1/compute/v2.1/next?marker=1", NULL, NULL));
	session_free(s);
}
END_TEST

START_TEST(answers)
{
	struct session *s = session_made("");
	struct api *api = session_api(s);
	AUTO_JSON v = NULL;
	AUTO_JSON body = unit_json("{'user': {'name': 'x', 'password': 'hunter2hunter2'}}");
	struct err *e;

	unit_ok(get(s, "image", "/v2/images/1/file", NULL, &v));
	ck_assert_str_eq(json_object_get_string(v), "raw");
	json_object_put(TAKE(v));
	unit_ok(api->call(api,
			  &(struct request){ .method = "DELETE",
					     .service = "network",
					     .path = "/v2.0/networks/1" },
			  &v));
	ck_assert_ptr_null(v);
	unit_fails(get(s, "compute", "/broken", NULL, &v), ERR_PROTOCOL,
		   "GET compute /broken: no JSON");
	ck_assert_ptr_null(v);
	e = api->call(api,
		      &(struct request){ .method = "POST",
					 .service = "network",
					 .path = "/v2.0/networks",
					 .body = body },
		      &v);
	ck_assert_ptr_nonnull(e);
	ck_assert_int_eq(e->status, 409);
	unit_fails(e, ERR_CONFLICT,
		   "POST network /v2.0/networks: 409 Quota exceeded (request req-9)");
	AUTO_STR sent = wire_last(wire, 0);
	has(sent, "\r\nContent-Type: application/json\r\n");
	has(sent, "\r\n\r\n{\"user\":{\"name\":\"x\",\"password\":\"hunter2hunter2\"}}");
	unit_fails(api->call(api,
			     &(struct request){ .method = "PUT",
						.service = "identity",
						.path = "/v3/users/1",
						.body = body,
						.secret = true },
			     NULL),
		   ERR_USAGE, "PUT identity /v3/users/1: 400 password *** is too weak");
	unit_same(body, "{'user': {'name': 'x', 'password': 'hunter2hunter2'}}");
	session_free(s);
}
END_TEST

/* An upload is sent again from where it began after a 401. */
START_TEST(uploads)
{
	struct session *s = session_made("");
	struct api *api = session_api(s);
	AUTO_STR path = xasprintf("%s/image", sandbox_path());
	struct request req = {
		.method = "PUT", .service = "image", .path = "/v2/images/1/file", .upload_size = 4
	};

	sandbox_write("image", "__data");
	req.upload_fd = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(lseek(req.upload_fd, 2, SEEK_SET), 2);
	networks(s);
	wire_revoke(wire, 0);
	unit_ok(api->call(api, &req, NULL));
	AUTO_STR sent = wire_last(wire, 0);
	has(sent, "\r\nContent-Type: application/octet-stream\r\n");
	has(sent, "\r\n\r\ndata");
	ck_assert_int_eq(wire_logins(wire), 2);
	(void)close(req.upload_fd);
	session_free(s);
}
END_TEST

START_TEST(without_keystone)
{
	AUTO_STR none =
		xasprintf("{'cloud': {'auth_type': 'none', 'auth': {'endpoint': '%s/identity'}}}",
			  wire_url(wire));
	AUTO_STR token = xasprintf(
		"{'cloud': {'auth_type': 'admin_token', 'auth': {'endpoint': '%s/identity',"
		" 'token': 'token-7-sesame'}, 'network_endpoint_override': '%s/network'}}",
		wire_url(wire), wire_url(wire));
	AUTO_JSON o = unit_json(none);
	AUTO_JSON o2 = unit_json(token);
	struct session *s = NULL;
	const char *project = NULL, *text = NULL;

	unit_ok(session_new(o, &s));
	unit_fails(get(s, "identity", "/v3/", NULL, NULL), ERR_AUTH, "401 The token is not good");
	AUTO_STR request = wire_last(wire, 0);
	has_not(request, "X-Auth-Token");
	unit_ok(session_api(s)->project(session_api(s), &project));
	ck_assert_str_eq(project, "");
	unit_ok(session_token(s, &text));
	ck_assert_str_eq(text, "");
	session_free(s);
	unit_ok(session_new(o2, &s));
	unit_ok(get(s, "identity", "/v3/", NULL, NULL));
	networks(s);
	ck_assert_int_eq(wire_logins(wire), 0);
	ck_assert_int_eq(wire_requests(wire), 3);
	session_free(s);
}
END_TEST

/* What no output may hold: the password, and every token there was. */
START_TEST(secrets)
{
	struct session *s = session_made("");
	const char *const *list = session_secrets(s);

	ck_assert_str_eq(list[0], PASSWORD);
	ck_assert_ptr_null(list[1]);
	networks(s);
	wire_revoke(wire, 0);
	networks(s);
	list = session_secrets(s);
	ck_assert_str_eq(list[0], PASSWORD);
	ck_assert_str_eq(list[1], "token-1-" TOKENS);
	ck_assert_str_eq(list[2], "token-2-" TOKENS);
	ck_assert_ptr_null(list[3]);
	session_free(s);
	session_free(NULL);
}
END_TEST

/* Nobody there: told as it is, and nothing of the credentials with it. */
START_TEST(nobody)
{
	AUTO_JSON o = unit_json("{'cloud': {'api_timeout': 2, 'auth': {'auth_url':"
				" 'http://127.0.0.1:1', 'token': 'token-sesame'}}}");
	struct session *s = NULL;
	struct err *e;

	unit_ok(session_new(o, &s));
	e = get(s, "network", "/x", NULL, NULL);
	ck_assert_ptr_nonnull(e);
	has_not(e->text, TOKENS);
	has(e->text, "127.0.0.1:1");
	err_free(e);
	session_free(s);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("session");
	TCase *t = tcase_create("parts");
	TCase *t2 = tcase_create("wire");
	SRunner *r;
	int failed;

	tcase_set_timeout(t, 300);
	tcase_add_checked_fixture(t, sandbox_enter, sandbox_leave);
	tcase_add_loop_test(t, fault_shapes, 0, COUNT(faults));
	tcase_add_test(t, fault_size);
	tcase_add_test(t, scrub);
	tcase_add_test(t, cache_keeps);
	tcase_add_test(t, cache_off);
	tcase_add_test(t, cache_damage);
	tcase_add_test(t, cache_strange_files);
	tcase_add_test(t, cache_file_limit);
	tcase_add_test(t, cache_full_disk);
	tcase_add_test(t, cache_forgets_the_old);
	tcase_add_test(t, cache_turns);
	tcase_add_test(t, login_lives);
	tcase_add_test(t, login_ages);
	suite_add_tcase(s, t);
	tcase_set_timeout(t2, 300);
	tcase_add_checked_fixture(t2, enter, leave);
	tcase_add_test(t2, first_call);
	tcase_add_test(t2, whose_login);
	tcase_add_test(t2, second_process);
	tcase_add_test(t2, canaries);
	tcase_add_test(t2, no_cache);
	tcase_add_test(t2, one_login_for_all);
	tcase_add_test(t2, one_login_for_threads);
	tcase_add_test(t2, refused_login);
	tcase_add_test(t2, login_errors);
	tcase_add_test(t2, login_again);
	tcase_add_test(t2, login_elsewhere);
	tcase_add_test(t2, refused_token);
	tcase_add_test(t2, renewal);
	tcase_add_test(t2, short_lives);
	tcase_add_test(t2, microversions);
	tcase_add_test(t2, if_match);
	tcase_add_test(t2, unversioned);
	tcase_add_test(t2, next_links);
	tcase_add_test(t2, answers);
	tcase_add_test(t2, uploads);
	tcase_add_test(t2, without_keystone);
	tcase_add_test(t2, secrets);
	tcase_add_test(t2, nobody);
	suite_add_tcase(s, t2);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}

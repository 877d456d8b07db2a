#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "digest.h"
#include "file.h"
#include "json.h"
#include "session/config.h"
#include "text.h"
#include "yaml.h"

enum { FILE_BYTES = 1 << 20, PLACES = 8, KEPT_FILES = 4 };

/* Other OS_* variables are left alone: they belong to other programs, or only choose a cloud. */
static const char env_names[] =
	"OS_APPLICATION_CREDENTIAL_ID OS_APPLICATION_CREDENTIAL_NAME "
	"OS_APPLICATION_CREDENTIAL_SECRET OS_API_TIMEOUT OS_AUTH_METHODS OS_AUTH_PLUGIN "
	"OS_AUTH_TOKEN OS_AUTH_TYPE OS_AUTH_URL OS_CACERT OS_CERT OS_DEFAULT_DOMAIN "
	"OS_DEFAULT_DOMAIN_ID OS_DEFAULT_DOMAIN_NAME OS_DOMAIN_ID OS_DOMAIN_NAME OS_ENDPOINT "
	"OS_ENDPOINT_TYPE OS_INSECURE OS_INTERFACE OS_KEY OS_PASSCODE OS_PASSWORD OS_PROFILE "
	"OS_PROJECT_DOMAIN_ID OS_PROJECT_DOMAIN_NAME OS_PROJECT_ID OS_PROJECT_NAME "
	"OS_SYSTEM_SCOPE OS_TENANT_ID OS_TENANT_NAME OS_TOKEN OS_TRUST_ID OS_URL "
	"OS_USERNAME OS_USER_DOMAIN_ID OS_USER_DOMAIN_NAME OS_USER_ID OS_VERIFY";
static const char env_endings[] = "_API_VERSION _DEFAULT_MICROVERSION _ENDPOINT "
				  "_ENDPOINT_OVERRIDE _ENDPOINT_TYPE _INTERFACE _REGION_NAME "
				  "_SERVICE_NAME _SERVICE_TYPE";

static bool ends_with(const char *s, size_t len, const char *end, size_t end_len)
{
	return len > end_len && memcmp(s + len - end_len, end, end_len) == 0;
}

static bool env_known(const char *name)
{
	const size_t len = strlen(name);

	if (words_have(env_names, name))
		return true;
	if (strcmp(name, "OS_REGION_NAME") == 0)
		return false; /* alone it makes no cloud */
	WORDS_EACH(w, env_endings)
		if (ends_with(name, len, w, words_len(w)))
			return true;
	return false;
}

static void lower(char *s)
{
	for (; *s; s++)
		if (*s >= 'A' && *s <= 'Z')
			*s = (char)(*s - 'A' + 'a');
}

struct json_object *env_cloud(void)
{
	struct json_object *cloud = NULL;

	for (char **p = environ; p && *p; p++) {
		const size_t len = strcspn(*p, "=");

		if (strncmp(*p, "OS_", 3) != 0 || !(*p)[len] || !(*p)[len + 1])
			continue;
		AUTO_STR name = xstrndup(*p, len);
		if (!env_known(name))
			continue;
		lower(name);
		if (!cloud)
			cloud = json_object_new_object();
		json_sets(cloud, name + 3, *p + len + 1);
	}
	if (cloud && env_get("OS_REGION_NAME"))
		json_sets(cloud, "region_name", env_get("OS_REGION_NAME"));
	return cloud;
}

char *env_cache_dir(void)
{
	const char *dir = env_get("TREENAIL_CACHE_DIR");
	const char *off = env_get("TREENAIL_CACHE");
	const char *base = env_get("XDG_CACHE_HOME");

	if (off && words_have("off no false 0", off))
		return NULL;
	if (dir)
		return path_expand(dir);
	if (base && *base == '/')
		return xasprintf("%s/treenail", base);
	return env_get("HOME") ? path_expand("~/.cache/treenail") : NULL;
}

struct pem {
	char *text; /* digest */
	int fd;
	struct pem *next;
};

static struct err *pem_write(int fd, const char *text)
{
	size_t len = strlen(text);

	while (fd >= 0 && len) {
		const ssize_t n = write(fd, text, len);

		if (n < 0 && errno != EINTR)
			break;
		text += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return fd < 0 || len ? err_new(ERR_USAGE,
				       "there is no memory file for the PEM text: %s; "
				       "give the path of a file",
				       strerror(errno))
			     : NULL;
}

/* What has the same text has the same path, so that connections are shared. */
static struct err *pem_keep(const char *text, int *ret)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static struct pem *pems;
	AUTO_STR digest = digest_text("sha256", text, strlen(text));
	struct err *e = NULL;
	struct pem *p;

	(void)pthread_mutex_lock(&lock);
	p = pems;
	while (p && strcmp(p->text, digest) != 0)
		p = p->next;
	*ret = p ? p->fd : memfd_create("pem", MFD_CLOEXEC);
	if (!p)
		e = pem_write(*ret, text);
	if (!p && !e) {
		p = xcalloc(1, sizeof(*p));
		*p = (struct pem){ .text = TAKE(digest), .fd = *ret, .next = pems };
		pems = p;
	} else if (e && *ret >= 0) {
		(void)close(*ret);
	}
	(void)pthread_mutex_unlock(&lock);
	return e;
}

struct err *pem_path(const char *path_or_text, char **ret)
{
	int fd;
	struct err *e;

	if (!path_or_text || !strchr(path_or_text, '\n')) {
		*ret = path_expand(path_or_text);
		return NULL;
	}
	if (!strstr(path_or_text, "-----BEGIN ") || strlen(path_or_text) > FILE_BYTES)
		return err_new(
			ERR_USAGE,
			"what has more than one line must be PEM text (-----BEGIN ...) of at "
			"most %d KiB; else give the path of a file",
			FILE_BYTES >> 10);
	e = pem_keep(path_or_text, &fd);
	if (!e)
		*ret = xasprintf("/proc/self/fd/%d", fd);
	return e;
}

/* json-c hands its own buffers out as const; there is no other way to them. */
void json_text_wipe(const char *s, size_t len)
{
	char *p;

	memcpy(&p, &s, sizeof(p));
	OPENSSL_cleanse(p, len);
}

void json_wipe(struct json_object *v)
{
	for (size_t i = 0; i < json_len(v); i++)
		json_wipe(json_nth(v, i));
	if (json_object_is_type(v, json_type_object)) {
		json_object_object_foreach(v, key, inner) {
			(void)key;
			json_wipe(inner);
		}
	} else if (json_object_is_type(v, json_type_string)) {
		json_text_wipe(json_object_get_string(v), (size_t)json_object_get_string_len(v));
	}
}

/* The folders openstacksdk looks into, in its order. */
static size_t places(char *dirs[PLACES])
{
	const char *config = env_get("XDG_CONFIG_HOME");
	const char *home = env_get("SNAP_REAL_HOME");
	const char *site = env_get("XDG_CONFIG_DIRS");
	size_t n = 0;

	if (!home)
		home = env_get("HOME");
	dirs[n++] = xstrdup(".");
	if (config && *config == '/')
		dirs[n++] = xasprintf("%s/openstack", config);
	if (home)
		dirs[n++] = xasprintf("%s/.config/openstack", home);
	dirs[n++] = site && *site == '/' && !strchr(site, ':') ? xasprintf("%s/openstack", site)
							       : xstrdup("/etc/xdg/openstack");
	dirs[n++] = xstrdup("/etc/openstack");
	return n;
}

static void places_free(char **dirs, size_t n)
{
	while (n)
		free(dirs[--n]);
}

char *config_places(const char *stem, const char *first)
{
	AUTO_BUF b = BUF_INIT;
	char *dirs[PLACES];
	const size_t n = places(dirs);

	if (first)
		buf_addf(&b, "%s, ", first);
	buf_addf(&b, "%s.yaml, .yml and .json in", stem);
	for (size_t i = 0; i < n; i++)
		buf_addf(&b, "%s %s", i ? "," : "", dirs[i]);
	places_free(dirs, n);
	return buf_take(&b);
}

static struct err *slurp(const char *path, int fd, struct buf *b)
{
	char chunk[8192];

	b->max = FILE_BYTES;
	for (;;) {
		const ssize_t n = read(fd, chunk, sizeof(chunk));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_new(ERR_USAGE, "%s: cannot read it: %s", path, strerror(errno));
		if (n == 0)
			break;
		if (!buf_add(b, chunk, (size_t)n))
			return err_new(ERR_USAGE, "%s: more than %d KiB", path, FILE_BYTES >> 10);
	}
	OPENSSL_cleanse(chunk, sizeof(chunk));
	return NULL;
}

static struct err *parse(const char *path, const struct buf *b, struct json_object **ret)
{
	const size_t len = strlen(path);
	struct err *e = len > 5 && strcmp(path + len - 5, ".json") == 0
				? err_wrap(json_parse(b->s, b->len, ret), "%s", path)
				: yaml_parse(b->s, b->len, path, ret);

	if (e)
		e->kind = ERR_USAGE;
	return e;
}

/*
 * A process that works on many clouds reads the same file for each: the second time it is kept as it
 * was parsed, by its text.
 */
static struct err *parse_once(const char *path, const struct buf *b, struct json_object **ret)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static struct {
		char *text; /* digest; NULL: not read yet */
		struct json_object *parsed;
	} seen[KEPT_FILES];
	AUTO_STR text = digest_text("sha256", b->s, b->len);
	struct err *e = NULL;
	size_t i = 0;

	(void)pthread_mutex_lock(&lock);
	while (i < KEPT_FILES && seen[i].text && strcmp(seen[i].text, text) != 0)
		i++;
	if (i < KEPT_FILES && seen[i].parsed)
		*ret = json_copy(seen[i].parsed);
	else
		e = parse(path, b, ret);
	if (!e && i < KEPT_FILES && seen[i].text && !seen[i].parsed)
		seen[i].parsed = json_copy(*ret);
	else if (i < KEPT_FILES && !seen[i].text)
		seen[i].text = TAKE(text);
	(void)pthread_mutex_unlock(&lock);
	return e;
}

/* *ret_found tells whether there was one to read. */
static struct err *file_read(const char *path, struct json_object **ret, bool *ret_found)
{
	AUTO_BUF b = BUF_INIT;
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct err *e;

	*ret_found = fd >= 0;
	if (fd < 0) /* what is not there or not for us: openstacksdk takes the next one */
		return NULL;
	e = slurp(path, fd, &b);
	(void)close(fd);
	if (!e)
		e = parse_once(path, &b, ret);
	buf_wipe(&b);
	return e;
}

struct err *config_find(const char *stem, const char *first, struct json_object **ret,
			char **ret_path)
{
	static const char *const suffixes[] = { "yaml", "yml", "json" };
	struct err *e = NULL;
	char *dirs[PLACES];
	bool found = false;
	size_t n;

	*ret = NULL;
	*ret_path = NULL;
	if (first) {
		e = file_read(first, ret, &found);
		if (found)
			*ret_path = xstrdup(first);
	}
	n = places(dirs);
	for (size_t i = 0; i < n * COUNT(suffixes) && !e && !found; i++) {
		AUTO_STR path = xasprintf("%s/%s.%s", dirs[i / COUNT(suffixes)], stem,
					  suffixes[i % COUNT(suffixes)]);

		e = file_read(path, ret, &found);
		if (found)
			*ret_path = TAKE(path);
	}
	places_free(dirs, n);
	if (!e && *ret && !json_object_is_type(*ret, json_type_object))
		e = err_new(ERR_USAGE, "%s: must be a dictionary, not %s", *ret_path,
			    json_type_words(*ret));
	if (e) {
		json_object_put(TAKE(*ret));
		free(TAKE(*ret_path));
	}
	return e;
}

/*
 * libcurl, loaded at its first call. It brings 28 libraries (Kerberos, LDAP, GnuTLS, ...): 4 MB, and a
 * third of the time that a provider takes to start; most of a provider's processes are started for
 * the schema or to look at a configuration, and end without a request. Functions of the same names,
 * linked in place of -lcurl: a call that is not listed here does not link.
 */
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* libcurl has macros of these names, too. */
#undef curl_easy_setopt
#undef curl_easy_getinfo
#undef curl_multi_setopt
#undef curl_share_setopt

#define LATE(X)                                                                                   \
	X(CURL *, curl_easy_init, (void), ())                                                     \
	X(void, curl_easy_cleanup, (CURL * a), (a))                                               \
	X(CURLcode, curl_easy_pause, (CURL * a, int b), (a, b))                                   \
	X(CURLcode, curl_easy_perform, (CURL * a), (a))                                           \
	X(void, curl_easy_reset, (CURL * a), (a))                                                 \
	X(const char *, curl_easy_strerror, (CURLcode a), (a))                                    \
	X(char *, curl_easy_unescape, (CURL * a, const char *b, int c, int *d), (a, b, c, d))     \
	X(void, curl_free, (void *a), (a))                                                        \
	X(time_t, curl_getdate, (const char *a, const time_t *b), (a, b))                         \
	X(CURLcode, curl_global_init, (long a), (a))                                              \
	X(CURLMcode, curl_multi_add_handle, (CURLM * a, CURL * b), (a, b))                        \
	X(CURLMcode, curl_multi_cleanup, (CURLM * a), (a))                                        \
	X(CURLMsg *, curl_multi_info_read, (CURLM * a, int *b), (a, b))                           \
	X(CURLM *, curl_multi_init, (void), ())                                                   \
	X(CURLMcode, curl_multi_perform, (CURLM * a, int *b), (a, b))                             \
	X(CURLMcode, curl_multi_poll,                                                             \
	  (CURLM * a, struct curl_waitfd * b, unsigned c, int d, int *e), (a, b, c, d, e))        \
	X(CURLMcode, curl_multi_remove_handle, (CURLM * a, CURL * b), (a, b))                     \
	X(CURLMcode, curl_multi_wakeup, (CURLM * a), (a))                                         \
	X(CURLSHcode, curl_share_cleanup, (CURLSH * a), (a))                                      \
	X(CURLSH *, curl_share_init, (void), ())                                                  \
	X(struct curl_slist *, curl_slist_append, (struct curl_slist * a, const char *b), (a, b)) \
	X(void, curl_slist_free_all, (struct curl_slist * a), (a))                                \
	X(CURLU *, curl_url, (void), ())                                                          \
	X(void, curl_url_cleanup, (CURLU * a), (a))                                               \
	X(CURLUcode, curl_url_get, (CURLU * a, CURLUPart b, char **c, unsigned d), (a, b, c, d))  \
	X(CURLUcode, curl_url_set, (CURLU * a, CURLUPart b, const char *c, unsigned d),           \
	  (a, b, c, d))                                                                           \
	X(curl_version_info_data *, curl_version_info, (CURLversion a), (a))
/* Of one more argument, which is as wide as a pointer whatever it is. */
#define LATE_OPTION(X)                                        \
	X(CURLcode, curl_easy_setopt, CURL *, CURLoption)     \
	X(CURLcode, curl_easy_getinfo, CURL *, CURLINFO)      \
	X(CURLMcode, curl_multi_setopt, CURLM *, CURLMoption) \
	X(CURLSHcode, curl_share_setopt, CURLSH *, CURLSHoption)

enum {
#define X(ret, name, ...) I_##name,
	LATE(X) LATE_OPTION(X)
#undef X
		CALLS
};

static const char *const names[CALLS] = {
#define X(ret, name, ...) #name,
	LATE(X) LATE_OPTION(X)
#undef X
};

static void *calls[CALLS];

static void load(void)
{
	void *lib = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);

	for (int i = 0; i < CALLS; i++) {
		calls[i] = lib ? dlsym(lib, names[i]) : NULL;
		if (calls[i])
			continue;
		(void)fprintf(stderr, "panic: treenail: libcurl cannot be loaded: %s\n", dlerror());
		_Exit(EXIT_FAILURE);
	}
}

static void *late(int i)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	(void)pthread_once(&once, load);
	return calls[i];
}

#define X(ret, name, params, args)                          \
	ret name params                                     \
	{                                                   \
		return ((ret(*) params)late(I_##name))args; \
	}
LATE(X)
#undef X

#define X(ret, name, handle, option)                                               \
	ret name(handle h, option o, ...)                                          \
	{                                                                          \
		va_list ap;                                                        \
                                                                                   \
		va_start(ap, o);                                                   \
		void *value = va_arg(ap, void *);                                  \
		va_end(ap);                                                        \
		return ((ret(*)(handle, option, ...))late(I_##name))(h, o, value); \
	}
LATE_OPTION(X)
#undef X

#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <unistd.h>

#include "http_wire.h"

enum {
	DEADLINE_MS = 60000,
	PAUSE_MS = 250,
	PAUSE_MAX_MS = 8000,
	REDIRECTS_MAX = 5,
	FEW_TRIES = 5, /* about 2 s */
};

/* What is known about a call that may take several attempts. */
struct call {
	const struct http_request *req;
	char *url;   /* where it is now */
	char *plain; /* where it began, for errors */
	int64_t deadline_ms, until_ms;
	unsigned tries; /* of this URL */
	unsigned redirects;
	bool foreign;
	bool ambiguous;
	char *last; /* what was wrong with the attempt before */
};

enum repeat { NEVER, FEW, LOST };

/* What libcurl's codes mean to people. The rest is in its own words, and never repeated. */
static const struct {
	CURLcode code;
	enum err_kind kind;
	enum repeat repeat;
	const char *text;
	const char *hint;
} meanings[] = {
	{ CURLE_COULDNT_RESOLVE_HOST, ERR_NETWORK, FEW, "could not resolve the host's name", NULL },
	{ CURLE_COULDNT_RESOLVE_PROXY, ERR_NETWORK, FEW, "could not resolve the proxy's name",
	  "see the variables https_proxy and no_proxy" },
	{ CURLE_COULDNT_CONNECT, ERR_NETWORK, FEW, "could not connect", NULL },
	{ CURLE_OPERATION_TIMEDOUT, ERR_NETWORK, LOST, "could not connect", NULL },
	{ CURLE_PROXY, ERR_NETWORK, FEW, "the proxy failed", NULL },
	{ CURLE_SSL_CONNECT_ERROR, ERR_NETWORK, FEW, "the TLS handshake failed",
	  "does the service speak https on this port?" },
	{ CURLE_PEER_FAILED_VERIFICATION, ERR_NETWORK, NEVER, "the certificate was refused", NULL },
	{ CURLE_SSL_CACERT_BADFILE, ERR_USAGE, NEVER, "the CA certificates cannot be used",
	  "see ca_cert" },
	{ CURLE_SSL_CERTPROBLEM, ERR_USAGE, NEVER, "the client certificate cannot be used",
	  "see client_cert and client_key" },
	{ CURLE_GOT_NOTHING, ERR_NETWORK, LOST, "the connection was closed before the answer",
	  NULL },
	{ CURLE_SEND_ERROR, ERR_NETWORK, LOST, "the connection was lost", NULL },
	{ CURLE_RECV_ERROR, ERR_NETWORK, LOST, "the connection was lost", NULL },
	{ CURLE_ABORTED_BY_CALLBACK, ERR_NETWORK, LOST,
	  "the connection was closed before the answer", NULL },
	{ CURLE_SEND_FAIL_REWIND, ERR_NETWORK, LOST, "the connection was lost", NULL },
	{ CURLE_PARTIAL_FILE, ERR_NETWORK, LOST, "the answer was cut", NULL },
	{ CURLE_HTTP2, ERR_NETWORK, LOST, "the connection was lost", NULL },
	{ CURLE_HTTP2_STREAM, ERR_NETWORK, LOST, "the answer was cut", NULL },
	{ CURLE_WEIRD_SERVER_REPLY, ERR_PROTOCOL, NEVER, "the answer is not HTTP", NULL },
	/* Headers of more than 100 KiB. */
	{ CURLE_OUT_OF_MEMORY, ERR_PROTOCOL, NEVER, "a header of the answer is over 16 KiB", NULL },
	{ CURLE_URL_MALFORMAT, ERR_USAGE, NEVER, "this is no URL", NULL },
};

static const char *const unknown_ca =
	"give the CA (ca_cert; in Terraform cacert_file, of Kubernetes cluster_ca_certificate) or, "
	"to go without, validate_certs: false (in Terraform insecure = true)";

static bool is(const struct http_request *req, const char *method)
{
	return strcmp(req->method, method) == 0;
}

/* The service looked at our certificate after the handshake (TLS 1.3): no use to repeat. */
static bool refused_us(const struct http_try *t)
{
	return strstr(t->error, "alert") && strstr(t->error, "SSL routines");
}

static struct err *explain_code(const struct http_try *t, enum repeat *repeat)
{
	const char *detail = t->error[0] ? t->error : curl_easy_strerror(t->code);
	const char *hint;
	size_t i;

	for (i = 0; i < COUNT(meanings) && meanings[i].code != t->code; i++)
		;
	*repeat = NEVER;
	if (i == COUNT(meanings))
		return err_new(ERR_NETWORK, "%s", detail);
	if (refused_us(t))
		return err_new(ERR_NETWORK,
			       "the service refused the TLS connection: %s; "
			       "see client_cert and client_key",
			       detail);
	*repeat = meanings[i].repeat;
	if (t->code == CURLE_COULDNT_CONNECT && t->os_error)
		detail = strerrordesc_np(t->os_error);
	hint = t->unverified ? unknown_ca : meanings[i].hint;
	return err_new(meanings[i].kind, "%s: %s%s%s%s%s%s", meanings[i].text, detail,
		       t->unverified && *t->refused ? " (" : "", t->unverified ? t->refused : "",
		       t->unverified && *t->refused ? ")" : "", hint ? "; " : "", hint ? hint : "");
}

static struct err *explain(const struct call *c, const struct http_try *t, enum repeat *repeat)
{
	const double s = (double)c->deadline_ms / 1000;

	*repeat = NEVER;
	if (t->fault)
		return err_new(t->our_fault ? ERR_USAGE : ERR_PROTOCOL, "%s", t->fault);
	if (t->expired && t->streamed)
		return err_new(ERR_TIMEOUT, "it did not end within %g s", s);
	if (t->expired)
		return err_new(ERR_TIMEOUT, "no %s within %g s", t->sent ? "answer" : "connection",
			       s);
	/* libcurl's word for a scheme that is not ours and for an answer without a status line. */
	if (t->code == CURLE_UNSUPPORTED_PROTOCOL)
		return t->sent ? err_new(ERR_PROTOCOL, "the answer is not HTTP")
			       : err_new(ERR_USAGE, "the URL is neither http nor https");
	return explain_code(t, repeat);
}

static bool may_repeat(const struct call *c, const struct http_try *t, enum repeat repeat)
{
	static const char *const methods[] = { "GET", "HEAD", "PUT", "DELETE", "PATCH" };
	size_t i;

	if (c->req->once || t->streamed || repeat == NEVER ||
	    (repeat == FEW && c->tries >= FEW_TRIES && !c->req->known))
		return false;
	if (!t->sent || c->req->twice)
		return true;
	for (i = 0; i < COUNT(methods); i++)
		if (is(c->req, methods[i]))
			return true;
	return false;
}

/* A gateway that does not know what became of the request. */
static bool is_lost(int status)
{
	return status == 502 || status == 504;
}

static bool wants_repeat(const struct call *c, const struct http_try *t)
{
	const int status = t->answer.status;

	if (status == 429 || status == 503)
		return !c->req->once && !(status == 429 && c->req->busy);
	return is_lost(status) && may_repeat(c, t, LOST);
}

/* Full jitter: many clients that failed together do not come back together. */
static int64_t pause_ms(const struct call *c, const struct http_answer *a)
{
	const unsigned doublings = c->tries < 6 ? c->tries - 1 : 5;
	const int64_t most = (int64_t)PAUSE_MS << doublings;
	const int64_t asked = http_retry_after_ms(a, time(NULL));
	uint32_t dice = 0;
	int64_t ms;

	(void)!getrandom(&dice, sizeof(dice), GRND_NONBLOCK);
	ms = (int64_t)dice % ((most < PAUSE_MAX_MS ? most : PAUSE_MAX_MS) + 1);
	/* Exactly what was asked would bring all back at once. */
	return asked ? asked + ms % PAUSE_MS : ms;
}

/* False if the deadline is nearer than the end of the pause. */
static bool pause_before_repeat(struct call *c, const struct http_answer *a)
{
	const int64_t ms = pause_ms(c, a);

	if (ms >= c->until_ms - clock_ms())
		return false;
	clock_sleep_ms(ms);
	return !clock_is_cut();
}

static void remember(struct call *c, char *last)
{
	free(c->last);
	c->last = last;
}

static struct err *finish_error(const struct call *c, struct err *e)
{
	AUTO_STR text = e->text;

	e->ambiguous = c->ambiguous;
	e->text = xasprintf("%s %s: %s", c->req->method, c->plain, text);
	if (c->tries > 1) {
		AUTO_STR whole = TAKE(e->text);

		e->text = xasprintf("%s (%u tries%s%s)", whole, c->tries,
				    c->last ? "; before: " : "", c->last ? c->last : "");
	}
	return e;
}

static struct err *follow(struct call *c, struct http_try *t)
{
	if (++c->redirects > REDIRECTS_MAX)
		return err_new(ERR_PROTOCOL, "more than %d redirects", REDIRECTS_MAX);
	if (strncasecmp(c->url, "https:", 6) == 0 && strncasecmp(t->location, "https:", 6) != 0)
		return err_new(ERR_PROTOCOL, "a redirect from https to something else was refused");
	c->foreign |= !http_same_origin(c->url, t->location);
	free(c->url);
	c->url = TAKE(t->location);
	c->tries = 0;
	remember(c, NULL);
	return NULL;
}

static bool is_redirect(const struct call *c, const struct http_try *t)
{
	return t->location && is(c->req, "GET") && !c->req->body && c->req->upload_size <= 0;
}

/* After an attempt: *over if the call is, with its error or the answer left in t. */
static struct err *settle(struct call *c, struct http_try *t, bool *over)
{
	enum repeat repeat;
	struct err *e;

	*over = false;
	if (t->ok) {
		if (is_redirect(c, t)) {
			e = follow(c, t);
			return e ? finish_error(c, e) : NULL;
		}
		if (!wants_repeat(c, t) || !pause_before_repeat(c, &t->answer)) {
			*over = true;
			return NULL;
		}
		c->ambiguous |= is_lost(t->answer.status);
		remember(c, xasprintf("status %d", t->answer.status));
		return NULL;
	}
	c->ambiguous |= t->sent;
	e = explain(c, t, &repeat);
	if (!may_repeat(c, t, repeat) || !pause_before_repeat(c, &t->answer))
		return finish_error(c, e);
	remember(c, TAKE(e->text));
	err_free(e);
	return NULL;
}

static struct err *check(const struct http_request *req)
{
	size_t i;

	if (req->upload_size > 0 && !req->body && lseek(req->upload_fd, 0, SEEK_CUR) < 0)
		return err_new(ERR_USAGE, "what is uploaded has to be a file");
	/* A name with a line break in it must not become a header of its own. */
	if (req->secret_header && strpbrk(req->secret_header, "\r\n"))
		return err_new(ERR_USAGE, "a header holds a line break");
	for (i = 0; req->headers && req->headers[i]; i++)
		if (strpbrk(req->headers[i], "\r\n"))
			return err_new(ERR_USAGE, "a header holds a line break");
	return NULL;
}

static struct err *call(struct http *h, struct call *c, struct http_answer *ret)
{
	struct err *e = check(c->req);
	bool over = false;

	if (e)
		return finish_error(c, e);
	while (!e && !over) {
		struct http_try t = {
			.req = c->req,
			.url = c->url,
			.foreign = c->foreign,
			.until_ms = c->until_ms,
		};

		c->tries++;
		http_try_run(h, &t);
		e = settle(c, &t, &over);
		if (over) {
			*ret = t.answer;
			ret->ambiguous = c->ambiguous;
			t.answer = (struct http_answer){ 0 };
		}
		http_try_release(&t);
	}
	return e;
}

struct err *http_call(struct http *h, const struct http_request *req, struct http_answer *ret)
{
	struct call c = { .req = req };
	struct err *e;

	c.deadline_ms = req->deadline_ms > 0 ? req->deadline_ms : DEADLINE_MS;
	c.until_ms = clock_ms() + c.deadline_ms;
	c.url = xstrdup(req->url);
	c.plain = http_url_plain(req->url);
	e = call(h, &c, ret);
	free(c.url);
	free(c.plain);
	free(c.last);
	return e;
}

static struct err *connect_call(struct http *h, struct call *c, CURL **ret)
{
	struct err *e = NULL;
	bool over = false;

	while (!e && !over) {
		struct http_try t = { .req = c->req, .url = c->url, .until_ms = c->until_ms };

		c->tries++;
		*ret = http_try_connect(h, &t);
		e = settle(c, &t, &over);
		http_try_release(&t);
	}
	return e;
}

struct err *http_connect(struct http *h, const char *url, int64_t deadline_ms, CURL **ret)
{
	const struct http_request req = { .method = "GET", .url = url };
	struct call c = { .req = &req, .deadline_ms = deadline_ms };
	struct err *e;

	c.until_ms = clock_ms() + deadline_ms;
	c.url = xstrdup(url);
	c.plain = http_url_plain(url);
	e = connect_call(h, &c, ret);
	free(c.url);
	free(c.plain);
	free(c.last);
	return e;
}

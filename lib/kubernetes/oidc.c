#include <string.h>
#include <time.h>

#include "http.h"
#include "http_wire.h"
#include "json.h"
#include "kubernetes/credentials.h"
#include "session/config.h"
#include "session/fault.h"
#include "text.h"

/* A token from an identity provider that a refresh token is good for (OpenID Connect Discovery, RFC 6749, 6). */
enum { ASK_MS = 30000, OK = 200 };

static const char *setting(const struct kubeconfig *k, const char *key)
{
	const char *s = json_str(k->oidc, key);

	return s && *s ? s : NULL;
}

int64_t jwt_until_s(const char *token)
{
	const char *claims = strchr(token, '.');
	const char *end = claims ? strchr(claims + 1, '.') : NULL;
	AUTO_JSON o = NULL;
	AUTO_BUF b = BUF_INIT;

	if (!end || !base64_text(claims + 1, (size_t)(end - claims - 1), &b))
		return 0;
	err_free(json_parse(b.s, b.len, &o));
	buf_wipe(&b);
	return json_int(o, "exp", 0);
}

static struct err *fetch(struct http *http, const char *url, const char *body,
			 struct json_object **ret)
{
	static const char *const headers[] = { "Accept: application/json",
					       "Content-Type: application/x-www-form-urlencoded",
					       NULL };
	struct http_answer a = { 0 };
	struct err *e = http_call(http,
				  &(struct http_request){
					  .method = body ? "POST" : "GET",
					  .url = url,
					  .headers = headers,
					  .body = body,
					  .body_len = body ? strlen(body) : 0,
					  .secret_body = true,
					  .deadline_ms = ASK_MS,
				  },
				  &a);

	if (e)
		return e;
	if (a.status != OK) {
		AUTO_STR said = fault_text(&a);
		AUTO_STR plain = http_url_plain(url);

		e = err_new(ERR_AUTH, "%s: %d %s", plain, a.status, said);
	} else {
		e = err_wrap(json_parse(a.body, a.len, ret), "%s", url);
	}
	explicit_bzero(a.body, a.len);
	http_answer_release(&a);
	return e;
}

static void pair(struct buf *b, const char *name, const char *value)
{
	if (!value)
		return;
	buf_addf(b, "%s%s=", b->len ? "&" : "", name);
	buf_addurl(b, value);
}

static struct err *token_take(const struct kubeconfig *k, struct json_object *o,
			      struct granted *ret)
{
	const char *token = json_str(o, "id_token");

	if (!token)
		return err_new(ERR_AUTH, "%s answers without an id_token",
			       setting(k, "idp-issuer-url"));
	ret->token = xstrdup(token);
	ret->refresh = xstrdup(json_str(o, "refresh_token"));
	ret->until_s = jwt_until_s(token);
	return NULL;
}

static struct err *ask(const struct kubeconfig *k, struct http *http, const char *refresh,
		       struct granted *ret)
{
	const char *issuer = setting(k, "idp-issuer-url");
	const size_t len = strlen(issuer);
	AUTO_STR url = xasprintf("%.*s/.well-known/openid-configuration",
				 (int)(issuer[len - 1] == '/' ? len - 1 : len), issuer);
	AUTO_JSON about = NULL;
	AUTO_JSON answer = NULL;
	AUTO_BUF body = BUF_INIT;
	struct err *e = fetch(http, url, NULL, &about);
	const char *where = json_str(about, "token_endpoint");

	if (!e && !where)
		e = err_new(ERR_PROTOCOL, "%s names no token_endpoint", url);
	if (!e && where && strncmp(issuer, "https:", 6) == 0 && strncmp(where, "https:", 6) != 0)
		e = err_new(ERR_PROTOCOL, "%s: its token_endpoint is not https", url);
	if (e)
		return e;
	pair(&body, "grant_type", "refresh_token");
	pair(&body, "refresh_token", refresh);
	pair(&body, "client_id", setting(k, "client-id"));
	pair(&body, "client_secret", setting(k, "client-secret"));
	e = fetch(http, where, body.s, &answer);
	buf_wipe(&body);
	if (!e)
		e = token_take(k, answer, ret);
	json_wipe(answer);
	return e;
}

static struct err *ca_of(const struct kubeconfig *k, char **ret)
{
	const char *data = setting(k, "idp-certificate-authority-data");
	const char *path = setting(k, "idp-certificate-authority");
	AUTO_BUF b = BUF_INIT;

	if (data && !base64_text(data, strlen(data), &b))
		return err_new(ERR_USAGE, "idp-certificate-authority-data: this is no base64");
	if (data)
		return err_wrap(pem_path(b.s, ret), "idp-certificate-authority-data");
	*ret = path && *path != '/' ? xasprintf("%s/%s", k->folder, path) : xstrdup(path);
	return NULL;
}

struct err *oidc_refresh(const struct kubeconfig *k, const char *refresh, struct granted *ret)
{
	struct http *http = NULL;
	AUTO_STR ca = NULL;
	struct granted got = { 0 };
	struct err *e;

	if (!setting(k, "idp-issuer-url") || !setting(k, "client-id"))
		return err_new(ERR_USAGE, "auth-provider: it needs idp-issuer-url and client-id");
	e = ca_of(k, &ca);
	if (!e)
		e = http_new(&(struct http_options){ .cacert = ca }, &http);
	if (!e)
		e = ask(k, http, refresh, &got);
	http_free(http);
	if (e)
		granted_release(&got);
	else
		*ret = got;
	return err_wrap(e, "auth-provider");
}

#include <stdarg.h>

#include "err.h"
#include "mem.h"

struct err *err_new(enum err_kind kind, const char *fmt, ...)
{
	struct err *e = xcalloc(1, sizeof(*e));
	va_list ap;

	e->kind = kind;
	va_start(ap, fmt);
	e->text = xvasprintf(fmt, ap);
	va_end(ap);
	return e;
}

struct err *err_wrap(struct err *e, const char *fmt, ...)
{
	va_list ap;

	if (!e)
		return NULL;
	AUTO_STR inner = e->text;
	va_start(ap, fmt);
	AUTO_STR outer = xvasprintf(fmt, ap);
	va_end(ap);
	e->text = xasprintf("%s: %s", outer, inner);
	return e;
}

struct err *err_at(struct err *e, const char *attr)
{
	if (e && !e->at)
		e->at = xstrdup(attr);
	return e;
}

void err_free(struct err *e)
{
	if (!e)
		return;
	free(e->at);
	free(e->text);
	free(e);
}

const char *err_kind_name(enum err_kind kind)
{
	switch (kind) {
#define X(id, name, doc) \
	case id: return name;
		ERR_KINDS(X)
#undef X
	}
	return "unknown";
}

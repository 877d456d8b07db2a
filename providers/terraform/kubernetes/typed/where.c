#include <stdlib.h>
#include <string.h>

#include "rows.h"

/* Where the path begins that the server's message is about; NULL: it names none. */
static const char *path_in(const char *message)
{
	/* 'Service "a" is invalid: [spec.ports[0].port: Invalid ...'; '...): .spec.ports: duplicate ...' */
	static const char invalid[] = " is invalid: ", typed[] = "): .";
	const char *p = strstr(message, invalid);

	if (p) {
		p += strlen(invalid);
		return p + (*p == '[');
	}
	p = strstr(message, typed);
	return p ? p + strlen(typed) : NULL;
}

static const struct tf_attr *row_called(const struct tf_attr *rows, const char *name, size_t len)
{
	char space[API_NAME_BYTES];

	for (; rows->name; rows++) {
		const char *api = row_api(rows, space);

		if (len && strlen(api) == len && strncmp(api, name, len) == 0)
			return rows;
	}
	return NULL;
}

char *typed_at(const struct typed_kind *k, const char *message)
{
	const struct tf_attr *rows = k->tf.attrs;
	const char *p = path_in(message);
	AUTO_BUF path = BUF_INIT;

	while (p && rows) {
		const size_t len = strcspn(p, ".[: ");
		const struct tf_attr *row = row_called(rows, p, len);
		unsigned long i = 0;

		p += len;
		const bool one_of_many = *p == '[';
		if (one_of_many) {
			i = strtoul(p + 1, NULL, 10);
			p += strcspn(p, "]");
			p += *p == ']';
		}
		p += *p == '.';
		if (!row || (row->flags & TF_BLOCK && !(row->flags & TF_UNIQUE) && !one_of_many))
			break;
		buf_addf(&path, "%s%s", path.len ? "." : "", row->name);
		rows = row->flags & TF_BLOCK ? row->sub : NULL;
		if (rows)
			buf_addf(&path, "[%lu]", row->flags & TF_UNIQUE ? 0 : i);
	}
	return path.len ? buf_take(&path) : NULL;
}

/* Which nodes of many may be worked on now. Nothing here asks anybody. */
#include "kubernetes/waves.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"

enum { MOST = 100000, TOLD = 10 };

struct err *waves_limit(const char *text, size_t n, size_t *ret)
{
	char none[] = "", *end = none;
	const unsigned long given = text ? strtoul(text, &end, 10) : 1;
	const bool share = strcmp(end, "%") == 0;

	if (text && (*text < '0' || *text > '9' || (*end && !share) || !given ||
		     given > (share ? 100 : MOST)))
		return err_new(ERR_USAGE,
			       "'%s' is neither a number from 1 nor a share as 25%%, up to 100%%",
			       text);
	*ret = share ? n * given / 100 : given;
	if (!*ret)
		*ret = 1;
	return NULL;
}

static bool is_out(const struct wave_node *n)
{
	return n->state == WAVE_BUSY || !n->ready;
}

static size_t count(const struct wave_node *nodes, size_t n, enum wave_state state)
{
	size_t found = 0;

	for (size_t i = 0; i < n; i++)
		found += nodes[i].state == state;
	return found;
}

size_t waves_next(const struct wave_node *nodes, size_t n, size_t limit, size_t *ret)
{
	size_t out = 0, found = 0;

	if (count(nodes, n, WAVE_FAILED))
		return 0;
	for (size_t i = 0; i < n; i++)
		out += is_out(&nodes[i]);
	/* Those that are out already make no more of it. */
	for (size_t i = 0; i < n && count(nodes, n, WAVE_BUSY) + found < limit; i++)
		if (nodes[i].state == WAVE_TODO && !nodes[i].ready)
			ret[found++] = i;
	for (size_t i = 0; i < n && out < limit; i++)
		if (nodes[i].state == WAVE_TODO && nodes[i].ready) {
			ret[found++] = i;
			out++;
		}
	return found;
}

static char *names(const struct wave_node *nodes, size_t n,
		   bool (*meant)(const struct wave_node *node))
{
	AUTO_BUF b = BUF_INIT;
	size_t told = 0, all = 0;

	for (size_t i = 0; i < n; i++) {
		if (!meant(&nodes[i]))
			continue;
		all++;
		if (told < TOLD)
			buf_addf(&b, "%s%s", told++ ? ", " : "", nodes[i].name);
	}
	if (all > told)
		buf_addf(&b, " and %zu more", all - told);
	return buf_take(&b);
}

static bool has_failed(const struct wave_node *node)
{
	return node->state == WAVE_FAILED;
}

static bool is_down(const struct wave_node *node)
{
	return !node->ready && node->state != WAVE_BUSY;
}

struct err *waves_state(const struct wave_node *nodes, size_t n, size_t limit, bool *ret_done)
{
	const size_t failed = count(nodes, n, WAVE_FAILED), todo = count(nodes, n, WAVE_TODO);
	size_t *next = xcalloc(n + 1, sizeof(*next));
	const size_t may = waves_next(nodes, n, limit, next);

	free(next);
	*ret_done = count(nodes, n, WAVE_DONE) == n;
	if (*ret_done || may || count(nodes, n, WAVE_BUSY))
		return NULL;
	AUTO_STR who = names(nodes, n, failed ? has_failed : is_down);
	if (failed)
		return err_new(ERR_CONFLICT, "%zu of %zu nodes failed (%s); %zu were not begun",
			       failed, n, who, todo);
	return err_new(ERR_CONFLICT,
		       "no more than %zu may be out of service, and these are not ready: %s; %zu "
		       "nodes were not begun",
		       limit, who, todo);
}

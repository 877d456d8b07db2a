/* ssh_config that somebody else wrote: read or refused, with a text, and what comes out can be relied on. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ssh/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *variable(const char *name)
{
	return name[0] == 'A' ? "value" : NULL;
}

static struct ssh_document doc;

/* Every Include means the file itself, from its second half on: deep, but not for ever. */
static struct err *second_half(void *arg, const char *path, void *to,
			       struct err *(*add)(void *to, const char *name, const char *text,
						  size_t len))
{
	const size_t half = doc.len / 2;

	(void)arg;
	return *path == '/' ? add(to, path, doc.text + half, doc.len - half) : NULL;
}

static void check_paths(char *const *list)
{
	for (; *list; list++)
		if (!**list)
			abort();
}

static void check_host(const struct ssh_host *h)
{
	if (!*h->host_name || !*h->user || h->port < 1 || h->port > 65535 || h->njumps > 16)
		abort();
	check_paths(h->identities);
	check_paths(h->certificates);
	check_paths(h->user_known_hosts);
	check_paths(h->global_known_hosts);
	for (size_t i = 0; i < h->njumps; i++)
		if (!*h->jumps[i].host || h->jumps[i].port < 0 || h->jumps[i].port > 65535)
			abort();
	free(ssh_algorithms(h->host_key_algorithms, "a,b", "a,b,ssh-rsa"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct ssh_self self = { "ann", "/home/ann", 1001, "desk.example.com", variable };
	const struct ssh_includer includer = { second_half, NULL };
	static const char *const aliases[] = { "web", "10.0.0.1" };
	struct ssh_config *c = NULL;
	struct err *e;

	if (size > 16 << 10)
		return 0;
	doc = (struct ssh_document){ "config", (const char *)data, size, false };
	e = ssh_config_parse(&doc, 1, &includer, &self, &c);
	if (e && (c || !*e->text || e->kind != ERR_USAGE))
		abort();
	err_free(e);
	for (size_t i = 0; c && i < 2; i++) {
		struct ssh_way w = { 0 };

		e = ssh_config_way(c, aliases[i], NULL, 0, &w);
		if (!e != !!w.n || (e && (!*e->text || e->kind != ERR_USAGE)))
			abort();
		for (size_t n = 0; n < w.n; n++)
			check_host(w.hosts[n]);
		err_free(e);
		ssh_way_release(&w);
	}
	ssh_config_free(c);
	return 0;
}

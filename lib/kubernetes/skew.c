/*
 * Versions and what the version skew policy (kubernetes.io/releases/version-skew-policy, of 1.35) and kubeadm
 * (upgrade/policy.go, 1.33) say of them. Nothing here asks anybody.
 */
#include <stdlib.h>
#include <string.h>

#include "kubernetes/preflight.h"
#include "mem.h"

enum { PARTS = 3, NUMBER_MOST = 9999, OLD_KUBELETS = 25, SUFFIX_MOST = 64 };

/* A number without leading zeros; NULL: it is none. */
static const char *number(const char *s, int *ret)
{
	char *end;
	unsigned long n;

	if (*s < '0' || *s > '9' || (*s == '0' && s[1] >= '0' && s[1] <= '9'))
		return NULL;
	n = strtoul(s, &end, 10);
	if (n > NUMBER_MOST)
		return NULL;
	*ret = (int)n;
	return end;
}

static bool is_suffix(const char *s)
{
	static const char chars[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.+-";

	return (*s == '-' || *s == '+') && s[1] && strspn(s, chars) == strlen(s) &&
	       strlen(s) <= SUFFIX_MOST;
}

bool kube_version_of(const char *text, struct kube_version *ret)
{
	int n[PARTS] = { 0 };
	const char *p = text ? text + (*text == 'v') : "";
	int i = 0;

	for (p = number(p, &n[i]); p && *p == '.' && i + 1 < PARTS; p = number(p + 1, &n[i]))
		i++;
	if (!p || !i || (*p && !is_suffix(p)))
		return false;
	*ret = (struct kube_version){ n[0], n[1], n[2], false };
	/* Others' suffixes (-gke.100, -eks-ab12) are behind a release, not before it. */
	ret->pre = strncmp(p, "-alpha", 6) == 0 || strncmp(p, "-beta", 5) == 0 ||
		   strncmp(p, "-rc", 3) == 0;
	return true;
}

int kube_version_compare(const struct kube_version *x, const struct kube_version *y)
{
	if (x->major != y->major)
		return x->major - y->major;
	if (x->minor != y->minor)
		return x->minor - y->minor;
	if (x->patch != y->patch)
		return x->patch - y->patch;
	return (int)y->pre - (int)x->pre;
}

static const struct part {
	const char *name;
	int older, newer; /* minor versions than the API server */
} parts[] = {
	{ "kubelet", 3, 0 },        { "kube-proxy", 3, 0 },
	{ "kube-apiserver", 1, 1 }, { "kube-controller-manager", 1, 0 },
	{ "kube-scheduler", 1, 0 }, { "kubectl", 1, 1 },
	{ "kubeadm", 0, 0 }, /* than what it is to set up */
};

static const struct part *part_of(const char *name)
{
	for (size_t i = 0; i < COUNT(parts); i++)
		if (strcmp(parts[i].name, name) == 0)
			return &parts[i];
	return NULL;
}

static char *too_old(const struct part *p, int older, const char *version, const char *server)
{
	if (!older)
		return xasprintf("%s %s cannot set up %s: it must be of the same minor version",
				 p->name, version, server);
	return xasprintf("%s %s is too old for an API server %s: at most %d minor version%s older",
			 p->name, version, server, older, older == 1 ? "" : "s");
}

static char *too_new(const struct part *p, const char *version, const char *server)
{
	if (!p->older)
		return xasprintf("%s %s cannot set up %s: it must be of the same minor version",
				 p->name, version, server);
	return xasprintf("%s %s is too new for an API server %s: %s", p->name, version, server,
			 p->newer ? "at most 1 minor version newer" : "it must not be newer");
}

char *kube_skew(const char *part, const char *version, const char *server)
{
	const struct part *p = part_of(part);
	struct kube_version have, with;
	int ahead, older;

	if (!p)
		return xasprintf("'%s' is no part of a cluster that the policy knows", part);
	if (!kube_version_of(version, &have) || !kube_version_of(server, &with))
		return xasprintf("%s: '%s' or '%s' is no version", part, version ? version : "",
				 server ? server : "");
	if (have.major != with.major)
		return xasprintf("%s %s and %s have not the same major version", part, version,
				 server);
	ahead = have.minor - with.minor;
	older = p->older == 3 && have.minor < OLD_KUBELETS ? 2 : p->older;
	if (ahead > p->newer)
		return too_new(p, version, server);
	if (-ahead > older)
		return too_old(p, older, version, server);
	/* kubeadm asks for force where it is a patch version behind. */
	if (!p->older && kube_version_compare(&have, &with) < 0)
		return xasprintf("kubeadm %s is older than %s, which it is to set up", version,
				 server);
	return NULL;
}

char *kube_step(const char *have, const char *target)
{
	struct kube_version from, to;

	if (!kube_version_of(have, &from) || !kube_version_of(target, &to))
		return xasprintf("'%s' or '%s' is no version", have ? have : "",
				 target ? target : "");
	if (kube_version_compare(&to, &from) < 0)
		return xasprintf("%s is older than %s, which runs: a cluster does not go back",
				 target, have);
	if (to.major != from.major || to.minor > from.minor + 1)
		return xasprintf("from %s to %s is more than one minor version: %d.%d comes next",
				 have, target, from.major, from.minor + 1);
	return NULL;
}

char *kube_image_version(const char *image)
{
	const char *at = strchr(image, '@');
	AUTO_STR name = xstrndup(image, at ? (size_t)(at - image) : strlen(image));
	const char *slash = strrchr(name, '/'), *colon = strrchr(slash ? slash : name, ':');

	return colon ? xstrdup(colon + 1) : NULL;
}

#include "kubernetes/compare.h"

#include <ctype.h>
#include <string.h>

#include "json.h"
#include "text.h"

bool group_builtin(const char *api_version)
{
	static const char groups[] =
		"apps batch autoscaling policy extensions admissionregistration.k8s.io apiextensions.k8s.io "
		"apiregistration.k8s.io authentication.k8s.io authorization.k8s.io certificates.k8s.io "
		"coordination.k8s.io discovery.k8s.io events.k8s.io flowcontrol.apiserver.k8s.io "
		"internal.apiserver.k8s.io networking.k8s.io node.k8s.io rbac.authorization.k8s.io "
		"resource.k8s.io scheduling.k8s.io storage.k8s.io storagemigration.k8s.io";
	const char *slash = api_version ? strchr(api_version, '/') : NULL;

	if (!slash)
		return api_version;
	AUTO_STR group = xstrndup(api_version, (size_t)(slash - api_version));
	return words_have(groups, group);
}

/*
 * Lists with patchStrategy merge, by the key they stand under and the one above that; from
 * /openapi/v2 of Kubernetes 1.33. Kinds share these names only where they mean the same.
 */
static const struct {
	const char *up, *names, *key;
} merge_keys[] = {
	{ "containers initContainers ephemeralContainers", "env", "name" },
	{ "containers initContainers ephemeralContainers", "ports", "containerPort" },
	{ "containers initContainers ephemeralContainers", "volumeMounts", "mountPath" },
	{ "containers initContainers ephemeralContainers", "volumeDevices", "devicePath" },
	{ "spec",
	  "containers initContainers ephemeralContainers volumes imagePullSecrets resourceClaims schedulingGates",
	  "name" },
	{ "spec", "hostAliases", "ip" },
	{ "spec", "topologySpreadConstraints", "topologyKey" },
	{ "spec", "ports", "port" },
	{ "spec", "drivers matchConditions variables", "name" },
	{ "spec", "podCIDRs", "" },
	{ "webhooks", "matchConditions", "name" },
	{ "metadata", "ownerReferences", "uid" },
	{ "metadata", "finalizers", "" },
	{ "status", "conditions addresses", "type" },
	{ "status", "podIPs hostIPs", "ip" },
	{ "status", "resourceClaimStatuses", "name" },
	{ NULL, "webhooks secrets", "name" },
};

const char *place_merge_key(const struct place *p)
{
	const char *up = p->up && p->up->up ? p->up->key : NULL;

	if (!p->builtin || !p->up)
		return NULL;
	for (size_t i = 0; i < COUNT(merge_keys); i++)
		if (words_have(merge_keys[i].names, p->key) &&
		    (up ? merge_keys[i].up && words_have(merge_keys[i].up, up) : !merge_keys[i].up))
			return merge_keys[i].key;
	return NULL;
}

/* ---- quantities ---- */

struct quantity {
	__int128 nano;
	char form; /* 'b': binary, 'd': decimal suffix, 'e': exponent */
};

static bool is_quantity(const struct place *p)
{
	static const char maps[] = "limits requests hard capacity allocatable overhead default "
				   "defaultRequest max min maxLimitRequestRatio used";
	static const char fields[] = "sizeLimit divisor averageValue";

	return p->builtin && p->up && (words_have(fields, p->key) || words_have(maps, p->up->key));
}

/* The power of two or ten of a suffix. */
static bool suffix_read(const char *s, struct quantity *q, int *two, int *ten)
{
	static const char binary[] = "KMGTPE", decimal[] = "num kMGTPE";
	const char *at;

	*two = *ten = 0;
	q->form = 'd';
	if (!*s)
		return true;
	if (s[1] == 'i' && !s[2]) {
		at = strchr(binary, *s);
		q->form = 'b';
		*two = at ? 10 * (int)(at - binary + 1) : 0;
		return at;
	}
	at = s[1] || *s == ' ' ? NULL : strchr(decimal, *s);
	*ten = at ? 3 * (int)(at - decimal - 3) : 0;
	return at;
}

/* Exactly, or not at all. */
static bool quantity_read(const char *s, struct quantity *ret)
{
	const bool negative = *s == '-';
	int digits = 0, behind = 0, two, ten;
	bool point = false;

	*ret = (struct quantity){ 0 };
	for (s += negative || *s == '+'; isdigit((unsigned char)*s) || (*s == '.' && !point); s++) {
		if (*s == '.') {
			point = true;
			continue;
		}
		behind += point;
		if (++digits > 18)
			return false;
		ret->nano = ret->nano * 10 + (*s - '0');
	}
	if (!digits || !suffix_read(s, ret, &two, &ten))
		return false;
	ten += 9 - behind;
	for (; ten < 0; ten++) {
		if (ret->nano % 10)
			return false;
		ret->nano /= 10;
	}
	for (; ten > 0 || two > 0; ten > 0 ? ten-- : two--)
		if (__builtin_mul_overflow(ret->nano, ten > 0 ? 10 : 2, &ret->nano))
			return false;
	if (negative)
		ret->nano = -ret->nano;
	return true;
}

static bool quantity_same(struct json_object *x, struct json_object *y)
{
	AUTO_STR a = json_text(x);
	AUTO_STR b = json_text(y);
	struct quantity p, q;

	/* What the server makes canonical it keeps in its form: "1Gi" does not become "1073741824". */
	return quantity_read(a, &p) && quantity_read(b, &q) && p.nano == q.nano &&
	       (p.form == q.form || p.nano == 0);
}

static bool scalar(struct json_object *v)
{
	return v && !json_object_is_type(v, json_type_object) &&
	       !json_object_is_type(v, json_type_array);
}

bool value_same(struct json_object *have, struct json_object *want, const struct place *p)
{
	if (json_object_equal(have, want))
		return true;
	return scalar(have) && scalar(want) && is_quantity(p) && quantity_same(have, want);
}

bool value_default(const char *key, struct json_object *v, const struct place *p)
{
	static const struct {
		const char *key, *value, *up; /* up NULL: anywhere */
	} defaults[] = {
		{ "protocol", "TCP", NULL },
		{ "apiVersion", "v1", "fieldRef" },
		{ "divisor", "0", "resourceFieldRef" },
		{ "apiVersion", "v1", "volumeClaimTemplates" },
		{ "kind", "PersistentVolumeClaim", "volumeClaimTemplates" },
		{ "status", "{\"phase\":\"Pending\"}", "volumeClaimTemplates" },
		{ "creationTimestamp", "null", "metadata" },
		{ "volumeMode", "Filesystem", "spec" },
	};
	AUTO_STR text = json_text(v);

	for (size_t i = 0; p->builtin && i < COUNT(defaults); i++)
		if (strcmp(defaults[i].key, key) == 0 && strcmp(text, defaults[i].value) == 0 &&
		    (!defaults[i].up || strcmp(defaults[i].up, p->key) == 0))
			return true;
	return false;
}

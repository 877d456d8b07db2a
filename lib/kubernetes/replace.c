/*
 * Whether a PUT would leave an object as it is. What is there and not wanted would go, unless the server puts
 * it there anew: only of what it surely does that is said here. Where there is a doubt, nothing is the same.
 */
#include <string.h>

#include "json.h"
#include "kubernetes/compare.h"
#include "kubernetes/objects.h"
#include "text.h"

/* What the server says for itself in built-in kinds (pkg/apis/.../defaults.go of Kubernetes 1.33). */
static const struct {
	const char *up,
		*above; /* under which keys; above "": these are of the object; NULL: anywhere */
	const char *keys;
	const char *
		value; /* NULL: has parts with defaults of their own; "*": the server keeps whatever it is */
} defaults[] = {
	{ "", NULL, "metadata", NULL },
	{ "", NULL, "type", "Opaque" },
	{ "", NULL, "spec", "{\"finalizers\":[\"kubernetes\"]}" },
	{ "", NULL, "reclaimPolicy", "Delete" },
	{ "", NULL, "volumeBindingMode", "Immediate" },
	{ "", NULL, "preemptionPolicy", "PreemptLowerPriority" },
	{ "metadata", "", "labels annotations", NULL },
	{ "template jobTemplate", NULL, "metadata", NULL },
	{ "metadata", NULL, "creationTimestamp", "null" },
	{ "labels", "metadata", "kubernetes.io/metadata.name", "*" },
	{ "annotations", "metadata", "deployment.kubernetes.io/revision", "*" },
	{ "annotations", "metadata", "deprecated.daemonset.template.generation", "*" },
	{ "spec", "", "replicas minReplicas failedJobsHistoryLimit", "1" },
	{ "spec", "", "successfulJobsHistoryLimit", "3" },
	{ "spec", "", "progressDeadlineSeconds", "600" },
	{ "spec", "", "revisionHistoryLimit", "10" },
	{ "spec", "", "podManagementPolicy", "OrderedReady" },
	{ "spec", "", "concurrencyPolicy", "Allow" },
	{ "spec", "", "suspend", "false" },
	{ "spec", "", "strategy updateStrategy persistentVolumeClaimRetentionPolicy", NULL },
	{ "strategy updateStrategy", "spec", "type", "RollingUpdate" },
	{ "strategy updateStrategy", "spec", "rollingUpdate", NULL },
	{ "rollingUpdate", "strategy", "maxSurge maxUnavailable", "25%" },
	{ "rollingUpdate", "updateStrategy", "maxSurge partition", "0" },
	{ "rollingUpdate", "updateStrategy", "maxUnavailable", "1" },
	{ "persistentVolumeClaimRetentionPolicy", "spec", "whenDeleted whenScaled", "Retain" },
	{ "spec", "", "type", "ClusterIP" },
	{ "spec", "", "sessionAffinity", "None" },
	{ "spec", "", "internalTrafficPolicy", "Cluster" },
	{ "spec", "", "ipFamilyPolicy", "SingleStack" },
	{ "spec", "", "externalTrafficPolicy", "Cluster" },
	{ "spec", "", "allocateLoadBalancerNodePorts", "true" },
	{ "spec", "", "clusterIP clusterIPs ipFamilies", "*" },
	{ "ports", "spec", "nodePort", "*" },
	{ "subjects", "", "apiGroup", "rbac.authorization.k8s.io" },
	{ "spec", "template", "dnsPolicy", "ClusterFirst" },
	{ "spec", "template", "restartPolicy", "Always" },
	{ "spec", "template", "schedulerName", "default-scheduler" },
	{ "spec", "template", "terminationGracePeriodSeconds", "30" },
	{ "spec", "template", "securityContext", "{}" },
	{ "containers initContainers", "spec", "terminationMessagePath", "/dev/termination-log" },
	{ "containers initContainers", "spec", "terminationMessagePolicy", "File" },
	{ "containers initContainers", "spec", "resources", "{}" },
	{ "ports", NULL, "protocol", "TCP" },
	{ "livenessProbe readinessProbe startupProbe", NULL, "timeoutSeconds successThreshold",
	  "1" },
	{ "livenessProbe readinessProbe startupProbe", NULL, "periodSeconds", "10" },
	{ "livenessProbe readinessProbe startupProbe", NULL, "failureThreshold", "3" },
	{ "httpGet", NULL, "scheme", "HTTP" },
	{ "httpGet", NULL, "path", "/" },
	{ "fieldRef", NULL, "apiVersion", "v1" },
	{ "resourceFieldRef", NULL, "divisor", "0" },
	{ "configMap secret projected downwardAPI", "volumes", "defaultMode", "420" },
	{ "hostPath", "volumes", "type", "" },
	{ "serviceAccountToken", "sources", "expirationSeconds", "3600" },
	{ "volumeClaimTemplates", "spec", "apiVersion", "v1" },
	{ "volumeClaimTemplates", "spec", "kind", "PersistentVolumeClaim" },
	{ "volumeClaimTemplates", "spec", "status", "{\"phase\":\"Pending\"}" },
	{ "spec", "volumeClaimTemplates", "volumeMode", "Filesystem" },
};

static bool same(struct json_object *want, struct json_object *have, const struct place *at);

/* By the tag of the image: none is "latest", unless there is a digest. Both: in doubt. */
static bool is_pull_policy(struct json_object *siblings, const char *value)
{
	const char *image = json_str(siblings, "image");
	const char *last = image && strrchr(image, '/') ? strrchr(image, '/') : image;
	const char *tag = last ? strchr(last, ':') : NULL;
	const char *digest = last ? strchr(last, '@') : NULL;
	const bool latest = !digest && (!tag || strcmp(tag, ":latest") == 0);

	if (!image || (digest && tag && tag < digest))
		return false;
	return strcmp(value, latest ? "Always" : "IfNotPresent") == 0;
}

/* Of a LimitRange. Where both ends are given the server mixes them: in doubt unless it is told. */
static struct json_object *default_request(struct json_object *limit)
{
	struct json_object *most = json_at(limit, "default");

	if (!most)
		most = json_at(limit, "max");
	return most ? most : json_at(limit, "min");
}

/* What is told by another field of the same map. */
static bool follows(const char *key, const char *value, struct json_object *siblings,
		    const struct place *at)
{
	struct json_object *twin = NULL;

	if (strcmp(key, "imagePullPolicy") == 0)
		return is_pull_policy(siblings, value);
	if (strcmp(key, "policyTypes") == 0)
		return strcmp(value, json_len(json_at(siblings, "egress"))
					     ? "[\"Ingress\",\"Egress\"]"
					     : "[\"Ingress\"]") == 0;
	if (strcmp(key, "serviceAccount") == 0 && strcmp(at->key, "spec") == 0)
		twin = json_at(siblings, "serviceAccountName");
	else if (strcmp(key, "targetPort") == 0 && strcmp(at->key, "ports") == 0)
		twin = json_at(siblings, "port");
	else if (strcmp(key, "default") == 0 && strcmp(at->key, "limits") == 0)
		twin = json_at(siblings, "max");
	else if (strcmp(key, "defaultRequest") == 0 && strcmp(at->key, "limits") == 0)
		twin = default_request(siblings);
	AUTO_STR text = twin ? json_text(twin) : NULL;
	return text && strcmp(text, value) == 0;
}

/* Whether the server makes `key` what it is (`have`) of a map `siblings` without it. */
static bool made_anew(const char *key, struct json_object *have, struct json_object *siblings,
		      const struct place *at)
{
	const char *above = at->up ? at->up->key : NULL;
	AUTO_STR value = json_text(have);

	if (!at->builtin)
		return false;
	for (size_t i = 0; i < COUNT(defaults); i++) {
		if (!words_have(defaults[i].keys, key) ||
		    (*defaults[i].up ? !words_have(defaults[i].up, at->key) : *at->key) ||
		    (defaults[i].above && (!above || strcmp(defaults[i].above, above) != 0)))
			continue;
		if (!defaults[i].value) {
			const struct place below = { at, key, at->builtin };
			AUTO_JSON nothing = json_object_new_object();

			return same(nothing, have, &below);
		}
		if (strcmp(defaults[i].value, "*") == 0 || strcmp(defaults[i].value, value) == 0)
			return true;
	}
	return follows(key, value, siblings, at);
}

/* Go leaves empty lists and maps of text out. */
static bool is_nothing(const char *key, struct json_object *v)
{
	if (json_object_is_type(v, json_type_object))
		return json_object_object_length(v) == 0 &&
		       words_have("labels annotations data binaryData", key);
	return !v || (json_object_is_type(v, json_type_array) && json_len(v) == 0);
}

static bool map_same(struct json_object *want, struct json_object *have, const struct place *at)
{
	json_object_object_foreach(want, key, v) {
		const struct place below = { at, key, at->builtin };

		if (json_has(have, key) ? !same(v, json_object_object_get(have, key), &below)
					: !(at->builtin && is_nothing(key, v)))
			return false;
	}
	json_object_object_foreach(have, other, there)
		if (!json_has(want, other) && !made_anew(other, there, want, at))
			return false;
	return true;
}

static bool same(struct json_object *want, struct json_object *have, const struct place *at)
{
	if (value_same(have, want, at))
		return true;
	if (json_object_is_type(want, json_type_object))
		return json_object_is_type(have, json_type_object) && map_same(want, have, at);
	if (!json_object_is_type(want, json_type_array) ||
	    !json_object_is_type(have, json_type_array) || json_len(want) != json_len(have))
		return false;
	for (size_t i = 0; i < json_len(want); i++)
		if (!same(json_nth(want, i), json_nth(have, i), at))
			return false;
	return true;
}

bool replaced_same(struct json_object *have, struct json_object *want, const struct place *p)
{
	return same(want, have, p);
}

bool replace_same(struct json_object *have, struct json_object *want)
{
	const struct place top = { NULL, "", group_builtin(json_str(want, "apiVersion")) };

	return same(want, have, &top);
}

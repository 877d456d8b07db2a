/* Kubernetes objects as documents: parsing, hiding, digests; what is owned, what holds, what is to be patched. */
#include "kubernetes/objects.h"
#include "unit.h"

/* ---- documents ---- */

START_TEST(documents_are_flattened)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "", "[]" },
		{ "---\n---\nnull\n", "[]" },
		{ "a: 1\n---\n# nothing\n---\nb: 2\n", "[{'a':1},{'b':2}]" },
		{ " {\"a\": 1}\n", "[{'a':1}]" },
		{ "[{\"a\": 1}, null, {\"b\": 2}]", "[{'a':1},{'b':2}]" },
		{ "{a: 1}", "[{'a':1}]" },
		{ "kind: List\napiVersion: v1\nitems:\n- kind: Pod\n- kind: List\n  items: [{a: 1}]\n",
		  "[{'kind':'Pod'},{'a':1}]" },
		{ "kind: ConfigMapList\napiVersion: v1\nitems:\n- data: {a: b}\n",
		  "[{'data':{'a':'b'},'kind':'ConfigMap','apiVersion':'v1'}]" },
		{ "kind: AllowList\nspec: {}\n", "[{'kind':'AllowList','spec':{}}]" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO_JSON got = NULL;

		unit_ok(documents_parse(cases[i].text, strlen(cases[i].text), "f", &got));
		unit_same(got, cases[i].want);
	}
}
END_TEST

START_TEST(bad_documents_are_named)
{
	struct json_object *none = NULL;
	AUTO_BUF deep = BUF_INIT;

	unit_fails(documents_parse("a: 1\n---\nfoo\n", 13, "x.yml", &none), ERR_USAGE,
		   "x.yml: document 2 is a string");
	unit_fails(documents_parse("a:\n\tb: 1\n", 9, "x.yml", &none), ERR_USAGE, "x.yml:2");
	unit_fails(documents_parse("metadata: {name: no}\n", 21, "x.yml", &none), ERR_USAGE,
		   "x.yml: document 1: metadata.name is false, a boolean, and no text");
	unit_fails(
		documents_parse("items: [{metadata: {namespace: 5}}]\nkind: List\napiVersion: v1\n",
				62, "x.yml", &none),
		ERR_USAGE, "metadata.namespace is 5");
	unit_fails(documents_parse("a: 1\na: 2\n", 10, "x.yml", &none), ERR_USAGE,
		   "'a' is given twice");
	for (int i = 0; i < 12; i++)
		buf_adds(&deep, "[");
	for (int i = 0; i < 12; i++)
		buf_adds(&deep, "]");
	unit_fails(documents_parse(deep.s, deep.len, "x.yml", &none), ERR_USAGE, "lists in lists");
	ck_assert_ptr_null(none);
}
END_TEST

START_TEST(titles)
{
	static const struct {
		const char *object, *want;
	} cases[] = {
		{ "{'kind':'Deployment','metadata':{'namespace':'a','name':'b'}}",
		  "Deployment a/b" },
		{ "{'kind':'Namespace','metadata':{'name':'b'},'data':{}}", "Namespace b" },
		{ "{'kind':'Pod','metadata':{'generateName':'b-'}}", "Pod b-*" },
		{ "{}", "object without a name" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO_JSON object = unit_json(cases[i].object);
		AUTO_STR got = document_title(object);

		ck_assert_str_eq(got, cases[i].want);
	}
}
END_TEST

START_TEST(fields_are_hidden)
{
	static const char object[] =
		"{'metadata':{'a.b/c':1,'x':{'y':2}},'l':[{'e':1,'f':2},{'e':3}],'n':5}";
	static const struct {
		const char *hidden, *want;
	} cases[] = {
		{ "['metadata']", "{'l':[{'e':1,'f':2},{'e':3}],'n':5}" },
		{ "['metadata.x.y','l','n']", "{'metadata':{'a.b/c':1,'x':{}}}" },
		{ "['metadata[a.b/c]','l','metadata.x','n']", "{'metadata':{}}" },
		{ "['metadata[\\'a.b/c\\'].d','l[0].e','metadata','n.x']",
		  "{'l':[{'f':2},{'e':3}],'n':5}" },
		{ "['l[*].e','metadata','n']", "{'l':[{'f':2},{}]}" },
		{ "['l.e','metadata','n']", "{'l':[{'f':2},{}]}" },
		{ "['l[1]','l[7]','metadata','n']", "{'l':[{'e':1,'f':2}]}" },
		{ "['l[*]','metadata','n']", "{'l':[]}" },
		{ "['none','l.none','l[0].none.z','','.','[','[\\'',5,null,'metadata','n']",
		  "{'l':[{'e':1,'f':2},{'e':3}]}" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO_JSON from = unit_json(object);
		AUTO_JSON hidden = unit_json(cases[i].hidden);
		AUTO_JSON got = document_without(from, hidden);

		unit_same(got, cases[i].want);
		unit_same(from, object);
	}
}
END_TEST

START_TEST(secrets_are_masked)
{
	AUTO_JSON before = unit_json(
		"{'apiVersion':'v1','kind':'Secret','metadata':{'name':'s','uid':'u','resourceVersion':'1','annotations':"
		"{'kubectl.kubernetes.io/last-applied-configuration':'geheim'}},'data':{'a':'1','b':'2','c':'3'}}");
	AUTO_JSON after = unit_json(
		"{'apiVersion':'v1','kind':'Secret','metadata':{'name':'s'},'data':{'a':'1','b':'9','d':'4'},'status':{}}");
	AUTO_JSON shown = document_shown(before, false);
	AUTO_JSON plain = document_shown(before, true);
	struct json_object *x = NULL, *y = NULL;

	unit_same(
		shown,
		"{'apiVersion':'v1','kind':'Secret','metadata':{'name':'s','annotations':"
		"{'kubectl.kubernetes.io/last-applied-configuration':'***'}},'data':{'a':'***','b':'***','c':'***'}}");
	ck_assert_str_eq(json_str(plain, "data.a"), "1");
	ck_assert(!json_at(plain, "metadata.uid"));
	document_shown_both(before, after, false, &x, &y);
	unit_same(json_at(x, "data"), "{'a':'***','b':'*** (before)','c':'***'}");
	unit_same(json_at(y, "data"), "{'a':'***','b':'*** (after)','d':'***'}");
	ck_assert(!json_has(y, "status"));
	json_object_put(x);
	json_object_put(y);
	document_shown_both(NULL, after, false, &x, &y);
	ck_assert_ptr_null(x);
	unit_same(json_at(y, "data"), "{'a':'***','b':'***','d':'***'}");
	json_object_put(y);
}
END_TEST

/* The names that kubectl 1.33 makes with `create configmap|secret generic NAME ... --append-hash`. */
START_TEST(digests_are_kubectls)
{
	static const struct {
		const char *object, *want;
	} cases[] = {
		{ "{'kind':'ConfigMap','apiVersion':'v1','metadata':{'name':'a'},'data':{'k':'v'}}",
		  "m959bm649k" },
		{ "{'kind':'Secret','apiVersion':'v1','metadata':{'name':'a'},'data':{'k':'dg=='}}",
		  "969f6bdb22" },
		{ "{'kind':'ConfigMap','apiVersion':'v1','metadata':{'name':'b'},'data':{}}",
		  "79dmd6276k" },
		{ "{'kind':'Secret','apiVersion':'v1','metadata':{'name':'b'},'data':{}}",
		  "hd9gmtbc52" },
		{ "{'kind':'ConfigMap','apiVersion':'v1','metadata':{'name':'c'},'data':{'k':'<\xc3\xa9&>'}}",
		  "tg6mhh7dmg" },
		{ "{'kind':'ConfigMap','apiVersion':'v1','metadata':{'name':'d'},'data':{'b':'2','a':'1'}}",
		  "fkff9h4f5m" },
		{ "{'kind':'Secret','apiVersion':'v1','metadata':{'name':'d'},'data':{'b':'Mg==','a':'MQ=='}}",
		  "tfbhcgkck2" },
		{ "{'kind':'ConfigMap','apiVersion':'v1','metadata':{'name':'e'},'data':{},'binaryData':{'bin':'//4='}}",
		  "4mg7h9gch6" },
		{ "{'kind':'ConfigMap','apiVersion':'v1','data':{}}", "42745tchd9" },
		{ "{'kind':'ConfigMap','apiVersion':'v1','metadata':{'name':'f'},'data':{'k':'\\b\\f\\u000b\\u001f\\t\\n\\r\\\\ \xe2\x80\xa8'}}",
		  "8hgg46btd4" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO_JSON object = unit_json(cases[i].object);
		AUTO_STR got = document_hash(object);

		ck_assert_str_eq(got, cases[i].want);
	}
}
END_TEST

/* ---- what is owned: trees as Kubernetes 1.33 wrote them ---- */

static const char deployment[] =
	"{'apiVersion':'apps/v1','kind':'Deployment','metadata':{'name':'d','namespace':'n','creationTimestamp':'2026-11-22T05:03:36Z',"
	" 'resourceVersion':'2411','labels':{'a':'b'},'annotations':{'deployment.kubernetes.io/revision':'1'},'managedFields':["
	" {'apiVersion':'apps/v1','fieldsType':'FieldsV1','manager':'treenail','operation':'Apply','fieldsV1':"
	"  {'f:metadata':{'f:labels':{'f:a':{}}},'f:spec':{'f:replicas':{},'f:selector':{},'f:template':{"
	"   'f:metadata':{'f:creationTimestamp':{},'f:labels':{'f:a':{}}},'f:spec':{'f:containers':{'k:{\\\"name\\\":\\\"x\\\"}':{'.':{},"
	"    'f:command':{},'f:env':{'k:{\\\"name\\\":\\\"A\\\"}':{'.':{},'f:name':{},'f:value':{}},'k:{\\\"name\\\":\\\"B\\\"}':{'.':{},'f:name':{},'f:value':{}}},"
	"    'f:image':{},'f:name':{},'f:ports':{'k:{\\\"containerPort\\\":80,\\\"protocol\\\":\\\"TCP\\\"}':{'.':{},'f:containerPort':{}},"
	"    'k:{\\\"containerPort\\\":80,\\\"protocol\\\":\\\"UDP\\\"}':{'.':{},'f:containerPort':{},'f:protocol':{}}},"
	"    'f:resources':{'f:limits':{'f:cpu':{}}}}},'f:securityContext':{},'f:tolerations':{}}}}}},"
	" {'apiVersion':'apps/v1','fieldsType':'FieldsV1','manager':'kube-controller-manager','operation':'Update','subresource':'status',"
	"  'fieldsV1':{'f:status':{'f:replicas':{}}}}]},"
	" 'spec':{'replicas':1,'progressDeadlineSeconds':600,'selector':{'matchLabels':{'a':'b'}},'template':{"
	"  'metadata':{'creationTimestamp':null,'labels':{'a':'b'}},'spec':{'containers':[{'command':['a','b'],"
	"   'env':[{'name':'A','value':'1'},{'name':'B'}],'image':'i','imagePullPolicy':'Always','name':'x',"
	"   'ports':[{'containerPort':80,'protocol':'TCP'},{'containerPort':80,'protocol':'UDP'}],'resources':{'limits':{'cpu':'1'}}}],"
	"   'dnsPolicy':'ClusterFirst','securityContext':{}}}},'status':{'replicas':1}}";

static const char deployment_want[] =
	"{'apiVersion':'apps/v1','kind':'Deployment','metadata':{'name':'d','namespace':'n','creationTimestamp':null,'labels':{'a':'b'}},"
	" 'spec':{'replicas':null,'selector':{'matchLabels':{'a':'b'}},'template':{'metadata':{'labels':{'a':'b'},'creationTimestamp':null},"
	"  'spec':{'securityContext':{},'tolerations':[],'containers':[{'name':'x','image':'i','command':['a','b'],"
	"   'env':[{'name':'A','value':'1'},{'name':'B','value':''}],'ports':[{'containerPort':80},{'containerPort':80,'protocol':'UDP'}],"
	"   'resources':{'limits':{'cpu':'1000m'}}}]}}}}";

/* Merge patches of what is wanted, and whether it is still what is there. */
static const struct {
	const char *patch;
	bool same;
} owned[] = {
	{ "{}", true },
	{ "{'metadata':{'name':'d','resourceVersion':'2411'}}", true },
	{ "{'spec':{'replicas':1}}", true },
	{ "{'spec':{'replicas':2}}", false },
	{ "{'apiVersion':'apps/v1beta1'}", false },
	{ "{'metadata':{'labels':null}}", false },
	{ "{'metadata':{'labels':{'a':'c'}}}", false },
	{ "{'metadata':{'labels':{'c':'d'}}}", false },
	{ "{'spec':{'progressDeadlineSeconds':600}}", false },
	{ "{'spec':{'selector':{'matchLabels':{'a':'c'}}}}", false },
	{ "{'spec':{'selector':{'matchLabels':{'a':'b','c':'d'}}}}", false },
	{ "{'spec':{'template':{'spec':{'tolerations':null}}}}", false },
	{ "{'spec':{'template':{'spec':{'tolerations':[{'key':'a'}]}}}}", false },
	{ "{'spec':{'template':{'spec':{'containers':[]}}}}", false },
	{ "{'spec':{'template':{'spec':{'containers':{}}}}}", false },
	{ "{'status':{'replicas':1}}", false },
};

static const char container_same[] =
	"{'name':'x','image':'i','command':['a','b'],'env':[{'name':'A','value':'1'},{'name':'B','value':''}],"
	"'ports':[{'containerPort':80,'protocol':'UDP'},{'containerPort':80}],'resources':{'limits':{'cpu':'1'}}}";

static const struct {
	const char *patch;
	bool same;
} containers[] = {
	{ "{'ports':[{'containerPort':80},{'containerPort':80,'protocol':'UDP'}]}", true },
	{ "{}", false }, /* ports the other way round */
	{ "{'ports':[{'containerPort':80,'protocol':'TCP'},{'containerPort':80,'protocol':'UDP'}]}",
	  false },
	{ "{'ports':[{'containerPort':80}]}", false },
	{ "{'ports':[{'containerPort':80},{'containerPort':80}]}", false },
	{ "{'ports':[{'containerPort':80},{'containerPort':81,'protocol':'UDP'}]}", false },
	{ "{'ports':[{'containerPort':80},{'containerPort':80,'protocol':'UDP'},{'containerPort':81}]}",
	  false },
};

START_TEST(what_is_owned_is_the_same)
{
	AUTO_JSON have = unit_json(deployment);
	AUTO_JSON base = unit_json(deployment_want);

	ck_assert(owned_same(have, base, "treenail"));
	ck_assert(!owned_same(have, base, "kubectl"));
	ck_assert(!owned_same(have, base, "kube-controller-manager"));
	for (size_t i = 0; i < COUNT(owned); i++) {
		AUTO_JSON patch = unit_json(owned[i].patch);
		/* RFC 7396 has no way to say null: the one that is wanted is put back. */
		AUTO_JSON want = merge_applied(base, patch);

		if (!json_at(patch, "spec.replicas"))
			json_set(json_at(want, "spec"), "replicas", NULL);
		json_set(json_at(want, "spec.template.metadata"), "creationTimestamp", NULL);
		ck_assert_msg(owned_same(have, want, "treenail") == owned[i].same, "%s",
			      owned[i].patch);
	}
}
END_TEST

START_TEST(items_are_told_apart_by_their_keys)
{
	AUTO_JSON have = unit_json(deployment);

	for (size_t i = 0; i < COUNT(containers); i++) {
		AUTO_JSON want = unit_json(deployment_want);
		AUTO_JSON base = unit_json(container_same);
		AUTO_JSON patch = unit_json(containers[i].patch);

		json_object_array_put_idx(json_at(want, "spec.template.spec.containers"), 0,
					  merge_applied(base, patch));
		ck_assert_msg(owned_same(have, want, "treenail") == containers[i].same, "%s",
			      containers[i].patch);
	}
}
END_TEST

/* {'spec': tree}, wanted spec, spec there */
static const struct {
	const char *version, *set, *want, *have;
	bool same;
} small[] = {
	{ "v1", "{'f:spec':{'f:finalizers':{'v:\\\"x\\\"':{},'v:\\\"y\\\"':{}}}}",
	  "{'finalizers':['x','y']}", "{'finalizers':['o','x','p','y']}", true },
	{ "v1", "{'f:spec':{'f:finalizers':{'v:\\\"x\\\"':{},'v:\\\"y\\\"':{}}}}",
	  "{'finalizers':['y','x']}", "{'finalizers':['x','y']}", false },
	{ "v1", "{'f:spec':{'f:finalizers':{'v:\\\"x\\\"':{},'v:\\\"y\\\"':{}}}}",
	  "{'finalizers':['x']}", "{'finalizers':['x','y']}", false },
	{ "v1", "{'f:spec':{'f:l':{'i:0':{}}}}", "{'l':['x']}", "{'l':['x']}", false },
	{ "v1", "{'f:spec':{'f:limits':{'f:memory':{}}}}", "{'limits':{'memory':'1024Mi'}}",
	  "{'limits':{'memory':'1Gi'}}", true },
	{ "v1", "{'f:spec':{'f:limits':{'f:memory':{}}}}", "{'limits':{'memory':1073741824}}",
	  "{'limits':{'memory':'1Gi'}}", false },
	{ "v1", "{'f:spec':{'f:limits':{'f:cpu':{}}}}", "{'limits':{'cpu':0.5}}",
	  "{'limits':{'cpu':'500m'}}", true },
	{ "v1", "{'f:spec':{'f:limits':{'f:cpu':{}}}}", "{'limits':{'cpu':'0.50'}}",
	  "{'limits':{'cpu':'501m'}}", false },
	{ "v1", "{'f:spec':{'f:limits':{'f:cpu':{}}}}", "{'limits':{'cpu':'1.k'}}",
	  "{'limits':{'cpu':'1k'}}", true },
	{ "v1", "{'f:spec':{'f:data':{'f:cpu':{}}}}", "{'data':{'cpu':'1000m'}}",
	  "{'data':{'cpu':'1'}}", false },
	{ "e.g/v1", "{'f:spec':{'f:limits':{'f:cpu':{}}}}", "{'limits':{'cpu':'1000m'}}",
	  "{'limits':{'cpu':'1'}}", false },
	{ "v1", "{'f:spec':{'f:fieldRef':{}}}", "{'fieldRef':{'fieldPath':'a'}}",
	  "{'fieldRef':{'fieldPath':'a','apiVersion':'v1'}}", true },
	{ "e.g/v1", "{'f:spec':{'f:fieldRef':{}}}", "{'fieldRef':{'fieldPath':'a'}}",
	  "{'fieldRef':{'fieldPath':'a','apiVersion':'v1'}}", false },
	{ "v1", "{'f:spec':{'f:ports':{}}}", "{'ports':[{'port':80}]}",
	  "{'ports':[{'port':80,'protocol':'TCP'}]}", true },
	{ "v1", "{'f:spec':{'f:ports':{}}}", "{'ports':[{'port':80}]}",
	  "{'ports':[{'port':80,'protocol':'UDP'}]}", false },
	{ "v1", "{'f:spec':{'f:strategy':{}}}", "{'strategy':{}}", "{'strategy':{'type':'X'}}",
	  false },
	{ "v1", "{'f:spec':{'f:a':{'f:b':{}}}}", "{'a':'b'}", "{'a':'b'}", false },
	{ "v1", "{'f:spec':{'f:a':{}}}", "{'a':null}", "{}", true },
	{ "v1", "{'f:spec':{'f:a':{}}}", "{'a':true}", "{}", false },
	{ "v1", "{'f:spec':{'f:a':{}}}", "{'a':false,'b':null}", "{}", false },
};

START_TEST(trees_in_small)
{
	for (size_t i = 0; i < COUNT(small); i++) {
		AUTO_STR have_text = xasprintf(
			"{'apiVersion':'%s','kind':'K','spec':%s,'metadata':{'managedFields':[{'apiVersion':'%s',"
			"'fieldsType':'FieldsV1','manager':'m','operation':'Apply','fieldsV1':%s}]}}",
			small[i].version, small[i].have, small[i].version, small[i].set);
		AUTO_STR want_text = xasprintf(
			"{'apiVersion':'%s','kind':'K','metadata':{'name':'n'},'spec':%s}",
			small[i].version, small[i].want);
		AUTO_JSON have = unit_json(have_text);
		AUTO_JSON want = unit_json(want_text);

		ck_assert_msg(owned_same(have, want, "m") == small[i].same, "%zu: %s of %s", i,
			      small[i].want, small[i].have);
	}
}
END_TEST

/* "kind: Namespace, metadata: {name: n}": the server writes no entry for it. */
START_TEST(nothing_is_owned)
{
	static const struct {
		const char *want;
		bool same;
	} cases[] = {
		{ "{'apiVersion':'v1','kind':'Namespace','metadata':{'name':'n'}}", true },
		{ "{'apiVersion':'v1','kind':'Namespace','metadata':{'name':'n','labels':{'a':'b'}}}",
		  false },
		{ "{'apiVersion':'v1','kind':'Namespace','metadata':{'name':'n'},'spec':{}}",
		  false },
	};
	AUTO_JSON have = unit_json(
		"{'apiVersion':'v1','kind':'Namespace','metadata':{'name':'n','labels':{'a':'b'}}}");

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO_JSON want = unit_json(cases[i].want);

		ck_assert_msg(owned_same(have, want, "m") == cases[i].same, "%s", cases[i].want);
	}
}
END_TEST

/* What the server made of a Deployment, and what is wanted of it; `patch` of that; whether a PUT would change it. */
static const char replaced_have[] =
	"{'apiVersion':'apps/v1','kind':'Deployment','metadata':{'name':'web','namespace':'x',"
	"'annotations':{'deployment.kubernetes.io/revision':'3'}},'spec':{'replicas':1,"
	"'progressDeadlineSeconds':600,'revisionHistoryLimit':10,'selector':{'matchLabels':{'app':'web'}},"
	"'strategy':{'type':'RollingUpdate','rollingUpdate':{'maxSurge':'25%','maxUnavailable':'25%'}},"
	"'template':{'metadata':{'creationTimestamp':null,'labels':{'app':'web'}},'spec':{'containers':[{"
	"'name':'web','image':'a/b:1','imagePullPolicy':'IfNotPresent','ports':[{'containerPort':80,"
	"'protocol':'TCP'}],'livenessProbe':{'httpGet':{'path':'/','port':80,'scheme':'HTTP'},"
	"'timeoutSeconds':1,'periodSeconds':10,'successThreshold':1,'failureThreshold':3},"
	"'resources':{'limits':{'cpu':'1'}},'terminationMessagePath':'/dev/termination-log',"
	"'terminationMessagePolicy':'File'}],'restartPolicy':'Always','dnsPolicy':'ClusterFirst',"
	"'serviceAccountName':'a','serviceAccount':'a','securityContext':{},'schedulerName':"
	"'default-scheduler','terminationGracePeriodSeconds':30}}}}";
static const char replaced_want[] =
	"{'apiVersion':'apps/v1','kind':'Deployment','metadata':{'name':'web','namespace':'x'},"
	"'spec':{'selector':{'matchLabels':{'app':'web'}},'template':{'metadata':{'labels':{'app':'web'}},"
	"'spec':{'serviceAccountName':'a','containers':[{'name':'web','image':'a/b:1','ports':[{"
	"'containerPort':80}],'livenessProbe':{'httpGet':{'port':80}},'resources':{'limits':{'cpu':'1000m'}}"
	"}]}}}}";
static const struct {
	const char *have, *want; /* merge patches */
	bool same;
} replaced[] = {
	{ "{}", "{}", true },
	{ "{}", "{'spec':{'replicas':1,'strategy':{'type':'RollingUpdate'}}}", true },
	{ "{}", "{'metadata':{'labels':{},'annotations':{}}}", true },
	{ "{}", "{'spec':{'replicas':0}}", false },
	{ "{}", "{'metadata':{'labels':{'a':'b'}}}", false },
	{ "{'metadata':{'labels':{'a':'b'}}}", "{}", false },
	{ "{'metadata':{'annotations':{'a':'b'}}}", "{}", false },
	{ "{'spec':{'replicas':2}}", "{}", false },
	{ "{'spec':{'paused':true}}", "{}", false },
	{ "{'spec':{'strategy':{'rollingUpdate':{'maxSurge':1}}}}", "{}", false },
	{ "{'spec':{'strategy':{'type':'Recreate','rollingUpdate':null}}}", "{}", false },
	{ "{'spec':{'template':{'spec':{'dnsPolicy':'Default'}}}}", "{}", false },
	{ "{'spec':{'template':{'spec':{'serviceAccount':'b'}}}}", "{}", false },
	{ "{'spec':{'template':{'spec':{'nodeName':'n'}}}}", "{}", false },
	{ "{'spec':{'template':{'spec':{'automountServiceAccountToken':false}}}}", "{}", false },
	{ "{}", "{'spec':{'template':{'spec':{'automountServiceAccountToken':false}}}}", false },
	{ "{}", "{'spec':{'template':{'spec':{'tolerations':[]}}}}", true },
	{ "{}", "{'apiVersion':'example.com/v1'}", false },
};

START_TEST(what_a_put_leaves_as_it_is)
{
	AUTO_JSON base_have = unit_json(replaced_have);
	AUTO_JSON base_want = unit_json(replaced_want);

	for (size_t i = 0; i < COUNT(replaced); i++) {
		AUTO_JSON have_patch = unit_json(replaced[i].have);
		AUTO_JSON want_patch = unit_json(replaced[i].want);
		AUTO_JSON have = merge_applied(base_have, have_patch);
		AUTO_JSON want = merge_applied(base_want, want_patch);

		/* RFC 7396 has no way to say null. */
		json_set(json_at(have, "spec.template.metadata"), "creationTimestamp", NULL);
		ck_assert_msg(replace_same(have, want) == replaced[i].same, "%zu", i);
	}
}
END_TEST

static const struct {
	const char *have, *want;
	bool same;
} puts_small[] = {
	{ "{'apiVersion':'v1','kind':'Service','metadata':{'name':'a'},'spec':{'clusterIP':'10.0.0.1','clusterIPs':"
	  "['10.0.0.1'],'type':'ClusterIP','sessionAffinity':'None','ports':[{'port':80,'targetPort':80,"
	  "'protocol':'TCP'}]}}",
	  "{'apiVersion':'v1','kind':'Service','metadata':{'name':'a'},'spec':{'ports':[{'port':80}]}}",
	  true },
	{ "{'apiVersion':'v1','kind':'Service','metadata':{'name':'a'},'spec':{'ports':[{'port':80,'targetPort':81}]}}",
	  "{'apiVersion':'v1','kind':'Service','metadata':{'name':'a'},'spec':{'ports':[{'port':80}]}}",
	  false },
	{ "{'apiVersion':'v1','kind':'Namespace','metadata':{'name':'a','labels':{'kubernetes.io/metadata.name':'a'}},"
	  "'spec':{'finalizers':['kubernetes']}}",
	  "{'apiVersion':'v1','kind':'Namespace','metadata':{'name':'a'}}", true },
	{ "{'apiVersion':'v1','kind':'ConfigMap','metadata':{'name':'a'},'data':{'a':'b'}}",
	  "{'apiVersion':'v1','kind':'ConfigMap','metadata':{'name':'a'},'data':{}}", false },
	{ "{'apiVersion':'v1','kind':'Pod','spec':{'containers':[{'image':'x:5000/a','imagePullPolicy':'Always'}]}}",
	  "{'apiVersion':'v1','kind':'Pod','spec':{'containers':[{'image':'x:5000/a'}]}}", true },
	{ "{'apiVersion':'v1','kind':'Pod','spec':{'containers':[{'image':'x:5000/a@sha256:0','imagePullPolicy':"
	  "'Always'}]}}",
	  "{'apiVersion':'v1','kind':'Pod','spec':{'containers':[{'image':'x:5000/a@sha256:0'}]}}",
	  false },
	{ "{'apiVersion':'v1','kind':'Pod','spec':{'containers':[{'image':'x/a:latest@sha256:0','imagePullPolicy':"
	  "'IfNotPresent'}]}}",
	  "{'apiVersion':'v1','kind':'Pod','spec':{'containers':[{'image':'x/a:latest@sha256:0'}]}}",
	  false },
	{ "{'apiVersion':'networking.k8s.io/v1','kind':'NetworkPolicy','spec':{'podSelector':{},'ingress':[{}],"
	  "'policyTypes':['Ingress']}}",
	  "{'apiVersion':'networking.k8s.io/v1','kind':'NetworkPolicy','spec':{'podSelector':{},'ingress':[{}]}}",
	  true },
	{ "{'apiVersion':'networking.k8s.io/v1','kind':'NetworkPolicy','spec':{'podSelector':{},'ingress':[{}],"
	  "'policyTypes':['Ingress','Egress']}}",
	  "{'apiVersion':'networking.k8s.io/v1','kind':'NetworkPolicy','spec':{'podSelector':{},'ingress':[{}]}}",
	  false },
	{ "{'apiVersion':'a.b/v1','kind':'X','metadata':{},'spec':{'replicas':1}}",
	  "{'apiVersion':'a.b/v1','kind':'X','metadata':{},'spec':{}}", false },
	{ "{'apiVersion':'a.b/v1','kind':'X','spec':{'l':[{'a':1}]}}",
	  "{'apiVersion':'a.b/v1','kind':'X','spec':{'l':[{'a':1}]}}", true },
};

START_TEST(what_the_server_puts_there_again)
{
	for (size_t i = 0; i < COUNT(puts_small); i++) {
		AUTO_JSON have = unit_json(puts_small[i].have);
		AUTO_JSON want = unit_json(puts_small[i].want);

		ck_assert_msg(replace_same(have, want) == puts_small[i].same, "%zu", i);
	}
}
END_TEST

START_TEST(owned_as_paths)
{
	AUTO_JSON have = unit_json(deployment);
	AUTO_JSON got = owned_paths(have, "treenail");
	AUTO_JSON none = owned_paths(have, "x");

	unit_same(
		got,
		"['metadata.labels.a','spec.replicas','spec.selector','spec.template.metadata.creationTimestamp',"
		"'spec.template.metadata.labels.a','spec.template.spec.containers[name=x].command',"
		"'spec.template.spec.containers[name=x].env[name=A].name','spec.template.spec.containers[name=x].env[name=A].value',"
		"'spec.template.spec.containers[name=x].env[name=B].name','spec.template.spec.containers[name=x].env[name=B].value',"
		"'spec.template.spec.containers[name=x].image','spec.template.spec.containers[name=x].name',"
		"'spec.template.spec.containers[name=x].ports[containerPort=80,protocol=TCP].containerPort',"
		"'spec.template.spec.containers[name=x].ports[containerPort=80,protocol=UDP].containerPort',"
		"'spec.template.spec.containers[name=x].ports[containerPort=80,protocol=UDP].protocol',"
		"'spec.template.spec.containers[name=x].resources.limits.cpu',"
		"'spec.template.spec.securityContext','spec.template.spec.tolerations']");
	unit_same(none, "[]");
}
END_TEST

/* ---- merging ---- */

static const struct {
	const char *have, *want;
	bool plainly, strategic;
} held[] = {
	{ "{'a':1,'b':{'c':2,'d':3}}", "{'b':{'c':2}}", true, true },
	{ "{'a':1}", "{'a':2}", false, false },
	{ "{'a':1}", "{'b':null}", true, true },
	{ "{'a':1}", "{'a':null}", false, false },
	{ "{'a':1}", "{'b':''}", false, false },
	{ "{'a':[1,2]}", "{'a':[1]}", false, false },
	{ "{'spec':{'containers':[{'name':'o'},{'name':'x','image':'i','p':1}]}}",
	  "{'spec':{'containers':[{'name':'x','image':'i'}]}}", false, true },
	{ "{'spec':{'containers':[{'name':'x','image':'i'}]}}",
	  "{'spec':{'containers':[{'name':'x','image':'j'}]}}", false, false },
	{ "{'spec':{'containers':[{'name':'x'}]}}", "{'spec':{'containers':[{'image':'j'}]}}",
	  false, false },
	{ "{'spec':{'containers':[{'name':'x'}]}}",
	  "{'spec':{'containers':[{'name':'x','$patch':'delete'}]}}", false, false },
	{ "{'spec':{'template':{'spec':{'containers':[{'name':'x','env':[{'name':'A','value':'1'},{'name':'B'}]}]}}}}",
	  "{'spec':{'template':{'spec':{'containers':[{'name':'x','env':[{'name':'B'}]}]}}}}",
	  false, true },
	{ "{'spec':{'ports':[{'port':80,'protocol':'TCP'},{'port':80,'protocol':'UDP'}]}}",
	  "{'spec':{'ports':[{'port':80}]}}", false, false },
	{ "{'spec':{'ports':[{'port':80,'nodePort':3000},{'port':81}]}}",
	  "{'spec':{'ports':[{'port':80}]}}", false, true },
	{ "{'metadata':{'finalizers':['a','b']}}", "{'metadata':{'finalizers':['b']}}", false,
	  true },
	{ "{'x':{'finalizers':['a','b']}}", "{'x':{'finalizers':['b']}}", false, false },
	{ "{'spec':{'tolerations':[{'key':'a'},{'key':'b'}]}}",
	  "{'spec':{'tolerations':[{'key':'a'}]}}", false, false },
	{ "{'webhooks':[{'name':'a','matchConditions':[{'name':'m','x':1}]},{'name':'b'}]}",
	  "{'webhooks':[{'name':'a','matchConditions':[{'name':'m'}]}]}", false, true },
	{ "{'resources':{'limits':{'cpu':'1'}}}", "{'resources':{'limits':{'cpu':'1000m'}}}", false,
	  true },
	/* A list that is put there as a whole, and what the server adds to each of it. */
	{ "{'apiVersion':'v1','kind':'LimitRange','spec':{'limits':[{'type':'Container','max':{'cpu':'2'},"
	  "'default':{'cpu':'2'},'defaultRequest':{'cpu':'2'}}]}}",
	  "{'apiVersion':'v1','kind':'LimitRange','spec':{'limits':[{'type':'Container','max':{'cpu':'2'}}]}}",
	  true, true },
	{ "{'apiVersion':'v1','kind':'LimitRange','spec':{'limits':[{'type':'Container','max':{'cpu':'2'},"
	  "'default':{'cpu':'1'}}]}}",
	  "{'apiVersion':'v1','kind':'LimitRange','spec':{'limits':[{'type':'Container','max':{'cpu':'2'}}]}}",
	  false, false },
	{ "{'apiVersion':'apps/v1','kind':'StatefulSet','spec':{'volumeClaimTemplates':[{'apiVersion':'v1','kind':"
	  "'PersistentVolumeClaim','metadata':{'name':'d','creationTimestamp':null},'spec':{'accessModes':["
	  "'ReadWriteOnce'],'volumeMode':'Filesystem'},'status':{'phase':'Pending'}}]}}",
	  "{'apiVersion':'apps/v1','kind':'StatefulSet','spec':{'volumeClaimTemplates':[{'metadata':{'name':'d'},"
	  "'spec':{'accessModes':['ReadWriteOnce']}}]}}",
	  true, true },
	{ "{'apiVersion':'v1','kind':'Pod','spec':{'containers':[{'name':'x','image':'i:1','imagePullPolicy':"
	  "'IfNotPresent','resources':{}}]}}",
	  "{'apiVersion':'v1','kind':'Pod','spec':{'containers':[{'name':'x','image':'i:1'}]}}",
	  true, true },
	/* Only kinds of the server's own are merged strategically. */
	{ "{'apiVersion':'a.b/v1','kind':'X','spec':{'limits':[{'max':{'cpu':'2'},'default':{'cpu':'2'}}]}}",
	  "{'apiVersion':'a.b/v1','kind':'X','spec':{'limits':[{'max':{'cpu':'2'}}]}}", false,
	  true },
};

START_TEST(what_holds)
{
	for (size_t i = 0; i < COUNT(held); i++) {
		AUTO_JSON have = unit_json(held[i].have);
		AUTO_JSON want = unit_json(held[i].want);

		ck_assert_msg(merge_holds(have, want, false) == held[i].plainly, "%zu plainly", i);
		ck_assert_msg(merge_holds(have, want, true) == held[i].strategic, "%zu strategic",
			      i);
	}
}
END_TEST

static const struct {
	const char *version, *last, *want, *have, *patch; /* patch "": nothing to do */
} patches[] = {
	{ "v1", "{}", "{'a':1}", "{'a':1,'b':2}", "" },
	{ "v1", "{}", "{'a':1}", "{'a':2,'b':2}", "{'a':1}" },
	{ "v1", "{'b':2}", "{'a':1}", "{'a':1,'b':2}", "{'b':null}" },
	{ "v1", "{'b':2}", "{'a':1}", "{'a':1}", "" },
	{ "v1", "{'m':{'x':1,'y':2}}", "{'m':{'x':1}}", "{'m':{'x':1,'y':2,'z':3}}",
	  "{'m':{'y':null}}" },
	{ "v1", "{'e':{}}", "{'e':{}}", "{}", "" },
	{ "v1", "{}", "{'e':{}}", "{}", "{'e':{}}" },
	{ "v1", "{}", "{'e':null}", "{'e':1}", "{'e':null}" },
	{ "e.g/v1", "{}", "{'l':[1]}", "{'l':[1,2]}", "{'l':[1]}" },
	{ "v1", "{'spec':{'containers':[{'name':'x','tty':true},{'name':'y'}]}}",
	  "{'spec':{'containers':[{'name':'x','image':'j'},{'name':'z'}]}}",
	  "{'spec':{'containers':[{'name':'side'},{'name':'y'},{'name':'x','tty':true,'image':'i','pull':'Always'}]}}",
	  "{'spec':{'containers':[{'name':'side'},{'name':'x','image':'j','pull':'Always'},{'name':'z'}]}}" },
	{ "v1", "{}", "{'spec':{'containers':[{'name':'y'},{'name':'x'}]}}",
	  "{'spec':{'containers':[{'name':'x','a':1},{'name':'o'},{'name':'y','b':2}]}}",
	  "{'spec':{'containers':[{'name':'y','b':2},{'name':'x','a':1},{'name':'o'}]}}" },
	{ "v1", "{}", "{'spec':{'containers':[{'name':'x'}]}}",
	  "{'spec':{'containers':[{'name':'x','a':1},{'name':'o'}]}}", "" },
	{ "v1", "{'metadata':{'finalizers':['a','b']}}", "{'metadata':{'finalizers':['b','c']}}",
	  "{'metadata':{'finalizers':['o','a','b']}}",
	  "{'metadata':{'finalizers':['o','b','c']}}" },
	{ "e.g/v1", "{}", "{'spec':{'containers':[{'name':'x'}]}}",
	  "{'spec':{'containers':[{'name':'x','a':1}]}}",
	  "{'spec':{'containers':[{'name':'x'}]}}" },
};

START_TEST(patches_of_three)
{
	for (size_t i = 0; i < COUNT(patches); i++) {
		AUTO_JSON last = unit_json(patches[i].last);
		AUTO_JSON want = unit_json(patches[i].want);
		AUTO_JSON have = unit_json(patches[i].have);
		AUTO_JSON got = NULL;
		AUTO_JSON after = NULL;
		AUTO_JSON again = NULL;

		json_sets(want, "apiVersion", patches[i].version);
		got = merge_patch(last, want, have);
		if (!*patches[i].patch) {
			ck_assert_msg(!got, "%zu: %s", i, json_object_to_json_string(got));
			continue;
		}
		unit_same(got, patches[i].patch);
		after = merge_applied(have, got);
		again = merge_patch(want, want, after);
		ck_assert_msg(!again, "%zu again: %s", i, json_object_to_json_string(again));
	}
}
END_TEST

/* result "": it does not apply */
static const struct {
	const char *have, *patch, *result;
} applied[] = {
	{ "{'a':'b'}", "{'a':'c'}", "{'a':'c'}" },
	{ "{'a':'b'}", "{'b':{'c':null,'d':1}}", "{'a':'b','b':{'d':1}}" },
	{ "{'a':'b','b':1}", "{'a':null}", "{'b':1}" },
	{ "{'a':[1]}", "{'a':{'b':1}}", "{'a':{'b':1}}" },
	{ "{'a':{'b':1}}", "{'a':[1,null]}", "{'a':[1,null]}" },
	{ "{'l':[1,3]}", "[{'op':'add','path':'/l/1','value':2}]", "{'l':[1,2,3]}" },
	{ "{'l':[1,3]}", "[{'op':'add','path':'/l/-','value':4}]", "{'l':[1,3,4]}" },
	{ "{'l':[1,3]}", "[{'op':'add','path':'/l/2','value':4}]", "{'l':[1,3,4]}" },
	{ "{'l':[1,3]}", "[{'op':'add','path':'/l/3','value':4}]", "" },
	{ "{'l':[1,3]}", "[{'op':'add','path':'/l/01','value':4}]", "" },
	{ "{'l':[1,3]}", "[{'op':'remove','path':'/l/0'}]", "{'l':[3]}" },
	{ "{'l':[1,3]}", "[{'op':'replace','path':'/l/0','value':{'x':1}}]", "{'l':[{'x':1},3]}" },
	{ "{'l':[1,3]}", "[{'op':'replace','path':'/m','value':1}]", "" },
	{ "{'l':[1,3]}", "[{'op':'remove','path':'/m'}]", "" },
	{ "{'a/b':1,'m~n':2}",
	  "[{'op':'remove','path':'/a~1b'},{'op':'replace','path':'/m~0n','value':3}]",
	  "{'m~n':3}" },
	{ "{'a':{'b':1}}", "[{'op':'move','from':'/a/b','path':'/c'}]", "{'a':{},'c':1}" },
	{ "{'a':{'b':1}}", "[{'op':'copy','from':'/a','path':'/c'}]", "{'a':{'b':1},'c':{'b':1}}" },
	{ "{'a':null}",
	  "[{'op':'test','path':'/a','value':null},{'op':'add','path':'/b','value':null}]",
	  "{'a':null,'b':null}" },
	{ "{'a':1}", "[{'op':'test','path':'/a','value':2}]", "" },
	{ "{'a':1}", "[{'op':'add','path':'','value':{'z':1}}]", "{'z':1}" },
	{ "{'a':1}", "[{'op':'add','path':'/x/y','value':1}]", "" },
	{ "{'a':1}", "[{'op':'add','path':'a','value':1}]", "" },
	{ "{'a':1}", "[{'op':'nonsense','path':'/a'},5]", "" },
};

START_TEST(patches_are_applied)
{
	for (size_t i = 0; i < COUNT(applied); i++) {
		AUTO_JSON have = unit_json(applied[i].have);
		AUTO_JSON patch = unit_json(applied[i].patch);
		AUTO_JSON got = merge_applied(have, patch);

		unit_same(have, applied[i].have);
		if (*applied[i].result)
			unit_same(got, applied[i].result);
		else
			ck_assert_msg(!got, "%zu: %s", i, json_object_to_json_string(got));
	}
}
END_TEST

UNIT_MAIN("objects", documents_are_flattened, bad_documents_are_named, titles, fields_are_hidden,
	  secrets_are_masked, digests_are_kubectls, what_is_owned_is_the_same,
	  items_are_told_apart_by_their_keys, trees_in_small, nothing_is_owned,
	  what_a_put_leaves_as_it_is, what_the_server_puts_there_again, owned_as_paths, what_holds,
	  patches_of_three, patches_are_applied)

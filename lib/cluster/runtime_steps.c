#include <string.h>

#include "cluster/cluster.h"
#include "cluster/kubeadm_config.h"
#include "cluster/steps.h"

/* containerd's configuration, mirrors of registries, or Docker's and cri-dockerd's. */

#define HOSTS "/etc/containerd/certs.d"

static void set_all(struct json_object *o, struct json_object *more)
{
	if (!json_object_is_type(more, json_type_object))
		return;
	json_object_object_foreach(more, key, v)
		json_set(o, key, json_copy(v));
}

static struct json_object *bool_of(bool v)
{
	return json_object_new_boolean(v);
}

/* ---- containerd ---- */

/* {"runtimes": {"runc": {..., "options": {"SystemdCgroup"}}}} */
static struct json_object *runc(const struct job *j)
{
	struct json_object *o = json_object_new_object();

	json_sets(o, "runtime_type", "io.containerd.runc.v2");
	json_set(o, "options",
		 json_wrap("SystemdCgroup", bool_of(strcmp(j->driver, "systemd") == 0)));
	return json_wrap("runtimes", json_wrap("runc", o));
}

/* What both versions of the configuration have in the same shape; version 2 in one table, 3 in two. */
static struct json_object *cri(const struct job *j)
{
	struct json_object *o = json_object_new_object(), *cni = json_object_new_object();

	json_sets(cni, "bin_dir", json_str(j->declaration, "cni.bin_dir"));
	json_sets(cni, "conf_dir", "/etc/cni/net.d");
	json_set(o, "cni", cni);
	json_set(o, "containerd", runc(j));
	set_all(o, json_at(j->declaration, "runtime_config"));
	return o;
}

static struct json_object *config(const struct job *j)
{
	AUTO_STR pause = kubeadm_pause_image(j->declaration, j->in->kubelet);
	struct json_object *o = json_object_new_object(), *plugins = json_object_new_object();
	struct json_object *main = cri(j), *images = main;
	const bool new = j->containerd >= 2;

	json_set(o, "version", json_object_new_int(new ? 3 : 2));
	if (new) {
		images = json_object_new_object();
		json_set(images, "pinned_images",
			 json_wrap("sandbox", json_object_new_string(pause)));
		json_set(plugins, "io.containerd.cri.v1.images", images);
		json_set(plugins, "io.containerd.cri.v1.runtime", main);
	} else {
		if (!json_has(main, "sandbox_image"))
			json_sets(main, "sandbox_image", pause);
		json_set(plugins, "io.containerd.grpc.v1.cri", main);
	}
	json_set(images, "registry", json_wrap("config_path", json_object_new_string(HOSTS)));
	json_set(o, "plugins", plugins);
	return o;
}

/* ---- mirrors ---- */

static struct err *registry_check(const char *registry)
{
	static const char fine[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.:_-[]";

	if (registry && *registry && *registry != '.' && registry[strspn(registry, fine)] == '\0')
		return NULL;
	return err_at(err_new(ERR_USAGE,
			      "registry_mirrors: '%s' is no registry: docker.io and "
			      "registry.example:5000 are, _default means all others",
			      registry ? registry : ""),
		      "registry_mirrors");
}

static struct json_object *mirror(struct json_object *m, const char *ca)
{
	struct json_object *o = json_object_new_object(), *can = json_object_new_array();

	(void)json_object_array_add(can, json_object_new_string("pull"));
	(void)json_object_array_add(can, json_object_new_string("resolve"));
	json_set(o, "capabilities", can);
	if (ca)
		json_sets(o, "ca", ca);
	if (json_truth(m, "insecure", false))
		json_set(o, "skip_verify", bool_of(true));
	return o;
}

/* containerd reads these anew for each image: nothing is restarted. */
static struct err *mirror_steps(struct job *j, struct json_object *m)
{
	const char *registry = json_str(m, "registry"), *ca = json_str(m, "ca");
	struct json_object *all = json_at(m, "mirrors");
	struct err *e = registry_check(registry);
	AUTO_JSON hosts = json_object_new_object();
	AUTO_JSON o = NULL;
	AUTO_BUF text = BUF_INIT;

	if (e)
		return e;
	AUTO_STR folder = xasprintf("%s/%s", HOSTS, registry);
	AUTO_STR path = xasprintf("%s/hosts.toml", folder);
	AUTO_STR ca_path = xasprintf("%s/ca.crt", folder);
	AUTO_STR id = xasprintf("mirror-%s", registry);
	AUTO_STR ca_id = xasprintf("mirror-%s-ca", registry);

	for (size_t i = 0; i < json_len(all); i++)
		json_set(hosts, json_object_get_string(json_nth(all, i)),
			 mirror(m, ca ? ca_path : NULL));
	if (ca) {
		e = declared_text("registry_mirrors.ca", ca, &text);
		if (e)
			return e;
		(void)step_file(j, ca_id, ca_path, "0644", text.s);
		buf_release(&text);
	}
	o = json_wrap("host", json_object_get(hosts));
	toml_write(o, &text);
	(void)step_file(j, id, path, "0644", text.s);
	return NULL;
}

static struct err *containerd_steps(struct job *j)
{
	struct json_object *mirrors = json_at(j->declaration, "registry_mirrors");
	AUTO_JSON o = config(j);
	AUTO_BUF text = BUF_INIT;
	struct err *e = NULL;

	toml_write(o, &text);
	(void)step_file(j, "containerd-config", "/etc/containerd/config.toml", "0644", text.s);
	for (size_t i = 0; !e && i < json_len(mirrors); i++)
		e = mirror_steps(j, json_nth(mirrors, i));
	step_service(j, "containerd", "started");
	step_restart(j, "containerd", "containerd-config proxy proxy-unit");
	return e;
}

/* ---- Docker ---- */

/* Docker has mirrors of its own registry alone. */
static struct err *docker_mirrors(struct job *j, struct json_object *daemon)
{
	struct json_object *mirrors = json_at(j->declaration, "registry_mirrors");

	for (size_t i = 0; i < json_len(mirrors); i++) {
		struct json_object *m = json_nth(mirrors, i);

		if (!json_is_str(json_at(m, "registry"), "docker.io") || json_str(m, "ca") ||
		    json_truth(m, "insecure", false))
			return err_at(err_new(ERR_USAGE,
					      "registry_mirrors[%zu]: with Docker there are only "
					      "mirrors of docker.io, with certificates that the "
					      "system trusts",
					      i),
				      "registry_mirrors");
		json_set(daemon, "registry-mirrors", json_copy(json_at(m, "mirrors")));
	}
	return NULL;
}

static struct err *docker_steps(struct job *j)
{
	AUTO_STR pause = kubeadm_pause_image(j->declaration, j->in->kubelet);
	AUTO_STR driver = xasprintf("native.cgroupdriver=%s", j->driver);
	AUTO_STR unit = xasprintf(
		"[Service]\nExecStart=\nExecStart=/usr/bin/cri-dockerd --container-runtime-endpoint "
		"fd:// --network-plugin=cni --cni-bin-dir=%s --pod-infra-container-image=%s\n",
		json_str(j->declaration, "cni.bin_dir"), pause);
	AUTO_JSON daemon = json_object_new_object();
	struct json_object *options = json_object_new_array();
	AUTO_STR text = NULL;
	struct err *e;

	(void)json_object_array_add(options, json_object_new_string(driver));
	json_set(daemon, "exec-opts", options);
	e = docker_mirrors(j, daemon);
	if (e)
		return e;
	set_all(daemon, json_at(j->declaration, "runtime_config"));
	text = xasprintf("%s\n",
			 json_object_to_json_string_ext(
				 daemon, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
	(void)step_file(j, "docker-config", "/etc/docker/daemon.json", "0644", text);
	(void)step_file(j, "docker-cri", "/etc/systemd/system/cri-docker.service.d/treenail.conf",
			"0644", unit);
	step_service(j, "docker", "started");
	step_restart(j, "docker", "docker-config proxy proxy-unit");
	step_service(j, "cri-docker.socket", "started");
	step_restart(j, "cri-docker.service", "docker-config docker-cri");
	return NULL;
}

struct err *runtime_steps(struct job *j)
{
	AUTO_STR crictl = xasprintf("runtime-endpoint: %s\n", kubeadm_cri_socket(j->declaration));

	(void)step_file(j, "crictl", "/etc/crictl.yaml", "0644", crictl);
	return j->docker ? docker_steps(j) : containerd_steps(j);
}

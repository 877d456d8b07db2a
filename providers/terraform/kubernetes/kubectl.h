#ifndef KUBERNETES_KUBECTL_H
#define KUBERNETES_KUBECTL_H

#include "terraform.h"

/* What the kubectl providers have, under their names. */
extern const struct tf_kind kubectl_manifest, kubectl_server_version, kubectl_version_data,
	kubectl_manifest_data, kubectl_manifest_ephemeral, kubectl_file_documents,
	kubectl_path_documents, kubectl_filename_list;

#endif

#include "rows.h"

/* ---- claims ---- */

static const struct tf_attr claim_rows[] = {
	{ "wait_until_bound", TF_OPTIONAL, "",
	  "Whether to wait until it has a volume, where that is not for the first pod to cause.",
	  .type = T_BOOL, .value = "true" },
	METADATA,
	{ "spec", ONE | MUST, NULL, "What is wanted.", .sub = rows_claim_spec },
	{ 0 },
};

#define CLAIM      .api_version = "v1", .kind = "PersistentVolumeClaim", .namespaced = true
#define CLAIM_WAIT .wait = WAIT_READY, .wait_row = "wait_until_bound"
const struct typed_kind typed_claim_v1 = {
	RESOURCE("persistent_volume_claim_v1", claim_rows, .minutes = { .create = 5 },
		 .doc = "Storage that pods ask for.",
		 .example = "resource \"kubernetes_persistent_volume_claim_v1\" \"data\" {\n"
			    "  metadata {\n"
			    "    name = \"data\"\n"
			    "  }\n"
			    "  wait_until_bound = false\n"
			    "  spec {\n"
			    "    access_modes       = [\"ReadWriteOnce\"]\n"
			    "    storage_class_name = \"standard\"\n"
			    "    resources {\n"
			    "      requests = { storage = \"1Gi\" }\n"
			    "    }\n"
			    "  }\n"
			    "}\n"),
	CLAIM, CLAIM_WAIT
};
const struct typed_kind typed_claim = { RESOURCE("persistent_volume_claim", claim_rows,
						 .minutes = { .create = 5 },
						 OLD("persistent_volume_claim_v1")),
					CLAIM, CLAIM_WAIT };

static const struct tf_attr data_claim_metadata[] = {
	{ "name", TF_OC, NULL, "Its name." },
	{ "namespace", TF_OPTIONAL, NULL, "Namespace it is in.", .value = "\"default\"" },
	{ "generate_name", TF_OPTIONAL, NULL, "Beginning its name was made up from." },
	{ "annotations", TF_OPTIONAL, NULL, "Annotations.", .type = T_MAP },
	{ "labels", TF_OPTIONAL, NULL, "Labels.", .type = T_MAP },
	{ "uid", TF_COMPUTED, NULL, "What tells it from all others, ever." },
	{ "generation", TF_COMPUTED, NULL, "Counts the changes of what is wanted.",
	  .type = T_NUMBER },
	{ "resource_version", TF_COMPUTED, NULL, "Another one after each change." },
	{ 0 },
};

static const struct tf_attr data_claim_resources[] = {
	{ "limits", TF_COMPUTED | TYPED_QUANTITY, NULL, "Most it may get.", .type = T_MAP },
	{ "requests", TF_COMPUTED | TYPED_QUANTITY, NULL, "Least it has to get.", .type = T_MAP },
	{ 0 },
};

static const struct tf_attr data_claim_spec[] = {
	{ "access_modes", TF_COMPUTED, NULL, "How it may be used.", .type = T_SET },
	{ "resources", TF_COMPUTED | TF_UNIQUE, NULL, "How much storage.",
	  .sub = data_claim_resources },
	{ "storage_class_name", TF_OC, NULL, "Storage class." },
	{ "volume_mode", TF_OC, NULL, "Filesystem or Block." },
	{ "volume_name", TF_OC, NULL, "PersistentVolume it is bound to." },
	{ "selector", ONE, NULL, "Which volumes may be bound.", .sub = rows_selector },
	{ 0 },
};

static const struct tf_attr data_claim_rows[] = {
	{ "metadata", ONE | MUST, NULL, "Name, labels and the like.", .sub = data_claim_metadata },
	{ "spec", ONE, NULL, "What is wanted.", .sub = data_claim_spec },
	{ 0 },
};

const struct typed_kind typed_data_claim_v1 = {
	DATA("persistent_volume_claim_v1", data_claim_rows, .doc = "A claim that is there already.",
	     .example = "resource \"kubernetes_persistent_volume_claim_v1\" \"logs\" {\n"
			"  metadata {\n"
			"    name = \"logs\"\n"
			"  }\n"
			"  wait_until_bound = false\n"
			"  spec {\n"
			"    access_modes = [\"ReadWriteOnce\"]\n"
			"    resources {\n"
			"      requests = { storage = \"1Gi\" }\n"
			"    }\n"
			"  }\n"
			"}\n"
			"\n"
			"data \"kubernetes_persistent_volume_claim_v1\" \"logs\" {\n"
			"  metadata {\n"
			"    name = kubernetes_persistent_volume_claim_v1.logs.metadata[0].name\n"
			"  }\n"
			"}\n"),
	CLAIM
};
const struct typed_kind typed_data_claim = {
	DATA("persistent_volume_claim", data_claim_rows, OLD("persistent_volume_claim_v1")), CLAIM
};

/* ---- storage classes ---- */

static const struct tf_attr match_label_expressions[] = {
	{ "key", TF_OPTIONAL, NULL, "Label of nodes." },
	{ "values", TF_OPTIONAL, NULL, "Its values.", .type = T_SET },
	{ 0 },
};

static const struct tf_attr allowed_topologies[] = {
	{ "match_label_expressions", MANY, NULL, "Which nodes.", .sub = match_label_expressions },
	{ 0 },
};

static const struct tf_attr storage_class_rows[] = {
	{ "allow_volume_expansion", TF_OPTIONAL, NULL, "Whether volumes may grow.", .type = T_BOOL,
	  .value = "true" },
	{ "mount_options", TF_OPTIONAL | TF_NEW, NULL, "Options of mount.", .type = T_SET },
	{ "parameters", TF_OPTIONAL | TF_NEW, NULL, "What the provisioner wants to know.",
	  .type = T_MAP },
	{ "reclaim_policy", TF_OPTIONAL | TF_NEW, NULL, "Delete or Retain.",
	  .value = "\"Delete\"" },
	{ "storage_provisioner", MUST | TF_NEW, "provisioner", "Who makes the volumes." },
	{ "volume_binding_mode", TF_OPTIONAL | TF_NEW, NULL, "Immediate or WaitForFirstConsumer.",
	  .value = "\"Immediate\"" },
	{ "allowed_topologies", ONE | TF_NEW | TYPED_MANY, NULL, "Where volumes may be.",
	  .sub = allowed_topologies },
	CLUSTER_METADATA,
	{ 0 },
};

#define STORAGE_CLASS .api_version = "storage.k8s.io/v1", .kind = "StorageClass"
const struct typed_kind typed_storage_class_v1 = {
	CLUSTER_RESOURCE("storage_class_v1", storage_class_rows, .doc = "A kind of storage.",
			 .example = "resource \"kubernetes_storage_class_v1\" \"fast\" {\n"
				    "  metadata {\n"
				    "    name = \"fast\"\n"
				    "  }\n"
				    "  storage_provisioner = \"cinder.csi.openstack.org\"\n"
				    "  volume_binding_mode = \"WaitForFirstConsumer\"\n"
				    "  parameters          = { type = \"ssd\" }\n"
				    "}\n"),
	STORAGE_CLASS
};
const struct typed_kind typed_storage_class = {
	CLUSTER_RESOURCE("storage_class", storage_class_rows, OLD("storage_class_v1")),
	STORAGE_CLASS
};

static const struct tf_attr data_storage_class_rows[] = {
	{ "allow_volume_expansion", TF_OC, NULL, "Whether volumes may grow.", .type = T_BOOL },
	{ "mount_options", TF_OC, NULL, "Options of mount.", .type = T_SET },
	{ "parameters", TF_OC, NULL, "What the provisioner wants to know.", .type = T_MAP },
	{ "reclaim_policy", TF_OC, NULL, "Delete or Retain." },
	{ "storage_provisioner", TF_COMPUTED, "provisioner", "Who makes the volumes." },
	{ "volume_binding_mode", TF_OC, NULL, "Immediate or WaitForFirstConsumer." },
	{ "allowed_topologies", ONE | TYPED_MANY, NULL, "Where volumes may be.",
	  .sub = allowed_topologies },
	DATA_CLUSTER_METADATA,
	{ 0 },
};

const struct typed_kind typed_data_storage_class_v1 = {
	DATA("storage_class_v1", data_storage_class_rows,
	     .doc = "A storage class that is there already.",
	     .example = "resource \"kubernetes_storage_class_v1\" \"slow\" {\n"
			"  metadata {\n"
			"    name = \"slow\"\n"
			"  }\n"
			"  storage_provisioner = \"cinder.csi.openstack.org\"\n"
			"}\n"
			"\n"
			"data \"kubernetes_storage_class_v1\" \"slow\" {\n"
			"  metadata {\n"
			"    name = kubernetes_storage_class_v1.slow.metadata[0].name\n"
			"  }\n"
			"}\n"),
	STORAGE_CLASS
};
const struct typed_kind typed_data_storage_class = {
	DATA("storage_class", data_storage_class_rows, OLD("storage_class_v1")), STORAGE_CLASS
};

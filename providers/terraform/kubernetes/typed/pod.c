#include "rows.h"

/* ---- environment ---- */

static const struct tf_attr key_ref[] = {
	{ "name", TF_OPTIONAL, NULL, "Name of the object." },
	{ "key", TF_OPTIONAL, NULL, "Key in it." },
	{ "optional", TF_OPTIONAL, NULL, "Whether it may be missing.", .type = T_BOOL },
	{ 0 },
};

static const struct tf_attr field_ref[] = {
	{ "api_version", TF_OPTIONAL, NULL, "Version of the API that the path is of.",
	  .value = "\"v1\"" },
	{ "field_path", TF_OPTIONAL, NULL, "Field of the pod, as in metadata.name." },
	{ 0 },
};

static const struct tf_attr resource_field_ref[] = {
	{ "container_name", TF_OPTIONAL, NULL, "Container; by default this one." },
	{ "divisor", TF_OPTIONAL | TYPED_QUANTITY, NULL, "Unit of what is told.",
	  .value = "\"0\"" },
	{ "resource", MUST, NULL, "Which resource, as in limits.cpu." },
	{ 0 },
};

static const struct tf_attr resource_file_ref[] = {
	{ "container_name", MUST, NULL, "Container it is about." },
	{ "divisor", TF_OPTIONAL | TYPED_QUANTITY, NULL, "Unit of what is told.",
	  .value = "\"0\"" },
	{ "resource", MUST, NULL, "Which resource, as in limits.cpu." },
	{ 0 },
};

static const struct tf_attr value_from[] = {
	{ "config_map_key_ref", ONE, NULL, "Out of a ConfigMap.", .sub = key_ref },
	{ "field_ref", ONE, NULL, "Out of the pod itself.", .sub = field_ref },
	{ "resource_field_ref", ONE, NULL, "A limit or request of a container.",
	  .sub = resource_field_ref },
	{ "secret_key_ref", ONE, NULL, "Out of a Secret.", .sub = key_ref },
	{ 0 },
};

static const struct tf_attr env[] = {
	{ "name", MUST | TYPED_KEY, NULL, "Name of the variable." },
	{ "value", TF_OPTIONAL, NULL, "Value; $(OTHER) is that of another variable." },
	{ "value_from", ONE, NULL, "Where the value is taken from.", .sub = value_from },
	{ 0 },
};

static const struct tf_attr whole_ref[] = {
	{ "name", MUST, NULL, "Name of the object." },
	{ "optional", TF_OPTIONAL, NULL, "Whether it may be missing.", .type = T_BOOL },
	{ 0 },
};

static const struct tf_attr env_from[] = {
	{ "prefix", TF_OPTIONAL, NULL, "Put before the name of each variable." },
	{ "config_map_ref", ONE, NULL, "All keys of a ConfigMap.", .sub = whole_ref },
	{ "secret_ref", ONE, NULL, "All keys of a Secret.", .sub = whole_ref },
	{ 0 },
};

/* ---- probes and hooks ---- */

static const struct tf_attr exec[] = {
	{ "command", TF_OPTIONAL, NULL, "Program and arguments; no shell is run.", .type = T_LIST },
	{ 0 },
};

static const struct tf_attr http_header[] = {
	{ "name", TF_OPTIONAL, NULL, "Name of the header." },
	{ "value", TF_OPTIONAL, NULL, "Its value." },
	{ 0 },
};

static const struct tf_attr http_get[] = {
	{ "host", TF_OPTIONAL, NULL, "Host to connect to; by default the pod." },
	{ "path", TF_OPTIONAL, NULL, "Path to ask for.", .value = "\"/\"" },
	{ "port", TF_OPTIONAL | TYPED_INT_OR_STRING, NULL, "Number or name of a port." },
	{ "scheme", TF_OPTIONAL, NULL, "HTTP or HTTPS.", .value = "\"HTTP\"" },
	{ "http_header", MANY, "httpHeaders", "Headers to send.", .sub = http_header },
	{ 0 },
};

static const struct tf_attr tcp_socket[] = {
	{ "port", MUST | TYPED_INT_OR_STRING, NULL, "Number or name of a port." },
	{ 0 },
};

static const struct tf_attr grpc[] = {
	{ "port", MUST, NULL, "Number of a port.", .type = T_NUMBER },
	{ "service", TF_OPTIONAL, NULL, "Service to ask about.", .value = "\"\"" },
	{ 0 },
};

static const struct tf_attr probe[] = {
	{ "failure_threshold", TF_OPTIONAL, NULL, "So many failures in a row are one.",
	  .type = T_NUMBER, .value = "3" },
	{ "initial_delay_seconds", TF_OPTIONAL, NULL, "How long to wait before the first try.",
	  .type = T_NUMBER },
	{ "period_seconds", TF_OPTIONAL, NULL, "Time from one try to the next.", .type = T_NUMBER,
	  .value = "10" },
	{ "success_threshold", TF_OPTIONAL, NULL, "So many successes in a row are one.",
	  .type = T_NUMBER, .value = "1" },
	{ "timeout_seconds", TF_OPTIONAL, NULL, "How long a try may take.", .type = T_NUMBER,
	  .value = "1" },
	{ "exec", ONE, NULL, "A command that has to end with 0.", .sub = exec },
	{ "grpc", ONE, NULL, "The health protocol of gRPC.", .sub = grpc },
	{ "http_get", ONE, NULL, "A request that has to be answered with 200 to 399.",
	  .sub = http_get },
	{ "tcp_socket", ONE, NULL, "A port that has to take connections.", .sub = tcp_socket },
	{ 0 },
};

static const struct tf_attr hook[] = {
	{ "exec", ONE, NULL, "A command.", .sub = exec },
	{ "http_get", ONE, NULL, "A request.", .sub = http_get },
	{ "tcp_socket", ONE, NULL, "A connection; the API has given it up.", .sub = tcp_socket },
	{ 0 },
};

static const struct tf_attr lifecycle[] = {
	{ "post_start", ONE, NULL, "Done right after the container started.", .sub = hook },
	{ "pre_stop", ONE, NULL, "Done before the container is ended.", .sub = hook },
	{ 0 },
};

/* ---- security ---- */

static const struct tf_attr capabilities[] = {
	{ "add", TF_OPTIONAL, NULL, "Capabilities it gets.", .type = T_LIST },
	{ "drop", TF_OPTIONAL, NULL, "Capabilities it loses.", .type = T_LIST },
	{ 0 },
};

static const struct tf_attr se_linux_options[] = {
	{ "level", TF_OPTIONAL, NULL, "Level of the label." },
	{ "role", TF_OPTIONAL, NULL, "Role of the label." },
	{ "type", TF_OPTIONAL, NULL, "Type of the label." },
	{ "user", TF_OPTIONAL, NULL, "User of the label." },
	{ 0 },
};

static const struct tf_attr seccomp_profile[] = {
	{ "localhost_profile", TF_OPTIONAL, NULL, "File on the node, if the type is Localhost." },
	{ "type", TF_OPTIONAL, NULL, "Localhost, RuntimeDefault or Unconfined." },
	{ 0 },
};

static const struct tf_attr container_security_context[] = {
	{ "allow_privilege_escalation", TF_OPTIONAL, NULL,
	  "Whether a process may get more privileges than its parent.", .type = T_BOOL },
	{ "privileged", TF_OPTIONAL, NULL, "Whether it is as good as root on the node.",
	  .type = T_BOOL },
	{ "read_only_root_filesystem", TF_OPTIONAL, NULL, "Whether it may not write to its image.",
	  .type = T_BOOL },
	{ "run_as_group", TF_OPTIONAL | TYPED_INT, NULL, "Number of the group it runs as." },
	{ "run_as_non_root", TF_OPTIONAL, NULL, "Whether it is refused to run as root.",
	  .type = T_BOOL },
	{ "run_as_user", TF_OPTIONAL | TYPED_INT, NULL, "Number of the user it runs as." },
	{ "capabilities", ONE, NULL, "Linux capabilities.", .sub = capabilities },
	{ "se_linux_options", ONE, NULL, "Label of SELinux.", .sub = se_linux_options },
	{ "seccomp_profile", ONE, NULL, "Which system calls it may make.", .sub = seccomp_profile },
	{ 0 },
};

static const struct tf_attr sysctl[] = {
	{ "name", MUST, NULL, "Name, as in net.core.somaxconn." },
	{ "value", MUST, NULL, "Value." },
	{ 0 },
};

static const struct tf_attr windows_options[] = {
	{ "gmsa_credential_spec", TF_OPTIONAL, NULL, "Text of the credential specification." },
	{ "gmsa_credential_spec_name", TF_OPTIONAL, NULL, "Name of the credential specification." },
	{ "host_process", TF_OPTIONAL, NULL, "Whether it runs as a process of the node.",
	  .type = T_BOOL },
	{ "run_as_username", TF_OPTIONAL, "runAsUserName", "Name of the user it runs as." },
	{ 0 },
};

static const struct tf_attr pod_security_context[] = {
	{ "fs_group", TF_OPTIONAL | TYPED_INT, NULL, "Group that owns the files of volumes." },
	{ "fs_group_change_policy", TF_OPTIONAL, NULL,
	  "When owners are set right: Always or OnRootMismatch." },
	{ "run_as_group", TF_OPTIONAL | TYPED_INT, NULL, "Number of the group processes run as." },
	{ "run_as_non_root", TF_OPTIONAL, NULL, "Whether they are refused to run as root.",
	  .type = T_BOOL },
	{ "run_as_user", TF_OPTIONAL | TYPED_INT, NULL, "Number of the user processes run as." },
	{ "supplemental_groups", TF_OPTIONAL, NULL, "Further groups.",
	  .type = "[\"set\",\"number\"]" },
	{ "se_linux_options", ONE, NULL, "Label of SELinux.", .sub = se_linux_options },
	{ "seccomp_profile", ONE, NULL, "Which system calls may be made.", .sub = seccomp_profile },
	{ "sysctl", MANY, "sysctls", "Settings of the kernel for this pod.", .sub = sysctl },
	{ "windows_options", ONE, NULL, "Settings on Windows.", .sub = windows_options },
	{ 0 },
};

/* ---- containers ---- */

static const struct tf_attr container_port[] = {
	{ "container_port", MUST | TYPED_KEY, NULL, "Port the container listens on.",
	  .type = T_NUMBER },
	{ "host_ip", TF_OPTIONAL, "hostIP", "Address of the node that the port is bound to." },
	{ "host_port", TF_OPTIONAL, NULL, "Port of the node.", .type = T_NUMBER },
	{ "name", TF_OPTIONAL, NULL, "Name, for Services and probes." },
	{ "protocol", TF_OPTIONAL | TYPED_KEY, NULL, "TCP, UDP or SCTP.", .value = "\"TCP\"" },
	{ 0 },
};

static const struct tf_attr container_resources[] = {
	{ "limits", TF_OC | TYPED_QUANTITY, NULL, "Most it gets, as in memory = \"512Mi\".",
	  .type = T_MAP },
	{ "requests", TF_OC | TYPED_QUANTITY, NULL, "Least it gets; what the scheduler counts.",
	  .type = T_MAP },
	{ 0 },
};

static const struct tf_attr volume_device[] = {
	{ "device_path", MUST | TYPED_KEY, NULL, "Where the device is in the container." },
	{ "name", MUST, NULL, "Name of the volume." },
	{ 0 },
};

static const struct tf_attr volume_mount[] = {
	{ "mount_path", MUST | TYPED_KEY, NULL, "Where it is in the container." },
	{ "mount_propagation", TF_OPTIONAL, NULL,
	  "Whether later mounts are seen: None, HostToContainer or Bidirectional." },
	{ "name", MUST, NULL, "Name of the volume." },
	{ "read_only", TF_OPTIONAL, NULL, "Whether it may not be written to.", .type = T_BOOL },
	{ "sub_path", TF_OPTIONAL, NULL, "Path in the volume." },
	{ "sub_path_expr", TF_OPTIONAL, NULL, "The same with $(VARIABLES)." },
	{ 0 },
};

static const struct tf_attr container[] = {
	{ "name", MUST | TYPED_KEY, NULL, "Name; unique in the pod." },
	{ "image", TF_OPTIONAL, NULL, "Image it runs." },
	{ "image_pull_policy", TF_OC, NULL, "Always, IfNotPresent or Never." },
	{ "command", TF_OPTIONAL, NULL, "Program, in place of the image's.", .type = T_LIST },
	{ "args", TF_OPTIONAL, NULL, "Arguments, in place of the image's.", .type = T_LIST },
	{ "restart_policy", TF_OC, NULL, "Always makes an init container a sidecar." },
	{ "stdin", TF_OPTIONAL, NULL, "Whether it has a standard input.", .type = T_BOOL },
	{ "stdin_once", TF_OPTIONAL, NULL, "Whether that ends with the first who is attached.",
	  .type = T_BOOL },
	{ "termination_message_path", TF_OPTIONAL, NULL, "File its last words are read from.",
	  .value = "\"/dev/termination-log\"" },
	{ "termination_message_policy", TF_OC, NULL, "File or FallbackToLogsOnError." },
	{ "tty", TF_OPTIONAL, NULL, "Whether it has a terminal.", .type = T_BOOL },
	{ "working_dir", TF_OPTIONAL, NULL, "Folder it runs in." },
	{ "env", MANY, NULL, "A variable of its environment.", .sub = env },
	{ "env_from", MANY, NULL, "Variables out of another object.", .sub = env_from },
	{ "lifecycle", ONE, NULL, "What is done at its start and end.", .sub = lifecycle },
	{ "liveness_probe", ONE, NULL, "It is restarted when this fails.", .sub = probe },
	{ "port", MANY, "ports", "A port it listens on.", .sub = container_port },
	{ "readiness_probe", ONE, NULL, "It gets no requests while this fails.", .sub = probe },
	{ "resources", ONE, NULL, "Processor time, memory and the like.",
	  .sub = container_resources },
	{ "security_context", ONE, NULL, "What it may do.", .sub = container_security_context },
	{ "startup_probe", ONE, NULL, "The other probes wait for this one.", .sub = probe },
	{ "volume_device", MANY, "volumeDevices", "A volume as a block device.",
	  .sub = volume_device },
	{ "volume_mount", MANY, "volumeMounts", "A volume as a folder.", .sub = volume_mount },
	{ 0 },
};

/* ---- scheduling ---- */

static const struct tf_attr node_expressions[] = {
	{ "key", TF_OPTIONAL, NULL, "Label of the node." },
	{ "operator", TF_OPTIONAL, NULL, "In, NotIn, Exists, DoesNotExist, Gt or Lt." },
	{ "values", TF_OPTIONAL, NULL, "Values it is compared with.", .type = T_SET },
	{ 0 },
};

static const struct tf_attr node_fields[] = {
	{ "key", MUST, NULL, "Field of the node, as in metadata.name." },
	{ "operator", MUST, NULL, "In, NotIn, Exists, DoesNotExist, Gt or Lt." },
	{ "values", TF_OPTIONAL, NULL, "Values it is compared with.", .type = T_SET },
	{ 0 },
};

static const struct tf_attr node_term[] = {
	{ "match_expressions", MANY, NULL, "Conditions about labels.", .sub = node_expressions },
	{ "match_fields", MANY, NULL, "Conditions about fields.", .sub = node_fields },
	{ 0 },
};

static const struct tf_attr node_preferred[] = {
	{ "weight", MUST, NULL, "How much it counts, 1 to 100.", .type = T_NUMBER },
	{ "preference", ONE | MUST, NULL, "Which nodes.", .sub = node_term },
	{ 0 },
};

static const struct tf_attr node_required[] = {
	{ "node_selector_term", MANY, "nodeSelectorTerms", "Which nodes; one of these is enough.",
	  .sub = node_term },
	{ 0 },
};

static const struct tf_attr node_affinity[] = {
	{ "preferred_during_scheduling_ignored_during_execution", MANY, NULL,
	  "Nodes it is better on.", .sub = node_preferred },
	{ "required_during_scheduling_ignored_during_execution", ONE, NULL, "Nodes it may be on.",
	  .sub = node_required },
	{ 0 },
};

static const struct tf_attr pod_term[] = {
	{ "namespaces", TF_OPTIONAL, NULL, "Namespaces the other pods are in.", .type = T_SET },
	{ "topology_key", MUST, NULL, "Label of nodes that says what near is." },
	{ "label_selector", ONE, NULL, "Which other pods.", .sub = rows_selector },
	{ "namespace_selector", ONE, NULL, "Which namespaces, by their labels.",
	  .sub = rows_selector },
	{ 0 },
};

static const struct tf_attr pod_preferred[] = {
	{ "weight", MUST, NULL, "How much it counts, 1 to 100.", .type = T_NUMBER },
	{ "pod_affinity_term", ONE | MUST, NULL, "Which other pods.", .sub = pod_term },
	{ 0 },
};

static const struct tf_attr pod_affinity[] = {
	{ "preferred_during_scheduling_ignored_during_execution", MANY, NULL, "What is better.",
	  .sub = pod_preferred },
	{ "required_during_scheduling_ignored_during_execution", MANY, NULL, "What has to be.",
	  .sub = pod_term },
	{ 0 },
};

static const struct tf_attr affinity[] = {
	{ "node_affinity", ONE, NULL, "Nodes to be on.", .sub = node_affinity },
	{ "pod_affinity", ONE, NULL, "Pods to be near to.", .sub = pod_affinity },
	{ "pod_anti_affinity", ONE, NULL, "Pods to be far from.", .sub = pod_affinity },
	{ 0 },
};

static const struct tf_attr toleration[] = {
	{ "effect", TF_OPTIONAL, NULL, "NoSchedule, PreferNoSchedule or NoExecute; all if none." },
	{ "key", TF_OPTIONAL, NULL, "Key of the taint; all if none." },
	{ "operator", TF_OPTIONAL, NULL, "Equal or Exists." },
	{ "toleration_seconds", TF_OPTIONAL | TYPED_INT, NULL,
	  "How long NoExecute is put up with; for ever if not given." },
	{ "value", TF_OPTIONAL, NULL, "Value of the taint." },
	{ 0 },
};

static const struct tf_attr topology_spread_constraint[] = {
	{ "match_label_keys", TF_OPTIONAL, NULL, "Labels whose values have to be the pod's own.",
	  .type = T_SET },
	{ "max_skew", TF_OPTIONAL, NULL, "By how many pods two domains may differ.",
	  .type = T_NUMBER, .value = "1" },
	{ "min_domains", TF_OPTIONAL, NULL, "How many domains there have to be.",
	  .type = T_NUMBER },
	{ "node_affinity_policy", TF_OPTIONAL, NULL, "Honor or Ignore the pod's node affinity." },
	{ "node_taints_policy", TF_OPTIONAL, NULL, "Honor or Ignore the nodes' taints." },
	{ "topology_key", TF_OPTIONAL | TYPED_KEY, NULL,
	  "Label of nodes that tells domains apart." },
	{ "when_unsatisfiable", TF_OPTIONAL | TYPED_KEY, NULL, "DoNotSchedule or ScheduleAnyway.",
	  .value = "\"DoNotSchedule\"" },
	{ "label_selector", ONE, NULL, "Which pods are counted.", .sub = rows_selector },
	{ 0 },
};

/* ---- volumes ---- */

static const struct tf_attr aws_elastic_block_store[] = {
	{ "fs_type", TF_OPTIONAL, NULL, "File system." },
	{ "partition", TF_OPTIONAL, NULL, "Number of the partition.", .type = T_NUMBER },
	{ "read_only", TF_OPTIONAL, NULL, "Whether it may not be written to.", .type = T_BOOL },
	{ "volume_id", MUST, "volumeID", "ID of the disk." },
	{ 0 },
};

static const struct tf_attr azure_disk[] = {
	{ "caching_mode", MUST, NULL, "None, ReadOnly or ReadWrite." },
	{ "data_disk_uri", MUST, "diskURI", "URI of the disk." },
	{ "disk_name", MUST, NULL, "Name of the disk." },
	{ "fs_type", TF_OPTIONAL, NULL, "File system." },
	{ "kind", TF_OC, NULL, "Shared, Dedicated or Managed." },
	{ "read_only", TF_OPTIONAL, NULL, "Whether it may not be written to.", .type = T_BOOL },
	{ 0 },
};

static const struct tf_attr azure_file[] = {
	{ "read_only", TF_OPTIONAL, NULL, "Whether it may not be written to.", .type = T_BOOL },
	{ "secret_name", MUST, NULL, "Secret with the name and key of the account." },
	{ "secret_namespace", TF_OPTIONAL, NULL, "Namespace of the Secret; of PersistentVolumes." },
	{ "share_name", MUST, NULL, "Name of the share." },
	{ 0 },
};

static const struct tf_attr secret_ref[] = {
	{ "name", TF_OPTIONAL, NULL, "Name of the Secret." },
	{ "namespace", TF_OC, NULL, "Namespace of the Secret; of PersistentVolumes." },
	{ 0 },
};

static const struct tf_attr ceph_fs[] = {
	{ "monitors", MUST, NULL, "Addresses of the monitors.", .type = T_SET },
	{ "path", TF_OPTIONAL, NULL, "Folder of the file system." },
	{ "read_only", TF_OPTIONAL, NULL, "Whether it may not be written to.", .type = T_BOOL },
	{ "secret_file", TF_OPTIONAL, NULL, "File on the node with the user's key." },
	{ "user", TF_OPTIONAL, NULL, "User of the file system." },
	{ "secret_ref", ONE, NULL, "Secret with the user's key.", .sub = secret_ref },
	{ 0 },
};

static const struct tf_attr cinder[] = {
	{ "fs_type", TF_OPTIONAL, NULL, "File system." },
	{ "read_only", TF_OPTIONAL, NULL, "Whether it may not be written to.", .type = T_BOOL },
	{ "volume_id", MUST, "volumeID", "ID of the volume." },
	{ 0 },
};

static const struct tf_attr items[] = {
	{ "key", TF_OPTIONAL, NULL, "Key of the object." },
	{ "mode", TF_OPTIONAL | TYPED_OCTAL, NULL, "Mode of the file, as in 0644." },
	{ "path", TF_OPTIONAL, NULL, "File it becomes." },
	{ 0 },
};

static const struct tf_attr config_map_volume[] = {
	{ "default_mode", TF_OPTIONAL | TYPED_OCTAL, NULL, "Mode of files that name none.",
	  .value = "\"0644\"" },
	{ "name", TF_OPTIONAL, NULL, "Name of the ConfigMap." },
	{ "optional", TF_OPTIONAL, NULL, "Whether it may be missing.", .type = T_BOOL },
	{ "items", MANY, NULL, "Which keys become files; by default all.", .sub = items },
	{ 0 },
};

static const struct tf_attr secret_volume[] = {
	{ "default_mode", TF_OPTIONAL | TYPED_OCTAL, NULL, "Mode of files that name none.",
	  .value = "\"0644\"" },
	{ "optional", TF_OPTIONAL, NULL, "Whether it may be missing.", .type = T_BOOL },
	{ "secret_name", TF_OPTIONAL, NULL, "Name of the Secret." },
	{ "items", MANY, NULL, "Which keys become files; by default all.", .sub = items },
	{ 0 },
};

static const struct tf_attr name_ref[] = {
	{ "name", TF_OPTIONAL, NULL, "Name of the Secret." },
	{ 0 },
};

static const struct tf_attr csi[] = {
	{ "driver", MUST, NULL, "Name of the driver." },
	{ "fs_type", TF_OPTIONAL, NULL, "File system." },
	{ "read_only", TF_OPTIONAL, NULL, "Whether it may not be written to.", .type = T_BOOL },
	{ "volume_attributes", TF_OPTIONAL, NULL, "What the driver wants to know.", .type = T_MAP },
	{ "node_publish_secret_ref", ONE, NULL, "Secret for the driver.", .sub = name_ref },
	{ 0 },
};

static const struct tf_attr downward_items[] = {
	{ "mode", TF_OPTIONAL | TYPED_OCTAL, NULL, "Mode of the file, as in 0644." },
	{ "path", MUST, NULL, "File it becomes." },
	{ "field_ref", ONE | MUST, NULL, "Field of the pod.", .sub = field_ref },
	{ "resource_field_ref", ONE, NULL, "Limit or request of a container.",
	  .sub = resource_file_ref },
	{ 0 },
};

static const struct tf_attr downward_api[] = {
	{ "default_mode", TF_OPTIONAL | TYPED_OCTAL, NULL, "Mode of files that name none.",
	  .value = "\"0644\"" },
	{ "items", MANY, NULL, "Files.", .sub = downward_items },
	{ 0 },
};

static const struct tf_attr empty_dir[] = {
	{ "medium", TF_OPTIONAL, NULL, "Memory keeps it there; else it is on the node's disk." },
	{ "size_limit", TF_OPTIONAL | TYPED_QUANTITY, NULL, "How large it may become." },
	{ 0 },
};

static const struct tf_attr claim_resources[] = {
	{ "limits", TF_OPTIONAL | TYPED_QUANTITY, NULL, "Most it may get.", .type = T_MAP },
	{ "requests", TF_OPTIONAL | TYPED_QUANTITY, NULL, "Least it has to get: storage.",
	  .type = T_MAP },
	{ 0 },
};

const struct tf_attr rows_claim_spec[] = {
	{ "access_modes", MUST | TF_NEW, NULL,
	  "ReadWriteOnce, ReadOnlyMany, ReadWriteMany or ReadWriteOncePod.", .type = T_SET },
	{ "storage_class_name", TF_OC | TF_NEW, NULL,
	  "Storage class; by default the default one." },
	{ "volume_mode", TF_OC | TF_NEW, NULL, "Filesystem or Block." },
	{ "volume_name", TF_OC | TF_NEW, NULL, "PersistentVolume it is bound to." },
	{ "resources", ONE | MUST, NULL, "How much storage.", .sub = claim_resources },
	{ "selector", ONE | TF_NEW, NULL, "Which volumes may be bound.", .sub = rows_selector },
	{ 0 },
};

static const struct tf_attr ephemeral_metadata[] = {
	{ "annotations", TF_OPTIONAL, NULL, "Annotations of the claim.", .type = T_MAP },
	{ "labels", TF_OPTIONAL, NULL, "Labels of the claim.", .type = T_MAP },
	{ 0 },
};

static const struct tf_attr ephemeral_template[] = {
	{ "metadata", ONE, NULL, "Labels and annotations.", .sub = ephemeral_metadata },
	{ "spec", ONE | MUST, NULL, "The claim.", .sub = rows_claim_spec },
	{ 0 },
};

static const struct tf_attr ephemeral[] = {
	{ "volume_claim_template", ONE | MUST, NULL, "Claim that is made with the pod.",
	  .sub = ephemeral_template },
	{ 0 },
};

static const struct tf_attr fc[] = {
	{ "fs_type", TF_OPTIONAL, NULL, "File system." },
	{ "lun", MUST, NULL, "Number of the unit.", .type = T_NUMBER },
	{ "read_only", TF_OPTIONAL, NULL, "Whether it may not be written to.", .type = T_BOOL },
	{ "target_ww_ns", MUST, "targetWWNs", "World wide names of the targets.", .type = T_SET },
	{ 0 },
};

static const struct tf_attr flex_volume[] = {
	{ "driver", MUST, NULL, "Name of the driver." },
	{ "fs_type", TF_OPTIONAL, NULL, "File system." },
	{ "options", TF_OPTIONAL, NULL, "What the driver wants to know.", .type = T_MAP },
	{ "read_only", TF_OPTIONAL, NULL, "Whether it may not be written to.", .type = T_BOOL },
	{ "secret_ref", ONE, NULL, "Secret for the driver.", .sub = secret_ref },
	{ 0 },
};

static const struct tf_attr flocker[] = {
	{ "dataset_name", TF_OPTIONAL, NULL, "Name of the data set." },
	{ "dataset_uuid", TF_OPTIONAL, "datasetUUID", "UUID of the data set." },
	{ 0 },
};

static const struct tf_attr gce_persistent_disk[] = {
	{ "fs_type", TF_OPTIONAL, NULL, "File system." },
	{ "partition", TF_OPTIONAL, NULL, "Number of the partition.", .type = T_NUMBER },
	{ "pd_name", MUST, NULL, "Name of the disk." },
	{ "read_only", TF_OPTIONAL, NULL, "Whether it may not be written to.", .type = T_BOOL },
	{ 0 },
};

static const struct tf_attr git_repo[] = {
	{ "directory", TF_OPTIONAL, NULL, "Folder it is put into." },
	{ "repository", TF_OPTIONAL, NULL, "URL of the repository." },
	{ "revision", TF_OPTIONAL, NULL, "Commit." },
	{ 0 },
};

static const struct tf_attr glusterfs[] = {
	{ "endpoints_name", MUST, "endpoints", "Endpoints of the servers." },
	{ "path", MUST, NULL, "Path of the volume." },
	{ "read_only", TF_OPTIONAL, NULL, "Whether it may not be written to.", .type = T_BOOL },
	{ 0 },
};

static const struct tf_attr host_path[] = {
	{ "path", TF_OPTIONAL, NULL, "Path on the node." },
	{ "type", TF_OPTIONAL, NULL, "What has to be there, as in DirectoryOrCreate." },
	{ 0 },
};

static const struct tf_attr iscsi[] = {
	{ "fs_type", TF_OPTIONAL, NULL, "File system." },
	{ "iqn", MUST, NULL, "Qualified name of the target." },
	{ "iscsi_interface", TF_OPTIONAL, NULL, "Interface.", .value = "\"default\"" },
	{ "lun", TF_OPTIONAL, NULL, "Number of the unit.", .type = T_NUMBER },
	{ "read_only", TF_OPTIONAL, NULL, "Whether it may not be written to.", .type = T_BOOL },
	{ "target_portal", MUST, NULL, "Address of the portal." },
	{ 0 },
};

static const struct tf_attr local[] = {
	{ "path", TF_OPTIONAL, NULL, "Path on the node; of PersistentVolumes." },
	{ 0 },
};

static const struct tf_attr nfs[] = {
	{ "path", MUST, NULL, "Path that is exported." },
	{ "read_only", TF_OPTIONAL, NULL, "Whether it may not be written to.", .type = T_BOOL },
	{ "server", MUST, NULL, "Address of the server." },
	{ 0 },
};

static const struct tf_attr claim_volume[] = {
	{ "claim_name", TF_OPTIONAL, NULL, "Name of the PersistentVolumeClaim." },
	{ "read_only", TF_OPTIONAL, NULL, "Whether it may not be written to.", .type = T_BOOL },
	{ 0 },
};

static const struct tf_attr photon_persistent_disk[] = {
	{ "fs_type", TF_OPTIONAL, NULL, "File system." },
	{ "pd_id", MUST, "pdID", "ID of the disk." },
	{ 0 },
};

static const struct tf_attr projected_object[] = {
	{ "name", TF_OPTIONAL, NULL, "Name of the object." },
	{ "optional", TF_OPTIONAL, NULL, "Whether it may be missing.", .type = T_BOOL },
	{ "items", MANY, NULL, "Which keys become files; by default all.", .sub = items },
	{ 0 },
};

static const struct tf_attr projected_downward_items[] = {
	{ "mode", TF_OPTIONAL | TYPED_OCTAL, NULL, "Mode of the file, as in 0644." },
	{ "path", MUST, NULL, "File it becomes." },
	{ "field_ref", ONE, NULL, "Field of the pod.", .sub = field_ref },
	{ "resource_field_ref", ONE, NULL, "Limit or request of a container.",
	  .sub = resource_file_ref },
	{ 0 },
};

static const struct tf_attr projected_downward[] = {
	{ "items", MANY, NULL, "Files.", .sub = projected_downward_items },
	{ 0 },
};

static const struct tf_attr service_account_token[] = {
	{ "audience", TF_OPTIONAL, NULL, "Whom the token is for; by default the API server." },
	{ "expiration_seconds", TF_OPTIONAL, NULL, "How long a token is good for.",
	  .type = T_NUMBER, .value = "3600" },
	{ "path", MUST, NULL, "File it becomes." },
	{ 0 },
};

static const struct tf_attr projected_sources[] = {
	{ "config_map", ONE, NULL, "Keys of a ConfigMap.", .sub = projected_object },
	{ "downward_api", ONE, NULL, "Fields of the pod.", .sub = projected_downward },
	{ "secret", ONE, NULL, "Keys of a Secret.", .sub = projected_object },
	{ "service_account_token", ONE, NULL, "A token of the service account.",
	  .sub = service_account_token },
	{ 0 },
};

static const struct tf_attr projected[] = {
	{ "default_mode", TF_OPTIONAL | TYPED_OCTAL, NULL, "Mode of files that name none.",
	  .value = "\"0644\"" },
	{ "sources", MANY | MUST, NULL, "What it is made of.", .sub = projected_sources },
	{ 0 },
};

static const struct tf_attr quobyte[] = {
	{ "group", TF_OPTIONAL, NULL, "Group that owns it." },
	{ "read_only", TF_OPTIONAL, NULL, "Whether it may not be written to.", .type = T_BOOL },
	{ "registry", MUST, NULL, "Addresses of the registry." },
	{ "user", TF_OPTIONAL, NULL, "User that owns it." },
	{ "volume", MUST, NULL, "Name of the volume." },
	{ 0 },
};

static const struct tf_attr rbd[] = {
	{ "ceph_monitors", MUST, "monitors", "Addresses of the monitors.", .type = T_SET },
	{ "fs_type", TF_OPTIONAL, NULL, "File system." },
	{ "keyring", TF_OC, NULL, "File on the node with the user's key." },
	{ "rados_user", TF_OPTIONAL, "user", "User of the cluster.", .value = "\"admin\"" },
	{ "rbd_image", MUST, "image", "Name of the image." },
	{ "rbd_pool", TF_OPTIONAL, "pool", "Pool of the image.", .value = "\"rbd\"" },
	{ "read_only", TF_OPTIONAL, NULL, "Whether it may not be written to.", .type = T_BOOL },
	{ "secret_ref", ONE, NULL, "Secret with the user's key.", .sub = secret_ref },
	{ 0 },
};

static const struct tf_attr vsphere_volume[] = {
	{ "fs_type", TF_OPTIONAL, NULL, "File system." },
	{ "volume_path", MUST, NULL, "Path of the volume." },
	{ 0 },
};

static const struct tf_attr volume[] = {
	{ "name", TF_OPTIONAL | TYPED_KEY, NULL, "Name; unique in the pod." },
	{ "aws_elastic_block_store", ONE, NULL, "A disk of AWS.", .sub = aws_elastic_block_store },
	{ "azure_disk", ONE, NULL, "A disk of Azure.", .sub = azure_disk },
	{ "azure_file", ONE, NULL, "A share of Azure.", .sub = azure_file },
	{ "ceph_fs", ONE, "cephfs", "A file system of Ceph.", .sub = ceph_fs },
	{ "cinder", ONE, NULL, "A volume of OpenStack.", .sub = cinder },
	{ "config_map", ONE, NULL, "A ConfigMap as files.", .sub = config_map_volume },
	{ "csi", ONE, NULL, "A volume of a driver's own kind.", .sub = csi },
	{ "downward_api", ONE, NULL, "Fields of the pod as files.", .sub = downward_api },
	{ "empty_dir", ONE, NULL, "A folder that is there as long as the pod.", .sub = empty_dir },
	{ "ephemeral", ONE, NULL, "A claim that is there as long as the pod.", .sub = ephemeral },
	{ "fc", ONE, NULL, "A unit of Fibre Channel.", .sub = fc },
	{ "flex_volume", ONE, NULL, "A volume of an old driver's.", .sub = flex_volume },
	{ "flocker", ONE, NULL, "A data set of Flocker.", .sub = flocker },
	{ "gce_persistent_disk", ONE, NULL, "A disk of Google.", .sub = gce_persistent_disk },
	{ "git_repo", ONE, NULL, "A working tree of git.", .sub = git_repo },
	{ "glusterfs", ONE, NULL, "A volume of Gluster.", .sub = glusterfs },
	{ "host_path", ONE, NULL, "A path of the node.", .sub = host_path },
	{ "iscsi", ONE, NULL, "A unit of iSCSI.", .sub = iscsi },
	{ "local", ONE, NULL, "A disk of the node; of PersistentVolumes.", .sub = local },
	{ "nfs", ONE, NULL, "A path of an NFS server.", .sub = nfs },
	{ "persistent_volume_claim", ONE, NULL, "What a claim is bound to.", .sub = claim_volume },
	{ "photon_persistent_disk", ONE, NULL, "A disk of Photon.", .sub = photon_persistent_disk },
	{ "projected", ONE, NULL, "Several of these in one folder.", .sub = projected },
	{ "quobyte", ONE, NULL, "A volume of Quobyte.", .sub = quobyte },
	{ "rbd", ONE, NULL, "A block device of Ceph.", .sub = rbd },
	{ "secret", ONE, NULL, "A Secret as files.", .sub = secret_volume },
	{ "vsphere_volume", ONE, NULL, "A disk of vSphere.", .sub = vsphere_volume },
	{ 0 },
};

/* ---- the pod ---- */

static const struct tf_attr dns_option[] = {
	{ "name", MUST, NULL, "Name of the option." },
	{ "value", TF_OPTIONAL, NULL, "Its value, if it has one." },
	{ 0 },
};

static const struct tf_attr dns_config[] = {
	{ "nameservers", TF_OPTIONAL, NULL, "Addresses of servers.", .type = T_LIST },
	{ "searches", TF_OPTIONAL, NULL, "Domains that names are looked for in.", .type = T_LIST },
	{ "option", MANY, "options", "Options of the resolver.", .sub = dns_option },
	{ 0 },
};

static const struct tf_attr host_aliases[] = {
	{ "hostnames", MUST, NULL, "Names of the address.", .type = T_LIST },
	{ "ip", MUST | TYPED_KEY, NULL, "Address." },
	{ 0 },
};

static const struct tf_attr image_pull_secrets[] = {
	{ "name", MUST | TYPED_KEY, NULL, "Name of the Secret." },
	{ 0 },
};

static const struct tf_attr os[] = {
	{ "name", MUST, NULL, "linux or windows." },
	{ 0 },
};

static const struct tf_attr readiness_gate[] = {
	{ "condition_type", MUST, NULL, "Condition of the pod that has to be true." },
	{ 0 },
};

/* What ends is started again, by default, as its kind has it. */
#define POD_SPEC(restart)                                                                          \
	{ "active_deadline_seconds", TF_OPTIONAL, NULL, "After so long it is ended.",              \
	  .type = T_NUMBER },                                                                      \
		{ "automount_service_account_token", TF_OC, NULL,                                  \
		  "Whether the token of the service account is mounted.", .type = T_BOOL },        \
		{ "dns_policy", TF_OPTIONAL, NULL,                                                 \
		  "ClusterFirst, ClusterFirstWithHostNet, Default or None.",                       \
		  .value = "\"ClusterFirst\"" },                                                   \
		{ "enable_service_links",                                                          \
		  TF_OPTIONAL,                                                                     \
		  NULL,                                                                            \
		  "Whether Services are told by variables of the environment.",                    \
		  .type = T_BOOL,                                                                  \
		  .value = "true" },                                                               \
		{ "host_ipc", TF_OPTIONAL, "hostIPC", "Whether it shares the node's IPC.",         \
		  .type = T_BOOL },                                                                \
		{ "host_network", TF_OPTIONAL, NULL, "Whether it shares the node's network.",      \
		  .type = T_BOOL },                                                                \
		{ "host_pid", TF_OPTIONAL, "hostPID", "Whether it sees the node's processes.",     \
		  .type = T_BOOL },                                                                \
		{ "hostname", TF_OC, NULL, "Its host name; by default the pod's name." },          \
		{ "node_name", TF_OC, NULL, "Node it is put on without the scheduler." },          \
		{ "node_selector", TF_OPTIONAL, NULL, "Labels that its node has to have.",         \
		  .type = T_MAP },                                                                 \
		{ "priority_class_name", TF_OPTIONAL, NULL, "Priority class." },                   \
		{ "restart_policy", TF_OPTIONAL, NULL, "Always, OnFailure or Never.",              \
		  .value = (restart) },                                                            \
		{ "runtime_class_name", TF_OPTIONAL, NULL, "Runtime class." },                     \
		{ "scheduler_name", TF_OC, NULL, "Scheduler that places it." },                    \
		{ "service_account_name", TF_OC, NULL, "Service account it runs as." },            \
		{ "share_process_namespace", TF_OPTIONAL, NULL,                                    \
		  "Whether its containers see each other's processes.", .type = T_BOOL },          \
		{ "subdomain", TF_OPTIONAL, NULL, "Subdomain of its host name." },                 \
		{ "termination_grace_period_seconds",  TF_OPTIONAL,      NULL,                     \
		  "How long it has to end by itself.", .type = T_NUMBER, .value = "30" },          \
		{ "affinity", ONE, NULL, "Where it likes to be.", .sub = affinity },               \
		{ "container", MANY, "containers", "A container.", .sub = container },             \
		{ "dns_config", ONE, NULL, "Settings of its resolver.", .sub = dns_config },       \
		{ "host_aliases", MANY, NULL, "A line of its /etc/hosts.", .sub = host_aliases },  \
		{ "image_pull_secrets", MANY, NULL, "Credentials for its images.",                 \
		  .sub = image_pull_secrets },                                                     \
		{ "init_container", MANY, "initContainers",                                        \
		  "A container that has to end before the others start.", .sub = container },      \
		{ "os", ONE, NULL, "Operating system it needs.", .sub = os },                      \
		{ "readiness_gate", MANY, "readinessGates",                                        \
		  "A further condition of its being ready.", .sub = readiness_gate },              \
		{ "security_context", ONE, NULL, "What it may do.", .sub = pod_security_context }, \
		{ "toleration", MANY, "tolerations", "A taint of nodes that it puts up with.",     \
		  .sub = toleration },                                                             \
		{ "topology_spread_constraint", MANY, "topologySpreadConstraints",                 \
		  "How it is spread over domains.", .sub = topology_spread_constraint },           \
	{                                                                                          \
		"volume", MANY, "volumes", "A volume for its containers.", .sub = volume           \
	}

static const struct tf_attr pod_spec[] = {
	POD_SPEC("\"Always\""),
	{ 0 },
};

const struct tf_attr rows_deployment_template[] = {
	{ "metadata", ONE | MUST, NULL, "Labels and annotations of the pods.",
	  .sub = rows_inner_metadata },
	{ "spec", ONE | MUST, NULL, "The pods.", .sub = pod_spec },
	{ 0 },
};

const struct tf_attr rows_pod_template[] = {
	{ "metadata", ONE | MUST, NULL, "Labels and annotations of the pods.",
	  .sub = rows_inner_metadata },
	{ "spec", ONE, NULL, "The pods.", .sub = pod_spec },
	{ 0 },
};

/* The server refuses Always for what is to end. */
static const struct tf_attr job_pod_spec[] = {
	POD_SPEC("\"Never\""),
	{ 0 },
};

const struct tf_attr rows_job_pod_template[] = {
	{ "metadata", ONE | MUST, NULL, "Labels and annotations of the pods.",
	  .sub = rows_template_metadata },
	{ "spec", ONE, NULL, "The pods.", .sub = job_pod_spec },
	{ 0 },
};

#include "rows.h"

/* ---- services ---- */

static const struct tf_attr service_port[] = {
	{ "app_protocol", TF_OPTIONAL, NULL, "What is spoken there, as in kubernetes.io/h2c." },
	{ "name", TF_OPTIONAL, NULL, "Name; needed where there are several." },
	{ "node_port", TF_OC, NULL, "Port of the nodes.", .type = T_NUMBER },
	{ "port", MUST | TYPED_KEY, NULL, "Port of the service.", .type = T_NUMBER },
	{ "protocol", TF_OPTIONAL | TYPED_KEY, NULL, "TCP, UDP or SCTP.", .value = "\"TCP\"" },
	{ "target_port", TF_OC | TYPED_INT_OR_STRING, NULL, "Number or name of the pods' port." },
	{ 0 },
};

static const struct tf_attr client_ip[] = {
	{ "timeout_seconds", TF_OC, NULL, "How long a client stays with its pod.",
	  .type = T_NUMBER },
	{ 0 },
};

static const struct tf_attr session_affinity_config[] = {
	{ "client_ip", ONE, "clientIP", "By the client's address.", .sub = client_ip },
	{ 0 },
};

static const struct tf_attr service_spec[] = {
	{ "allocate_load_balancer_node_ports", TF_OPTIONAL, NULL,
	  "Whether a LoadBalancer has ports of the nodes.", .type = T_BOOL, .value = "true" },
	{ "cluster_ip", TF_OC | TF_NEW, "clusterIP", "Its address; None for no address." },
	{ "cluster_ips", TF_OC, "clusterIPs", "Its addresses, of both families.", .type = T_LIST },
	{ "external_ips", TF_OPTIONAL, "externalIPs", "Further addresses that nodes take for it.",
	  .type = T_SET },
	{ "external_name", TF_OPTIONAL, NULL, "Name that its own stands for (ExternalName)." },
	{ "external_traffic_policy", TF_OC, NULL, "Cluster or Local." },
	{ "health_check_node_port", TF_OC | TF_NEW, NULL, "Port that tells which nodes have pods.",
	  .type = T_NUMBER },
	{ "internal_traffic_policy", TF_OC, NULL, "Cluster or Local." },
	{ "ip_families", TF_OC, NULL, "IPv4, IPv6.", .type = T_LIST },
	{ "ip_family_policy", TF_OC, NULL, "SingleStack, PreferDualStack or RequireDualStack." },
	{ "load_balancer_class", TF_OPTIONAL | TF_NEW, NULL, "Which load balancers." },
	{ "load_balancer_ip", TF_OPTIONAL, "loadBalancerIP", "Address that is asked for." },
	{ "load_balancer_source_ranges", TF_OPTIONAL, NULL, "Who may connect.", .type = T_SET },
	{ "publish_not_ready_addresses", TF_OPTIONAL, NULL,
	  "Whether pods count that are not ready.", .type = T_BOOL, .value = "false" },
	{ "selector", TF_OPTIONAL, NULL, "Labels of its pods.", .type = T_MAP },
	{ "session_affinity", TF_OPTIONAL, NULL, "None or ClientIP.", .value = "\"None\"" },
	{ "type", TF_OPTIONAL, NULL, "ClusterIP, NodePort, LoadBalancer or ExternalName.",
	  .value = "\"ClusterIP\"" },
	{ "port", MANY, "ports", "A port.", .sub = service_port },
	{ "session_affinity_config", ONE, NULL, "Details of ClientIP.",
	  .sub = session_affinity_config },
	{ 0 },
};

static const struct tf_attr service_address[] = {
	{ "hostname", TF_COMPUTED, NULL, "Name of the load balancer." },
	{ "ip", TF_COMPUTED, NULL, "Address of the load balancer." },
	{ "ip_mode", TF_COMPUTED, NULL, "VIP or Proxy." },
	{ 0 },
};

static const struct tf_attr service_balancer[] = {
	{ "ingress", TF_COMPUTED, NULL, "Addresses.", .sub = service_address },
	{ 0 },
};

static const struct tf_attr service_status[] = {
	{ "load_balancer", TF_COMPUTED | TF_UNIQUE, NULL, "The load balancer.",
	  .sub = service_balancer },
	{ 0 },
};

static const struct tf_attr service_rows[] = {
	{ "status", TF_COMPUTED | TF_UNIQUE | TYPED_FOLLOWS, NULL, "What became of it.",
	  .sub = service_status },
	{ "wait_for_load_balancer", TF_OPTIONAL, "",
	  "Whether to wait until a LoadBalancer has an address.", .type = T_BOOL, .value = "true" },
	METADATA,
	{ "spec", ONE | MUST, NULL, "What is wanted.", .sub = service_spec },
	{ 0 },
};

#define SERVICE .api_version = "v1", .kind = "Service", .namespaced = true
#define SERVICE_WAIT \
	.wait = WAIT_READY, .wait_row = "wait_for_load_balancer", .wait_on_update = true
const struct typed_kind typed_service_v1 = {
	RESOURCE("service_v1", service_rows, .version = 1, .minutes = { .create = 10 },
		 .doc = "One address for many pods.",
		 .example = "resource \"kubernetes_service_v1\" \"web\" {\n"
			    "  metadata {\n"
			    "    name = \"web\"\n"
			    "  }\n"
			    "  spec {\n"
			    "    selector = { app = \"web\" }\n"
			    "    port {\n"
			    "      port        = 80\n"
			    "      target_port = \"http\"\n"
			    "    }\n"
			    "  }\n"
			    "}\n"),
	SERVICE, SERVICE_WAIT
};
const struct typed_kind typed_service = { RESOURCE("service", service_rows, .version = 1,
						   .minutes = { .create = 10 }, OLD("service_v1")),
					  SERVICE, SERVICE_WAIT };

static const struct tf_attr data_service_rows[] = {
	{ "status", TF_COMPUTED | TF_UNIQUE, NULL, "What became of it.", .sub = service_status },
	{ "spec", TF_COMPUTED | TF_UNIQUE, NULL, "What is wanted.", .sub = service_spec },
	DATA_METADATA,
	{ 0 },
};

const struct typed_kind typed_data_service_v1 = {
	DATA("service_v1", data_service_rows, .doc = "A service that is there already.",
	     .example = "data \"kubernetes_service_v1\" \"api\" {\n"
			"  metadata {\n"
			"    name = \"kubernetes\"\n"
			"  }\n"
			"}\n"),
	SERVICE
};
const struct typed_kind typed_data_service = {
	DATA("service", data_service_rows, OLD("service_v1")), SERVICE
};

/* ---- ingresses ---- */

static const struct tf_attr backend_resource[] = {
	{ "api_group", MUST, NULL, "Group of its kind." },
	{ "kind", MUST, NULL, "Its kind." },
	{ "name", MUST, NULL, "Its name." },
	{ 0 },
};

static const struct tf_attr backend_port[] = {
	{ "name", TF_OPTIONAL, NULL, "Name of the service's port." },
	{ "number", TF_OPTIONAL, NULL, "Or its number.", .type = T_NUMBER },
	{ 0 },
};

static const struct tf_attr backend_service[] = {
	{ "name", MUST, NULL, "Its name." },
	{ "port", ONE | MUST, NULL, "Port of it.", .sub = backend_port },
	{ 0 },
};

static const struct tf_attr backend[] = {
	{ "resource", ONE, NULL, "Another object.", .sub = backend_resource },
	{ "service", ONE, NULL, "A service.", .sub = backend_service },
	{ 0 },
};

static const struct tf_attr http_path[] = {
	{ "path", TF_OPTIONAL, NULL, "Path of requests." },
	{ "path_type", TF_OPTIONAL, NULL, "Exact, Prefix or ImplementationSpecific.",
	  .value = "\"ImplementationSpecific\"" },
	{ "backend", ONE, NULL, "Who answers.", .sub = backend },
	{ 0 },
};

static const struct tf_attr http[] = {
	{ "path", MANY | MUST, "paths", "A path.", .sub = http_path },
	{ 0 },
};

static const struct tf_attr ingress_rule[] = {
	{ "host", TF_OPTIONAL, NULL, "Host of requests; all if none." },
	{ "http", ONE, NULL, "By path.", .sub = http },
	{ 0 },
};

static const struct tf_attr ingress_tls[] = {
	{ "hosts", TF_OPTIONAL, NULL, "Hosts of the certificate.", .type = T_LIST },
	{ "secret_name", TF_OPTIONAL, NULL, "Secret with certificate and key." },
	{ 0 },
};

static const struct tf_attr ingress_spec[] = {
	{ "ingress_class_name", TF_OC, NULL, "Which ingress controller." },
	{ "default_backend", ONE, NULL, "Who answers what no rule is for.", .sub = backend },
	{ "rule", MANY, "rules", "What is for whom.", .sub = ingress_rule },
	{ "tls", MANY, NULL, "A certificate.", .sub = ingress_tls },
	{ 0 },
};

static const struct tf_attr ingress_address[] = {
	{ "hostname", TF_COMPUTED, NULL, "Name of the load balancer." },
	{ "ip", TF_COMPUTED, NULL, "Address of the load balancer." },
	{ 0 },
};

static const struct tf_attr ingress_balancer[] = {
	{ "ingress", TF_COMPUTED, NULL, "Addresses.", .sub = ingress_address },
	{ 0 },
};

static const struct tf_attr ingress_status[] = {
	{ "load_balancer", TF_COMPUTED | TF_UNIQUE, NULL, "The load balancer.",
	  .sub = ingress_balancer },
	{ 0 },
};

static const struct tf_attr ingress_rows[] = {
	{ "status", TF_COMPUTED | TF_UNIQUE | TYPED_FOLLOWS, NULL, "What became of it.",
	  .sub = ingress_status },
	{ "wait_for_load_balancer", TF_OPTIONAL, "", "Whether to wait until it has an address.",
	  .type = T_BOOL, .value = "false" },
	METADATA,
	{ "spec", ONE | MUST, NULL, "What is wanted.", .sub = ingress_spec },
	{ 0 },
};

#define INGRESS                                                                       \
	.api_version = "networking.k8s.io/v1", .kind = "Ingress", .namespaced = true, \
	.wait = WAIT_FIELD, .wait_row = "wait_for_load_balancer",                     \
	.field = ".status.loadBalancer.ingress[0]", .matches = "."
const struct typed_kind typed_ingress_v1 = {
	RESOURCE("ingress_v1", ingress_rows, .minutes = { .create = 20, .remove = 20 },
		 .doc = "Requests from outside, by host and path.",
		 .example = "resource \"kubernetes_ingress_v1\" \"shop\" {\n"
			    "  metadata {\n"
			    "    name = \"shop\"\n"
			    "  }\n"
			    "  spec {\n"
			    "    rule {\n"
			    "      host = \"shop.example\"\n"
			    "      http {\n"
			    "        path {\n"
			    "          path      = \"/\"\n"
			    "          path_type = \"Prefix\"\n"
			    "          backend {\n"
			    "            service {\n"
			    "              name = \"web\"\n"
			    "              port {\n"
			    "                number = 80\n"
			    "              }\n"
			    "            }\n"
			    "          }\n"
			    "        }\n"
			    "      }\n"
			    "    }\n"
			    "  }\n"
			    "}\n"),
	INGRESS
};

static const struct tf_attr data_ingress_rows[] = {
	{ "status", TF_COMPUTED | TF_UNIQUE, NULL, "What became of it.", .sub = ingress_status },
	{ "spec", TF_COMPUTED | TF_UNIQUE, NULL, "What is wanted.", .sub = ingress_spec },
	DATA_METADATA,
	{ 0 },
};

const struct typed_kind typed_data_ingress_v1 = {
	DATA("ingress_v1", data_ingress_rows, .doc = "An ingress that is there already.",
	     .example = "resource \"kubernetes_ingress_v1\" \"blog\" {\n"
			"  metadata {\n"
			"    name = \"blog\"\n"
			"  }\n"
			"  spec {\n"
			"    default_backend {\n"
			"      service {\n"
			"        name = \"blog\"\n"
			"        port {\n"
			"          number = 80\n"
			"        }\n"
			"      }\n"
			"    }\n"
			"  }\n"
			"}\n"
			"\n"
			"data \"kubernetes_ingress_v1\" \"blog\" {\n"
			"  metadata {\n"
			"    name = kubernetes_ingress_v1.blog.metadata[0].name\n"
			"  }\n"
			"}\n"),
	INGRESS
};

/* ---- network policies ---- */

static const struct tf_attr policy_port[] = {
	{ "end_port", TF_OPTIONAL, NULL, "Last port of a range.", .type = T_NUMBER },
	{ "port", TF_OPTIONAL | TYPED_INT_OR_STRING, NULL, "Number or name; all if none." },
	{ "protocol", TF_OPTIONAL, NULL, "TCP, UDP or SCTP.", .value = "\"TCP\"" },
	{ 0 },
};

static const struct tf_attr ip_block[] = {
	{ "cidr", TF_OPTIONAL, NULL, "Addresses." },
	{ "except", TF_OPTIONAL, NULL, "But not these.", .type = T_LIST },
	{ 0 },
};

static const struct tf_attr peer[] = {
	{ "ip_block", ONE, NULL, "By address.", .sub = ip_block },
	{ "namespace_selector", ONE, NULL, "By labels of the namespace.", .sub = rows_selector },
	{ "pod_selector", ONE, NULL, "By labels of the pod.", .sub = rows_selector },
	{ 0 },
};

static const struct tf_attr egress[] = {
	{ "ports", MANY, NULL, "Ports; all if none.", .sub = policy_port },
	{ "to", MANY, NULL, "To whom; anybody if none.", .sub = peer },
	{ 0 },
};

static const struct tf_attr ingress_from[] = {
	{ "from", MANY, NULL, "From whom; anybody if none.", .sub = peer },
	{ "ports", MANY, NULL, "Ports; all if none.", .sub = policy_port },
	{ 0 },
};

static const struct tf_attr network_policy_spec[] = {
	{ "policy_types", MUST, NULL, "Ingress, Egress: what it is about.", .type = T_LIST },
	{ "egress", MANY, NULL, "What may go out.", .sub = egress },
	{ "ingress", MANY, NULL, "What may come in.", .sub = ingress_from },
	{ "pod_selector", ONE | MUST, NULL, "Whom it is about; all pods if empty.",
	  .sub = rows_selector },
	{ 0 },
};

static const struct tf_attr network_policy_rows[] = {
	METADATA,
	{ "spec", ONE | MUST, NULL, "What is wanted.", .sub = network_policy_spec },
	{ 0 },
};

#define NETWORK_POLICY \
	.api_version = "networking.k8s.io/v1", .kind = "NetworkPolicy", .namespaced = true
const struct typed_kind typed_network_policy_v1 = {
	RESOURCE("network_policy_v1", network_policy_rows,
		 .doc = "Who may talk to some pods, and they to whom.",
		 .example = "resource \"kubernetes_network_policy_v1\" \"database\" {\n"
			    "  metadata {\n"
			    "    name = \"database\"\n"
			    "  }\n"
			    "  spec {\n"
			    "    policy_types = [\"Ingress\"]\n"
			    "    pod_selector {\n"
			    "      match_labels = { app = \"database\" }\n"
			    "    }\n"
			    "    ingress {\n"
			    "      from {\n"
			    "        pod_selector {\n"
			    "          match_labels = { app = \"shop\" }\n"
			    "        }\n"
			    "      }\n"
			    "      ports {\n"
			    "        port = \"5432\"\n"
			    "      }\n"
			    "    }\n"
			    "  }\n"
			    "}\n"),
	NETWORK_POLICY
};
const struct typed_kind typed_network_policy = {
	RESOURCE("network_policy", network_policy_rows, OLD("network_policy_v1")), NETWORK_POLICY
};

#include <string.h>

#include "openstack/shared.h"

extern const struct resource os_network, os_security_group, os_subnet;

static const struct attr pair_attrs[] = {
	{ "ip_address", STR, 0, "Address or CIDR." },
	{ "mac_address", STR, 0, "MAC address; the port's own by default." },
	{ 0 },
};

static const struct attr dhcp_attrs[] = {
	{ "opt_name", STR, REQUIRED, "Name of the DHCP option." },
	{ "opt_value", STR, REQUIRED, "Its value." },
	{ "ip_version", INT, 0, "Version of IP it is for." },
	{ 0 },
};

static const struct attr ip_attrs[] = {
	{ "ip_address", STR, 0, "Address; any free one of the subnet by default." },
	{ "subnet_id", STR, 0, "Subnet the address is from.", .ref = &os_subnet },
	{ 0 },
};

static struct err *set_dhcp(struct op *op, const struct attr *a, struct json_object *value);

static const struct attr attrs[] = {
	{ "id", STR, READONLY | FILTER, "ID of the port." },
	{ "name", STR, REQUIRED | FILTER, "Name of the port." },
	{ "network_id", STR, IDENTITY | FIXED,
	  "Network it is part of; the name is looked for there.", .option = "network",
	  .states = "present", .ref = &os_network },
	{ "description", STR, FILTER, "Free text for people." },
	{ "is_admin_state_up", BOOL, FILTER, "Whether it lets packets through.",
	  .wire = "admin_state_up", .aliases = "admin_state_up" },
	{ "fixed_ips", SET, FILTER, "Its addresses: exactly these.", .sub = ip_attrs },
	{ "security_group_ids", SET, FILTER, "Security groups it is in: exactly these.",
	  .option = "security_groups", .wire = "security_groups", .ref = &os_security_group },
	{ "no_security_groups", BOOL, OPTION, "Whether it is in no security group.",
	  .value = "false" },
	{ "is_port_security_enabled", BOOL, 0, "Whether it is protected.",
	  .wire = "port_security_enabled", .aliases = "port_security_enabled" },
	{ "allowed_address_pairs", SET, 0, "Further addresses it may send from: exactly these.",
	  .sub = pair_attrs },
	{ "extra_dhcp_opts", SET, BORN, "Further options that DHCP tells: exactly these.",
	  .sub = dhcp_attrs, .set = set_dhcp },
	{ "mac_address", STR, FILTER, "Its MAC address." },
	{ "device_id", STR, FILTER, "ID of what uses it." },
	{ "device_owner", STR, FILTER, "Kind of what uses it, such as compute:nova." },
	{ "binding_profile", MAP, 0, "What the host needs to know to plug it in.",
	  .wire = "binding:profile" },
	{ "binding_vnic_type", STR, 0, "How it is plugged in.", .wire = "binding:vnic_type",
	  .aliases = "vnic_type",
	  .choices = "normal direct direct-physical macvtap baremetal virtio-forwarder" },
	{ "dns_name", STR, 0, "Host name for DNS." },
	{ "dns_domain", STR, 0, "Domain for DNS." },
	{ "binding_host_id", STR, READONLY | FILTER, "Host it is plugged in on.",
	  .wire = "binding:host_id" },
	{ "binding_vif_details", MAP, READONLY, "How the host plugged it in.",
	  .wire = "binding:vif_details" },
	{ "binding_vif_type", STR, READONLY, "What the host plugged it into.",
	  .wire = "binding:vif_type" },
	{ "data_plane_status", STR, READONLY, "What the data plane says of it." },
	{ "device_profile", STR, READONLY, "Accelerator profile." },
	{ "dns_assignment", LIST, READONLY, "Names and addresses DNS has for it.", .elem = MAP },
	{ "ip_allocation", STR, READONLY | FILTER, "When it gets its addresses." },
	{ "numa_affinity_policy", STR, READONLY, "How close to its NUMA node it has to be." },
	{ "project_id", STR, READONLY | FILTER, "Project that owns it." },
	{ "propagate_uplink_status", BOOL, READONLY, "Whether it shows the state of its uplink." },
	{ "qos_network_policy_id", STR, READONLY, "QoS policy of its network." },
	{ "qos_policy_id", STR, READONLY, "Its own QoS policy." },
	{ "resource_request", MAP, READONLY, "What placement has to find for it." },
	{ "status", STR, READONLY | FILTER, "ACTIVE, DOWN, BUILD or ERROR." },
	{ "tags", SET, READONLY | FILTER, "Labels." },
	{ "tenant_id", STR, READONLY | FILTER, "The project once more." },
	{ "trunk_details", MAP, READONLY, "The trunk it is the parent of." },
	{ "revision_number", INT, READONLY | FILTER, "Counts its changes." },
	{ "created_at", STR, READONLY, "When it was made." },
	{ "updated_at", STR, READONLY, "When it was last changed." },
	{ 0 },
};

static struct err *prepare(struct op *op)
{
	static const struct {
		const char *list, *key;
	} addresses[] = { { "fixed_ips", "ip_address" },
			  { "allowed_address_pairs", "ip_address" } };
	struct json_object *want = op->want;
	struct json_object *pairs = json_at(want, "allowed_address_pairs");

	if (json_truth(want, "no_security_groups", false)) {
		if (json_has(want, "security_group_ids"))
			return err_new(ERR_USAGE, "parameters are mutually exclusive: "
						  "no_security_groups|security_groups");
		json_set(want, "security_group_ids", json_object_new_array());
	}
	for (size_t i = 0; i < COUNT(addresses); i++) {
		struct json_object *list = json_at(want, addresses[i].list);

		for (size_t k = 0; k < json_len(list); k++)
			address_tidy(json_nth(list, k), addresses[i].key);
	}
	for (size_t i = 0; i < json_len(pairs); i++)
		lower_case(json_nth(pairs, i), "mac_address");
	lower_case(want, "mac_address");
	return NULL;
}

/* Neutron keeps the DHCP options that a change does not name: those in excess are sent with null. */
static struct err *set_dhcp(struct op *op, const struct attr *a, struct json_object *value)
{
	struct json_object *have = json_at(op->have, a->name);
	struct json_object *opts = json_copy(value);
	AUTO_JSON body = json_wrap("port", json_wrap(a->name, opts));
	AUTO_STR tail = xasprintf("/%s", op->id);
	struct err *e;

	for (size_t i = 0; i < json_len(have); i++) {
		struct json_object *old = json_nth(have, i);
		bool wanted = false;

		for (size_t k = 0; k < json_len(value) && !wanted; k++) {
			struct json_object *new = json_nth(value, k);

			wanted = json_object_equal(json_at(new, "opt_name"),
						   json_at(old, "opt_name")) &&
				 json_int(new, "ip_version", 4) == json_int(old, "ip_version", 4);
		}
		if (wanted)
			continue;
		struct json_object *old_one = json_copy(old);
		json_set(old_one, "opt_value", NULL);
		json_object_array_add(opts, old_one);
	}
	e = op_call(op, "PUT", tail, body, NULL);
	if (!e)
		json_set(op->have, a->name, json_copy(value));
	return e;
}

static const struct info info = {
	.name = "port_info",
	.doc = "Tell about ports.",
	.returns = "ports",
	.name_aliases = "port",
	.example = "- name: Ports that are not plugged in\n"
		   "  treenail.openstack.port_info:\n"
		   "    cloud: demo\n"
		   "    filters: {status: DOWN}\n",
};

const struct resource os_port = {
	.name = "port",
	.doc = "Make, change or delete ports of networks.",
	.service = "network",
	.path = "/v2.0/ports",
	.key = "port",
	.keys = "ports",
	.update = "PUT",
	.flags = BULK,
	.attrs = attrs,
	.prepare = prepare,
	.info = &info,
	.example = "- name: A network\n"
		   "  treenail.openstack.network:\n"
		   "    cloud: demo\n"
		   "    name: backend\n"
		   "\n"
		   "- name: Three ports, with one request\n"
		   "  treenail.openstack.port:\n"
		   "    cloud: demo\n"
		   "    network: backend\n"
		   "    security_groups: [default]\n"
		   "    items:\n"
		   "      - {name: node1}\n"
		   "      - {name: node2}\n"
		   "      - {name: node3}\n"
		   "\n"
		   "- name: Away with them\n"
		   "  treenail.openstack.port:\n"
		   "    cloud: demo\n"
		   "    state: absent\n"
		   "    items: [{name: node1}, {name: node2}, {name: node3}]\n"
		   "\n"
		   "- name: Away with the network\n"
		   "  treenail.openstack.network:\n"
		   "    cloud: demo\n"
		   "    name: backend\n"
		   "    state: absent\n",
};

#include <ctype.h>
#include <string.h>

#include "openstack/rules.h"
#include "openstack/shared.h"
#include "text.h"

/* Numbers and further names of the protocols that Neutron knows by name: "name number alias". */
static const char *const protocols[] = {
	"icmp 1",        "igmp 2",       "ipip 4",        "tcp 6",         "egp 8",
	"udp 17",        "dccp 33",      "ipv6-encap 41", "ipv6-route 43", "ipv6-frag 44",
	"rsvp 46",       "gre 47",       "esp 50",        "ah 51",         "ipv6-icmp 58 icmpv6",
	"ipv6-nonxt 59", "ipv6-opts 60", "ospf 89",       "vrrp 112",      "pgm 113",
	"sctp 132",      "udplite 136",
};

static const char with_ports[] = "tcp udp dccp sctp udplite";
static const char with_types[] = "icmp ipv6-icmp";

enum { PORT_MIN = 1, PORT_MAX = 65535 };

/* One name for each protocol; "" for all of them. */
static char *protocol_name(struct json_object *v)
{
	AUTO_STR text = v ? json_text(v) : xstrdup("");

	for (char *s = text; *s; s++)
		*s = (char)tolower((unsigned char)*s);
	if (strcmp(text, "any") == 0)
		*text = '\0';
	for (size_t i = 0; i < COUNT(protocols); i++)
		if (words_have(protocols[i], text))
			return xstrndup(protocols[i], words_len(protocols[i]));
	return TAKE(text);
}

void rule_tidy(struct json_object *rule)
{
	AUTO_STR protocol = protocol_name(json_at(rule, "protocol"));
	const char *given = json_str(rule, "protocol");
	const bool any = !*protocol || strcmp(protocol, "0") == 0;
	const bool some = words_have(with_ports, protocol);
	const int64_t min = json_int(rule, "port_range_min", 0);
	const int64_t max = json_int(rule, "port_range_max", 0);

	if (any)
		json_object_object_del(rule, "protocol");
	else if (strspn(given, "0123456789") != strlen(given))
		json_sets(rule, "protocol", protocol);
	if ((given && any) || (some && min == PORT_MIN && max == PORT_MAX)) {
		json_object_object_del(rule, "port_range_min");
		json_object_object_del(rule, "port_range_max");
	}
	if (min == -1 && (some || words_have(with_types, protocol)))
		json_object_object_del(rule, "port_range_min");
	if (max == -1 && (some || words_have(with_types, protocol)))
		json_object_object_del(rule, "port_range_max");
	const char *prefix = json_str(rule, "remote_ip_prefix");
	if (prefix && *prefix && !strchr(prefix, '/')) {
		AUTO_STR whole = xasprintf("%s/%d", prefix, strchr(prefix, ':') ? 128 : 32);

		json_sets(rule, "remote_ip_prefix", whole);
	}
}

/* From 0.0.0.0/0 is from anywhere. */
static char *prefix_text(struct json_object *rule)
{
	const char *prefix = json_str(rule, "remote_ip_prefix");
	char *text = prefix ? address_text(prefix) : xstrdup("");
	const char *slash = strchr(text, '/');

	if (slash && strcmp(slash, "/0") == 0) {
		*text = '\0';
	} else if (*text && !slash) {
		char *whole = xasprintf("%s/%d", text, strchr(text, ':') ? 128 : 32);

		free(text);
		return whole;
	}
	return text;
}

/* -1: all. */
static int64_t port(struct json_object *rule, const char *key, const char *protocol)
{
	const int64_t min = json_int(rule, "port_range_min", -1);
	const int64_t max = json_int(rule, "port_range_max", -1);

	if (words_have(with_ports, protocol) && min <= PORT_MIN && (max == PORT_MAX || max == -1))
		return -1;
	return json_int(rule, key, -1);
}

static const char *ether_type(struct json_object *rule)
{
	const char *s = json_str(rule, "ether_type");

	if (!s)
		s = json_str(rule, "ethertype");
	return s ? s : "IPv4";
}

static const char *str(struct json_object *rule, const char *key)
{
	const char *s = json_str(rule, key);

	return s ? s : "";
}

bool rule_same(struct json_object *x, struct json_object *y)
{
	AUTO_STR protocol = protocol_name(json_at(x, "protocol"));
	AUTO_STR other = protocol_name(json_at(y, "protocol"));

	if (strcmp(protocol, other) != 0 || strcmp(ether_type(x), ether_type(y)) != 0)
		return false;
	for (const char *const *key =
		     (const char *const[]){ "port_range_min", "port_range_max", NULL };
	     *key; key++)
		if (port(x, *key, protocol) != port(y, *key, protocol))
			return false;
	for (const char *const *key = (const char *const[]){ "direction", "remote_group_id",
							     "remote_address_group_id", NULL };
	     *key; key++)
		if (strcmp(str(x, *key), str(y, *key)) != 0)
			return false;
	AUTO_STR prefix = prefix_text(x);
	AUTO_STR prefix_other = prefix_text(y);
	return strcmp(prefix, prefix_other) == 0;
}

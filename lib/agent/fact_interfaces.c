#include <arpa/inet.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/facts.h"

/* By two dumps of netlink (rtnetlink(7)): thousands of interfaces cost milliseconds, and no process. */
enum { ANSWER = 64 << 10, MAC_MAX = 32 };

struct list {
	struct json_object *by_name;
	/* The same by index, for the addresses. */
	struct json_object **by_index;
	size_t room;
};

/* Without the counters, which are most of what there is to say of an interface. */
struct request {
	struct nlmsghdr head;
	struct ifinfomsg body;
	struct rtattr attr;
	uint32_t filter;
};

/* Lengths are signed, as these macros let them fall below 0. */
static const struct rtattr *find(const struct rtattr *at, int left, unsigned short type)
{
	for (; RTA_OK(at, left); at = RTA_NEXT(at, left))
		if (at->rta_type == type)
			return at;
	return NULL;
}

static struct json_object *mac_text(const struct rtattr *at)
{
	const unsigned char *s = at ? RTA_DATA(at) : NULL;
	const size_t n = at ? RTA_PAYLOAD(at) : 0;
	char text[3 * MAC_MAX + 1] = "";

	if (!n || n > MAC_MAX)
		return NULL;
	for (size_t i = 0; i < n; i++)
		(void)snprintf(text + 3 * i, 4, "%02x%s", s[i], i + 1 < n ? ":" : "");
	return json_object_new_string(text);
}

static void keep(struct list *l, int index, struct json_object *o)
{
	const size_t i = (size_t)index;

	if (index < 0 || index > (1 << 24))
		return;
	if (i >= l->room) {
		const size_t room = 2 * i + 64;

		l->by_index = xrealloc(l->by_index, room, sizeof(*l->by_index));
		memset(l->by_index + l->room, 0, (room - l->room) * sizeof(*l->by_index));
		l->room = room;
	}
	l->by_index[i] = o;
}

static void take_link(struct list *l, const struct nlmsghdr *m)
{
	const struct ifinfomsg *info = NLMSG_DATA(m);
	const struct rtattr *attrs = IFLA_RTA(info);
	const int n = (int)m->nlmsg_len - (int)NLMSG_LENGTH(sizeof(*info));
	const struct rtattr *name = find(attrs, n, IFLA_IFNAME), *mtu = find(attrs, n, IFLA_MTU);
	struct json_object *o;
	uint32_t bytes = 0;

	if (!name)
		return;
	if (mtu && RTA_PAYLOAD(mtu) == sizeof(bytes))
		memcpy(&bytes, RTA_DATA(mtu), sizeof(bytes));
	AUTO_STR key = xstrndup(RTA_DATA(name), RTA_PAYLOAD(name));
	o = json_object_new_object();
	json_put(o, "index", json_object_new_int(info->ifi_index));
	json_put(o, "mac", mac_text(find(attrs, n, IFLA_ADDRESS)));
	json_put(o, "mtu", json_object_new_int64(bytes));
	json_put(o, "up", json_object_new_boolean((info->ifi_flags & IFF_UP) != 0));
	json_put(o, "addresses", json_object_new_array());
	json_set(l->by_name, key, o);
	keep(l, info->ifi_index, o);
}

/* Of a point-to-point link IFA_ADDRESS is the other side's. */
static void take_address(struct list *l, const struct nlmsghdr *m)
{
	const struct ifaddrmsg *info = NLMSG_DATA(m);
	const struct rtattr *attrs = IFA_RTA(info);
	const int n = (int)m->nlmsg_len - (int)NLMSG_LENGTH(sizeof(*info));
	const struct rtattr *at = find(attrs, n, IFA_LOCAL);
	char text[INET6_ADDRSTRLEN];

	if (!at)
		at = find(attrs, n, IFA_ADDRESS);
	if (!at || info->ifa_index >= l->room || !l->by_index[info->ifa_index] ||
	    RTA_PAYLOAD(at) != (info->ifa_family == AF_INET ? 4 : 16) ||
	    !inet_ntop(info->ifa_family, RTA_DATA(at), text, sizeof(text)))
		return;
	AUTO_STR whole = xasprintf("%s/%d", text, info->ifa_prefixlen);
	json_object_array_add(json_at(l->by_index[info->ifa_index], "addresses"),
			      json_object_new_string(whole));
}

static struct err *ask(int fd, unsigned short type)
{
	const struct request r = { .head = { .nlmsg_len = sizeof(r),
					     .nlmsg_type = type,
					     .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
				   .attr = { .rta_len = RTA_LENGTH(sizeof(r.filter)),
					     .rta_type = IFLA_EXT_MASK },
				   .filter = RTEXT_FILTER_SKIP_STATS };

	return send(fd, &r, sizeof(r), 0) == sizeof(r) ? NULL : agent_errno("asking the kernel");
}

/* *more false: this was the last part. */
static struct err *take_part(struct list *l, const char *part, int n, bool *more)
{
	const struct nlmsghdr *m = (const struct nlmsghdr *)(const void *)part;

	for (; NLMSG_OK(m, n); m = NLMSG_NEXT(m, n)) {
		if (m->nlmsg_type == NLMSG_DONE)
			*more = false;
		if (m->nlmsg_type == NLMSG_ERROR)
			return err_new(ERR_REMOTE, "the kernel does not tell its interfaces");
		if (m->nlmsg_type == RTM_NEWLINK)
			take_link(l, m);
		if (m->nlmsg_type == RTM_NEWADDR)
			take_address(l, m);
	}
	return NULL;
}

static struct err *dump(struct list *l, int fd, unsigned short type)
{
	char *part = xcalloc(ANSWER, 1);
	struct err *e = ask(fd, type);
	bool more = true;

	while (!e && more) {
		const ssize_t n = recv(fd, part, ANSWER, 0);

		e = n <= 0 ? agent_errno("asking the kernel") : take_part(l, part, (int)n, &more);
	}
	free(part);
	return e;
}

struct err *fact_interfaces(struct step *s, struct json_object **ret)
{
	const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	struct list l = { .by_name = json_object_new_object() };
	struct err *e = fd < 0 ? agent_errno("asking the kernel") : NULL;

	(void)s;
	if (!e)
		e = dump(&l, fd, RTM_GETLINK);
	if (!e)
		e = dump(&l, fd, RTM_GETADDR);
	if (fd >= 0)
		(void)close(fd);
	free(l.by_index);
	if (e)
		json_object_put(l.by_name);
	else
		*ret = l.by_name;
	return e;
}

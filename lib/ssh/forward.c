#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "mem.h"
#include "ssh/jump.h"
#include "ssh/run.h"

/*
 * A forward is a task that accepts, and one for each connection, which moves bytes between its socket
 * and a link (jump.h): to the link the host is a bastion, and what is forwarded to is behind it. So the
 * session that asked is not touched, and may be in the middle of anything.
 */
enum { CONNECTIONS = 64, BACKLOG = 128, CHUNK = 16 << 10 };

/* What is on its way in one direction. */
struct way {
	char s[CHUNK];
	size_t at, len;
	bool over; /* and its end was handed on */
};

struct connection {
	struct connection *next;
	struct ssh_forward *forward;
	struct ssh_session s; /* none: what a link asks of its user */
	struct link *link;
	int fd;
	bool broken;
	struct way there, back;
};

struct ssh_forward {
	struct ssh_forward *next; /* of its session: */
	struct ssh_session *session;
	struct ssh_run *run;
	struct ssh_target target; /* behind the host */
	char *host;
	int fd, port;
	struct task *task;
	struct connection *connections;
	int n;
	bool over; /* closed, or the session's task has ended: all do */
	pthread_mutex_t lock;
	/* Under the lock: */
	char *fault;
	bool held;  /* whoever asked for it has not closed it */
	bool ended; /* the loop has nothing more to do with it */
};

/* ---- the end ---- */

static void remember(struct ssh_forward *f, const char *why)
{
	(void)pthread_mutex_lock(&f->lock);
	free(f->fault);
	f->fault = xstrdup(why);
	(void)pthread_mutex_unlock(&f->lock);
}

char *ssh_forward_fault(struct ssh_forward *f)
{
	char *ret;

	(void)pthread_mutex_lock(&f->lock);
	ret = xstrdup(f->fault);
	(void)pthread_mutex_unlock(&f->lock);
	return ret;
}

int ssh_forward_port(const struct ssh_forward *f)
{
	return f->port;
}

static void free_forward(struct ssh_forward *f)
{
	(void)pthread_mutex_destroy(&f->lock);
	free(f->fault);
	free(f->host);
	free(f);
}

/* Whoever goes last. */
static void leave(struct ssh_forward *f)
{
	bool held;

	if (f->task || f->n) {
		task_wake(f->task); /* there is room for one more */
		return;
	}
	(void)pthread_mutex_lock(&f->lock);
	f->ended = true;
	held = f->held;
	(void)pthread_mutex_unlock(&f->lock);
	if (!held)
		free_forward(f);
}

void ssh_forward_close(struct ssh_forward *f)
{
	bool ended;

	if (!f)
		return;
	(void)pthread_mutex_lock(&f->lock);
	f->held = false;
	ended = f->ended;
	if (!ended)
		loop_poke(run_loop(f->run));
	(void)pthread_mutex_unlock(&f->lock);
	if (ended)
		free_forward(f);
}

static bool is(struct ssh_forward *f, const bool *what)
{
	bool ret;

	(void)pthread_mutex_lock(&f->lock);
	ret = *what;
	(void)pthread_mutex_unlock(&f->lock);
	return ret;
}

bool ssh_forward_ended(struct ssh_forward *f)
{
	return is(f, &f->ended);
}

static void end(struct ssh_forward *f)
{
	struct ssh_forward **at = &f->session->forwards;

	while (*at != f)
		at = &(*at)->next;
	*at = f->next;
	f->over = true;
	task_wake(f->task);
	for (struct connection *c = f->connections; c; c = c->next) {
		c->s.until = c->s.deadline = 0;
		task_wake(c->s.task);
	}
}

void session_end_forwards(struct ssh_session *s)
{
	while (s->forwards)
		end(s->forwards);
}

/* ---- a connection ---- */

/* From the socket to the link. True: something moved. */
static bool go(struct connection *c)
{
	struct way *w = &c->there;
	bool moved = false;
	ssize_t n;

	while (!w->over && !c->broken) {
		if (w->at == w->len) {
			n = recv(c->fd, w->s, sizeof(w->s), MSG_DONTWAIT);
			if (n < 0) {
				c->broken = errno != EAGAIN && errno != EINTR;
				break;
			}
			w->at = 0;
			w->len = (size_t)n;
			w->over = !n;
			moved = true;
			if (w->over)
				link_end(c->link);
			continue;
		}
		n = link_send(c->link, w->s + w->at, w->len - w->at);
		if (n <= 0) {
			c->broken = n != -EAGAIN;
			break;
		}
		w->at += (size_t)n;
		moved = true;
	}
	return moved;
}

/* From the link to the socket. */
static bool come(struct connection *c)
{
	struct way *w = &c->back;
	bool moved = false;
	ssize_t n;

	while (!w->over && !c->broken) {
		if (w->at == w->len) {
			n = link_recv(c->link, w->s, sizeof(w->s));
			if (n < 0) {
				c->broken = n != -EAGAIN;
				break;
			}
			w->at = 0;
			w->len = (size_t)n;
			w->over = !n;
			moved = true;
			if (w->over)
				(void)shutdown(c->fd, SHUT_WR);
			continue;
		}
		n = send(c->fd, w->s + w->at, w->len - w->at, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0) {
			c->broken = errno != EAGAIN && errno != EINTR;
			break;
		}
		w->at += (size_t)n;
		moved = true;
	}
	return moved;
}

static void rest(struct connection *c)
{
	const bool hears = !c->there.over && c->there.at == c->there.len;
	const bool says = c->back.at < c->back.len;

	/* Where nothing is wanted of the socket, its hanging up must not wake us over and over. */
	task_wait(c->s.task, hears || says ? c->fd : -1,
		  (hears ? TASK_READS : 0U) | (says ? TASK_WRITES : 0U), INT64_MAX);
}

static bool is_served(const struct connection *c)
{
	return c->back.over && link_done(c->link);
}

static void serve(struct connection *c)
{
	while (!c->forward->over && !c->broken && !clock_is_cut() && !is_served(c)) {
		bool moved = go(c);

		moved = come(c) || moved;
		if (!moved && !c->broken && !is_served(c))
			rest(c);
	}
	if (c->broken && link_err(c->link))
		remember(c->forward, link_err(c->link)->text);
	c->broken = c->broken || !c->back.over;
}

/* What has broken off must not look like an end. */
static void hang_up(struct connection *c)
{
	const struct linger at_once = { .l_onoff = 1 };

	if (c->broken)
		(void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	task_forget(c->s.task, c->fd);
	(void)close(c->fd);
}

static void run_connection(struct task *t, void *arg)
{
	struct connection *c = arg, **at = &c->forward->connections;
	struct ssh_forward *f = c->forward;
	enum again again;
	struct err *e;

	c->s.task = t;
	c->s.at = xasprintf("%s port %d", f->host, f->target.port);
	e = link_open(run_jumps(f->run), &c->s, &c->link, &again);
	if (e) {
		c->broken = true;
		remember(f, e->text);
		err_free(e);
	} else {
		serve(c);
	}
	link_close(c->link);
	hang_up(c);
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	f->n--;
	free(c->s.at);
	free(c);
	leave(f);
}

/* ---- a forward ---- */

/* Its time to be connected in is its own: the work that asked for the forward may have ended long ago. */
static void add_connection(struct ssh_forward *f, int fd)
{
	struct connection *c = xcalloc(1, sizeof(*c));
	const int64_t due = clock_ms() + run_options(f->run)->host_ms;
	const int64_t until = due < run_deadline(f->run) ? due : run_deadline(f->run);

	c->forward = f;
	c->fd = fd;
	c->s = (struct ssh_session){
		.run = f->run, .target = &f->target, .fd = -1, .deadline = until, .until = until
	};
	c->next = f->connections;
	f->connections = c;
	f->n++;
	c->s.task = loop_add(run_loop(f->run), run_connection, c);
}

static void run_forward(struct task *t, void *arg)
{
	struct ssh_forward *f = arg;

	while (!f->over && is(f, &f->held) && !clock_is_cut()) {
		const int fd = f->n < CONNECTIONS
				       ? accept4(f->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)
				       : -1;

		if (fd >= 0)
			add_connection(f, fd);
		else
			task_wait(t, f->n < CONNECTIONS ? f->fd : -1, TASK_READS | TASK_POKED,
				  INT64_MAX);
	}
	task_forget(t, f->fd);
	(void)close(f->fd);
	f->task = NULL; /* nobody is to wake what ends here */
	if (!f->over)
		end(f);
	leave(f);
}

static int listen_here(int *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	socklen_t n = sizeof(a);

	if (fd < 0)
		return -1;
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0 && listen(fd, BACKLOG) == 0 &&
	    getsockname(fd, (struct sockaddr *)&a, &n) == 0) {
		*port = ntohs(a.sin_port);
		return fd;
	}
	(void)close(fd);
	return -1;
}

struct err *ssh_forward(struct ssh_session *s, const char *host, int port, struct ssh_forward **ret)
{
	int here = 0;
	const int fd = listen_here(&here);
	struct ssh_forward *f;

	if (fd < 0)
		return err_new(ERR_USAGE, "listening on 127.0.0.1, for a way to %s port %d: %s",
			       host, port, strerrordesc_np(errno));
	f = xcalloc(1, sizeof(*f));
	f->run = s->run;
	f->session = s;
	f->held = true;
	f->host = xstrdup(host);
	f->target = (struct ssh_target){ .host = f->host, .port = port, .jump = s->target };
	f->fd = fd;
	f->port = here;
	(void)pthread_mutex_init(&f->lock, NULL);
	f->next = s->forwards;
	s->forwards = f;
	f->task = loop_add(run_loop(s->run), run_forward, f);
	*ret = f;
	return NULL;
}

/* conn.c - open connections and their deadlines.
 *
 * libmicrohttpd only knows inactivity, which a byte now and then outlives. So each connection has a deadline, a plain
 * atomic that its worker stores when a request begins, waits or ends, and one timer a server sweeps the list and shuts
 * down the sockets whose time is over; the library then sees the end and closes. The list's lock is taken when a
 * connection opens and closes and by the sweep, never for a request. A connection leaves the list before the library
 * closes its socket, so that a shutdown cannot hit another file of the same number.
 *
 * A request's time begins with its first byte, but the library tells only of a complete request line: for idle
 * connections the sweep asks the kernel whether bytes have come.
 *
 * A request that waits for a job may take twice its time, as the job has its own deadline; then its client gets a 503
 * while the job still holds the request. */
#include "http/conn.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"

#define NEVER INT64_MAX
enum { FIRST_BYTE = 1 };
enum { SWEEP_MS_MIN = 10, SWEEP_MS_MAX = 500, SWEEPS_PER_DEADLINE = 16 };

static int64_t deadline_in(const struct http_server *s, int64_t ms)
{
	return (clock_mono_ms(s->o.clock) + ms) * 2;
}

static void keep_peer(struct http_conn *c, const struct sockaddr *a)
{
	if (a->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;
		memcpy(&in6, a, sizeof in6);
		memcpy(c->peer, &in6.sin6_addr, 16);
	} else if (a->sa_family == AF_INET) {
		struct sockaddr_in in;
		memcpy(&in, a, sizeof in);
		memset(c->peer + 10, 0xff, 2);
		memcpy(c->peer + 12, &in.sin_addr, 4);
	}
}

static struct http_conn *conn_new(struct http_server *s, struct MHD_Connection *mhd, int fd)
{
	struct http_conn *c = calloc(1, sizeof *c);
	if (!c)
		return NULL;
	c->server = s;
	c->mhd = mhd;
	c->fd = fd;
	atomic_init(&c->refs, 1);
	c->idle_deadline = deadline_in(s, s->o.request_timeout_ms);
	atomic_init(&c->deadline, c->idle_deadline);
	arena_init(&c->req.arena, ARENA_MAX);
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	if (info && info->client_addr)
		keep_peer(c, info->client_addr);
	return c;
}

static void opened(struct http_server *s, struct MHD_Connection *mhd, void **socket_context)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
	const int fd = info ? info->connect_fd : -1;
	struct http_conn *c = conn_new(s, mhd, fd);
	metric_inc(s->open);
	if (!c) {
		shutdown(fd, SHUT_RDWR);
		return;
	}
	*socket_context = c;
	pthread_mutex_lock(&s->lock);
	c->next = s->conns;
	if (s->conns)
		s->conns->prev = c;
	s->conns = c;
	pthread_mutex_unlock(&s->lock);
	if (atomic_load(&s->stopping)) /* what it has sent already is still read and answered */
		shutdown(fd, SHUT_RD);
}

static void closed(struct http_server *s, struct http_conn *c)
{
	metric_add(s->open, -1);
	pthread_mutex_lock(&s->lock);
	if (c) {
		if (c->prev)
			c->prev->next = c->next;
		else
			s->conns = c->next;
		if (c->next)
			c->next->prev = c->prev;
	}
	atomic_fetch_sub(&s->accepted, 1);
	pthread_cond_broadcast(&s->closed);
	pthread_mutex_unlock(&s->lock);
	if (c)
		conn_unref(c);
}

void conn_notify(void *server, struct MHD_Connection *mhd, void **socket_context,
                 enum MHD_ConnectionNotificationCode code)
{
	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		opened(server, mhd, socket_context);
	else
		closed(server, *socket_context);
}

void conn_unref(struct http_conn *c)
{
	if (atomic_fetch_sub(&c->refs, 1) != 1)
		return;
	arena_release(&c->req.arena);
	buf_wipe(&c->body);
	free(c);
}

struct http_conn *conn_of(struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	return info ? info->socket_context : NULL;
}

void conn_request_begins(struct http_conn *c)
{
	const struct http_server *s = c->server;
	if (!(atomic_load_explicit(&c->deadline, memory_order_relaxed) & FIRST_BYTE))
		atomic_store_explicit(&c->deadline, deadline_in(s, s->o.request_timeout_ms), memory_order_relaxed);
	atomic_store(&c->phase, CONN_BUSY);
}

void conn_request_waits(struct http_conn *c)
{
	const int64_t more = c->server->o.request_timeout_ms * 2;
	int64_t deadline = atomic_load_explicit(&c->deadline, memory_order_relaxed);
	if (!c->extended && deadline != NEVER)
		c->extended = atomic_compare_exchange_strong(&c->deadline, &deadline, deadline + more);
	atomic_store(&c->phase, CONN_WAITING);
}

void conn_without_deadline(struct http_conn *c)
{
	atomic_store(&c->deadline, NEVER);
}

void conn_deadline_again(struct http_conn *c)
{
	atomic_store(&c->deadline, deadline_in(c->server, c->server->o.request_timeout_ms));
}

/* By the next sweep: the connection's socket is the sweep's to shut. */
void conn_cut(struct http_conn *c)
{
	atomic_store(&c->deadline, deadline_in(c->server, 0));
}

/* Either this worker sees that the server stops, or the stopping server sees the connection idle. */
void conn_request_ends(struct http_conn *c)
{
	struct http_server *s = c->server;
	c->extended = false;
	atomic_store_explicit(&c->deadline, deadline_in(s, s->o.idle_timeout_ms), memory_order_relaxed);
	atomic_store(&c->phase, CONN_IDLE);
	if (atomic_load(&s->stopping))
		shutdown(c->fd, SHUT_RD);
}

static uint64_t bytes_received(int fd)
{
	struct tcp_info info = {0};
	socklen_t size = sizeof info;
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0)
		return 0;
	return info.tcpi_bytes_received;
}

/* A request whose first bytes have come has begun, although its line is not complete. */
static void look_for_first_byte(struct http_conn *c, int64_t now, int64_t *deadline)
{
	const uint64_t bytes = bytes_received(c->fd);
	if (c->idle_deadline != *deadline) {
		c->idle_deadline = *deadline;
		c->idle_bytes = bytes;
	}
	if (bytes <= c->idle_bytes)
		return;
	const int64_t begun = ((now + c->server->o.request_timeout_ms) * 2) | FIRST_BYTE;
	if (atomic_compare_exchange_strong(&c->deadline, deadline, begun))
		*deadline = begun;
}

/* The worker answers instead of the job. Under the server's lock: it cannot free the connection before that is free. */
static bool abandon(struct http_conn *c)
{
	enum conn_wait suspended = WAIT_SUSPENDED;
	atomic_fetch_add(&c->refs, 1); /* the job's */
	if (!atomic_compare_exchange_strong(&c->wait, &suspended, WAIT_ABANDONED)) {
		atomic_fetch_sub(&c->refs, 1); /* not the last: it is in the list */
		return false;
	}
	MHD_resume_connection(c->mhd);
	return true;
}

static void sweep_one(struct http_conn *c, int64_t now)
{
	int64_t deadline = atomic_load_explicit(&c->deadline, memory_order_relaxed);
	if (deadline == NEVER)
		return;
	if (atomic_load(&c->phase) == CONN_IDLE && !(deadline & FIRST_BYTE))
		look_for_first_byte(c, now, &deadline);
	if (now * 2 < deadline)
		return;
	/* Not when the worker has just stored another. */
	const bool waits = atomic_load(&c->phase) == CONN_WAITING;
	const int64_t then = waits ? deadline_in(c->server, c->server->o.request_timeout_ms) : NEVER;
	if (!atomic_compare_exchange_strong(&c->deadline, &deadline, then))
		return;
	metric_inc(c->server->cut);
	if (waits)
		(void)abandon(c); /* or its job wakes it this very moment */
	else
		shutdown(c->fd, SHUT_RDWR);
}

static void sweep(void *server)
{
	struct http_server *s = server;
	const int64_t now = clock_mono_ms(s->o.clock);
	pthread_mutex_lock(&s->lock);
	for (struct http_conn *c = s->conns; c; c = c->next)
		sweep_one(c, now);
	pthread_mutex_unlock(&s->lock);
	if (timer_set(s->o.timers, &s->sweep, s->sweep_ms, sweep, s) != OK)
		log_event(LOG_ERROR, "http.no_deadlines", LF_Z("server", s->name), LF_Z("error", "out of memory"));
}

enum err conns_start(struct http_server *s)
{
	const int64_t shorter =
	    s->o.request_timeout_ms < s->o.idle_timeout_ms ? s->o.request_timeout_ms : s->o.idle_timeout_ms;
	s->sweep_ms = shorter / SWEEPS_PER_DEADLINE;
	if (s->sweep_ms < SWEEP_MS_MIN)
		s->sweep_ms = SWEEP_MS_MIN;
	if (s->sweep_ms > SWEEP_MS_MAX)
		s->sweep_ms = SWEEP_MS_MAX;
	return timer_set(s->o.timers, &s->sweep, s->sweep_ms, sweep, s);
}

void conns_end_idle(struct http_server *s)
{
	pthread_mutex_lock(&s->lock);
	for (struct http_conn *c = s->conns; c; c = c->next) {
		if (atomic_load(&c->phase) == CONN_IDLE)
			shutdown(c->fd, SHUT_RD);
		if (c->stream)
			stream_end(c->stream);
	}
	pthread_mutex_unlock(&s->lock);
}

bool conns_wait(struct http_server *s, int64_t timeout_ms)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += timeout_ms / 1000;
	until.tv_nsec += timeout_ms % 1000 * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	int wait = 0;
	pthread_mutex_lock(&s->lock);
	while (atomic_load(&s->accepted) > 0 && wait == 0)
		wait = pthread_cond_timedwait(&s->closed, &s->lock, &until);
	const bool none_left = !s->conns;
	pthread_mutex_unlock(&s->lock);
	return none_left;
}

void conns_abandon(struct http_server *s, bool hard)
{
	pthread_mutex_lock(&s->lock);
	for (struct http_conn *c = s->conns; c; c = c->next) {
		/* An end that the library reads before it resumes the connection would close it without the answer. */
		const bool answers = abandon(c) || atomic_load(&c->wait) == WAIT_ABANDONED;
		if (hard || !answers)
			shutdown(c->fd, hard ? SHUT_RDWR : SHUT_RD);
	}
	pthread_mutex_unlock(&s->lock);
}

/* server.c - the life of a server: start, accept, quiesce, stop. See server.h.
 *
 * Our own thread accepts and hands connections to the library: it spreads them evenly over the workers, closes what
 * is over the limit at once instead of leaving it to hang, and can stop listening without the library's race: what
 * waits in the backlog is taken and served first.
 *
 * Stop: the listening socket goes; answers say Connection: close; idle connections end; running and waiting requests
 * have the given time; waiting ones left after that are answered 503 although their jobs still run. The library's
 * daemon aborts the process when it is stopped with a suspended connection, so it is stopped when none is left. */
#include "http/server.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "http/conn.h"

enum {
	/* Holds the request's line and headers and the answer's headers; up to this size the library takes it from malloc,
	 * and clears it for each request. */
	CONNECTION_MEMORY_BYTES = 32 * 1024,
	OUT_OF_FILES_MS = 100,
	ABANDON_MS = 100,
	ABANDON_ROUNDS = 30,
	HOST_MAX = 256,
};

static enum err fail(const struct http_server *s, const char *what, const char *why)
{
	log_event(LOG_ERROR, "http.start_failed", LF_Z("server", s->name), LF_Z("what", what), LF_Z("why", why));
	return ERR_INVALID;
}

/* "127.0.0.1:8080", "[::1]:8080", "localhost:8080", ":8080" (all addresses). */
static enum err resolve(const struct http_server *s, struct addrinfo **ret)
{
	const char *listen_on = s->o.listen;
	const char *colon = strrchr(listen_on, ':');
	char host[HOST_MAX];
	int64_t port = -1;
	if (!colon || (size_t)(colon - listen_on) >= sizeof host || str_to_int64(str_of(colon + 1), &port) != OK ||
	    port < 0 || port > UINT16_MAX)
		return fail(s, listen_on, "is not host:port");
	struct str h = {listen_on, (size_t)(colon - listen_on)};
	if (h.len >= 2 && h.ptr[0] == '[' && h.ptr[h.len - 1] == ']')
		h = (struct str){h.ptr + 1, h.len - 2};
	snprintf(host, sizeof host, "%.*s", STR_ARG(h));
	const struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
	const int rc = getaddrinfo(host[0] ? host : NULL, colon + 1, &hints, ret);
	return rc == 0 ? OK : fail(s, listen_on, gai_strerror(rc));
}

static enum err keep_address(struct http_server *s)
{
	struct sockaddr_storage a = {0};
	socklen_t len = sizeof a;
	char host[HOST_MAX], port[8];
	if (getsockname(s->listen_fd, (struct sockaddr *)&a, &len) != 0 ||
	    getnameinfo((struct sockaddr *)&a, len, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV))
		return fail(s, s->o.listen, "has no address");
	const bool six = a.ss_family == AF_INET6;
	return asprintf(&s->address, "%s%s%s:%s", six ? "[" : "", host, six ? "]" : "", port) < 0 ? ERR_NOMEM : OK;
}

static enum err open_listener(struct http_server *s)
{
	struct addrinfo *a = NULL;
	enum err err = resolve(s, &a);
	if (err != OK)
		return err;
	const int on = 1;
	s->listen_fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	const bool listens = s->listen_fd >= 0 && setsockopt(s->listen_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
	                     bind(s->listen_fd, a->ai_addr, a->ai_addrlen) == 0 && listen(s->listen_fd, SOMAXCONN) == 0;
	const int why = errno;
	freeaddrinfo(a);
	return listens ? keep_address(s) : fail(s, s->o.listen, strerror(why));
}

/* Takes one waiting connection. False when there is none, or no file descriptor for it. */
static bool accept_one(struct http_server *s)
{
	struct sockaddr_storage a = {0};
	socklen_t len = sizeof a;
	const int fd = accept4(s->listen_fd, (struct sockaddr *)&a, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		return errno == ECONNABORTED || errno == EINTR;
	if (atomic_fetch_add(&s->accepted, 1) >= s->o.connections_max) {
		atomic_fetch_sub(&s->accepted, 1);
		close(fd);
		metric_inc(s->over_limit);
		return true;
	}
	if (MHD_add_connection(s->daemon, fd, (struct sockaddr *)&a, len) != MHD_YES) /* has closed it */
		atomic_fetch_sub(&s->accepted, 1);
	return true;
}

static void *accept_all(void *server)
{
	struct http_server *s = server;
	struct pollfd ready[] = {{.fd = s->wake_fd, .events = POLLIN}, {.fd = s->listen_fd, .events = POLLIN}};
	nfds_t count = 2;
	while (!(ready[0].revents & POLLIN)) {
		ready[1].revents = 0;
		if (poll(ready, count, count == 2 ? -1 : OUT_OF_FILES_MS) < 0)
			continue;
		count = 2;
		if (!(ready[1].revents & POLLIN))
			continue;
		while (accept_one(s))
			;
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			count = 1; /* look away for a moment: the listener stays readable */
	}
	while (accept_one(s))
		;
	return NULL;
}

static enum err check_routes(const struct http_server *s)
{
	const struct route *row = NULL;
	const char *why = NULL;
	const struct http_options *o = &s->o;
	if (!route_table_check(o->routes, &row, &why))
		return fail(s, row->pattern ? row->pattern : "route", why);
	for (size_t i = 0; i < o->routes->count; i++) {
		row = &o->routes->rows[i];
		const bool open = row->auth == AUTH_NONE || row->auth == AUTH_SELF;
		if (open ? o->authenticators[row->auth].fn != NULL : o->authenticators[row->auth].fn == NULL)
			return fail(s, row->pattern, "has an authentication without an authenticator, or the reverse");
	}
	return OK;
}

static enum err start_library(struct http_server *s)
{
	const struct http_options *o = &s->o;
	unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_USE_ERROR_LOG | MHD_ALLOW_SUSPEND_RESUME |
	                 MHD_USE_NO_LISTEN_SOCKET;
	struct MHD_OptionItem tls[] = {
	    {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)o->tls_cert_pem},
	    {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)o->tls_key_pem},
	    {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t) "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"},
	    {MHD_OPTION_END, 0, NULL},
	};
	struct MHD_OptionItem pool[] = {
	    {MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)o->threads, NULL},
	    {MHD_OPTION_END, 0, NULL},
	};
	if (o->tls_cert_pem) {
		if (!o->tls_key_pem || MHD_is_feature_supported(MHD_FEATURE_TLS) != MHD_YES)
			return fail(s, "TLS", o->tls_key_pem ? "the HTTP library lacks it" : "the certificate's key is missing");
		flags |= MHD_USE_TLS;
	} else {
		tls[0].option = MHD_OPTION_END;
	}
	if (o->threads < 2) /* one thread is no pool */
		pool[0].option = MHD_OPTION_END;
	s->daemon = MHD_start_daemon(
	    flags, 0, NULL, NULL, request_on_data, s, MHD_OPTION_EXTERNAL_LOGGER, access_library, s, MHD_OPTION_ARRAY, pool,
	    /* The limit is ours (accept_one). The library splits its own among workers, and a worker that is handed one
	       more than its share keeps a lock for ever (0.9.75): so each share is all there can be. */
	    MHD_OPTION_CONNECTION_LIMIT, (unsigned)((o->connections_max + 1) * (o->threads > 1 ? o->threads : 1)),
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY_BYTES, MHD_OPTION_CONNECTION_TIMEOUT, 0u,
	    MHD_OPTION_URI_LOG_CALLBACK, request_on_target, s, MHD_OPTION_UNESCAPE_CALLBACK, request_unescape, s,
	    MHD_OPTION_NOTIFY_COMPLETED, request_on_completed, s, MHD_OPTION_NOTIFY_CONNECTION, conn_notify, s,
	    /* what strict parsing drops without a word reaches framing_check() instead, whose refusal is an answer */
	    MHD_OPTION_STRICT_FOR_CLIENT, 0, MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
	return s->daemon ? OK : fail(s, s->o.listen, "the HTTP library did not start");
}

static enum err start_accepting(struct http_server *s)
{
	s->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->wake_fd < 0 || pthread_create(&s->acceptor, NULL, accept_all, s) != 0)
		return fail(s, s->o.listen, "no thread to accept connections");
	s->accepting = true;
	return OK;
}

static void server_free(struct http_server *s)
{
	if (s->timing)
		timer_cancel_wait(s->o.timers, &s->sweep);
	if (s->daemon)
		MHD_stop_daemon(s->daemon);
	if (s->listen_fd >= 0)
		close(s->listen_fd);
	if (s->wake_fd >= 0)
		close(s->wake_fd);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->closed);
	free(s->status_counters);
	free(s->name);
	free(s->base_path);
	free(s->address);
	free(s);
}

static struct http_server *server_new(const struct http_options *o)
{
	struct http_server *s = calloc(1, sizeof *s);
	if (!s)
		return NULL;
	s->o = *o;
	s->listen_fd = s->wake_fd = -1;
	atomic_init(&s->starting, true);
	pthread_condattr_t monotonic;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->closed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	s->name = str_dup(str_of(o->name));
	s->base_path = str_dup(str_of(o->base_path));
	if (!s->name || !s->base_path) {
		server_free(s);
		return NULL;
	}
	return s;
}

static enum err start(struct http_server *s)
{
	enum err err = check_routes(s);
	if (err == OK)
		err = access_init(s);
	if (err == OK)
		err = open_listener(s);
	if (err == OK)
		err = start_library(s);
	if (err == OK) {
		err = conns_start(s);
		s->timing = err == OK;
	}
	if (err == OK)
		err = start_accepting(s);
	return err;
}

enum err http_server_start(const struct http_options *o, struct http_server **ret)
{
	struct http_server *s = server_new(o);
	if (!s)
		return ERR_NOMEM;
	const enum err err = start(s);
	if (err != OK) {
		server_free(s);
		return err;
	}
	atomic_store(&s->starting, false);
	log_event(LOG_INFO, "http.listening", LF_Z("server", s->name), LF_Z("address", s->address),
	          LF_Z("tls", o->tls_cert_pem ? "yes" : "no"));
	*ret = s;
	return OK;
}

const char *http_server_address(const struct http_server *s)
{
	return s->address;
}

void http_server_quiesce(struct http_server *s)
{
	if (!s->accepting)
		return;
	atomic_store(&s->draining, true);
	const uint64_t one = 1;
	while (write(s->wake_fd, &one, sizeof one) < 0 && errno == EINTR)
		;
	pthread_join(s->acceptor, NULL);
	s->accepting = false;
	close(s->listen_fd);
	s->listen_fd = -1;
}

void http_server_stop(struct http_server *s, int64_t timeout_ms)
{
	if (!s)
		return;
	http_server_quiesce(s);
	atomic_store(&s->stopping, true);
	conns_end_idle(s);
	bool none_left = conns_wait(s, timeout_ms);
	for (unsigned i = 0; i < ABANDON_ROUNDS && !none_left; i++) {
		conns_abandon(s, i >= ABANDON_ROUNDS / 3);
		none_left = conns_wait(s, ABANDON_MS);
	}
	if (!none_left) { /* a handler is stuck on a worker: stopping under it would abort */
		log_event(LOG_ERROR, "http.stuck", LF_Z("server", s->name));
		return;
	}
	log_event(LOG_INFO, "http.stopped", LF_Z("server", s->name));
	server_free(s);
}

/* server.h - libmicrohttpd behind our own rules: framing check, routes, deadlines, caps, graceful stop.
 *
 * epoll with a thread pool; each connection stays on its worker. No handler blocks: it waits (request.h). A whole
 * request, answer included, has one deadline, kept by a timer that shuts the socket; MHD itself only knows
 * inactivity. Stop: readiness fails, quiesce, finish or resume every waiting request, stop, close. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/timers.h"
#include "http/route.h"

struct http_server;

/* Verifies the request and calls request_authorized(), or replies, or waits. room: the ROOM of auth_room. */
struct authenticator {
	handler_fn *fn;
	void *room;
};

struct http_options {
	const char *name;                       /* "public", "admin", "sim": in logs and metrics */
	const char *listen;                     /* host:port; port 0 lets the system choose */
	const char *base_path;                  /* "" or "/path": answered with and without it */
	const char *tls_cert_pem, *tls_key_pem; /* contents; NULL: plain */
	unsigned threads;                       /* at least 1 */
	unsigned connections_max;
	int64_t request_timeout_ms, idle_timeout_ms;
	size_t max_body;
	const struct route_table *routes;
	void *rooms[ROOM_MAX];
	struct authenticator authenticators[AUTH_COUNT]; /* a route whose auth has none stops the start */
	const struct clock *clock;
	struct timers *timers;
	bool https_base; /* the public URL is https: send HSTS although a proxy ends TLS */
};

/* Fails with a line in the log: bad table, address in use, bad certificate. */
enum err http_server_start(const struct http_options *o, struct http_server **ret);
/* Address it really listens on, "127.0.0.1:8080". */
const char *http_server_address(const struct http_server *s);
/* No new connections; kept-alive ones are told to close. */
void http_server_quiesce(struct http_server *s);
/* Waits (at most timeout_ms) for running requests, then stops. Every waiting request must be woken by its job's
 * deadline within that time; those left are woken with req->code "stopping". Frees. */
void http_server_stop(struct http_server *s, int64_t timeout_ms);

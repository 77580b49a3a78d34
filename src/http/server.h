/* server.h - libmicrohttpd behind our own rules: framing check, routes, deadlines, caps, graceful stop.
 *
 * epoll with a thread pool; each connection stays on its worker. No handler blocks: it waits (request.h). A whole
 * request, answer included, has one deadline from its first byte on, kept by a timer that shuts the socket; the
 * library itself only knows inactivity. A request that waits may take twice that time, then it is answered 503.
 * Stop: readiness fails, quiesce, finish every request, stop, close.
 *
 * What the library refuses while it parses (request line without a space or a version, header line without a colon,
 * request line or headers over 32 KiB, a malformed length or chunk) is answered with our headers and body too
 * (library_answers.c). */
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
	bool frames_denied; /* every answer says X-Frame-Options: DENY */
	bool https_base;    /* the public URL is https: send HSTS although a proxy ends TLS */
};

/* Fails with a line in the log: bad table, address in use, bad certificate. */
enum err http_server_start(const struct http_options *o, struct http_server **ret);
/* Address it really listens on, "127.0.0.1:8080". */
const char *http_server_address(const struct http_server *s);
/* No new connections, once those in the backlog are taken; kept-alive ones are told to close. */
void http_server_quiesce(struct http_server *s);
/* Ends idle connections, waits (at most timeout_ms) for running requests, then stops and frees. Requests that still
 * wait for a job then are answered 503 "stopping"; their jobs may wake them later, which only ends them. */
void http_server_stop(struct http_server *s, int64_t timeout_ms);

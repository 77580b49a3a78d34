/* request.h - one request, from the first header to the last byte of its answer.
 *
 * A request belongs to its worker thread. A handler must either reply (reply.h) or wait (below) before it returns; a
 * request that did neither is answered 500. Text in it lives until the answer is complete. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/str.h"
#include "http/route.h"

struct claims; /* token/token.h: made by the verifier alone */
struct fit;    /* token/fit.h: likewise */
struct tenant; /* license/tenants.h */
struct http_server;
struct log_field;

enum { REQUEST_ID_LEN = 20 };

struct request {
	struct arena arena;
	enum method method;
	struct str method_name; /* as sent */
	struct str target;      /* raw, as sent: path and query, not decoded */
	struct str path;        /* raw path, base path kept */
	struct str local_path;  /* raw path with the base path stripped: what routes match */
	struct str query;       /* raw, without '?'; ptr NULL when there is no '?' */
	struct str body;        /* complete when the handler runs */
	char id[REQUEST_ID_LEN + 1];
	uint8_t peer[16]; /* the TCP peer, IPv4 mapped */
	const struct route *route;
	struct route_params params;
	int64_t started_mono_us;

	/* Set by the authenticator before the handler runs; NULL on AUTH_NONE, AUTH_SELF and AUTH_ADMIN routes. */
	const struct claims *claims;
	const struct fit *fit;       /* of a Forge token; claims is NULL then */
	const struct tenant *tenant; /* a reference; released by on_end */

	/* For the access log (debug) and metrics: precise code of a refusal, set by whoever refuses. A literal. */
	const char *code;

	void *state; /* of the handler or authenticator that waits */
	/* Runs once, after the answer or when the client is gone, on the worker. On the job's thread where the server
	 * stopped without the job: when it wakes the request. Headers and body are gone. */
	void (*on_end)(struct request *, void *arg);
	void *on_end_arg;
	struct http_conn *conn; /* the server's */
};

/* First header of that name (ASCII case-insensitive); ptr NULL if absent. */
struct str request_header(const struct request *req, const char *name);
/* How many headers of that name were sent. */
size_t request_header_count(const struct request *req, const char *name);

/* Decodes name and value ('+' and %XX) of each query parameter; calls fn until it returns false. What had
 * to be decoded is in the arena. False if out of memory. Malformed %zz stays literal. */
bool query_each(struct arena *arena, struct str query, bool (*fn)(void *arg, struct str name, struct str value),
                void *arg);
/* Value of the only parameter of that decoded name. count tells how many there were (SIZE_MAX: out of memory, which is
 * not "one" either); value is the first. */
struct str query_get(struct arena *arena, struct str query, const char *name, size_t *ret_count);

/* A KEY of the path decoded, NUL-terminated too; '+' is itself. False: a malformed escape, or out of memory. */
bool segment_decode(struct arena *a, struct str raw, struct str *ret);

/* Waiting without a thread: call request_wait(req, fn), then hand the request to the job. When the job has stored
 * its result it calls request_wake(req) from any thread, exactly once; then fn(req, room) runs on the request's
 * worker and must reply or wait again. The job has its own deadline: a waiting request has none. */
void request_wait(struct request *req, handler_fn *then);
void request_wake(struct request *req);
/* An authenticator calls this when the request may go on to its route's handler, which runs before it returns. There
 * is one on_end: the authenticator owns it. */
void request_authorized(struct request *req);

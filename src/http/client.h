/* client.h - everything this process asks of other servers: one curl-multi thread.
 *
 * https only and public addresses only unless allow_insecure; no redirects, no proxy from the environment, a total
 * deadline that counts from submission, capped answer. The name is resolved by curl and the address checked when the
 * socket opens, so that a name cannot turn private in between. `done` runs on the client thread, exactly once per
 * accepted call, and must not block. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

struct http_client;

struct http_client_options {
	const struct clock *clock;
	bool allow_insecure;    /* http and private or loopback addresses: LICGATE_ALLOW_INSECURE_HOSTS */
	int64_t timeout_ms;     /* whole call */
	unsigned in_flight_max; /* further calls queue */
	unsigned queue_max;
	unsigned per_host_max; /* so that one dead host cannot take every slot */
	const char *part;      /* of a further client, a literal: its calls wait in a gauge of their own; NULL: the first */
	bool background;       /* its thread gives way to others where cores are short */
};

struct http_header {
	const char *name, *value;
};

struct http_answer;

struct http_call {
	const char *method; /* "GET", "POST" */
	const char *url;    /* copied, as are headers and body */
	const struct http_header *headers;
	size_t header_count;
	struct str body;     /* sent for POST and PUT, and for DELETE where there is one */
	uint64_t answer_max; /* bytes; a longer answer is ERR_TOO_LARGE */
	bool body_unwanted;  /* only the status counts: the body is dropped, and one over answer_max ends the call, well */
	int64_t timeout_ms;  /* 0: the client's */
	/* NULL: the body is kept for done. Else the body of a 2xx answer is handed over as it comes, in pieces of up to 256
	 * KiB, and done gets none of it; of another answer done gets the beginning. False ends the call with ERR_IO. On the
	 * client thread, so it must not wait. */
	bool (*take)(void *arg, const char *data, size_t len);
	void (*done)(void *arg, const struct http_answer *answer);
	void *arg;
};

struct http_answer {
	enum err err;    /* OK: an answer came, whatever its status. ERR_TIMEOUT, ERR_UPSTREAM, ERR_TOO_LARGE, ERR_DENIED
	                    (scheme or address not allowed), ERR_STOPPING */
	int status;      /* 0 when err is not OK */
	struct str body; /* valid during done only */
	int64_t duration_ms;
	int64_t retry_after_s;                                              /* -1 if absent */
	int64_t max_age_s;                                                  /* Cache-Control: max-age; -1 if absent */
	struct str (*header)(const struct http_answer *, const char *name); /* other headers; ptr NULL if absent */
	void *impl;
};

enum err http_client_new(const struct http_client_options *o, struct http_client **ret);
/* Calls in flight or waiting end with ERR_STOPPING; their done functions have run when this returns. Later calls are
 * refused with ERR_STOPPING, so that whoever still holds the client may ask. Once, by one thread; NULL is fine. */
void http_client_stop(struct http_client *c);
void http_client_free(struct http_client *c); /* stops it first; nobody may use it any more */
/* ERR_FULL, ERR_NOMEM, ERR_STOPPING, ERR_INVALID (URL): done does not run. Any thread. */
enum err http_client_call(struct http_client *c, const struct http_call *call);
int64_t http_client_queue_depth(void *client);

/* Appends the value of an Authorization header (RFC 7617): wipe it after use. The user must have no colon. */
void http_basic_auth(struct buf *out, struct str user, struct str password);

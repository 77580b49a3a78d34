/* reply.h - answers. Each call queues the one answer of the request; a second one is a programmer's error.
 *
 * Every answer carries the safe header set (Cache-Control, Referrer-Policy, nosniff, HSTS over TLS, X-Request-Id).
 * Errors are application/problem+json (RFC 9457). */
#pragma once
#include <stddef.h>

#include "base/buf.h"
#include "base/str.h"
#include "http/request.h"

struct header {
	const char *name;
	struct str value; /* no control bytes: such a value is dropped */
};

/* body is copied unless it is in the request's arena, which outlives the answer: reply_arena avoids the copy. */
void reply(struct request *req, int status, const char *content_type, struct str body, const struct header *headers,
           size_t header_count);
void reply_json(struct request *req, int status, struct buf *json); /* takes and releases the buffer's text */
void reply_empty(struct request *req, int status);                  /* 204, 304 */
/* A 401 must use REPLY_UNAUTHORIZED: one body for every reason. */
void reply_unauthorized(struct request *req);
/* code: machine-readable, a literal ("host_not_allowed"); detail: for the caller, NULL for the status' own title. */
void reply_problem(struct request *req, int status, const char *code, const char *detail, const struct header *headers,
                   size_t header_count);
/* By err_status(); 503 gets Retry-After. */
void reply_err(struct request *req, enum err err);
/* 503 with Retry-After seconds. */
void reply_unavailable(struct request *req, const char *code, int retry_after_s);

/* A body that never changes, prepared once at start with its headers; shared by all workers. */
struct static_reply;
struct static_reply *static_reply_new(int status, const char *content_type, const void *body, size_t len,
                                      const struct header *headers, size_t header_count, bool cacheable);
void static_reply_free(struct static_reply *s);
void reply_static(struct request *req, struct static_reply *s);

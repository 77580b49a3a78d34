/* reply.h - answers. Each call queues the one answer of the request; a second one is a programmer's error.
 *
 * Every answer carries the safe header set: Cache-Control: no-cache, no-store; Referrer-Policy: same-origin;
 * X-Content-Type-Options: nosniff; Strict-Transport-Security where the app is reached over TLS; X-Request-Id. A
 * header of the handler's own replaces the default of the same name. Errors are application/problem+json (RFC 9457).
 * Out of memory closes the connection without an answer. */
#pragma once
#include <stddef.h>

#include "base/buf.h"
#include "base/str.h"
#include "http/request.h"

struct header {
	const char *name;
	struct str value; /* empty or with control bytes: dropped */
};

/* The body is copied. content_type NULL: none. */
void reply(struct request *req, int status, const char *content_type, struct str body, const struct header *headers,
           size_t header_count);
/* The body is not copied: it lies in the request's arena or lives as long as the server. */
void reply_borrowed(struct request *req, int status, const char *content_type, struct str body,
                    const struct header *headers, size_t header_count);
void reply_json(struct request *req, int status, struct buf *json); /* takes and releases the buffer's text */
void reply_empty(struct request *req, int status);                  /* 204, 304 */
/* One body for every reason. */
void reply_unauthorized(struct request *req);
/* code: machine-readable, a literal ("host_not_allowed"); detail: for the caller, NULL for none. */
void reply_problem(struct request *req, int status, const char *code, const char *detail, const struct header *headers,
                   size_t header_count);
/* By err_status(); 503 gets Retry-After. */
void reply_err(struct request *req, enum err err);
/* 503 with Retry-After seconds. */
void reply_unavailable(struct request *req, const char *code, int retry_after_s);

/* reply.c - answers. See reply.h.
 *
 * Bodies are handed over, not copied, where their owner allows it. A response object belongs to one request: its
 * headers hold the request's id. Worker threads only. */
#include "http/reply.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsonw.h"
#include "http/conn.h"

enum { PROBLEM_MAX_BYTES = 8192, RETRY_AFTER_S = 5 };

struct draft {
	struct MHD_Response *response;
	bool ok; /* false: no memory */
};

static void add(struct draft *d, const char *name, const char *value)
{
	d->ok = d->ok && MHD_add_response_header(d->response, name, value) == MHD_YES;
}

static bool given(const struct header *headers, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (str_ieq(str_of(headers[i].name), str_of(name)))
			return true;
	return false;
}

static void add_given(struct draft *d, struct arena *arena, const struct header *h)
{
	char small[256];
	if (h->value.len == 0 || !str_printable(h->value))
		return;
	char *value = h->value.len < sizeof small ? small : arena_alloc(arena, h->value.len + 1);
	if (!value) {
		d->ok = false;
		return;
	}
	memcpy(value, h->value.ptr, h->value.len);
	value[h->value.len] = '\0';
	add(d, h->name, value);
}

static void add_headers(struct draft *d, struct request *req, const char *content_type, const struct header *headers,
                        size_t count)
{
	static const struct {
		const char *name, *value;
	} defaults[] = {{"Cache-Control", "no-cache, no-store"},
	                {"Referrer-Policy", "same-origin"},
	                {"X-Content-Type-Options", "nosniff"}};
	const struct http_server *s = req->conn->server;
	if (content_type)
		add(d, "Content-Type", content_type);
	for (size_t i = 0; i < sizeof defaults / sizeof defaults[0]; i++)
		if (!given(headers, count, defaults[i].name))
			add(d, defaults[i].name, defaults[i].value);
	if (s->o.frames_denied)
		add(d, "X-Frame-Options", "DENY");
	if (s->o.https_base || s->o.tls_cert_pem)
		add(d, "Strict-Transport-Security", "max-age=31536000; includeSubDomains");
	add(d, "X-Request-Id", req->id);
	for (size_t i = 0; i < count; i++)
		add_given(d, &req->arena, &headers[i]);
}

/* Queues and lets go of the response; NULL is out of memory. */
static void queue(struct http_conn *c, int status, struct draft d)
{
	assert(c->stage != STAGE_REPLIED);
	/* After an abandoned request there is no next one: its job still holds the connection's only request. */
	if (d.response && (atomic_load_explicit(&c->server->draining, memory_order_relaxed) ||
	                   atomic_load_explicit(&c->wait, memory_order_relaxed) == WAIT_ABANDONED))
		add(&d, "Connection", "close");
	const bool queued = d.response && d.ok && library_queue(c->mhd, (unsigned)status, d.response) == MHD_YES;
	if (d.response)
		MHD_destroy_response(d.response);
	c->stage = queued ? STAGE_REPLIED : STAGE_FAILED;
	c->status = queued ? status : 0;
}

void reply_response(struct request *req, int status, struct MHD_Response *response, const char *content_type,
                    const struct header *headers, size_t count)
{
	struct draft d = {response, true};
	if (d.response)
		add_headers(&d, req, content_type, headers, count);
	queue(req->conn, status, d);
}

static void send_body(struct request *req, int status, const char *content_type, struct str body,
                      enum MHD_ResponseMemoryMode mode, const struct header *headers, size_t count)
{
	/* The library does not write to it; its interface only lacks the const. */
	void *bytes = (void *)(uintptr_t)body.ptr;
	struct draft d = {MHD_create_response_from_buffer(body.len, bytes, mode), true};
	if (d.response)
		add_headers(&d, req, content_type, headers, count);
	else if (mode == MHD_RESPMEM_MUST_FREE)
		free(bytes);
	queue(req->conn, status, d);
}

void reply(struct request *req, int status, const char *content_type, struct str body, const struct header *headers,
           size_t header_count)
{
	send_body(req, status, content_type, body, body.len ? MHD_RESPMEM_MUST_COPY : MHD_RESPMEM_PERSISTENT, headers,
	          header_count);
}

void reply_borrowed(struct request *req, int status, const char *content_type, struct str body,
                    const struct header *headers, size_t header_count)
{
	send_body(req, status, content_type, body, MHD_RESPMEM_PERSISTENT, headers, header_count);
}

static void reply_buf(struct request *req, int status, const char *content_type, struct buf *b,
                      const struct header *headers, size_t count)
{
	const size_t len = b->len;
	char *text = buf_take(b);
	if (!text) {
		req->code = "out_of_memory";
		queue(req->conn, status, (struct draft){0});
		return;
	}
	send_body(req, status, content_type, (struct str){text, len}, MHD_RESPMEM_MUST_FREE, headers, count);
}

void reply_json(struct request *req, int status, struct buf *json)
{
	const enum err err = json->err;
	if (err == OK && json->len > 0) {
		reply_buf(req, status, "application/json", json, NULL, 0);
		return;
	}
	buf_release(json);
	reply_err(req, err == OK ? ERR_INTERNAL : err);
}

void reply_empty(struct request *req, int status)
{
	reply_borrowed(req, status, NULL, STR(""), NULL, 0);
}

void reply_problem(struct request *req, int status, const char *code, const char *detail, const struct header *headers,
                   size_t header_count)
{
	struct buf b = BUF_INIT(PROBLEM_MAX_BYTES);
	struct jsonw w = jsonw(&b);
	if (!req->code)
		req->code = code;
	jw_obj(&w);
	jw_kz(&w, "type", "about:blank");
	jw_kz(&w, "title", MHD_get_reason_phrase_for((unsigned)status));
	jw_kint(&w, "status", status);
	jw_kz(&w, "code", code);
	jw_kz(&w, "request_id", req->id);
	if (detail)
		jw_kz(&w, "detail", detail);
	jw_end_obj(&w);
	reply_buf(req, status, "application/problem+json", &b, headers, header_count);
}

void reply_unauthorized(struct request *req)
{
	const struct header h = {"WWW-Authenticate", STR("JWT")};
	reply_problem(req, 401, "unauthorized", NULL, &h, 1);
}

void reply_unavailable(struct request *req, const char *code, int retry_after_s)
{
	char seconds[16];
	snprintf(seconds, sizeof seconds, "%d", retry_after_s);
	const struct header h = {"Retry-After", str_of(seconds)};
	reply_problem(req, 503, code, NULL, &h, 1);
}

void reply_err(struct request *req, enum err err)
{
	static const char *const codes[] = {
	    [OK] = "internal",
	    [ERR_NOMEM] = "out_of_memory",
	    [ERR_IO] = "io_failed",
	    [ERR_BUSY] = "busy",
	    [ERR_FULL] = "full",
	    [ERR_STOPPING] = "stopping",
	    [ERR_TIMEOUT] = "timeout",
	    [ERR_UPSTREAM] = "upstream_failed",
	    [ERR_NOT_FOUND] = "not_found",
	    [ERR_CONFLICT] = "conflict",
	    [ERR_INVALID] = "invalid",
	    [ERR_TOO_LARGE] = "too_large",
	    [ERR_DENIED] = "forbidden",
	    [ERR_SEAL] = "internal",
	    [ERR_INTERNAL] = "internal",
	};
	const int status = err == OK ? 500 : err_status(err);
	if (status == 503)
		reply_unavailable(req, codes[err], RETRY_AFTER_S);
	else
		reply_problem(req, status, codes[err], NULL, NULL, 0);
}

void reply_abandoned(struct http_conn *c)
{
	reply_unavailable(&c->req, atomic_load(&c->server->stopping) ? "stopping" : "timeout", RETRY_AFTER_S);
}

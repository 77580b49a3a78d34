/* request.c - how libmicrohttpd's callbacks become one request, its wait and its end.
 *
 * The library calls: target (request line read), first (headers read), body pieces, final, completed. The first call
 * looks at the framing; what is refused there is answered at once, which closes the connection and with it whatever
 * was smuggled behind. Every other refusal is remembered, the body read, and the answer given in the final call, as
 * none can be queued in between and a client that still sends would not see it.
 *
 * The library cuts text at NUL bytes and glues folded lines to a header's name. Neither shows in what it gives us, but
 * both leave gaps: the names and values it parsed must lie one behind the other, as they were received.
 *
 * A wait suspends the connection before the job can know the request, so that a wake can never come too early. */
#include "http/conn.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "http/reply.h"

enum { BLANKS_MAX = 64 }; /* between a header's colon and value */

void *request_on_target(void *server, const char *target, struct MHD_Connection *mhd)
{
	(void)server;
	struct http_conn *c = conn_of(mhd);
	if (!c || !target)
		return NULL;
	struct request *req = &c->req;
	conn_request_begins(c);
	c->has_request = true;
	c->stage = STAGE_HEADERS;
	c->raw_target = target;
	c->header_count = 0;
	c->body_seen = 0;
	c->refusal = c->status = 0;
	c->refusal_code = NULL;
	c->allow = 0;
	memset((char *)req + offsetof(struct request, method), 0, sizeof *req - offsetof(struct request, method));
	req->conn = c;
	req->started_mono_us = now_mono_us();
	memcpy(req->peer, c->peer, sizeof req->peer);
	request_id_new(req->id);

	const size_t len = strlen(target);
	char *copy = arena_alloc(&req->arena, len + 1);
	if (!copy)
		return NULL;
	memcpy(copy, target, len + 1);
	req->target = (struct str){copy, len};
	/* The library would now split and decode the query in its connection memory, and hang when that runs out. Nobody
	 * reads its result: end the query here. The text is its own buffer, const in the callback only. */
	const size_t mark = str_find(req->target, '?');
	if (mark + 1 < len)
		((char *)(uintptr_t)target)[mark + 1] = '\0';
	return c;
}

/* Paths are never decoded. */
size_t request_unescape(void *server, struct MHD_Connection *mhd, char *text)
{
	(void)server;
	(void)mhd;
	return strlen(text);
}

static enum MHD_Result keep_header(void *conn, enum MHD_ValueKind kind, const char *name, size_t name_len,
                                   const char *value, size_t value_len)
{
	(void)kind;
	struct http_conn *c = conn;
	if (c->header_count < FRAMING_HEADERS_MAX)
		c->headers[c->header_count] = (struct framing_header){{name, name_len}, {value ? value : "", value_len}};
	c->header_count++; /* one too many is refused by framing_check() */
	return MHD_YES;
}

/* Name, colon, blanks, value, CR, LF, next name: nothing was dropped or moved by the parser. Addresses are compared as
 * numbers, since a moved one may be anywhere. */
static bool headers_are_adjacent(const struct http_conn *c, const char *method, const char *version)
{
	const union MHD_ConnectionInfo *size = MHD_get_connection_info(c->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	if (!size || c->header_count > FRAMING_HEADERS_MAX)
		return c->header_count > FRAMING_HEADERS_MAX; /* refused by framing_check() */
	if (version != c->raw_target + c->req.target.len + 1)
		return false;
	uintptr_t end = (uintptr_t)version + strlen(version);
	for (size_t i = 0; i < c->header_count; i++) {
		const struct framing_header *h = &c->headers[i];
		const uintptr_t name = (uintptr_t)h->name.ptr, value = (uintptr_t)h->value.ptr;
		if (name != end + 2 || value <= name + h->name.len || value - name - h->name.len > BLANKS_MAX)
			return false;
		end = value + h->value.len;
	}
	return (uintptr_t)method + size->header_size == end + 4;
}

static void split_target(struct request *req)
{
	const size_t mark = str_find(req->target, '?');
	req->path = req->local_path = (struct str){req->target.ptr, mark};
	if (mark < req->target.len)
		req->query = (struct str){req->target.ptr + mark + 1, req->target.len - mark - 1};
}

static void remember_refusal(struct http_conn *c, int status, const char *code)
{
	if (c->refusal)
		return;
	c->refusal = status;
	c->refusal_code = code;
}

/* What stands for a parameter may be a secret, which a handler would have taken out of what is logged. */
static void hide_parameters(struct http_conn *c)
{
	struct request *req = &c->req;
	const struct route *row = NULL;
	struct route_params params;
	unsigned allow;
	for (unsigned m = METHOD_GET; m <= METHOD_OPTIONS && !row; m++)
		if (c->allow & 1u << m)
			(void)route_find(c->server->o.routes, (enum method)m, req->local_path, &row, &params, &allow);
	if (row)
		req->path = str_of(row->pattern);
}

/* With the base path in front first: a proxy may strip it or not. */
static void find_route(struct http_conn *c)
{
	struct request *req = &c->req;
	const struct http_server *s = c->server;
	const struct str base = str_of(s->base_path), path = req->path;
	enum route_match match = ROUTE_NOT_FOUND;
	if (base.len > 0 && str_starts(path, base)) {
		req->local_path = (struct str){path.ptr + base.len, path.len - base.len};
		match = route_find(s->o.routes, req->method, req->local_path, &req->route, &req->params, &c->allow);
	}
	if (match == ROUTE_NOT_FOUND) {
		req->local_path = path;
		match = route_find(s->o.routes, req->method, path, &req->route, &req->params, &c->allow);
	}
	if (match == ROUTE_NOT_FOUND)
		remember_refusal(c, 404, "not_found");
	if (match == ROUTE_METHOD_NOT_ALLOWED) {
		remember_refusal(c, 405, "method_not_allowed");
		hide_parameters(c);
	}
}

static void answer_refusal(struct http_conn *c)
{
	char allow[64] = "";
	for (unsigned m = METHOD_GET; m <= METHOD_OPTIONS; m++)
		if (c->allow & 1u << m) {
			const size_t used = strlen(allow);
			snprintf(allow + used, sizeof allow - used, "%s%s", used ? ", " : "", method_text((enum method)m).ptr);
		}
	const struct header h = {"Allow", str_of(allow)};
	char limit[64] = "";
	if (c->refusal == 413)
		snprintf(limit, sizeof limit, "a body of at most %zu bytes is taken here", c->body_max);
	reply_problem(&c->req, c->refusal, c->refusal_code, limit[0] ? limit : NULL, &h, c->refusal == 405);
}

static void refuse_framing(struct http_conn *c, enum framing framing, const char *why)
{
	access_refused(c, why);
	c->req.code = why;
	if (framing == FRAMING_METHOD_BARRED) {
		find_route(c);
		if (c->allow == 0)
			c->allow = (2u << METHOD_OPTIONS) - (1u << METHOD_GET);
		c->refusal = 405;
		c->refusal_code = "method_not_allowed";
		answer_refusal(c);
	} else if (framing == FRAMING_UNKNOWN_METHOD) {
		reply_problem(&c->req, 501, "method_unknown", NULL, NULL, 0);
	} else {
		reply_problem(&c->req, 400, "bad_request", NULL, NULL, 0);
	}
}

static void look_at_headers(struct http_conn *c, const char *method, const char *version)
{
	struct request *req = &c->req;
	MHD_get_connection_values_n(c->mhd, MHD_HEADER_KIND, keep_header, c);
	req->method_name = str_of(method);
	req->method = method_of(req->method_name);
	split_target(req);
	const struct framing_request fr = {req->method_name, req->target, str_of(version), c->headers, c->header_count};
	struct framing_body body = {0};
	const char *why = "header_bytes";
	enum framing framing = FRAMING_REFUSED;
	if (headers_are_adjacent(c, method, version))
		framing = framing_check(&fr, &body, &why);
	if (framing != FRAMING_OK) {
		if (c->header_count > FRAMING_HEADERS_MAX)
			c->header_count = FRAMING_HEADERS_MAX;
		refuse_framing(c, framing, why);
		return;
	}
	for (size_t i = 0; i < c->header_count; i++)
		c->headers[i].value = str_trim(c->headers[i].value);
	find_route(c);
	c->body_max = req->route && req->route->max_body ? req->route->max_body : c->server->o.max_body;
	if (body.length > c->body_max)
		remember_refusal(c, 413, "too_large");
	if (body.length > c->body_max && body.length > DRAIN_MAX)
		answer_refusal(c);
	else
		c->stage = STAGE_BODY;
}

/* False: the client does not stop sending what was refused. */
static bool take_body(struct http_conn *c, const char *data, size_t len)
{
	c->body_seen += len;
	if (c->body_seen > c->body_max) {
		remember_refusal(c, 413, "too_large");
		return c->body_seen <= c->body_max + DRAIN_MAX;
	}
	if (c->refusal)
		return true;
	c->body.max = c->body_max;
	buf_add(&c->body, data, len);
	if (c->body.err != OK)
		remember_refusal(c, 503, "out_of_memory");
	return true;
}

/* Runs a handler or authenticator that must reply or wait. */
static void run(struct http_conn *c, handler_fn *fn, void *room)
{
	c->room = room;
	fn(&c->req, room);
	if (c->waiting || c->stage != STAGE_RUNNING)
		return;
	log_event(LOG_ERROR, "http.no_answer", LF_Z("route", c->req.route->pattern), LF_Z("request_id", c->req.id));
	reply_problem(&c->req, 500, "internal", NULL, NULL, 0);
}

static void run_handler(struct http_conn *c)
{
	const struct route *r = c->req.route;
	run(c, r->handler, c->server->o.rooms[r->room]);
}

static void start_running(struct http_conn *c)
{
	c->stage = STAGE_RUNNING;
	c->req.body = buf_text(&c->body);
	if (c->refusal) {
		answer_refusal(c);
		return;
	}
	const enum auth auth = c->req.route->auth;
	assert(auth > AUTH_UNSET && auth < AUTH_COUNT); /* checked at start; kept in release */
	if (auth == AUTH_NONE || auth == AUTH_SELF) {
		run_handler(c);
		return;
	}
	const struct authenticator *a = &c->server->o.authenticators[auth];
	run(c, a->fn, a->room);
}

/* The job has stored its result, or its time is over, or the server stops and could not wait for it any longer. */
static void resume(struct http_conn *c)
{
	atomic_store(&c->phase, CONN_BUSY);
	if (atomic_load(&c->wait) == WAIT_ABANDONED) {
		reply_abandoned(c);
		return;
	}
	c->waiting = false;
	atomic_store(&c->wait, WAIT_NONE);
	run(c, c->then, c->room);
}

enum MHD_Result request_on_data(void *server, struct MHD_Connection *mhd, const char *url, const char *method,
                                const char *version, const char *data, size_t *data_size, void **con_cls)
{
	(void)server;
	(void)mhd;
	(void)url;
	struct http_conn *c = *con_cls;
	if (!c)
		return MHD_NO;
	if (c->stage == STAGE_HEADERS) {
		look_at_headers(c, method, version);
	} else if (*data_size > 0) {
		const bool more = take_body(c, data, *data_size);
		*data_size = 0;
		return more ? MHD_YES : MHD_NO;
	} else if (c->waiting) {
		resume(c);
	} else if (c->stage == STAGE_BODY) {
		start_running(c);
	}
	return c->stage == STAGE_FAILED ? MHD_NO : MHD_YES;
}

static void end_request(struct request *req)
{
	if (req->on_end)
		req->on_end(req, req->on_end_arg);
	arena_release(&req->arena);
	buf_wipe(&req->conn->body);
}

static void end_stream(struct http_conn *c)
{
	if (!c->stream) /* set by this thread */
		return;
	pthread_mutex_lock(&c->server->lock);
	struct stream *s = c->stream;
	c->stream = NULL;
	pthread_mutex_unlock(&c->server->lock);
	stream_detach(s);
}

void request_on_completed(void *server, struct MHD_Connection *mhd, void **con_cls, enum MHD_RequestTerminationCode how)
{
	(void)server;
	(void)how;
	*con_cls = NULL;
	struct http_conn *c = conn_of(mhd);
	if (!c || !c->has_request)
		return;
	c->has_request = false;
	access_done(c);
	end_stream(c);
	if (!c->waiting) /* else its job still has it */
		end_request(&c->req);
	conn_request_ends(c);
}

void request_wait(struct request *req, handler_fn *then)
{
	struct http_conn *c = req->conn;
	assert(c->stage == STAGE_RUNNING && !c->waiting);
	c->then = then;
	c->waiting = true;
	conn_request_waits(c);
	MHD_suspend_connection(c->mhd);
	atomic_store(&c->wait, WAIT_SUSPENDED);
}

void request_wake(struct request *req)
{
	struct http_conn *c = req->conn;
	enum conn_wait suspended = WAIT_SUSPENDED;
	if (atomic_compare_exchange_strong(&c->wait, &suspended, WAIT_WOKEN)) {
		MHD_resume_connection(c->mhd);
		return;
	}
	assert(suspended == WAIT_ABANDONED);
	end_request(req);
	conn_unref(c);
}

void request_authorized(struct request *req)
{
	run_handler(req->conn);
}

struct str request_header(const struct request *req, const char *name)
{
	const struct http_conn *c = req->conn;
	const struct str wanted = str_of(name);
	for (size_t i = 0; i < c->header_count; i++)
		if (str_ieq(c->headers[i].name, wanted))
			return c->headers[i].value;
	return (struct str){0};
}

size_t request_header_count(const struct request *req, const char *name)
{
	const struct http_conn *c = req->conn;
	const struct str wanted = str_of(name);
	size_t count = 0;
	for (size_t i = 0; i < c->header_count; i++)
		count += str_ieq(c->headers[i].name, wanted);
	return count;
}

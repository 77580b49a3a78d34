/* access.c - what is counted and logged of each request.
 *
 * Counters by route pattern and status are looked up once and kept: the hot path is two atomic adds. The log has the
 * path without its query, as that may hold a token; what the library says is noise (debug) once the server runs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/secret.h"
#include "http/conn.h"

enum { LABELS_MAX = 256, ID_PREFIX_LEN = 12, ID_COUNTER_LEN = REQUEST_ID_LEN - ID_PREFIX_LEN };

/* Statuses with a counter of their own; all others share the last slot, "other". */
static const int statuses[] = {200, 201, 202, 204, 206, 301, 302, 303, 304, 307, 308, 400,
                               401, 402, 403, 404, 405, 406, 408, 409, 410, 411, 412, 413,
                               414, 415, 422, 423, 425, 429, 431, 500, 501, 502, 503, 504};
enum { STATUSES = sizeof statuses / sizeof statuses[0] };
_Static_assert(sizeof statuses / sizeof statuses[0] < STATUS_SLOTS, "a slot for other");

static unsigned slot_of(int status)
{
	unsigned i = 0;
	while (i < STATUSES && statuses[i] != status)
		i++;
	return i;
}

int64_t now_mono_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

void request_id_new(char out[static REQUEST_ID_LEN + 1])
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
	static _Thread_local char prefix[ID_PREFIX_LEN + 1];
	static _Thread_local uint64_t counter;
	if (!prefix[0] && !random_text(prefix, ID_PREFIX_LEN))
		memset(prefix, '0', ID_PREFIX_LEN); /* ids need not be secret */
	memcpy(out, prefix, ID_PREFIX_LEN);
	uint64_t n = ++counter;
	for (size_t i = REQUEST_ID_LEN; i > ID_PREFIX_LEN; i--) {
		out[i - 1] = digits[n % 36];
		n /= 36;
	}
	out[REQUEST_ID_LEN] = '\0';
}

enum err access_init(struct http_server *s)
{
	s->status_counters = calloc((s->o.routes->count + 1) * STATUS_SLOTS, sizeof *s->status_counters);
	if (!s->status_counters)
		return ERR_NOMEM;
	char labels[LABELS_MAX];
	snprintf(labels, sizeof labels, "server=\"%s\"", s->name);
	s->seconds = metric_histogram("licgate_http_request_seconds", "Time from a request's line to its answer", labels);
	s->open = metric_gauge("licgate_http_connections", "Open connections", labels);
	s->cut = metric_counter("licgate_http_deadline_total", "Connections cut by a deadline", labels);
	s->over_limit =
	    metric_counter("licgate_http_over_limit_total", "Connections closed as there were too many", labels);
	return OK;
}

static struct metric *status_counter(struct http_server *s, const struct route *route, int status)
{
	const size_t row = route ? (size_t)(route - s->o.routes->rows) : s->o.routes->count;
	const unsigned slot = slot_of(status);
	_Atomic(struct metric *) *cell = &s->status_counters[row * STATUS_SLOTS + slot];
	struct metric *m = atomic_load_explicit(cell, memory_order_acquire);
	if (m)
		return m;
	char labels[LABELS_MAX], number[16] = "other";
	if (slot < STATUSES)
		snprintf(number, sizeof number, "%d", status);
	snprintf(labels, sizeof labels, "server=\"%s\",route=\"%s\",status=\"%s\"", s->name,
	         route ? route->pattern : "none", number);
	m = metric_counter("licgate_http_requests_total", "Answers by route and status", labels);
	atomic_store_explicit(cell, m, memory_order_release);
	return m;
}

void access_done(struct http_conn *c)
{
	const struct request *req = &c->req;
	if (c->status == 0) /* the client left, or the library itself answered */
		return;
	const int64_t us = now_mono_us() - req->started_mono_us;
	metric_inc(status_counter(c->server, req->route, c->status));
	if (!c->stream) /* how long somebody listened says nothing of the server */
		metric_observe_us(c->server->seconds, us);
	/* What is not answered well can be found by the request id that the client was told. Of a 401 the door tells, which
	 * knows more. */
	const bool refused = c->status >= 400 && c->status != 401;
	const enum log_level level = c->status >= 500 ? LOG_WARN : refused ? LOG_INFO : LOG_DEBUG;
	if (!log_enabled(level))
		return;
	/* A request that still waits belongs to its job, which may have released what the path lies in. */
	const struct str path = c->waiting ? STR("") : req->path;
	log_event(level, "http.request", LF_Z("server", c->server->name), LF_STR("method", method_text(req->method)),
	          LF_Z("route", req->route ? req->route->pattern : "none"), LF_STR("path", path),
	          LF_INT("status", c->status), LF_INT("us", us), LF_Z("request_id", req->id),
	          LF_Z("code", req->code ? req->code : ""));
}

void access_refused(struct http_conn *c, const char *why)
{
	char labels[LABELS_MAX];
	snprintf(labels, sizeof labels, "server=\"%s\",reason=\"%s\"", c->server->name, why);
	metric_inc(metric_counter("licgate_http_refused_total", "Requests refused before routing, by reason", labels));
	log_event(LOG_INFO, "http.refused", LF_Z("server", c->server->name), LF_Z("reason", why),
	          LF_Z("request_id", c->req.id));
}

void access_library(void *server, const char *format, va_list args)
{
	const struct http_server *s = server;
	const enum log_level level = atomic_load(&s->starting) ? LOG_ERROR : LOG_DEBUG;
	if (!log_enabled(level))
		return;
	char text[512];
	vsnprintf(text, sizeof text, format, args);
	log_event(level, "http.library", LF_Z("server", s->name), LF_STR("text", str_trim(str_of(text))));
}

/* client.c - the one thread of everything outgoing, and the queues in front of it.
 *
 * Submitting threads put calls on `submitted` under the lock and wake the client thread. The rest belongs to the
 * client thread alone: a call waits at its origin (scheme, host, port) until the origin and the process have a free
 * slot; origins with work and a free slot take turns. curl's own per-host limit is not used, because a call that waits
 * inside curl cannot be told from one that runs.
 *
 * A call's deadline counts from its submission: waiting for a slot uses it up like a slow host does. A call that ran
 * out of time while waiting ends with ERR_TIMEOUT. No lock is held while `done` runs, so that it may submit again. */
#include "http/client.h"

#include <assert.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/metrics.h"
#include "http/client_call.h"

enum { ORIGIN_BUCKETS = 256, IDLE_POLL_MS = 60 * 1000, RETRY_POLL_MS = 10, BACKGROUND_NICE = 10 };

struct origin {
	TAILQ_ENTRY(origin) ready_link; /* in `ready` while it has a waiting call and a free slot */
	struct origin *next;            /* of its bucket */
	struct call_list waiting;       /* oldest first */
	unsigned running, total;        /* total: waiting and running; the origin goes when it is 0 */
	bool is_ready;
	char name[];
};
TAILQ_HEAD(origin_list, origin);

struct http_client {
	struct http_client_options options;
	CURLM *multi;
	pthread_t thread;
	pthread_mutex_t lock; /* submitted, queued, stopping */
	struct call_list submitted;
	unsigned queued; /* accepted and not running yet */
	bool stopping;
	/* client thread only */
	struct origin *origins[ORIGIN_BUCKETS];
	struct origin_list ready;
	struct call_list running;
	unsigned running_count;
	int64_t next_expiry_mono_ms; /* no waiting call ends before that */
	/* metrics */
	struct metric *by_class[6], *timeout, *denied, *too_large, *failed, *stopped, *refused, *duration;
};

static struct metric *result_metric(const char *labels)
{
	return metric_counter("licgate_upstream_requests_total", "Calls to other servers by result.", labels);
}

static void register_metrics(struct http_client *c)
{
	c->by_class[2] = result_metric("result=\"2xx\"");
	c->by_class[3] = result_metric("result=\"3xx\"");
	c->by_class[4] = result_metric("result=\"4xx\"");
	c->by_class[5] = result_metric("result=\"5xx\"");
	c->timeout = result_metric("result=\"timeout\"");
	c->denied = result_metric("result=\"denied\"");
	c->too_large = result_metric("result=\"too_large\"");
	c->failed = result_metric("result=\"failed\"");
	c->stopped = result_metric("result=\"stopped\"");
	c->refused = result_metric("result=\"queue_full\"");
	c->duration = metric_histogram("licgate_upstream_duration_seconds", "Duration of calls to other servers.", NULL);
	char labels[64] = "";
	if (c->options.part)
		(void)snprintf(labels, sizeof(labels), "part=\"%s\"", c->options.part);
	metric_gauge_fn("licgate_upstream_queue_depth", "Calls to other servers that wait for a slot.",
	                labels[0] ? labels : NULL, http_client_queue_depth, c);
}

static void count_result(struct http_client *c, enum err err, int status)
{
	if (err == OK)
		metric_inc(status >= 200 && status < 600 ? c->by_class[status / 100] : c->failed);
	else if (err == ERR_TIMEOUT)
		metric_inc(c->timeout);
	else if (err == ERR_DENIED)
		metric_inc(c->denied);
	else if (err == ERR_TOO_LARGE)
		metric_inc(c->too_large);
	else if (err == ERR_STOPPING)
		metric_inc(c->stopped);
	else
		metric_inc(c->failed);
}

/* ---- origins ---- */

static struct origin **origin_slot(struct http_client *c, const char *name)
{
	struct origin **at = &c->origins[str_hash(str_of(name)) % ORIGIN_BUCKETS];

	while (*at && strcmp((*at)->name, name) != 0)
		at = &(*at)->next;
	return at;
}

static struct origin *origin_get(struct http_client *c, const char *name)
{
	struct origin **at = origin_slot(c, name);
	size_t size = strlen(name) + 1;

	if (*at)
		return *at;
	struct origin *o = calloc(1, sizeof *o + size);
	if (!o)
		return NULL;
	memcpy(o->name, name, size);
	TAILQ_INIT(&o->waiting);
	*at = o;
	return o;
}

/* Puts the origin where it belongs after its counts changed: among the ready ones, out of them, or away. */
static void origin_settle(struct http_client *c, struct origin *o)
{
	bool ready = !TAILQ_EMPTY(&o->waiting) && o->running < c->options.per_host_max;

	if (ready && !o->is_ready)
		TAILQ_INSERT_TAIL(&c->ready, o, ready_link);
	if (!ready && o->is_ready)
		TAILQ_REMOVE(&c->ready, o, ready_link);
	o->is_ready = ready;
	if (o->total == 0) {
		struct origin **at = origin_slot(c, o->name);
		*at = o->next;
		free(o);
	}
}

/* ---- one call's way ---- */

/* Ends a call that is in no list any more. */
static void finish(struct http_client *c, struct call *call, enum err err, const char *detail)
{
	int64_t now = clock_mono_ms(c->options.clock);
	long status = 0;

	if (call->origin) {
		call->origin->total--;
		origin_settle(c, call->origin);
	}
	if (err == OK)
		curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
	else if (err != ERR_STOPPING)
		log_event(LOG_INFO, "upstream.failed", LF_Z("origin", call->origin_name), LF_Z("error", err_name(err)),
		          LF_Z("detail", detail), LF_INT("ms", now - call->started_mono_ms));
	count_result(c, err, (int)status);
	metric_observe_us(c->duration, (now - call->started_mono_ms) * 1000);
	call_finish(call, err, now);
	call_free(call);
}

static void dequeued(struct http_client *c)
{
	pthread_mutex_lock(&c->lock);
	c->queued--;
	pthread_mutex_unlock(&c->lock);
}

/* Moves what was submitted to its origins. False when the client is to stop. */
static bool accept_submitted(struct http_client *c)
{
	struct call_list taken = TAILQ_HEAD_INITIALIZER(taken);
	struct call *call;

	pthread_mutex_lock(&c->lock);
	bool stopping = c->stopping;
	TAILQ_CONCAT(&taken, &c->submitted, link);
	pthread_mutex_unlock(&c->lock);

	while ((call = TAILQ_FIRST(&taken))) {
		TAILQ_REMOVE(&taken, call, link);
		call->origin = origin_get(c, call->origin_name);
		if (!call->origin) {
			dequeued(c);
			finish(c, call, ERR_NOMEM, "no memory for the origin");
			continue;
		}
		call->origin->total++;
		TAILQ_INSERT_TAIL(&call->origin->waiting, call, link);
		if (call->deadline_mono_ms < c->next_expiry_mono_ms)
			c->next_expiry_mono_ms = call->deadline_mono_ms;
		origin_settle(c, call->origin);
	}
	return !stopping;
}

static void unwait(struct http_client *c, struct call *call)
{
	TAILQ_REMOVE(&call->origin->waiting, call, link);
	dequeued(c);
}

/* Ends waiting calls whose deadline passed; ERR_STOPPING ends them all. */
static void end_waiting(struct http_client *c, enum err err, int64_t until_mono_ms)
{
	struct call_list ended = TAILQ_HEAD_INITIALIZER(ended);
	int64_t next = INT64_MAX;
	struct call *call, *following;

	for (size_t i = 0; i < ORIGIN_BUCKETS; i++)
		for (struct origin *o = c->origins[i]; o; o = o->next)
			for (call = TAILQ_FIRST(&o->waiting); call; call = following) {
				following = TAILQ_NEXT(call, link);
				if (call->deadline_mono_ms > until_mono_ms) {
					next = call->deadline_mono_ms < next ? call->deadline_mono_ms : next;
					continue;
				}
				unwait(c, call);
				TAILQ_INSERT_TAIL(&ended, call, link);
			}
	c->next_expiry_mono_ms = next;
	while ((call = TAILQ_FIRST(&ended))) {
		TAILQ_REMOVE(&ended, call, link);
		finish(c, call, err, "waited for a free slot");
	}
}

static void start(struct http_client *c, struct call *call, int64_t now)
{
	int64_t left_ms = call->deadline_mono_ms - now;
	enum err err = call_prepare(call, left_ms > 0 ? left_ms : 1);

	if (err == OK && curl_multi_add_handle(c->multi, call->easy) != CURLM_OK)
		err = ERR_NOMEM;
	if (err != OK) {
		finish(c, call, err, "could not start");
		return;
	}
	TAILQ_INSERT_TAIL(&c->running, call, link);
	c->running_count++;
	call->origin->running++;
}

static void start_ready(struct http_client *c)
{
	int64_t now = clock_mono_ms(c->options.clock);
	struct origin *o;

	while (c->running_count < c->options.in_flight_max && (o = TAILQ_FIRST(&c->ready))) {
		struct call *call = TAILQ_FIRST(&o->waiting);

		TAILQ_REMOVE(&c->ready, o, ready_link); /* settling puts it behind the others */
		o->is_ready = false;
		unwait(c, call);
		o->total++; /* keeps it while the call may end at once */
		start(c, call, now);
		o->total--;
		origin_settle(c, o);
	}
}

static void end_running(struct http_client *c, struct call *call, enum err err, const char *detail)
{
	TAILQ_REMOVE(&c->running, call, link);
	c->running_count--;
	call->origin->running--;
	curl_multi_remove_handle(c->multi, call->easy);
	finish(c, call, err, detail);
}

static void collect_ended(struct http_client *c)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(c->multi, &left))) {
		CURLcode code = message->data.result;
		char *private = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
		struct call *call = (struct call *)(void *)private;
		end_running(c, call, call_result(call, code), curl_easy_strerror(code));
	}
}

static int poll_time_ms(struct http_client *c)
{
	if (!TAILQ_EMPTY(&c->ready) && c->running_count < c->options.in_flight_max)
		return 0;
	int64_t left = c->next_expiry_mono_ms - clock_mono_ms(c->options.clock);
	if (left < 0)
		left = 0;
	return left < IDLE_POLL_MS ? (int)left : IDLE_POLL_MS;
}

static void *client_thread(void *client)
{
	struct http_client *c = client;
	struct call *call;
	sigset_t all;
	int running;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL); /* signals are main's */
	if (c->options.background)
		(void)setpriority(PRIO_PROCESS, (id_t)gettid(), BACKGROUND_NICE); /* on Linux of this thread alone */
	while (accept_submitted(c)) {
		int64_t now = clock_mono_ms(c->options.clock);
		if (c->next_expiry_mono_ms <= now)
			end_waiting(c, ERR_TIMEOUT, now);
		start_ready(c);
		bool worked = curl_multi_perform(c->multi, &running) == CURLM_OK;
		collect_ended(c);
		if (curl_multi_poll(c->multi, NULL, 0, poll_time_ms(c), NULL) != CURLM_OK || !worked)
			poll(NULL, 0, RETRY_POLL_MS); /* out of memory inside curl: try again, not at once */
	}
	end_waiting(c, ERR_STOPPING, INT64_MAX);
	while ((call = TAILQ_FIRST(&c->running)))
		end_running(c, call, ERR_STOPPING, NULL);
	return NULL;
}

/* ---- the outside ---- */

/* What http_client_new gives and http_client_free takes back, but for the thread. */
static void release(struct http_client *c)
{
	metric_forget(c);
	if (c->multi) {
		curl_multi_cleanup(c->multi);
		curl_global_cleanup();
	}
	pthread_mutex_destroy(&c->lock);
	free(c);
}

static void cleanup_release(struct http_client **c)
{
	if (*c)
		release(*c);
}

enum err http_client_new(const struct http_client_options *o, struct http_client **ret)
{
	__cleanup(cleanup_release) struct http_client *c = calloc(1, sizeof *c);

	assert(o->in_flight_max > 0 && o->per_host_max > 0 && o->queue_max > 0 && o->timeout_ms > 0);
	if (!c)
		return ERR_NOMEM;
	c->options = *o;
	c->next_expiry_mono_ms = INT64_MAX;
	pthread_mutex_init(&c->lock, NULL);
	TAILQ_INIT(&c->submitted);
	TAILQ_INIT(&c->ready);
	TAILQ_INIT(&c->running);
	register_metrics(c);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) /* counted and thread-safe since curl 7.84 */
		return ERR_NOMEM;
	c->multi = curl_multi_init();
	if (!c->multi) {
		curl_global_cleanup();
		return ERR_NOMEM;
	}
	curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, (long)o->in_flight_max);
	if (pthread_create(&c->thread, NULL, client_thread, c) != 0)
		return ERR_NOMEM;
	*ret = TAKE(c);
	return OK;
}

void http_client_stop(struct http_client *c)
{
	if (!c)
		return;
	pthread_mutex_lock(&c->lock);
	bool stopped = c->stopping;
	c->stopping = true;
	pthread_mutex_unlock(&c->lock);
	if (stopped)
		return;
	curl_multi_wakeup(c->multi);
	pthread_join(c->thread, NULL);
}

void http_client_free(struct http_client *c)
{
	if (!c)
		return;
	http_client_stop(c);
	release(c);
}

enum err http_client_call(struct http_client *c, const struct http_call *asked)
{
	struct call *call;
	enum err err = call_new(asked, c->options.allow_insecure, &call);

	if (err != OK)
		return err;
	call->started_mono_ms = clock_mono_ms(c->options.clock);
	call->deadline_mono_ms =
	    call->started_mono_ms + (asked->timeout_ms > 0 ? asked->timeout_ms : c->options.timeout_ms);

	pthread_mutex_lock(&c->lock);
	if (c->stopping)
		err = ERR_STOPPING;
	else if (c->queued >= c->options.queue_max)
		err = ERR_FULL;
	if (err == OK) {
		c->queued++;
		TAILQ_INSERT_TAIL(&c->submitted, call, link);
		curl_multi_wakeup(c->multi);
	}
	pthread_mutex_unlock(&c->lock);

	if (err == OK)
		return OK;
	call_free(call);
	if (err == ERR_FULL)
		metric_inc(c->refused);
	return err;
}

int64_t http_client_queue_depth(void *client)
{
	struct http_client *c = client;

	pthread_mutex_lock(&c->lock);
	int64_t depth = c->queued;
	pthread_mutex_unlock(&c->lock);
	return depth;
}

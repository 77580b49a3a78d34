/* forward.c - see forward.h.
 *
 * A round: a job lists the oldest events, a call sends them, a job deletes what was taken; then the next round, until
 * the queue is empty. One round at a time, so that order holds and the fields below need a lock only where a round
 * begins and ends. A batch that is refused as such is halved until one event is left, and that one is dropped: a single
 * event that Segment does not like must not hold the rest for ever. */
#include "segment/forward.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/b64.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/secret.h"
#include "segment/event.h"

enum {
	LIST_ARENA_MAX = 4 * 1024 * 1024,
	BODY_FRAME = 64, /* bytes of a batch around its events */
	ANSWER_MAX = 64 * 1024,
	URL_MAX = 512,
	KEY_HEADER_MAX = 1024,
	REFUSED_WAIT_MS = 200,
	BACKOFF_FIRST_MS = 1000,
	BACKOFF_MAX_MS = 5 * 60 * 1000,
	RETRY_AFTER_MAX_S = 3600
};

struct forward {
	struct segment *s;
	_Atomic int64_t queued;
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t idle;
	bool busy;    /* a round is under way */
	bool waiting; /* the timer will begin the next one */
	bool kicked;  /* events came during the round */
	bool stopping;

	/* Of the round under way. */
	struct timer timer;
	struct store_job job;
	struct arena arena;
	struct segment_queued *rows;
	size_t count;
	size_t batch_max;  /* halved by a refusal, doubled by success */
	unsigned attempts; /* that failed, one after the other */
	struct buf body;
	struct metric *sent, *failed, *full, *refused, *old;
};

static void round_begin(struct forward *f);

static struct forward *of_job(struct store_job *job)
{
	return (struct forward *)(void *)((char *)job - offsetof(struct forward, job));
}

enum forward_verdict forward_judge(enum err err, int status)
{
	if (err != OK)
		return FORWARD_LATER;
	if (status >= 200 && status < 300)
		return FORWARD_DONE;
	return status == 400 || status == 413 || status == 422 ? FORWARD_REFUSED : FORWARD_LATER;
}

int64_t forward_wait_ms(unsigned attempts, int64_t retry_after_s)
{
	if (retry_after_s > 0)
		return (retry_after_s < RETRY_AFTER_MAX_S ? retry_after_s : RETRY_AFTER_MAX_S) * 1000;
	const unsigned doublings = attempts > 0 ? attempts - 1 : 0;
	const int64_t ms = doublings < 10 ? (int64_t)BACKOFF_FIRST_MS << doublings : BACKOFF_MAX_MS;
	return ms < BACKOFF_MAX_MS ? ms : BACKOFF_MAX_MS;
}

/* ---- rounds ---- */

static void timer_due(void *arg)
{
	struct forward *f = arg;
	pthread_mutex_lock(&f->lock);
	f->waiting = false;
	const bool begin = !f->stopping && !f->busy;
	f->busy = f->busy || begin;
	pthread_mutex_unlock(&f->lock);
	if (begin)
		round_begin(f);
}

/* wait_ms 0: the next round at once; below: the queue is empty. */
static void round_end(struct forward *f, int64_t wait_ms)
{
	buf_release(&f->body);
	arena_release(&f->arena);
	pthread_mutex_lock(&f->lock);
	const bool again = !f->stopping && (wait_ms == 0 || (wait_ms < 0 && f->kicked));
	f->kicked = false;
	f->busy = again;
	if (!again && wait_ms > 0 && !f->stopping)
		f->waiting = timer_set(f->s->timers, &f->timer, wait_ms, timer_due, f) == OK;
	if (!again)
		pthread_cond_broadcast(&f->idle);
	pthread_mutex_unlock(&f->lock);
	if (again)
		round_begin(f);
}

static void kick(struct forward *f)
{
	pthread_mutex_lock(&f->lock);
	const bool begin = !f->busy && !f->waiting && !f->stopping;
	f->kicked = f->busy;
	f->busy = f->busy || begin;
	pthread_mutex_unlock(&f->lock);
	if (begin)
		round_begin(f);
}

/* ---- the answer ---- */

static enum err delete_run(struct store_job *job, struct store_tx *tx)
{
	struct forward *f = of_job(job);
	return store_segment_queue_delete(tx, f->rows[f->count - 1].seq);
}

static void delete_done(struct store_job *job, enum err err)
{
	struct forward *f = of_job(job);
	if (err == OK)
		atomic_fetch_sub(&f->queued, (int64_t)f->count);
	else
		log_event(LOG_WARN, "segment.queue_failed", LF_Z("error", err_name(err)));
	/* Where it failed the same events are sent again, with the same ids. */
	round_end(f, err == OK ? 0 : BACKOFF_FIRST_MS);
}

static void delete_sent(struct forward *f)
{
	f->job = (struct store_job){.run = delete_run, .done = delete_done};
	const enum err err = store_submit(f->s->store, &f->job);
	if (err != OK)
		delete_done(&f->job, err);
}

static void refused(struct forward *f, int status)
{
	if (f->count > 1) {
		f->batch_max = f->count / 2;
		round_end(f, REFUSED_WAIT_MS);
		return;
	}
	metric_inc(f->refused);
	log_event(LOG_WARN, "segment.event_refused", LF_INT("status", status));
	delete_sent(f);
}

static void on_answer(void *arg, const struct http_answer *answer)
{
	struct forward *f = arg;
	switch (forward_judge(answer->err, answer->status)) {
	case FORWARD_DONE:
		f->attempts = 0;
		f->batch_max = f->batch_max * 2 < SEGMENT_BATCH_EVENTS_MAX ? f->batch_max * 2 : SEGMENT_BATCH_EVENTS_MAX;
		metric_add(f->sent, (int64_t)f->count);
		delete_sent(f);
		return;
	case FORWARD_REFUSED:
		refused(f, answer->status);
		return;
	case FORWARD_LATER:
	default:
		break;
	}
	f->attempts++;
	metric_inc(f->failed);
	const int64_t wait_ms = forward_wait_ms(f->attempts, answer->retry_after_s);
	if (answer->err != ERR_STOPPING)
		log_event(LOG_WARN, "segment.forward_failed", LF_Z("error", err_name(answer->err)),
		          LF_INT("status", answer->status), LF_INT("retry_in_ms", wait_ms));
	round_end(f, wait_ms);
}

/* ---- the call ---- */

static void write_batch(struct forward *f)
{
	char now[TIME_TEXT_SIZE];
	time_text(clock_wall_ms(f->s->clock), now);
	buf_init(&f->body, LIST_ARENA_MAX);
	buf_printf(&f->body, "{\"sentAt\":\"%s\",\"batch\":[", now);
	for (size_t i = 0; i < f->count; i++) {
		if (i > 0)
			buf_char(&f->body, ',');
		buf_str(&f->body, f->rows[i].json);
	}
	buf_z(&f->body, "]}");
}

static enum err write_key_header(const struct forward *f, struct buf *out)
{
	struct buf plain = BUF_INIT(KEY_HEADER_MAX);
	buf_printf(&plain, "%s:", f->s->config->segment_forward);
	buf_z(out, "Basic ");
	if (plain.err == OK)
		b64_encode(out, (const uint8_t *)plain.data, plain.len);
	const enum err err = plain.err != OK ? plain.err : out->err;
	buf_wipe(&plain);
	return err;
}

static enum err call(struct forward *f)
{
	struct buf key = BUF_INIT(KEY_HEADER_MAX);
	char url[URL_MAX];
	const int len = snprintf(url, sizeof(url), "%s/v1/batch", f->s->config->segment_url);
	write_batch(f);
	enum err err = write_key_header(f, &key);
	if (err == OK)
		err = f->body.err != OK ? f->body.err : len >= (int)sizeof(url) ? ERR_TOO_LARGE : OK;
	const struct http_header headers[] = {{"Authorization", key.data}, {"Content-Type", "application/json"}};
	const struct http_call asked = {.method = "POST",
	                                .url = url,
	                                .headers = headers,
	                                .header_count = sizeof(headers) / sizeof(headers[0]),
	                                .body = buf_text(&f->body),
	                                .answer_max = ANSWER_MAX,
	                                .done = on_answer,
	                                .arg = f};
	if (err == OK)
		err = http_client_call(f->s->client, &asked);
	buf_wipe(&key);
	return err;
}

static enum err list_run(struct store_job *job, struct store_tx *tx)
{
	struct forward *f = of_job(job);
	arena_release(&f->arena);
	arena_init(&f->arena, LIST_ARENA_MAX);
	f->count = 0;
	return store_segment_queue_list(tx, f->batch_max, SEGMENT_BATCH_MAX - BODY_FRAME, &f->arena, &f->rows, &f->count);
}

static void list_done(struct store_job *job, enum err err)
{
	struct forward *f = of_job(job);
	if (err == OK && f->count == 0) {
		round_end(f, -1);
		return;
	}
	if (err == OK)
		err = call(f);
	if (err != OK) {
		const struct http_answer none = {.err = err, .retry_after_s = -1, .max_age_s = -1};
		on_answer(f, &none);
	}
}

static void round_begin(struct forward *f)
{
	f->job = (struct store_job){.run = list_run, .done = list_done};
	const enum err err = store_submit(f->s->store, &f->job);
	if (err != OK)
		round_end(f, BACKOFF_FIRST_MS);
}

/* ---- from outside ---- */

size_t forward_room(struct forward *f)
{
	const int64_t queued = atomic_load(&f->queued);
	return queued < FORWARD_QUEUE_MAX ? (size_t)(FORWARD_QUEUE_MAX - queued) : 0;
}

void forward_queued(struct forward *f, const struct segment_added *added)
{
	metric_add(f->full, (int64_t)added->not_queued);
	if (added->queued == 0)
		return;
	atomic_fetch_add(&f->queued, (int64_t)added->queued);
	kick(f);
}

void forward_expired(struct forward *f, size_t count)
{
	atomic_fetch_sub(&f->queued, (int64_t)count);
	metric_add(f->old, (int64_t)count);
}

static int64_t queue_depth(void *arg)
{
	return atomic_load(&((struct forward *)arg)->queued);
}

static enum err count_queue(struct store_tx *tx, void *arg)
{
	return store_segment_queue_count(tx, arg);
}

enum err forward_start(struct segment *s, struct forward **ret)
{
	static const char dropped[] = "licgate_segment_not_forwarded_total",
	                  help[] = "Events that were not passed on: the queue was full, Segment refused them, too old.";
	int64_t queued = 0;
	enum err err = store_read(s->store, count_queue, &queued);
	if (err != OK)
		return err;
	struct forward *f = calloc(1, sizeof(*f));
	if (!f)
		return ERR_NOMEM;
	f->s = s;
	f->batch_max = SEGMENT_BATCH_EVENTS_MAX;
	atomic_store(&f->queued, queued);
	arena_init(&f->arena, LIST_ARENA_MAX);
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->idle, NULL);
	f->sent = metric_counter("licgate_segment_forwarded_total", "Events passed on.", NULL);
	f->failed =
	    metric_counter("licgate_segment_forward_failures_total", "Calls that failed and are tried again.", NULL);
	f->full = metric_counter(dropped, help, "reason=\"full\"");
	f->refused = metric_counter(dropped, help, "reason=\"refused\"");
	f->old = metric_counter(dropped, help, "reason=\"old\"");
	metric_gauge_fn("licgate_segment_queue_depth", "Events to be passed on.", NULL, queue_depth, f);
	*ret = f;
	if (queued > 0)
		kick(f);
	return OK;
}

void forward_quiet(struct forward *f)
{
	pthread_mutex_lock(&f->lock);
	f->stopping = true;
	pthread_mutex_unlock(&f->lock);
	timer_cancel_wait(f->s->timers, &f->timer);
}

void forward_free(struct forward *f)
{
	if (!f)
		return;
	metric_forget(f);
	pthread_mutex_lock(&f->lock);
	while (f->busy)
		pthread_cond_wait(&f->idle, &f->lock);
	pthread_mutex_unlock(&f->lock);
	buf_release(&f->body);
	arena_release(&f->arena);
	pthread_cond_destroy(&f->idle);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

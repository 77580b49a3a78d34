/* forget.c - see forget.h.
 *
 * Ids are hashes, so they lie evenly over 64 bits: a 256th of that space at a time is one short job, and no index on
 * time has to be kept for it. A round over all slices takes some seconds, and begins anew every six hours. */
#include "segment/forget.h"

#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/metrics.h"
#include "segment/forward.h"

enum { FIRST_MS = 10 * 1000, AGAIN_MS = 50, ROUND_MS = 6 * 3600 * 1000, FAILED_MS = 60 * 1000 };
static const int64_t DAY_MS = 86400000;

struct forget {
	struct segment *s;
	struct timer timer;
	struct store_job job;
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t idle;
	bool busy, stopping;
	/* of the job */
	unsigned slice;
	size_t ids, expired;
	struct metric *ended;
};

void forget_slice(unsigned slice, int64_t *ret_from, int64_t *ret_to)
{
	const uint64_t width = UINT64_C(1) << 56;
	const uint64_t from = (uint64_t)INT64_MIN + slice * width;
	*ret_from = (int64_t)from;
	*ret_to = (int64_t)(from + (width - 1));
}

static enum err forget_run(struct store_job *job, struct store_tx *tx)
{
	struct forget *w = (struct forget *)(void *)((char *)job - offsetof(struct forget, job));
	const int64_t now = clock_wall_ms(w->s->clock);
	int64_t from, to;
	forget_slice(w->slice, &from, &to);
	w->expired = 0;
	const enum err err = store_segment_forget(tx, from, to, now / DAY_MS - w->s->config->pseudonym_days, &w->ids);
	return err == OK ? store_segment_queue_expire(tx, now - FORWARD_KEEP_DAYS * DAY_MS, &w->expired) : err;
}

static void due(void *arg);

static void forget_done(struct store_job *job, enum err err)
{
	struct forget *w = (struct forget *)(void *)((char *)job - offsetof(struct forget, job));
	int64_t wait_ms = FAILED_MS;
	if (err == OK) {
		metric_add(w->ended, (int64_t)w->ids);
		if (w->s->forward && w->expired > 0)
			forward_expired(w->s->forward, w->expired);
		w->slice = (w->slice + 1) % FORGET_SLICES;
		wait_ms = w->slice > 0 ? AGAIN_MS : ROUND_MS;
	} else {
		log_event(LOG_WARN, "segment.forget_failed", LF_Z("error", err_name(err)));
	}
	pthread_mutex_lock(&w->lock);
	w->busy = false;
	if (!w->stopping)
		(void)timer_set(w->s->timers, &w->timer, wait_ms, due, w);
	pthread_cond_broadcast(&w->idle);
	pthread_mutex_unlock(&w->lock);
}

static void due(void *arg)
{
	struct forget *w = arg;
	pthread_mutex_lock(&w->lock);
	w->busy = true;
	pthread_mutex_unlock(&w->lock);
	w->job = (struct store_job){.run = forget_run, .done = forget_done};
	const enum err err = store_submit(w->s->store, &w->job);
	if (err != OK)
		forget_done(&w->job, err);
}

enum err forget_start(struct segment *s, struct forget **ret)
{
	struct forget *w = calloc(1, sizeof(*w));
	if (!w)
		return ERR_NOMEM;
	w->s = s;
	w->ended = metric_counter("licgate_segment_ids_ended_total", "Pseudonymous ids whose time was over.", NULL);
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->idle, NULL);
	const enum err err = timer_set(s->timers, &w->timer, FIRST_MS, due, w);
	if (err != OK)
		forget_free(w);
	else
		*ret = w;
	return err;
}

void forget_free(struct forget *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	w->stopping = true;
	pthread_mutex_unlock(&w->lock);
	timer_cancel_wait(w->s->timers, &w->timer);
	pthread_mutex_lock(&w->lock);
	while (w->busy)
		pthread_cond_wait(&w->idle, &w->lock);
	pthread_mutex_unlock(&w->lock);
	pthread_cond_destroy(&w->idle);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

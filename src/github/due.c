/* due.c - what happens to purchases by time alone: a scheduled change takes effect, a trial ends, data is erased.
 *
 * One timer, set to the earliest date the store knows and to a minute at the latest, since dates are of the wall clock;
 * one job, a bounded number of accounts at a time. The store has the dates, so that a restart forgets none. A trial
 * that is over is settled by GitHub's word where the REST API can be asked; without it, or when it does not answer
 * within the hour, it has expired, until a webhook says that it was paid for. */
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "github/github_internal.h"

enum { FIRST_MS = 500, EVERY_MS = 60000, AGAIN_MS = 50, BATCH = 50, ARENA_MAX = 4 * 1024 * 1024 };
static const int64_t USED_KEEP_MS = INT64_C(90) * 86400000, DRIFT_KEEP_MS = INT64_C(90) * 86400000;

struct due {
	struct store_job job; /* first: the store hands it back */
	struct github *g;
	struct arena arena;
	struct github_applied applied[BATCH];
	size_t count;
	bool full;
	int64_t next; /* wall ms; 0: nothing is known of */
};

static enum err settle(struct due *d, struct store_tx *tx, const char *id, struct github_applied *ret)
{
	struct github_account_row row;
	struct github_news news;
	const int64_t now = clock_wall_ms(d->g->clock);
	enum err err = store_github_account_get(tx, str_of(id), &d->arena, &row);
	if (err != OK)
		return err;
	if (entitlement_scheduled(&row, now, &news))
		return github_apply(d->g, tx, &d->arena, &news, ret);
	if (row.erase_at > 0 && row.erase_at <= now)
		return github_erase(d->g, tx, &row, ret);
	if (entitlement_live(&row) && row.now.on_trial && row.now.trial_ends_at <= now)
		return github_apply_trial_over(d->g, tx, &d->arena, &row, ret);
	return OK;
}

static enum err due_run(struct store_job *job, struct store_tx *tx)
{
	struct due *d = (struct due *)job;
	const int64_t now = clock_wall_ms(d->g->clock);
	const char **ids = NULL;
	size_t count = 0;
	arena_release(&d->arena);
	arena_init(&d->arena, ARENA_MAX);
	d->count = 0;
	enum err err = store_github_due(tx, now, BATCH, &d->arena, &ids, &count, &d->next);
	for (size_t i = 0; err == OK && i < count; i++) {
		d->applied[i] = (struct github_applied){0};
		err = settle(d, tx, ids[i], &d->applied[i]);
	}
	if (err == OK)
		err = store_github_tidy(tx, now - USED_KEEP_MS, now, now - DRIFT_KEEP_MS);
	d->count = count;
	d->full = count == BATCH;
	return err;
}

static void due_done(struct store_job *job, enum err err)
{
	struct due *d = (struct due *)job;
	struct github *g = d->g;
	for (size_t i = 0; err == OK && i < d->count; i++)
		(void)github_committed(g, &d->applied[i]);
	if (err != OK && err != ERR_STOPPING)
		log_event(LOG_WARN, "github.due_failed", LF_Z("error", err_name(err)));
	pthread_mutex_lock(&g->parts->lock);
	g->parts->due_running = false;
	pthread_mutex_unlock(&g->parts->lock);
	const int64_t now = clock_wall_ms(g->clock);
	github_due_by(g, now + (err == OK && d->full ? AGAIN_MS : EVERY_MS));
	if (err == OK && d->next > 0)
		github_due_by(g, d->next);
	arena_release(&d->arena);
	free(d);
	github_busy_end(g);
}

static void due_now(void *arg)
{
	struct github *g = arg;
	struct github_parts *parts = g->parts;
	pthread_mutex_lock(&parts->lock);
	parts->due_mono = INT64_MAX;
	const bool run = !parts->due_running && !parts->stopping;
	parts->due_running = parts->due_running || run;
	parts->busy += run;
	pthread_mutex_unlock(&parts->lock);
	if (!run)
		return;
	struct due *d = calloc(1, sizeof(*d));
	if (!d) {
		pthread_mutex_lock(&parts->lock);
		parts->due_running = false;
		pthread_mutex_unlock(&parts->lock);
		github_due_by(g, clock_wall_ms(g->clock) + EVERY_MS);
		github_busy_end(g);
		return;
	}
	d->g = g;
	arena_init(&d->arena, ARENA_MAX);
	d->job = (struct store_job){.run = due_run, .done = due_done};
	enum err err = store_submit(g->store, &d->job);
	if (err != OK)
		due_done(&d->job, err);
}

void github_due_by(struct github *g, int64_t wall_ms)
{
	struct github_parts *parts = g->parts;
	int64_t delay = wall_ms - clock_wall_ms(g->clock);
	delay = delay < 0 ? 0 : delay > EVERY_MS ? EVERY_MS : delay;
	pthread_mutex_lock(&parts->lock);
	const int64_t due_mono = clock_mono_ms(g->clock) + delay;
	if (!parts->stopping && due_mono < parts->due_mono &&
	    timer_set(g->timers, &parts->due_timer, delay, due_now, g) == OK)
		parts->due_mono = due_mono;
	pthread_mutex_unlock(&parts->lock);
}

enum err github_due_start(struct github *g)
{
	g->parts->due_mono = INT64_MAX;
	github_due_by(g, clock_wall_ms(g->clock) + FIRST_MS);
	return g->parts->due_mono == INT64_MAX ? ERR_NOMEM : OK;
}

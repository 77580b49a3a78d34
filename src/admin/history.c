/* history.c - see history.h. A timer counts, a job of the writer stores: at most one is under way. */
#include "admin/history.h"

#include <stddef.h>
#include <stdlib.h>

#include "base/log.h"

enum { FIRST_MS = 3000, EVERY_MS = 3600 * 1000 };

struct history {
	struct connect *c;
	struct timer timer;
	pthread_mutex_t lock;
	pthread_cond_t idle;
	bool storing, stopping;
	struct store_job job;
	struct state_counts counts; /* the job's own while it stores */
};

const char *history_name(size_t i)
{
	return i < STATE_COUNT ? license_state_name((enum license_state)i) : "uninstalled";
}

struct counting {
	struct lookups *lookups;
	struct moment now;
	struct state_counts counts;
};

static bool count_one(void *arg, const struct tenant *t)
{
	struct counting *c = arg;
	const enum tenant_status status = t->status;
	c->counts.by_status[status]++;
	c->counts.by_name[status == TENANT_UNINSTALLED ? STATE_COUNT : lookups_state_at(c->lookups, t, c->now).state]++;
	return true;
}

void states_count(struct tenants *t, struct lookups *l, struct state_counts *ret)
{
	struct counting c = {.lookups = l, .now = lookups_now(l)};
	tenants_each(t, count_one, &c);
	*ret = c.counts;
}

static void count_now(void *history);

static enum err store_run(struct store_job *job, struct store_tx *tx)
{
	const struct history *h = (struct history *)(void *)((char *)job - offsetof(struct history, job));
	const int64_t now = clock_wall_ms(h->c->clock);
	enum err err = OK;
	for (size_t i = 0; err == OK && i < HISTORY_NAMES; i++)
		err = store_daily_put(tx, now, history_name(i), h->counts.by_name[i]);
	return err;
}

static void store_done(struct store_job *job, enum err err)
{
	struct history *h = (struct history *)(void *)((char *)job - offsetof(struct history, job));
	if (err != OK)
		log_event(LOG_WARN, "history.failed", LF_Z("error", err_name(err)));
	pthread_mutex_lock(&h->lock);
	h->storing = false;
	if (!h->stopping)
		timer_set(h->c->timers, &h->timer, EVERY_MS, count_now, h);
	pthread_cond_broadcast(&h->idle);
	pthread_mutex_unlock(&h->lock);
}

static void count_now(void *history)
{
	struct history *h = history;
	pthread_mutex_lock(&h->lock);
	h->storing = !h->stopping;
	const bool go = h->storing;
	pthread_mutex_unlock(&h->lock);
	if (!go)
		return;
	states_count(h->c->tenants, h->c->lookups, &h->counts);
	h->job = (struct store_job){.run = store_run, .done = store_done};
	enum err err = store_submit(h->c->store, &h->job);
	if (err != OK)
		store_done(&h->job, err);
}

enum err history_start(struct connect *c, struct history **ret)
{
	struct history *h = calloc(1, sizeof(*h));
	if (!h)
		return ERR_NOMEM;
	h->c = c;
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->idle, NULL);
	enum err err = timer_set(c->timers, &h->timer, FIRST_MS, count_now, h);
	if (err != OK)
		history_stop(h);
	else
		*ret = h;
	return err;
}

void history_stop(struct history *h)
{
	if (!h)
		return;
	pthread_mutex_lock(&h->lock);
	h->stopping = true;
	pthread_mutex_unlock(&h->lock);
	timer_cancel_wait(h->c->timers, &h->timer);
	pthread_mutex_lock(&h->lock);
	while (h->storing)
		pthread_cond_wait(&h->idle, &h->lock);
	pthread_mutex_unlock(&h->lock);
	pthread_cond_destroy(&h->idle);
	pthread_mutex_destroy(&h->lock);
	free(h);
}

/* poller.c - see poller.h. */
#include "market/poller.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/metrics.h"

enum {
	FIRST_MS = 2000,           /* after the start */
	BUSY_AGAIN_MS = 60 * 1000, /* somebody else polls */
	FAILED_AGAIN_MS = 600000,  /* or after the interval, where that is shorter */
	WORK_ARENA_MAX = 64 * 1024,
};

struct poller {
	struct sync_options o;
	struct pace pace;
	pthread_t thread;
	pthread_mutex_t lock; /* what follows */
	struct poller_state state;
	bool full_asked;
};

struct last {
	int64_t done_at;
};

static enum err read_last(struct store_tx *tx, void *arg)
{
	struct last *l = arg;
	struct market_poll licenses, sales;
	struct arena a;
	arena_init(&a, WORK_ARENA_MAX);
	enum err e = store_market_poll_get(tx, STR("licenses"), &a, &licenses);
	if (e == OK)
		e = store_market_poll_get(tx, STR("sales"), &a, &sales);
	arena_release(&a);
	if (e == OK)
		l->done_at = licenses.done_at < sales.done_at ? licenses.done_at : sales.done_at;
	return e;
}

/* From the last good poll on. */
static int64_t regular_wait_ms(struct poller *p)
{
	struct last l = {0};
	const int64_t every = p->o.config->marketplace_interval_s * 1000;
	if (store_read(p->o.store, read_last, &l) != OK)
		return every;
	const int64_t left = l.done_at + every - clock_wall_ms(p->o.clock);
	return left < FIRST_MS ? FIRST_MS : left > every ? every : left;
}

static int64_t wait_after(struct poller *p, enum err e)
{
	const int64_t every = p->o.config->marketplace_interval_s * 1000;
	const int64_t again = e == ERR_BUSY ? BUSY_AGAIN_MS : FAILED_AGAIN_MS;
	if (e == OK)
		return regular_wait_ms(p);
	return again < every ? again : every;
}

static bool begin(struct poller *p)
{
	pthread_mutex_lock(&p->lock);
	p->state = (struct poller_state){.running = true};
	bool full = p->full_asked;
	p->full_asked = false;
	pthread_mutex_unlock(&p->lock);
	return full;
}

static void rest(struct poller *p, int64_t ms)
{
	pthread_mutex_lock(&p->lock);
	p->state = (struct poller_state){.next_at = clock_wall_ms(p->o.clock) + ms};
	pthread_mutex_unlock(&p->lock);
	(void)pace_rest(&p->pace, ms);
}

static void *poller_main(void *arg)
{
	struct poller *p = arg;
	struct sync_result result;
	rest(p, regular_wait_ms(p));
	while (!pace_stopping(&p->pace)) {
		enum err e = sync_poll(&p->o, begin(p), &result);
		rest(p, wait_after(p, e));
	}
	return NULL;
}

static int64_t success_age_s(void *arg)
{
	const struct poller *p = arg;
	struct last l = {0}; /* of any process: a command may poll beside */
	const int64_t now = clock_wall_ms(p->o.clock);
	if (store_read(p->o.store, read_last, &l) != OK || !l.done_at)
		return -1;
	return l.done_at < now ? (now - l.done_at) / 1000 : 0;
}

enum err poller_start(const struct sync_options *o, struct poller **ret)
{
	if (!sync_configured(o->config))
		return OK;
	struct poller *p = calloc(1, sizeof(*p));
	if (!p)
		return ERR_NOMEM;
	p->o = *o;
	p->o.pace = &p->pace;
	p->o.progress = NULL;
	pace_init(&p->pace);
	pthread_mutex_init(&p->lock, NULL);
	metric_gauge_fn("licgate_market_poll_age_seconds",
	                "Since the last poll of the Marketplace that ended well; -1: none.", NULL, success_age_s, p);
	if (pthread_create(&p->thread, NULL, poller_main, p) != 0) {
		metric_forget(p);
		free(p);
		return ERR_NOMEM;
	}
	*ret = p;
	return OK;
}

void poller_ask_stop(struct poller *p)
{
	if (p)
		pace_stop(&p->pace);
}

void poller_stop(struct poller *p)
{
	if (!p)
		return;
	pace_stop(&p->pace);
	pthread_join(p->thread, NULL);
	metric_forget(p);
	pace_release(&p->pace);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

void poller_now(struct poller *p, bool full)
{
	pthread_mutex_lock(&p->lock);
	p->full_asked = p->full_asked || full;
	pthread_mutex_unlock(&p->lock);
	pace_wake(&p->pace);
}

struct poller_state poller_state(struct poller *p)
{
	pthread_mutex_lock(&p->lock);
	struct poller_state state = p->state;
	pthread_mutex_unlock(&p->lock);
	return state;
}

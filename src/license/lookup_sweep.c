/* lookup_sweep.c - once a minute, and when an override ends: what happens by time alone, for tenants nobody asks about.
 *
 * Grace that is over, overrides that have ended, news the store refused, sights of tenants worth storing. It walks the
 * table quickly, noting who needs something, and acts afterwards without any lock. A round is bounded; what is left
 * comes in the next, a second later. Runs on the timer thread, which must not block: all writing is queued. */
#include <stdlib.h>

#include "base/cleanup.h"
#include "license/lookup_internal.h"

enum {
	SWEEP_FIRST_MS = 1000, /* soon after start: what ended while the server was down */
	SWEEP_MS = 60000,
	SWEEP_AGAIN_MS = 1000,
	SWEEP_ROUND = 4096,
	SIGHT_STORE_MS = 3600000,
	SIGHTS_A_JOB = 512
};

struct need {
	const struct tenant *tenant; /* a reference */
	bool override_over, store_news;
	int64_t seen; /* to be stored; 0: not now */
};

struct sweep {
	struct lookups *l;
	int64_t now_wall, now_mono;
	int64_t next_ms; /* when the next one is due */
	bool final, more;
	struct need *needs;
	size_t count;
};

struct sights {
	struct store_job job; /* first: the store hands it back */
	struct lookups *l;
	size_t count;
	struct {
		const struct tenant *tenant;
		int64_t at;
	} of[SIGHTS_A_JOB];
};

static bool look(void *arg, const struct tenant *tenant)
{
	struct sweep *s = arg;
	struct live *live = tenant->live;
	struct need need = {.tenant = tenant};
	pthread_mutex_lock(&live->lock);
	if (!tenant_is_closed(tenant))
		(void)follow_time(s->l, tenant, s->now_wall, s->now_mono);
	need.store_news = live->pending && live->pending->dirty && !live->pending->running;
	const int64_t left_ms = live->override ? live->override->until - s->now_wall : INT64_MAX;
	need.override_over = left_ms <= 0;
	if (left_ms > 0 && left_ms < s->next_ms)
		s->next_ms = left_ms;
	int64_t seen = tenant_seen_own(tenant), unsaved = seen - live->last_seen_stored;
	if (unsaved >= (s->final ? 1 : SIGHT_STORE_MS))
		need.seen = seen;
	pthread_mutex_unlock(&live->lock);
	if (!need.store_news && !need.override_over && !need.seen)
		return true;
	if (s->count == SWEEP_ROUND) {
		s->more = true;
		return false;
	}
	tenant_ref(tenant);
	s->needs[s->count++] = need;
	return true;
}

static enum err sights_run(struct store_job *job, struct store_tx *tx)
{
	struct sights *s = (struct sights *)job;
	enum err err = OK;
	for (size_t i = 0; err == OK && i < s->count; i++) {
		err = store_tenant_last_seen(tx, s->of[i].tenant->client_key, s->of[i].at);
		if (err == ERR_NOT_FOUND) /* purged meanwhile */
			err = OK;
	}
	return err;
}

static void sights_done(struct store_job *job, enum err err)
{
	struct sights *s = (struct sights *)job;
	struct lookups *l = s->l;
	for (size_t i = 0; i < s->count; i++) {
		struct live *live = s->of[i].tenant->live;
		pthread_mutex_lock(&live->lock);
		if (err == OK && s->of[i].at > live->last_seen_stored)
			live->last_seen_stored = s->of[i].at;
		pthread_mutex_unlock(&live->lock);
		tenant_unref(s->of[i].tenant);
	}
	free(s);
	busy_end(l);
}

static void sights_submit(struct lookups *l, struct sights *s)
{
	if (!s)
		return;
	s->job = (struct store_job){.run = sights_run, .done = sights_done};
	s->l = l;
	busy_begin(l);
	enum err err = store_submit(l->o.store, &s->job);
	if (err != OK)
		sights_done(&s->job, err);
}

/* Collects sights into jobs; without memory they wait for the next sweep. */
static void sight_add(struct lookups *l, struct sights **batch, const struct need *need)
{
	if (!*batch)
		*batch = calloc(1, sizeof **batch);
	struct sights *s = *batch;
	if (!s)
		return;
	tenant_ref(need->tenant);
	s->of[s->count].tenant = need->tenant;
	s->of[s->count++].at = need->seen;
	if (s->count == SIGHTS_A_JOB)
		sights_submit(l, TAKE(*batch));
}

static void act(struct sweep *s)
{
	struct sights *batch = NULL;
	for (size_t i = 0; i < s->count; i++) {
		const struct need *need = &s->needs[i];
		if (need->store_news)
			persist_retry(s->l, need->tenant);
		if (need->override_over)
			override_elapsed(s->l, need->tenant);
		if (need->seen)
			sight_add(s->l, &batch, need);
		tenant_unref(need->tenant);
	}
	sights_submit(s->l, batch);
}

/* The time until the next one is due. */
static int64_t sweep_run(struct lookups *l, bool final, bool *ret_more)
{
	struct sweep s = {
	    .l = l,
	    .now_wall = clock_wall_ms(l->o.clock),
	    .now_mono = clock_mono_ms(l->o.clock),
	    .next_ms = SWEEP_MS,
	    .final = final,
	    .needs = calloc(SWEEP_ROUND, sizeof *s.needs),
	};
	*ret_more = false;
	if (!s.needs)
		return s.next_ms;
	tenants_each(l->o.tenants, look, &s);
	act(&s);
	free(s.needs);
	*ret_more = s.more;
	return s.more ? SWEEP_AGAIN_MS : s.next_ms;
}

bool sweep_finally(struct lookups *l)
{
	bool more;
	(void)sweep_run(l, true, &more);
	return more;
}

static void sweep_due(void *arg)
{
	struct lookups *l = arg;
	bool more;
	pthread_mutex_lock(&l->lock);
	l->sweep_due_mono = INT64_MAX;
	pthread_mutex_unlock(&l->lock);
	const int64_t next_ms = sweep_run(l, false, &more);
	/* Takes the place this very call has left in the heap: it does not fail. */
	(void)sweep_by(l, next_ms);
}

enum err sweep_by(struct lookups *l, int64_t delay_ms)
{
	enum err err = OK;
	if (delay_ms < 0)
		delay_ms = 0;
	pthread_mutex_lock(&l->lock);
	const int64_t due_mono = clock_mono_ms(l->o.clock) + delay_ms;
	if (!l->stopping && due_mono < l->sweep_due_mono) {
		err = timer_set(l->o.timers, &l->sweep, delay_ms, sweep_due, l);
		l->sweep_due_mono = err == OK ? due_mono : INT64_MAX;
	}
	pthread_mutex_unlock(&l->lock);
	return err;
}

enum err sweep_start(struct lookups *l)
{
	l->sweep_due_mono = INT64_MAX;
	return sweep_by(l, SWEEP_FIRST_MS);
}

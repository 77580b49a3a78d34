/* upkeep.c - see upkeep.h.
 *
 * Two timers, both on the timer thread, which never blocks: look-ups go to the outgoing thread, the sweep is a write
 * job. The sweep and an install of the same tenant are ordered by the one writer: a tenant that came back is not
 * purged, and the memory table follows in the same order. */
#include "connect/upkeep.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "events/journal.h"

enum {
	PROVE_DELAY_MS = 1000,
	PROVE_MAX = 4096,
	PROVE_BATCH =
	    8, /* a burst of installs must not become a burst at their hosts, nor compete with the next installs */
	PROVE_PACE_MS = 50,
	SWEEP_EVERY_MS = 3600 * 1000,
	SWEEP_FIRST_MS = 5000,
	SWEEP_AGAIN_MS = 50,
	SWEEP_BATCH = 100,
	SWEEP_ARENA_MAX = 256 * 1024,
};
static const int64_t DAY_MS = 86400000;
static const int64_t WEBHOOK_KEEP_MS = 7 * 86400000;

struct proof {
	struct proof *next;
	int64_t due_mono_ms;
	char client_key[];
};

struct upkeep {
	struct connect *c;
	struct timer prove_timer, sweep_timer;
	pthread_mutex_t lock;
	pthread_cond_t idle;
	struct proof *first, **last; /* in the order of their due time: the delay is always the same */
	size_t waiting;
	bool sweeping; /* the job is the store's now */
	bool stopping;

	struct store_job job;
	struct arena arena;
	const char **purged;
	size_t purged_count;
};

static void prove_due(void *arg);

/* Under the lock. */
static void arm(struct upkeep *u)
{
	if (!u->first || u->stopping)
		return;
	int64_t delay = u->first->due_mono_ms - clock_mono_ms(u->c->clock);
	timer_set(u->c->timers, &u->prove_timer, delay > 0 ? delay : 0, prove_due, u);
}

/* Takes one entry whose time has come; the caller frees it. */
static struct proof *take_due(struct upkeep *u)
{
	pthread_mutex_lock(&u->lock);
	struct proof *p = u->first;
	if (p && p->due_mono_ms <= clock_mono_ms(u->c->clock)) {
		u->first = p->next;
		u->waiting--;
		if (!u->first)
			u->last = &u->first;
	} else {
		arm(u);
		p = NULL;
	}
	pthread_mutex_unlock(&u->lock);
	return p;
}

/* A page that was opened meanwhile may have had the licence looked up already. */
static bool looked_up_since_install(struct upkeep *u, const struct tenant *tenant)
{
	return lookups_known(u->c->lookups, tenant).fetched_at >= tenant->updated_at;
}

static void prove(struct upkeep *u, struct str client_key)
{
	const struct tenant *tenant = tenants_find(u->c->tenants, client_key);
	if (tenant && tenant->status != TENANT_UNINSTALLED && !looked_up_since_install(u, tenant))
		(void)lookups_refresh(u->c->lookups, tenant, NULL, NULL);
	tenant_unref(tenant);
}

static void prove_due(void *arg)
{
	struct upkeep *u = arg;
	for (int i = 0; i < PROVE_BATCH; i++) {
		struct proof *p = take_due(u);
		if (!p)
			return;
		prove(u, str_of(p->client_key));
		free(p);
	}
	pthread_mutex_lock(&u->lock);
	if (u->first && !u->stopping)
		timer_set(u->c->timers, &u->prove_timer, PROVE_PACE_MS, prove_due, u);
	pthread_mutex_unlock(&u->lock);
}

void upkeep_prove_soon(struct connect *c, struct str client_key)
{
	struct upkeep *u = c->upkeep;
	struct proof *p = u ? malloc(sizeof(*p) + client_key.len + 1) : NULL;
	if (!p)
		return;
	p->next = NULL;
	p->due_mono_ms = clock_mono_ms(c->clock) + PROVE_DELAY_MS;
	memcpy(p->client_key, client_key.ptr, client_key.len);
	p->client_key[client_key.len] = '\0';

	pthread_mutex_lock(&u->lock);
	bool room = u->waiting < PROVE_MAX && !u->stopping;
	if (room) {
		const bool alone = !u->first; /* else the timer is set, for the first or for the pace */
		*u->last = p;
		u->last = &p->next;
		u->waiting++;
		if (alone)
			arm(u);
	}
	pthread_mutex_unlock(&u->lock);
	if (!room)
		free(p);
}

static enum err purge(struct store_tx *tx, const char *client_key, int64_t now)
{
	enum err err = store_tenant_purge(tx, str_of(client_key));
	if (err != OK)
		return err;
	char at[24];
	snprintf(at, sizeof(at), "%lld", (long long)now);
	const struct event e = {
	    .type = "tenant.purged", .tenant = str_of(client_key), .source = "retention", .at = now, .once = str_of(at)};
	return journal_add(tx, &e);
}

static enum err sweep_run(struct store_job *job, struct store_tx *tx)
{
	struct upkeep *u = (struct upkeep *)(void *)((char *)job - offsetof(struct upkeep, job));
	const int64_t now = clock_wall_ms(u->c->clock);
	const int64_t before = now - u->c->config->retention_days * DAY_MS;
	arena_release(&u->arena);
	arena_init(&u->arena, SWEEP_ARENA_MAX);
	u->purged_count = 0;
	size_t count = 0;
	enum err err = store_tenants_uninstalled_before(tx, before, SWEEP_BATCH, &u->arena, &u->purged, &count);
	for (size_t i = 0; err == OK && i < count; i++)
		err = purge(tx, u->purged[i], now);
	if (err == OK)
		err = store_webhook_forget_before(tx, now - WEBHOOK_KEEP_MS);
	u->purged_count = count;
	return err;
}

static void sweep(void *arg);

static void sweep_done(struct store_job *job, enum err err)
{
	struct upkeep *u = (struct upkeep *)(void *)((char *)job - offsetof(struct upkeep, job));
	size_t purged = err == OK ? u->purged_count : 0;
	for (size_t i = 0; i < purged; i++) {
		tenants_remove(u->c->tenants, str_of(u->purged[i]));
		log_event(LOG_INFO, "tenant.purged", LF_Z("tenant", u->purged[i]));
	}
	if (err != OK)
		log_event(LOG_WARN, "retention.failed", LF_Z("error", err_name(err)));
	pthread_mutex_lock(&u->lock);
	u->sweeping = false;
	if (!u->stopping)
		timer_set(u->c->timers, &u->sweep_timer, purged == SWEEP_BATCH ? SWEEP_AGAIN_MS : SWEEP_EVERY_MS, sweep, u);
	pthread_cond_broadcast(&u->idle);
	pthread_mutex_unlock(&u->lock);
}

static void sweep(void *arg)
{
	struct upkeep *u = arg;
	pthread_mutex_lock(&u->lock);
	u->sweeping = true; /* whoever stops waits for this call, and then for the job */
	pthread_mutex_unlock(&u->lock);
	u->job = (struct store_job){.run = sweep_run, .done = sweep_done};
	enum err err = store_submit(u->c->store, &u->job);
	if (err != OK)
		sweep_done(&u->job, err);
}

enum err retention_start(struct connect *c)
{
	struct upkeep *u = calloc(1, sizeof(*u));
	if (!u)
		return ERR_NOMEM;
	u->c = c;
	u->last = &u->first;
	arena_init(&u->arena, SWEEP_ARENA_MAX);
	pthread_mutex_init(&u->lock, NULL);
	pthread_cond_init(&u->idle, NULL);
	c->upkeep = u;
	enum err err = timer_set(c->timers, &u->sweep_timer, SWEEP_FIRST_MS, sweep, u);
	if (err != OK)
		retention_stop(c);
	return err;
}

void retention_stop(struct connect *c)
{
	struct upkeep *u = c->upkeep;
	if (!u)
		return;
	pthread_mutex_lock(&u->lock);
	u->stopping = true;
	pthread_mutex_unlock(&u->lock);
	timer_cancel_wait(c->timers, &u->sweep_timer);
	timer_cancel_wait(c->timers, &u->prove_timer);
	pthread_mutex_lock(&u->lock);
	while (u->sweeping)
		pthread_cond_wait(&u->idle, &u->lock);
	pthread_mutex_unlock(&u->lock);
	c->upkeep = NULL;
	for (struct proof *p = u->first, *next; p; p = next) {
		next = p->next;
		free(p);
	}
	arena_release(&u->arena);
	pthread_cond_destroy(&u->idle);
	pthread_mutex_destroy(&u->lock);
	free(u);
}

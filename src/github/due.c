/* due.c - what happens to purchases by time alone: a scheduled change takes effect, a trial ends, data is erased.
 *
 * One timer, set to the earliest date the store knows and to some seconds at the latest, since dates are of the wall
 * clock and other servers and commands write to the same store: what they changed is told to this server's core. One
 * job, a bounded number of accounts at a time. The store has the dates, so that a restart forgets none. A trial
 * that is over is settled by GitHub's word where the REST API can be asked; without it, or when it does not answer
 * within the hour, it has expired, until a webhook says that it was paid for. */
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "github/github_internal.h"
#include "github/listing.h"
#include "github/revoke.h"

enum { FIRST_MS = 500, EVERY_MS = 5000, AGAIN_MS = 50, BATCH = 50, FEED = 200, ARENA_MAX = 16 * 1024 * 1024 };
static const int64_t TRIAL_SLACK_MS = 3600000, FEED_OVERLAP_MS = 10000, FEED_QUIET_MS = 60000, TRIAL_ASK_MS = 60000;
static const int64_t USED_KEEP_MS = INT64_C(90) * 86400000, DRIFT_KEEP_MS = INT64_C(90) * 86400000;

struct due {
	struct store_job job; /* first: the store hands it back */
	struct github *g;
	struct arena arena;
	struct github_applied applied[BATCH];
	size_t count;
	bool full;
	/* what another server, or a command, changed */
	struct github_account_row *feed;
	struct tenant_row feed_tenants[FEED];
	size_t feed_count;
	struct github_revocations revocations;
	const char *ask[BATCH]; /* accounts whose trial is over: what does GitHub say? */
	size_t ask_count;
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
	if (!entitlement_live(&row) || !row.now.on_trial || row.now.trial_ends_at > now)
		return OK;
	if (!github_can_ask(d->g->config) || row.now.trial_ends_at + TRIAL_SLACK_MS <= now)
		return github_apply_trial_over(d->g, tx, &d->arena, &row, ret);
	if (row.checked_at + TRIAL_ASK_MS <= now || row.checked_at < row.now.trial_ends_at) {
		row.checked_at = now; /* it is asked for now */
		d->ask[d->ask_count++] = id;
		return store_github_account_put(tx, &row);
	}
	return OK;
}

/* ---- what others changed in the store ---- */

/* Clocks of servers differ a little: while something happens, the last seconds are looked at again. */
static enum err read_feed(struct due *d, struct store_tx *tx)
{
	const struct github_parts *parts = d->g->parts;
	const bool quiet = clock_wall_ms(d->g->clock) - parts->seen_at > FEED_QUIET_MS;
	const int64_t after = parts->feed_id[0] || quiet ? parts->seen_at : parts->seen_at - FEED_OVERLAP_MS;
	d->feed_count = 0;
	enum err err =
	    store_github_account_changed(tx, after, str_of(parts->feed_id), FEED, &d->arena, &d->feed, &d->feed_count);
	for (size_t i = 0; err == OK && i < d->feed_count; i++) {
		char *key = arena_printf(&d->arena, "github:%s", d->feed[i].account_id);
		if (!key)
			return ERR_NOMEM;
		d->feed_tenants[i] = (struct tenant_row){0};
		err = store_tenant_get(tx, str_of(key), &d->arena, &d->feed_tenants[i]);
		if (err == ERR_NOT_FOUND) { /* erased: only its key is left */
			d->feed_tenants[i] = (struct tenant_row){.client_key = key};
			err = OK;
		}
	}
	return err;
}

static void follow_feed(struct due *d)
{
	struct github *g = d->g;
	for (size_t i = 0; i < d->feed_count; i++) {
		const struct tenant_row *row = &d->feed_tenants[i];
		const struct str key = str_of(row->client_key);
		const struct tenant *tenant = tenants_find(g->tenants, key);
		if (!row->status && tenant)
			tenants_remove(g->tenants, key);
		else if (row->status && (!tenant || tenant->status != tenant_status_parse(str_of(row->status)) ||
		                         !str_eqz(tenant->base_url, row->base_url)))
			(void)tenants_put(g->tenants, row, STR(""));
		tenant_unref(tenant);
		if (row->status)
			(void)github_tell_again(g, &d->arena, &d->feed[i]);
		if (d->feed[i].updated_at > g->parts->seen_at)
			g->parts->seen_at = d->feed[i].updated_at;
	}
	d->full = d->full || d->feed_count == FEED;
	(void)snprintf(g->parts->feed_id, sizeof(g->parts->feed_id), "%s",
	               d->feed_count == FEED ? d->feed[FEED - 1].account_id : "");
}

static void asked(void *arg, const char *failure)
{
	(void)arg;
	if (failure)
		log_event(LOG_INFO, "github.check_failed", LF_Z("code", failure));
}

/* ---- the job ---- */

static enum err due_run(struct store_job *job, struct store_tx *tx)
{
	struct due *d = (struct due *)job;
	const int64_t now = clock_wall_ms(d->g->clock);
	const char **ids = NULL;
	size_t count = 0;
	arena_release(&d->arena);
	arena_init(&d->arena, ARENA_MAX);
	d->count = d->ask_count = 0;
	enum err err = store_github_due(tx, now, BATCH, &d->arena, &ids, &count, &d->next);
	for (size_t i = 0; err == OK && i < count; i++) {
		d->applied[i] = (struct github_applied){0};
		err = settle(d, tx, ids[i], &d->applied[i]);
	}
	if (err == OK)
		err = read_feed(d, tx);
	if (err == OK)
		err = github_revocations_take(d->g, tx, &d->arena, &d->revocations);
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
	if (err == OK) {
		follow_feed(d);
		github_revocations_send(g, &d->revocations);
		for (size_t i = 0; i < d->ask_count; i++)
			(void)github_check(g, str_of(d->ask[i]), asked, g);
	}
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

/* github.c - start and stop of the door, and what is told to the core at start.
 *
 * The store has the truth of what is bought; the licence core keeps its own copy, which a crash may have left one step
 * behind. So every account is told again at start where the two differ. */
#include "github/github.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "github/github_internal.h"
#include "github/reconcile.h"
#include "token/token.h"

enum { BATCH = 200, ARENA_MAX = 16 * 1024 * 1024 };

bool github_busy_begin(struct github *g)
{
	pthread_mutex_lock(&g->parts->lock);
	const bool on = !g->parts->stopping;
	g->parts->busy += on;
	pthread_mutex_unlock(&g->parts->lock);
	return on;
}

void github_busy_end(struct github *g)
{
	pthread_mutex_lock(&g->parts->lock);
	g->parts->busy--;
	pthread_cond_broadcast(&g->parts->idle);
	pthread_mutex_unlock(&g->parts->lock);
}

/* ---- what the core may have missed ---- */

static bool same_facts(const struct license_known *k, const struct license_facts *f)
{
	return k->looked_up && k->valid == f->valid && k->evaluation == f->evaluation && k->cancelled == f->cancelled &&
	       k->users_max == f->users_max && k->expires_at == f->expires_at;
}

enum err github_tell_again(struct github *g, struct arena *a, const struct github_account_row *row)
{
	struct github_applied applied = {0};
	enum err err = github_tell(g, a, row, &applied);
	if (err != OK)
		return err;
	const struct tenant *tenant = tenants_find(g->tenants, str_of(applied.key));
	if (tenant) {
		const struct license_known k = lookups_known(g->lookups, tenant);
		if (!same_facts(&k, &applied.facts))
			err = lookups_told(g->lookups, tenant, &applied.facts);
	}
	tenant_unref(tenant);
	return err;
}

static enum err tell_at_start(struct github *g, struct arena *a, const struct github_account_row *row)
{
	if (row->updated_at > g->parts->seen_at)
		g->parts->seen_at = row->updated_at;
	return github_tell_again(g, a, row);
}

static enum err tell_all(struct store_tx *tx, void *arg)
{
	struct github *g = arg;
	char after[32] = "";
	for (;;) {
		__cleanup(arena_release) struct arena a;
		arena_init(&a, ARENA_MAX);
		struct github_account_row *rows = NULL;
		size_t count = 0;
		enum err err = store_github_account_list(tx, str_of(after), BATCH, &a, &rows, &count);
		for (size_t i = 0; err == OK && i < count; i++)
			err = tell_at_start(g, &a, &rows[i]);
		if (err != OK || count < BATCH)
			return err;
		(void)snprintf(after, sizeof(after), "%s", rows[count - 1].account_id);
	}
}

#define SYNC_HELP "Comparisons with GitHub's whole listing, by result."
#define REVOKE_HELP "OAuth tokens given back to GitHub, by result."

static struct metric *webhook_counter(const char *label)
{
	return metric_counter("licgate_github_webhooks_total", "Deliveries of GitHub Marketplace, by result.", label);
}

enum err github_parts_new(struct github *g)
{
	struct github_parts *parts = calloc(1, sizeof(*parts));
	if (!parts)
		return ERR_NOMEM;
	pthread_mutex_init(&parts->lock, NULL);
	pthread_cond_init(&parts->idle, NULL);
	parts->accepted = webhook_counter("result=\"accepted\"");
	parts->duplicate = webhook_counter("result=\"duplicate\"");
	parts->stale = webhook_counter("result=\"older\"");
	parts->refused = webhook_counter("result=\"refused\"");
	parts->other = webhook_counter("result=\"ignored\"");
	parts->drift = metric_counter("licgate_github_drift_total",
	                              "Differences from GitHub's listing that were found and healed.", NULL);
	parts->sync_ok = metric_counter("licgate_github_reconciles_total", SYNC_HELP, "result=\"ok\"");
	parts->sync_failed = metric_counter("licgate_github_reconciles_total", SYNC_HELP, "result=\"failed\"");
	parts->revoked = metric_counter("licgate_github_revocations_total", REVOKE_HELP, "result=\"ok\"");
	parts->revoke_failed = metric_counter("licgate_github_revocations_total", REVOKE_HELP, "result=\"failed\"");
	parts->due_mono = INT64_MAX;
	g->parts = parts;
	return OK;
}

/* A key that does not sign must not be found out at night. */
static enum err try_key(const struct github *g)
{
	char *token = NULL;
	if (!g->config->github_app_key)
		return OK;
	enum err err = token_mint_rs256(str_of(g->config->github_app_key), STR(""), STR("{\"iss\":\"x\"}"), &token);
	free(token);
	if (err == ERR_INVALID)
		log_event(LOG_ERROR, "github.app_key", LF_Z("do", "LICGATE_GITHUB_APP_KEY: give the App's RSA key in PEM"));
	return err;
}

enum err github_start(struct github *g)
{
	enum err err = try_key(g);
	if (err == OK)
		err = github_parts_new(g);
	if (err != OK)
		return err;
	err = store_read(g->store, tell_all, g);
	if (err == OK)
		err = github_due_start(g);
	if (err == OK)
		err = github_nightly_start(g);
	if (err != OK)
		github_stop(g);
	return err;
}

void github_stop(struct github *g)
{
	struct github_parts *parts = g->parts;
	if (!parts)
		return;
	pthread_mutex_lock(&parts->lock);
	parts->stopping = true;
	pthread_mutex_unlock(&parts->lock);
	timer_cancel_wait(g->timers, &parts->due_timer);
	github_nightly_stop(g);
	pthread_mutex_lock(&parts->lock);
	while (parts->busy > 0)
		pthread_cond_wait(&parts->idle, &parts->lock);
	pthread_mutex_unlock(&parts->lock);
	g->parts = NULL;
	pthread_cond_destroy(&parts->idle);
	pthread_mutex_destroy(&parts->lock);
	if (parts->jwt)
		wipe(parts->jwt, strlen(parts->jwt));
	free(parts->jwt);
	free(parts);
}

/* ---- one licence, on demand ---- */

struct fetch {
	struct github *g;
	const struct tenant *tenant; /* a reference */
	license_fetched_fn *done;
	void *arg;
	struct store_job job;
	struct arena arena;
	struct github_applied applied;
};

static struct fetch *fetch_of(struct store_job *job)
{
	return (struct fetch *)(void *)((char *)job - offsetof(struct fetch, job));
}

static void fetch_end(struct fetch *f, const char *failure)
{
	f->done(f->arg, failure ? NULL : &f->applied.facts, failure);
	struct github *g = f->g;
	tenant_unref(f->tenant);
	arena_release(&f->arena);
	free(f);
	github_busy_end(g);
}

/* What is stored after the answer is what counts: a webhook may be the newer of the two. */
static enum err fetch_run(struct store_job *job, struct store_tx *tx)
{
	struct fetch *f = fetch_of(job);
	struct github_account_row row;
	arena_release(&f->arena);
	arena_init(&f->arena, ARENA_MAX);
	const struct str key = f->tenant->client_key;
	const size_t prefix = sizeof("github:") - 1;
	enum err err = store_github_account_get(tx, (struct str){key.ptr + prefix, key.len - prefix}, &f->arena, &row);
	return err == OK ? github_tell(f->g, &f->arena, &row, &f->applied) : err;
}

static void fetch_done(struct store_job *job, enum err err)
{
	fetch_end(fetch_of(job), err == OK ? NULL : "not_stored");
}

static void fetch_checked(void *arg, const char *failure)
{
	struct fetch *f = arg;
	f->job = (struct store_job){.run = fetch_run, .done = fetch_done};
	if (failure)
		fetch_end(f, failure);
	else if (store_submit(f->g->store, &f->job) != OK)
		fetch_end(f, "not_stored");
}

enum err github_license_fetch(void *github, const struct tenant *tenant, int resource, license_fetched_fn *done,
                              void *arg)
{
	struct github *g = github;
	(void)resource;
	if (!g->parts || !github_busy_begin(g))
		return ERR_STOPPING;
	struct fetch *f = calloc(1, sizeof(*f));
	if (!f) {
		github_busy_end(g);
		return ERR_NOMEM;
	}
	*f = (struct fetch){.g = g, .tenant = tenant, .done = done, .arg = arg};
	arena_init(&f->arena, ARENA_MAX);
	tenant_ref(tenant);
	const size_t prefix = sizeof("github:") - 1;
	const struct str id = {tenant->client_key.ptr + prefix, tenant->client_key.len - prefix};
	enum err err = github_can_ask(g->config) ? github_check(g, id, fetch_checked, f) : OK;
	if (!github_can_ask(g->config)) {
		fetch_end(f, "not_set_up");
	} else if (err != OK) {
		tenant_unref(tenant);
		free(f);
		github_busy_end(g);
	}
	return err;
}

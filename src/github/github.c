/* github.c - start and stop of the door, and what is told to the core at start.
 *
 * The store has the truth of what is bought; the licence core keeps its own copy, which a crash may have left one step
 * behind. So every account is told again at start where the two differ. */
#include "github/github.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "github/github_internal.h"

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

static enum err tell_again(struct github *g, struct arena *a, const struct github_account_row *row)
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
			err = tell_again(g, &a, &rows[i]);
		if (err != OK || count < BATCH)
			return err;
		(void)snprintf(after, sizeof(after), "%s", rows[count - 1].account_id);
	}
}

static struct metric *webhook_counter(const char *label)
{
	return metric_counter("licgate_github_webhooks_total", "Deliveries of GitHub Marketplace, by result.", label);
}

enum err github_start(struct github *g)
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
	g->parts = parts;
	enum err err = store_read(g->store, tell_all, g);
	if (err == OK)
		err = github_due_start(g);
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
	pthread_mutex_lock(&parts->lock);
	while (parts->busy > 0)
		pthread_cond_wait(&parts->idle, &parts->lock);
	pthread_mutex_unlock(&parts->lock);
	g->parts = NULL;
	pthread_cond_destroy(&parts->idle);
	pthread_mutex_destroy(&parts->lock);
	free(parts);
}

/* forge.c - the door's parts, built and taken down. See forge.h. */
#include "forge/forge.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/metrics.h"
#include "forge/visit.h"

static void register_metrics(struct forge *f)
{
	static const char *const labels[] = {"event=\"other\"", "event=\"installed\"", "event=\"upgraded\"",
	                                     "event=\"uninstalled\""};
	f->calls = metric_counter("licgate_forge_calls_total", "Calls of Forge installations that were let in.", NULL);
	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++)
		f->events[i] = metric_counter("licgate_forge_events_total", "Lifecycle events of Forge.", labels[i]);
}

enum err forge_start(const struct forge_options *o, struct forge **ret)
{
	*ret = NULL;
	if (!o->config->forge_app_id)
		return OK;
	struct forge *f = calloc(1, sizeof(*f));
	if (!f)
		return ERR_NOMEM;
	f->o = *o;
	f->app_id = str_of(o->config->forge_app_id);
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->idle, NULL);
	const struct jwks_options jo = {.clock = o->clock,
	                                .client = o->client,
	                                .url = o->config->forge_jwks_url,
	                                .timeout_ms = o->config->upstream_timeout_s * 1000};
	enum err err = jwks_new(&jo, &f->keys);
	if (err == OK)
		err = system_tokens_new(o->clock, &f->tokens);
	if (err == OK)
		err = installs_new(&f->installs);
	if (err == OK)
		err = installs_load(f->installs, o->store, o->tenants);
	if (err != OK) {
		forge_free(f);
		return err;
	}
	register_metrics(f);
	*ret = f;
	return OK;
}

void forge_set_lookups(struct forge *f, struct lookups *l)
{
	f->lookups = l;
}

int64_t forge_last_seen(struct forge *f, struct str installation_id)
{
	return f ? installs_last_seen(f->installs, installation_id) : 0;
}

void forge_stop(struct forge *f)
{
	if (!f)
		return;
	pthread_mutex_lock(&f->lock);
	while (f->busy > 0)
		pthread_cond_wait(&f->idle, &f->lock);
	pthread_mutex_unlock(&f->lock);
	if (installs_flush(f->installs, f->o.store) != OK)
		log_event(LOG_WARN, "forge.sights_not_stored", LF_Z("do", "nothing: they come again with the next calls"));
}

void forge_free(struct forge *f)
{
	if (!f)
		return;
	installs_free(f->installs);
	system_tokens_free(f->tokens);
	jwks_free(f->keys);
	pthread_cond_destroy(&f->idle);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

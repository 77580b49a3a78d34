/* installs.c - a hash table of installations behind one lock. See installs.h. */
#include "forge/installs.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/metrics.h"
#include "license/join.h"

enum { BUCKETS = 16384, SEEN_STORED_EVERY_MS = 3600 * 1000 };

/* Texts a token may tell anew, in this order in the entry. */
enum fact {
	FACT_ENVIRONMENT,
	FACT_ENVIRONMENT_ID,
	FACT_APP_VERSION,
	FACT_PRODUCT,
	FACT_CLOUD_ID,
	FACT_SITE_URL,
	FACT_ENTITLEMENT_ID,
	FACT_ENTITLEMENT_NUMBER,
	FACT_SEN,
	FACT_COUNT
};

struct entry {
	struct entry *next;
	bool live;
	unsigned moves; /* join_moves() when the tenant was read */
	int64_t last_seen, last_seen_stored;
	const char *id, *client_key, *facts[FACT_COUNT]; /* in the same allocation; NULL: none */
};

struct installs {
	pthread_mutex_t lock;
	size_t count, live;
	struct entry *buckets[BUCKETS];
};

static int64_t read_live(void *installs)
{
	struct installs *t = installs;
	pthread_mutex_lock(&t->lock);
	const size_t live = t->live;
	pthread_mutex_unlock(&t->lock);
	return (int64_t)live;
}

enum err installs_new(struct installs **ret)
{
	struct installs *t = calloc(1, sizeof(*t));
	if (!t)
		return ERR_NOMEM;
	pthread_mutex_init(&t->lock, NULL);
	metric_gauge_fn("licgate_forge_installations", "Forge installations that are not uninstalled.", NULL, read_live, t);
	*ret = t;
	return OK;
}

void installs_free(struct installs *t)
{
	if (!t)
		return;
	metric_forget(t);
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct entry *e = t->buckets[i], *next; e; e = next) {
			next = e->next;
			free(e);
		}
	pthread_mutex_destroy(&t->lock);
	free(t);
}

/* Lock held. Where the entry of that id hangs, or would. */
static struct entry **slot(struct installs *t, struct str id)
{
	struct entry **at = &t->buckets[str_hash(id) % BUCKETS];
	while (*at && !str_eqz(id, (*at)->id))
		at = &(*at)->next;
	return at;
}

static const char *pack(char **to, const char *z)
{
	if (!z)
		return NULL;
	const size_t size = strlen(z) + 1;
	const char *packed = memcpy(*to, z, size);
	*to += size;
	return packed;
}

static struct entry *entry_new(const struct forge_row *row)
{
	const char *const texts[FACT_COUNT] = {
	    [FACT_ENVIRONMENT] = row->environment,
	    [FACT_ENVIRONMENT_ID] = row->environment_id,
	    [FACT_APP_VERSION] = row->app_version,
	    [FACT_PRODUCT] = row->product,
	    [FACT_CLOUD_ID] = row->cloud_id,
	    [FACT_SITE_URL] = row->site_url,
	    [FACT_ENTITLEMENT_ID] = row->entitlement_id,
	    [FACT_ENTITLEMENT_NUMBER] = row->entitlement_number,
	    [FACT_SEN] = row->sen,
	};
	size_t size = strlen(row->installation_id) + strlen(row->client_key) + 2;
	for (size_t i = 0; i < FACT_COUNT; i++)
		size += texts[i] ? strlen(texts[i]) + 1 : 0;
	struct entry *e = calloc(1, sizeof(*e) + size);
	if (!e)
		return NULL;
	char *text = (char *)(e + 1);
	e->live = row->uninstalled_at == 0;
	e->moves = join_moves();
	e->last_seen = e->last_seen_stored = row->last_seen_at;
	e->id = pack(&text, row->installation_id);
	e->client_key = pack(&text, row->client_key);
	for (size_t i = 0; i < FACT_COUNT; i++)
		e->facts[i] = pack(&text, texts[i]);
	return e;
}

enum err installs_put(struct installs *t, const struct forge_row *row)
{
	struct entry *fresh = entry_new(row);
	if (!fresh)
		return ERR_NOMEM;
	pthread_mutex_lock(&t->lock);
	struct entry **at = slot(t, str_of(fresh->id)), *old = *at;
	const bool full = !old && t->count == INSTALLS_MAX;
	if (!full) {
		fresh->next = old ? old->next : NULL;
		if (old && old->last_seen > fresh->last_seen)
			fresh->last_seen = old->last_seen;
		t->count += !old;
		t->live += fresh->live;
		t->live -= old && old->live;
		*at = fresh;
	}
	pthread_mutex_unlock(&t->lock);
	free(full ? fresh : old);
	return full ? ERR_FULL : OK;
}

bool installs_full(struct installs *t)
{
	pthread_mutex_lock(&t->lock);
	const bool full = t->count == INSTALLS_MAX;
	pthread_mutex_unlock(&t->lock);
	return full;
}

/* What a token does not say is no news. */
static bool same(const char *known, struct str told)
{
	return told.len == 0 || str_eqz(told, known ? known : "");
}

static bool tells_nothing_new(const struct entry *e, const struct fit *f)
{
	const struct str told[FACT_COUNT] = {
	    [FACT_ENVIRONMENT] = f->environment,
	    [FACT_ENVIRONMENT_ID] = f->environment_id,
	    [FACT_APP_VERSION] = f->app_version,
	    [FACT_PRODUCT] = f->product,
	    [FACT_CLOUD_ID] = f->cloud_id,
	    [FACT_SITE_URL] = f->site_url,
	    [FACT_ENTITLEMENT_ID] = f->entitlement_id,
	    [FACT_ENTITLEMENT_NUMBER] = f->entitlement_number,
	    [FACT_SEN] = f->sen,
	};
	for (size_t i = 0; i < FACT_COUNT; i++)
		if (!same(e->facts[i], told[i]))
			return false;
	return true;
}

bool installs_current(struct installs *t, const struct fit *fit, struct arena *a, struct str *ret_client_key)
{
	char *key = NULL;
	pthread_mutex_lock(&t->lock);
	const struct entry *e = *slot(t, fit->installation_id);
	if (e && e->live && e->moves == join_moves() && tells_nothing_new(e, fit))
		key = arena_strz(a, str_of(e->client_key));
	pthread_mutex_unlock(&t->lock);
	if (key)
		*ret_client_key = str_of(key);
	return key != NULL;
}

bool installs_seen(struct installs *t, struct str installation_id, int64_t at)
{
	bool store = false;
	pthread_mutex_lock(&t->lock);
	struct entry *e = *slot(t, installation_id);
	if (e && at > e->last_seen) {
		e->last_seen = at;
		store = at - e->last_seen_stored >= SEEN_STORED_EVERY_MS;
		if (store)
			e->last_seen_stored = at;
	}
	pthread_mutex_unlock(&t->lock);
	return store;
}

int64_t installs_last_seen(struct installs *t, struct str installation_id)
{
	pthread_mutex_lock(&t->lock);
	const struct entry *e = *slot(t, installation_id);
	const int64_t at = e ? e->last_seen : 0;
	pthread_mutex_unlock(&t->lock);
	return at;
}

/* ---- start and end ---- */

struct load {
	struct installs *t;
	struct tenants *tenants;
};

static enum err load_row(void *arg, const struct forge_row *row)
{
	struct load *l = arg;
	enum err err = installs_put(l->t, row);
	if (err == ERR_FULL)
		return OK; /* served from the store, call by call */
	const struct tenant *tenant = tenants_find(l->tenants, str_of(row->client_key));
	if (tenant && tenant_last_seen(tenant) < row->last_seen_at)
		tenant_seen_elsewhere(tenant, row->last_seen_at);
	tenant_unref(tenant);
	return err;
}

static enum err load_all(struct store_tx *tx, void *arg)
{
	return store_forge_each(tx, load_row, arg);
}

enum err installs_load(struct installs *t, struct store *s, struct tenants *tenants)
{
	struct load l = {t, tenants};
	return store_read(s, load_all, &l);
}

/* Nobody else uses the table any more. */
static enum err flush(struct store_tx *tx, void *installs)
{
	struct installs *t = installs;
	enum err err = OK;
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct entry *e = t->buckets[i]; e && (err == OK || err == ERR_NOT_FOUND); e = e->next)
			if (e->last_seen > e->last_seen_stored)
				err = store_forge_seen(tx, str_of(e->id), e->last_seen);
	return err == ERR_NOT_FOUND ? OK : err;
}

enum err installs_flush(struct installs *t, struct store *s)
{
	return store_write(s, flush, t);
}

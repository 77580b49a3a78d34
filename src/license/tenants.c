/* tenants.c - the table of tenants: 64 shards of open addressing, each with its own lock. See tenants.h.
 *
 * A search takes a shard's lock for reading, compares 32-bit hashes that lie together, and follows a pointer only where
 * they agree. A put allocates before it locks. Deleting moves later entries up, so there are no tombstones. The
 * hash is seeded at start: clients choose the key they are looked up by. */
#include "license/tenants.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/metrics.h"
#include "license/live.h"

enum { SHARD_BITS = 6, SHARDS = 1 << SHARD_BITS, SHARD_FIRST_CAP = 8 };

struct shard {
	pthread_rwlock_t lock;
	uint32_t count, cap; /* cap: a power of two, or 0 */
	uint32_t *hashes;
	struct tenant **at; /* NULL: free slot; the table holds a reference */
} __attribute__((aligned(64)));

struct status_count {
	_Atomic int64_t count;
};

struct tenants {
	struct shard shards[SHARDS];
	struct status_count counts[TENANT_STATUS_COUNT];
	unsigned locks_made;
};

const char *tenant_status_name(enum tenant_status s)
{
	static const char *const names[TENANT_STATUS_COUNT] = {
	    [TENANT_UNINSTALLED] = "uninstalled",
	    [TENANT_DISABLED] = "disabled",
	    [TENANT_INSTALLED] = "installed",
	    [TENANT_ENABLED] = "enabled",
	};
	assert(s < TENANT_STATUS_COUNT);
	return names[s];
}

enum tenant_status tenant_status_parse(struct str text)
{
	for (unsigned i = 0; i < TENANT_STATUS_COUNT; i++)
		if (str_eqz(text, tenant_status_name((enum tenant_status)i)))
			return (enum tenant_status)i;
	return TENANT_UNINSTALLED;
}

/* ---- one tenant ---- */

static struct str pack(char **to, struct str s)
{
	struct str packed = {*to, s.len};
	if (s.len)
		memcpy(*to, s.ptr, s.len);
	*to += s.len;
	*(*to)++ = '\0';
	return packed;
}

enum tenant_kind tenant_kind_of(struct str client_key)
{
	if (str_starts(client_key, STR("github:")))
		return TENANT_GITHUB;
	return str_starts(client_key, STR("forge:")) ? TENANT_FORGE : TENANT_CONNECT;
}

static bool has_text(const char *z)
{
	return z && *z;
}

static struct tenant *tenant_new(const struct tenant_row *row, struct str secret)
{
	struct str key = str_of(row->client_key), url = str_of(row->base_url), product = str_of(row->product_type),
	           oauth = str_of(row->oauth_client_id);
	struct tenant *tenant = calloc(1, sizeof *tenant + key.len + url.len + product.len + oauth.len + secret.len + 5);
	if (!tenant)
		return NULL;
	char *text = (char *)(tenant + 1);
	tenant->refs = 1;
	tenant->status = tenant_status_parse(str_of(row->status));
	tenant->kind = tenant_kind_of(key);
	tenant->client_key = pack(&text, key);
	tenant->base_url = pack(&text, url);
	tenant->product_type = pack(&text, product);
	tenant->oauth_client_id = pack(&text, oauth);
	tenant->shared_secret = pack(&text, secret);
	tenant->first_installed_at = row->first_installed_at;
	tenant->installed_at = row->installed_at;
	tenant->updated_at = row->updated_at;
	tenant->installed_licensed =
	    has_text(row->entitlement_id) || has_text(row->entitlement_number) || has_text(row->sen);
	tenant->installed_edition = edition_of_capability_set(str_of(row->capability_set));
	return tenant;
}

/* References are counted behind a const pointer: everything else of a snapshot is immutable. */
static _Atomic unsigned *refs_of(const struct tenant *tenant)
{
	return (_Atomic unsigned *)(uintptr_t)&tenant->refs;
}

void tenant_ref(const struct tenant *tenant)
{
	atomic_fetch_add_explicit(refs_of(tenant), 1, memory_order_relaxed);
}

void tenant_unref(const struct tenant *tenant)
{
	if (!tenant || atomic_fetch_sub_explicit(refs_of(tenant), 1, memory_order_acq_rel) != 1)
		return;
	struct tenant *last = (struct tenant *)(uintptr_t)tenant;
	wipe((char *)(uintptr_t)last->shared_secret.ptr, last->shared_secret.len);
	live_unref(last->live);
	free(last);
}

void tenant_seen(const struct tenant *tenant, int64_t now_wall_ms)
{
	atomic_store_explicit(&tenant->live->last_seen, now_wall_ms, memory_order_relaxed);
}

int64_t tenant_seen_own(const struct tenant *tenant)
{
	return atomic_load_explicit(&tenant->live->last_seen, memory_order_relaxed);
}

void tenant_seen_elsewhere(const struct tenant *tenant, int64_t now_wall_ms)
{
	atomic_store_explicit(&tenant->live->seen_elsewhere, now_wall_ms, memory_order_relaxed);
}

int64_t tenant_last_seen(const struct tenant *tenant)
{
	const int64_t elsewhere = atomic_load_explicit(&tenant->live->seen_elsewhere, memory_order_relaxed);
	const int64_t own = tenant_seen_own(tenant);
	return own > elsewhere ? own : elsewhere;
}

/* ---- one shard; the caller holds its lock ---- */

static uint32_t shard_slot(const struct shard *s, uint32_t hash, struct str key)
{
	uint32_t mask = s->cap - 1, i = hash & mask;
	while (s->at[i] && (s->hashes[i] != hash || !str_eq(s->at[i]->client_key, key)))
		i = (i + 1) & mask;
	return i;
}

static struct tenant **shard_find(const struct shard *s, uint32_t hash, struct str key)
{
	if (s->cap == 0)
		return NULL;
	struct tenant **slot = &s->at[shard_slot(s, hash, key)];
	return *slot ? slot : NULL;
}

static bool shard_room(struct shard *s)
{
	if (s->cap && s->count + 1 <= s->cap - s->cap / 4)
		return true;
	uint32_t cap = s->cap ? s->cap * 2 : SHARD_FIRST_CAP;
	__cleanup_free uint32_t *hashes = calloc(cap, sizeof *hashes);
	struct tenant **at = calloc(cap, sizeof(void *));
	if (!hashes || !at) {
		free(at);
		return false;
	}
	for (uint32_t i = 0; i < s->cap; i++) {
		if (!s->at[i])
			continue;
		uint32_t to = s->hashes[i] & (cap - 1);
		while (at[to])
			to = (to + 1) & (cap - 1);
		at[to] = s->at[i];
		hashes[to] = s->hashes[i];
	}
	free(s->hashes);
	free(s->at);
	s->hashes = TAKE(hashes);
	s->at = at;
	s->cap = cap;
	return true;
}

static void shard_insert(struct shard *s, struct tenant *tenant)
{
	uint32_t i = shard_slot(s, tenant->hash, tenant->client_key);
	s->at[i] = tenant;
	s->hashes[i] = tenant->hash;
	s->count++;
}

static void shard_delete(struct shard *s, uint32_t hole)
{
	uint32_t mask = s->cap - 1;
	s->at[hole] = NULL;
	s->count--;
	for (uint32_t i = (hole + 1) & mask; s->at[i]; i = (i + 1) & mask) {
		struct tenant *moved = s->at[i];
		s->at[i] = NULL;
		s->count--;
		shard_insert(s, moved);
	}
}

/* ---- the table ---- */

static int64_t read_count(void *count)
{
	return atomic_load_explicit(&((struct status_count *)count)->count, memory_order_relaxed);
}

static void count_add(struct tenants *t, enum tenant_status status, int64_t n)
{
	atomic_fetch_add_explicit(&t->counts[status].count, n, memory_order_relaxed);
}

enum err tenants_new(struct tenants **ret)
{
	static const char *const labels[TENANT_STATUS_COUNT] = {
	    [TENANT_UNINSTALLED] = "status=\"uninstalled\"",
	    [TENANT_DISABLED] = "status=\"disabled\"",
	    [TENANT_INSTALLED] = "status=\"installed\"",
	    [TENANT_ENABLED] = "status=\"enabled\"",
	};
	struct tenants *t = aligned_alloc(64, sizeof *t);
	if (!t)
		return ERR_NOMEM;
	memset(t, 0, sizeof *t);
	for (; t->locks_made < SHARDS; t->locks_made++)
		if (pthread_rwlock_init(&t->shards[t->locks_made].lock, NULL) != 0) {
			tenants_free(t);
			return ERR_NOMEM;
		}
	for (unsigned i = 0; i < TENANT_STATUS_COUNT; i++)
		metric_gauge_fn("licgate_tenants", "Tenants by status.", labels[i], read_count, &t->counts[i]);
	*ret = t;
	return OK;
}

void tenants_free(struct tenants *t)
{
	if (!t)
		return;
	for (unsigned i = 0; i < TENANT_STATUS_COUNT; i++)
		metric_forget(&t->counts[i]);
	for (unsigned i = 0; i < t->locks_made; i++) {
		struct shard *s = &t->shards[i];
		for (uint32_t k = 0; k < s->cap; k++)
			tenant_unref(s->at[k]);
		free(s->at);
		free(s->hashes);
		pthread_rwlock_destroy(&s->lock);
	}
	free(t);
}

static struct shard *shard_of(struct tenants *t, struct str client_key, uint32_t *ret_hash)
{
	/* FNV's lower bits follow the last characters closely, and keys are often alike: mixed once more. */
	uint64_t hash = str_hash(client_key);
	hash = (hash ^ (hash >> 32)) * 0x9e3779b97f4a7c15u;
	*ret_hash = (uint32_t)(hash >> 24);
	return &t->shards[hash >> (64 - SHARD_BITS)];
}

const struct tenant *tenants_find(struct tenants *t, struct str client_key)
{
	uint32_t hash;
	struct shard *s = shard_of(t, client_key, &hash);
	pthread_rwlock_rdlock(&s->lock);
	struct tenant **slot = shard_find(s, hash, client_key);
	const struct tenant *tenant = slot ? *slot : NULL;
	if (tenant)
		tenant_ref(tenant);
	pthread_rwlock_unlock(&s->lock);
	return tenant;
}

/* The live part goes from the old snapshot to the new one; a new secret has yet to prove itself. */
static void take_over(struct tenant *fresh, const struct tenant *old)
{
	fresh->live = live_ref(old->live);
	if (str_eq(fresh->shared_secret, old->shared_secret))
		return;
	pthread_mutex_lock(&fresh->live->lock);
	fresh->live->secret_serial++;
	fresh->live->secret_proved_at = 0;
	pthread_mutex_unlock(&fresh->live->lock);
}

enum err tenants_put(struct tenants *t, const struct tenant_row *row, struct str secret)
{
	struct tenant *fresh = tenant_new(row, secret), *old = NULL;
	struct live *live = fresh ? live_new() : NULL; /* in vain where the tenant is there already */
	if (!live) {
		tenant_unref(fresh);
		return ERR_NOMEM;
	}
	atomic_init(&live->last_seen, row->last_seen_at);
	live->last_seen_stored = row->last_seen_at;
	struct shard *s = shard_of(t, fresh->client_key, &fresh->hash);
	pthread_rwlock_wrlock(&s->lock);
	struct tenant **slot = shard_find(s, fresh->hash, fresh->client_key);
	bool done = slot || shard_room(s);
	if (slot) {
		old = *slot;
		take_over(fresh, old);
		*slot = fresh;
		count_add(t, old->status, -1);
	} else if (done) {
		fresh->live = TAKE(live);
		shard_insert(s, fresh);
	}
	if (done)
		count_add(t, fresh->status, 1);
	pthread_rwlock_unlock(&s->lock);
	live_unref(live);
	tenant_unref(done ? old : fresh);
	return done ? OK : ERR_NOMEM;
}

void tenants_set_status(struct tenants *t, struct str client_key, enum tenant_status status, int64_t at)
{
	uint32_t hash;
	struct shard *s = shard_of(t, client_key, &hash);
	pthread_rwlock_wrlock(&s->lock);
	struct tenant **slot = shard_find(s, hash, client_key);
	if (slot) {
		count_add(t, (*slot)->status, -1);
		count_add(t, status, 1);
		(*slot)->status = status;
		(*slot)->updated_at = at;
	}
	pthread_rwlock_unlock(&s->lock);
}

void tenants_remove(struct tenants *t, struct str client_key)
{
	uint32_t hash;
	struct tenant *gone = NULL;
	struct shard *s = shard_of(t, client_key, &hash);
	pthread_rwlock_wrlock(&s->lock);
	struct tenant **slot = shard_find(s, hash, client_key);
	if (slot) {
		gone = *slot;
		gone->live->removed = true;
		count_add(t, gone->status, -1);
		gone->status = TENANT_UNINSTALLED; /* for requests that still hold it */
		shard_delete(s, (uint32_t)(slot - s->at));
	}
	pthread_rwlock_unlock(&s->lock);
	tenant_unref(gone);
}

size_t tenants_count(struct tenants *t, enum tenant_status status)
{
	assert(status < TENANT_STATUS_COUNT);
	return (size_t)read_count(&t->counts[status]);
}

void tenants_each(struct tenants *t, bool (*fn)(void *arg, const struct tenant *tenant), void *arg)
{
	bool go_on = true;
	for (unsigned i = 0; go_on && i < SHARDS; i++) {
		struct shard *s = &t->shards[i];
		pthread_rwlock_rdlock(&s->lock);
		for (uint32_t k = 0; go_on && k < s->cap; k++)
			if (s->at[k])
				go_on = fn(arg, s->at[k]);
		pthread_rwlock_unlock(&s->lock);
	}
}

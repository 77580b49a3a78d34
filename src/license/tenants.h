/* tenants.h - every tenant in memory: found by clientKey on each request, without the database.
 *
 * A struct tenant is an immutable, counted snapshot: an install makes a new one and swaps it in; requests under way
 * keep the old. Its `live` part (licence, seats, last sight) is shared by all snapshots of one tenant and has its
 * own lock. Shards keep workers off one lock. The store is the truth: the table changes only after a commit.
 * Locks: a shard's lock, then a live part's; nothing is called while either is held. */
#pragma once
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/secret.h"
#include "base/str.h"
#include "license/state.h"
#include "store/store.h"

enum tenant_status { TENANT_UNINSTALLED = 0, TENANT_DISABLED, TENANT_INSTALLED, TENANT_ENABLED, TENANT_STATUS_COUNT };
const char *tenant_status_name(enum tenant_status s);
enum tenant_status tenant_status_parse(struct str text); /* unknown: TENANT_UNINSTALLED */

/* Which door a tenant came in by. The key says it, so that no row and no caller can: Connect refuses to install a
 * clientKey that reads like another door's. */
enum tenant_kind { TENANT_CONNECT = 0, TENANT_GITHUB, TENANT_FORGE };
enum tenant_kind tenant_kind_of(struct str client_key); /* github:…, forge:…; anything else is Connect's */

struct live; /* live.h */

struct tenant {
	_Atomic unsigned refs;
	/* The one thing that changes in place: an uninstall must stop requests under way too, and cannot fail. */
	_Atomic enum tenant_status status;
	uint32_t hash;
	enum tenant_kind kind;
	struct str client_key, base_url, product_type, shared_secret,
	    oauth_client_id; /* NUL-terminated too, in the same allocation; wiped */
	int64_t first_installed_at, installed_at;
	_Atomic int64_t updated_at;
	bool installed_licensed; /* the install body has an entitlement */
	enum edition installed_edition;
	struct live *live; /* a counted reference */
};

struct tenants;
enum err tenants_new(struct tenants **ret);
void tenants_free(struct tenants *t);
/* Reads every tenant, licence, override and seat from the store. ret_seal_failures: tenants whose secret did not open
 * (they are kept, without a secret: they cannot authenticate). */
enum err tenants_load(struct tenants *t, struct store *s, const struct keyring *k, const struct clock *clock,
                      int64_t ttl_ms, size_t *ret_seal_failures);

/* A reference, or NULL. Any thread. Uninstalled tenants are found too: the verifier refuses them by status. */
const struct tenant *tenants_find(struct tenants *t, struct str client_key);
void tenant_ref(const struct tenant *tenant);
void tenant_unref(const struct tenant *tenant); /* accepts NULL */
/* Swaps in what the row says (after its commit). secret: plain, empty keeps none. */
enum err tenants_put(struct tenants *t, const struct tenant_row *row, struct str secret);
void tenants_set_status(struct tenants *t, struct str client_key, enum tenant_status status, int64_t at);
void tenants_remove(struct tenants *t, struct str client_key);
void tenant_seen(const struct tenant *tenant, int64_t now_wall_ms);
int64_t tenant_last_seen(const struct tenant *tenant); /* by any door */
/* Forge keeps its own sights, so that Connect's can be told apart: a tenant's own are those of tenant_seen(). */
void tenant_seen_elsewhere(const struct tenant *tenant, int64_t now_wall_ms);
int64_t tenant_seen_own(const struct tenant *tenant);

size_t tenants_count(struct tenants *t, enum tenant_status status); /* kept, not counted anew */
/* Every tenant, in no order; fn must be quick and must not call into the table. False stops. */
void tenants_each(struct tenants *t, bool (*fn)(void *arg, const struct tenant *tenant), void *arg);

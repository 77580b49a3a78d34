/* forge.h - the store's verbs on Forge installations, and on what joins them to Connect tenants. Rules: store.h. */
#pragma once
#include "store/store.h"

struct forge_row {
	const char *installation_id, *client_key;
	const char *joined_by; /* NULL: the tenant was made for it */
	const char *environment, *environment_id, *app_version, *product, *cloud_id, *site_url;
	const char *entitlement_id, *entitlement_number, *sen;
	int64_t installed_at, updated_at, joined_at, uninstalled_at, last_seen_at;
	int64_t installed_iat, uninstalled_iat; /* seconds, of the tokens that told of it */
};
enum err store_forge_get(struct store_tx *tx, struct str installation_id, struct arena *a, struct forge_row *ret);
enum err store_forge_put(struct store_tx *tx, const struct forge_row *row); /* insert or replace whole row */
/* In installation_id order; the row is valid during the call. */
enum err store_forge_each(struct store_tx *tx, enum err (*fn)(void *arg, const struct forge_row *), void *arg);
enum err store_forge_of(struct store_tx *tx, struct str client_key, struct arena *a, struct forge_row **ret,
                        size_t *ret_count);
enum err store_forge_seen(struct store_tx *tx, struct str installation_id, int64_t at); /* never back. ERR_NOT_FOUND */
/* How many installations of the tenant are not uninstalled. */
enum err store_forge_live(struct store_tx *tx, struct str client_key, int64_t *ret_count);
/* All installations of one tenant become another's. */
enum err store_forge_move(struct store_tx *tx, struct str from, struct str to, const char *joined_by, int64_t at);

/* A tenant that may be the same customer. */
struct candidate_row {
	const char *client_key, *product_type, *status;
};
/* By an alias of that kind, or by their present base URL; tenants that are there before those that are uninstalled,
 * newest install first, at most max. */
enum err store_candidates_by_alias(struct store_tx *tx, const char *kind, struct str value, size_t max, struct arena *a,
                                   struct candidate_row **ret, size_t *ret_count);
enum err store_candidates_by_base_url(struct store_tx *tx, struct str base_url, size_t max, struct arena *a,
                                      struct candidate_row **ret, size_t *ret_count);
/* Tenants of an installation of their own whose site has that URL, likewise. */
enum err store_candidates_by_site_url(struct store_tx *tx, struct str site_url, size_t max, struct arena *a,
                                      struct candidate_row **ret, size_t *ret_count);

/* The tenant goes on without Connect: no secret, no OAuth client, status installed. ERR_NOT_FOUND. */
enum err store_tenant_leave_connect(struct store_tx *tx, struct str client_key, int64_t at);

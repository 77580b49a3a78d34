/* forge.c - Forge installations, and who may be the same customer. See forge.h. */
#include "store/forge.h"

#include "base/cleanup.h"
#include "store/sql.h"

#define FORGE_COLUMNS                                                                                                  \
	"installation_id, client_key, joined_by, environment, environment_id, app_version, product, cloud_id, site_url, "  \
	"entitlement_id, entitlement_number, sen, installed_at, installed_iat, updated_at, joined_at, uninstalled_at, "    \
	"uninstalled_iat, last_seen_at"

static struct forge_row read_forge(struct rows *r, struct arena *a)
{
	return (struct forge_row){
	    .installation_id = row_text(r, 0, a),
	    .client_key = row_text(r, 1, a),
	    .joined_by = row_text(r, 2, a),
	    .environment = row_text(r, 3, a),
	    .environment_id = row_text(r, 4, a),
	    .app_version = row_text(r, 5, a),
	    .product = row_text(r, 6, a),
	    .cloud_id = row_text(r, 7, a),
	    .site_url = row_text(r, 8, a),
	    .entitlement_id = row_text(r, 9, a),
	    .entitlement_number = row_text(r, 10, a),
	    .sen = row_text(r, 11, a),
	    .installed_at = row_int(r, 12),
	    .installed_iat = row_int(r, 13),
	    .updated_at = row_int(r, 14),
	    .joined_at = row_int(r, 15),
	    .uninstalled_at = row_int(r, 16),
	    .uninstalled_iat = row_int(r, 17),
	    .last_seen_at = row_int(r, 18),
	};
}

enum err store_forge_get(struct store_tx *tx, struct str installation_id, struct arena *a, struct forge_row *ret)
{
	__cleanup(rows_close) struct rows r = sql_query(
	    tx, "SELECT " FORGE_COLUMNS " FROM forge_installations WHERE installation_id = $1", V_STR(installation_id));
	if (!rows_next(&r))
		return r.err == OK ? ERR_NOT_FOUND : r.err;
	struct forge_row row = read_forge(&r, a);
	if (r.err == OK)
		*ret = row;
	return r.err;
}

enum err store_forge_put(struct store_tx *tx, const struct forge_row *f)
{
	return sql_run(
	    tx, NULL,
	    "INSERT INTO forge_installations (" FORGE_COLUMNS
	    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19) "
	    "ON CONFLICT (installation_id) DO UPDATE SET client_key = excluded.client_key, "
	    "joined_by = excluded.joined_by, environment = excluded.environment, "
	    "environment_id = excluded.environment_id, app_version = excluded.app_version, product = excluded.product, "
	    "cloud_id = excluded.cloud_id, site_url = excluded.site_url, entitlement_id = excluded.entitlement_id, "
	    "entitlement_number = excluded.entitlement_number, sen = excluded.sen, "
	    "installed_at = excluded.installed_at, installed_iat = excluded.installed_iat, "
	    "updated_at = excluded.updated_at, joined_at = excluded.joined_at, "
	    "uninstalled_at = excluded.uninstalled_at, uninstalled_iat = excluded.uninstalled_iat, "
	    "last_seen_at = excluded.last_seen_at",
	    V_Z(f->installation_id), V_Z(f->client_key), V_Z(f->joined_by), V_Z(f->environment), V_Z(f->environment_id),
	    V_Z(f->app_version), V_Z(f->product), V_Z(f->cloud_id), V_Z(f->site_url), V_Z(f->entitlement_id),
	    V_Z(f->entitlement_number), V_Z(f->sen), V_INT(f->installed_at), V_INT(f->installed_iat), V_INT(f->updated_at),
	    V_INT(f->joined_at), V_INT(f->uninstalled_at), V_INT(f->uninstalled_iat), V_INT(f->last_seen_at));
}

enum err store_forge_each(struct store_tx *tx, enum err (*fn)(void *arg, const struct forge_row *), void *arg)
{
	__cleanup(rows_close) struct rows r =
	    sql_query_values(tx, "SELECT " FORGE_COLUMNS " FROM forge_installations ORDER BY installation_id", NULL, 0);
	while (rows_next(&r)) {
		struct forge_row row = read_forge(&r, NULL);
		enum err e = r.err == OK ? fn(arg, &row) : r.err;
		if (e != OK)
			return e;
	}
	return r.err;
}

enum err store_forge_of(struct store_tx *tx, struct str client_key, struct arena *a, struct forge_row **ret,
                        size_t *ret_count)
{
	__cleanup(rows_close) struct rows r = sql_query(
	    tx, "SELECT " FORGE_COLUMNS " FROM forge_installations WHERE client_key = $1 ORDER BY installation_id",
	    V_STR(client_key));
	struct row_list list = {.arena = a, .item_size = sizeof(struct forge_row)};
	while (rows_next(&r)) {
		struct forge_row *row = row_list_add(&list, &r);
		if (row)
			*row = read_forge(&r, a);
	}
	if (r.err != OK)
		return r.err;
	*ret = (struct forge_row *)(void *)list.items;
	*ret_count = list.count;
	return OK;
}

enum err store_forge_seen(struct store_tx *tx, struct str installation_id, int64_t at)
{
	return sql_run_one(tx, ERR_NOT_FOUND,
	                   "UPDATE forge_installations SET "
	                   "last_seen_at = CASE WHEN last_seen_at < $1 THEN $1 ELSE last_seen_at END "
	                   "WHERE installation_id = $2",
	                   V_INT(at), V_STR(installation_id));
}

enum err store_forge_live(struct store_tx *tx, struct str client_key, int64_t *ret_count)
{
	__cleanup(rows_close) struct rows r = sql_query(
	    tx, "SELECT count(*) FROM forge_installations WHERE client_key = $1 AND uninstalled_at = 0", V_STR(client_key));
	if (rows_next(&r))
		*ret_count = row_int(&r, 0);
	return r.err;
}

enum err store_forge_move(struct store_tx *tx, struct str from, struct str to, const char *joined_by, int64_t at)
{
	return sql_run(tx, NULL,
	               "UPDATE forge_installations SET client_key = $1, joined_by = $2, joined_at = $3, updated_at = $3 "
	               "WHERE client_key = $4",
	               V_STR(to), V_Z(joined_by), V_INT(at), V_STR(from));
}

/* ---- who may be the same customer ---- */

static enum err list_candidates(struct rows *r, struct arena *a, struct candidate_row **ret, size_t *ret_count)
{
	struct row_list list = {.arena = a, .item_size = sizeof(struct candidate_row)};
	while (rows_next(r)) {
		struct candidate_row *c = row_list_add(&list, r);
		if (c)
			*c = (struct candidate_row){row_text(r, 0, a), row_text(r, 1, a), row_text(r, 2, a)};
	}
	if (r->err != OK)
		return r->err;
	*ret = (struct candidate_row *)(void *)list.items;
	*ret_count = list.count;
	return OK;
}

#define CANDIDATE_ORDER                                                                                                \
	" ORDER BY CASE WHEN t.status = 'uninstalled' THEN 1 ELSE 0 END, t.installed_at DESC, t.client_key LIMIT "

enum err store_candidates_by_alias(struct store_tx *tx, const char *kind, struct str value, size_t max, struct arena *a,
                                   struct candidate_row **ret, size_t *ret_count)
{
	__cleanup(rows_close) struct rows r = sql_query(
	    tx,
	    "SELECT t.client_key, t.product_type, t.status FROM aliases x "
	    "JOIN tenants t ON t.client_key = x.client_key WHERE x.kind = $1 AND x.value = $2" CANDIDATE_ORDER "$3",
	    V_Z(kind), V_STR(value), V_INT(max));
	return list_candidates(&r, a, ret, ret_count);
}

enum err store_candidates_by_base_url(struct store_tx *tx, struct str base_url, size_t max, struct arena *a,
                                      struct candidate_row **ret, size_t *ret_count)
{
	__cleanup(rows_close) struct rows r = sql_query(tx,
	                                                "SELECT t.client_key, t.product_type, t.status FROM tenants t "
	                                                "WHERE t.base_url = $1" CANDIDATE_ORDER "$2",
	                                                V_STR(base_url), V_INT(max));
	return list_candidates(&r, a, ret, ret_count);
}

enum err store_candidates_by_site_url(struct store_tx *tx, struct str site_url, size_t max, struct arena *a,
                                      struct candidate_row **ret, size_t *ret_count)
{
	__cleanup(rows_close) struct rows r =
	    sql_query(tx,
	              "SELECT t.client_key, t.product_type, t.status FROM forge_installations f "
	              "JOIN tenants t ON t.client_key = f.client_key "
	              "WHERE f.site_url = $1 AND f.joined_by IS NULL AND f.environment = 'PRODUCTION'" CANDIDATE_ORDER "$2",
	              V_STR(site_url), V_INT(max));
	return list_candidates(&r, a, ret, ret_count);
}

enum err store_tenant_leave_connect(struct store_tx *tx, struct str client_key, int64_t at)
{
	return sql_run_one(tx, ERR_NOT_FOUND,
	                   "UPDATE tenants SET status = 'installed', shared_secret = NULL, shared_secret_key = NULL, "
	                   "oauth_client_id = NULL, uninstalled_at = 0, updated_at = $1 WHERE client_key = $2",
	                   V_INT(at), V_STR(client_key));
}

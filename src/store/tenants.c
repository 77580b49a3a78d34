/* tenants.c - verbs of tenants and of every id a tenant was ever known by.
 *
 * A put is an upsert, never SQLite's REPLACE: that would delete the row first and, by cascade, all the tenant owns.
 * The secret arrives sealed and is never looked into here but for its key id. */
#include "base/cleanup.h"
#include "base/secret.h"
#include "store/contacts.h"
#include "store/sql.h"

#define TENANT_COLUMNS                                                                                                 \
	"client_key, status, product_type, base_url, display_url, description, shared_secret, oauth_client_id, sen, "      \
	"entitlement_id, entitlement_number, capability_set, installation_id, imported_from, first_installed_at, "         \
	"installed_at, updated_at, uninstalled_at, last_seen_at"
/* One column more than TENANT_COLUMNS: null where a walk does without the long text. */
#define WITH_BODY ", (SELECT json FROM install_bodies b WHERE b.client_key = tenants.client_key)"
#define WITHOUT_BODY ", NULL"

/* Of TENANT_COLUMNS WITH_BODY or WITHOUT_BODY. */
static struct tenant_row read_tenant(struct rows *r, struct arena *a)
{
	return (struct tenant_row){
	    .client_key = row_text(r, 0, a),
	    .status = row_text(r, 1, a),
	    .product_type = row_text(r, 2, a),
	    .base_url = row_text(r, 3, a),
	    .display_url = row_text(r, 4, a),
	    .description = row_text(r, 5, a),
	    .shared_secret_sealed = row_blob(r, 6, a),
	    .oauth_client_id = row_text(r, 7, a),
	    .sen = row_text(r, 8, a),
	    .entitlement_id = row_text(r, 9, a),
	    .entitlement_number = row_text(r, 10, a),
	    .capability_set = row_text(r, 11, a),
	    .installation_id = row_text(r, 12, a),
	    .imported_from = row_text(r, 13, a),
	    .first_installed_at = row_int(r, 14),
	    .installed_at = row_int(r, 15),
	    .updated_at = row_int(r, 16),
	    .uninstalled_at = row_int(r, 17),
	    .last_seen_at = row_int(r, 18),
	    .install_body = row_text(r, 19, a),
	};
}

static enum err one_tenant(struct rows *r, struct arena *a, struct tenant_row *ret)
{
	if (!rows_next(r))
		return r->err == OK ? ERR_NOT_FOUND : r->err;
	struct tenant_row row = read_tenant(r, a);
	if (r->err == OK)
		*ret = row;
	return r->err;
}

enum err store_tenant_get(struct store_tx *tx, struct str client_key, struct arena *a, struct tenant_row *ret)
{
	__cleanup(rows_close) struct rows r =
	    sql_query(tx, "SELECT " TENANT_COLUMNS WITH_BODY " FROM tenants WHERE client_key = $1", V_STR(client_key));
	return one_tenant(&r, a, ret);
}

enum err store_tenant_by_base_url(struct store_tx *tx, struct str base_url, struct str other_than, struct arena *a,
                                  struct tenant_row *ret)
{
	__cleanup(rows_close) struct rows r =
	    sql_query(tx,
	              "SELECT " TENANT_COLUMNS WITH_BODY " FROM tenants WHERE base_url = $1 AND client_key <> $2 "
	              "AND status <> 'uninstalled' AND client_key NOT LIKE 'forge:%' AND client_key NOT LIKE 'github:%' "
	              "ORDER BY installed_at DESC, client_key LIMIT 1",
	              V_STR(base_url), V_STR(other_than));
	return one_tenant(&r, a, ret);
}

enum err store_tenant_each(struct store_tx *tx, enum err (*fn)(void *arg, const struct tenant_row *), void *arg)
{
	__cleanup(rows_close) struct rows r =
	    sql_query_values(tx, "SELECT " TENANT_COLUMNS WITHOUT_BODY " FROM tenants ORDER BY client_key", NULL, 0);
	while (rows_next(&r)) {
		struct tenant_row row = read_tenant(&r, NULL);
		enum err e = r.err == OK ? fn(arg, &row) : r.err;
		if (e != OK)
			return e;
	}
	return r.err;
}

static enum err put_body(struct store_tx *tx, const struct tenant_row *t)
{
	if (!t->install_body)
		return sql_run(tx, NULL, "DELETE FROM install_bodies WHERE client_key = $1", V_Z(t->client_key));
	return sql_run(tx, NULL,
	               "INSERT INTO install_bodies (client_key, json) VALUES ($1, $2) "
	               "ON CONFLICT (client_key) DO UPDATE SET json = excluded.json",
	               V_Z(t->client_key), V_Z(t->install_body));
}

enum err store_tenant_put(struct store_tx *tx, const struct tenant_row *t)
{
	struct str key_id = t->shared_secret_sealed.len ? sealed_key_id(t->shared_secret_sealed) : STR("");
	enum err e = sql_run(
	    tx, NULL,
	    "INSERT INTO tenants (" TENANT_COLUMNS
	    ", shared_secret_key) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, "
	    "$12, $13, $14, $15, $16, $17, $18, $19, $20) ON CONFLICT (client_key) DO UPDATE SET "
	    "status = excluded.status, product_type = excluded.product_type, base_url = excluded.base_url, "
	    "display_url = excluded.display_url, description = excluded.description, shared_secret = "
	    "excluded.shared_secret, "
	    "oauth_client_id = excluded.oauth_client_id, sen = excluded.sen, entitlement_id = excluded.entitlement_id, "
	    "entitlement_number = excluded.entitlement_number, capability_set = excluded.capability_set, "
	    "installation_id = excluded.installation_id, imported_from = excluded.imported_from, "
	    "first_installed_at = excluded.first_installed_at, installed_at = excluded.installed_at, "
	    "updated_at = excluded.updated_at, uninstalled_at = excluded.uninstalled_at, "
	    "last_seen_at = excluded.last_seen_at, "
	    "shared_secret_key = excluded.shared_secret_key",
	    V_Z(t->client_key), V_Z(t->status), V_Z(t->product_type), V_Z(t->base_url), V_Z(t->display_url),
	    V_Z(t->description), V_BLOB(t->shared_secret_sealed), V_Z(t->oauth_client_id), V_Z(t->sen),
	    V_Z(t->entitlement_id), V_Z(t->entitlement_number), V_Z(t->capability_set), V_Z(t->installation_id),
	    V_Z(t->imported_from), V_INT(t->first_installed_at), V_INT(t->installed_at), V_INT(t->updated_at),
	    V_INT(t->uninstalled_at), V_INT(t->last_seen_at), V_STR(key_id));
	return e == OK ? put_body(tx, t) : e;
}

enum err store_tenant_status(struct store_tx *tx, struct str client_key, const char *status, int64_t at)
{
	return sql_run_one(tx, ERR_NOT_FOUND,
	                   "UPDATE tenants SET status = $1, updated_at = $2, "
	                   "uninstalled_at = CASE WHEN $1 = 'uninstalled' THEN $2 ELSE 0 END WHERE client_key = $3",
	                   V_Z(status), V_INT(at), V_STR(client_key));
}

/* Sights are stored late and may arrive out of order: only forward. */
enum err store_tenant_last_seen(struct store_tx *tx, struct str client_key, int64_t at)
{
	return sql_run_one(tx, ERR_NOT_FOUND,
	                   "UPDATE tenants SET last_seen_at = CASE WHEN last_seen_at < $1 THEN $1 ELSE last_seen_at END "
	                   "WHERE client_key = $2",
	                   V_INT(at), V_STR(client_key));
}

enum err store_tenant_purge(struct store_tx *tx, struct str client_key)
{
	enum err err = store_contacts_purge(tx, client_key); /* while its aliases tell which they are */
	if (err != OK)
		return err;
	return sql_run_one(tx, ERR_NOT_FOUND, "DELETE FROM tenants WHERE client_key = $1", V_STR(client_key));
}

enum err store_tenants_uninstalled_before(struct store_tx *tx, int64_t before, size_t max, struct arena *a,
                                          const char ***ret_keys, size_t *ret_count)
{
	__cleanup(rows_close) struct rows r =
	    sql_query(tx,
	              "SELECT client_key FROM tenants WHERE status = 'uninstalled' "
	              "AND uninstalled_at < $1 ORDER BY uninstalled_at, client_key LIMIT $2",
	              V_INT(before), V_INT(max));
	struct row_list keys = {.arena = a, .item_size = sizeof(const char *)};
	while (rows_next(&r)) {
		const char **key = row_list_add(&keys, &r);
		if (key)
			*key = row_text(&r, 0, a);
	}
	if (r.err != OK)
		return r.err;
	*ret_keys = (const char **)(void *)keys.items;
	*ret_count = keys.count;
	return OK;
}

enum err store_alias_put(struct store_tx *tx, struct str client_key, const char *kind, struct str value, int64_t at)
{
	return sql_run(tx, NULL,
	               "INSERT INTO aliases (client_key, kind, value, first_seen, last_seen) VALUES ($1, $2, $3, $4, $4) "
	               "ON CONFLICT (client_key, kind, value) DO UPDATE SET last_seen = excluded.last_seen",
	               V_STR(client_key), V_Z(kind), V_STR(value), V_INT(at));
}

enum err store_alias_list(struct store_tx *tx, struct str client_key, struct arena *a, struct alias_row **ret,
                          size_t *ret_count)
{
	__cleanup(rows_close) struct rows r = sql_query(tx,
	                                                "SELECT kind, value, first_seen, last_seen FROM aliases "
	                                                "WHERE client_key = $1 ORDER BY first_seen, kind, value",
	                                                V_STR(client_key));
	struct row_list list = {.arena = a, .item_size = sizeof(struct alias_row)};
	while (rows_next(&r)) {
		struct alias_row *alias = row_list_add(&list, &r);
		if (alias)
			*alias = (struct alias_row){row_text(&r, 0, a), row_text(&r, 1, a), row_int(&r, 2), row_int(&r, 3)};
	}
	if (r.err != OK)
		return r.err;
	*ret = (struct alias_row *)(void *)list.items;
	*ret_count = list.count;
	return OK;
}

/* licenses.c - verbs of what is known of a tenant's licence, and of an operator's overrides.
 *
 * One row a tenant each; a put replaces the whole row. The contact arrives sealed. A row of a tenant that is not
 * there (purged meanwhile) is refused as ERR_NOT_FOUND. */
#include "base/cleanup.h"
#include "base/secret.h"
#include "store/sql.h"

#define LICENSE_COLUMNS                                                                                                \
	"state, reason, source, since, fetched_at, valid, evaluation, cancelled, resource, type, organisation, sen, "      \
	"entitlement_id, entitlement_number, edition, contact, users_max, expires_at, failed_at, failure, "                \
	"licensed_before, expired_seen_at, secret_proved_at, client_key"

/* Of LICENSE_COLUMNS. */
static struct license_row read_license(struct rows *r, struct arena *a)
{
	return (struct license_row){
	    .state = row_text(r, 0, a),
	    .reason = row_text(r, 1, a),
	    .source = row_text(r, 2, a),
	    .since = row_int(r, 3),
	    .fetched_at = row_int(r, 4),
	    .valid = row_bool(r, 5),
	    .evaluation = row_bool(r, 6),
	    .cancelled = row_bool(r, 7),
	    .resource = (int)row_int(r, 8),
	    .type = row_text(r, 9, a),
	    .organisation = row_text(r, 10, a),
	    .sen = row_text(r, 11, a),
	    .entitlement_id = row_text(r, 12, a),
	    .entitlement_number = row_text(r, 13, a),
	    .edition = row_text(r, 14, a),
	    .contact_sealed = row_blob(r, 15, a),
	    .users_max = row_int(r, 16),
	    .expires_at = row_int(r, 17),
	    .failed_at = row_int(r, 18),
	    .failure = row_text(r, 19, a),
	    .licensed_before = row_bool(r, 20),
	    .expired_seen_at = row_int(r, 21),
	    .secret_proved_at = row_int(r, 22),
	};
}

enum err store_license_put(struct store_tx *tx, struct str client_key, const struct license_row *l)
{
	struct str key_id = l->contact_sealed.len ? sealed_key_id(l->contact_sealed) : STR("");
	return sql_run(
	    tx, NULL,
	    "INSERT INTO licenses (" LICENSE_COLUMNS
	    ", contact_key) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, "
	    "$13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25) ON CONFLICT (client_key) DO UPDATE SET "
	    "state = excluded.state, reason = excluded.reason, source = excluded.source, since = excluded.since, "
	    "fetched_at = excluded.fetched_at, valid = excluded.valid, evaluation = excluded.evaluation, "
	    "cancelled = excluded.cancelled, resource = excluded.resource, type = excluded.type, "
	    "organisation = excluded.organisation, sen = excluded.sen, entitlement_id = excluded.entitlement_id, "
	    "entitlement_number = excluded.entitlement_number, edition = excluded.edition, contact = excluded.contact, "
	    "users_max = excluded.users_max, expires_at = excluded.expires_at, failed_at = excluded.failed_at, "
	    "failure = excluded.failure, licensed_before = excluded.licensed_before, "
	    "expired_seen_at = excluded.expired_seen_at, secret_proved_at = excluded.secret_proved_at, "
	    "contact_key = excluded.contact_key",
	    V_Z(l->state), V_Z(l->reason), V_Z(l->source), V_INT(l->since), V_INT(l->fetched_at), V_INT(l->valid),
	    V_INT(l->evaluation), V_INT(l->cancelled), V_INT(l->resource), V_Z(l->type), V_Z(l->organisation), V_Z(l->sen),
	    V_Z(l->entitlement_id), V_Z(l->entitlement_number), V_Z(l->edition), V_BLOB(l->contact_sealed),
	    V_INT(l->users_max), V_INT(l->expires_at), V_INT(l->failed_at), V_Z(l->failure), V_INT(l->licensed_before),
	    V_INT(l->expired_seen_at), V_INT(l->secret_proved_at), V_STR(client_key), V_STR(key_id));
}

enum err store_license_get(struct store_tx *tx, struct str client_key, struct arena *a, struct license_row *ret)
{
	__cleanup(rows_close) struct rows r =
	    sql_query(tx, "SELECT " LICENSE_COLUMNS " FROM licenses WHERE client_key = $1", V_STR(client_key));
	if (!rows_next(&r))
		return r.err == OK ? ERR_NOT_FOUND : r.err;
	struct license_row row = read_license(&r, a);
	if (r.err == OK)
		*ret = row;
	return r.err;
}

enum err store_license_each(struct store_tx *tx,
                            enum err (*fn)(void *arg, const char *client_key, const struct license_row *), void *arg)
{
	__cleanup(rows_close) struct rows r =
	    sql_query_values(tx, "SELECT " LICENSE_COLUMNS " FROM licenses ORDER BY client_key", NULL, 0);
	while (rows_next(&r)) {
		struct license_row row = read_license(&r, NULL);
		const char *client_key = row_text(&r, 23, NULL);
		enum err e = r.err == OK ? fn(arg, client_key, &row) : r.err;
		if (e != OK)
			return e;
	}
	return r.err;
}

enum err store_override_put(struct store_tx *tx, struct str client_key, const struct override_row *o)
{
	return sql_run(tx, NULL,
	               "INSERT INTO overrides (client_key, state, reason, set_by, until_at, created_at) "
	               "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (client_key) DO UPDATE SET state = excluded.state, "
	               "reason = excluded.reason, set_by = excluded.set_by, until_at = excluded.until_at, "
	               "created_at = excluded.created_at",
	               V_STR(client_key), V_Z(o->state), V_Z(o->reason), V_Z(o->by), V_INT(o->until), V_INT(o->created_at));
}

enum err store_override_delete(struct store_tx *tx, struct str client_key)
{
	return sql_run_one(tx, ERR_NOT_FOUND, "DELETE FROM overrides WHERE client_key = $1", V_STR(client_key));
}

enum err store_override_each(struct store_tx *tx,
                             enum err (*fn)(void *arg, const char *client_key, const struct override_row *), void *arg)
{
	__cleanup(rows_close) struct rows r = sql_query_values(
	    tx, "SELECT client_key, state, reason, set_by, until_at, created_at FROM overrides ORDER BY client_key", NULL,
	    0);
	while (rows_next(&r)) {
		const char *client_key = row_text(&r, 0, NULL);
		struct override_row row = {
		    row_text(&r, 1, NULL), row_text(&r, 2, NULL), row_text(&r, 3, NULL), row_int(&r, 4), row_int(&r, 5),
		};
		enum err e = r.err == OK ? fn(arg, client_key, &row) : r.err;
		if (e != OK)
			return e;
	}
	return r.err;
}

/* endpoints.c - verbs of the endpoints that outgoing events go to. See endpoints.h. */
#include "store/endpoints.h"

#include "base/cleanup.h"
#include "base/secret.h"
#include "store/sql.h"

static enum err put_types(struct store_tx *tx, const struct endpoint_row *e)
{
	enum err err = sql_run(tx, NULL, "DELETE FROM endpoint_types WHERE endpoint = $1", V_Z(e->id));
	const size_t count = e->types ? e->type_count : 0;
	for (size_t i = 0; err == OK && i < count; i++)
		err = sql_run(
		    tx, NULL,
		    "INSERT INTO endpoint_types (endpoint, type) VALUES ($1, $2) ON CONFLICT (endpoint, type) DO NOTHING",
		    V_Z(e->id), V_Z(e->types[i]));
	return err;
}

static struct sql_value key_id_of(struct str sealed)
{
	return sealed.len ? V_STR(sealed_key_id(sealed)) : V_Z(NULL);
}

enum err store_endpoint_put(struct store_tx *tx, const struct endpoint_row *e)
{
	enum err err = sql_run(
	    tx, NULL,
	    "INSERT INTO endpoints (id, url, all_types, setting, setting_hash, secret, secret_key, previous_secret, "
	    "previous_secret_key, previous_until, created_at, disabled_at, disabled_reason, disabled_after) "
	    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) "
	    "ON CONFLICT (id) DO UPDATE SET url = excluded.url, all_types = excluded.all_types, "
	    "setting = excluded.setting, setting_hash = excluded.setting_hash, secret = excluded.secret, "
	    "secret_key = excluded.secret_key, previous_secret = excluded.previous_secret, "
	    "previous_secret_key = excluded.previous_secret_key, previous_until = excluded.previous_until, "
	    "disabled_at = excluded.disabled_at, disabled_reason = excluded.disabled_reason, "
	    "disabled_after = excluded.disabled_after, "
	    "held_until = CASE WHEN endpoints.url = excluded.url THEN endpoints.held_until ELSE 0 END",
	    V_Z(e->id), V_Z(e->url), V_INT(!e->types), V_INT(e->setting), V_Z(e->setting_hash), V_BLOB(e->secret_sealed),
	    key_id_of(e->secret_sealed), V_BLOB(e->previous_sealed), key_id_of(e->previous_sealed),
	    V_INT(e->previous_until), V_INT(e->created_at), V_INT(e->disabled_at), V_Z(e->disabled_reason),
	    V_INT(e->disabled_after));
	tx->deliveries_queued = true; /* whoever delivers looks at its endpoints anew */
	return err == OK ? put_types(tx, e) : err;
}

#define ENDPOINT_COLUMNS                                                                                               \
	"id, url, all_types, setting, setting_hash, secret, previous_secret, previous_until, created_at, disabled_at, "    \
	"disabled_reason, disabled_after, held_until"

static struct endpoint_row read_endpoint(struct rows *r, struct arena *a, bool *ret_all_types)
{
	*ret_all_types = row_bool(r, 2);
	return (struct endpoint_row){
	    .id = row_text(r, 0, a),
	    .url = row_text(r, 1, a),
	    .setting = row_bool(r, 3),
	    .setting_hash = row_text(r, 4, a),
	    .secret_sealed = row_blob(r, 5, a),
	    .previous_sealed = row_blob(r, 6, a),
	    .previous_until = row_int(r, 7),
	    .created_at = row_int(r, 8),
	    .disabled_at = row_int(r, 9),
	    .disabled_reason = row_text(r, 10, a),
	    .disabled_after = row_int(r, 11),
	    .held_until = row_int(r, 12),
	};
}

static enum err read_types(struct store_tx *tx, struct arena *a, struct endpoint_row *e)
{
	__cleanup(rows_close) struct rows r =
	    sql_query(tx, "SELECT type FROM endpoint_types WHERE endpoint = $1 ORDER BY type", V_Z(e->id));
	struct row_list list = {.arena = a, .item_size = sizeof(char *)};
	while (rows_next(&r)) {
		const char **type = row_list_add(&list, &r);
		if (type)
			*type = row_text(&r, 0, a);
	}
	/* Never NULL: that would be every type, where none is left. */
	static const char *const none[1];
	e->types = list.count ? (const char *const *)(const void *)list.items : none;
	e->type_count = list.count;
	return r.err;
}

enum err store_endpoint_get(struct store_tx *tx, struct str id, struct arena *a, struct endpoint_row *ret)
{
	struct endpoint_row row = {0};
	bool all_types = true;
	enum err err;
	{
		__cleanup(rows_close) struct rows r =
		    sql_query(tx, "SELECT " ENDPOINT_COLUMNS " FROM endpoints WHERE id = $1", V_STR(id));
		bool found = rows_next(&r);
		if (found)
			row = read_endpoint(&r, a, &all_types);
		err = r.err == OK && !found ? ERR_NOT_FOUND : r.err;
	}
	if (err == OK && !all_types)
		err = read_types(tx, a, &row);
	if (err == OK)
		*ret = row;
	return err;
}

enum err store_endpoint_list(struct store_tx *tx, struct arena *a, struct endpoint_row **ret, size_t *ret_count)
{
	__cleanup(rows_close) struct rows r =
	    sql_query_values(tx, "SELECT " ENDPOINT_COLUMNS " FROM endpoints ORDER BY created_at, id", NULL, 0);
	struct row_list list = {.arena = a, .item_size = sizeof(struct endpoint_row)};
	while (rows_next(&r)) {
		struct endpoint_row *row = row_list_add(&list, &r);
		bool all_types = true;
		if (row)
			*row = read_endpoint(&r, a, &all_types);
		if (row && r.err == OK && !all_types)
			r.err = read_types(tx, a, row);
	}
	if (r.err != OK)
		return r.err;
	*ret = (struct endpoint_row *)(void *)list.items;
	*ret_count = list.count;
	return OK;
}

enum err store_endpoint_delete(struct store_tx *tx, struct str id)
{
	tx->deliveries_queued = true;
	return sql_run_one(tx, ERR_NOT_FOUND, "DELETE FROM endpoints WHERE id = $1", V_STR(id));
}

enum err store_endpoint_disable(struct store_tx *tx, struct str id, const char *reason, int64_t at)
{
	return sql_run(tx, NULL,
	               "UPDATE endpoints SET disabled_at = $1, disabled_reason = $2, "
	               "disabled_after = (SELECT coalesce(max(seq), 0) FROM events) WHERE id = $3 AND disabled_at = 0",
	               V_INT(at), V_Z(reason), V_STR(id));
}

enum err store_endpoint_enable(struct store_tx *tx, struct str id)
{
	tx->deliveries_queued = true;
	return sql_run_one(tx, ERR_NOT_FOUND,
	                   "UPDATE endpoints SET disabled_at = 0, disabled_reason = NULL, held_until = 0 WHERE id = $1",
	                   V_STR(id));
}

enum err store_endpoint_hold(struct store_tx *tx, struct str id, int64_t until)
{
	return sql_run(tx, NULL, "UPDATE endpoints SET held_until = $1 WHERE id = $2 AND held_until < $1", V_INT(until),
	               V_STR(id));
}

enum err store_endpoints_forget_secrets(struct store_tx *tx, int64_t now)
{
	return sql_run(tx, NULL,
	               "UPDATE endpoints SET previous_secret = NULL, previous_secret_key = NULL, previous_until = 0 "
	               "WHERE previous_until > 0 AND previous_until <= $1",
	               V_INT(now));
}

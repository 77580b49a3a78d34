/* keys.c - verbs of install keys (kid -> public key, for ever) and of webhooks seen (duplicates are dropped). */
#include "base/cleanup.h"
#include "store/sql.h"

enum err store_install_key_put(struct store_tx *tx, struct str kid, struct str pem, int64_t at)
{
	return sql_run(
	    tx, NULL,
	    "INSERT INTO install_keys (kid, pem, fetched_at) VALUES ($1, $2, $3) ON CONFLICT (kid) DO UPDATE SET "
	    "pem = excluded.pem, fetched_at = excluded.fetched_at",
	    V_STR(kid), V_STR(pem), V_INT(at));
}

enum err store_install_key_each(struct store_tx *tx, enum err (*fn)(void *arg, const char *kid, const char *pem),
                                void *arg)
{
	__cleanup(rows_close) struct rows r =
	    sql_query_values(tx, "SELECT kid, pem FROM install_keys ORDER BY kid", NULL, 0);
	while (rows_next(&r)) {
		const char *kid = row_text(&r, 0, NULL), *pem = row_text(&r, 1, NULL);
		enum err e = r.err == OK ? fn(arg, kid, pem) : r.err;
		if (e != OK)
			return e;
	}
	return r.err;
}

enum err store_webhook_seen(struct store_tx *tx, struct str client_key, struct str identifier, int64_t at)
{
	return sql_run_one(tx, ERR_CONFLICT,
	                   "INSERT INTO webhooks_seen (client_key, identifier, at) VALUES ($1, $2, $3) "
	                   "ON CONFLICT (client_key, identifier) DO NOTHING",
	                   V_STR(client_key), V_STR(identifier), V_INT(at));
}

enum err store_webhook_forget_before(struct store_tx *tx, int64_t before)
{
	return sql_run(tx, NULL, "DELETE FROM webhooks_seen WHERE at < $1", V_INT(before));
}

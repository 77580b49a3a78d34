/* market_polls.c - verbs of what stands around the Marketplace's rows: history, oddities, who polls and how far. */
#include <string.h>

#include "base/cleanup.h"
#include "store/market.h"
#include "store/sql.h"

static struct sql_value opt(struct str s)
{
	return s.ptr ? V_STR(s) : (struct sql_value){.kind = SQL_NULL};
}

static struct str text_or_null(struct rows *r, int col, struct arena *a)
{
	const char *z = row_text(r, col, a);
	return z ? str_of(z) : (struct str){0};
}

/* ---- history ---- */

enum err store_market_history_add(struct store_tx *tx, const char *kind, struct str row_key, int64_t at,
                                  struct str diff)
{
	return sql_run(tx, NULL, "INSERT INTO market_history (kind, row_key, at, diff) VALUES ($1, $2, $3, $4)", V_Z(kind),
	               V_STR(row_key), V_INT(at), V_STR(diff));
}

enum err store_market_history(struct store_tx *tx, const char *kind, struct str row_key, struct arena *a,
                              struct market_version **ret, size_t *ret_count)
{
	struct row_list list = {.arena = a, .item_size = sizeof(struct market_version)};
	__cleanup(rows_close) struct rows r =
	    sql_query(tx, "SELECT id, at, diff FROM market_history WHERE kind = $1 AND row_key = $2 ORDER BY id DESC",
	              V_Z(kind), V_STR(row_key));
	while (rows_next(&r)) {
		struct market_version *v = row_list_add(&list, &r);
		if (v)
			*v = (struct market_version){row_int(&r, 0), row_int(&r, 1), text_or_null(&r, 2, a)};
	}
	if (r.err != OK)
		return r.err;
	*ret = (struct market_version *)(void *)list.items;
	*ret_count = list.count;
	return OK;
}

enum err store_market_history_put(struct store_tx *tx, int64_t id, struct str diff)
{
	tx->erased = true;
	return sql_run_one(tx, ERR_NOT_FOUND, "UPDATE market_history SET diff = $1 WHERE id = $2", V_STR(diff), V_INT(id));
}

/* ---- oddities ---- */

enum err store_market_oddity_add(struct store_tx *tx, const struct market_oddity *o, int64_t at)
{
	int64_t changed = 0;
	enum err e = sql_run(tx, &changed,
	                     "UPDATE market_oddities SET count = count + $1, last_seen = $2 WHERE kind = $3 AND field = $4 "
	                     "AND value = $5",
	                     V_INT(o->count), V_INT(at), V_STR(o->kind), V_STR(o->field), V_STR(o->value));
	if (e == OK && changed == 0)
		e = sql_run(tx, &changed,
		            "INSERT INTO market_oddities (kind, field, value, count, first_seen, last_seen) SELECT $1, $2, $3, "
		            "$4, $5, $6 WHERE (SELECT count(*) FROM market_oddities) < $7",
		            V_STR(o->kind), V_STR(o->field), V_STR(o->value), V_INT(o->count), V_INT(at), V_INT(at),
		            V_INT(ODDITIES_MAX));
	if (e == OK && changed == 0)
		e = sql_run(tx, NULL,
		            "INSERT INTO market_oddities (kind, field, value, count, first_seen, last_seen) VALUES ($1, '…', "
		            "'…', $2, $3, $4) ON CONFLICT (kind, field, value) DO UPDATE SET count = market_oddities.count + "
		            "excluded.count, last_seen = excluded.last_seen",
		            V_STR(o->kind), V_INT(o->count), V_INT(at), V_INT(at));
	return e;
}

enum err store_market_oddities(struct store_tx *tx, struct arena *a, struct market_oddity **ret, size_t *ret_count)
{
	struct row_list list = {.arena = a, .item_size = sizeof(struct market_oddity)};
	__cleanup(rows_close) struct rows r =
	    sql_query_values(tx,
	                     "SELECT kind, field, value, count, first_seen, last_seen FROM market_oddities ORDER BY count "
	                     "DESC, kind, field, value",
	                     NULL, 0);
	while (rows_next(&r)) {
		struct market_oddity *o = row_list_add(&list, &r);
		if (o)
			*o = (struct market_oddity){text_or_null(&r, 0, a), text_or_null(&r, 1, a), text_or_null(&r, 2, a),
			                            row_int(&r, 3),         row_int(&r, 4),         row_int(&r, 5)};
	}
	if (r.err != OK)
		return r.err;
	*ret = (struct market_oddity *)(void *)list.items;
	*ret_count = list.count;
	return OK;
}

/* ---- who polls ---- */

enum err store_market_lease_get(struct store_tx *tx, struct arena *a, struct market_lease *ret)
{
	__cleanup(rows_close) struct rows r = sql_query_values(
	    tx, "SELECT holder, lease_until, run, news_last FROM market_lease WHERE name = 'poll'", NULL, 0);
	if (!rows_next(&r))
		return r.err == OK ? ERR_NOT_FOUND : r.err;
	struct market_lease l = {text_or_null(&r, 0, a), row_int(&r, 1), row_int(&r, 2), row_int(&r, 3)};
	if (r.err == OK)
		*ret = l;
	return r.err;
}

enum err store_market_lease_put(struct store_tx *tx, const struct market_lease *l)
{
	return sql_run_one(tx, ERR_NOT_FOUND,
	                   "UPDATE market_lease SET holder = $1, lease_until = $2, run = $3, news_last = $4 WHERE name = "
	                   "'poll'",
	                   V_STR(l->holder), V_INT(l->lease_until), V_INT(l->run), V_INT(l->news_last));
}

enum err store_market_lease_keep(struct store_tx *tx, struct str holder, int64_t lease_until, int64_t news_last)
{
	return sql_run_one(tx, ERR_CONFLICT,
	                   "UPDATE market_lease SET lease_until = $1, news_last = $2 WHERE name = 'poll' AND holder = $3",
	                   V_INT(lease_until), V_INT(news_last), V_STR(holder));
}

enum err store_market_poll_get(struct store_tx *tx, struct str kind, struct arena *a, struct market_poll *ret)
{
	struct market_poll p = {.kind = kind};
	__cleanup(rows_close) struct rows r =
	    sql_query(tx,
	              "SELECT export_id, failure, export_full, export_at, done_at, full_at, failed_at, rows_seen, "
	              "rows_changed FROM market_polls WHERE kind = $1",
	              V_STR(kind));
	if (rows_next(&r)) {
		p.export_id = text_or_null(&r, 0, a);
		p.failure = text_or_null(&r, 1, a);
		p.export_full = row_bool(&r, 2);
		p.export_at = row_int(&r, 3);
		p.done_at = row_int(&r, 4);
		p.full_at = row_int(&r, 5);
		p.failed_at = row_int(&r, 6);
		p.rows_seen = row_int(&r, 7);
		p.rows_changed = row_int(&r, 8);
	}
	if (r.err == OK)
		*ret = p;
	return r.err;
}

enum err store_market_poll_put(struct store_tx *tx, const struct market_poll *p)
{
	return sql_run(tx, NULL,
	               "INSERT INTO market_polls (kind, export_id, failure, export_full, export_at, done_at, full_at, "
	               "failed_at, rows_seen, rows_changed) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT "
	               "(kind) DO UPDATE SET export_id = excluded.export_id, failure = excluded.failure, export_full = "
	               "excluded.export_full, export_at = excluded.export_at, done_at = excluded.done_at, full_at = "
	               "excluded.full_at, failed_at = excluded.failed_at, rows_seen = excluded.rows_seen, rows_changed = "
	               "excluded.rows_changed",
	               V_STR(p->kind), opt(p->export_id), opt(p->failure), V_INT(p->export_full), V_INT(p->export_at),
	               V_INT(p->done_at), V_INT(p->full_at), V_INT(p->failed_at), V_INT(p->rows_seen),
	               V_INT(p->rows_changed));
}

enum err store_market_counts(struct store_tx *tx, struct market_counts *ret)
{
	__cleanup(rows_close) struct rows r = sql_query_values(
	    tx,
	    "SELECT (SELECT count(*) FROM market_licenses), (SELECT count(*) FROM market_sales), (SELECT count(*) FROM "
	    "market_history), (SELECT count(*) FROM market_licenses WHERE news_seq > 0) + (SELECT count(*) FROM "
	    "market_sales WHERE news_seq > 0)",
	    NULL, 0);
	if (!rows_next(&r))
		return r.err == OK ? ERR_INTERNAL : r.err;
	struct market_counts c = {row_int(&r, 0), row_int(&r, 1), row_int(&r, 2), row_int(&r, 3)};
	if (r.err == OK)
		*ret = c;
	return r.err;
}

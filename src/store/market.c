/* market.c - verbs of the Marketplace's rows and their ids. See market.h.
 *
 * An added row costs one statement: that it is there already shows in that nothing was added. What a poll looks for
 * first is the hash of a row as it came: all of them are read at once, from an index in the order of the rows, which
 * costs an added row next to nothing, as it is written at its end. */
#include "store/market.h"

#include <string.h>

#include "base/cleanup.h"
#include "store/sql.h"

static struct sql_value opt(struct str s)
{
	return s.ptr ? V_STR(s) : (struct sql_value){.kind = SQL_NULL};
}

static struct sql_value hash_value(const uint8_t *hash, size_t size)
{
	return V_BLOB(((struct str){(const char *)hash, size}));
}

static struct str text_or_null(struct rows *r, int col, struct arena *a)
{
	const char *z = row_text(r, col, a);
	return z ? str_of(z) : (struct str){0};
}

/* ---- licences ---- */

#define LICENSE_COLUMNS                                                                                                \
	"row_key, app_key, hosting, edition, tier, status, license_type, maintenance_start, maintenance_end, "             \
	"evaluation_start, evaluation_end, billing_period, sandbox, in_grace, last_updated, campaign, content, "           \
	"content_hash, raw_hash, changed_at, seen_run, news_seq, news_previous"
#define LICENSE_VALUES(l, m)                                                                                           \
	V_STR((l)->row_key), opt((l)->app_key), opt((l)->hosting), opt((l)->edition), opt((l)->tier), opt((l)->status),    \
	    opt((l)->license_type), opt((l)->maintenance_start), opt((l)->maintenance_end), opt((l)->evaluation_start),    \
	    opt((l)->evaluation_end), opt((l)->billing_period), V_INT((l)->sandbox), V_INT((l)->in_grace),                 \
	    opt((l)->last_updated), opt((l)->campaign), V_STR((l)->content.text),                                          \
	    hash_value((l)->content.hash, CONTENT_HASH_SIZE), hash_value((l)->content.raw_hash, RAW_HASH_SIZE),            \
	    V_INT((m)->at), V_INT((m)->run), V_INT((m)->news_seq), opt((m)->news_previous)

enum err store_market_license_add(struct store_tx *tx, const struct report_license *l, const struct market_mark *m,
                                  bool *ret_added)
{
	int64_t changed = 0;
	enum err e = sql_run(tx, &changed,
	                     "INSERT INTO market_licenses (" LICENSE_COLUMNS ", first_seen) VALUES ($1, $2, $3, $4, $5, "
	                     "$6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24) "
	                     "ON CONFLICT (row_key) DO NOTHING",
	                     LICENSE_VALUES(l, m), V_INT(m->at));
	*ret_added = changed > 0;
	return e;
}

enum err store_market_license_put(struct store_tx *tx, const struct report_license *l, const struct market_mark *m)
{
	/* $1 is the key, first of the values. When an evaluation began is kept where its row, bought, says no more of it */
	return sql_run_one(
	    tx, ERR_NOT_FOUND,
	    "UPDATE market_licenses SET row_key = $1, app_key = $2, hosting = $3, edition = $4, tier = $5, status = $6, "
	    "license_type = $7, maintenance_start = $8, maintenance_end = $9, evaluation_start = "
	    "COALESCE($10, CASE WHEN $7 = 'EVALUATION' THEN NULL WHEN license_type = 'EVALUATION' THEN "
	    "COALESCE(evaluation_start, maintenance_start) ELSE evaluation_start END), evaluation_end = "
	    "$11, billing_period = $12, sandbox = $13, in_grace = $14, last_updated = $15, campaign = $16, content = $17, "
	    "content_hash = $18, raw_hash = $19, changed_at = $20, seen_run = $21, news_seq = $22, news_previous = $23 "
	    "WHERE row_key = $1",
	    LICENSE_VALUES(l, m));
}

enum err store_market_license_unread(struct store_tx *tx, struct str row_key)
{
	return sql_run(tx, NULL, "UPDATE market_licenses SET raw_hash = $1 WHERE row_key = $2", V_BLOB(STR("?")),
	               V_STR(row_key));
}

enum err store_market_license_touch(struct store_tx *tx, struct str row_key, const struct market_content *c)
{
	return sql_run_one(tx, ERR_NOT_FOUND,
	                   "UPDATE market_licenses SET content = $1, content_hash = $2, raw_hash = $3 WHERE row_key = $4",
	                   V_STR(c->text), hash_value(c->hash, CONTENT_HASH_SIZE), hash_value(c->raw_hash, RAW_HASH_SIZE),
	                   V_STR(row_key));
}

/* Of: content, last_updated, news_previous, content_hash, sandbox, seen_run, news_seq. */
static enum err one_stored(struct rows *r, struct arena *a, struct market_stored *ret)
{
	if (!rows_next(r))
		return r->err == OK ? ERR_NOT_FOUND : r->err;
	struct market_stored s = {.content = text_or_null(r, 0, a),
	                          .last_updated = text_or_null(r, 1, a),
	                          .news_previous = text_or_null(r, 2, a),
	                          .sandbox = row_bool(r, 4),
	                          .seen_run = row_int(r, 5),
	                          .news_seq = row_int(r, 6)};
	struct str hash = row_blob(r, 3, NULL);
	if (r->err == OK && hash.len == CONTENT_HASH_SIZE)
		memcpy(s.hash, hash.ptr, CONTENT_HASH_SIZE);
	if (r->err == OK)
		*ret = s;
	return r->err;
}

enum err store_market_license_get(struct store_tx *tx, struct str row_key, struct arena *a, struct market_stored *ret)
{
	__cleanup(rows_close) struct rows r =
	    sql_query(tx,
	              "SELECT content, last_updated, news_previous, content_hash, sandbox, seen_run, news_seq FROM "
	              "market_licenses WHERE row_key = $1",
	              V_STR(row_key));
	return one_stored(&r, a, ret);
}

/* ---- sales ---- */

#define SALE_COLUMNS                                                                                                   \
	"transaction_id, line_id, license_key, app_key, hosting, tier, old_tier, edition, sale_type, license_type, "       \
	"payment_status, billing_period, sale_date, maintenance_start, maintenance_end, price_cents, vendor_cents, "       \
	"currency, refund_reason, original_id, last_updated, content, content_hash, raw_hash, changed_at, seen_run, "      \
	"news_seq, news_previous"
#define SALE_PARAMETERS                                                                                                \
	"$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, "  \
	"$25, $26, $27, $28"
#define SALE_VALUES(s, m)                                                                                              \
	V_STR((s)->transaction_id), V_STR((s)->line_id), V_STR((s)->license_key), opt((s)->app_key), opt((s)->hosting),    \
	    opt((s)->tier), opt((s)->old_tier), opt((s)->edition), opt((s)->sale_type), opt((s)->license_type),            \
	    opt((s)->payment_status), opt((s)->billing_period), opt((s)->sale_date), opt((s)->maintenance_start),          \
	    opt((s)->maintenance_end), V_INT((s)->price_cents), V_INT((s)->vendor_cents), V_STR((s)->currency),            \
	    opt((s)->refund_reason), opt((s)->original_id), opt((s)->last_updated), V_STR((s)->content.text),              \
	    hash_value((s)->content.hash, CONTENT_HASH_SIZE), hash_value((s)->content.raw_hash, RAW_HASH_SIZE),            \
	    V_INT((m)->at), V_INT((m)->run), V_INT((m)->news_seq), opt((m)->news_previous)

enum err store_market_sale_add(struct store_tx *tx, const struct report_sale *s, const struct market_mark *m,
                               bool *ret_added)
{
	int64_t changed = 0;
	enum err e = sql_run(tx, &changed,
	                     "INSERT INTO market_sales (" SALE_COLUMNS ", first_seen) VALUES (" SALE_PARAMETERS ", $29) "
	                     "ON CONFLICT (transaction_id, line_id) DO NOTHING",
	                     SALE_VALUES(s, m), V_INT(m->at));
	*ret_added = changed > 0;
	return e;
}

enum err store_market_sale_put(struct store_tx *tx, const struct report_sale *s, const struct market_mark *m)
{
	/* $1 and $2 are the key, first of the values */
	return sql_run_one(tx, ERR_NOT_FOUND,
	                   "UPDATE market_sales SET (" SALE_COLUMNS ") = (" SALE_PARAMETERS ") "
	                   "WHERE transaction_id = $1 AND line_id = $2",
	                   SALE_VALUES(s, m));
}

enum err store_market_sale_touch(struct store_tx *tx, const struct report_sale *s)
{
	const struct market_content *c = &s->content;
	return sql_run_one(tx, ERR_NOT_FOUND,
	                   "UPDATE market_sales SET content = $1, content_hash = $2, raw_hash = $3 WHERE transaction_id = "
	                   "$4 AND line_id = $5",
	                   V_STR(c->text), hash_value(c->hash, CONTENT_HASH_SIZE), hash_value(c->raw_hash, RAW_HASH_SIZE),
	                   V_STR(s->transaction_id), V_STR(s->line_id));
}

enum err store_market_sale_get(struct store_tx *tx, struct str transaction_id, struct str line_id, struct arena *a,
                               struct market_stored *ret)
{
	__cleanup(rows_close) struct rows r =
	    sql_query(tx,
	              "SELECT content, last_updated, news_previous, content_hash, 0, seen_run, news_seq FROM market_sales "
	              "WHERE transaction_id = $1 AND line_id = $2",
	              V_STR(transaction_id), V_STR(line_id));
	return one_stored(&r, a, ret);
}

/* ---- known rows ---- */

static enum err any_row(struct rows *r, bool *ret)
{
	*ret = rows_next(r);
	return r->err;
}

static enum err each_hash(struct rows *r, enum err (*fn)(void *arg, const uint8_t *hash), void *arg)
{
	enum err e = OK;
	while (e == OK && rows_next(r)) {
		const struct str hash = row_blob(r, 0, NULL);
		if (r->err == OK && hash.len == RAW_HASH_SIZE)
			e = fn(arg, (const uint8_t *)hash.ptr);
	}
	return e == OK ? r->err : e;
}

enum err store_market_hashes(struct store_tx *tx, bool sales, enum err (*fn)(void *arg, const uint8_t *hash), void *arg)
{
	const char *text = sales ? "SELECT raw_hash FROM market_sales UNION ALL SELECT raw_hash FROM market_passed"
	                         : "SELECT raw_hash FROM market_licenses UNION ALL SELECT raw_hash FROM market_passed";
	__cleanup(rows_close) struct rows r = sql_query_values(tx, text, NULL, 0);
	return each_hash(&r, fn, arg);
}

enum err store_market_passed(struct store_tx *tx, const uint8_t hash[static RAW_HASH_SIZE], int64_t at)
{
	return sql_run(tx, NULL,
	               "INSERT INTO market_passed (raw_hash, at) VALUES ($1, $2) ON CONFLICT (raw_hash) DO NOTHING",
	               hash_value(hash, RAW_HASH_SIZE), V_INT(at));
}

enum err store_market_license_passed(struct store_tx *tx, struct str row_key, const uint8_t hash[static RAW_HASH_SIZE],
                                     int64_t at)
{
	return sql_run(tx, NULL,
	               "INSERT INTO market_passed (raw_hash, at, license_id) SELECT $1, $2, id FROM market_licenses "
	               "WHERE row_key = $3 ON CONFLICT (raw_hash) DO NOTHING",
	               hash_value(hash, RAW_HASH_SIZE), V_INT(at), V_STR(row_key));
}

enum err store_market_sale_passed(struct store_tx *tx, struct str transaction_id, struct str line_id,
                                  const uint8_t hash[static RAW_HASH_SIZE], int64_t at)
{
	return sql_run(tx, NULL,
	               "INSERT INTO market_passed (raw_hash, at, sale_id) SELECT $1, $2, id FROM market_sales "
	               "WHERE transaction_id = $3 AND line_id = $4 ON CONFLICT (raw_hash) DO NOTHING",
	               hash_value(hash, RAW_HASH_SIZE), V_INT(at), V_STR(transaction_id), V_STR(line_id));
}

enum err store_market_versions(struct store_tx *tx, bool sales,
                               enum err (*fn)(void *arg, const uint8_t *passed, const uint8_t *stored), void *arg)
{
	const char *text = sales ? "SELECT p.raw_hash, s.raw_hash FROM market_passed p LEFT JOIN market_sales s "
	                           "ON s.id = p.sale_id WHERE p.sale_id IS NOT NULL"
	                         : "SELECT p.raw_hash, l.raw_hash FROM market_passed p LEFT JOIN market_licenses l "
	                           "ON l.id = p.license_id WHERE p.license_id IS NOT NULL";
	__cleanup(rows_close) struct rows r = sql_query_values(tx, text, NULL, 0);
	enum err e = OK;
	while (e == OK && rows_next(&r)) {
		const struct str passed = row_blob(&r, 0, NULL), stored = row_blob(&r, 1, NULL);
		const bool unread = stored.len > 0 && stored.len != RAW_HASH_SIZE; /* nobody can tell whether it came */
		if (r.err == OK && passed.len == RAW_HASH_SIZE && !unread)
			e = fn(arg, (const uint8_t *)passed.ptr, stored.len == RAW_HASH_SIZE ? (const uint8_t *)stored.ptr : NULL);
	}
	return e == OK ? r.err : e;
}

enum err store_market_unpass(struct store_tx *tx, const uint8_t hash[static RAW_HASH_SIZE])
{
	return sql_run(tx, NULL, "DELETE FROM market_passed WHERE raw_hash = $1", hash_value(hash, RAW_HASH_SIZE));
}

/* ---- ids ---- */

enum err store_market_alias_put(struct store_tx *tx, struct str row_key, const char *kind, struct str value, int64_t at)
{
	return sql_run(tx, NULL,
	               "INSERT INTO market_aliases (row_key, kind, value, first_seen, last_seen) VALUES ($1, $2, $3, $4, "
	               "$5) ON CONFLICT (row_key, kind, value) DO UPDATE SET last_seen = excluded.last_seen",
	               V_STR(row_key), V_Z(kind), V_STR(value), V_INT(at), V_INT(at));
}

enum err store_market_license_by_alias(struct store_tx *tx, const char *kind, struct str value, struct arena *a,
                                       struct str *ret_row_key)
{
	__cleanup(rows_close) struct rows r = sql_query(
	    tx, "SELECT row_key FROM market_aliases WHERE value = $1 AND kind = $2 LIMIT 2", V_STR(value), V_Z(kind));
	if (!rows_next(&r))
		return r.err == OK ? ERR_NOT_FOUND : r.err;
	struct str found = text_or_null(&r, 0, a);
	if (rows_next(&r))
		return ERR_CONFLICT;
	if (r.err == OK)
		*ret_row_key = found;
	return r.err;
}

enum err store_market_license_has_alias(struct store_tx *tx, struct str row_key, const char *kind, bool *ret)
{
	__cleanup(rows_close) struct rows r = sql_query(
	    tx, "SELECT 1 FROM market_aliases WHERE row_key = $1 AND kind = $2 LIMIT 1", V_STR(row_key), V_Z(kind));
	return any_row(&r, ret);
}

enum err store_market_license_exists(struct store_tx *tx, struct str row_key, bool *ret)
{
	__cleanup(rows_close) struct rows r =
	    sql_query(tx, "SELECT 1 FROM market_licenses WHERE row_key = $1", V_STR(row_key));
	return any_row(&r, ret);
}

/* The old row's ids go over to the new one, which is there. */
static enum err merge(struct store_tx *tx, struct str from, struct str to)
{
	enum err e = sql_run(tx, NULL,
	                     "INSERT INTO market_aliases (row_key, kind, value, first_seen, last_seen) SELECT $1, kind, "
	                     "value, first_seen, last_seen FROM market_aliases WHERE row_key = $2 ON CONFLICT (row_key, "
	                     "kind, value) DO NOTHING",
	                     V_STR(to), V_STR(from));
	if (e == OK)
		e = sql_run(tx, NULL, "DELETE FROM market_aliases WHERE row_key = $1", V_STR(from));
	return e == OK ? sql_run(tx, NULL, "DELETE FROM market_licenses WHERE row_key = $1", V_STR(from)) : e;
}

enum err store_market_license_rename(struct store_tx *tx, struct str from, struct str to)
{
	bool taken = false;
	enum err e = store_market_license_exists(tx, to, &taken);
	if (e != OK)
		return e;
	e = taken ? merge(tx, from, to)
	          : sql_run_one(tx, ERR_NOT_FOUND, "UPDATE market_licenses SET row_key = $1 WHERE row_key = $2", V_STR(to),
	                        V_STR(from));
	if (e == OK && !taken)
		e = sql_run(tx, NULL, "UPDATE market_aliases SET row_key = $1 WHERE row_key = $2", V_STR(to), V_STR(from));
	if (e == OK)
		e = sql_run(tx, NULL, "UPDATE market_history SET row_key = $1 WHERE kind = 'license' AND row_key = $2",
		            V_STR(to), V_STR(from));
	if (e == OK)
		e = sql_run(tx, NULL, "UPDATE market_sales SET license_key = $1 WHERE license_key = $2", V_STR(to),
		            V_STR(from));
	return e;
}

enum err store_market_has_older(struct store_tx *tx, struct str day, bool *ret)
{
	__cleanup(rows_close) struct rows r =
	    sql_query(tx, "SELECT 1 FROM market_licenses WHERE maintenance_start < $1 LIMIT 1", V_STR(day));
	return any_row(&r, ret);
}

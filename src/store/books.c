/* books.c - verbs of the Marketplace's licences and sales, and of whose they are.
 *
 * A sale names its licence by the ids it was sold under; a licence's row may have got a better one since. So a sale's
 * licence is looked for under the row keys first and then under all ids that are one licence's alone. */
#include "store/books.h"

#include <string.h>

#include "base/cleanup.h"
#include "store/sales_row.h"

#define LICENSE_COLUMNS                                                                                                \
	"row_key, app_key, hosting, edition, tier, status, license_type, maintenance_start, maintenance_end, "             \
	"evaluation_start, evaluation_end, billing_period, last_updated, sandbox, in_grace, changed_at, news_seq, "        \
	"news_previous"

static struct market_license read_license(struct rows *r, struct arena *a)
{
	return (struct market_license){
	    .row_key = row_text(r, 0, a),
	    .app_key = row_text(r, 1, a),
	    .hosting = row_text(r, 2, a),
	    .edition = row_text(r, 3, a),
	    .tier = row_text(r, 4, a),
	    .status = row_text(r, 5, a),
	    .license_type = row_text(r, 6, a),
	    .maintenance_start = row_text(r, 7, a),
	    .maintenance_end = row_text(r, 8, a),
	    .evaluation_start = row_text(r, 9, a),
	    .evaluation_end = row_text(r, 10, a),
	    .billing_period = row_text(r, 11, a),
	    .last_updated = row_text(r, 12, a),
	    .sandbox = row_bool(r, 13),
	    .in_grace = row_bool(r, 14),
	    .changed_at = row_int(r, 15),
	    .news_seq = row_int(r, 16),
	    .news_previous = row_text(r, 17, a),
	};
}

static enum err one_license(struct rows *r, struct arena *a, struct market_license *ret)
{
	if (!rows_next(r))
		return r->err == OK ? ERR_NOT_FOUND : r->err;
	struct market_license l = read_license(r, a);
	if (r->err == OK)
		*ret = l;
	return r->err;
}

enum err store_market_license(struct store_tx *tx, struct str id, struct arena *a, struct market_license *ret)
{
	__cleanup(rows_close) struct rows direct =
	    sql_query(tx, "SELECT " LICENSE_COLUMNS " FROM market_licenses WHERE row_key = $1", V_STR(id));
	enum err err = one_license(&direct, a, ret);
	if (err != ERR_NOT_FOUND)
		return err;
	__cleanup(rows_close) struct rows r =
	    sql_query(tx,
	              "SELECT " LICENSE_COLUMNS " FROM market_licenses WHERE row_key IN (SELECT row_key FROM "
	              "market_aliases WHERE kind IN ('entitlement_number', 'sen', 'addon_license_id') AND value = $1) "
	              "ORDER BY changed_at DESC, row_key LIMIT 1",
	              V_STR(id));
	return one_license(&r, a, ret);
}

#define SALE_COLUMNS                                                                                                   \
	"transaction_id, line_id, license_key, app_key, hosting, tier, old_tier, edition, sale_type, license_type, "       \
	"payment_status, billing_period, sale_date, maintenance_start, maintenance_end, price_cents, vendor_cents, "       \
	"currency, original_id, changed_at, news_seq, news_previous"

struct market_sale sale_of_row(struct rows *r, struct arena *a)
{
	return (struct market_sale){
	    .transaction_id = row_text(r, 0, a),
	    .line_id = row_text(r, 1, a),
	    .license_key = row_text(r, 2, a),
	    .app_key = row_text(r, 3, a),
	    .hosting = row_text(r, 4, a),
	    .tier = row_text(r, 5, a),
	    .old_tier = row_text(r, 6, a),
	    .edition = row_text(r, 7, a),
	    .sale_type = row_text(r, 8, a),
	    .license_type = row_text(r, 9, a),
	    .payment_status = row_text(r, 10, a),
	    .billing_period = row_text(r, 11, a),
	    .sale_date = row_text(r, 12, a),
	    .maintenance_start = row_text(r, 13, a),
	    .maintenance_end = row_text(r, 14, a),
	    .price_cents = row_int(r, 15),
	    .vendor_cents = row_int(r, 16),
	    .currency = row_text(r, 17, a),
	    .original_id = row_text(r, 18, a),
	};
}

static struct market_sale read_sale(struct rows *r, struct arena *a)
{
	struct market_sale sale = sale_of_row(r, a);
	sale.changed_at = row_int(r, 19);
	sale.news_seq = row_int(r, 20);
	sale.news_previous = row_text(r, 21, a);
	return sale;
}

static enum err take_sales(struct rows *r, struct arena *a, struct market_sale **ret, size_t *ret_count)
{
	struct row_list list = {.arena = a, .item_size = sizeof(struct market_sale)};
	while (rows_next(r)) {
		struct market_sale *sale = row_list_add(&list, r);
		if (sale)
			*sale = read_sale(r, a);
	}
	if (r->err != OK)
		return r->err;
	*ret = (struct market_sale *)(void *)list.items;
	*ret_count = list.count;
	return OK;
}

enum err store_market_sales(struct store_tx *tx, struct str row_key, size_t max, struct arena *a,
                            struct market_sale **ret, size_t *ret_count)
{
	__cleanup(rows_close) struct rows r =
	    sql_query(tx,
	              "SELECT " SALE_COLUMNS " FROM market_sales WHERE license_key IN (SELECT $1 UNION SELECT value FROM "
	              "market_aliases WHERE row_key = $1 AND kind IN ('entitlement_number', 'sen', 'addon_license_id')) "
	              "ORDER BY CASE WHEN news_seq > 0 THEN 0 ELSE 1 END, sale_date DESC, transaction_id, line_id LIMIT $2",
	              V_STR(row_key), V_INT(max));
	return take_sales(&r, a, ret, ret_count);
}

enum { OTHER_IDS_MAX = 20 };

enum err store_market_other_ids(struct store_tx *tx, struct str row_key, struct arena *a, const char ***ret,
                                size_t *ret_count)
{
	struct row_list list = {.arena = a, .item_size = sizeof(const char *)};
	__cleanup(rows_close) struct rows r =
	    sql_query(tx,
	              "SELECT DISTINCT m.value FROM market_aliases m WHERE m.row_key = $1 AND m.value <> $1 AND m.kind IN "
	              "('entitlement_number', 'sen', 'addon_license_id') AND NOT EXISTS (SELECT 1 FROM market_aliases o "
	              "WHERE o.kind = m.kind AND o.value = m.value AND o.row_key <> $1) ORDER BY m.value LIMIT $2",
	              V_STR(row_key), V_INT(OTHER_IDS_MAX));
	while (rows_next(&r)) {
		const char **id = row_list_add(&list, &r);
		if (id)
			*id = row_text(&r, 0, a);
	}
	if (r.err != OK)
		return r.err;
	*ret = (const char **)(void *)list.items;
	*ret_count = list.count;
	return OK;
}

/* ---- news ---- */

static enum err take_news(struct rows *r, struct arena *a, struct market_news **ret, size_t *ret_count)
{
	struct row_list list = {.arena = a, .item_size = sizeof(struct market_news)};
	while (rows_next(r)) {
		struct market_news *news = row_list_add(&list, r);
		if (news)
			*news = (struct market_news){row_text(r, 0, a), row_int(r, 1)};
	}
	if (r->err != OK)
		return r->err;
	*ret = (struct market_news *)(void *)list.items;
	*ret_count = list.count;
	return OK;
}

enum err store_market_news_licenses(struct store_tx *tx, int64_t after, size_t max, struct arena *a,
                                    struct market_news **ret, size_t *ret_count)
{
	__cleanup(rows_close) struct rows r =
	    sql_query(tx,
	              "SELECT row_key, news_seq FROM market_licenses WHERE news_seq > 0 AND news_seq > $1 "
	              "ORDER BY news_seq LIMIT $2",
	              V_INT(after), V_INT(max));
	return take_news(&r, a, ret, ret_count);
}

enum err store_market_news_sales(struct store_tx *tx, int64_t after, size_t max, struct arena *a,
                                 struct market_news **ret, size_t *ret_count)
{
	__cleanup(rows_close) struct rows r =
	    sql_query(tx,
	              "SELECT license_key, news_seq FROM market_sales WHERE news_seq > 0 AND news_seq > $1 "
	              "ORDER BY news_seq LIMIT $2",
	              V_INT(after), V_INT(max));
	return take_news(&r, a, ret, ret_count);
}

enum err store_market_license_told(struct store_tx *tx, const struct market_license *l)
{
	return sql_run(tx, NULL,
	               "UPDATE market_licenses SET news_seq = 0, news_previous = NULL WHERE row_key = $1 AND news_seq = $2",
	               V_Z(l->row_key), V_INT(l->news_seq));
}

enum err store_market_sale_told(struct store_tx *tx, const struct market_sale *s)
{
	return sql_run(tx, NULL,
	               "UPDATE market_sales SET news_seq = 0, news_previous = NULL WHERE transaction_id = $1 AND "
	               "line_id = $2 AND news_seq = $3",
	               V_Z(s->transaction_id), V_Z(s->line_id), V_INT(s->news_seq));
}

/* ---- whose ---- */

const char *market_tie_name(enum market_tie tie)
{
	static const char *const names[] = {
	    [TIE_ENTITLEMENT] = "entitlement", [TIE_SEN] = "sen", [TIE_CLOUD] = "cloud_id", [TIE_HOST] = "host"};
	return names[tie];
}

int market_tie_worth(enum market_tie tie)
{
	return tie == TIE_SEN ? TIE_ENTITLEMENT : (int)tie;
}

enum err store_market_app(struct store_tx *tx, struct str app_key)
{
	enum err err = sql_run(tx, NULL, "DELETE FROM market_app WHERE app_key <> $1", V_STR(app_key));
	return err == OK ? sql_run(tx, NULL, "INSERT INTO market_app (app_key) VALUES ($1) ON CONFLICT DO NOTHING",
	                           V_STR(app_key))
	                 : err;
}

/* Cloud id and host are a site's, not an app's: they tie only a licence of the app that is served. */
#define TIE                                                                                                            \
	"CASE m.kind WHEN 'entitlement_number' THEN 1 WHEN 'entitlement_id' THEN 1 WHEN 'sen' THEN 2 "                     \
	"WHEN 'addon_license_id' THEN 2 WHEN 'cloud_id' THEN 3 ELSE 4 END"
#define TIES                                                                                                           \
	" FROM market_aliases m JOIN aliases a ON a.kind = m.kind AND a.value = m.value "                                  \
	"JOIN tenants t ON t.client_key = a.client_key JOIN market_licenses l ON l.row_key = m.row_key "
#define TIES_FIT                                                                                                       \
	" AND m.kind IN ('entitlement_number', 'entitlement_id', 'sen', 'addon_license_id', 'cloud_id', 'host') "          \
	"AND (m.kind NOT IN ('cloud_id', 'host') OR NOT EXISTS (SELECT 1 FROM market_app x WHERE x.app_key <> "            \
	"l.app_key)) "

/* Most licences of an import are nobody's yet: told without what sorting costs. */
static bool may_be_tied(struct store_tx *tx, struct str row_key, enum err *ret_err)
{
	__cleanup(rows_close) struct rows r =
	    sql_query(tx,
	              "SELECT 1 FROM market_aliases m JOIN aliases a ON a.kind = m.kind AND a.value = m.value "
	              "WHERE m.row_key = $1 LIMIT 1",
	              V_STR(row_key));
	const bool any = rows_next(&r);
	*ret_err = r.err;
	return any;
}

enum err store_market_tenant(struct store_tx *tx, struct str row_key, struct arena *a, struct market_match *ret)
{
	struct market_match match = {0};
	bool gone = false;
	enum err err = OK;
	if (!may_be_tied(tx, row_key, &err))
		return err == OK ? ERR_NOT_FOUND : err;
	__cleanup(rows_close) struct rows r =
	    sql_query(tx,
	              "SELECT a.client_key, " TIE " AS tie, t.status, m.row_key" TIES "WHERE m.row_key = $1" TIES_FIT
	              "ORDER BY tie, CASE t.status WHEN 'uninstalled' THEN 1 ELSE 0 END, a.last_seen DESC, "
	              "t.installed_at DESC, a.client_key LIMIT 50",
	              V_STR(row_key));
	while (rows_next(&r)) {
		const enum market_tie tie = (enum market_tie)row_int(&r, 1);
		const char *client_key = row_text(&r, 0, NULL), *status = row_text(&r, 2, NULL);
		if (r.err != OK || (match.client_key && market_tie_worth(tie) != market_tie_worth(match.tie)))
			break;
		const bool first = !match.client_key;
		if (first)
			match = (struct market_match){.row_key = row_text(&r, 3, a), .client_key = row_text(&r, 0, a), .tie = tie};
		if (first)
			gone = strcmp(status, "uninstalled") == 0;
		else if (!gone && strcmp(client_key, match.client_key) != 0 && strcmp(status, "uninstalled") != 0)
			match.contested = true;
	}
	if (r.err != OK)
		return r.err;
	if (!match.client_key)
		return ERR_NOT_FOUND;
	*ret = match;
	return OK;
}

enum { ROWS_OF_MAX = 200 };

enum err store_market_rows_of(struct store_tx *tx, struct str client_key, struct arena *a, struct market_match **ret,
                              size_t *ret_count)
{
	struct row_list keys = {.arena = a, .item_size = sizeof(const char *)};
	struct row_list list = {.arena = a, .item_size = sizeof(struct market_match)};
	__cleanup(rows_close) struct rows r =
	    sql_query(tx,
	              "SELECT DISTINCT m.row_key FROM aliases a JOIN market_aliases m ON m.kind = a.kind AND "
	              "m.value = a.value WHERE a.client_key = $1 AND a.kind IN ('entitlement_number', 'entitlement_id', "
	              "'sen', 'addon_license_id', 'cloud_id', 'host') ORDER BY m.row_key LIMIT $2",
	              V_STR(client_key), V_INT(ROWS_OF_MAX));
	while (rows_next(&r)) {
		const char **key = row_list_add(&keys, &r);
		if (key)
			*key = row_text(&r, 0, a);
	}
	for (size_t i = 0; r.err == OK && i < keys.count; i++) {
		struct market_match match;
		enum err err = store_market_tenant(tx, str_of(((const char **)(void *)keys.items)[i]), a, &match);
		if (err == ERR_NOT_FOUND || (err == OK && !str_eqz(client_key, match.client_key)))
			continue;
		if (err != OK)
			return err;
		struct market_match *m = row_list_add(&list, &r);
		if (m)
			*m = match;
	}
	if (r.err != OK)
		return r.err;
	*ret = (struct market_match *)(void *)list.items;
	*ret_count = list.count;
	return OK;
}

/* ledger.c - bulk reads of sales and evaluations. See ledger.h. */
#include "store/ledger.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "store/sales_row.h"

/* What accounting needs of a sale, in the order of sale_of_row(). */
#define LEDGER_COLUMNS                                                                                                 \
	"s.transaction_id, s.line_id, s.license_key, s.app_key, s.hosting, s.tier, s.old_tier, s.edition, s.sale_type, "   \
	"s.license_type, s.payment_status, s.billing_period, s.sale_date, s.maintenance_start, s.maintenance_end, "        \
	"s.price_cents, s.vendor_cents, s.currency, s.original_id, l.row_key"
/* The licence of a sale: by its row key, else by any id that is one licence's alone. */
#define SALES_WITH_LICENSE                                                                                             \
	" FROM market_sales s LEFT JOIN market_licenses l ON l.row_key = COALESCE("                                        \
	"(SELECT x.row_key FROM market_licenses x WHERE x.row_key = s.license_key), "                                      \
	"(SELECT MIN(m.row_key) FROM market_aliases m WHERE m.kind IN ('entitlement_number', 'sen', 'addon_license_id') "  \
	"AND m.value = s.license_key)) "
enum { MONTH_LEN = 7 };
#define NO_SANDBOX " COALESCE(l.sandbox, 0) = 0 "

enum err store_ledger_list(struct store_tx *tx, const char *from, const char *to, const struct ledger_place *after,
                           size_t max, struct arena *a, struct market_sale **ret, size_t *ret_count)
{
	struct row_list list = {.arena = a, .item_size = sizeof(struct market_sale)};
	__cleanup(rows_close) struct rows r =
	    sql_query(tx,
	              "SELECT " LEDGER_COLUMNS SALES_WITH_LICENSE "WHERE s.sale_date >= $1 AND s.sale_date <= $2 AND "
	              "(s.sale_date, s.transaction_id, s.line_id) > ($3, $4, $5) AND" NO_SANDBOX
	              "ORDER BY s.sale_date, s.transaction_id, s.line_id LIMIT $6",
	              V_Z(after->sale_date && strcmp(after->sale_date, from) > 0 ? after->sale_date : from), V_Z(to),
	              V_STR(str_of(after->sale_date)), V_STR(str_of(after->transaction_id)), V_STR(str_of(after->line_id)),
	              V_INT(max));
	while (rows_next(&r)) {
		struct market_sale *sale = row_list_add(&list, &r);
		if (!sale)
			break;
		*sale = sale_of_row(&r, a);
		const char *owner = row_text(&r, 19, a);
		if (owner)
			sale->license_key = owner;
	}
	if (r.err != OK)
		return r.err;
	*ret = (struct market_sale *)(void *)list.items;
	*ret_count = list.count;
	return OK;
}

enum err store_ledger_span(struct store_tx *tx, const char *latest, struct arena *a, const char **ret_first,
                           const char **ret_last)
{
	__cleanup(rows_close) struct rows r =
	    sql_query(tx,
	              "SELECT (SELECT MIN(sale_date) FROM market_sales), (SELECT MAX(sale_date) FROM market_sales "
	              "WHERE sale_date <= $1)",
	              V_Z(latest));
	if (rows_next(&r)) {
		*ret_first = row_text(&r, 0, a);
		*ret_last = row_text(&r, 1, a);
	}
	return r.err;
}

static int by_month(const void *x, const void *y)
{
	const struct ledger_sum *a = x, *b = y;
	int order = strcmp(a->month, b->month);
	order = order != 0 ? order : strcmp(a->currency, b->currency);
	return order != 0 ? order : strcmp(a->kind, b->kind);
}

/* The sum that a row belongs to: one of the last ones, since rows come by their day. */
static struct ledger_sum *sum_of(struct row_list *list, struct rows *r)
{
	const char *day = row_text(r, 0, NULL), *currency = row_text(r, 1, NULL), *kind = row_text(r, 2, NULL);
	struct ledger_sum *sums = (struct ledger_sum *)(void *)list->items;
	if (r->err != OK)
		return NULL;
	for (size_t i = list->count; i-- > 0 && strncmp(sums[i].month, day, MONTH_LEN) == 0;)
		if (strcmp(sums[i].currency, currency) == 0 && strcmp(sums[i].kind, kind) == 0)
			return &sums[i];
	struct ledger_sum *sum = row_list_add(list, r);
	if (!sum)
		return NULL;
	const struct str whole = str_of(day);
	sum->month = arena_strz(list->arena, (struct str){day, whole.len < MONTH_LEN ? whole.len : MONTH_LEN});
	sum->currency = row_text(r, 1, list->arena);
	sum->kind = row_text(r, 2, list->arena);
	if (!sum->month)
		r->err = ERR_NOMEM;
	return r->err == OK ? sum : NULL;
}

enum err store_ledger_sums(struct store_tx *tx, const char *from, const char *to, struct arena *a,
                           struct ledger_sum **ret, size_t *ret_count)
{
	struct row_list list = {.arena = a, .item_size = sizeof(struct ledger_sum)};
	__cleanup(rows_close) struct rows r = sql_query(
	    tx,
	    "SELECT s.sale_date, s.currency, CASE WHEN s.sale_type = 'refund' AND EXISTS (SELECT 1 FROM market_sales o "
	    "WHERE o.transaction_id = s.original_id AND o.sale_type <> 'refund' AND o.payment_status = 'uncollectible') "
	    "THEN 'uncollectible' WHEN s.sale_type = 'refund' AND s.license_key <> '' AND EXISTS (SELECT "
	    "1 FROM market_sales u WHERE u.license_key IN (SELECT s.license_key UNION SELECT l.row_key UNION SELECT "
	    "m.value FROM market_aliases m WHERE m.row_key = l.row_key AND m.kind IN ('entitlement_number', 'sen', "
	    "'addon_license_id')) AND u.sale_date = s.sale_date AND u.sale_type = 'upgrade') THEN 'repricing' WHEN "
	    "s.sale_type = 'refund' THEN 'refund' WHEN s.payment_status = "
	    "'uncollectible' THEN 'uncollectible' ELSE 'sale' END, s.price_cents, s.vendor_cents" SALES_WITH_LICENSE
	    "WHERE s.sale_date >= $1 AND s.sale_date <= $2 AND" NO_SANDBOX "ORDER BY s.sale_date",
	    V_Z(from), V_Z(to));
	while (rows_next(&r)) {
		struct ledger_sum *sum = sum_of(&list, &r);
		if (!sum)
			break;
		sum->count++;
		sum->price_cents += row_int(&r, 3);
		sum->vendor_cents += row_int(&r, 4);
	}
	if (r.err != OK)
		return r.err;
	*ret = (struct ledger_sum *)(void *)list.items;
	*ret_count = list.count;
	if (list.count > 0)
		qsort(*ret, list.count, sizeof **ret, by_month);
	return OK;
}

/* ---- all of them, licence by licence ----
 *
 * Walked along the index, because sorting by the licence would cost more than all the rest. Only licences that were
 * sold to under several ids are put together one by one, behind the others. */

enum { SALES_OF_ONE_MAX = 4000, MIXED_ARENA_MAX = 64 * 1024 * 1024, ONE_ARENA_MAX = 16 * 1024 * 1024 };

struct mixed {
	const char **keys; /* what the walk leaves out: ids sold under, and the row keys that they stand for; in order */
	size_t key_count;
	const char **owners; /* in order */
	size_t owner_count;
};

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static size_t sort_once(const char **keys, size_t count)
{
	size_t kept = 0;
	if (count > 0)
		qsort(keys, count, sizeof *keys, by_text);
	for (size_t i = 0; i < count; i++)
		if (kept == 0 || strcmp(keys[kept - 1], keys[i]) != 0)
			keys[kept++] = keys[i];
	return kept;
}

static enum err read_mixed(struct store_tx *tx, struct arena *a, struct mixed *ret)
{
	struct row_list keys = {.arena = a, .item_size = sizeof(const char *)}, owners = keys;
	__cleanup(rows_close) struct rows r = sql_query_values(
	    tx,
	    "SELECT k.license_key, MIN(m.row_key) FROM (SELECT DISTINCT license_key FROM market_sales) AS k "
	    "JOIN market_aliases m ON m.kind IN ('entitlement_number', 'sen', 'addon_license_id') AND "
	    "m.value = k.license_key WHERE NOT EXISTS (SELECT 1 FROM market_licenses x WHERE x.row_key = k.license_key) "
	    "GROUP BY k.license_key",
	    NULL, 0);
	while (rows_next(&r)) {
		const char **key = row_list_add(&keys, &r), **owner = row_list_add(&keys, &r),
		           **once = row_list_add(&owners, &r);
		if (!key || !owner || !once)
			break;
		*key = row_text(&r, 0, a);
		*owner = *once = row_text(&r, 1, a);
	}
	if (r.err != OK)
		return r.err;
	*ret = (struct mixed){.keys = (const char **)(void *)keys.items, .owners = (const char **)(void *)owners.items};
	ret->key_count = sort_once(ret->keys, keys.count);
	ret->owner_count = sort_once(ret->owners, owners.count);
	return OK;
}

static enum err each_of(struct store_tx *tx, const char *owner,
                        enum err (*fn)(void *arg, const char *owner, const struct market_sale *), void *arg)
{
	__cleanup(arena_release) struct arena a;
	struct market_license l;
	struct market_sale *sales = NULL;
	size_t count = 0;
	arena_init(&a, ONE_ARENA_MAX);
	enum err err = store_market_license(tx, str_of(owner), &a, &l);
	if (err != OK || l.sandbox)
		return err;
	err = store_market_sales(tx, str_of(owner), SALES_OF_ONE_MAX, &a, &sales, &count);
	for (size_t i = 0; err == OK && i < count; i++)
		err = fn(arg, owner, &sales[i]);
	return err;
}

enum err store_ledger_each(struct store_tx *tx,
                           enum err (*fn)(void *arg, const char *owner, const struct market_sale *), void *arg)
{
	__cleanup(arena_release) struct arena a;
	struct mixed mixed = {.key_count = 0};
	arena_init(&a, MIXED_ARENA_MAX);
	enum err err = read_mixed(tx, &a, &mixed);
	if (err != OK)
		return err;
	__cleanup(rows_close) struct rows r = sql_query_values(
	    tx,
	    "SELECT " LEDGER_COLUMNS
	    " FROM market_sales s LEFT JOIN market_licenses l ON l.row_key = s.license_key WHERE" NO_SANDBOX
	    "ORDER BY s.license_key, s.sale_date",
	    NULL, 0);
	while (rows_next(&r)) {
		const struct market_sale sale = sale_of_row(&r, NULL);
		if (r.err != OK)
			return r.err;
		if (mixed.key_count > 0 && bsearch(&sale.license_key, mixed.keys, mixed.key_count, sizeof *mixed.keys, by_text))
			continue;
		if ((err = fn(arg, sale.license_key, &sale)) != OK)
			return err;
	}
	err = r.err;
	for (size_t i = 0; err == OK && i < mixed.owner_count; i++)
		err = each_of(tx, mixed.owners[i], fn, arg);
	return err;
}

enum err store_trials_each(struct store_tx *tx,
                           enum err (*fn)(void *arg, const struct market_license *, const char *first_sale), void *arg)
{
	__cleanup(rows_close) struct rows r = sql_query_values(
	    tx,
	    "SELECT l.row_key, l.status, l.license_type, l.maintenance_start, COALESCE(l.evaluation_start, "
	    "l.maintenance_start), (SELECT MIN(s.sale_date) FROM market_sales s WHERE s.license_key IN (SELECT l.row_key "
	    "UNION SELECT m.value FROM market_aliases m WHERE m.row_key = l.row_key AND m.kind IN ('entitlement_number', "
	    "'sen', 'addon_license_id')) AND s.sale_type = 'new' AND COALESCE(s.license_type, '') <> 'EVALUATION' AND "
	    "s.sale_date >= COALESCE(l.evaluation_start, "
	    "l.maintenance_start)) FROM market_licenses l WHERE l.sandbox = 0 AND (l.evaluation_start IS NOT NULL OR "
	    "l.license_type = 'EVALUATION')",
	    NULL, 0);
	while (rows_next(&r)) {
		const struct market_license l = {
		    .row_key = row_text(&r, 0, NULL),
		    .status = row_text(&r, 1, NULL),
		    .license_type = row_text(&r, 2, NULL),
		    .maintenance_start = row_text(&r, 3, NULL),
		    .evaluation_start = row_text(&r, 4, NULL),
		};
		const char *first_sale = row_text(&r, 5, NULL);
		enum err err = r.err == OK ? fn(arg, &l, first_sale) : r.err;
		if (err != OK)
			return err;
	}
	return r.err;
}

/* daily.c - verbs of counts by day: kept ones (tenants by state) and those the journal gives. Days are UTC. */
#include "base/cleanup.h"
#include "store/sql.h"

static const int64_t DAY_MS = 86400000;

enum err store_daily_put(struct store_tx *tx, int64_t at, const char *name, int64_t count)
{
	return sql_run(tx, NULL,
	               "INSERT INTO daily_tenants (day, name, count) VALUES ($1, $2, $3) "
	               "ON CONFLICT (day, name) DO UPDATE SET count = excluded.count",
	               V_INT(at / DAY_MS), V_Z(name), V_INT(count));
}

static enum err read_days(struct rows *r, struct arena *a, struct day_count **ret, size_t *ret_count)
{
	struct row_list list = {.arena = a, .item_size = sizeof(struct day_count)};
	while (rows_next(r)) {
		struct day_count *d = row_list_add(&list, r);
		if (d)
			*d = (struct day_count){.day = row_int(r, 0) * DAY_MS, .name = row_text(r, 1, a), .count = row_int(r, 2)};
	}
	if (r->err != OK)
		return r->err;
	*ret = (struct day_count *)(void *)list.items;
	*ret_count = list.count;
	return OK;
}

enum err store_daily_list(struct store_tx *tx, int64_t from, struct arena *a, struct day_count **ret, size_t *ret_count)
{
	__cleanup(rows_close) struct rows r = sql_query(
	    tx, "SELECT day, name, count FROM daily_tenants WHERE day >= $1 ORDER BY day, name", V_INT(from / DAY_MS));
	return read_days(&r, a, ret, ret_count);
}

enum err store_event_days(struct store_tx *tx, struct str type, int64_t from, struct arena *a, struct day_count **ret,
                          size_t *ret_count)
{
	__cleanup(rows_close) struct rows r =
	    sql_query(tx,
	              "SELECT at / 86400000 AS day, type, count(*) FROM events INDEXED BY events_type_at "
	              "WHERE type = $1 AND at >= $2 GROUP BY day ORDER BY day",
	              V_STR(type), V_INT(from));
	return read_days(&r, a, ret, ret_count);
}

enum err store_event_last(struct store_tx *tx, int64_t *ret_seq)
{
	__cleanup(rows_close) struct rows r = sql_query_values(tx, "SELECT coalesce(max(seq), 0) FROM events", NULL, 0);
	int64_t seq = rows_next(&r) ? row_int(&r, 0) : 0;
	if (r.err != OK)
		return r.err;
	*ret_seq = seq;
	return OK;
}

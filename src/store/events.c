/* events.c - verbs of the journal: append once, read in order.
 *
 * The event's id says what makes it one event; an id that is there already is an answer (ERR_CONFLICT), not a failure.
 */
#include "base/cleanup.h"
#include "store/sql.h"

enum err store_event_add(struct store_tx *tx, const struct event_row *e)
{
	return sql_run_one(tx, ERR_CONFLICT,
	                   "INSERT INTO events (id, type, tenant, at, json) VALUES ($1, $2, $3, $4, $5) "
	                   "ON CONFLICT (id) DO NOTHING",
	                   V_Z(e->id), V_Z(e->type), V_Z(e->tenant), V_INT(e->at), V_Z(e->json));
}

enum err store_event_exists(struct store_tx *tx, const char *id, bool *ret)
{
	__cleanup(rows_close) struct rows r = sql_query(tx, "SELECT 1 FROM events WHERE id = $1", V_Z(id));
	const bool there = rows_next(&r);
	if (r.err == OK)
		*ret = there;
	return r.err;
}

/* Users' events alone: nothing else in the journal names an account. */
enum err store_events_cut(struct store_tx *tx, struct str tenant, struct str text)
{
	return sql_run(tx, NULL,
	               "UPDATE events SET json = replace(json, $1, '') WHERE tenant = $2 "
	               "AND type IN ('user.added', 'user.removed') AND replace(json, $1, '') <> json",
	               V_STR(text), V_STR(tenant));
}

#define EVENTS "SELECT seq, id, type, tenant, at, json FROM events WHERE "
#define EVENTS_AFTER EVENTS "seq > $1 "
#define IN_ORDER " ORDER BY seq LIMIT "

/* A statement for each filter, so that each walks its own index. */
static struct rows events_after(struct store_tx *tx, int64_t after, struct str type, struct str tenant, size_t limit)
{
	if (type.len && tenant.len)
		return sql_query(tx, EVENTS_AFTER "AND tenant = $2 AND type = $3" IN_ORDER "$4", V_INT(after), V_STR(tenant),
		                 V_STR(type), V_INT(limit));
	if (tenant.len)
		return sql_query(tx, EVENTS_AFTER "AND tenant = $2" IN_ORDER "$3", V_INT(after), V_STR(tenant), V_INT(limit));
	if (type.len)
		return sql_query(tx, EVENTS_AFTER "AND type = $2" IN_ORDER "$3", V_INT(after), V_STR(type), V_INT(limit));
	return sql_query(tx, EVENTS_AFTER IN_ORDER "$2", V_INT(after), V_INT(limit));
}

static enum err events_take(struct rows *r, struct arena *a, struct event_row **ret, size_t *ret_count)
{
	struct row_list list = {.arena = a, .item_size = sizeof(struct event_row)};
	while (rows_next(r)) {
		struct event_row *event = row_list_add(&list, r);
		if (event)
			*event = (struct event_row){
			    .seq = row_int(r, 0),
			    .id = row_text(r, 1, a),
			    .type = row_text(r, 2, a),
			    .tenant = row_text(r, 3, a),
			    .at = row_int(r, 4),
			    .json = row_text(r, 5, a),
			};
	}
	if (r->err != OK)
		return r->err;
	*ret = (struct event_row *)(void *)list.items;
	*ret_count = list.count;
	return OK;
}

enum err store_event_list(struct store_tx *tx, int64_t after, struct str type, struct str tenant, size_t limit,
                          struct arena *a, struct event_row **ret, size_t *ret_count)
{
	__cleanup(rows_close) struct rows r = events_after(tx, after, type, tenant, limit);
	return events_take(&r, a, ret, ret_count);
}

enum err store_event_latest(struct store_tx *tx, struct str tenant, size_t limit, struct arena *a,
                            struct event_row **ret, size_t *ret_count)
{
	__cleanup(rows_close) struct rows r =
	    sql_query(tx, EVENTS "tenant = $1 ORDER BY seq DESC LIMIT $2", V_STR(tenant), V_INT(limit));
	return events_take(&r, a, ret, ret_count);
}

/* deliveries.c - verbs of the outbox. See deliveries.h.
 *
 * A lane's rows that were not tried yet (next_attempt_at 0) stand in a queue of which only the first is ready: when it
 * is over, well or badly, the next one is made ready in the same transaction. So a claim reads an index of rows that
 * may really go, however long one tenant's queue is. Rows that failed are ready by themselves when their time comes. */
#include "store/deliveries.h"

#include <string.h>

#include "base/cleanup.h"
#include "store/sql.h"

/* ---- queue ---- */

enum err store_deliveries_queue(struct store_tx *tx, const char *event_id, const char *type, const char *lane,
                                int64_t at)
{
	int64_t queued = 0;
	/* Endpoints first: where there are none, nothing else is looked at. */
	enum err err =
	    sql_run(tx, &queued,
	            "INSERT INTO deliveries (endpoint, event_seq, event_id, lane, status, ready, attempts, created_at, "
	            "next_attempt_at, lease_until, last_attempt_at, last_status, duration_ms, finished_at) "
	            "SELECT p.id, v.seq, v.id, $1, 'pending', CASE WHEN EXISTS (SELECT 1 FROM deliveries o "
	            "WHERE o.endpoint = p.id AND o.lane = $1 AND o.status = 'pending' AND o.next_attempt_at = 0) "
	            "THEN 0 ELSE 1 END, 0, $2, 0, 0, 0, 0, 0, 0 FROM endpoints p CROSS JOIN events v "
	            "WHERE p.disabled_at = 0 AND v.id = $3 AND (p.all_types = 1 OR EXISTS "
	            "(SELECT 1 FROM endpoint_types t WHERE t.endpoint = p.id AND t.type = $4))",
	            V_Z(lane), V_INT(at), V_Z(event_id), V_Z(type));
	tx->deliveries_queued = tx->deliveries_queued || queued > 0;
	return err;
}

/* Ready from the start: what is asked for by hand does not wait for its lane's queue, only for what is under way. */
enum err store_delivery_queue_one(struct store_tx *tx, const char *endpoint, const char *event_id, const char *lane,
                                  int64_t at)
{
	tx->deliveries_queued = true;
	return sql_run_one(tx, ERR_NOT_FOUND,
	                   "INSERT INTO deliveries (endpoint, event_seq, event_id, lane, status, ready, attempts, "
	                   "created_at, next_attempt_at, lease_until, last_attempt_at, last_status, duration_ms, "
	                   "finished_at) SELECT $1, v.seq, v.id, $2, 'pending', 1, 0, $3, 0, 0, 0, 0, 0, 0 FROM events v "
	                   "WHERE v.id = $4",
	                   V_Z(endpoint), V_Z(lane), V_INT(at), V_Z(event_id));
}

/* The first of the lane's queue may go. */
static enum err promote(struct store_tx *tx, const char *endpoint, const char *lane)
{
	return sql_run(tx, NULL,
	               "UPDATE deliveries SET ready = 1 WHERE ready = 0 AND id = (SELECT id FROM deliveries "
	               "WHERE endpoint = $1 AND lane = $2 AND status = 'pending' AND next_attempt_at = 0 "
	               "ORDER BY event_seq LIMIT 1)",
	               V_Z(endpoint), V_Z(lane));
}

/* ---- claim ---- */

/* Nobody delivers a row of its lane now. */
#define LANE_FREE                                                                                                      \
	"AND NOT EXISTS (SELECT 1 FROM deliveries o WHERE o.endpoint = d.endpoint AND o.lane = d.lane "                    \
	"AND o.lease_until > 0 AND o.lease_until > $2) "
#define DUE                                                                                                            \
	"SELECT d.id, d.lane, d.attempts, d.event_id, v.json FROM deliveries d JOIN events v ON v.seq = d.event_seq "      \
	"WHERE d.endpoint = $1 AND d.status = 'pending' AND d.ready = 1 "

static bool lane_taken(const struct row_list *taken, const char *lane)
{
	const struct delivery_claim *at = (const struct delivery_claim *)(const void *)taken->items;
	for (size_t i = 0; i < taken->count; i++)
		if (strcmp(at[i].lane, lane) == 0)
			return true;
	return false;
}

static enum err pick(struct rows *r, const struct claiming *c, struct row_list *list)
{
	while (list->count < c->max && rows_next(r)) {
		const char *lane = row_text(r, 1, NULL);
		if (r->err != OK || lane_taken(list, lane) || (c->busy && c->busy(c->arg, lane)))
			continue;
		struct delivery_claim *claim = row_list_add(list, r);
		if (claim)
			*claim = (struct delivery_claim){
			    .id = row_int(r, 0),
			    .lane = row_text(r, 1, list->arena),
			    .attempts = (int)row_int(r, 2),
			    .event_id = row_text(r, 3, list->arena),
			    .lease_until = c->lease_until,
			    .json = row_text(r, 4, list->arena),
			};
	}
	return r->err;
}

static enum err pick_tried(struct store_tx *tx, const struct claiming *c, struct row_list *list)
{
	__cleanup(rows_close) struct rows r =
	    sql_query(tx,
	              DUE "AND d.next_attempt_at > 0 AND d.next_attempt_at <= $2 " LANE_FREE
	                  "ORDER BY d.next_attempt_at, d.event_seq",
	              V_Z(c->endpoint), V_INT(c->now));
	return pick(&r, c, list);
}

static enum err pick_fresh(struct store_tx *tx, const struct claiming *c, struct row_list *list)
{
	__cleanup(rows_close) struct rows r = sql_query(
	    tx, DUE "AND d.next_attempt_at = 0 " LANE_FREE "ORDER BY d.event_seq", V_Z(c->endpoint), V_INT(c->now));
	return pick(&r, c, list);
}

enum err store_deliveries_claim(struct store_tx *tx, const struct claiming *c, struct arena *a,
                                struct delivery_claim **ret, size_t *ret_count)
{
	struct row_list list = {.arena = a, .item_size = sizeof(struct delivery_claim)};
	enum err err = pick_tried(tx, c, &list);
	if (err == OK)
		err = pick_fresh(tx, c, &list);
	struct delivery_claim *at = (struct delivery_claim *)(void *)list.items;
	for (size_t i = 0; err == OK && i < list.count; i++)
		err = sql_run(tx, NULL, "UPDATE deliveries SET lease_until = $1, lease_owner = $2 WHERE id = $3",
		              V_INT(c->lease_until), V_Z(c->owner), V_INT(at[i].id));
	if (err != OK)
		return err;
	*ret = at;
	*ret_count = list.count;
	return OK;
}

/* ---- outcome ---- */

static enum err give_back(struct store_tx *tx, const struct delivery_outcome *o)
{
	return sql_run(tx, NULL,
	               "UPDATE deliveries SET lease_until = 0, lease_owner = NULL WHERE id = $1 AND status = 'pending' "
	               "AND lease_until = $2 AND lease_owner = $3",
	               V_INT(o->id), V_INT(o->lease_until), V_Z(o->owner));
}

/* Whoever holds it now: it has arrived. */
static enum err note_delivered(struct store_tx *tx, const struct delivery_outcome *o, int64_t *ret_changed)
{
	return sql_run(tx, ret_changed,
	               "UPDATE deliveries SET status = 'delivered', ready = 0, lease_until = 0, lease_owner = NULL, "
	               "attempts = attempts + 1, next_attempt_at = 0, last_attempt_at = $1, last_status = $2, "
	               "last_error = NULL, duration_ms = $3, finished_at = $1 WHERE id = $4 AND status = 'pending'",
	               V_INT(o->at), V_INT(o->status), V_INT(o->duration_ms), V_INT(o->id));
}

static enum err note_failed(struct store_tx *tx, const struct delivery_outcome *o)
{
	bool dead = o->result == DELIVERY_DEAD;
	return sql_run(tx, NULL,
	               "UPDATE deliveries SET status = $1, ready = $2, lease_until = 0, lease_owner = NULL, "
	               "attempts = attempts + 1, next_attempt_at = $3, last_attempt_at = $4, last_status = $5, "
	               "last_error = $6, duration_ms = $7, finished_at = $8 WHERE id = $9 AND status = 'pending' "
	               "AND lease_until = $10 AND lease_owner = $11",
	               V_Z(dead ? "dead" : "pending"), V_INT(!dead), V_INT(dead ? 0 : o->next_attempt_at), V_INT(o->at),
	               V_INT(o->status), V_Z(o->error), V_INT(o->duration_ms), V_INT(dead ? o->at : 0), V_INT(o->id),
	               V_INT(o->lease_until), V_Z(o->owner));
}

/* An attempt that the delivery's own row does not tell: it failed, or another server was first. Not where the delivery
 * has gone meanwhile. */
static enum err note_attempt(struct store_tx *tx, const struct delivery_outcome *o)
{
	return sql_run(tx, NULL,
	               "INSERT INTO delivery_attempts (delivery, number, at, status, error, duration_ms) "
	               "SELECT d.id, (SELECT coalesce(max(a.number), 0) + 1 FROM delivery_attempts a "
	               "WHERE a.delivery = d.id), $1, $2, $3, $4 FROM deliveries d WHERE d.id = $5",
	               V_INT(o->at), V_INT(o->status), V_Z(o->error), V_INT(o->duration_ms), V_INT(o->id));
}

enum err store_delivery_finish(struct store_tx *tx, const struct delivery_outcome *o)
{
	if (o->result == DELIVERY_GIVEN_BACK)
		return give_back(tx, o);
	int64_t delivered = 0;
	enum err err = o->result == DELIVERY_DELIVERED ? note_delivered(tx, o, &delivered) : note_failed(tx, o);
	if (err == OK && delivered == 0)
		err = note_attempt(tx, o);
	return err == OK ? promote(tx, o->endpoint, o->lane) : err;
}

enum err store_deliveries_next(struct store_tx *tx, const char *endpoint, int64_t *ret)
{
	__cleanup(rows_close) struct rows r =
	    sql_query(tx,
	              "SELECT coalesce(min(next_attempt_at), 0) FROM deliveries WHERE endpoint = $1 "
	              "AND status = 'pending' AND ready = 1 AND next_attempt_at > 0",
	              V_Z(endpoint));
	int64_t at = rows_next(&r) ? row_int(&r, 0) : 0;
	if (r.err == OK)
		*ret = at;
	return r.err;
}

/* ---- replay ---- */

#define AS_NEW                                                                                                         \
	"status = 'pending', attempts = 0, next_attempt_at = 0, lease_until = 0, lease_owner = NULL, finished_at = 0"

/* The attempt that delivered stands in the delivery's row, which begins anew now. */
#define KEEP_LAST_ATTEMPT                                                                                              \
	"INSERT INTO delivery_attempts (delivery, number, at, status, error, duration_ms) SELECT d.id, "                   \
	"(SELECT coalesce(max(a.number), 0) + 1 FROM delivery_attempts a WHERE a.delivery = d.id), d.last_attempt_at, "    \
	"d.last_status, d.last_error, d.duration_ms FROM deliveries d WHERE d.status = 'delivered' AND "

enum err store_delivery_replay(struct store_tx *tx, int64_t id, int64_t now)
{
	tx->deliveries_queued = true;
	enum err err = sql_run(tx, NULL, KEEP_LAST_ATTEMPT "d.id = $1", V_INT(id));
	if (err != OK)
		return err;
	err =
	    sql_run_one(tx, ERR_CONFLICT, "UPDATE deliveries SET ready = 1, " AS_NEW " WHERE id = $1 AND lease_until <= $2",
	                V_INT(id), V_INT(now));
	if (err != ERR_CONFLICT)
		return err;
	__cleanup(rows_close) struct rows r = sql_query(tx, "SELECT 1 FROM deliveries WHERE id = $1", V_INT(id));
	bool there = rows_next(&r);
	return r.err != OK ? r.err : there ? ERR_CONFLICT : ERR_NOT_FOUND;
}

static enum err replay_known(struct store_tx *tx, const struct replaying *r, int64_t *ret_count)
{
	enum err err = sql_run(tx, NULL, KEEP_LAST_ATTEMPT "d.endpoint = $1 AND d.event_seq > $2 AND d.event_seq <= $3",
	                       V_Z(r->endpoint), V_INT(r->after), V_INT(r->until));
	if (err != OK)
		return err;
	return sql_run(tx, ret_count,
	               "UPDATE deliveries SET ready = 0, " AS_NEW " WHERE endpoint = $1 AND event_seq > $2 "
	               "AND event_seq <= $3 AND lease_until <= $4",
	               V_Z(r->endpoint), V_INT(r->after), V_INT(r->until), V_INT(r->now));
}

/* Events that the endpoint never got. Their lane is their tenant's: what else made it is not known any more. */
static enum err replay_unknown(struct store_tx *tx, const struct replaying *r, int64_t *ret_count)
{
	return sql_run(tx, ret_count,
	               "INSERT INTO deliveries (endpoint, event_seq, event_id, lane, status, ready, attempts, created_at, "
	               "next_attempt_at, lease_until, last_attempt_at, last_status, duration_ms, finished_at) "
	               "SELECT p.id, v.seq, v.id, coalesce(v.tenant, v.id), 'pending', 0, 0, $1, 0, 0, 0, 0, 0, 0 "
	               "FROM endpoints p CROSS JOIN events v WHERE p.id = $2 AND v.seq > $3 AND v.seq <= $4 "
	               "AND v.type <> 'webhook.test' AND (p.all_types = 1 OR EXISTS (SELECT 1 FROM endpoint_types t "
	               "WHERE t.endpoint = p.id AND t.type = v.type)) "
	               "ORDER BY v.seq ON CONFLICT (endpoint, event_seq) DO NOTHING",
	               V_INT(r->now), V_Z(r->endpoint), V_INT(r->after), V_INT(r->until));
}

static enum err promote_range(struct store_tx *tx, const struct replaying *r)
{
	return sql_run(tx, NULL,
	               "UPDATE deliveries SET ready = 1 WHERE endpoint = $1 AND event_seq > $2 AND event_seq <= $3 "
	               "AND status = 'pending' AND next_attempt_at = 0 AND ready = 0 AND NOT EXISTS (SELECT 1 "
	               "FROM deliveries o WHERE o.endpoint = deliveries.endpoint AND o.lane = deliveries.lane "
	               "AND o.status = 'pending' AND o.next_attempt_at = 0 AND o.event_seq < deliveries.event_seq)",
	               V_Z(r->endpoint), V_INT(r->after), V_INT(r->until));
}

enum err store_deliveries_replay(struct store_tx *tx, const struct replaying *r, int64_t *ret_count)
{
	int64_t known = 0, unknown = 0;
	enum err err = replay_known(tx, r, &known);
	if (err == OK)
		err = replay_unknown(tx, r, &unknown);
	if (err == OK)
		err = promote_range(tx, r);
	if (err != OK)
		return err;
	tx->deliveries_queued = true;
	*ret_count = known + unknown;
	return OK;
}

enum err store_events_range_end(struct store_tx *tx, int64_t after, size_t max, int64_t *ret)
{
	__cleanup(rows_close) struct rows r = sql_query(
	    tx, "SELECT coalesce(max(seq), $1) FROM (SELECT seq FROM events WHERE seq > $1 ORDER BY seq LIMIT $2) AS page",
	    V_INT(after), V_INT(max));
	int64_t end = rows_next(&r) ? row_int(&r, 0) : after;
	if (r.err == OK)
		*ret = end;
	return r.err;
}

/* ---- read ---- */

#define ROWS                                                                                                           \
	"SELECT d.id, d.event_seq, d.event_id, v.type, v.tenant, d.endpoint, d.status, d.attempts, d.created_at, "         \
	"d.next_attempt_at, d.last_attempt_at, d.last_status, d.last_error, d.duration_ms, d.finished_at "                 \
	"FROM deliveries d LEFT JOIN events v ON v.seq = d.event_seq WHERE "

static struct delivery_row read_delivery(struct rows *r, struct arena *a)
{
	struct delivery_row row = {
	    .id = row_int(r, 0),
	    .event_seq = row_int(r, 1),
	    .event = row_text(r, 2, a),
	    .type = row_text(r, 3, a),
	    .tenant = row_text(r, 4, a),
	    .endpoint = row_text(r, 5, a),
	    .status = row_text(r, 6, a),
	    .attempts = row_int(r, 7),
	    .created_at = row_int(r, 8),
	    .next_attempt_at = row_int(r, 9),
	    .last_attempt_at = row_int(r, 10),
	    .last_status = row_int(r, 11),
	    .last_error = row_text(r, 12, a),
	    .duration_ms = row_int(r, 13),
	    .finished_at = row_int(r, 14),
	};
	/* One that was not tried yet may go at once. */
	if (row.status && strcmp(row.status, "pending") == 0 && row.next_attempt_at == 0)
		row.next_attempt_at = row.created_at;
	return row;
}

#define BEFORE ROWS "d.id < $1 AND ($2 = '' OR v.type = $2)"
#define NEWEST " ORDER BY d.id DESC LIMIT "

/* A statement for each filter, so that each walks its own index; a tenant's are few. */
static struct rows deliveries_before(struct store_tx *tx, const struct delivery_filter *f)
{
	const struct sql_value before = V_INT(f->before ? f->before : INT64_MAX);
	if (f->tenant.len)
		return sql_query(tx,
		                 BEFORE " AND d.event_seq IN (SELECT seq FROM events WHERE tenant = $3) "
		                        "AND ($4 = '' OR d.status = $4) AND ($5 = '' OR d.endpoint = $5)" NEWEST "$6",
		                 before, V_STR(f->type), V_STR(f->tenant), V_STR(f->status), V_STR(f->endpoint),
		                 V_INT(f->limit));
	if (f->status.len && f->endpoint.len)
		return sql_query(tx, BEFORE " AND d.status = $3 AND d.endpoint = $4" NEWEST "$5", before, V_STR(f->type),
		                 V_STR(f->status), V_STR(f->endpoint), V_INT(f->limit));
	if (f->status.len)
		return sql_query(tx, BEFORE " AND d.status = $3" NEWEST "$4", before, V_STR(f->type), V_STR(f->status),
		                 V_INT(f->limit));
	if (f->endpoint.len)
		return sql_query(tx, BEFORE " AND d.endpoint = $3" NEWEST "$4", before, V_STR(f->type), V_STR(f->endpoint),
		                 V_INT(f->limit));
	return sql_query(tx, BEFORE NEWEST "$3", before, V_STR(f->type), V_INT(f->limit));
}

enum err store_delivery_list(struct store_tx *tx, const struct delivery_filter *f, struct arena *a,
                             struct delivery_row **ret, size_t *ret_count)
{
	__cleanup(rows_close) struct rows r = deliveries_before(tx, f);
	struct row_list list = {.arena = a, .item_size = sizeof(struct delivery_row)};
	while (rows_next(&r)) {
		struct delivery_row *row = row_list_add(&list, &r);
		if (row)
			*row = read_delivery(&r, a);
	}
	if (r.err != OK)
		return r.err;
	*ret = (struct delivery_row *)(void *)list.items;
	*ret_count = list.count;
	return OK;
}

enum err store_delivery_get(struct store_tx *tx, int64_t id, struct arena *a, struct delivery_row *ret)
{
	__cleanup(rows_close) struct rows r = sql_query(tx, ROWS "d.id = $1", V_INT(id));
	bool found = rows_next(&r);
	struct delivery_row row = {0};
	if (found)
		row = read_delivery(&r, a);
	if (r.err == OK && !found)
		return ERR_NOT_FOUND;
	if (r.err == OK)
		*ret = row;
	return r.err;
}

enum err store_delivery_attempts(struct store_tx *tx, int64_t id, size_t max, struct arena *a,
                                 struct delivery_attempt **ret, size_t *ret_count)
{
	__cleanup(rows_close) struct rows r =
	    sql_query(tx,
	              "SELECT number, at, status, error, duration_ms FROM delivery_attempts WHERE delivery = $1 UNION ALL "
	              "SELECT (SELECT coalesce(max(number), 0) + 1 FROM delivery_attempts WHERE delivery = $1), "
	              "last_attempt_at, last_status, last_error, duration_ms FROM deliveries WHERE id = $1 "
	              "AND status = 'delivered' ORDER BY 1 DESC LIMIT $2",
	              V_INT(id), V_INT(max));
	struct row_list list = {.arena = a, .item_size = sizeof(struct delivery_attempt)};
	while (rows_next(&r)) {
		struct delivery_attempt *attempt = row_list_add(&list, &r);
		if (attempt)
			*attempt = (struct delivery_attempt){
			    .number = row_int(&r, 0),
			    .at = row_int(&r, 1),
			    .status = row_int(&r, 2),
			    .error = row_text(&r, 3, a),
			    .duration_ms = row_int(&r, 4),
			};
	}
	if (r.err != OK)
		return r.err;
	*ret = (struct delivery_attempt *)(void *)list.items;
	*ret_count = list.count;
	return OK;
}

enum err store_delivery_count(struct store_tx *tx, struct str endpoint, const char *status, int64_t *ret)
{
	__cleanup(rows_close) struct rows r =
	    endpoint.len ? sql_query(tx, "SELECT count(*) FROM deliveries WHERE endpoint = $1 AND status = $2",
	                             V_STR(endpoint), V_Z(status))
	                 : sql_query(tx, "SELECT count(*) FROM deliveries WHERE status = $1", V_Z(status));
	int64_t count = rows_next(&r) ? row_int(&r, 0) : 0;
	if (r.err == OK)
		*ret = count;
	return r.err;
}

/* Looks at the oldest alone: ids grow with time. */
static enum err purge(struct store_tx *tx, const char *status, int64_t before, size_t max, int64_t *ret_count)
{
	return sql_run(tx, ret_count,
	               "DELETE FROM deliveries WHERE finished_at < $1 AND id IN (SELECT id FROM deliveries "
	               "WHERE status = $2 ORDER BY id LIMIT $3)",
	               V_INT(before), V_Z(status), V_INT(max));
}

enum err store_deliveries_purge(struct store_tx *tx, int64_t delivered_before, int64_t dead_before, size_t max,
                                int64_t *ret_count)
{
	int64_t delivered = 0, dead = 0;
	enum err err = purge(tx, "delivered", delivered_before, max, &delivered);
	if (err == OK)
		err = purge(tx, "dead", dead_before, max, &dead);
	if (err == OK && ret_count)
		*ret_count = delivered + dead;
	return err;
}

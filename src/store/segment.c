/* segment.c - see segment.h. A batch is thousands of rows in one job: few statements a row, each on a primary key. */
#include "store/segment.h"

#include "base/cleanup.h"
#include "store/sql.h"

static const int64_t DAY_MS = 86400000;

/* ---- adding ---- */

/* Numbers for at most that many new ids. One row that every writer updates: two never get the same. */
static enum err take_numbers(struct store_tx *tx, size_t count, int64_t *ret_first)
{
	enum err err =
	    sql_run(tx, NULL, "UPDATE segment_numbers SET value = value + $1 WHERE name = 'visitor'", V_INT(count));
	if (err != OK)
		return err;
	__cleanup(rows_close) struct rows r =
	    sql_query_values(tx, "SELECT value FROM segment_numbers WHERE name = 'visitor'", NULL, 0);
	const int64_t last = rows_next(&r) ? row_int(&r, 0) : 0;
	if (r.err == OK)
		*ret_first = last - (int64_t)count + 1;
	return r.err;
}

/* The number of an id; *next where it is new. */
static enum err number_of(struct store_tx *tx, int64_t id, int64_t day, int64_t *next, int64_t *ret)
{
	int64_t changed = 0;
	enum err err = sql_run(
	    tx, &changed, "INSERT INTO segment_visitors (id, visitor, day) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING",
	    V_INT(id), V_INT(*next), V_INT(day));
	if (err != OK)
		return err;
	if (changed > 0) {
		*ret = (*next)++;
		return OK;
	}
	__cleanup(rows_close) struct rows r =
	    sql_query(tx, "SELECT visitor FROM segment_visitors WHERE id = $1", V_INT(id));
	const int64_t visitor = rows_next(&r) ? row_int(&r, 0) : 0;
	if (r.err == OK)
		*ret = visitor;
	return r.err;
}

static enum err add_same(struct store_tx *tx, int64_t a, int64_t b)
{
	if (a == b)
		return OK;
	return sql_run(tx, NULL,
	               "INSERT INTO segment_same (visitor, other) VALUES ($1, $2) ON CONFLICT (visitor, other) DO NOTHING",
	               V_INT(a < b ? a : b), V_INT(a < b ? b : a));
}

/* Events come in any order: the day's first time and its campaign win, whichever came first. */
static enum err add_step(struct store_tx *tx, const struct segment_row *row, int64_t visitor)
{
	return sql_run(
	    tx, NULL,
	    "INSERT INTO segment_steps (step, day, visitor, plugin, at, campaign) VALUES ($1, $2, $3, $4, $5, $6) "
	    "ON CONFLICT (step, day, visitor, plugin) DO UPDATE SET "
	    "campaign = CASE WHEN segment_steps.campaign = '' "
	    "OR (excluded.campaign <> '' AND excluded.at < segment_steps.at) "
	    "THEN excluded.campaign ELSE segment_steps.campaign END, "
	    "at = CASE WHEN excluded.at < segment_steps.at THEN excluded.at ELSE segment_steps.at END "
	    "WHERE excluded.at < segment_steps.at OR (segment_steps.campaign = '' AND excluded.campaign <> '')",
	    V_INT(row->step), V_INT(row->at / DAY_MS), V_INT(visitor), V_STR(row->plugin), V_INT(row->at),
	    V_STR(row->campaign));
}

static enum err add_person(struct store_tx *tx, const struct segment_row *row, int64_t day, int64_t *next)
{
	int64_t first = 0;
	enum err err = OK;
	for (size_t i = 0; err == OK && i < row->id_count; i++) {
		int64_t number = 0;
		err = number_of(tx, row->ids[i], day, next, &number);
		if (i == 0)
			first = number;
		else if (err == OK)
			err = add_same(tx, first, number);
	}
	return err == OK && row->step != SEGMENT_NO_STEP && row->id_count > 0 ? add_step(tx, row, first) : err;
}

static enum err add_one(struct store_tx *tx, const struct segment_row *row, int64_t now, size_t queue_room,
                        int64_t *next, struct segment_added *added)
{
	int64_t changed = 0;
	enum err err =
	    sql_run(tx, &changed, "INSERT INTO segment_messages (id, day) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING",
	            V_INT(row->message), V_INT(now / DAY_MS));
	if (err != OK)
		return err;
	if (changed == 0) {
		added->duplicates++;
		return OK;
	}
	added->fresh++;
	err = add_person(tx, row, now / DAY_MS, next);
	if (err != OK || row->pass_on.len == 0)
		return err;
	if (added->queued >= queue_room) {
		added->not_queued++;
		return OK;
	}
	added->queued++;
	return sql_run(tx, NULL, "INSERT INTO segment_queue (at, json) VALUES ($1, $2)", V_INT(now), V_STR(row->pass_on));
}

enum err store_segment_add(struct store_tx *tx, const struct segment_row *rows, size_t count, int64_t now,
                           size_t queue_room, struct segment_added *ret)
{
	struct segment_added added = {0};
	size_t ids = 0;
	int64_t next = 0;
	for (size_t i = 0; i < count; i++)
		ids += rows[i].id_count;
	enum err err = ids > 0 ? take_numbers(tx, ids, &next) : OK;
	for (size_t i = 0; err == OK && i < count; i++)
		err = add_one(tx, &rows[i], now, queue_room, &next, &added);
	if (err == OK)
		*ret = added;
	return err;
}

/* ---- reading ---- */

enum err store_segment_steps_each(struct store_tx *tx, enum segment_step step, int64_t from_day, int64_t to_day,
                                  enum err (*fn)(void *arg, const struct segment_step_row *), void *arg)
{
	__cleanup(rows_close) struct rows r = sql_query(tx,
	                                                "SELECT visitor, at, plugin, campaign FROM segment_steps "
	                                                "WHERE step = $1 AND day >= $2 AND day <= $3 ORDER BY step, day",
	                                                V_INT(step), V_INT(from_day), V_INT(to_day));
	while (rows_next(&r)) {
		const struct segment_step_row row = {.step = step,
		                                     .visitor = row_int(&r, 0),
		                                     .at = row_int(&r, 1),
		                                     .plugin = row_text(&r, 2, NULL),
		                                     .campaign = row_text(&r, 3, NULL)};
		enum err err = r.err == OK ? fn(arg, &row) : r.err;
		if (err != OK)
			return err;
	}
	return r.err;
}

enum err store_segment_same_each(struct store_tx *tx, enum err (*fn)(void *arg, int64_t visitor, int64_t other),
                                 void *arg)
{
	__cleanup(rows_close) struct rows r = sql_query_values(tx, "SELECT visitor, other FROM segment_same", NULL, 0);
	while (rows_next(&r)) {
		const int64_t visitor = row_int(&r, 0), other = row_int(&r, 1);
		enum err err = r.err == OK ? fn(arg, visitor, other) : r.err;
		if (err != OK)
			return err;
	}
	return r.err;
}

enum err store_segment_journal_each(struct store_tx *tx, const char *type, int64_t from, int64_t to,
                                    enum err (*fn)(void *arg, const struct event_row *), void *arg)
{
	__cleanup(rows_close) struct rows r =
	    sql_query(tx, "SELECT tenant, at, json FROM events WHERE type = $1 AND at >= $2 AND at <= $3 ORDER BY type, at",
	              V_Z(type), V_INT(from), V_INT(to));
	while (rows_next(&r)) {
		const struct event_row row = {
		    .type = type, .tenant = row_text(&r, 0, NULL), .at = row_int(&r, 1), .json = row_text(&r, 2, NULL)};
		enum err err = r.err == OK ? fn(arg, &row) : r.err;
		if (err != OK)
			return err;
	}
	return r.err;
}

/* ---- the queue ---- */

enum err store_segment_queue_list(struct store_tx *tx, size_t max, size_t max_bytes, struct arena *a,
                                  struct segment_queued **ret, size_t *ret_count)
{
	__cleanup(rows_close) struct rows r =
	    sql_query(tx, "SELECT seq, json FROM segment_queue ORDER BY seq LIMIT $1", V_INT(max));
	struct row_list list = {.arena = a, .item_size = sizeof(struct segment_queued)};
	size_t bytes = 0;
	while (rows_next(&r)) {
		const int64_t seq = row_int(&r, 0);
		const struct str json = str_of(row_text(&r, 1, a));
		bytes += json.len + 1; /* a comma */
		if (list.count > 0 && bytes > max_bytes)
			break;
		struct segment_queued *q = row_list_add(&list, &r);
		if (q)
			*q = (struct segment_queued){.seq = seq, .json = json};
	}
	if (r.err != OK)
		return r.err;
	*ret = (struct segment_queued *)(void *)list.items;
	*ret_count = list.count;
	return OK;
}

enum err store_segment_queue_delete(struct store_tx *tx, int64_t seq)
{
	return sql_run(tx, NULL, "DELETE FROM segment_queue WHERE seq <= $1", V_INT(seq));
}

enum err store_segment_queue_count(struct store_tx *tx, int64_t *ret)
{
	__cleanup(rows_close) struct rows r = sql_query_values(tx, "SELECT count(*) FROM segment_queue", NULL, 0);
	const int64_t count = rows_next(&r) ? row_int(&r, 0) : 0;
	if (r.err == OK)
		*ret = count;
	return r.err;
}

/* seq grows with at, so that the old ones stand in front. */
enum err store_segment_queue_expire(struct store_tx *tx, int64_t before, size_t *ret_deleted)
{
	int64_t changed = 0;
	enum err err = sql_run(tx, &changed,
	                       "DELETE FROM segment_queue WHERE at < $1 "
	                       "AND seq < (SELECT coalesce(min(seq), 0) + 2500 FROM segment_queue)",
	                       V_INT(before));
	if (err == OK)
		*ret_deleted = (size_t)changed;
	return err;
}

/* ---- the end of ids ---- */

enum err store_segment_forget(struct store_tx *tx, int64_t from_id, int64_t to_id, int64_t before_day, size_t *ret_ids)
{
	int64_t changed = 0;
	enum err err = sql_run(tx, NULL, "DELETE FROM segment_messages WHERE id >= $1 AND id <= $2 AND day < $3",
	                       V_INT(from_id), V_INT(to_id), V_INT(before_day));
	if (err == OK)
		err = sql_run(tx, &changed, "DELETE FROM segment_visitors WHERE id >= $1 AND id <= $2 AND day < $3",
		              V_INT(from_id), V_INT(to_id), V_INT(before_day));
	if (err == OK)
		*ret_ids = (size_t)changed;
	return err;
}

/* mail.c - see mail.h. */
#include "store/mail.h"

#include "base/cleanup.h"
#include "store/sql.h"

#define MAIL_COLUMNS                                                                                                   \
	"template, event, tenant, entitlement, address, ends_at, status, result, attempts, next_at, expires_at, "          \
	"created_at, updated_at"

static struct str hash_text(const struct address_hash *h)
{
	return (struct str){(const char *)h->bytes, sizeof(h->bytes)};
}

enum err store_mail_queue(struct store_tx *tx, const struct mail_row *m)
{
	return sql_run(tx, NULL,
	               "INSERT INTO mails (" MAIL_COLUMNS ") VALUES ($1, $2, $3, $4, NULL, $5, 'queued', NULL, 0, $6, $7, "
	               "$8, $8) ON CONFLICT (template, event) DO NOTHING",
	               V_Z(m->template), V_Z(m->event), V_Z(m->tenant), V_Z(m->entitlement), V_INT(m->ends_at),
	               V_INT(m->next_at), V_INT(m->expires_at), V_INT(m->created_at));
}

enum err store_mail_cancel(struct store_tx *tx, const char *template, struct str entitlement, const char *why,
                           int64_t at)
{
	return sql_run(tx, NULL,
	               "UPDATE mails SET status = 'dropped', result = $1, updated_at = $2 "
	               "WHERE status = 'queued' AND template = $3 AND entitlement = $4",
	               V_Z(why), V_INT(at), V_Z(template), V_STR(entitlement));
}

/* Of "id, " MAIL_COLUMNS. */
static enum err list_mails(struct rows *r, struct arena *a, struct mail_row **ret, size_t *ret_count)
{
	struct row_list list = {.arena = a, .item_size = sizeof(struct mail_row)};
	while (rows_next(r)) {
		struct mail_row *m = row_list_add(&list, r);
		if (m)
			*m = (struct mail_row){
			    .id = row_int(r, 0),
			    .template = row_text(r, 1, a),
			    .event = row_text(r, 2, a),
			    .tenant = row_text(r, 3, a),
			    .entitlement = row_text(r, 4, a),
			    .address = row_blob(r, 5, a),
			    .ends_at = row_int(r, 6),
			    .status = row_text(r, 7, a),
			    .result = row_text(r, 8, a),
			    .attempts = row_int(r, 9),
			    .next_at = row_int(r, 10),
			    .expires_at = row_int(r, 11),
			    .created_at = row_int(r, 12),
			    .updated_at = row_int(r, 13),
			};
	}
	if (r->err != OK)
		return r->err;
	*ret = (struct mail_row *)(void *)list.items;
	*ret_count = list.count;
	return OK;
}

enum err store_mail_due(struct store_tx *tx, int64_t now, size_t max, struct arena *a, struct mail_row **ret,
                        size_t *ret_count)
{
	__cleanup(rows_close) struct rows r = sql_query(tx,
	                                                "SELECT id, " MAIL_COLUMNS " FROM mails WHERE status = 'queued' "
	                                                "AND next_at <= $1 ORDER BY next_at, id LIMIT $2",
	                                                V_INT(now), V_INT(max));
	return list_mails(&r, a, ret, ret_count);
}

enum err store_mail_claim(struct store_tx *tx, int64_t id, const struct address_hash *address, int64_t next_at,
                          int64_t at)
{
	return sql_run_one(tx, ERR_NOT_FOUND,
	                   "UPDATE mails SET attempts = attempts + 1, address = $1, next_at = $2, updated_at = $3 "
	                   "WHERE id = $4 AND status = 'queued' AND next_at <= $3",
	                   V_BLOB(hash_text(address)), V_INT(next_at), V_INT(at), V_INT(id));
}

enum err store_mail_result(struct store_tx *tx, int64_t id, const char *status, const char *result, int64_t next_at,
                           int64_t at)
{
	return sql_run(tx, NULL,
	               "UPDATE mails SET status = $1, result = $2, next_at = $3, updated_at = $4 "
	               "WHERE id = $5 AND status = 'queued'",
	               V_Z(status), V_Z(result), V_INT(next_at), V_INT(at), V_INT(id));
}

static enum err one_count(struct rows *r, int64_t *ret)
{
	int64_t count = rows_next(r) ? row_int(r, 0) : 0;
	if (r->err == OK)
		*ret = count;
	return r->err;
}

enum err store_mail_attempts_since(struct store_tx *tx, int64_t since, int64_t *ret)
{
	__cleanup(rows_close) struct rows r = sql_query(tx,
	                                                "SELECT count(*) FROM mails WHERE attempts > 0 AND status IN "
	                                                "('queued', 'sent', 'failed') AND updated_at > $1",
	                                                V_INT(since));
	return one_count(&r, ret);
}

enum err store_mail_erase(struct store_tx *tx, const struct address_hash *address, size_t *count)
{
	int64_t changed = 0;
	enum err err = sql_run(tx, &changed, "DELETE FROM mails WHERE address = $1", V_BLOB(hash_text(address)));
	if (err == OK)
		*count += (size_t)changed;
	return err;
}

enum err store_mail_prune(struct store_tx *tx, int64_t before)
{
	return sql_run(tx, NULL, "DELETE FROM mails WHERE status IN ('sent', 'failed', 'dropped') AND updated_at < $1",
	               V_INT(before));
}

enum err store_mail_counts(struct store_tx *tx, struct arena *a, struct mail_count **ret, size_t *ret_count)
{
	__cleanup(rows_close) struct rows r =
	    sql_query_values(tx,
	                     "SELECT template, status, count(*) FROM mails GROUP BY template, status "
	                     "ORDER BY template, status",
	                     NULL, 0);
	struct row_list list = {.arena = a, .item_size = sizeof(struct mail_count)};
	while (rows_next(&r)) {
		struct mail_count *c = row_list_add(&list, &r);
		if (c)
			*c = (struct mail_count){row_text(&r, 0, a), row_text(&r, 1, a), row_int(&r, 2)};
	}
	if (r.err != OK)
		return r.err;
	*ret = (struct mail_count *)(void *)list.items;
	*ret_count = list.count;
	return OK;
}

enum err store_mail_list(struct store_tx *tx, int64_t before, size_t limit, struct arena *a, struct mail_row **ret,
                         size_t *ret_count)
{
	__cleanup(rows_close) struct rows r =
	    sql_query(tx, "SELECT id, " MAIL_COLUMNS " FROM mails WHERE id < $1 ORDER BY id DESC LIMIT $2",
	              V_INT(before ? before : INT64_MAX), V_INT(limit));
	return list_mails(&r, a, ret, ret_count);
}

enum err store_suppression_count(struct store_tx *tx, int64_t *ret)
{
	__cleanup(rows_close) struct rows r = sql_query_values(tx, "SELECT count(*) FROM suppressions", NULL, 0);
	return one_count(&r, ret);
}

enum err store_follower_get(struct store_tx *tx, const char *name, int64_t *ret_seq)
{
	__cleanup(rows_close) struct rows r = sql_query(tx, "SELECT seq FROM followers WHERE name = $1", V_Z(name));
	if (!rows_next(&r))
		return r.err == OK ? ERR_NOT_FOUND : r.err;
	int64_t seq = row_int(&r, 0);
	if (r.err == OK)
		*ret_seq = seq;
	return r.err;
}

enum err store_follower_put(struct store_tx *tx, const char *name, int64_t seq)
{
	return sql_run(tx, NULL,
	               "INSERT INTO followers (name, seq) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET "
	               "seq = excluded.seq",
	               V_Z(name), V_INT(seq));
}

enum err store_trial_events(struct store_tx *tx, int64_t after, size_t limit, struct arena *a, struct event_row **ret,
                            size_t *ret_count)
{
	__cleanup(rows_close) struct rows r =
	    sql_query(tx,
	              "SELECT seq, id, type, tenant, at, json FROM events WHERE seq > $1 AND type IN "
	              "('trial.started', 'trial.expired', 'trial.cancelled', 'trial.converted') ORDER BY seq LIMIT $2",
	              V_INT(after), V_INT(limit));
	struct row_list list = {.arena = a, .item_size = sizeof(struct event_row)};
	while (rows_next(&r)) {
		struct event_row *e = row_list_add(&list, &r);
		if (e)
			*e = (struct event_row){row_int(&r, 0),     row_text(&r, 1, a), row_text(&r, 2, a),
			                        row_text(&r, 3, a), row_int(&r, 4),     row_text(&r, 5, a)};
	}
	if (r.err != OK)
		return r.err;
	*ret = (struct event_row *)(void *)list.items;
	*ret_count = list.count;
	return OK;
}

enum err store_evaluation_get(struct store_tx *tx, struct str entitlement, struct evaluation_row *ret)
{
	__cleanup(rows_close) struct rows r = sql_query(
	    tx,
	    "SELECT maintenance_end, CASE WHEN license_type = 'EVALUATION' AND status = 'active' THEN 1 ELSE 0 END, "
	    "CASE WHEN EXISTS (SELECT 1 FROM market_app x WHERE x.app_key <> l.app_key) THEN 0 ELSE 1 END "
	    "FROM market_licenses l WHERE row_key = $1",
	    V_STR(entitlement));
	if (!rows_next(&r))
		return r.err == OK ? ERR_NOT_FOUND : r.err;
	struct evaluation_row row = {.running = row_bool(&r, 1), .ours = row_bool(&r, 2)};
	const struct str day = str_of(row_text(&r, 0, NULL));
	if (r.err == OK && day.len > 0 && time_parse(day, &row.ends_at) != OK)
		row.ends_at = 0; /* kept as the report has it, whatever that is */
	if (r.err == OK)
		*ret = row;
	return r.err;
}

enum err store_evaluation_host(struct store_tx *tx, struct str entitlement, struct arena *a, const char **ret)
{
	__cleanup(rows_close) struct rows r = sql_query(
	    tx, "SELECT value FROM market_aliases WHERE row_key = $1 AND kind = 'host' ORDER BY last_seen DESC LIMIT 1",
	    V_STR(entitlement));
	const char *host = rows_next(&r) ? row_text(&r, 0, a) : NULL;
	if (r.err == OK)
		*ret = host;
	return r.err;
}

/* users.c - verbs of a tenant's users, their seats, and what they wrote to the vendor. */
#include "base/cleanup.h"
#include "store/sql.h"

#define USER_COLUMNS "client_key, account_id, first_seen, last_seen, seat_at"

static struct user_row read_user(struct rows *r, struct arena *a)
{
	return (struct user_row){
	    .client_key = row_text(r, 0, a),
	    .account_id = row_text(r, 1, a),
	    .first_seen = row_int(r, 2),
	    .last_seen = row_int(r, 3),
	    .seat_at = row_int(r, 4),
	};
}

enum err store_user_put(struct store_tx *tx, const struct user_row *u)
{
	return sql_run(tx, NULL,
	               "INSERT INTO users (" USER_COLUMNS ") VALUES ($1, $2, $3, $4, $5) "
	               "ON CONFLICT (client_key, account_id) DO UPDATE SET first_seen = excluded.first_seen, "
	               "last_seen = excluded.last_seen, seat_at = excluded.seat_at",
	               V_Z(u->client_key), V_Z(u->account_id), V_INT(u->first_seen), V_INT(u->last_seen),
	               V_INT(u->seat_at));
}

enum err store_user_get(struct store_tx *tx, struct str client_key, struct str account_id, struct arena *a,
                        struct user_row *ret)
{
	__cleanup(rows_close) struct rows r =
	    sql_query(tx, "SELECT " USER_COLUMNS " FROM users WHERE client_key = $1 AND account_id = $2", V_STR(client_key),
	              V_STR(account_id));
	if (!rows_next(&r))
		return r.err == OK ? ERR_NOT_FOUND : r.err;
	struct user_row user = read_user(&r, a);
	if (r.err == OK)
		*ret = user;
	return r.err;
}

enum err store_user_delete(struct store_tx *tx, struct str client_key, struct str account_id)
{
	return sql_run_one(tx, ERR_NOT_FOUND, "DELETE FROM users WHERE client_key = $1 AND account_id = $2",
	                   V_STR(client_key), V_STR(account_id));
}

enum err store_user_list(struct store_tx *tx, struct str client_key, struct arena *a, struct user_row **ret,
                         size_t *ret_count)
{
	__cleanup(rows_close) struct rows r = sql_query(
	    tx, "SELECT " USER_COLUMNS " FROM users WHERE client_key = $1 ORDER BY account_id", V_STR(client_key));
	struct row_list list = {.arena = a, .item_size = sizeof(struct user_row)};
	while (rows_next(&r)) {
		struct user_row *user = row_list_add(&list, &r);
		if (user)
			*user = read_user(&r, a);
	}
	if (r.err != OK)
		return r.err;
	*ret = (struct user_row *)(void *)list.items;
	*ret_count = list.count;
	return OK;
}

enum err store_seat_each(struct store_tx *tx, enum err (*fn)(void *arg, const struct user_row *), void *arg)
{
	__cleanup(rows_close) struct rows r = sql_query_values(
	    tx, "SELECT " USER_COLUMNS " FROM users WHERE seat_at > 0 ORDER BY client_key, account_id", NULL, 0);
	while (rows_next(&r)) {
		struct user_row row = read_user(&r, NULL);
		enum err e = r.err == OK ? fn(arg, &row) : r.err;
		if (e != OK)
			return e;
	}
	return r.err;
}

enum err store_feedback_add(struct store_tx *tx, const struct feedback_row *f)
{
	return sql_run(tx, NULL, "INSERT INTO feedback (client_key, account_id, message, at) VALUES ($1, $2, $3, $4)",
	               V_Z(f->client_key), V_Z(f->account_id), V_Z(f->message), V_INT(f->at));
}

enum err store_feedback_list(struct store_tx *tx, int64_t before, size_t limit, struct arena *a,
                             struct feedback_row **ret, size_t *ret_count)
{
	__cleanup(rows_close) struct rows r = sql_query(tx,
	                                                "SELECT id, client_key, account_id, message, at FROM feedback "
	                                                "WHERE id < $1 ORDER BY id DESC LIMIT $2",
	                                                V_INT(before ? before : INT64_MAX), V_INT(limit));
	struct row_list list = {.arena = a, .item_size = sizeof(struct feedback_row)};
	while (rows_next(&r)) {
		struct feedback_row *f = row_list_add(&list, &r);
		if (f)
			*f = (struct feedback_row){
			    .id = row_int(&r, 0),
			    .client_key = row_text(&r, 1, a),
			    .account_id = row_text(&r, 2, a),
			    .message = row_text(&r, 3, a),
			    .at = row_int(&r, 4),
			};
	}
	if (r.err != OK)
		return r.err;
	*ret = (struct feedback_row *)(void *)list.items;
	*ret_count = list.count;
	return OK;
}

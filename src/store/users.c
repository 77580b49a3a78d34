/* users.c - verbs of a tenant's users and their seats.
 *
 * An account that left keeps its row, marked: its id may stand in the journal, and the host must be asked about every
 * id that is kept. A tenant's first user puts the tenant on the list of those that report (reports.c). */
#include "base/cleanup.h"
#include "store/sql.h"

#define USER_COLUMNS "client_key, account_id, first_seen, last_seen, seat_at, updated_at, removed_at, deactivated"

static struct user_row read_user(struct rows *r, struct arena *a)
{
	return (struct user_row){
	    .client_key = row_text(r, 0, a),
	    .account_id = row_text(r, 1, a),
	    .first_seen = row_int(r, 2),
	    .last_seen = row_int(r, 3),
	    .seat_at = row_int(r, 4),
	    .updated_at = row_int(r, 5),
	    .removed_at = row_int(r, 6),
	    .deactivated = row_bool(r, 7),
	};
}

/* The rows of a query, as the arena's array. */
static enum err list_users(struct rows *r, struct arena *a, struct user_row **ret, size_t *ret_count)
{
	struct row_list list = {.arena = a, .item_size = sizeof(struct user_row)};
	while (rows_next(r)) {
		struct user_row *user = row_list_add(&list, r);
		if (user)
			*user = read_user(r, a);
	}
	if (r->err != OK)
		return r->err;
	*ret = (struct user_row *)(void *)list.items;
	*ret_count = list.count;
	return OK;
}

enum err store_user_put(struct store_tx *tx, const struct user_row *u)
{
	enum err err =
	    sql_run(tx, NULL,
	            "INSERT INTO users (" USER_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8) "
	            "ON CONFLICT (client_key, account_id) DO UPDATE SET first_seen = excluded.first_seen, "
	            "last_seen = excluded.last_seen, seat_at = excluded.seat_at, updated_at = excluded.updated_at, "
	            "removed_at = excluded.removed_at, deactivated = excluded.deactivated",
	            V_Z(u->client_key), V_Z(u->account_id), V_INT(u->first_seen), V_INT(u->last_seen), V_INT(u->seat_at),
	            V_INT(u->updated_at), V_INT(u->removed_at), V_INT(u->deactivated));
	if (err != OK)
		return err;
	return sql_run(tx, NULL,
	               "INSERT INTO reports (client_key, next_at, after_account) VALUES ($1, 0, '') "
	               "ON CONFLICT (client_key) DO NOTHING",
	               V_Z(u->client_key));
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
	tx->erased = true;
	return sql_run_one(tx, ERR_NOT_FOUND, "DELETE FROM users WHERE client_key = $1 AND account_id = $2",
	                   V_STR(client_key), V_STR(account_id));
}

enum err store_user_list(struct store_tx *tx, struct str client_key, struct arena *a, struct user_row **ret,
                         size_t *ret_count)
{
	__cleanup(rows_close) struct rows r = sql_query(tx,
	                                                "SELECT " USER_COLUMNS " FROM users "
	                                                "WHERE client_key = $1 AND removed_at = 0 ORDER BY account_id",
	                                                V_STR(client_key));
	return list_users(&r, a, ret, ret_count);
}

enum err store_account_list(struct store_tx *tx, struct str client_key, struct str after, size_t max, struct arena *a,
                            struct user_row **ret, size_t *ret_count)
{
	__cleanup(rows_close) struct rows r =
	    sql_query(tx,
	              "SELECT " USER_COLUMNS " FROM users WHERE client_key = $1 AND account_id > $2 "
	              "ORDER BY account_id LIMIT $3",
	              V_STR(client_key), V_STR(after), V_INT(max));
	return list_users(&r, a, ret, ret_count);
}

enum err store_seat_list(struct store_tx *tx, struct str client_key, struct str after, size_t max, struct arena *a,
                         struct user_row **ret, size_t *ret_count)
{
	__cleanup(rows_close) struct rows r =
	    sql_query(tx,
	              "SELECT " USER_COLUMNS " FROM users WHERE client_key = $1 AND account_id > $2 AND seat_at > 0 "
	              "ORDER BY account_id LIMIT $3",
	              V_STR(client_key), V_STR(after), V_INT(max));
	return list_users(&r, a, ret, ret_count);
}

enum err store_seats_idle(struct store_tx *tx, int64_t before, size_t max, struct arena *a, struct user_row **ret,
                          size_t *ret_count)
{
	__cleanup(rows_close) struct rows r =
	    sql_query(tx,
	              "SELECT " USER_COLUMNS " FROM users WHERE seat_at > 0 AND last_seen < $1 "
	              "ORDER BY last_seen LIMIT $2",
	              V_INT(before), V_INT(max));
	return list_users(&r, a, ret, ret_count);
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

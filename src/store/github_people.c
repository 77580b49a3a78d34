/* github_people.c - verbs of the people who sign in with GitHub: whose account they may use, their sessions, and the
 * tokens that are to be revoked. See github.h. */
#include "base/cleanup.h"
#include "base/secret.h"
#include "store/github.h"
#include "store/sql.h"

#define PERSON_COLUMNS "account_id, login, user_id, role, added_at"

enum err store_github_person_put(struct store_tx *tx, const struct github_person_row *row)
{
	return sql_run(tx, NULL,
	               "INSERT INTO github_people (" PERSON_COLUMNS ") VALUES ($1, $2, $3, $4, $5) "
	               "ON CONFLICT (account_id, login) DO UPDATE SET user_id = excluded.user_id, role = excluded.role, "
	               "added_at = excluded.added_at",
	               V_Z(row->account_id), V_Z(row->login), V_Z(row->user_id), V_Z(row->role), V_INT(row->added_at));
}

enum err store_github_person_delete(struct store_tx *tx, struct str account_id, struct str login)
{
	return sql_run_one(tx, ERR_NOT_FOUND,
	                   "DELETE FROM github_people WHERE account_id = $1 AND login = $2 AND role = 'member'",
	                   V_STR(account_id), V_STR(login));
}

static enum err list_people(struct rows *r, struct arena *a, struct github_person_row **ret, size_t *ret_count)
{
	struct row_list list = {.arena = a, .item_size = sizeof(struct github_person_row)};
	while (rows_next(r)) {
		struct github_person_row *row = row_list_add(&list, r);
		if (row)
			*row = (struct github_person_row){row_text(r, 0, a), row_text(r, 1, a), row_text(r, 2, a),
			                                  row_text(r, 3, a), row_int(r, 4)};
	}
	if (r->err != OK)
		return r->err;
	*ret = (struct github_person_row *)(void *)list.items;
	*ret_count = list.count;
	return OK;
}

enum err store_github_people(struct store_tx *tx, struct str account_id, size_t max, struct arena *a,
                             struct github_person_row **ret, size_t *ret_count)
{
	__cleanup(rows_close) struct rows r =
	    sql_query(tx, "SELECT " PERSON_COLUMNS " FROM github_people WHERE account_id = $1 ORDER BY login LIMIT $2",
	              V_STR(account_id), V_INT(max));
	return list_people(&r, a, ret, ret_count);
}

enum err store_github_person_of(struct store_tx *tx, struct str user_id, size_t max, struct arena *a,
                                struct github_person_row **ret, size_t *ret_count)
{
	__cleanup(rows_close) struct rows r =
	    sql_query(tx, "SELECT " PERSON_COLUMNS " FROM github_people WHERE user_id = $1 ORDER BY account_id LIMIT $2",
	              V_STR(user_id), V_INT(max));
	return list_people(&r, a, ret, ret_count);
}

enum err store_github_person_bind(struct store_tx *tx, struct str user_id, struct str login, int64_t owners_before)
{
	enum err err =
	    sql_run(tx, NULL, "DELETE FROM github_people WHERE user_id = $1 AND role = 'owner' AND added_at < $2",
	            V_STR(user_id), V_INT(owners_before));
	/* A login that was given away: whoever had it before is not who signs in now. */
	if (err == OK)
		err = sql_run(tx, NULL, "DELETE FROM github_people WHERE login = $1 AND user_id IS NOT NULL AND user_id <> $2",
		              V_STR(login), V_STR(user_id));
	if (err == OK)
		err = sql_run(tx, NULL, "UPDATE github_people SET user_id = $1 WHERE login = $2 AND user_id IS NULL",
		              V_STR(user_id), V_STR(login));
	return err;
}

/* ---- users ---- */

enum err store_github_user_put(struct store_tx *tx, const struct github_user_row *row)
{
	struct str key_id = row->token_sealed.len ? sealed_key_id(row->token_sealed) : STR("");
	return sql_run(tx, NULL,
	               "INSERT INTO github_users (user_id, login, token, token_key, signed_in_at) "
	               "VALUES ($1, $2, $3, $4, $5) ON CONFLICT (user_id) DO UPDATE SET login = excluded.login, "
	               "token = excluded.token, token_key = excluded.token_key, signed_in_at = excluded.signed_in_at",
	               V_Z(row->user_id), V_Z(row->login), V_BLOB(row->token_sealed), V_STR(key_id),
	               V_INT(row->signed_in_at));
}

static struct github_user_row read_user(struct rows *r, struct arena *a)
{
	return (struct github_user_row){row_text(r, 0, a), row_text(r, 1, a), row_blob(r, 2, a), row_int(r, 3)};
}

enum err store_github_user_get(struct store_tx *tx, struct str user_id, struct arena *a, struct github_user_row *ret)
{
	__cleanup(rows_close) struct rows r = sql_query(
	    tx, "SELECT user_id, login, token, signed_in_at FROM github_users WHERE user_id = $1", V_STR(user_id));
	if (!rows_next(&r))
		return r.err == OK ? ERR_NOT_FOUND : r.err;
	struct github_user_row row = read_user(&r, a);
	if (r.err == OK)
		*ret = row;
	return r.err;
}

enum err store_github_user_delete(struct store_tx *tx, struct str user_id)
{
	tx->erased = true;
	return sql_run_one(tx, ERR_NOT_FOUND, "DELETE FROM github_users WHERE user_id = $1", V_STR(user_id));
}

enum err store_github_users_only_of(struct store_tx *tx, struct str account_id, struct arena *a,
                                    struct github_user_row **ret, size_t *ret_count)
{
	struct row_list list = {.arena = a, .item_size = sizeof(struct github_user_row)};
	__cleanup(rows_close) struct rows r =
	    sql_query(tx,
	              "SELECT u.user_id, u.login, u.token, u.signed_in_at FROM github_users u "
	              "WHERE EXISTS (SELECT 1 FROM github_people p WHERE p.user_id = u.user_id AND p.account_id = $1) "
	              "AND NOT EXISTS (SELECT 1 FROM github_people p JOIN github_accounts g ON g.account_id = p.account_id "
	              "WHERE p.user_id = u.user_id AND p.account_id <> $1 AND g.status IN ('active', 'free')) "
	              "ORDER BY u.user_id",
	              V_STR(account_id));
	while (rows_next(&r)) {
		struct github_user_row *row = row_list_add(&list, &r);
		if (row)
			*row = read_user(&r, a);
	}
	if (r.err != OK)
		return r.err;
	*ret = (struct github_user_row *)(void *)list.items;
	*ret_count = list.count;
	return OK;
}

/* ---- sessions ---- */

enum err store_github_session_put(struct store_tx *tx, struct str hash, struct str user_id, int64_t now,
                                  int64_t expires_at, int64_t keep)
{
	enum err err =
	    sql_run(tx, NULL,
	            "DELETE FROM github_sessions WHERE user_id = $1 AND hash NOT IN (SELECT hash FROM github_sessions "
	            "WHERE user_id = $1 ORDER BY created_at DESC, hash LIMIT $2)",
	            V_STR(user_id), V_INT(keep - 1));
	if (err != OK)
		return err;
	return sql_run(tx, NULL,
	               "INSERT INTO github_sessions (hash, user_id, created_at, expires_at) VALUES ($1, $2, $3, $4)",
	               V_STR(hash), V_STR(user_id), V_INT(now), V_INT(expires_at));
}

enum err store_github_session_get(struct store_tx *tx, struct str hash, int64_t now, struct arena *a,
                                  const char **ret_user_id)
{
	__cleanup(rows_close) struct rows r = sql_query(
	    tx, "SELECT user_id FROM github_sessions WHERE hash = $1 AND expires_at > $2", V_STR(hash), V_INT(now));
	if (!rows_next(&r))
		return r.err == OK ? ERR_NOT_FOUND : r.err;
	const char *user_id = row_text(&r, 0, a);
	if (r.err == OK)
		*ret_user_id = user_id;
	return r.err;
}

enum err store_github_session_delete(struct store_tx *tx, struct str hash)
{
	return sql_run(tx, NULL, "DELETE FROM github_sessions WHERE hash = $1", V_STR(hash));
}

/* ---- revocations ---- */

enum err store_github_revocation_put(struct store_tx *tx, const struct github_revocation_row *row)
{
	return sql_run(tx, NULL,
	               "INSERT INTO github_revocations (id, token, token_key, attempts, next_at) "
	               "VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO UPDATE SET attempts = excluded.attempts, "
	               "next_at = excluded.next_at",
	               V_Z(row->id), V_BLOB(row->token_sealed), V_STR(sealed_key_id(row->token_sealed)),
	               V_INT(row->attempts), V_INT(row->next_at));
}

enum err store_github_revocation_delete(struct store_tx *tx, struct str id)
{
	return sql_run_one(tx, ERR_NOT_FOUND, "DELETE FROM github_revocations WHERE id = $1", V_STR(id));
}

enum err store_github_revocations_due(struct store_tx *tx, int64_t now, size_t max, struct arena *a,
                                      struct github_revocation_row **ret, size_t *ret_count, int64_t *ret_next)
{
	struct row_list list = {.arena = a, .item_size = sizeof(struct github_revocation_row)};
	{
		__cleanup(rows_close) struct rows r =
		    sql_query(tx,
		              "SELECT id, token, attempts, next_at FROM github_revocations WHERE next_at <= $1 "
		              "ORDER BY next_at, id LIMIT $2",
		              V_INT(now), V_INT(max));
		while (rows_next(&r)) {
			struct github_revocation_row *row = row_list_add(&list, &r);
			if (row)
				*row = (struct github_revocation_row){row_text(&r, 0, a), row_blob(&r, 1, a), row_int(&r, 2),
				                                      row_int(&r, 3)};
		}
		if (r.err != OK)
			return r.err;
	}
	__cleanup(rows_close) struct rows r =
	    sql_query(tx, "SELECT coalesce(min(next_at), 0) FROM github_revocations WHERE next_at > $1", V_INT(now));
	int64_t next = rows_next(&r) ? row_int(&r, 0) : 0;
	if (r.err != OK)
		return r.err;
	*ret = (struct github_revocation_row *)(void *)list.items;
	*ret_count = list.count;
	*ret_next = next;
	return OK;
}

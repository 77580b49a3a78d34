/* github.c - verbs of GitHub accounts, their purchases, plans and drift. See github.h; people: github_people.c. */
#include "store/github.h"

#include "base/cleanup.h"
#include "base/secret.h"
#include "store/sql.h"

#define ACCOUNT_COLUMNS                                                                                                \
	"account_id, type, login, email, status, effective_at, created_at, updated_at, checked_at, ended_at, erase_at"
#define TERMS_COLUMNS                                                                                                  \
	"effective_at, plan_id, plan_name, price_model, unit_name, units, billing_cycle, monthly_cents, yearly_cents, "    \
	"on_trial, trial_ends_at, next_billing_at, ends"

static struct github_account_row read_account(struct rows *r, struct arena *a)
{
	return (struct github_account_row){
	    .account_id = row_text(r, 0, a),
	    .type = row_text(r, 1, a),
	    .login = row_text(r, 2, a),
	    .email_sealed = row_blob(r, 3, a),
	    .status = row_text(r, 4, a),
	    .effective_at = row_int(r, 5),
	    .created_at = row_int(r, 6),
	    .updated_at = row_int(r, 7),
	    .checked_at = row_int(r, 8),
	    .ended_at = row_int(r, 9),
	    .erase_at = row_int(r, 10),
	};
}

static enum err read_terms(struct store_tx *tx, const char *account_id, const char *part, struct arena *a,
                           struct github_terms *ret)
{
	__cleanup(rows_close) struct rows r =
	    sql_query(tx, "SELECT " TERMS_COLUMNS " FROM github_terms WHERE account_id = $1 AND part = $2", V_Z(account_id),
	              V_Z(part));
	if (!rows_next(&r))
		return r.err;
	const struct github_terms t = {
	    .effective_at = row_int(&r, 0),
	    .plan_id = row_int(&r, 1),
	    .plan_name = row_text(&r, 2, a),
	    .price_model = row_text(&r, 3, a),
	    .unit_name = row_text(&r, 4, a),
	    .units = row_int(&r, 5),
	    .billing_cycle = row_text(&r, 6, a),
	    .monthly_cents = row_int(&r, 7),
	    .yearly_cents = row_int(&r, 8),
	    .on_trial = row_bool(&r, 9),
	    .trial_ends_at = row_int(&r, 10),
	    .next_billing_at = row_int(&r, 11),
	    .ends = row_bool(&r, 12),
	};
	if (r.err == OK)
		*ret = t;
	return r.err;
}

static enum err both_terms(struct store_tx *tx, struct arena *a, struct github_account_row *row)
{
	enum err err = read_terms(tx, row->account_id, "now", a, &row->now);
	return err == OK ? read_terms(tx, row->account_id, "next", a, &row->next) : err;
}

enum err store_github_account_get(struct store_tx *tx, struct str account_id, struct arena *a,
                                  struct github_account_row *ret)
{
	struct github_account_row row;
	{
		__cleanup(rows_close) struct rows r =
		    sql_query(tx, "SELECT " ACCOUNT_COLUMNS " FROM github_accounts WHERE account_id = $1", V_STR(account_id));
		if (!rows_next(&r))
			return r.err == OK ? ERR_NOT_FOUND : r.err;
		row = read_account(&r, a);
		if (r.err != OK)
			return r.err;
	}
	enum err err = both_terms(tx, a, &row);
	if (err == OK)
		*ret = row;
	return err;
}

static enum err put_terms(struct store_tx *tx, const char *account_id, const char *part, const struct github_terms *t)
{
	if (t->effective_at == 0)
		return sql_run(tx, NULL, "DELETE FROM github_terms WHERE account_id = $1 AND part = $2", V_Z(account_id),
		               V_Z(part));
	return sql_run(
	    tx, NULL,
	    "INSERT INTO github_terms (account_id, part, " TERMS_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, "
	    "$10, $11, $12, $13, $14, $15) ON CONFLICT (account_id, part) DO UPDATE SET "
	    "effective_at = excluded.effective_at, plan_id = excluded.plan_id, plan_name = excluded.plan_name, "
	    "price_model = excluded.price_model, unit_name = excluded.unit_name, units = excluded.units, "
	    "billing_cycle = excluded.billing_cycle, monthly_cents = excluded.monthly_cents, "
	    "yearly_cents = excluded.yearly_cents, on_trial = excluded.on_trial, trial_ends_at = excluded.trial_ends_at, "
	    "next_billing_at = excluded.next_billing_at, ends = excluded.ends",
	    V_Z(account_id), V_Z(part), V_INT(t->effective_at), V_INT(t->plan_id), V_Z(t->plan_name), V_Z(t->price_model),
	    V_Z(t->unit_name), V_INT(t->units), V_Z(t->billing_cycle), V_INT(t->monthly_cents), V_INT(t->yearly_cents),
	    V_INT(t->on_trial), V_INT(t->trial_ends_at), V_INT(t->next_billing_at), V_INT(t->ends));
}

enum err store_github_account_put(struct store_tx *tx, const struct github_account_row *row)
{
	struct str key_id = row->email_sealed.len ? sealed_key_id(row->email_sealed) : STR("");
	enum err err = sql_run(
	    tx, NULL,
	    "INSERT INTO github_accounts (" ACCOUNT_COLUMNS ", email_key) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, "
	    "$11, $12) ON CONFLICT (account_id) DO UPDATE SET type = excluded.type, login = excluded.login, "
	    "email = excluded.email, status = excluded.status, effective_at = excluded.effective_at, "
	    "created_at = excluded.created_at, updated_at = excluded.updated_at, checked_at = excluded.checked_at, "
	    "ended_at = excluded.ended_at, erase_at = excluded.erase_at, email_key = excluded.email_key",
	    V_Z(row->account_id), V_Z(row->type), V_Z(row->login), V_BLOB(row->email_sealed), V_Z(row->status),
	    V_INT(row->effective_at), V_INT(row->created_at), V_INT(row->updated_at), V_INT(row->checked_at),
	    V_INT(row->ended_at), V_INT(row->erase_at), V_STR(key_id));
	if (err == OK)
		err = put_terms(tx, row->account_id, "now", &row->now);
	return err == OK ? put_terms(tx, row->account_id, "next", &row->next) : err;
}

static enum err list_accounts(struct store_tx *tx, struct rows *r, struct arena *a, struct github_account_row **ret,
                              size_t *ret_count)
{
	struct row_list list = {.arena = a, .item_size = sizeof(struct github_account_row)};
	while (rows_next(r)) {
		struct github_account_row *row = row_list_add(&list, r);
		if (row)
			*row = read_account(r, a);
	}
	if (r->err != OK)
		return r->err;
	struct github_account_row *rows = (struct github_account_row *)(void *)list.items;
	for (size_t i = 0; i < list.count; i++) {
		enum err err = both_terms(tx, a, &rows[i]);
		if (err != OK)
			return err;
	}
	*ret = rows;
	*ret_count = list.count;
	return OK;
}

enum err store_github_account_list(struct store_tx *tx, struct str after, size_t max, struct arena *a,
                                   struct github_account_row **ret, size_t *ret_count)
{
	__cleanup(rows_close) struct rows r = sql_query(
	    tx, "SELECT " ACCOUNT_COLUMNS " FROM github_accounts WHERE account_id > $1 ORDER BY account_id LIMIT $2",
	    V_STR(after), V_INT(max));
	return list_accounts(tx, &r, a, ret, ret_count);
}

enum err store_github_account_changed(struct store_tx *tx, int64_t after, struct str after_id, size_t max,
                                      struct arena *a, struct github_account_row **ret, size_t *ret_count)
{
	__cleanup(rows_close) struct rows r =
	    sql_query(tx,
	              "SELECT " ACCOUNT_COLUMNS " FROM github_accounts WHERE (updated_at, account_id) > ($1, $2) "
	              "ORDER BY updated_at, account_id LIMIT $3",
	              V_INT(after), V_STR(after_id), V_INT(max));
	return list_accounts(tx, &r, a, ret, ret_count);
}

/* Every reason for which time alone changes an account. */
#define DUE                                                                                                            \
	"SELECT account_id, effective_at AS due FROM github_terms WHERE part = 'next' UNION ALL "                          \
	"SELECT t.account_id, t.trial_ends_at AS due FROM github_terms t JOIN github_accounts g "                          \
	"ON g.account_id = t.account_id WHERE t.part = 'now' AND t.on_trial = 1 AND t.trial_ends_at > 0 "                  \
	"AND g.status = 'active' UNION ALL "                                                                               \
	"SELECT account_id, erase_at AS due FROM github_accounts WHERE erase_at > 0"

enum err store_github_due(struct store_tx *tx, int64_t now, size_t max, struct arena *a, const char ***ret_ids,
                          size_t *ret_count, int64_t *ret_next)
{
	struct row_list list = {.arena = a, .item_size = sizeof(const char *)};
	{
		__cleanup(rows_close) struct rows r = sql_query(
		    tx,
		    "SELECT account_id, min(due) FROM (" DUE ") d WHERE due <= $1 GROUP BY account_id ORDER BY 2, 1 LIMIT $2",
		    V_INT(now), V_INT(max));
		while (rows_next(&r)) {
			const char **id = row_list_add(&list, &r);
			if (id)
				*id = row_text(&r, 0, a);
		}
		if (r.err != OK)
			return r.err;
	}
	__cleanup(rows_close) struct rows r =
	    sql_query(tx, "SELECT coalesce(min(due), 0) FROM (" DUE ") d WHERE due > $1", V_INT(now));
	int64_t next = rows_next(&r) ? row_int(&r, 0) : 0;
	if (r.err != OK)
		return r.err;
	*ret_ids = (const char **)(void *)list.items;
	*ret_count = list.count;
	*ret_next = next;
	return OK;
}

enum err store_github_account_erase(struct store_tx *tx, struct str account_id, int64_t at)
{
	tx->erased = true;
	enum err err = sql_run_one(tx, ERR_NOT_FOUND,
	                           "UPDATE github_accounts SET login = NULL, email = NULL, email_key = NULL, erase_at = 0, "
	                           "updated_at = $1 WHERE account_id = $2",
	                           V_INT(at), V_STR(account_id));
	if (err == OK)
		err = sql_run(tx, NULL, "DELETE FROM github_people WHERE account_id = $1", V_STR(account_id));
	if (err == OK)
		err = sql_run(tx, NULL, "DELETE FROM github_drift WHERE account_id = $1", V_STR(account_id));
	return err;
}

enum err store_github_emails(struct store_tx *tx, struct arena *a, struct github_email **ret, size_t *ret_count)
{
	__cleanup(rows_close) struct rows r = sql_query_values(
	    tx, "SELECT account_id, email FROM github_accounts WHERE email IS NOT NULL ORDER BY account_id", NULL, 0);
	struct row_list list = {.arena = a, .item_size = sizeof(struct github_email)};
	while (rows_next(&r)) {
		struct github_email *e = row_list_add(&list, &r);
		if (e)
			*e = (struct github_email){row_text(&r, 0, a), row_blob(&r, 1, a)};
	}
	if (r.err != OK)
		return r.err;
	*ret = (struct github_email *)(void *)list.items;
	*ret_count = list.count;
	return OK;
}

enum err store_github_email_clear(struct store_tx *tx, struct str account_id)
{
	return sql_run(tx, NULL, "UPDATE github_accounts SET email = NULL, email_key = NULL WHERE account_id = $1",
	               V_STR(account_id));
}

enum err store_github_use(struct store_tx *tx, struct str id, int64_t at)
{
	return sql_run_one(tx, ERR_CONFLICT, "INSERT INTO github_used (id, at) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING",
	                   V_STR(id), V_INT(at));
}

enum err store_github_tidy(struct store_tx *tx, int64_t used_before, int64_t now, int64_t drift_before)
{
	enum err err = sql_run(tx, NULL, "DELETE FROM github_used WHERE at < $1", V_INT(used_before));
	if (err == OK)
		err = sql_run(tx, NULL, "DELETE FROM github_sessions WHERE expires_at <= $1", V_INT(now));
	if (err == OK)
		err = sql_run(tx, NULL, "DELETE FROM github_drift WHERE at < $1", V_INT(drift_before));
	return err;
}

/* ---- plans ---- */

#define PLAN_COLUMNS "plan_id, number, name, price_model, monthly_cents, yearly_cents, published"

enum err store_github_plan_add(struct store_tx *tx, const struct github_plan_row *row)
{
	return sql_run(tx, NULL,
	               "INSERT INTO github_plans (" PLAN_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7) "
	               "ON CONFLICT (plan_id) DO NOTHING",
	               V_INT(row->plan_id), V_INT(row->number), V_Z(row->name), V_Z(row->price_model),
	               V_INT(row->monthly_cents), V_INT(row->yearly_cents), V_INT(row->published));
}

enum err store_github_plans_set(struct store_tx *tx, const struct github_plan_row *rows, size_t count)
{
	enum err err = sql_run_values(tx, NULL, "DELETE FROM github_plans", NULL, 0);
	for (size_t i = 0; err == OK && i < count; i++)
		err = store_github_plan_add(tx, &rows[i]);
	return err;
}

static enum err one_plan(struct rows *r, struct arena *a, struct github_plan_row *ret)
{
	if (!rows_next(r))
		return r->err == OK ? ERR_NOT_FOUND : r->err;
	const struct github_plan_row row = {
	    .plan_id = row_int(r, 0),
	    .number = row_int(r, 1),
	    .name = row_text(r, 2, a),
	    .price_model = row_text(r, 3, a),
	    .monthly_cents = row_int(r, 4),
	    .yearly_cents = row_int(r, 5),
	    .published = row_bool(r, 6),
	};
	if (r->err == OK)
		*ret = row;
	return r->err;
}

enum err store_github_plan_get(struct store_tx *tx, int64_t plan_id, struct arena *a, struct github_plan_row *ret)
{
	__cleanup(rows_close) struct rows r =
	    sql_query(tx, "SELECT " PLAN_COLUMNS " FROM github_plans WHERE plan_id = $1", V_INT(plan_id));
	return one_plan(&r, a, ret);
}

enum err store_github_plan_free(struct store_tx *tx, struct arena *a, struct github_plan_row *ret)
{
	__cleanup(rows_close) struct rows r =
	    sql_query_values(tx,
	                     "SELECT " PLAN_COLUMNS " FROM github_plans WHERE price_model = 'free' AND published = 1 "
	                     "ORDER BY number, plan_id LIMIT 1",
	                     NULL, 0);
	return one_plan(&r, a, ret);
}

/* ---- drift ---- */

enum err store_github_drift_put(struct store_tx *tx, const struct github_drift_row *row)
{
	return sql_run(tx, NULL,
	               "INSERT INTO github_drift (id, account_id, what, ours, theirs, at) VALUES ($1, $2, $3, $4, $5, $6) "
	               "ON CONFLICT (id) DO NOTHING",
	               V_Z(row->id), V_Z(row->account_id), V_Z(row->what), V_Z(row->ours), V_Z(row->theirs),
	               V_INT(row->at));
}

enum err store_github_drift_list(struct store_tx *tx, size_t max, struct arena *a, struct github_drift_row **ret,
                                 size_t *ret_count)
{
	struct row_list list = {.arena = a, .item_size = sizeof(struct github_drift_row)};
	__cleanup(rows_close) struct rows r =
	    sql_query(tx, "SELECT id, account_id, what, ours, theirs, at FROM github_drift ORDER BY at DESC, id LIMIT $1",
	              V_INT(max));
	while (rows_next(&r)) {
		struct github_drift_row *row = row_list_add(&list, &r);
		if (row)
			*row = (struct github_drift_row){row_text(&r, 0, a), row_text(&r, 1, a), row_text(&r, 2, a),
			                                 row_text(&r, 3, a), row_text(&r, 4, a), row_int(&r, 5)};
	}
	if (r.err != OK)
		return r.err;
	*ret = (struct github_drift_row *)(void *)list.items;
	*ret_count = list.count;
	return OK;
}

/* github.c - the admin API's view of GitHub Marketplace: what each account bought, and where GitHub and this server
 * were found apart. JSON or CSV; logins and contacts are in neither. */
#include <stdio.h>

#include "admin/admin.h"
#include "admin/csv.h"
#include "admin/params.h"
#include "admin/parts.h"
#include "base/cleanup.h"
#include "base/jsonw.h"
#include "github/purchase.h"

enum { ARENA_MAX = 16 * 1024 * 1024, OUT_MAX = 64 * 1024 * 1024, DRIFT_MAX = 5000, PAGE = 500 };

/* ---- accounts ---- */

struct accounts {
	struct str after;
	size_t limit;
	struct arena *arena;
	struct github_account_row *at;
	size_t count;
};

static enum err accounts_read(struct store_tx *tx, void *arg)
{
	struct accounts *q = arg;
	return store_github_account_list(tx, q->after, q->limit, q->arena, &q->at, &q->count);
}

static void terms_members(struct jsonw *w, const struct github_terms *t)
{
	jw_kint(w, "plan", t->plan_id);
	jw_kz(w, "plan_name", t->plan_name);
	jw_kz(w, "price_model", t->price_model);
	jw_key(w, "units");
	if (github_is_per_unit(t))
		jw_int(w, t->units);
	else
		jw_null(w);
	jw_kz(w, "billing_cycle", t->billing_cycle);
	jw_kint(w, "amount_cents", t->on_trial ? 0 : github_amount_cents(t));
}

static void account_write(struct jsonw *w, const struct github_account_row *r)
{
	char key[64];
	(void)snprintf(key, sizeof(key), "github:%s", r->account_id);
	jw_obj(w);
	jw_kz(w, "tenant", key);
	jw_kz(w, "type", r->type);
	jw_kz(w, "status", r->status);
	terms_members(w, &r->now);
	jw_kbool(w, "on_trial", r->now.on_trial);
	jw_ktime(w, "trial_ends_at", r->now.trial_ends_at);
	jw_ktime(w, "next_billing_at", r->now.next_billing_at);
	jw_ktime(w, "effective_at", r->effective_at > 1 ? r->effective_at : 0);
	jw_ktime(w, "checked_at", r->checked_at);
	jw_key(w, "scheduled");
	if (r->next.effective_at > 0) {
		jw_obj(w);
		jw_ktime(w, "at", r->next.effective_at);
		jw_kbool(w, "ends", r->next.ends);
		terms_members(w, &r->next);
		jw_end_obj(w);
	} else {
		jw_null(w);
	}
	jw_end_obj(w);
}

static void account_row(struct csv *c, const struct github_account_row *r)
{
	char key[64];
	(void)snprintf(key, sizeof(key), "github:%s", r->account_id);
	csv_z(c, key);
	csv_z(c, r->type);
	csv_z(c, r->status);
	csv_int(c, r->now.plan_id);
	csv_z(c, r->now.plan_name);
	csv_z(c, r->now.price_model);
	if (github_is_per_unit(&r->now))
		csv_int(c, r->now.units);
	else
		csv_z(c, NULL);
	csv_z(c, r->now.billing_cycle);
	csv_int(c, r->now.on_trial ? 0 : github_amount_cents(&r->now));
	csv_bool(c, r->now.on_trial);
	csv_time(c, r->now.trial_ends_at);
	csv_time(c, r->now.next_billing_at);
	csv_time(c, r->next.effective_at);
	csv_time(c, r->checked_at);
	csv_end_row(c);
}

static enum err accounts_csv(const struct admin *a, struct accounts *q, struct buf *out)
{
	struct csv c = csv(out);
	enum err err;
	char after[64] = "";
	csv_header(&c, "tenant,type,status,plan,plan_name,price_model,units,billing_cycle,amount_cents,on_trial,"
	               "trial_ends_at,next_billing_at,scheduled_at,checked_at");
	q->limit = PAGE;
	do {
		arena_release(q->arena);
		arena_init(q->arena, ARENA_MAX);
		q->after = str_of(after);
		err = store_read(a->connect->store, accounts_read, q);
		for (size_t i = 0; err == OK && i < q->count; i++)
			account_row(&c, &q->at[i]);
		if (err == OK && q->count > 0)
			(void)snprintf(after, sizeof(after), "%s", q->at[q->count - 1].account_id);
	} while (err == OK && out->err == OK && q->count == PAGE);
	return err;
}

void admin_github_accounts(struct request *req, void *room)
{
	const struct admin *a = room;
	struct list_params p;
	__cleanup(arena_release) struct arena arena;
	__cleanup_buf struct buf out = BUF_INIT(OUT_MAX);
	struct accounts q = {.arena = &arena};
	arena_init(&arena, ARENA_MAX);
	if (!list_params_read(req, &p))
		return;
	if (!cursor_read(&req->arena, p.cursor, &q.after)) {
		reply_problem(req, 400, "bad_request", CURSOR_WRONG, NULL, 0);
		return;
	}
	if (p.csv) {
		enum err err = accounts_csv(a, &q, &out);
		if (err == OK)
			reply_csv(req, "github-accounts", &out);
		else
			reply_err(req, err);
		return;
	}
	q.limit = p.limit + 1;
	enum err err = store_read(a->connect->store, accounts_read, &q);
	const size_t shown = q.count > p.limit ? p.limit : q.count;
	struct jsonw w = jsonw(&out);
	jw_obj(&w);
	jw_key(&w, "accounts");
	jw_arr(&w);
	for (size_t i = 0; err == OK && i < shown; i++)
		account_write(&w, &q.at[i]);
	jw_end_arr(&w);
	if (err == OK && q.count > shown && shown > 0) {
		__cleanup_buf struct buf cursor = BUF_INIT(CURSOR_TEXT_MAX);
		cursor_write(&cursor, str_of(q.at[shown - 1].account_id));
		jw_kstr(&w, "next", buf_text(&cursor));
	}
	jw_end_obj(&w);
	reply_json_or_err(req, err, &out);
}

/* ---- drift ---- */

struct drift {
	size_t limit;
	struct arena *arena;
	struct github_drift_row *at;
	size_t count;
};

static enum err drift_read(struct store_tx *tx, void *arg)
{
	struct drift *d = arg;
	return store_github_drift_list(tx, d->limit, d->arena, &d->at, &d->count);
}

void admin_github_drift(struct request *req, void *room)
{
	const struct admin *a = room;
	struct list_params p;
	__cleanup(arena_release) struct arena arena;
	__cleanup_buf struct buf out = BUF_INIT(OUT_MAX);
	arena_init(&arena, ARENA_MAX);
	if (!list_params_read(req, &p))
		return;
	struct drift d = {.limit = p.csv ? DRIFT_MAX : p.limit, .arena = &arena};
	enum err err = store_read(a->connect->store, drift_read, &d);
	struct jsonw w = jsonw(&out);
	struct csv c = csv(&out);
	if (p.csv) {
		csv_header(&c, "at,tenant,what,ours,theirs");
	} else {
		jw_obj(&w);
		jw_key(&w, "drift");
		jw_arr(&w);
	}
	for (size_t i = 0; err == OK && i < d.count; i++) {
		const struct github_drift_row *r = &d.at[i];
		char key[64];
		(void)snprintf(key, sizeof(key), "github:%s", r->account_id);
		if (p.csv) {
			csv_time(&c, r->at);
			csv_z(&c, key);
			csv_z(&c, r->what);
			csv_z(&c, r->ours);
			csv_z(&c, r->theirs);
			csv_end_row(&c);
			continue;
		}
		jw_obj(&w);
		jw_ktime(&w, "at", r->at);
		jw_kz(&w, "tenant", key);
		jw_kz(&w, "what", r->what);
		jw_kz(&w, "ours", r->ours);
		jw_kz(&w, "theirs", r->theirs);
		jw_end_obj(&w);
	}
	if (p.csv && err == OK) {
		reply_csv(req, "github-drift", &out);
		return;
	}
	if (!p.csv) {
		jw_end_arr(&w);
		jw_end_obj(&w);
	}
	reply_json_or_err(req, err, &out);
}

/* tenants.c - the admin API's tenants: list, one, its users, look it up now. */
#include "admin/admin.h"
#include "admin/params.h"
#include "admin/parts.h"
#include "admin/view.h"
#include "base/cleanup.h"

enum { JSON_MAX = 16 * 1024 * 1024, CSV_MAX = 512 * 1024 * 1024, USERS_ARENA_MAX = 256 * 1024 * 1024 };

static void cleanup_page(struct tenant_page *p)
{
	tenant_page_release(p);
}

void reply_csv(struct request *req, struct buf *text)
{
	if (text->err == OK)
		reply(req, 200, "text/csv; charset=utf-8", buf_text(text), NULL, 0);
	else
		reply_err(req, text->err);
}

void reply_json_or_err(struct request *req, enum err err, struct buf *json)
{
	if (err == OK)
		err = json->err;
	if (err == OK)
		reply_json(req, 200, json);
	else
		reply_err(req, err);
}

const struct tenant *tenant_of_path(struct request *req, const struct admin *a)
{
	struct str key;
	const struct tenant *t = NULL;
	if (segment_decode(&req->arena, req->params.part[0], &key))
		t = tenants_find(a->connect->tenants, key);
	if (!t)
		reply_problem(req, 404, "no_such_tenant", "no tenant has this clientKey", NULL, 0);
	return t;
}

static bool filter_read(struct request *req, const struct list_params *p, struct tenant_filter *ret)
{
	struct tenant_filter f = {.query = p->query, .limit = p->csv ? 0 : p->limit};
	if (!tenant_filter_by(&f, p->state)) {
		reply_problem(req, 400, "bad_request", "state: a licence state or a tenant status", NULL, 0);
		return false;
	}
	/* CSV gives all rows, whatever the page */
	if (!p->csv && !cursor_read(&req->arena, p->cursor, &f.after)) {
		reply_problem(req, 400, "bad_request", "cursor: not one of ours", NULL, 0);
		return false;
	}
	*ret = f;
	return true;
}

void admin_tenants(struct request *req, void *room)
{
	const struct connect *c = ((const struct admin *)room)->connect;
	struct list_params p;
	struct tenant_filter filter;
	__cleanup(cleanup_page) struct tenant_page page = {0};
	if (!list_params_read(req, &p) || !filter_read(req, &p, &filter))
		return;
	enum err err = tenant_list(c->tenants, c->lookups, &filter, &page);
	if (err != OK) {
		reply_err(req, err);
		return;
	}
	__cleanup_buf struct buf out = BUF_INIT(CSV_MAX);
	if (p.csv) {
		tenants_csv(&out, c->lookups, &page);
		reply_csv(req, &out);
		return;
	}
	struct jsonw w = jsonw(&out);
	tenants_view(&w, c->lookups, &page);
	reply_json_or_err(req, OK, &out);
}

/* Answers with the tenant's full view and gives the reference back. */
static void reply_tenant(struct request *req, const struct connect *c, const struct tenant *t)
{
	__cleanup_buf struct buf json = BUF_INIT(JSON_MAX);
	struct jsonw w = jsonw(&json);
	enum err err = tenant_view(&w, c->store, c->lookups, t, 0);
	tenant_unref(t);
	reply_json_or_err(req, err, &json);
}

void admin_tenant(struct request *req, void *room)
{
	const struct admin *a = room;
	const struct tenant *t = tenant_of_path(req, a);
	if (t)
		reply_tenant(req, a->connect, t);
}

/* ---- users ---- */

struct users {
	struct str client_key;
	struct arena *arena;
	struct user_row *at;
	size_t count;
};

static enum err users_read(struct store_tx *tx, void *arg)
{
	struct users *u = arg;
	return store_user_list(tx, u->client_key, u->arena, &u->at, &u->count);
}

static void users_csv(struct buf *out, const struct users *u)
{
	struct csv c = csv(out);
	csv_header(&c, "account_id,first_seen,last_seen,seat_at,active");
	for (size_t i = 0; i < u->count; i++) {
		csv_z(&c, u->at[i].account_id);
		csv_time(&c, u->at[i].first_seen);
		csv_time(&c, u->at[i].last_seen);
		csv_time(&c, u->at[i].seat_at);
		csv_bool(&c, !u->at[i].deactivated);
		csv_end_row(&c);
	}
}

/* Users come in account_id order; a page starts after the cursor's account. */
static void users_json(struct jsonw *w, const struct users *u, struct str after, size_t limit)
{
	size_t i = 0, written = 0;
	while (i < u->count && after.len > 0 && str_cmp(str_of(u->at[i].account_id), after) <= 0)
		i++;
	jw_obj(w);
	jw_key(w, "users");
	jw_arr(w);
	for (; i < u->count && written < limit; i++, written++) {
		jw_obj(w);
		jw_kz(w, "account_id", u->at[i].account_id);
		jw_ktime(w, "first_seen", u->at[i].first_seen);
		jw_ktime(w, "last_seen", u->at[i].last_seen);
		jw_ktime(w, "seat_at", u->at[i].seat_at);
		jw_kbool(w, "active", !u->at[i].deactivated);
		jw_end_obj(w);
	}
	jw_end_arr(w);
	if (i < u->count && written > 0) {
		__cleanup_buf struct buf cursor = BUF_INIT(CURSOR_TEXT_MAX);
		cursor_write(&cursor, str_of(u->at[i - 1].account_id));
		jw_kstr(w, "next", buf_text(&cursor));
	}
	jw_end_obj(w);
}

void admin_tenant_users(struct request *req, void *room)
{
	const struct admin *a = room;
	struct list_params p;
	struct str after = {0};
	if (!list_params_read(req, &p))
		return;
	if (!cursor_read(&req->arena, p.cursor, &after)) {
		reply_problem(req, 400, "bad_request", "cursor: not one of ours", NULL, 0);
		return;
	}
	const struct tenant *t = tenant_of_path(req, a);
	if (!t)
		return;
	__cleanup(arena_release) struct arena arena;
	arena_init(&arena, USERS_ARENA_MAX);
	struct users u = {.client_key = t->client_key, .arena = &arena};
	enum err err = store_read(a->connect->store, users_read, &u);
	tenant_unref(t);
	__cleanup_buf struct buf out = BUF_INIT(CSV_MAX);
	if (err == OK && p.csv) {
		users_csv(&out, &u);
		reply_csv(req, &out);
		return;
	}
	struct jsonw w = jsonw(&out);
	users_json(&w, &u, after, p.limit);
	reply_json_or_err(req, err, &out);
}

/* ---- refresh ---- */

struct refresh {
	struct request *req;
	const struct tenant *tenant;
	enum err err;        /* it could not even be asked for */
	const char *failure; /* a literal; NULL: the host answered */
};

static void refreshed(void *arg, const char *failure)
{
	struct refresh *r = arg;
	r->failure = failure;
	request_wake(r->req);
}

static void refresh_reply(struct request *req, void *room)
{
	const struct admin *a = room;
	const struct refresh *r = req->state;
	if (r->err == OK && !r->failure) {
		reply_tenant(req, a->connect, r->tenant);
		return;
	}
	tenant_unref(r->tenant);
	if (r->err != OK)
		reply_err(req, r->err);
	else
		reply_problem(req, 502, r->failure, "the tenant's site did not tell its licence", NULL, 0);
}

void admin_tenant_refresh(struct request *req, void *room)
{
	const struct admin *a = room;
	const struct tenant *t = tenant_of_path(req, a);
	if (!t)
		return;
	struct refresh *r = arena_zalloc(&req->arena, sizeof(*r));
	if (!r || t->status == TENANT_UNINSTALLED) {
		tenant_unref(t);
		if (r)
			reply_problem(req, 409, "uninstalled", "the tenant is uninstalled: its site answers no more", NULL, 0);
		else
			reply_err(req, ERR_NOMEM);
		return;
	}
	*r = (struct refresh){.req = req, .tenant = t};
	req->state = r;
	request_wait(req, refresh_reply);
	enum err err = lookups_refresh(a->connect->lookups, t, refreshed, r);
	if (err != OK) {
		r->err = err;
		request_wake(req);
	}
}

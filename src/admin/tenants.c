/* tenants.c - the admin API's tenants: list, one, look it up now. */
#include <stdio.h>

#include "admin/admin.h"
#include "admin/params.h"
#include "admin/parts.h"
#include "admin/view.h"
#include "base/cleanup.h"

enum { JSON_MAX = 16 * 1024 * 1024, CSV_MAX = 512 * 1024 * 1024, ALIASES_ARENA_MAX = 1024 * 1024 };

static void cleanup_page(struct tenant_page *p)
{
	tenant_page_release(p);
}

static bool filter_read(struct request *req, const struct list_params *p, struct tenant_filter *ret)
{
	struct tenant_filter f = {.query = p->query, .descending = p->descending, .limit = p->csv ? 0 : p->limit};
	if (p->status.len > 0 && !tenant_filter_by_status(&f, p->status)) {
		reply_problem(req, 400, "bad_request", "status: installed, enabled, disabled or uninstalled", NULL, 0);
		return false;
	}
	if (p->kind.len > 0 && !tenant_filter_by_kind(&f, p->kind)) {
		reply_problem(req, 400, "bad_request", "kind: connect, github or forge", NULL, 0);
		return false;
	}
	if (!tenant_sort_parse(p->sort, &f.sort)) {
		reply_problem(req, 400, "bad_request", "sort: a column of the list", NULL, 0);
		return false;
	}
	if (!tenant_filter_by(&f, p->state)) {
		reply_problem(req, 400, "bad_request", "state: a licence state or a tenant status", NULL, 0);
		return false;
	}
	/* CSV gives all rows, whatever the page */
	if (!p->csv && !place_read(&req->arena, p->cursor, &f.after)) {
		reply_problem(req, 400, "bad_request", CURSOR_WRONG, NULL, 0);
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
	__cleanup(arena_release) struct arena arena;
	arena_init(&arena, ALIASES_ARENA_MAX);
	enum err err = tenant_filter_also(&filter, c->store, &arena);
	if (err == OK)
		err = tenant_list(c->tenants, c->lookups, &filter, &page);
	if (err != OK) {
		reply_err(req, err);
		return;
	}
	__cleanup_buf struct buf out = BUF_INIT(CSV_MAX);
	if (p.csv) {
		tenants_csv(&out, c->lookups, &page);
		reply_csv(req, "tenants", &out);
		return;
	}
	struct jsonw w = jsonw(&out);
	tenants_view(&w, c->lookups, &page);
	reply_json_or_err(req, OK, &out);
}

/* Answers with the tenant's full view. */
static void reply_tenant(struct request *req, const struct connect *c, const struct tenant *t)
{
	size_t count = 0;
	const bool contacts = str_eqz(query_get(&req->arena, req->query, "contacts", &count), "1") && count == 1;
	__cleanup(buf_wipe) struct buf json = BUF_INIT(JSON_MAX);
	struct jsonw w = jsonw(&json);
	enum err err = tenant_view(&w, c->store, c->lookups, t, 0, contacts ? c->keyring : NULL);
	reply_json_or_err(req, err, &json);
}

void admin_tenant(struct request *req, void *room)
{
	const struct admin *a = room;
	const struct tenant *t = tenant_of_path(req, a);
	if (t)
		reply_tenant(req, a->connect, t);
}

/* ---- refresh ---- */

struct refresh {
	struct request *req;
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
		reply_tenant(req, a->connect, req->tenant);
		return;
	}
	if (r->err != OK)
		reply_err(req, r->err);
	else
		reply_problem(req, 502, r->failure, "the tenant's licence could not be looked up", NULL, 0);
}

void admin_tenant_refresh(struct request *req, void *room)
{
	const struct admin *a = room;
	const struct tenant *t = tenant_of_path(req, a);
	if (!t)
		return;
	struct refresh *r = arena_zalloc(&req->arena, sizeof(*r));
	if (!r || (t->status == TENANT_UNINSTALLED && t->kind == TENANT_CONNECT)) {
		if (r)
			reply_problem(req, 409, "uninstalled", "the tenant is uninstalled: its site answers no more", NULL, 0);
		else
			reply_err(req, ERR_NOMEM);
		return;
	}
	*r = (struct refresh){.req = req};
	req->state = r;
	request_wait(req, refresh_reply);
	enum err err = lookups_refresh(a->connect->lookups, t, refreshed, r);
	if (err != OK) {
		r->err = err;
		request_wake(req);
	}
}
